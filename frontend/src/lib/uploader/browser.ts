/** What the uploader needs, as browsers have it. */
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import { Claims } from "./claims";
import type { Clock, Locks, Memory, Network, Ports, Remembered } from "./ports";
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

/** They are free again when their tab goes, however it goes. */
const webLocks: Locks = {
  take: (id) =>
    new Promise((resolve) => {
      void navigator.locks.request(`filemanager upload ${id}`, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise<void>((release) => resolve(release));
      });
    }),
};

/** Web Locks need a secure page. */
function locks(): Locks {
  if ("locks" in navigator) return webLocks;
  const claims = new Claims(clock);
  addEventListener("pagehide", () => claims.leave());
  addEventListener("pageshow", () => claims.comeBack());
  return claims;
}

export function browserPorts(): Ports {
  return { server: service(clock), clock, network, memory: new BrowserMemory(), locks: locks() };
}
