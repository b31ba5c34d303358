// What the stories in headless Chromium share. Each is run with the page's address, the folder for screenshots, and,
// where the service keeps its data in a folder, that one. Where the service asks for keys, STORY_KEY is one that may do
// everything. It prints a line for each step, and ends with 1 and the reason when one fails.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";

export const [address, screenshots, data] = process.argv.slice(2);
export const key = process.env.STORY_KEY ?? null;
const axe = createRequire(import.meta.url).resolve("axe-core");
/** What browsers take for another machine, which they trust less without TLS. */
export const elsewhere = Object.assign(new URL(address), { hostname: "elsewhere" }).href;
const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    `--host-resolver-rules=MAP elsewhere ${new URL(address).hostname}`,
];
const LONG = 60_000;

/** What the page asked of other hosts, and what it complained of. */
const seen = { foreign: [], errors: [] };

/** Runs a story with a browser and a folder of its own. */
export async function story(name, tell) {
    const folder = await mkdtemp(join(tmpdir(), "story-"));
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
    try {
        await tell({ browser, folder, open: (options, at) => open(browser, options, at) });
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

/** What a browser remembers that somebody has signed in with, if that is needed. */
function signedIn(at) {
    if (!key) return {};
    const localStorage = [{ name: "filemanager.key", value: key }];
    return { storageState: { cookies: [], origins: [{ origin: new URL(at).origin, localStorage }] } };
}

async function open(browser, options = {}, at = address) {
    // What moves is looked at when it stands still.
    const still = { viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...signedIn(at) };
    const context = await browser.newContext({ ...still, ...options });
    const page = await context.newPage();
    watch(page, at);
    await page.goto(at);
    return page;
}

export function watch(page, at = address) {
    page.on("pageerror", (error) => seen.errors.push(String(error)));
    page.on("request", (request) => {
        // The viewer of PDFs is a part of the browser, and asks the browser for its own parts.
        const goesOut = /^(https?|wss?):/.test(request.url());
        if (goesOut && !request.url().startsWith(at)) seen.foreign.push(request.url());
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

/** The page has looked at what other visits and tabs left: questions to the database and for locks have their turns. */
export async function lookedAround(page) {
    await page.evaluate(async () => {
        const done = (request) => new Promise((resolve) => (request.onsuccess = resolve));
        const opening = indexedDB.open("filemanager");
        await done(opening);
        await done(opening.result.transaction("uploads").objectStore("uploads").getAll());
        opening.result.close();
        await navigator.locks.request("story", () => undefined);
    });
}

/** Chooses files, as one does in the system's dialog. */
export async function choose(page, ...files) {
    await page.getByTestId("files").setInputFiles(files);
}

/** Drags files or folders of the disk to the middle of the page, until it says so; what is returned lets go of them. */
export async function drag(page, told, ...files) {
    const session = await page.context().newCDPSession(page);
    const where = { x: 640, y: 400, data: { items: [], files, dragOperationsMask: 1 } };
    const send = (type, place) => session.send("Input.dispatchDragEvent", { type, ...where, ...place });
    await send("dragEnter");
    // A hand is never still, and what is under it may go while the page is being drawn.
    for (const end = performance.now() + LONG; !(await told.isVisible()); await send("dragOver")) {
        assert.ok(performance.now() < end, "the page does not notice");
    }
    // Over something else than before.
    return () => send("drop", { x: 640, y: 20 });
}

/** Drops files or folders of the disk on the page. */
export async function drop(page, ...files) {
    const letGo = await drag(page, page.getByText("Drop to upload to"), ...files);
    await letGo();
}

/** Holds a chunk back until told to let it go. */
export async function hold(page, chunk) {
    const held = [];
    let arrived;
    const first = new Promise((resolve) => (arrived = resolve));
    await page.route(`**/chunk/${chunk}`, (route) => {
        held.push(route);
        arrived();
    });
    const release = async () => {
        await page.unroute(`**/chunk/${chunk}`);
        await Promise.all(held.map((route) => route.continue().catch(() => undefined)));
    };
    return { first, release };
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
    // The link of a private file may lead to the store. That is for the browser to follow, and not for the page.
    seen.foreign = seen.foreign.filter((url) => url !== download.url());
    return { name: download.suggestedFilename(), path: await download.path() };
}

/** Gives the fields of a credential. */
export async function fillPairs(form, ...pairs) {
    for (const [index, [name, value]] of pairs.entries()) {
        if (index > 0) await form.getByRole("button", { name: "Add a field" }).click();
        await form.getByLabel(`Field ${index + 1}, name`).fill(name);
        await form.getByLabel(`Field ${index + 1}, value`).fill(value);
    }
}

export async function written(folder, name, content) {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
}

/** What the service itself answers. */
export function answerTo(method, path, body) {
    const headers = {
        ...(key && { authorization: `Bearer ${key}` }),
        ...(body && { "content-type": "application/json" }),
    };
    return fetch(`${address}api/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

/** Asks the service itself. */
export async function ask(method, path, body) {
    const response = await answerTo(method, path, body);
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
