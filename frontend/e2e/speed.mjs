// How long the page takes to upload a file, and the longest task of its main thread meanwhile, as JSON. Arguments: the
// page's address, a folder for screenshots, and the file.
import { choose, createUser, data as file, step, story, waitFor } from "./support.mjs";

await story("speed", async ({ open }) => {
    const page = await open();
    await createUser(page, "Ada");
    await page.getByRole("link", { name: "All files" }).click();
    await page.getByText("No files yet").waitFor();
    await page.evaluate(() => {
        globalThis.longest = 0;
        new PerformanceObserver((list) => {
            for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
        }).observe({ type: "longtask" });
    });
    let seconds;
    await step("the file is ready", async () => {
        const begun = performance.now();
        await choose(page, file);
        await waitFor(page, "ready");
        seconds = (performance.now() - begun) / 1000;
    });
    const milliseconds = await page.evaluate(() => globalThis.longest);
    console.log(JSON.stringify({ seconds, milliseconds }));
});
