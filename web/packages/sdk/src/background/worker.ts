// The module Worker that hashes files, sends large messages and verifies certificates, so that the page waits for none of it.
// Owns the jobs it was given and no policy; sending is in sender.ts.

import { type Incremental, incrementalSha256 } from "../hash/incremental.js";
import { PartHashes } from "../hash/parts.js";
import { piecesOf } from "../hash/pieces.js";
import { HASH_PIECE_BYTES } from "../hash/types.js";
import { NodeKeys } from "../node-keys.js";
import { verifyBls } from "../verify/bls.js";
import type { Reply, Request } from "./messages.js";
import { type CallResult, Sender } from "./sender.js";

const hashers = new Map<number, Promise<Incremental>>();
const senders = new Map<number, Sender>();
/** What the page was asked to sign. */
const questions = new Map<number, (answer: Uint8Array | Error) => void>();
let asked = 0;
const nodeKeys = new NodeKeys();

const post = (reply: Reply, transfer: Transferable[] = []) => globalThis.postMessage(reply, { transfer });

globalThis.onmessage = ({ data }: MessageEvent<Request>) => {
  if ("question" in data) {
    questions.get(data.question)?.("signature" in data ? data.signature : new Error(data.refused));
    questions.delete(data.question);
  } else if ("open" in data) {
    senders.set(data.sender, new Sender(data.open, nodeKeys, (bytes) => ask(data.sender, bytes)));
  } else if ("close" in data) {
    senders.get(data.sender)?.close();
    senders.delete(data.sender);
  } else {
    work(data).catch((error) => post({ job: data.job, failure: String(error) }));
  }
};

async function work(data: Extract<Request, { job: number }>): Promise<void> {
  const { job } = data;
  if ("call" in data) {
    const sender = senders.get(data.sender);
    const result: CallResult = sender ? await sender.call(data.call) : { failure: "it is over" };
    post({ job, ...result }, bytesIn(result));
  } else if ("verify" in data) {
    const { key, signature, message } = data.verify;
    post({ job, valid: await verifyBls(key, signature, message) });
  } else if ("blob" in data) {
    await hashBlob(job, data.blob, data.partBytes).finally(() => hashers.delete(job));
  } else if ("piece" in data) {
    (await hasherOf(job)).update(data.piece);
    post({ job, done: true });
  } else if ("end" in data) {
    post({ job, sha256: (await hasherOf(job)).digest() });
    hashers.delete(job);
  } else {
    hashers.delete(job);
  }
}

/** Bytes that were read are handed over, not copied; they may be a view of a larger answer. */
function bytesIn(result: CallResult): Transferable[] {
  const value = "answer" in result && "Ok" in result.answer ? result.answer.Ok : null;
  return value instanceof Uint8Array ? [value.buffer] : [];
}

function ask(sender: number, sign: Uint8Array): Promise<Uint8Array> {
  asked += 1;
  const question = asked;
  return new Promise((resolve, reject) => {
    questions.set(question, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
    post({ question, sender, sign });
  });
}

function hasherOf(job: number): Promise<Incremental> {
  const hasher = hashers.get(job) ?? incrementalSha256();
  hashers.set(job, hasher);
  return hasher;
}

async function hashBlob(job: number, blob: Blob, partBytes: number | undefined): Promise<void> {
  const hasher = await hasherOf(job);
  const part = partBytes === undefined ? undefined : await incrementalSha256();
  const hashes = part && new PartHashes(partBytes ?? blob.size, () => part.restarted());
  let [at, toldAt] = [0, 0];
  for await (const piece of piecesOf(blob)) {
    if (!hashers.has(job)) {
      return;
    }
    hasher.update(piece);
    hashes?.update(piece);
    at += piece.length;
    if (at - toldAt >= HASH_PIECE_BYTES || at === blob.size) {
      toldAt = at;
      post({ job, bytes: at });
    }
  }
  if (hashes) {
    hashes.end();
    post({ job, hashes: { whole: hasher.digest(), parts: hashes.parts } });
  } else {
    post({ job, sha256: hasher.digest() });
  }
}
