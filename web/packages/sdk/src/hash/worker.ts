// The module Worker that hashes, so that the page never waits for it. Owns the jobs it was given and no policy.

import { sha256 } from "@noble/hashes/sha2.js";
import { HASH_PIECE_BYTES } from "./types.js";

/** What the page sends. `blob`: hash all of it. `piece` and `end`: hash what comes. `forget`: stop. */
export type HashRequest =
  | { job: number; blob: Blob }
  | { job: number; piece: Uint8Array }
  | { job: number; end: true }
  | { job: number; forget: true };

/** What comes back: one `done` per piece, `bytes` now and then for a blob, then `sha256` or `failure`. */
export type HashReply =
  | { job: number; done: true }
  | { job: number; bytes: number }
  | { job: number; sha256: Uint8Array }
  | { job: number; failure: string };

const jobs = new Map<number, ReturnType<typeof sha256.create>>();
const post = (reply: HashReply) => globalThis.postMessage(reply);

globalThis.onmessage = ({ data }: MessageEvent<HashRequest>) => {
  if ("blob" in data) {
    hashBlob(data.job, data.blob).catch((error) => {
      jobs.delete(data.job);
      post({ job: data.job, failure: String(error) });
    });
  } else if ("piece" in data) {
    hasherOf(data.job).update(data.piece);
    post({ job: data.job, done: true });
  } else if ("end" in data) {
    post({ job: data.job, sha256: hasherOf(data.job).digest() });
    jobs.delete(data.job);
  } else {
    jobs.delete(data.job);
  }
};

function hasherOf(job: number) {
  const hasher = jobs.get(job) ?? sha256.create();
  jobs.set(job, hasher);
  return hasher;
}

async function hashBlob(job: number, blob: Blob): Promise<void> {
  const hasher = hasherOf(job);
  for (let at = 0; at < blob.size; at += HASH_PIECE_BYTES) {
    const piece = await blob.slice(at, at + HASH_PIECE_BYTES).arrayBuffer();
    if (!jobs.has(job)) {
      return;
    }
    hasher.update(new Uint8Array(piece));
    post({ job, bytes: at + piece.byteLength });
  }
  jobs.delete(job);
  post({ job, sha256: hasher.digest() });
}
