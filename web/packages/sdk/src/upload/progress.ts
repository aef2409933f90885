// What an upload shows: both lanes, the rate, the time that is left. Owns the numbers; reads no clock itself.

import type { LaneProgress, UploadNotice, UploadPhase, UploadProgress } from "./types.js";

/** The rate is taken over this long, ms. */
const RATE_OVER_MS = 8_000;
/** A rate from less than this is no rate, ms. */
export const RATE_FROM_MS = 250;

export type LaneName = "original" | "derivatives";

export class ProgressBoard {
  phase: UploadPhase = "hashing";
  notice: UploadNotice | undefined;
  readonly original: LaneProgress;
  readonly derivatives: LaneProgress = { state: "waiting", bytesSent: 0, bytesTotal: 0 };
  /** Bytes that this run sent: those that were there before say nothing about the rate. */
  #moved = 0;
  readonly #moments: { atMs: number; moved: number }[] = [];
  /** Messages being tried again, each with its number of failures. */
  readonly #retries = new Map<object, { failures: number; offline: boolean }>();
  readonly #emit: (progress: UploadProgress) => void;
  readonly #nowMs: () => number;

  constructor(bytesTotal: number, emit: (progress: UploadProgress) => void, nowMs = () => performance.now()) {
    this.original = { state: "waiting", bytesSent: 0, bytesTotal };
    this.#emit = emit;
    this.#nowMs = nowMs;
  }

  /** Changes a lane. `bytesSent` never falls: a session that starts over catches up first. */
  lane(name: LaneName, change: Partial<LaneProgress>): void {
    const lane = this[name];
    const bytesSent = Math.min(
      Math.max(lane.bytesSent, change.bytesSent ?? 0),
      change.bytesTotal ?? lane.bytesTotal,
    );
    Object.assign(lane, change, { bytesSent: Math.max(lane.bytesSent, bytesSent) });
    this.show();
  }

  enter(phase: UploadPhase): void {
    this.phase = phase;
    this.show();
  }

  /** Bytes of some lane arrived just now. */
  moved(bytes: number): void {
    const now = this.#nowMs();
    if (this.#moments.length === 0) {
      this.#moments.push({ atMs: now, moved: this.#moved });
    }
    this.#moved += bytes;
    this.#moments.push({ atMs: now, moved: this.#moved });
    while (this.#moments.length > 2 && now - (this.#moments[1]?.atMs ?? now) > RATE_OVER_MS) {
      this.#moments.shift();
    }
  }

  /** Sending starts, or starts again after a pause: time before it says nothing about the rate. */
  restartClock(): void {
    this.#moments.length = 0;
    this.#moments.push({ atMs: this.#nowMs(), moved: this.#moved });
  }

  retrying(message: object, failures: number, offline: boolean): void {
    this.#retries.set(message, { failures, offline });
    this.show();
  }

  settled(message: object): void {
    if (this.#retries.delete(message)) {
      this.show();
    }
  }

  show(): void {
    this.#emit(this.snapshot());
  }

  snapshot(): UploadProgress {
    const retries = [...this.#retries.values()];
    const offline = retries.some((retry) => retry.offline);
    const bytesPerSecond = this.#rate();
    const left = this.#bytesLeft();
    return {
      phase: this.phase,
      original: { ...this.original },
      derivatives: { ...this.derivatives },
      bytesPerSecond,
      secondsLeft: offline || bytesPerSecond === 0 ? undefined : left / bytesPerSecond,
      attempt: 1 + Math.max(0, ...retries.map((retry) => retry.failures)),
      offline,
      ...(this.notice && { notice: this.notice }),
    };
  }

  #bytesLeft(): number {
    const { original, derivatives } = this;
    return original.bytesTotal - original.bytesSent + derivatives.bytesTotal - derivatives.bytesSent;
  }

  #rate(): number {
    const [first] = this.#moments;
    if (!first) {
      return 0;
    }
    const seconds = (this.#nowMs() - first.atMs) / 1000;
    return seconds * 1000 < RATE_FROM_MS ? 0 : (this.#moved - first.moved) / seconds;
  }
}
