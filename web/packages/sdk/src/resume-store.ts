// Names of uploads in IndexedDB, by idempotency key. Owns the store and its clean-up; uploads resume without it.

import { createStore, delMany, entries, getMany, set, type UseStore } from "idb-keyval";
import type { ResumeRecord, ResumeStore } from "./upload/types.js";

/** Older records are dropped: their sessions are long gone. */
const AGE_MAX_MS = 30 * 24 * 3_600_000;

let shared: ResumeStore | undefined;

/** The page's store. */
export function indexedDbStore(): ResumeStore {
  shared ??= makeStore();
  return shared;
}

function makeStore(): ResumeStore {
  let store: UseStore | undefined;
  const opened = () => {
    store ??= createStore("keepsake-uploads", "names");
    return store;
  };
  let cleaned = false;
  return {
    async set(idem, record) {
      await set(idem, record, opened());
      if (!cleaned) {
        cleaned = true;
        await dropOld(opened());
      }
    },
    find: (idems) => getMany<ResumeRecord | undefined>(idems, opened()),
    remove: (idems) => delMany(idems, opened()),
  };
}

async function dropOld(store: UseStore): Promise<void> {
  const all = await entries<string, ResumeRecord>(store);
  const old = all.filter(([, record]) => Date.now() - record.startedAt > AGE_MAX_MS).map(([idem]) => idem);
  if (old.length > 0) {
    await delMany(old, store);
  }
}
