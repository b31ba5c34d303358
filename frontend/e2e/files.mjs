// What can be done with files: private ones, previews, links, deleting and taking it back.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
    accessible,
    answerTo,
    appointmentOf,
    ask,
    assert,
    choose,
    chosenUser,
    createUser,
    fillPairs,
    join,
    openAppointment,
    openFile,
    screenshots,
    step,
    story,
    uploads,
    waitFor,
    written,
} from "./support.mjs";

const PDF = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj
trailer<</Root 1 0 R>>
`;

/** Films and sounds of a second, made by ffmpeg. */
function media(folder) {
    const made = (name, ...how) => execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", ...how, join(folder, name)]);
    made("film.webm", "-i", "testsrc=size=160x120:duration=1");
    made("sound.wav", "-i", "sine=duration=1");
    made("picture.png", "-i", "testsrc=size=160x120", "-frames:v", "1");
    return ["film.webm", "sound.wav", "picture.png"].map((name) => join(folder, name));
}

/** The element has drawn what it was given. */
const drawn = {
    img: (image) => image.complete && image.naturalWidth === 160,
    video: (video) => video.readyState >= 1 && video.duration > 0.5,
    audio: (audio) => audio.readyState >= 1 && audio.duration > 0.5,
};

async function shows(page, dialog, tag) {
    const element = await dialog.locator(tag).elementHandle();
    await page.waitForFunction(drawn[tag], element);
}

await story("files", async ({ open, folder }) => {
    const page = await open();
    await createUser(page, "Ada Lovelace");
    await openAppointment(page, "Check-up in May");
    const secret = randomBytes(300_000).toString("hex");
    const files = [
        ...media(folder),
        await written(folder, "paper.pdf", PDF),
        await written(folder, "page.html", "<script>document.title = 'broken in'</script>"),
        await written(folder, "things.zip", randomBytes(1000)),
    ];

    const previews = async () => {
        for (const [name, tag] of [
            ["picture.png", "img"],
            ["film.webm", "video"],
            ["sound.wav", "audio"],
        ]) {
            const dialog = await openFile(page, name);
            await shows(page, dialog, tag);
            await accessible(page, name);
            await page.keyboard.press("Escape");
        }
        const paper = await openFile(page, "paper.pdf");
        await paper.locator("iframe[src^=blob]").waitFor();
        await page.keyboard.press("Escape");
        const html = await openFile(page, "page.html");
        await html.getByText("<script>document.title").waitFor();
        assert.notEqual(await page.title(), "broken in");
        await page.keyboard.press("Escape");
        const zip = await openFile(page, "things.zip");
        await zip.getByText("There is no preview for files of this kind.").waitFor();
        await page.keyboard.press("Escape");
    };

    await step("public files show themselves", async () => {
        await choose(page, ...files);
        await waitFor(page, "ready", files.length);
        await page
            .locator("[data-testid=file]")
            .nth(files.length - 1)
            .waitFor();
        await accessible(page, "list and uploads");
        await page.getByRole("button", { name: "Show less of the uploads" }).click();
        assert.equal(await uploads(page, "ready").first().isVisible(), false);
        await accessible(page, "uploads out of the way");
        await page.screenshot({ path: join(screenshots, "readme-files.png") });
        await page.getByRole("button", { name: "Show all uploads" }).click();
        await page.getByRole("button", { name: "Clear ready ones" }).click();
        await previews();
    });

    await step("details are told, and the link of a public file is good for all", async () => {
        await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
        const dialog = await openFile(page, "picture.png");
        for (const words of ["Ready", "Public", "image/png", /crc64nvme:[0-9a-f]{16}/, /\d bytes/]) {
            await dialog.getByText(words).first().waitFor();
        }
        await shows(page, dialog, "img");
        await page.screenshot({ path: join(screenshots, "readme-file.png") });
        await dialog.getByRole("button", { name: "Copy link" }).click();
        await page.getByText("The link is copied.").waitFor();
        const link = await page.evaluate(() => navigator.clipboard.readText());
        const bytes = Buffer.from(await (await fetch(link)).arrayBuffer());
        assert.ok(bytes.equals(await readFile(join(folder, "picture.png"))));
        await page.keyboard.press("Escape");
    });

    await step("private files are uploaded with a credential", async () => {
        await page.getByRole("switch", { name: "Private" }).click();
        const dialog = page.getByRole("dialog");
        await accessible(page, "credential dialog");
        await dialog.getByRole("button", { name: "Use for the next files" }).click();
        await dialog.getByText("Give at least one field").waitFor();
        await fillPairs(dialog, ["page_id", "100"], ["Straße", "日本"]);
        await dialog.getByRole("button", { name: "Use for the next files" }).click();
        await page.getByText("Files that you add now are private, with 2 fields.").waitFor();
        await ask("DELETE", `/appointments/${appointmentOf(page)}`);
        await page.getByRole("link", { name: "Appointments", exact: true }).click();
        await openAppointment(page, "Secrets");
        await choose(page, ...files, await written(folder, "secret.txt", secret));
        await waitFor(page, "ready", files.length + 1);
        await page.getByText("Private", { exact: true }).nth(files.length).waitFor();
    });

    await step("who knows the credential sees private files as public ones", previews);

    await step("who does not is asked, and told when it is wrong", async () => {
        await page.reload();
        const dialog = await openFile(page, "secret.txt");
        await dialog.getByText("This file is private").waitFor();
        await accessible(page, "locked file");
        await fillPairs(dialog, ["page_id", "101"]);
        await page.keyboard.press("Enter");
        await dialog.getByText("These fields do not open the file.").waitFor();
        await fillPairs(dialog, ["page_id", "100"], ["Straße", "日本"]);
        await dialog.getByRole("button", { name: "Open the file" }).click();
        await dialog.getByText("Only the first 262 kB are shown.").waitFor();
        await dialog.getByRole("button", { name: "Copy link" }).click();
        await page.getByText("Whoever has it can open the file for one hour").waitFor();
        const link = await page.evaluate(() => navigator.clipboard.readText());
        assert.equal(await (await fetch(link)).text(), secret);
        await page.keyboard.press("Escape");
    });

    await step("a file is deleted, comes back, and is deleted for good", async () => {
        const row = page.getByRole("button", { name: "Open secret.txt" });
        const dialog = await openFile(page, "secret.txt");
        const id = await dialog.locator("code").last().textContent();
        await dialog.getByRole("button", { name: "Delete file" }).click();
        await row.waitFor({ state: "hidden" });
        await page.getByRole("button", { name: "Undo" }).click();
        await row.waitFor();
        const deleted = page.waitForResponse(
            (answer) => answer.url().endsWith(id) && answer.request().method() === "DELETE",
        );
        await (await openFile(page, "secret.txt")).getByRole("button", { name: "Delete file" }).click();
        await row.waitFor({ state: "hidden" });
        // On a busy machine that may take longer than there is time to undo.
        await accessible(page, "undo");
        await deleted;
        assert.equal((await answerTo("GET", `/file/get/${id}`)).status, 404);
        assert.equal(await row.count(), 0);
    });

    await step("an appointment is deleted the same way", async () => {
        const id = appointmentOf(page);
        await page.getByRole("link", { name: "All appointments" }).click();
        const row = page.getByRole("link", { name: /Secrets/ });
        await page.getByRole("button", { name: "Delete Secrets" }).click();
        await row.waitFor({ state: "hidden" });
        // The message of what was deleted before may still be on its way out.
        const told = page.getByRole("listitem").filter({ hasText: "Secrets" });
        await told.getByRole("button", { name: "Undo" }).click();
        await row.waitFor();
        await page.getByRole("button", { name: "Delete Secrets" }).click();
        await row.waitFor({ state: "hidden" });
        // Leaving the page does not wait for the time to take it back.
        await page.reload();
        const there = async () => (await answerTo("GET", `/file/appointment/${id}`)).status === 200;
        while (await there());
        await page.reload();
        await page.getByText("No appointments yet").waitFor();
    });

    await step("the colour scheme is chosen and stays", async () => {
        const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
        await page.getByRole("button", { name: "Colour scheme: Like the system" }).click();
        assert.equal(await theme(), "light");
        await page.getByRole("button", { name: "Colour scheme: Light" }).click();
        await page.reload();
        assert.equal(await theme(), "dark");
        await page.getByRole("button", { name: "Colour scheme: Dark" }).click();
        assert.equal(await theme(), undefined);
    });

    await step("a user is deleted after a question", async () => {
        const id = await chosenUser(page);
        await page.getByRole("button", { name: "You are Ada Lovelace" }).click();
        await accessible(page, "user menu");
        await page.getByRole("button", { name: "Delete user…" }).click();
        await page.getByText("This cannot be undone.").waitFor();
        await accessible(page, "delete user");
        await page.getByRole("button", { name: "Delete user and files" }).click();
        await page.getByRole("heading", { name: "Who are you?" }).waitFor();
        const left = await ask("GET", "/users?limit=1000");
        assert.ok(!left.some((user) => user.id === id));
    });
});
