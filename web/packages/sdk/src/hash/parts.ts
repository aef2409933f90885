// SHA-256 of a whole and of each of its parts, in one pass. Owns where a part ends; hashes nothing itself.

import type { Hasher, Hashes } from "./types.js";

/** What hashes at once. */
interface Updated<D> {
  update(bytes: Uint8Array): unknown;
  digest(): D;
}

/** Feeds bytes that come one after the other to a hash of the part that they belong to. */
export class PartHashes<D> {
  readonly parts: D[] = [];
  readonly #partBytes: number;
  readonly #make: () => Updated<D>;
  #hash: Updated<D> | undefined;
  #bytes = 0;

  /** Each part but the last has `partBytes`. */
  constructor(partBytes: number, make: () => Updated<D>) {
    this.#partBytes = partBytes;
    this.#make = make;
  }

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      this.#hash ??= this.#make();
      const piece = bytes.subarray(at, at + this.#partBytes - this.#bytes);
      this.#hash.update(piece);
      this.#bytes += piece.length;
      at += piece.length;
      if (this.#bytes === this.#partBytes) {
        this.end();
      }
    }
  }

  /** Ends the part that is not full. */
  end(): void {
    if (this.#hash) {
      this.parts.push(this.#hash.digest());
      this.#hash = undefined;
      this.#bytes = 0;
    }
  }
}

/** A hasher of the whole that hashes the parts beside it. */
export function withParts(
  whole: Hasher,
  partBytes: number,
  make: () => Updated<Uint8Array | Promise<Uint8Array>>,
): { hasher: Hasher; parts: () => Promise<Uint8Array[]> } {
  const hashes = new PartHashes(partBytes, make);
  const hasher: Hasher = {
    async update(bytes) {
      hashes.update(bytes);
      await whole.update(bytes);
    },
    async digest() {
      hashes.end();
      return await whole.digest();
    },
    close: () => whole.close(),
  };
  return { hasher, parts: () => Promise.all(hashes.parts) };
}

/** What goes in one part has the hash of the whole. */
export function inOnePart(whole: Uint8Array): Hashes {
  return { whole, parts: [whole] };
}
