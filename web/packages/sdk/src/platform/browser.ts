// The SDK in a browser: a module Worker hashes, IndexedDB remembers the names of uploads.

import { inlineHasher } from "../hash/inline.js";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher } from "../hash/types.js";
import { WorkerHash, WorkerMissing } from "../hash/worker-client.js";
import { indexedDbStore } from "../resume-store.js";
import type { Platform } from "./types.js";

let shared: WorkerHash | undefined;

/** One Worker for the page, made when it is first wanted. */
function workerHash(): WorkerHash | undefined {
  if (shared === undefined && typeof Worker === "function") {
    shared = new WorkerHash(new Worker(new URL("../hash/worker.js", import.meta.url), { type: "module" }));
  }
  return shared?.broken ? undefined : shared;
}

function hasher(): Hasher {
  return workerHash()?.hasher() ?? inlineHasher();
}

export const platform: Platform = {
  async hashSource(source, signal, onBytes) {
    const worker = source.blob && workerHash();
    if (!worker || !source.blob) {
      return hashPieces(source, hasher(), signal, onBytes);
    }
    try {
      return await worker.blob(source.blob, signal, onBytes);
    } catch (error) {
      if (!(error instanceof WorkerMissing)) {
        throw error;
      }
      return hashPieces(source, inlineHasher(), signal, onBytes);
    }
  },
  hasher,
  deriver: () => undefined,
  resumeStore: () => (typeof indexedDB === "undefined" ? undefined : indexedDbStore()),
};
