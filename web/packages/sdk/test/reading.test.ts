// How a large file is read: once for both the lane and the hash where they go together, into memory that serves again. It needs
// no node.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { hashPieces, piecesOf } from "../dist/hash/pieces.js";
import { HASH_PIECE_BYTES } from "../dist/hash/types.js";
import { OpenSource } from "../dist/upload/source.js";
import { hex, randomBytes, sha256 } from "./world.js";

const PIECE = 700_000;
const PIECES = 12;
const never = new AbortController().signal;

/** A file at rest that fills what it is given, and counts the bytes that it read. */
function fileOf(bytes: Uint8Array) {
  return {
    name: "f.bin",
    type: "",
    size: bytes.length,
    read: 0,
    async slice(start: number, end: number) {
      this.read += end - start;
      return bytes.slice(start, end);
    },
    async readInto(into: Uint8Array, start: number) {
      const part = bytes.subarray(start, start + into.length);
      // As a disk does it, other work comes in between.
      await new Promise((resolve) => setImmediate(resolve));
      into.set(part);
      this.read += part.length;
      return part.length;
    },
    isUnchanged: async () => true,
  };
}

function opensslHasher() {
  const hash = createHash("sha256");
  return {
    update: async (bytes: Uint8Array) => void hash.update(bytes),
    digest: async () => new Uint8Array(hash.digest()),
    close() {},
  };
}

const hashed = (source: OpenSource) => hashPieces(source, opensslHasher(), never, () => {});

test("what the lane has in flight is hashed from there and not read again, in whatever order it came", async () => {
  const bytes = randomBytes(PIECE * PIECES - 1);
  const file = fileOf(bytes);
  const source = new OpenSource(file);
  const digest = await source.during(async () => {
    for (const index of [1, 0, 3, 2, 5, 4, 7, 6, 11, 8, 10, 9]) {
      await source.piece(index * PIECE, Math.min((index + 1) * PIECE, bytes.length));
    }
    return await hashed(source);
  });
  assert.equal(hex(digest), sha256(bytes));
  assert.equal(file.read, bytes.length);
});

test("memory that was given back is used again, and never hashed for what it held before", async () => {
  const bytes = randomBytes(PIECE * PIECES);
  const source = new OpenSource(fileOf(bytes));
  const memory = new Set<ArrayBufferLike>();
  const lane = source.during(async () => {
    for (let index = 0; index < PIECES; index += 1) {
      const piece = (await source.piece(index * PIECE, (index + 1) * PIECE)) as Uint8Array;
      memory.add(piece.buffer);
      assert.deepEqual(piece, bytes.subarray(index * PIECE, (index + 1) * PIECE));
      source.giveBack(piece);
    }
  });
  const [digest] = await Promise.all([hashed(source), lane]);
  assert.equal(hex(digest), sha256(bytes));
  assert.ok(memory.size < PIECES / 2, `${memory.size} pieces of memory for ${PIECES} one after the other`);
});

test("a piece that arrived before its hash is read once more, and the next one is hashed from its middle", async () => {
  const bytes = randomBytes(PIECE * PIECES);
  const file = fileOf(bytes);
  const source = new OpenSource(file);
  const digest = await source.during(async () => {
    const first = await source.piece(0, PIECE);
    source.giveBack(first);
    // The second one has the memory of the first.
    for (let index = 1; index < PIECES; index += 1) {
      await source.piece(index * PIECE, (index + 1) * PIECE);
    }
    return await hashed(source);
  });
  assert.equal(hex(digest), sha256(bytes));
  assert.ok(HASH_PIECE_BYTES > 2 * PIECE && HASH_PIECE_BYTES < 3 * PIECE);
  assert.equal(file.read, bytes.length + HASH_PIECE_BYTES);
});

test("the hash goes on alone where no lane comes, or where it does not come on", {
  timeout: 60_000,
}, async () => {
  const bytes = randomBytes(PIECE * PIECES);
  assert.equal(hex(await hashed(new OpenSource(fileOf(bytes)))), sha256(bytes));
  const source = new OpenSource(fileOf(bytes));
  const digest = await source.during(async () => {
    await source.piece(0, PIECE);
    // The others never come.
    return await hashed(source);
  });
  assert.equal(hex(digest), sha256(bytes));
});

test("of a source that cannot say whether it changed, the hash reads all by itself", async () => {
  const bytes = randomBytes(PIECE * 2);
  const { isUnchanged: _, ...file } = fileOf(bytes);
  const source = new OpenSource(file);
  const digest = await source.during(async () => {
    const piece = (await source.piece(0, PIECE)) as Uint8Array;
    piece.fill(0);
    return await hashed(source);
  });
  assert.equal(hex(digest), sha256(bytes));
});

test("all of a blob comes in order, into one memory or into new one, and a blob that is cut is told", async () => {
  const bytes = randomBytes(5 * HASH_PIECE_BYTES + 7);
  const digestOf = async (blob: Blob) => {
    const hash = createHash("sha256");
    for await (const piece of piecesOf(blob)) {
      hash.update(piece);
    }
    return hash.digest("hex");
  };
  const blob = new Blob([bytes]);
  assert.equal(await digestOf(blob), sha256(bytes));

  // Browsers whose blobs fill no memory of the caller's.
  const plain = new Blob([bytes]);
  plain.stream = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(bytes.slice(0, 1_000_000));
        controller.enqueue(bytes.slice(1_000_000));
        controller.close();
      },
    });
  assert.equal(await digestOf(plain), sha256(bytes));

  const cut = new Blob([bytes]);
  cut.stream = () => new Blob([bytes.subarray(1)]).stream();
  await assert.rejects(digestOf(cut), /bytes came instead of/);
});
