// The SDK in Node: OpenSSL hashes, wasm verifies, there is no lane B unless the caller brings one, and nothing is kept on disk.

import { createHash } from "node:crypto";
import { withParts } from "../hash/parts.js";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher } from "../hash/types.js";
import { verifyBls } from "../verify/bls.js";
import { nodeFetch } from "./node-fetch.js";
import type { Platform } from "./types.js";

function openSsl() {
  const hash = createHash("sha256");
  return {
    update: (bytes: Uint8Array) => void hash.update(bytes),
    digest: () => new Uint8Array(hash.digest()),
  };
}

function hasher(): Hasher {
  const hash = openSsl();
  return {
    async update(bytes) {
      hash.update(bytes);
    },
    async digest() {
      return hash.digest();
    },
    close() {},
  };
}

export const platform: Platform = {
  fetch: nodeFetch,
  hashSource: (source, signal, onBytes) => hashPieces(source, hasher(), signal, onBytes),
  async hashParts(source, partBytes, signal) {
    const { hasher: both, parts } = withParts(hasher(), partBytes, openSsl);
    const whole = await hashPieces(source, both, signal, () => {});
    return { whole, parts: await parts() };
  },
  hasher,
  verify: verifyBls,
  deriver: () => undefined,
  resumeStore: () => undefined,
  nextTask: () => new Promise((resolve) => setImmediate(resolve)),
};
