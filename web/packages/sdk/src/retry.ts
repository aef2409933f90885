// When to try again, and after how long: exponential backoff with full jitter, bounded.
// Owns the policy and the bookkeeping of one message's attempts, as values; reads no clock and draws no random
// number itself. Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

import type { RetryPolicy } from "./types.js";

/** Whether another attempt can help: never, it is a passing fault, or nobody is there. */
export type Transience = "permanent" | "passing" | "unreachable";

export const RETRY_DEFAULT: RetryPolicy = {
  attemptsMax: 8,
  pauseFirstMs: 200,
  pauseMaxMs: 15_000,
  unreachableMaxMs: 60_000,
  stallMs: 20_000,
};

/** While nobody is there a pause is at most this long, so that a restarted node is soon noticed. */
const UNREACHABLE_PAUSE_MAX_MS = 1_000;
/** After this long without an answer the pauses may grow up to the policy's own bound. */
const UNREACHABLE_SOON_MS = 60_000;

/** A host that wants to be left alone for longer is asked all the same. */
const RETRY_AFTER_MS_MAX = 300_000;

/** The failed attempts of one message so far. */
export class Attempts {
  #passing = 0;
  #unreachable = 0;
  #unreachableSinceMs: number | undefined;
  readonly #policy: RetryPolicy;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  get failures(): number {
    return this.#passing + this.#unreachable;
  }

  /**
   * The pause before the next attempt, ms; undefined to give up. `jitter` is drawn evenly from 0 to 1. `retryAfterMs`: the
   * host said when to come again, and all who were told so should not come together. No more of that is waited than the policy
   * waits for one that is away.
   */
  pauseAfter(transience: Transience, nowMs: number, jitter: number, retryAfterMs = 0): number | undefined {
    if (transience === "permanent") {
      return undefined;
    }
    const bound = transience === "passing" ? this.#passingBound() : this.#unreachableBound(nowMs);
    if (bound === undefined) {
      return undefined;
    }
    const awayMs = nowMs - (this.#unreachableSinceMs ?? nowMs);
    const leftMs =
      this.#unreachableSinceMs === undefined ? RETRY_AFTER_MS_MAX : this.#policy.unreachableMaxMs - awayMs;
    return Math.min(retryAfterMs, RETRY_AFTER_MS_MAX, leftMs) + bound * jitter;
  }

  #passingBound(): number | undefined {
    this.#unreachableSinceMs = undefined;
    const bound = this.#doubled(this.#passing, this.#policy.pauseMaxMs);
    this.#passing += 1;
    return this.#passing < this.#policy.attemptsMax ? bound : undefined;
  }

  #unreachableBound(nowMs: number): number | undefined {
    this.#unreachableSinceMs ??= nowMs;
    const sinceMs = nowMs - this.#unreachableSinceMs;
    const max = sinceMs < UNREACHABLE_SOON_MS ? UNREACHABLE_PAUSE_MAX_MS : this.#policy.pauseMaxMs;
    const bound = this.#doubled(this.#unreachable, max);
    this.#unreachable += 1;
    return sinceMs < this.#policy.unreachableMaxMs ? bound : undefined;
  }

  #doubled(times: number, max: number): number {
    return Math.min(this.#policy.pauseFirstMs * 2 ** Math.min(times, 30), max);
  }
}
