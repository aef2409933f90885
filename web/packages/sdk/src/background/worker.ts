// The module Worker that hashes files and verifies certificates, so that the page never waits for either.
// Owns the jobs it was given and no policy.

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { HASH_PIECE_BYTES } from "../hash/types.js";

/** What the page sends. `blob`: hash all of it. `piece` and `end`: hash what comes. `forget`: stop. */
export type Request =
  | { job: number; blob: Blob }
  | { job: number; piece: Uint8Array }
  | { job: number; end: true }
  | { job: number; forget: true }
  | { job: number; verify: { key: Uint8Array; signature: Uint8Array; message: Uint8Array } };

/** What comes back: one `done` per piece, `bytes` now and then for a blob, then a result or `failure`. */
export type Reply =
  | { job: number; done: true }
  | { job: number; bytes: number }
  | { job: number; sha256: Uint8Array }
  | { job: number; valid: boolean }
  | { job: number; failure: string };

const hashers = new Map<number, ReturnType<typeof sha256.create>>();
const post = (reply: Reply) => globalThis.postMessage(reply);

globalThis.onmessage = ({ data }: MessageEvent<Request>) => {
  const { job } = data;
  if ("verify" in data) {
    post({ job, ...verified(data.verify) });
  } else if ("blob" in data) {
    hashBlob(job, data.blob).catch((error) => {
      hashers.delete(job);
      post({ job, failure: String(error) });
    });
  } else if ("piece" in data) {
    hasherOf(job).update(data.piece);
    post({ job, done: true });
  } else if ("end" in data) {
    post({ job, sha256: hasherOf(job).digest() });
    hashers.delete(job);
  } else {
    hashers.delete(job);
  }
};

function hasherOf(job: number) {
  const hasher = hashers.get(job) ?? sha256.create();
  hashers.set(job, hasher);
  return hasher;
}

async function hashBlob(job: number, blob: Blob): Promise<void> {
  const hasher = hasherOf(job);
  for (let at = 0; at < blob.size; at += HASH_PIECE_BYTES) {
    const piece = await blob.slice(at, at + HASH_PIECE_BYTES).arrayBuffer();
    if (!hashers.has(job)) {
      return;
    }
    hasher.update(new Uint8Array(piece));
    post({ job, bytes: at + piece.byteLength });
  }
  hashers.delete(job);
  post({ job, sha256: hasher.digest() });
}

/** As the agent does it; what is malformed is an error there too. */
function verified({
  key,
  signature,
  message,
}: {
  key: Uint8Array;
  signature: Uint8Array;
  message: Uint8Array;
}) {
  try {
    const { shortSignatures } = bls12_381;
    return { valid: shortSignatures.verify(signature, shortSignatures.hash(message), key) };
  } catch (error) {
    return { failure: String(error) };
  }
}
