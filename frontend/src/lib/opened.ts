/** The file that is open before the person's eyes. */
import { Store } from "./store";

export interface OpenedFile {
  id: string;
  /** Shown until the server has told more. */
  name: string;
}

export const openedFile = new Store<OpenedFile | null>(null);
