// Names of uploads in IndexedDB, by who uploads and idempotency key. Owns the store and its clean-up; uploads resume without it.

import { clear, createStore, delMany, entries, getMany, set, type UseStore } from "idb-keyval";
import type { ResumeRecord, ResumeStore } from "./upload/types.js";

/** Older records are dropped: their sessions are long gone. */
const AGE_MAX_MS = 30 * 24 * 3_600_000;

let opened: UseStore | undefined;
let cleaned = false;

/** The page's store, of one person's uploads: the same file gets the same idempotency key from everybody who sits here. */
export function indexedDbStore(principal: string): ResumeStore {
  const keyOf = (idem: string) => `${principal}/${idem}`;
  return {
    async set(idem, record) {
      await set(keyOf(idem), record, store());
      if (!cleaned) {
        cleaned = true;
        await dropOld(store());
      }
    },
    find: (idems) => getMany<ResumeRecord | undefined>(idems.map(keyOf), store()),
    remove: (idems) => delMany(idems.map(keyOf), store()),
  };
}

/** Forgets the names of everybody's uploads from this browser: for whoever leaves it. */
export async function forgetUploadNames(): Promise<void> {
  await clear(store());
}

function store(): UseStore {
  opened ??= createStore("keepsake-uploads", "names");
  return opened;
}

async function dropOld(store: UseStore): Promise<void> {
  const all = await entries<string, ResumeRecord>(store);
  const old = all.filter(([, record]) => Date.now() - record.startedAt > AGE_MAX_MS).map(([key]) => key);
  if (old.length > 0) {
    await delMany(old, store);
  }
}
