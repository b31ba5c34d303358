// What stories do with keys.
import { accessible, address, ask, fits, join, screenshots } from "./support.mjs";

const SIZES = [
    [360, 740],
    [1280, 800],
];

/** A new key of the service, by its identifier and its text. */
export function newKey(scopes) {
    return ask("POST", "/keys", { name: `story: ${scopes}`, scopes });
}

export async function revoke({ id }) {
    await ask("DELETE", `/keys/${id}`);
}

export async function signIn(page, text, { stays = false } = {}) {
    await page.getByLabel("Key", { exact: true }).fill(text);
    if (stays) await page.getByRole("switch", { name: "Stay signed in" }).click();
    await page.getByRole("button", { name: "Sign in" }).click();
}

export async function signOut(page) {
    await page.getByRole("button", { name: /^You are / }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

const pretended = new WeakMap();

/** Has the page told something else of its key than the service tells, until nothing else is to be told. */
export async function pretend(page, told) {
    const known = pretended.has(page);
    pretended.set(page, told);
    // One route that stays: to take one away breaks those calls that are under way.
    if (known) return;
    await page.route("**/usage", async (route) => {
        const instead = pretended.get(page);
        if (!instead) return route.continue();
        const response = await route.fetch();
        const answer = await response.json();
        // Strangers are told nothing.
        if (response.ok()) Object.assign(answer.data, instead);
        await route.fulfill({ response, json: answer });
    });
}

/**
 * Notes how requests show who asks, by the last word of their path that is not a number or an identifier, and whatever
 * shows a key where none belongs.
 */
export function shownBy(page) {
    const shown = [];
    const leaks = [];
    page.on("request", (request) => {
        const path = new URL(request.url()).pathname.split("/").filter((word) => /^[a-z]+$/.test(word));
        const header = request.headers().authorization;
        const scheme = header?.startsWith("Bearer fmu_") ? "token" : header?.startsWith("Bearer fmk_") ? "key" : null;
        if (/fm[ku]_/.test(request.url()) || (header && !request.url().startsWith(address))) leaks.push(request.url());
        shown.push([`${request.method()} ${path.at(-1)}`, scheme]);
    });
    const by = (what) => [...new Set(shown.filter(([name]) => name === what).map(([, scheme]) => scheme))];
    const times = (what) => shown.filter(([name]) => name === what).length;
    return { by, times, leaks };
}

/** Looks at a view as those see it whose browser keeps this, on a phone and a desk, by day and by night. */
export async function lookEverywhere(open, name, localStorage, path, arrive) {
    const storageState = { cookies: [], origins: [{ origin: new URL(address).origin, localStorage }] };
    for (const [width, height] of SIZES) {
        for (const colorScheme of ["light", "dark"]) {
            const view = await open({ viewport: { width, height }, colorScheme, storageState });
            if (path) await view.goto(new URL(path, address).href);
            await arrive(view);
            await fits(view, name);
            await accessible(view, `${name} at ${width} px, ${colorScheme}`);
            await view.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`) });
            await view.context().close();
        }
    }
}
