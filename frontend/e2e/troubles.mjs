// What goes wrong on real machines: each is told in words that help, and nothing is lost.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import {
    accessible,
    appointmentOf,
    ask,
    assert,
    choose,
    chosenUser,
    createUser,
    data,
    downloaded,
    drop,
    elsewhere,
    hold,
    join,
    lookedAround,
    openAppointment,
    openFile,
    screenshots,
    step,
    story,
    uploads,
    waitFor,
    watch,
    written,
} from "./support.mjs";

/** Fewer where several servers share the machine. */
const MANY = data ? 1000 : 100;
/** The requests that the page has under way at the most; browsers let six of them go to one server at a time. */
const REQUESTS = 20;

/** Drops or pastes files that are nowhere on the disk. */
async function offer(page, kind, ...files) {
    await page.evaluate(
        ([kind, files]) => {
            const transfer = new DataTransfer();
            for (const [name, content] of files) transfer.items.add(new File([content], name));
            const event =
                kind === "drop"
                    ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
                    : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
            document.body.dispatchEvent(event);
        },
        [kind, files],
    );
}

async function clear(page) {
    await page.getByRole("button", { name: "Clear ready ones" }).click();
}

/** The file of this name is the same when it comes down. */
async function same(page, name, content) {
    await openFile(page, name);
    const { path } = await downloaded(page);
    assert.ok(content.equals(await readFile(path)), `${name} came back with other bytes`);
    await page.keyboard.press("Escape");
}

/** What the panel says of an upload. */
function told(page, words) {
    return page.getByTestId("upload").getByText(words);
}

