/** The file on the person's disk. It may change or go while it is being sent. */
import { extensionOf } from "@/lib/preview";
import { Refusal } from "./troubles";

const MAX_NAME = 255;

/** Fails when the file can no longer be read as it was when it was chosen; the browser notices when it reads. */
export async function check(file: File, handle: FileSystemFileHandle | undefined): Promise<void> {
  try {
    if (handle) {
      const now = await handle.getFile();
      if (now.size !== file.size || now.lastModified !== file.lastModified) throw new Refusal({ kind: "changed" });
    }
    await file.slice(0, 1).arrayBuffer();
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    // Browsers say NotReadableError of a file that changed as well as of one that is locked.
    const changed = cause instanceof DOMException && cause.name === "NotReadableError";
    throw new Refusal({ kind: changed ? "changed" : "unreadable" });
  }
}

/** The extension of a name that the service can take. */
export function requiredExtension(name: string): string {
  if (name === "") throw new Refusal({ kind: "noName" });
  if ([...name].length > MAX_NAME) throw new Refusal({ kind: "nameTooLong" });
  const extension = extensionOf(name);
  if (extension === "") throw new Refusal({ kind: "noExtension" });
  return extension;
}
