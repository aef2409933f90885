// SHA-256 of hash-wasm. A module of its own, so that a bundler takes this one hash of the package, and loads it late.

import { createSHA256 } from "hash-wasm";
import type { Incremental } from "./incremental.js";

export async function wasmSha256(): Promise<Incremental> {
  const hasher = await createSHA256();
  const incremental: Incremental = {
    update: (bytes) => void hasher.update(bytes),
    digest: () => hasher.digest("binary"),
    restarted: () => {
      hasher.init();
      return incremental;
    },
  };
  return incremental.restarted();
}
