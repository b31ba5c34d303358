// From nothing to a file that is downloaded again: what the README tells.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
    accessible,
    assert,
    ask,
    choose,
    chosenUser,
    createUser,
    downloaded,
    fits,
    join,
    openFile,
    screenshots,
    step,
    story,
    waitFor,
    written,
} from "./support.mjs";

const NAME = "Ünïcode 語 <b>bold & name.txt";

await story("story", async ({ open, folder }) => {
    const page = await open();

    await step("the scripts of the first load are under 200 kB", async () => {
        const sizes = await page.evaluate(() =>
            performance
                .getEntriesByType("resource")
                .filter(({ name }) => name.endsWith(".js"))
                .map(({ encodedBodySize }) => encodedBodySize),
        );
        const all = sizes.reduce((sum, size) => sum + size, 0);
        assert.ok(all > 50_000 && all < 200_000, `${all} bytes`);
        console.log(`${all} bytes of script`);
    });

    await step("a user is created by keyboard alone", async () => {
        await page.getByRole("heading", { name: "Who are you?" }).waitFor();
        await accessible(page, "users");
        await page.keyboard.press("Tab");
        assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
        await page.keyboard.press("Enter");
        await page.keyboard.press("Tab");
        await page.keyboard.type("   ");
        await page.keyboard.press("Enter");
        await page.getByText("Give a name.").waitFor();
        await page.keyboard.type("Ada <i>Lovelace</i>");
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
        await page.getByRole("heading", { name: "Check-up in May" }).waitFor();
        await page.getByText("No files yet").waitFor();
        await accessible(page, "appointment");
    });

    const content = randomBytes(25_000_000);
    await step("files go up and are the same when they come down", async () => {
        await choose(page, await written(folder, NAME, content), await written(folder, "empty.txt", ""));
        await waitFor(page, "ready", 2);
        await page.locator("[data-testid=file]").nth(1).waitFor();
        await page.screenshot({ path: join(screenshots, "appointment.png") });
        await accessible(page, "files and uploads");
        await openFile(page, NAME);
        const { path } = await downloaded(page);
        assert.ok(content.equals(await readFile(path)), "the file came back with other bytes");
        await page.keyboard.press("Escape");
        const dialog = await openFile(page, "empty.txt");
        await dialog.getByText("The file is empty.").waitFor();
        assert.equal((await readFile((await downloaded(page)).path)).length, 0);
        await page.keyboard.press("Escape");
    });

    await step("what cannot go up is told in words", async () => {
        await choose(page, await written(folder, "program.exe", "x"));
        await page.getByTitle("Files of this kind are not accepted.").waitFor();
        await choose(page, await written(folder, "without-extension", "x"));
        await page.getByText("The name has no ending").first().waitFor();
        await accessible(page, "refused uploads");
    });

    await step("an upload is paused, outlives a reload, and goes on", async () => {
        await page.getByRole("button", { name: "Clear ready ones" }).click();
        await page.route("**/chunk/1", () => {});
        const long = await written(folder, "long.bin.zip", content);
        const safe = ["/chunk/0", "/chunk/2"].map((end) =>
            page.waitForResponse((answer) => answer.url().endsWith(end)),
        );
        await choose(page, long);
        await Promise.all(safe);
        await page.getByRole("button", { name: "Pause long.bin.zip" }).click();
        await waitFor(page, "paused");
        await page.unroute("**/chunk/1");
        let asked;
        page.once("dialog", (dialog) => {
            asked = dialog.type();
            return dialog.accept();
        });
        await page.reload();
        assert.equal(asked, "beforeunload", "the page was left without a question");
        await waitFor(page, "interrupted");
        let chunks = 0;
        page.on("request", (request) => (chunks += request.url().includes("/chunk/") ? 1 : 0));
        const again = page.getByLabel("Choose the file long.bin.zip again");
        await again.setInputFiles(join(folder, NAME));
        await page.getByText("That is another file.").waitFor();
        await again.setInputFiles(long);
        await waitFor(page, "ready");
        assert.equal(chunks, 1, "chunks that were safe were sent again");
    });

    await step("every view fits a phone and a desk, by day and by night", async () => {
        const state = await page.context().storageState();
        const appointment = page.url();
        for (const [width, height] of [
            [360, 740],
            [1280, 800],
        ]) {
            for (const colorScheme of ["light", "dark"]) {
                const view = await open({ viewport: { width, height }, colorScheme, storageState: state });
                const shot = (name) =>
                    view.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`) });
                await view.getByRole("link", { name: /Check-up in May/ }).waitFor();
                await fits(view, "appointments");
                await shot("appointments");
                await view.goto(appointment);
                await view.locator("[data-testid=file]").nth(2).waitFor();
                await fits(view, "files");
                await accessible(view, `files at ${width} px, ${colorScheme}`);
                await shot("files");
                await openFile(view, NAME);
                await view.getByRole("region", { name: `Preview of ${NAME}` }).waitFor();
                await fits(view, "file");
                await accessible(view, `file at ${width} px, ${colorScheme}`);
                await shot("file");
                await view.context().close();
            }
        }
    });

    await step("a user who was deleted elsewhere is told so", async () => {
        await ask("DELETE", `/users/${await chosenUser(page)}`);
        await page.goto(page.url().replace(/appointment.*/, "files/"));
        await page.getByRole("heading", { name: "This user is gone" }).waitFor();
        await accessible(page, "user is gone");
        await page.getByRole("button", { name: "Choose a user" }).click();
        await page.getByRole("heading", { name: "Who are you?" }).waitFor();
        await page.goto(new URL("/", page.url()).href);
        await createUser(page, "Grace");
    });

    await step("an address that leads nowhere is a page too", async () => {
        const answer = await page.goto(new URL("nowhere", page.url()).href);
        assert.equal(answer.status(), 404);
        await page.getByRole("heading", { name: "This page does not exist" }).waitFor();
        await accessible(page, "not found");
        await page.getByRole("link", { name: "To the start" }).click();
        await page.getByRole("heading", { name: "Appointments", exact: true }).waitFor();
    });
});
