// Signing in and out, and what is shown to those whose key does not allow everything. The service must ask for keys.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { lookEverywhere, newKey, pretend, revoke, shownBy, signIn, signOut } from "./keys.mjs";
import {
    accessible,
    address,
    ask,
    assert,
    choose,
    createUser,
    downloaded,
    drag,
    fillPairs,
    hold,
    join,
    key,
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

const STRANGER = { storageState: undefined };
const PICTURE = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
);

assert.ok(key, "STORY_KEY is not set");

await story("access", async ({ open, folder }) => {
    const page = await open(STRANGER);
    const { by, times, leaks } = shownBy(page);
    const content = randomBytes(25_000_000);
    const title = (name, of = page) => of.getByRole("heading", { name, exact: true });
    const field = page.getByLabel("Key", { exact: true });

    let user = null;
    /** Looks at a view as those see it who have this key, and were here before if anybody was. */
    const everywhere = (name, text, path, arrive) => {
        const chosen = user ? [{ name: "filemanager.user", value: JSON.stringify(user) }] : [];
        return lookEverywhere(open, name, [{ name: "filemanager.key", value: text }, ...chosen], path, arrive);
    };
    /** Somebody of another tenant signs in and out again, as far as the page is told, and then who was here before. */
    const visited = async (meanwhile = () => undefined) => {
        await pretend(page, { tenant: "another" });
        await signIn(page, key);
        await title("Who are you?").waitFor();
        await page.getByTestId("upload").first().waitFor({ state: "hidden" });
        await meanwhile();
        await page.getByRole("button", { name: "Sign out" }).click();
        await title("Sign in").waitFor();
        await pretend(page, null);
        await signIn(page, key);
        await page.getByRole("button", { name: "Ada" }).click();
    };

    await step("strangers see nothing but where to sign in", async () => {
        await title("Sign in").waitFor();
        await accessible(page, "sign in");
        assert.equal(await page.getByRole("navigation").count(), 0);
        await page.getByRole("button", { name: /Colour scheme/ }).waitFor();
        assert.ok(await field.evaluate((input) => input === document.activeElement && input.type === "password"));
        await page.getByRole("button", { name: "Show the key" }).click();
        assert.equal(await field.getAttribute("type"), "text");
        await page.getByRole("button", { name: "Show the key" }).click();
        await page.goto(new URL("files/", address).href);
        await title("Sign in").waitFor();
    });

    await step("a wrong key is told at the field", async () => {
        await field.press("Enter");
        await page.getByText("Enter your key.").waitFor();
        const token = (await ask("POST", "/file/upload/token", { max_size: 1 })).token;
        for (const wrong of [`${key.slice(0, -1)}?`, "ключ", "fmk_", token]) {
            await field.fill(wrong);
            await field.press("Enter");
            await page.getByRole("alert").filter({ hasText: "This key does not work." }).waitFor();
            assert.ok(await field.evaluate((input) => input === document.activeElement));
            assert.equal(await field.inputValue(), wrong);
            await field.fill("");
            await field.press("Enter");
            await page.getByText("Enter your key.").waitFor();
        }
        await signIn(page, "fmk_wrong");
        await page.getByText("This key does not work.").waitFor();
        assert.ok(await field.evaluate((input) => input === document.activeElement));
        await accessible(page, "wrong key");
        await page.screenshot({ path: join(screenshots, "wrong-key.png") });
    });

    await step("with a good one everything is there, for this tab", async () => {
        await page.goto(address);
        await signIn(page, ` ${key} `);
        await title("Who are you?").waitFor();
        assert.ok(await page.evaluate(() => document.activeElement.id === "content"));
        await page.reload();
        await title("Who are you?").waitFor();
        await accessible(page, "signed in");
        await createUser(page, "Ada");
        assert.equal(await page.evaluate(() => localStorage.getItem("filemanager.key")), null);
        user = JSON.parse(await page.evaluate(() => localStorage.getItem("filemanager.user")));
        await openAppointment(page, "Keys");
    });

    await step("uploads show a token of their own, one for all of a kind", async () => {
        let tokens = 0;
        page.on("request", (request) => (tokens += request.url().endsWith("/upload/token") ? 1 : 0));
        await choose(
            page,
            await written(folder, "public.zip", content),
            ...(await Promise.all(["one.txt", "two.txt"].map((name) => written(folder, name, name)))),
            await written(folder, "picture.png", PICTURE),
        );
        await waitFor(page, "ready", 4);
        for (const what of ["POST init", "PUT chunk", "POST complete"]) assert.deepEqual(by(what), ["token"]);
        assert.deepEqual(by("POST token"), ["key"]);
        assert.equal(tokens, 3);
    });

    await step("public files are seen and downloaded", async () => {
        const picture = await openFile(page, "picture.png");
        await page.waitForFunction((image) => image.naturalWidth === 1, await picture.locator("img").elementHandle());
        await page.keyboard.press("Escape");
        await (await openFile(page, "one.txt")).getByText("one.txt").nth(1).waitFor();
        await page.keyboard.press("Escape");
        await openFile(page, "public.zip");
        assert.ok(content.equals(await readFile((await downloaded(page)).path)));
        await page.keyboard.press("Escape");
    });

    await step("private ones too, with their credential", async () => {
        await page.getByRole("switch", { name: "Private" }).click();
        const dialog = page.getByRole("dialog");
        await fillPairs(dialog, ["page_id", "100"]);
        await dialog.getByRole("button", { name: "Use for the next files" }).click();
        await choose(
            page,
            await written(folder, "secret.zip", content),
            await written(folder, "secret.png", PICTURE),
            await written(folder, "secret.txt", "nobody knows"),
        );
        await waitFor(page, "ready", 7);
        const picture = await openFile(page, "secret.png");
        await picture.locator("img[src^=blob]").waitFor();
        await page.keyboard.press("Escape");
        await (await openFile(page, "secret.txt")).getByText("nobody knows").waitFor();
        await page.keyboard.press("Escape");
        await openFile(page, "secret.zip");
        assert.ok(content.equals(await readFile((await downloaded(page)).path)));
        await page.keyboard.press("Escape");
    });

    await step("all tabs follow when somebody signs out, and in", async () => {
        const [other, away] = [await page.context().newPage(), await page.context().newPage()];
        for (const view of [other, away]) watch(view);
        await away.goto(address);
        await signIn(away, key);
        await title("Appointments", away).waitFor();
        await away.goto("about:blank");
        await other.goto(page.url());
        // What one tab keeps, another one does not know.
        await title("Sign in", other).waitFor();
        await signIn(other, key, { stays: true });
        await title("Keys", other).waitFor();
        const secret = await openFile(other, "secret.txt");
        await secret.getByText("This file is private").waitFor();
        await other.keyboard.press("Escape");
        await signOut(other);
        await page.bringToFront();
        await title("Sign in").waitFor();
        // One that was elsewhere heard nothing.
        await away.goBack();
        await title("Sign in", away).waitFor();
        await away.close();
        const kept = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
        assert.ok(!kept.includes("filemanager.key") && !kept.includes("filemanager.user"), kept.join());
        await accessible(page, "signed out");
        assert.equal(await page.getByTestId("upload").count(), 0);
        await signIn(page, key, { stays: true });
        await title("Who are you?").waitFor();
        await title("Who are you?", other).waitFor();
        await other.close();
        await page.getByRole("button", { name: "Ada" }).click();
        // One is where one was.
        await title("Keys").waitFor();
        // Who comes after somebody else knows none of their credentials.
        await (await openFile(page, "secret.txt")).getByText("This file is private").waitFor();
        await page.keyboard.press("Escape");
        await signOut(page);
    });

    await step("a key that may only read says so where one would upload or delete", async () => {
        const reader = await newKey("files:read,users");
        await signIn(page, reader.key);
        await page.getByRole("button", { name: "Ada" }).click();
        await page.getByRole("link", { name: "All files" }).click();
        const files = page.getByRole("region", { name: "Add files" });
        const words = "Your key does not allow uploads.";
        await files.getByText(words).waitFor();
        assert.equal(await files.getByRole("button").count(), 0);
        await page.getByTestId("file").nth(6).waitFor();
        const overlay = page.locator("[aria-hidden=true]").getByText(words);
        const letGo = await drag(page, overlay, await written(folder, "late.txt", "late"));
        await letGo();
        await page.getByRole("listitem").filter({ hasText: words }).waitFor();
        const dialog = await openFile(page, "picture.png");
        await dialog.getByText("Your key does not allow to delete files.").waitFor();
        assert.equal(await dialog.getByRole("button", { name: "Delete file" }).count(), 0);
        await dialog.getByRole("link", { name: "Download" }).waitFor();
        await page.keyboard.press("Escape");
        await everywhere("reader", reader.key, "files/", async (view) => {
            await view.getByText(words).waitFor();
            await view.getByTestId("file").nth(6).waitFor();
        });
        await everywhere("reader-file", reader.key, "files/", async (view) => {
            await openFile(view, "picture.png");
            await view.getByText("Your key does not allow to delete files.").waitFor();
        });
        await signOut(page);
    });

    await step("a key without users, and one without files, say so instead of a list", async () => {
        const [files, users] = [await newKey("files:read"), await newKey("files:write,users")];
        await signIn(page, files.key);
        await title("Your key does not allow to see users").waitFor();
        await accessible(page, "no users");
        await page.screenshot({ path: join(screenshots, "no-users.png") });
        await page.getByRole("button", { name: "Use another key" }).click();
        await title("Sign in").waitFor();
        await everywhere("no-appointments", files.key, "", (view) =>
            title("Your key does not allow to see appointments", view).waitFor(),
        );
        await everywhere("no-files", users.key, "files/", (view) =>
            title("Your key does not allow to see files", view).waitFor(),
        );
        await signIn(page, users.key);
        await page.getByRole("button", { name: "Ada" }).click();
        await page.getByRole("link", { name: "All files" }).click();
        // The token tells when it is ready, though the key may not read.
        await choose(page, await written(folder, "blind.txt", "blind"));
        await waitFor(page, "ready");
        assert.equal(await page.getByRole("button", { name: "Open blind.txt" }).count(), 0);
        await signOut(page);
    });

    await step("what is refused all the same is told as not allowed", async () => {
        const reader = await newKey("files:read,users");
        await pretend(page, { scopes: ["files:read", "files:write", "files:delete", "users"] });
        await signIn(page, reader.key);
        await page.getByRole("button", { name: "Ada" }).click();
        await page.getByRole("link", { name: "All files" }).click();
        await choose(page, join(folder, "late.txt"));
        await uploads(page, "refused").getByText("Your key does not allow this.").waitFor();
        await page.getByRole("button", { name: "Cancel late.txt" }).click();
        await (await openFile(page, "two.txt")).getByRole("button", { name: "Delete file" }).click();
        await page.getByRole("listitem").filter({ hasText: "Your key does not allow this." }).waitFor();
        await openFile(page, "two.txt");
        await page.keyboard.press("Escape");
        await pretend(page, null);
        await page.route("**/file/all?*", (route) =>
            route.continue({
                url: route
                    .request()
                    .url()
                    .replace(/file.*/, "keys"),
            }),
        );
        await page.reload();
        await title("Your key does not allow to see this").waitFor();
        await page.unroute("**/file/all?*");
        await signOut(page);
    });

    await step("a limit is told in the service's words", async () => {
        await signIn(page, key);
        await page.getByRole("button", { name: "Ada" }).click();
        await page.getByRole("link", { name: "All files" }).click();
        const limited = (status, message) =>
            page.route("**/upload/init", (route) =>
                route.fulfill({
                    status,
                    headers: { "retry-after": "60" },
                    json: { errors: [], message, success: false },
                }),
            );
        await limited(413, "A file may have at most 3 bytes.");
        await choose(page, join(folder, "late.txt"));
        await uploads(page, "refused").getByText("A file may have at most 3 bytes.").waitFor();
        await page.unroute("**/upload/init");
        await limited(429, "There may be at most 2 uploads at a time.");
        await page.getByRole("button", { name: "Try late.txt again" }).click();
        await uploads(page, "retrying").getByText("There may be at most 2 uploads at a time.").waitFor();
        await page.unroute("**/upload/init");
        await page.getByRole("button", { name: "Try late.txt again" }).click();
        await waitFor(page, "ready");
        await signOut(page);
    });

    await step("a tab whose own key is revoked goes on with the one that stays on the device", async () => {
        const doomed = await newKey("files:read,users");
        await signIn(page, doomed.key);
        await page.getByRole("button", { name: "Ada" }).click();
        await page.getByRole("link", { name: "All files" }).click();
        await page.getByRole("region", { name: "Add files" }).getByText("Your key does not allow uploads.").waitFor();
        const other = await page.context().newPage();
        watch(other);
        await other.goto(address);
        await signIn(other, key, { stays: true });
        await title("Appointments", other).waitFor();
        await revoke(doomed);
        await page.getByRole("button", { name: "Open two.txt" }).click();
        await page.getByRole("button", { name: "Upload files" }).waitFor();
        assert.equal(await page.getByRole("dialog").count(), 0);
        await other.close();
        await signOut(page);
    });

    await step("a key is revoked in mid-work: uploads wait, and go on once one has signed in again", async () => {
        const doomed = await newKey("files:read,files:write,users");
        await signIn(page, doomed.key, { stays: true });
        await page.getByRole("button", { name: "Ada" }).click();
        await page.getByRole("link", { name: "All files" }).click();
        const chunk = await hold(page, 1);
        await choose(page, await written(folder, "waiting.zip", content));
        await chunk.first;
        await revoke(doomed);
        await page.getByRole("button", { name: "Open two.txt" }).click();
        await title("Sign in").waitFor();
        await page.getByText("Your key no longer works").waitFor();
        await uploads(page, "signedOut").getByText("It goes on by itself once you have signed in.").waitFor();
        assert.equal(await page.getByRole("dialog").count(), 0);
        await page.waitForFunction((input) => input === document.activeElement, await field.elementHandle());
        await accessible(page, "revoked");
        await page.screenshot({ path: join(screenshots, "revoked.png") });
        await everywhere("sign-in", doomed.key, "", (view) => view.getByText("Your key no longer works").waitFor());
        await chunk.release();
        await signIn(page, key);
        await title("All files").waitFor();
        await waitFor(page, "ready");
        await openFile(page, "waiting.zip");
        assert.ok(content.equals(await readFile((await downloaded(page)).path)));
        await page.keyboard.press("Escape");
        assert.deepEqual(by("PUT chunk").sort(), ["key", "token"]);
    });

    await step("what is under way is neither seen nor ended by another tenant", async () => {
        const chunk = await hold(page, 1);
        await choose(page, await written(folder, "mine.zip", content));
        await chunk.first;
        await signOut(page);
        await chunk.release();
        await uploads(page, "signedOut").waitFor();
        const begun = times("POST init");
        await visited();
        await waitFor(page, "ready");
        assert.equal(times("POST init"), begun);
    });

    await step("after a reload an upload goes on with the key, whoever was here meanwhile", async () => {
        const chunk = await hold(page, 1);
        await choose(page, await written(folder, "again.zip", content));
        await chunk.first;
        await page.reload();
        await chunk.release();
        await waitFor(page, "interrupted");
        await signOut(page);
        await visited(async () => {
            const asked = times("GET upload");
            await Promise.all([page.waitForResponse("**/usage"), page.reload()]);
            await title("Who are you?").waitFor();
            await lookedAround(page);
            assert.deepEqual([times("GET upload"), await page.getByTestId("upload").count()], [asked, 0]);
        });
        await page.getByLabel("Choose the file again.zip again").setInputFiles(join(folder, "again.zip"));
        await waitFor(page, "ready");
        await page.getByRole("button", { name: "You are Ada" }).click();
        await accessible(page, "user menu");
        await page.screenshot({ path: join(screenshots, "user-menu.png") });
        assert.deepEqual(leaks, []);
    });
});
