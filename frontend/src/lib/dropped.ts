/** The files in what was dropped or pasted, with those in its folders. */

export interface Dropped {
  file: File;
  /** Where the browser gives one: lets the upload go on after a reload. */
  handle?: FileSystemFileHandle;
}

export interface DroppedFiles {
  files: Dropped[];
  /** How many files or folders could not be read. */
  unreadable: number;
}

/** A file, or `null` where one could not be read. */
type Found = AsyncGenerator<Dropped | null>;

/** Chromium's way, which TypeScript does not know yet. */
type Item = DataTransferItem & { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> };

/** What systems leave in folders without being asked. */
const LITTER = /^(\.ds_store|thumbs\.db|desktop\.ini|\._.*)$/i;

/** Call it in the event itself: the browser forgets what was dropped once that is over. */
export function droppedFiles(data: Pick<DataTransfer, "items">): Promise<DroppedFiles> {
  const items = Array.from(data.items as Iterable<Item>).filter(({ kind }) => kind === "file");
  return gathered(items.map(begin));
}

/** The same of a folder that was chosen: browsers give all there is in it. */
export function folderFiles(files: Iterable<File>): DroppedFiles {
  const wanted = Array.from(files).filter(({ name }) => !LITTER.test(name));
  return { files: wanted.map((file) => ({ file })), unreadable: 0 };
}

async function gathered(walks: readonly Found[]): Promise<DroppedFiles> {
  const all: DroppedFiles = { files: [], unreadable: 0 };
  for (const walk of walks) {
    for await (const found of walk) {
      if (found) all.files.push(found);
      else all.unreadable += 1;
    }
  }
  return all;
}

/** Asks for all ways to the item at once; which of them leads to it is seen later. */
function begin(item: Item): Found {
  const handle = item.getAsFileSystemHandle?.().catch(() => null);
  return fromItem(handle, item.webkitGetAsEntry?.() ?? null, item.getAsFile());
}

/** What is pasted out of a picture has no place on the disk: then there is only the file itself. */
async function* fromItem(
  asked: Promise<FileSystemHandle | null> | undefined,
  entry: FileSystemEntry | null,
  file: File | null,
): Found {
  const handle = await asked;
  if (handle) yield* fromHandle(handle);
  else if (entry) yield* fromEntry(entry);
  else yield file && { file };
}

async function* fromHandle(handle: FileSystemHandle): Found {
  if (LITTER.test(handle.name)) return;
  try {
    if (isFile(handle)) yield { file: await handle.getFile(), handle };
    else if (isFolder(handle)) {
      const all: FileSystemHandle[] = [];
      for await (const inner of handle.values()) all.push(inner);
      for (const inner of sorted(all)) yield* fromHandle(inner);
    }
  } catch {
    yield null;
  }
}

function isFile(handle: FileSystemHandle): handle is FileSystemFileHandle {
  return handle.kind === "file";
}

function isFolder(
  handle: FileSystemHandle,
): handle is FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> } {
  return handle.kind === "directory";
}

async function* fromEntry(entry: FileSystemEntry): Found {
  if (LITTER.test(entry.name)) return;
  try {
    if (entry.isFile) yield { file: await fileOf(entry as FileSystemFileEntry) };
    else for (const inner of sorted(await entriesOf(entry as FileSystemDirectoryEntry))) yield* fromEntry(inner);
  } catch {
    yield null;
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** Browsers give a hundred at a time, and nothing at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** As people count: 2 before 10. */
function sorted<Named extends { name: string }>(entries: Named[]): Named[] {
  return entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
}

/** Whether there are files in what is dragged. */
export function hasFiles(data: DataTransfer | null): boolean {
  return data?.types.includes("Files") ?? false;
}

/** Whether what is pasted there is text for a field: office programs give a picture of it too. */
export function isForField(target: Pick<Element, "closest"> | null, data: Pick<DataTransfer, "types">): boolean {
  return data.types.includes("text/plain") && !!target?.closest("input, textarea, [contenteditable]");
}