await story("troubles", async ({ open, folder }) => {
    const page = await open();
    await createUser(page, "Ada");
    await openAppointment(page, "Troubles");
    const content = randomBytes(25_000_000);

    await step("names of any script and length, or none", async () => {
        const scripts = ["é", "語", "ع", "👩‍🚀", "<b>", "\u202e"].map((letter) => {
            const stem = letter.repeat(255);
            return `${Array.from(stem).slice(0, 251).join("")}.txt`;
        });
        await offer(page, "drop", ...scripts.map((name) => [name, "x"]));
        await waitFor(page, "ready", scripts.length);
        await page
            .locator("[data-testid=file]")
            .nth(scripts.length - 1)
            .waitFor();
        const { length } = await page.evaluate(() => document.querySelectorAll("main b"));
        assert.equal(length ?? 0, 0, "a name became a part of the page");
        await accessible(page, "names");
        await offer(page, "drop", [`${"a".repeat(252)}.txt`, "x"]);
        await told(page, "The name is longer than 255 characters.").waitFor();
        await offer(page, "drop", ["", "x"]);
        await told(page, "The file has no name.").waitFor();
        await clear(page);
    });

    await step("what is pasted goes up", async () => {
        await offer(page, "paste", ["pasted.png", "no picture"]);
        await waitFor(page, "ready");
        const dialog = await openFile(page, "pasted.png");
        await dialog.getByText("The preview could not be loaded.").waitFor();
        await page.keyboard.press("Escape");
        await clear(page);
    });

    await step("the server is away for a minute in mid-upload", async () => {
        await page.clock.install();
        const chunk = await hold(page, 1);
        await choose(page, await written(folder, "away.zip", content));
        await chunk.first;
        await page.route("**/*", (route) => route.abort("connectionrefused"));
        await chunk.release();
        await page.route("**/chunk/*", (route) => route.abort("connectionrefused"));
        await waitFor(page, "retrying");
        await page.clock.runFor(60_000);
        await told(page, "The server cannot be reached. It goes on by itself").waitFor();
        await page.getByText("What you see may be out of date.").waitFor();
        await accessible(page, "server away");
        await page.unroute("**/*");
        await page.unroute("**/chunk/*");
        await page.clock.runFor(60_000);
        await page.clock.resume();
        await waitFor(page, "ready");
        await page.getByText("What you see may be out of date.").waitFor({ state: "hidden" });
        await same(page, "away.zip", content);
        await clear(page);
    });

    await step("a file that changes on the disk is not mixed up", async () => {
        const chunk = await hold(page, 1);
        const path = await written(folder, "changing.zip", content);
        await choose(page, path);
        await chunk.first;
        const changed = randomBytes(25_000_000);
        await writeFile(path, changed);
        await chunk.release();
        await told(page, "The file was changed since you chose it.").waitFor();
        await page.getByRole("button", { name: "Try changing.zip again" }).click();
        await page.getByLabel("Choose the file changing.zip again").setInputFiles(path);
        await waitFor(page, "ready");
        await same(page, "changing.zip", changed);
        await clear(page);
    });

    await step("a page that comes from elsewhere without TLS uploads too", async () => {
        const other = await open({}, elsewhere);
        assert.equal(await other.evaluate(() => isSecureContext), false);
        await createUser(other, "Grace");
        await openAppointment(other, "Without TLS");
        await choose(other, await written(folder, "plain.txt", content));
        await waitFor(other, "ready");
        await same(other, "plain.txt", content);
        await other.context().close();
    });

    await step("two tabs do not send the same upload", async () => {
        const chunk = await hold(page, 1);
        await choose(page, await written(folder, "tabs.zip", content));
        await chunk.first;
        await page.getByRole("button", { name: "Pause tabs.zip" }).click();
        await waitFor(page, "paused");
        await chunk.release();
        const other = await page.context().newPage();
        watch(other);
        await other.goto(page.url());
        await other.getByRole("heading", { name: "Troubles" }).waitFor();
        await lookedAround(other);
        assert.equal(await uploads(other, "interrupted").count(), 0);
        await page.reload();
        await waitFor(page, "interrupted");
        await other.close();
        await page.getByLabel("Choose the file tabs.zip again").setInputFiles(join(folder, "tabs.zip"));
        await waitFor(page, "ready");
        await clear(page);
    });

    await step("with a handle of the file, one click goes on after a reload", async () => {
        await page.evaluate(() => {
            globalThis.showOpenFilePicker = async () => {
                const root = await navigator.storage.getDirectory();
                const handle = await root.getFileHandle("picked.zip", { create: true });
                const writer = await handle.createWritable();
                await writer.write(new Uint8Array(25_000_000).fill(7));
                await writer.close();
                return [handle];
            };
        });
        const chunk = await hold(page, 1);
        await page.getByRole("button", { name: "Upload files" }).click();
        await chunk.first;
        await page.reload();
        await page.getByRole("button", { name: "Go on with picked.zip" }).click();
        await chunk.release();
        await waitFor(page, "ready");
        await same(page, "picked.zip", Buffer.alloc(25_000_000, 7));
        await clear(page);
    });

    await step("an upload whose appointment is deleted finds another place", async () => {
        const chunk = await hold(page, 1);
        await choose(page, await written(folder, "homeless.zip", content));
        await chunk.first;
        await ask("DELETE", `/appointments/${appointmentOf(page)}`);
        await chunk.release();
        await told(page, "The appointment was deleted meanwhile.").waitFor();
        await page.getByRole("link", { name: "All files" }).click();
        await page.getByRole("button", { name: "Put it here" }).click();
        await waitFor(page, "ready");
        await same(page, "homeless.zip", content);
        await clear(page);
    });

    if (data) {
        await step("a FAILURE has its sentence, and is mended by trying again", async () => {
            const staged = (upload) => join(data, "staging", upload);
            let broken;
            await page.route("**/upload/complete", async (route) => {
                broken = staged(route.request().postDataJSON().upload_id);
                await truncate(broken, 0);
                await route.continue();
            });
            await choose(page, await written(folder, "broken.zip", content));
            await waitFor(page, "failed");
            await told(page, "The file could not be stored.").waitFor();
            await page.unroute("**/upload/complete");
            await page.reload();
            await page.getByText("Not stored").waitFor();
            await accessible(page, "failure");
            await writeFile(broken, content);
            await page.getByRole("button", { name: "Try broken.zip again" }).click();
            await page.getByText("The file is being stored again.").waitFor();
            await page.getByText("Not stored").waitFor({ state: "hidden" });
            await same(page, "broken.zip", content);
        });
    }

    await step(`${MANY} files dropped at once neither freeze the page nor flood the server`, async () => {
        const user = await chosenUser(page);
        for (let part = 0; part < 10; part += 1) {
            const inner = join(folder, "many", `part ${part}`);
            await mkdir(inner, { recursive: true });
            for (let file = 0; file < MANY / 10; file += 1)
                await writeFile(join(inner, `${file}.txt`), `${part} ${file}`);
        }
        await page.evaluate(() => {
            globalThis.longest = 0;
            new PerformanceObserver((list) => {
                for (const { duration } of list.getEntries())
                    globalThis.longest = Math.max(globalThis.longest, duration);
            }).observe({ type: "longtask", buffered: false });
        });
        let [open, most] = [0, 0];
        page.on("request", () => (most = Math.max(most, (open += 1))));
        for (const end of ["requestfinished", "requestfailed"]) page.on(end, () => (open -= 1));
        await drop(page, join(folder, "many"));
        await page.getByRole("heading", { name: /Uploading [1-9][0-9,]* files/ }).waitFor();
        await page.screenshot({ path: join(screenshots, "many.png") });
        await page
            .getByRole("heading", { name: `${MANY.toLocaleString("en")} files ready` })
            .waitFor({ timeout: 300_000 });
        assert.ok(most <= REQUESTS, `${most} requests at once`);
        console.log(
            `the longest task took ${await page.evaluate(() => globalThis.longest)} ms, ${most} requests at once`,
        );
        const files = await ask("GET", `/file/all?user_id=${user}&limit=1000`);
        const ready = new Set(files.filter(({ status }) => status === "SUCCESS").map(({ id }) => id));
        assert.ok(ready.size >= MANY - 2, `${ready.size} are ready`);
    });
});
