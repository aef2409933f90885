// What is uploaded, opened: a name, a size, and reads by position. Owns the checks that every read is whole and that
// the file is still the one that it was, and the memory that pieces are read into. A file is never whole in memory.

import { KeepsakeError } from "../errors.js";
import { sha256OfLarge } from "../hash/large.js";
import { InFlight } from "./in-flight.js";
import type { Uploadable, UploadSource } from "./types.js";

/** Sources up to this size are told apart by all of their bytes, larger ones by samples of them. */
const SAMPLED_BYTES = 1 << 20;
const SAMPLES = 16;

export class OpenSource {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** ms since 1970; 0 where unknown. */
  readonly lastModified: number;
  /** Where the source is a `Blob`: itself, for those who can read it elsewhere. */
  readonly blob: Blob | undefined;
  readonly #read: (start: number, end: number) => Promise<Uint8Array>;
  readonly #source: UploadSource | undefined;
  /** Of a file that says when it changed: bytes that are hashed on their way may be no others than those of a second reading. */
  readonly #inFlight: InFlight | undefined;
  /** Memory of pieces that nobody looks at any more: new memory costs more than what is read into it. */
  readonly #spare: ArrayBuffer[] = [];

  constructor(given: Uploadable) {
    const from = opened(given);
    this.name = "name" in from && typeof from.name === "string" ? from.name : "";
    this.type = from.type ?? "";
    this.size = from.size;
    const lastModified = "lastModified" in from ? Number(from.lastModified) : 0;
    this.lastModified = Number.isFinite(lastModified) ? lastModified : 0;
    if (from instanceof Blob) {
      this.blob = from;
      this.#read = async (start, end) => new Uint8Array(await from.slice(start, end).arrayBuffer());
    } else {
      this.#source = from;
      this.#inFlight = from.isUnchanged && new InFlight();
      this.#read = from.readInto
        ? (start, end) => this.#readInto(start, end)
        : (start, end) => from.slice(start, end);
    }
  }

  /** How messages call it. */
  get label(): string {
    return JSON.stringify(this.name || "the file");
  }

  /** The same, read later and elsewhere where the source allows it. */
  async piece(start: number, end: number): Promise<Blob | Uint8Array> {
    if (this.blob) {
      return this.blob.slice(start, end);
    }
    const bytes = await this.read(start, end);
    this.#inFlight?.add(start, bytes);
    return bytes;
  }

  /** While `lane` lasts, it reads pieces: {@link feed} has them too. */
  async during<R>(lane: () => Promise<R>): Promise<R> {
    this.#inFlight?.begin();
    try {
      return await lane();
    } finally {
      this.#inFlight?.end();
    }
  }

  /**
   * Gives `take` the bytes from `at` on, as many as are at hand or `most`, and says how many those were. `take` looks at them
   * before it first waits for something.
   */
  async feed(at: number, most: number, take: (bytes: Uint8Array) => Promise<void>): Promise<number> {
    await this.#inFlight?.coming(at);
    const flying = this.#inFlight?.from(at);
    if (flying) {
      await take(flying);
      return flying.length;
    }
    const own = await this.read(at, Math.min(at + most, this.size));
    await take(own);
    this.giveBack(own);
    return own.length;
  }

  /** Exactly the bytes from `start` up to `end`. */
  async read(start: number, end: number): Promise<Uint8Array> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#read(start, end);
    } catch (cause) {
      throw this.unreadable(cause);
    }
    if (bytes.length !== end - start) {
      throw this.changed();
    }
    return bytes;
  }

  /** Nobody looks at these bytes any more, nor sends them: their memory serves the next. */
  giveBack(piece: Blob | Uint8Array): void {
    if (piece instanceof Blob) {
      return;
    }
    this.#inFlight?.remove(piece);
    if (this.#source?.readInto) {
      this.#spare.push(piece.buffer as ArrayBuffer);
    }
  }

  async #readInto(start: number, end: number): Promise<Uint8Array> {
    const length = end - start;
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= length);
    const memory = this.#spare.splice(at, at < 0 ? 0 : 1)[0] ?? new ArrayBuffer(length);
    const bytes = new Uint8Array(memory, 0, length);
    return bytes.subarray(0, await this.#source?.readInto?.(bytes, start));
  }

  /** The whole, read lazily, for lane B. */
  async asBlob(): Promise<Blob | undefined> {
    return this.blob ?? (await this.#source?.asBlob?.());
  }

  /** Throws where the file is no longer what it was at opening. */
  async checkUnchanged(): Promise<void> {
    if ((await this.#source?.isUnchanged?.()) === false) {
      throw this.changed();
    }
  }

  /** The sample is the SHA-256 of the whole. */
  get isSampledWhole(): boolean {
    return this.size <= SAMPLED_BYTES;
  }

  /** Tells this content from others without reading a large file whole: SHA-256 of samples. */
  async sample(): Promise<Uint8Array> {
    if (this.isSampledWhole) {
      return await sha256OfLarge(await this.read(0, this.size));
    }
    const each = SAMPLED_BYTES / SAMPLES;
    const together = new Uint8Array(SAMPLED_BYTES);
    for (let index = 0; index < SAMPLES; index += 1) {
      const start = Math.floor(((this.size - each) * index) / (SAMPLES - 1));
      together.set(await this.read(start, start + each), index * each);
    }
    return await sha256OfLarge(together);
  }

  changed(cause?: unknown): KeepsakeError {
    const message = `${this.label} changed during the upload: nothing was published; upload it again when it is at rest`;
    return new KeepsakeError("Integrity", message, { code: "file_changed", cause });
  }

  /** What it means that a read failed. */
  unreadable(cause: unknown): KeepsakeError {
    if (cause instanceof KeepsakeError) {
      return cause;
    }
    // Browsers refuse to read a file that changed since it was chosen.
    if (/NotReadableError/.test(String(cause)) || /bytes came instead of/.test(String(cause))) {
      return this.changed(cause);
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${this.label} cannot be read (${reason}): choose it again`;
    return new KeepsakeError("Integrity", message, { code: "file_unreadable", detail: reason, cause });
  }
}

/** Bytes at hand become a `Blob` without a name. What cannot be uploaded is refused with what to pass instead. */
function opened(given: Uploadable): Blob | UploadSource {
  if (given instanceof Blob) {
    return given;
  }
  if (given instanceof ArrayBuffer || ArrayBuffer.isView(given)) {
    return new Blob([given as BlobPart]);
  }
  const source = given as Partial<UploadSource> | null | undefined;
  if (typeof source === "object" && typeof source?.slice === "function" && isSize(source.size)) {
    return source as UploadSource;
  }
  const message = `upload: ${described(given)}`;
  throw new KeepsakeError("InvalidArgument", message, { code: "bad_argument" });
}

function isSize(size: unknown): boolean {
  return Number.isSafeInteger(size) && (size as number) >= 0;
}

function described(given: unknown): string {
  if (typeof given === "string" || given instanceof URL) {
    return "a path or an address is no file: in Node pass `await fileSource(path)` of @keepsake/sdk/node";
  }
  if (typeof given === "object" && given !== null && ("getReader" in given || "pipe" in given)) {
    return "a stream has no size and cannot be read again: pass a file, a Blob, or bytes";
  }
  return `${given === null ? "null" : typeof given} is no file: pass a File, a Blob, bytes, or a source with a size and slice()`;
}
