import { describe, expect, it } from "vitest";
import { droppedFiles, folderFiles, isForField } from "./dropped";

const file = (name: string) => new File(["x"], name);

/** Each browser has its own ways to an item; the others are not there. */
function transfer(...items: object[]): Pick<DataTransfer, "items"> {
  const whole = items.map((item) => ({ kind: "file", getAsFile: () => null, ...item }));
  return { items: whole as unknown as DataTransferItemList };
}

function fileEntry(name: string, readable = true) {
  const give = (taken: (file: File) => void, failed: (cause: Error) => void) =>
    readable ? taken(file(name)) : failed(new Error("locked"));
  return { name, isFile: true, file: give };
}

function folderEntry(name: string, inner: { name: string }[]) {
  const createReader = () => {
    const left = [...inner];
    return { readEntries: (taken: (entries: object[]) => void) => taken(left.splice(0, 100)) };
  };
  return { name, isFile: false, createReader };
}

function fileHandle(name: string) {
  return { kind: "file", name, getFile: () => Promise.resolve(file(name)) };
}

function folderHandle(name: string, inner: object[]) {
  return {
    kind: "directory",
    name,
    async *values() {
      yield* await Promise.resolve(inner);
    },
  };
}

describe("what was dropped", () => {
  it("is walked by entries, folders in folders, until nothing more comes", async () => {
    const many = Array.from({ length: 250 }, (_, index) => fileEntry(`${index}.txt`));
    const folder = folderEntry("outer", [folderEntry("inner", many), fileEntry(".DS_Store"), fileEntry("a.txt")]);
    const { files, unreadable } = await droppedFiles(transfer({ webkitGetAsEntry: () => folder }));
    expect(files.map(({ file: { name } }) => name)).toEqual(["a.txt", ...many.map(({ name }) => name)]);
    expect(unreadable).toBe(0);
  });

  it("keeps the handles of files where there are some", async () => {
    const inner = fileHandle("b.txt");
    const folder = folderHandle("folder", [inner, fileHandle("Thumbs.db")]);
    const { files } = await droppedFiles(transfer({ getAsFileSystemHandle: () => Promise.resolve(folder) }));
    expect(files.map(({ handle }) => handle)).toEqual([inner]);
  });

  it("is the file itself where it is nowhere on the disk", async () => {
    const picture = file("image.png");
    const pasted = { getAsFile: () => picture, getAsFileSystemHandle: () => Promise.reject(new Error("no")) };
    expect(await droppedFiles(transfer(pasted))).toEqual({ files: [{ file: picture }], unreadable: 0 });
  });

  it("leaves out texts and counts what cannot be read", async () => {
    const folder = folderEntry("folder", [fileEntry("locked.txt", false), fileEntry("open.txt")]);
    const { files, unreadable } = await droppedFiles(
      transfer({ kind: "string" }, { webkitGetAsEntry: () => folder }, { webkitGetAsEntry: () => null }),
    );
    expect(files.map(({ file: { name } }) => name)).toEqual(["open.txt"]);
    expect(unreadable).toBe(2);
  });
});

it("leaves in a chosen folder what systems have put there", () => {
  const wanted = file("a.txt");
  const litter = [".DS_Store", "Thumbs.db", "DESKTOP.INI", "._a.txt"].map(file);
  expect(folderFiles([...litter, wanted])).toEqual({ files: [{ file: wanted }], unreadable: 0 });
  expect(folderFiles(litter).files).toEqual([]);
});

it("is for a field when it is pasted there and there is text in it", () => {
  const field = { closest: (wanted: string) => (wanted.includes("textarea") ? ({} as Element) : null) };
  const elsewhere = { closest: () => null };
  const [cells, picture] = [{ types: ["text/plain", "text/html", "Files"] }, { types: ["Files"] }];
  expect(isForField(field, cells)).toBe(true);
  expect([isForField(field, picture), isForField(elsewhere, cells), isForField(null, cells)]).not.toContain(true);
});
