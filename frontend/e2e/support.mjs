// What the stories in headless Chromium share. Each is run with the page's address, the folder for screenshots, and,
// where the service keeps its data in a folder, that one. It prints a line for each step, and ends with 1 and the
// reason when one fails.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";

export const [address, screenshots, data] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core");
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];
const LONG = 60_000;

/** What the page asked of other hosts, and what it complained of. */
const seen = { foreign: [], errors: [] };

/** Runs a story with a browser and a folder of its own. */
export async function story(name, tell) {
    const folder = await mkdtemp(join(tmpdir(), "story-"));
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
    try {
        await tell({ browser, folder, open: (options) => open(browser, options) });
        assert.deepEqual(seen.foreign, [], "another host was asked");
        assert.deepEqual(seen.errors, [], "a script broke");
    } catch (error) {
        const pages = browser.contexts().flatMap((context) => context.pages());
        await pages.at(-1)?.screenshot({ path: join(screenshots, `${name}-failed.png`) });
        console.error(error);
        process.exitCode = 1;
    } finally {
        await browser.close();
        await rm(folder, { recursive: true });
    }
}

async function open(browser, options = {}) {
    // What moves is looked at when it stands still.
    const still = { viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" };
    const context = await browser.newContext({ ...still, ...options });
    const page = await context.newPage();
    watch(page);
    await page.goto(address);
    return page;
}

export function watch(page) {
    page.on("pageerror", (error) => seen.errors.push(String(error)));
    page.on("request", (request) => {
        // The viewer of PDFs is a part of the browser, and asks the browser for its own parts.
        const goesOut = /^(https?|wss?):/.test(request.url());
        if (goesOut && !request.url().startsWith(address)) seen.foreign.push(request.url());
    });
}

export async function step(name, work) {
    const begun = performance.now();
    await work();
    console.log(`ok: ${name} (${Math.round(performance.now() - begun)} ms)`);
}

/** WCAG 2.2 A and AA, as far as a program can tell. */
export async function accessible(page, view) {
    // One that is broken off, because its element goes, has ended too.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
    await page.addScriptTag({ path: axe });
    const found = await page.evaluate(() =>
        globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
    );
    const problems = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(problems, [], view);
}

/** No view is wider than the screen. */
export async function fits(page, view) {
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= screen, `${view} is ${content} px wide on ${screen}`);
}

/** The uploads of the panel that are in this phase. */
export function uploads(page, phase) {
    return page.locator(`[data-testid=upload][data-phase=${phase}]`);
}

export async function waitFor(page, phase, count = 1) {
    await uploads(page, phase)
        .nth(count - 1)
        .waitFor({ timeout: LONG });
}

/** Chooses files, as one does in the system's dialog. */
export async function choose(page, ...files) {
    await page.getByTestId("files").setInputFiles(files);
}

/** Drops files or folders of the disk into the middle of the page. */
export async function drop(page, ...files) {
    const session = await page.context().newCDPSession(page);
    const where = { x: 640, y: 400, data: { items: [], files, dragOperationsMask: 1 } };
    for (const type of ["dragEnter", "dragOver"]) await session.send("Input.dispatchDragEvent", { type, ...where });
    await page.getByText("Drop to upload to").waitFor();
    await session.send("Input.dispatchDragEvent", { type: "drop", ...where });
}

export async function createUser(page, name) {
    await page.getByLabel("New user").fill(name);
    await page.getByRole("button", { name: "Create user" }).click();
    await page.getByRole("heading", { name: "Appointments", exact: true }).waitFor();
}

export async function openAppointment(page, name) {
    await page.getByLabel("New appointment").fill(name);
    await page.getByRole("button", { name: "Create appointment" }).click();
    await page.getByRole("link", { name }).click();
    await page.getByRole("heading", { name }).waitFor();
}

/** Opens a file of the list by its name. */
export async function openFile(page, name) {
    await page
        .getByRole("list", { name: "Files" })
        .getByRole("button", { name: `Open ${name}`, exact: true })
        .click();
    return page.getByRole("dialog");
}

/** What the button in the file's dialog downloads. */
export async function downloaded(page) {
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("dialog").getByRole("link", { name: "Download" }).click(),
    ]);
    return { name: download.suggestedFilename(), path: await download.path() };
}

export async function written(folder, name, content) {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
}

/** Asks the service itself. */
export async function ask(method, path, body) {
    const request = {
        method,
        ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    };
    const response = await fetch(`${address}api/v1${path}`, request);
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return (await response.json()).data;
}

export async function chosenUser(page) {
    return JSON.parse(await page.evaluate(() => localStorage.getItem("filemanager.user"))).id;
}

/** The id of the appointment before the person's eyes. */
export function appointmentOf(page) {
    return new URL(page.url()).searchParams.get("id");
}

export { assert, basename, join };
