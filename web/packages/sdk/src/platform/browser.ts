// The SDK in a browser: module Workers hash, verify, send and derive, IndexedDB remembers names.

import { blsVerify } from "@icp-sdk/core/agent";
import { Background, Unreadable, WorkerMissing } from "../background/client.js";
import { browserDeriver } from "../derivatives/browser.js";
import type { Deriver } from "../derivatives/types.js";
import { inlineHasher } from "../hash/inline.js";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher } from "../hash/types.js";
import { indexedDbStore } from "../resume-store.js";
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

export const platform: Platform = {
  fetch: browserFetch,
  async hashSource(source, signal, onBytes) {
    const worker = source.blob && background("hashing");
    if (!worker || !source.blob) {
      return hashPieces(source, hasher(), signal, onBytes);
    }
    try {
      return await worker.hashBlob(source.blob, signal, onBytes);
    } catch (error) {
      if (error instanceof Unreadable) {
        throw source.unreadable(error);
      }
      if (!(error instanceof WorkerMissing)) {
        throw error;
      }
      return hashPieces(source, inlineHasher(), signal, onBytes);
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
  resumeStore: () => (typeof indexedDB === "undefined" ? undefined : indexedDbStore()),
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
