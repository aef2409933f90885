// What the lane has read to send it, for the hash too, so that a large file is read once. Owns who waits for whom, and how long;
// reads and hashes nothing itself.

/**
 * So long the hash waits for what the lane reads next, ms; then it reads that itself. Where the line is fast, the lane comes
 * earlier; where it is not, the hash goes at 150 MB a second at least, so that a file that is there already is found soon.
 */
const WAIT_MS_MAX = 10;

export class InFlight {
  /** By where they begin. */
  readonly #pieces = new Map<number, Uint8Array>();
  #readTo = 0;
  #isComing = false;
  #onPiece: (() => void) | undefined;

  add(start: number, piece: Uint8Array): void {
    this.#pieces.set(start, piece);
    this.#readTo = Math.max(this.#readTo, start + piece.length);
    this.#onPiece?.();
  }

  /** Its memory may hold other bytes from now on. */
  remove(piece: Uint8Array): void {
    for (const [start, other] of this.#pieces) {
      if (other === piece) {
        this.#pieces.delete(start);
      }
    }
  }

  /** The lane reads from now on. */
  begin(): void {
    this.#isComing = true;
  }

  /** Nothing more comes. */
  end(): void {
    this.#isComing = false;
    this.#onPiece?.();
  }

  /** The bytes from `at` on, if they are here: only until the next `await`, as the memory is not the caller's. */
  from(at: number): Uint8Array | undefined {
    for (const [start, piece] of this.#pieces) {
      if (start <= at && at < start + piece.length) {
        return piece.subarray(at - start);
      }
    }
    return undefined;
  }

  /** Waits for the bytes from `at` on, unless the lane is past them: then it had them before, or sends them no more. */
  async coming(at: number): Promise<void> {
    if (!this.#isComing || at < this.#readTo) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, WAIT_MS_MAX);
      this.#onPiece = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onPiece = undefined;
  }
}
