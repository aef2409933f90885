// The SDK in a browser: a module Worker hashes and verifies, another one derives, IndexedDB remembers names.

import { blsVerify } from "@icp-sdk/core/agent";
import { Background, WorkerMissing } from "../background/client.js";
import { browserDeriver } from "../derivatives/browser.js";
import type { Deriver } from "../derivatives/types.js";
import { inlineHasher } from "../hash/inline.js";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher } from "../hash/types.js";
import { indexedDbStore } from "../resume-store.js";
import type { Platform } from "./types.js";

let shared: Background | undefined;
let deriver: Deriver | undefined;

/** One Worker for the page, made when it is first wanted. */
function background(): Background | undefined {
  if (shared === undefined && typeof Worker === "function") {
    const worker = new Worker(new URL("../background/worker.js", import.meta.url), {
      type: "module",
      name: "keepsake-background",
    });
    shared = new Background(worker);
  }
  return shared?.broken ? undefined : shared;
}

function hasher(): Hasher {
  return background()?.hasher() ?? inlineHasher();
}

export const platform: Platform = {
  async hashSource(source, signal, onBytes) {
    const worker = source.blob && background();
    if (!worker || !source.blob) {
      return hashPieces(source, hasher(), signal, onBytes);
    }
    try {
      return await worker.hashBlob(source.blob, signal, onBytes);
    } catch (error) {
      if (!(error instanceof WorkerMissing)) {
        throw error;
      }
      return hashPieces(source, inlineHasher(), signal, onBytes);
    }
  },
  hasher,
  async verify(key, signature, message) {
    try {
      return (await background()?.verify(key, signature, message)) ?? blsVerify(key, signature, message);
    } catch (error) {
      if (!(error instanceof WorkerMissing)) {
        throw error;
      }
      return blsVerify(key, signature, message);
    }
  },
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
