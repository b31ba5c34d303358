/** Where files go that are added now: what the view before the person's eyes is about. */
import { Store } from "./store";
import type { Owner } from "./uploader/types";

export interface Place {
  owner: Owner;
  /** For a person. */
  name: string;
}

/** `null` while nobody is chosen. */
export const currentPlace = new Store<Place | null>(null);
