/** What the uploader needs, as browsers have it. */
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Clock, Locks, Memory, Network, Ports, Remembered } from "./ports";
import { randomId } from "./random";
import { service } from "./service";

const clock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  later: (milliseconds, call) => void setTimeout(call, milliseconds),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      }, milliseconds);
      const stop = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
    }),
};

const network: Network = {
  isOnline: () => navigator.onLine,
  backOnline: (signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      addEventListener("online", () => resolve(), { once: true, signal });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    }),
};

interface Schema extends DBSchema {
  uploads: { key: string; value: Remembered };
}

/** In IndexedDB, which takes the handles of files too. A browser that forbids it remembers nothing, and uploads go on. */
export class BrowserMemory implements Memory {
  private opened: Promise<IDBPDatabase<Schema>> | null = null;

  async all(): Promise<Remembered[]> {
    return (await this.attempt((database) => database.getAll("uploads"))) ?? [];
  }

  async save(upload: Remembered): Promise<void> {
    await this.attempt((database) => database.put("uploads", upload));
  }

  async forget(id: string): Promise<void> {
    await this.attempt((database) => database.delete("uploads", id));
  }

  private async attempt<T>(work: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T | null> {
    try {
      this.opened ??= openDB<Schema>("filemanager", 1, {
        upgrade: (database) => void database.createObjectStore("uploads", { keyPath: "id" }),
      });
      return await work(await this.opened);
    } catch {
      return null;
    }
  }
}

/** Web Locks are free again when their tab goes, however it goes. They need a secure page. */
const locks: Locks = {
  take: (id) => {
    if (!("locks" in navigator)) return Promise.resolve(takeWithoutLocks(id));
    return new Promise((resolve) => {
      void navigator.locks.request(`filemanager upload ${id}`, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise<void>((release) => resolve(release));
      });
    });
  },
};

/** Without locks, an upload is of the tab that began it, for as long as that is there: reloads do not count. */
function takeWithoutLocks(id: string): (() => void) | null {
  const key = `filemanager.upload.${id}`;
  try {
    const tab = sessionStorage.getItem("filemanager.tab") ?? randomId();
    sessionStorage.setItem("filemanager.tab", tab);
    const owner = localStorage.getItem(key);
    if (owner !== null && owner !== tab) return null;
    localStorage.setItem(key, tab);
    return () => localStorage.removeItem(key);
  } catch {
    // A browser that remembers nothing has nothing of other tabs either.
    return () => undefined;
  }
}

export function browserPorts(): Ports {
  return { server: service(clock), clock, network, memory: new BrowserMemory(), locks };
}
