// The SDK in a browser: module Workers hash, verify, send and derive, IndexedDB remembers names.

import { blsVerify } from "@icp-sdk/core/agent";
import { sha256 } from "@noble/hashes/sha2.js";
import { Background, Unreadable, WorkerMissing } from "../background/client.js";
import { browserDeriver } from "../derivatives/browser.js";
import type { Deriver } from "../derivatives/types.js";
import { inlineHasher } from "../hash/inline.js";
import { withParts } from "../hash/parts.js";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher, Hashes } from "../hash/types.js";
import { indexedDbStore } from "../resume-store.js";
import type { OpenSource } from "../upload/source.js";
import { browserFetch } from "./browser-fetch.js";
import type { Platform } from "./types.js";

/** Two Workers, so that a large file is hashed while its chunks are sent. */
const workers: Partial<Record<"hashing" | "sending", Background>> = {};
let deriver: Deriver | undefined;

/** One of each kind for the page, made when it is first wanted, and anew when one is spent. */
function background(kind: "hashing" | "sending"): Background | undefined {
  if (workers[kind]?.isSpent) {
    workers[kind].retire();
    workers[kind] = undefined;
  }
  if (workers[kind] === undefined && typeof Worker === "function") {
    const worker = new Worker(new URL("../background/worker.js", import.meta.url), {
      type: "module",
      name: `keepsake-${kind}`,
    });
    workers[kind] = new Background(worker);
  }
  return workers[kind]?.broken ? undefined : workers[kind];
}

function hasher(): Hasher {
  return background("hashing")?.hasher() ?? inlineHasher();
}

/** In the Worker, which reads the file by itself; else piece by piece, by what `other` is given. */
async function hashed<R>(
  source: OpenSource,
  inWorker: (worker: Background, blob: Blob) => Promise<R>,
  other: (hasher: Hasher) => Promise<R>,
): Promise<R> {
  const worker = source.blob && background("hashing");
  if (!worker || !source.blob) {
    return await other(hasher());
  }
  try {
    return await inWorker(worker, source.blob);
  } catch (error) {
    if (error instanceof Unreadable) {
      throw source.unreadable(error);
    }
    if (!(error instanceof WorkerMissing)) {
      throw error;
    }
    return await other(inlineHasher());
  }
}

export const platform: Platform = {
  fetch: browserFetch,
  hashSource: (source, signal, onBytes) =>
    hashed(
      source,
      (worker, blob) => worker.hashBlob(blob, signal, onBytes),
      (whole) => hashPieces(source, whole, signal, onBytes),
    ),
  hashParts: (source, partBytes, signal) =>
    hashed<Hashes>(
      source,
      (worker, blob) => worker.hashParts(blob, partBytes, signal),
      async (one) => {
        const { hasher: both, parts } = withParts(one, partBytes, () => sha256.create());
        const whole = await hashPieces(source, both, signal, () => {});
        return { whole, parts: await parts() };
      },
    ),
  async answers(origin, signal) {
    try {
      // The answer cannot be looked at; that there is one is told all the same.
      await fetch(origin, {
        mode: "no-cors",
        credentials: "omit",
        cache: "no-store",
        signal: signal ?? null,
      });
      return true;
    } catch {
      return false;
    }
  },
  hasher,
  async verify(key, signature, message) {
    try {
      return await (background("hashing")?.verify(key, signature, message) ??
        blsVerify(key, signature, message));
    } catch (error) {
      if (!(error instanceof WorkerMissing)) {
        throw error;
      }
      return blsVerify(key, signature, message);
    }
  },
  remoteSender: (setup, sign) => background("sending")?.sender(setup, sign),
  deriver() {
    deriver ??= browserDeriver();
    return deriver;
  },
  resumeStore: (principal) => (typeof indexedDB === "undefined" ? undefined : indexedDbStore(principal)),
  nextTask: () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      // Timers are slowed down in pages that are not shown; messages are not.
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    }),
};
