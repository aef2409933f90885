// What hashing means to the rest of the SDK. Owns the shape only; platform/ chooses how it is done.

/** SHA-256 of bytes that come one after the other. */
export interface Hasher {
  /** Looks at the bytes at once, then waits until there is room for the next. */
  update(bytes: Uint8Array): Promise<void>;
  /** 32 bytes; ends the hasher. */
  digest(): Promise<Uint8Array>;
  /** Ends it without a result. */
  close(): void;
}

/** Of a whole, and of each of its parts. */
export interface Hashes {
  whole: Uint8Array;
  parts: Uint8Array[];
}

/** Bytes to hash at once: large enough to be fast, small enough to be held several times. */
export const HASH_PIECE_BYTES = 2 << 20;
