// Idempotency keys of uploads: the same upload finds its own sessions again after a reload.
// Owns the derivation and nothing else. Keys hold digests only, never a name. Each part is hashed with its length
// before it, so that no two lists of parts give the same key. The Rust client derives its keys in the same way, but
// from a path, which a browser does not know: here it is the name and samples of the content.

import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { sha256Of } from "../hash/inline.js";
import type { AssetKind } from "../types.js";

/** Changes when the derivation changes, so that old sessions are not mixed with new ones. */
const VERSION = "ks1";

/** What tells a file from others. */
export interface FileFacts {
  name: string;
  /** See `OpenSource.sample`. */
  sample: Uint8Array;
  size: number;
  /** ms since 1970; 0 where unknown. */
  lastModified: number;
}

/** What an upload is known by. Built once, then asked for the key of each session. */
export class UploadKey {
  readonly #file: FileFacts;
  readonly #digest: Uint8Array;

  /** `chunkBytes` is part of it because another cut makes other chunks. */
  constructor(file: FileFacts, chunkBytes: number) {
    this.#file = file;
    const numbers = [file.size, file.lastModified, chunkBytes].map(uint64);
    this.#digest = digest([utf8ToBytes(file.name), file.sample, ...numbers]);
  }

  /** Of the same file, cut in another way. */
  cutInto(chunkBytes: number): UploadKey {
    return new UploadKey(this.#file, chunkBytes);
  }

  /** The key of the session of an asset; of a derived one with its SHA-256: other bytes need another session. */
  session(kind: AssetKind, content: Uint8Array = new Uint8Array()): string {
    return `${VERSION}-${kind}-${bytesToHex(digest([this.#digest, utf8ToBytes(kind), content]))}`;
  }

  /** The key of a publish, given all of the request: other sessions, or another title, make another memory. */
  publish(request: string): string {
    return `${VERSION}-publish-${bytesToHex(digest([this.#digest, utf8ToBytes(request)]))}`;
  }

  /** For maps. */
  toString(): string {
    return bytesToHex(this.#digest);
  }
}

function digest(parts: Uint8Array[]): Uint8Array {
  return sha256Of(concatBytes(...parts.flatMap((part) => [uint64(part.length), part])));
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.trunc(value)), true);
  return bytes;
}
