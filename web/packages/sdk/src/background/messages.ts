// What the page and the Worker in the background say to each other. Owns shapes only.

import type { PublishResult, Error as ServiceError } from "../../generated/keepsake.did.js";
import type { Envelope } from "../envelope.js";
import type { PlainFault } from "../faults.js";
import type { Hashes } from "../hash/types.js";

/** To whom messages go, and as whom. */
export interface SenderSetup {
  host: string;
  canisterId: string;
  rootKey: Uint8Array;
  principal: Uint8Array;
  envelope: Envelope;
  /** See `RetryPolicy.stallMs`. */
  stallMs: number;
}

/** Methods whose messages are large: those are sent apart from the page. */
export type LargeMethod = "uploads_put_chunk" | "uploads_publish" | "blob_read_range";

export interface LargeCall {
  method: LargeMethod;
  /** Candid's values; a `Blob` in place of bytes is read first. */
  args: unknown[];
  /** Bytes in them, or in the answer. */
  length: number;
}

/** To the Worker. `blob`: hash all of it, and each part of `partBytes`. `piece` and `end`: hash what comes. `forget`: stop. */
export type Request =
  | { job: number; blob: Blob; partBytes?: number }
  | { job: number; piece: Uint8Array }
  | { job: number; end: true }
  | { job: number; forget: true }
  | { job: number; verify: { key: Uint8Array; signature: Uint8Array; message: Uint8Array } }
  | { job: number; sender: number; call: LargeCall }
  | { sender: number; open: SenderSetup }
  | { sender: number; close: true }
  | { question: number; signature: Uint8Array }
  | { question: number; refused: string };

export type LargeAnswer = { Ok: null | Uint8Array | PublishResult } | { Err: ServiceError };

/** From the Worker: one `done` per piece, `bytes` now and then for a blob, then a result or a failure. */
export type Reply =
  | { job: number; done: true }
  | { job: number; bytes: number }
  | { job: number; sha256: Uint8Array }
  | { job: number; hashes: Hashes }
  | { job: number; valid: boolean }
  | { job: number; answer: LargeAnswer }
  | { job: number; fault: PlainFault }
  | { job: number; failure: string }
  | { question: number; sender: number; sign: Uint8Array };
