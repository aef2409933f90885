// What differs between browsers and Node. Owns the shape; `#platform` in package.json chooses the file.

import type { RemoteSender } from "../background/client.js";
import type { SenderSetup } from "../background/messages.js";
import type { Deriver } from "../derivatives/types.js";
import type { Hasher, Hashes } from "../hash/types.js";
import type { OpenSource } from "../upload/source.js";
import type { ResumeStore } from "../upload/types.js";
import type { WatchedFetch } from "../watched-fetch.js";

export interface Platform {
  fetch: WatchedFetch;
  /** SHA-256 of a source, off the thread of the page. */
  hashSource(source: OpenSource, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<Uint8Array>;
  /** The same of each part of `partBytes` too, in the same pass. */
  hashParts(source: OpenSource, partBytes: number, signal: AbortSignal): Promise<Hashes>;
  hasher(): Hasher;
  /** BLS signatures of certificates. */
  verify: (key: Uint8Array, signature: Uint8Array, message: Uint8Array) => Promise<boolean>;
  /** Sends large messages apart from the page; none: they are sent from where the caller is. */
  remoteSender?: (
    setup: SenderSetup,
    sign: (bytes: Uint8Array) => Promise<Uint8Array>,
  ) => RemoteSender | undefined;
  /** Lane B where the caller does not say. */
  deriver(): Deriver | undefined;
  /** Where names of this principal's uploads are kept where the caller does not say. */
  resumeStore(principal: string): ResumeStore | undefined;
  /** Whether somebody answers there, whom a page may not hear; none: a failure says by itself what it is. */
  answers?(origin: string, signal: AbortSignal | undefined): Promise<boolean>;
  /** Resolves in a task of its own, so that the page is drawn and answers in between. */
  nextTask(): Promise<void>;
}
