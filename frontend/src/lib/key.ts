/** The key that the person gave. This tab keeps it, or this browser; it is shown to the service and to nobody else. */
const KEY = "filemanager.key";
/** Changes when somebody signs out, so that all tabs do. The tab's own key is kept with what it was then. */
const SIGNED_OUT = "filemanager.signed-out";

export function heldKey(): string | null {
  // A tab that was elsewhere has heard nothing of it.
  if (lastSignOut(sessionStorage) !== lastSignOut(localStorage)) sessionStorage.removeItem(KEY);
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

/** Keeps it in this browser until somebody signs out, or in this tab until it is closed. */
export function keepKey(key: string, stays: boolean): void {
  sessionStorage.removeItem(KEY);
  if (stays) return localStorage.setItem(KEY, key);
  sessionStorage.setItem(SIGNED_OUT, lastSignOut(localStorage));
  sessionStorage.setItem(KEY, key);
}

function lastSignOut(place: Storage): string {
  return place.getItem(SIGNED_OUT) ?? "";
}

/** Forgets this key, which is no good any more. */
export function dropKey(key: string): void {
  for (const place of [sessionStorage, localStorage]) if (place.getItem(KEY) === key) place.removeItem(KEY);
}

/** Forgets whatever key there is, in all tabs. */
export function forgetKeys(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
  localStorage.setItem(SIGNED_OUT, String(Date.now()));
}

/** Tells when another tab may have changed the key. */
export function watchKey(changed: () => void): () => void {
  const hear = ({ key }: StorageEvent) => {
    // Without a name, everything was cleared.
    if (key === KEY || key === SIGNED_OUT || key === null) changed();
  };
  // The browser kept the page while one was elsewhere, and told it nothing.
  const wake = ({ persisted }: PageTransitionEvent) => {
    if (persisted) changed();
  };
  addEventListener("storage", hear);
  addEventListener("pageshow", wake);
  return () => {
    removeEventListener("storage", hear);
    removeEventListener("pageshow", wake);
  };
}

/** Is told of each call that showed this key, or none, whether it was let in. */
type Judge = (key: string | null, isGood: boolean) => void;

let judge: Judge = () => undefined;

export function judgedBy(next: Judge): void {
  judge = next;
}

export function noteVerdict(key: string | null, isGood: boolean): void {
  judge(key, isGood);
}
