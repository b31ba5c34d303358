import { describe, expect, it, vi } from "vitest";
import { ApiError } from "./api/error";
import { Paging } from "./paging";

interface Row {
  id: string;
  state?: string;
}

/** A server with these rows, newest first, three a page. */
function pagesOf(rows: Row[]) {
  return (cursor: string | undefined) => {
    const start = cursor === undefined ? 0 : rows.findIndex(({ id }) => id === cursor) + 1;
    const items = rows.slice(start, start + 3);
    const last = items.at(-1)?.id ?? null;
    return Promise.resolve({ items, nextCursor: start + 3 < rows.length ? last : null });
  };
}

const listOf = (rows: Row[]) => new Paging<Row>(pagesOf(rows));

const rows = (ids: string) => Array.from(ids, (id) => ({ id }));
const shown = (list: Paging<Row>) =>
  list
    .snapshot()
    .items.map(({ id }) => id)
    .join("");

it("loads page after page to the end", async () => {
  const list = listOf(rows("hgfedcba"));
  await list.loadMore();
  expect([shown(list), list.snapshot().phase]).toEqual(["hgf", "more"]);
  await list.loadMore();
  await list.loadMore();
  await list.loadMore();
  expect([shown(list), list.snapshot().phase]).toEqual(["hgfedcba", "end"]);
});

it("shows what is new on top, once, and forgets what is gone", async () => {
  const all = rows("dcba");
  const list = listOf(all);
  await list.loadMore();
  await list.loadMore();
  all.unshift({ id: "e" });
  await list.refresh();
  await list.refresh();
  expect(shown(list)).toBe("edcba");
  all.splice(0, 3);
  await list.refresh();
  expect(shown(list)).toBe("ba");
});

it("brings up to date what may have changed further down, and asks no more than that", async () => {
  const all: Row[] = rows("hgfedcba");
  const load = vi.fn(pagesOf(all));
  const list = new Paging<Row>(load);
  for (let page = 0; page < 3; page += 1) await list.loadMore();
  all[4] = { id: "d", state: "ready" };
  load.mockClear();
  await list.refresh(({ id }) => id === "d");
  expect([shown(list), list.snapshot().items[4]?.state]).toEqual(["hgfedcba", "ready"]);
  expect(load.mock.calls).toEqual([[undefined], ["f"]]);
});

it("forgets what is gone further up, though not all there is was loaded", async () => {
  const all = rows("hgfedcba");
  const list = listOf(all);
  for (let page = 0; page < 2; page += 1) await list.loadMore();
  all.splice(1, 1);
  await list.refresh();
  expect(shown(list)).toBe("hfedc");
});

it("shows all that is new, though it is more than a page", async () => {
  const all = rows("cba");
  const load = vi.fn(pagesOf(all));
  const list = new Paging<Row>(load);
  await list.loadMore();
  all.unshift(...rows("jihgfed"));
  load.mockClear();
  await list.refresh();
  expect(shown(list)).toBe("jihgfedcba");
  expect(load.mock.calls).toEqual([[undefined], ["h"], ["e"]]);
});

it("shows all that is new in a list that was empty", async () => {
  const all = rows("");
  const list = listOf(all);
  await list.loadMore();
  all.unshift(...rows("edcba"));
  await list.refresh();
  expect([shown(list), list.snapshot().phase]).toEqual(["edc", "more"]);
  await list.loadMore();
  expect([shown(list), list.snapshot().phase]).toEqual(["edcba", "end"]);
});

describe("where more is new than is looked at", () => {
  const NEW = Array.from({ length: 40 }, (_, number) => ({ id: `${number}` }));

  it("begins anew, and all comes in its turn", async () => {
    const all = rows("dcba");
    const list = listOf(all);
    await list.loadMore();
    await list.loadMore();
    all.unshift(...NEW);
    await list.refresh();
    expect(list.snapshot()).toEqual({ items: NEW.slice(0, 30), phase: "more", problem: null });
    for (let page = 0; page < 5; page += 1) await list.loadMore();
    expect(list.snapshot()).toEqual({ items: all, phase: "end", problem: null });
  });

  it("takes no page that was asked for before", async () => {
    const all = rows("fedcba");
    const pages = pagesOf(all);
    let arrive = () => {};
    const late = new Promise<void>((resolve) => (arrive = resolve));
    const list = new Paging<Row>((cursor) => (cursor === "d" ? late.then(() => pages(cursor)) : pages(cursor)));
    await list.loadMore();
    const more = list.loadMore();
    all.unshift(...NEW);
    await list.refresh();
    arrive();
    await more;
    expect(list.snapshot()).toEqual({ items: NEW.slice(0, 30), phase: "more", problem: null });
  });
});

it("is not misled by an answer that another one has overtaken", async () => {
  const answers: ((ids: string) => void)[] = [];
  const list = new Paging<Row>(
    () => new Promise((resolve) => answers.push((ids) => resolve({ items: rows(ids), nextCursor: null }))),
  );
  const asked = [list.refresh(), list.refresh()];
  answers[1]?.("ba");
  await asked[1];
  answers[0]?.("a");
  await asked[0];
  expect(shown(list)).toBe("ba");
});

it("tells what went wrong and goes on from there", async () => {
  let away = true;
  const problem = new ApiError("network", 0);
  const list = new Paging<Row>(() =>
    away ? Promise.reject(problem) : Promise.resolve({ items: rows("a"), nextCursor: null }),
  );
  await list.loadMore();
  expect(list.snapshot()).toEqual({ items: [], phase: "error", problem });
  away = false;
  await list.loadMore();
  expect(list.snapshot()).toEqual({ items: rows("a"), phase: "end", problem: null });
});
