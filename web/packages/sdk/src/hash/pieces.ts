// Reading pieces whole, and feeding a source to a hasher piece by piece: all of it, in order, never all in memory.

import { throwIfAborted } from "../errors.js";
import type { OpenSource } from "../upload/source.js";
import { HASH_PIECE_BYTES, type Hasher } from "./types.js";

export async function hashPieces(
  source: OpenSource,
  hasher: Hasher,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Uint8Array> {
  try {
    for (let at = 0; at < source.size; ) {
      throwIfAborted(signal, "hashing");
      at += await source.feed(at, HASH_PIECE_BYTES, (bytes) => hasher.update(bytes));
      onBytes(at);
    }
    return await hasher.digest();
  } catch (error) {
    hasher.close();
    throw error;
  }
}

/** The bytes of a piece; throws where there are fewer, or none that can be read. */
export async function readWhole(piece: Blob, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await piece.arrayBuffer());
  if (bytes.length !== length) {
    throw new Error(`${bytes.length} bytes came instead of ${length}`);
  }
  return bytes;
}

/** The same values with the bytes of each `Blob` in its place. */
export async function readBlobs(value: unknown): Promise<unknown> {
  if (value instanceof Blob) {
    return await readWhole(value, value.size);
  }
  if (Array.isArray(value)) {
    return await Promise.all(value.map(readBlobs));
  }
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) {
    return value;
  }
  const fields = Object.entries(value).map(async ([name, field]) => [name, await readBlobs(field)] as const);
  return Object.fromEntries(await Promise.all(fields));
}
