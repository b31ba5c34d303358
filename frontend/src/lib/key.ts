/** The key that the person gave. This tab keeps it, or this browser; it is shown to the service and to nobody else. */
const KEY = "filemanager.key";
/** Changes when somebody signs out, so that all tabs do. */
const SIGNED_OUT = "filemanager.signed-out";

export function heldKey(): string | null {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

/** Keeps it in this browser until somebody signs out, or in this tab until it is closed. */
export function keepKey(key: string, stays: boolean): void {
  if (!stays) return sessionStorage.setItem(KEY, key);
  sessionStorage.removeItem(KEY);
  localStorage.setItem(KEY, key);
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
    if (key === SIGNED_OUT) sessionStorage.removeItem(KEY);
    // Without a name, everything was cleared.
    if (key === KEY || key === SIGNED_OUT || key === null) changed();
  };
  addEventListener("storage", hear);
  return () => removeEventListener("storage", hear);
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
