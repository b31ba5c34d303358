// The page as a person uses it, in headless Chromium. Arguments: the page's address, and the folder for screenshots.
// Prints a line for each step; ends with 1 and the reason when one fails.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, screenshots] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core");
const folder = await mkdtemp(join(tmpdir(), "story-"));
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
const NAME = "Ünïcode 語 <b>bold & name.txt";

/** What the page loaded, and what it complained of. */
const seen = { scripts: 0, foreign: [], errors: [] };

async function open(options = {}) {
    // What moves is looked at when it stands still.
    const still = { viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" };
    const context = await browser.newContext({ ...still, ...options });
    const page = await context.newPage();
    page.on("pageerror", (error) => seen.errors.push(String(error)));
    page.on("request", (request) => {
        if (!request.url().startsWith(address) && !request.url().startsWith("blob:")) seen.foreign.push(request.url());
    });
    await page.goto(address);
    return page;
}

async function step(name, work) {
    await work();
    console.log(`ok: ${name}`);
}

/** WCAG 2.2 A and AA, as far as a program can tell. */
async function accessible(page, view) {
    await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished)));
    await page.addScriptTag({ path: axe });
    const found = await page.evaluate(() =>
        globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
    );
    const problems = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(problems, [], view);
}

/** No view is wider than the screen. */
async function fits(page, view) {
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= screen, `${view} is ${content} px wide on ${screen}`);
}

async function waitFor(page, phase, count = 1) {
    await page
        .locator(`[data-testid=upload][data-phase=${phase}]`)
        .nth(count - 1)
        .waitFor({ timeout: 60_000 });
}

async function choose(page, ...files) {
    await page.getByRole("region", { name: "Add files" }).locator("input").setInputFiles(files);
}

const page = await open();
try {
    await step("the scripts of the first load are under 200 kB", async () => {
        const sizes = await page.evaluate(() =>
            performance
                .getEntriesByType("resource")
                .filter(({ name }) => name.endsWith(".js"))
                .map(({ encodedBodySize }) => encodedBodySize),
        );
        seen.scripts = sizes.reduce((sum, size) => sum + size, 0);
        assert.ok(seen.scripts > 50_000 && seen.scripts < 200_000, `${seen.scripts} bytes`);
    });

    await step("a user is created", async () => {
        await page.getByRole("heading", { name: "Who are you?" }).waitFor();
        await accessible(page, "users");
        await page.getByLabel("New user").fill("   ");
        await page.getByRole("button", { name: "Create user" }).click();
        await page.getByText("Give a name.").waitFor();
        await page.getByLabel("New user").fill("Ada <i>Lovelace</i>");
        await page.keyboard.press("Enter");
        await page.getByRole("heading", { name: "Appointments", exact: true }).waitFor();
        await accessible(page, "appointments");
    });

    await step("an appointment is created and found", async () => {
        await page.getByLabel("New appointment").fill("Check-up in May");
        await page.getByRole("button", { name: "Create appointment" }).click();
        await page.getByRole("link", { name: /Check-up in May/ }).waitFor();
        await page.getByLabel("Search appointments").fill("nowhere");
        await page.getByText("No appointment matches “nowhere”").waitFor();
        await page.getByLabel("Search appointments").fill("MAY");
        await page.getByRole("link", { name: /Check-up in May/ }).click();
        await page.getByRole("heading", { name: "Files of this appointment" }).waitFor();
        await page.getByText("No files yet").waitFor();
        await accessible(page, "appointment");
    });

    const content = randomBytes(25_000_000);
    await step("files go up and are the same when they come down", async () => {
        await writeFile(join(folder, NAME), content);
        await writeFile(join(folder, "empty.txt"), "");
        await choose(page, join(folder, NAME), join(folder, "empty.txt"));
        await waitFor(page, "ready", 2);
        await page.locator("[data-testid=file]").nth(1).waitFor();
        await page.screenshot({ path: join(screenshots, "appointment.png") });
        const link = await page.getByRole("link", { name: NAME }).getAttribute("href");
        const sent = await page.request.get(link);
        assert.ok(content.equals(await sent.body()), "the file came back with other bytes");
        await accessible(page, "files and uploads");
    });

    await step("what cannot go up is told in words", async () => {
        for (const [name, words] of [
            ["program.exe", "Files of this kind are not accepted."],
            ["without-extension", "The name has no ending"],
        ]) {
            await writeFile(join(folder, name), "x");
            await choose(page, join(folder, name));
            await page.getByText(words).waitFor();
        }
        await accessible(page, "refused uploads");
    });

    await step("an upload is paused, outlives a reload, and goes on", async () => {
        await page.getByRole("button", { name: "Clear those that are ready" }).click();
        await page.route("**/chunk/1", () => {});
        await writeFile(join(folder, "long.bin.zip"), content);
        const safe = ["/chunk/0", "/chunk/2"].map((end) =>
            page.waitForResponse((answer) => answer.url().endsWith(end)),
        );
        await choose(page, join(folder, "long.bin.zip"));
        await Promise.all(safe);
        await page.getByRole("button", { name: "Pause long.bin.zip" }).click();
        await waitFor(page, "paused");
        await page.unroute("**/chunk/1");
        await page.reload();
        await waitFor(page, "interrupted");
        let chunks = 0;
        page.on("request", (request) => (chunks += request.url().includes("/chunk/") ? 1 : 0));
        const again = page.getByLabel("Choose the file long.bin.zip again");
        await again.setInputFiles(join(folder, NAME));
        await page.getByText("That is another file.").waitFor();
        await page.getByLabel("Choose the file long.bin.zip again").setInputFiles(join(folder, "long.bin.zip"));
        await waitFor(page, "ready");
        assert.equal(chunks, 1, "chunks that were safe were sent again");
    });

    await step("the page fits a phone, in the dark too", async () => {
        const state = await page.context().storageState();
        const phone = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark", storageState: state });
        await phone.getByRole("link", { name: "All files" }).click();
        await phone.locator("[data-testid=file]").nth(2).waitFor();
        await fits(phone, "files");
        await accessible(phone, "files on a phone");
        await phone.screenshot({ path: join(screenshots, "files-phone.png") });
    });

    await step("a user who was deleted elsewhere is told so", async () => {
        const { id } = JSON.parse(await page.evaluate(() => localStorage.getItem("filemanager.user")));
        assert.equal((await page.request.delete(`${address}api/v1/users/${id}`)).status(), 200);
        await page.goto(address);
        await page.getByRole("heading", { name: "This user is gone" }).waitFor();
        await page.getByRole("button", { name: "Choose a user" }).click();
        await page.getByRole("heading", { name: "Who are you?" }).waitFor();
    });

    await step("nothing was asked of another host, and no script broke", async () => {
        assert.deepEqual(seen.foreign, []);
        assert.deepEqual(seen.errors, []);
        assert.ok((await readFile(join(screenshots, "appointment.png"))).length > 0);
    });
} catch (error) {
    await page.screenshot({ path: join(screenshots, "failed.png") });
    console.error(error);
    process.exitCode = 1;
} finally {
    await browser.close();
    await rm(folder, { recursive: true });
}
