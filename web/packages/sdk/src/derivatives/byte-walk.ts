// Owns reading a blob from its start on, a window at a time, so that a large file is never whole in memory.
// Knows no format.

const WINDOW_BYTES = 1024 * 1024;

/** Reached the end of the file where more had to be. */
export class EndOfFile extends Error {
  override readonly name = "EndOfFile";
}

/** A place in a blob that moves forward. */
export class ByteWalk {
  readonly #blob: Blob;
  #window = new Uint8Array(0);
  #windowStart = 0;
  #at = 0;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  /** Bytes from the blob's start. */
  get at(): number {
    return this.#at;
  }

  /** Beyond the end, too: the next read tells. */
  seek(at: number): void {
    this.#at = at;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  /** The next `count` bytes, at most one window of them; they stay valid until the next read. */
  async take(count: number): Promise<Uint8Array> {
    const offset = await this.#fill(count);
    if (offset + count > this.#window.length) {
      throw new EndOfFile();
    }
    this.#at += count;
    return this.#window.subarray(offset, offset + count);
  }

  /** Moves behind the next pair of `first` and a byte that is wanted, which it returns. */
  async takePair(first: number, isWanted: (second: number) => boolean): Promise<number> {
    for (;;) {
      const offset = await this.#fill(2);
      const window = this.#window;
      if (offset + 2 > window.length) {
        throw new EndOfFile();
      }
      let found = window.indexOf(first, offset);
      while (found >= 0 && found + 1 < window.length) {
        const second = window[found + 1] as number;
        if (isWanted(second)) {
          this.#at = this.#windowStart + found + 2;
          return second;
        }
        found = window.indexOf(first, found + 1);
      }
      // A pair may lie across two windows.
      this.#at = this.#windowStart + (found < 0 ? window.length : found);
    }
  }

  /** Where `at` lies in the window, which holds `count` bytes from there if the file does. */
  async #fill(count: number): Promise<number> {
    const offset = this.#at - this.#windowStart;
    if (offset >= 0 && offset + count <= this.#window.length) {
      return offset;
    }
    const slice = this.#blob.slice(this.#at, this.#at + Math.max(count, WINDOW_BYTES));
    this.#window = new Uint8Array(await slice.arrayBuffer());
    this.#windowStart = this.#at;
    return 0;
  }
}
