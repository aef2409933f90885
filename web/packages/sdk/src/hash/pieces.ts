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

/**
 * All of a blob, in order. A piece is good until the next one: where the browser can, all come into the same memory. A stream costs
 * a browser 2 ns a byte, slices 5.
 */
export async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array, void> {
  const read = reading(blob.stream());
  let length = 0;
  try {
    for (let piece = await read.next(); piece; piece = await read.next()) {
      length += piece.length;
      yield piece;
    }
  } finally {
    read.end();
  }
  if (length !== blob.size) {
    throw new Error(`${length} bytes came instead of ${blob.size}`);
  }
}

interface Reading {
  next(): Promise<Uint8Array | undefined>;
  end(): void;
}

function reading(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Reading {
  let memory = new ArrayBuffer(HASH_PIECE_BYTES);
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: "byob" });
  } catch {
    const plain = stream.getReader();
    return { next: async () => (await plain.read()).value, end: () => void plain.cancel().catch(() => {}) };
  }
  return {
    async next() {
      const { value, done } = await reader.read(new Uint8Array(memory));
      memory = value?.buffer ?? memory;
      return done ? undefined : value;
    },
    end: () => void reader.cancel().catch(() => {}),
  };
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
