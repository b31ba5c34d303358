/** Who the person is: remembered by this browser. The credentials of private files are kept nowhere. */
const KEY = "filemanager.user";
/** Who was here last, as this tab remembers it. */
const LAST = "filemanager.last-user";

export interface Person {
  id: string;
  name: string;
}

let known: { text: string | null; person: Person | null } = { text: null, person: null };
const listeners = new Set<() => void>();

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Another tab may choose somebody else.
  addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", listener);
  };
}

/** The same object until another one is chosen. */
export function person(): Person | null {
  const text = localStorage.getItem(KEY);
  if (text !== known.text) known = { text, person: parsed(text) };
  return known.person;
}

export function choose(person: Person | null): void {
  if (person) localStorage.setItem(KEY, JSON.stringify({ id: person.id, name: person.name }));
  else localStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** Whether somebody else was here before in this tab, reloads or not. From now on it is this one who was. */
export function followsAnother(id: string): boolean {
  const last = sessionStorage.getItem(LAST);
  sessionStorage.setItem(LAST, id);
  return last !== null && last !== id;
}

function parsed(text: string | null): Person | null {
  try {
    const { id, name } = JSON.parse(text ?? "null") as Partial<Person>;
    return typeof id === "string" && typeof name === "string" ? { id, name } : null;
  } catch {
    return null;
  }
}
