// How many chunks may fly at once on this line: few at first, more while they arrive in time, half when they do not.
// Owns the number, as TCP does its window of segments; reads no clock itself.
// https://datatracker.ietf.org/doc/html/rfc5681

import { Window } from "../wait.js";

/** At first, so that a slow line is not given more than it can carry within the host's patience. */
const FIRST = 2;
/** A chunk that took longer shared its line with too many, ms: hosts wait for some 30 s. */
const SLOW_MS = 10_000;
/** What is longer may take as much more time, bytes. */
const SLOW_BYTES = 1_800_000;

export class LineWindow extends Window {
  readonly #max: number;
  /** Up to here it grows with every chunk, above by one in each round. */
  #threshold = Number.POSITIVE_INFINITY;
  #arrived = 0;
  /** Chunks that set out before say nothing about the window of now. */
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor(max: number) {
    super(Math.min(FIRST, max));
    this.#max = max;
  }

  /** A chunk that set out at `fromMs` arrived at `nowMs`, or a part of more `bytes`. */
  arrived(fromMs: number, nowMs: number, bytes = SLOW_BYTES): void {
    if (nowMs - fromMs > SLOW_MS * Math.max(bytes / SLOW_BYTES, 1)) {
      this.late(fromMs, nowMs);
      return;
    }
    this.#arrived += 1;
    if (this.limit < this.#max && (this.limit < this.#threshold || this.#arrived >= this.limit)) {
      this.#arrived = 0;
      this.resize(this.limit + 1);
    }
  }

  /** It stalled, or the host would not wait for it any longer, or it took too long. */
  late(fromMs: number, nowMs: number): void {
    if (fromMs < this.#changedAtMs) {
      return;
    }
    this.#changedAtMs = nowMs;
    this.#arrived = 0;
    this.#threshold = Math.max(Math.floor(this.limit / 2), 1);
    this.resize(this.#threshold);
  }
}
