// One HTTP request with its bounds: it ends with a signal, or when no byte moves on it for too long. Owns the two, and how
// long is too long; what an end means is understood in faults.ts.

import { aborted } from "./errors.js";
import { type Body, lengthOf, type WatchedFetch } from "./watched-fetch.js";

/** Where nobody tells of the bytes that go out, the whole answer is waited for so long, ms. */
const BLIND_MS_MAX = 300_000;
/** A request of fewer bytes says nothing about the line. */
const MEASURED_BYTES_MIN = 100_000;
/** What one of the first two chunks is thought to get of a line that was not measured yet, bytes per second. */
const UNKNOWN_RATE = 32_768;
/** After it stalled: hosts ask for this much. */
const LEAST_RATE = 16_384;
/** A line may become so many times slower than it was. */
const SLACK = 3;

/**
 * How long no byte may move, for all requests to one host: then the line is dead, as when the Wi-Fi changed or a router
 * forgot the connection. Buffers on the way may swallow a whole chunk at once and show nothing while it trickles out: once
 * it is handed over, its answer may take as long as the line needs for it.
 */
export class Patience {
  readonly stallMs: number;
  #rate = UNKNOWN_RATE;

  constructor(stallMs: number) {
    this.stallMs = stallMs;
  }

  /** Between two bytes that move, while `bytesUnseen` may lie in buffers. */
  ms(bytesUnseen: number): number {
    return this.stallMs + (bytesUnseen / this.#rate) * 1000;
  }

  answered(bytes: number, ms: number): void {
    if (bytes >= MEASURED_BYTES_MIN) {
      this.#rate = Math.max((bytes / Math.max(ms, 1)) * (1000 / SLACK), LEAST_RATE);
    }
  }

  /** Maybe it was not dead but slow. */
  stalled(): void {
    this.#rate = LEAST_RATE;
  }
}

/** Tells when nothing moved for too long. Its timer is looked at when it fires, not set anew for each piece of a chunk. */
class Stall {
  readonly #onStall: (ms: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #firesAtMs = Number.POSITIVE_INFINITY;
  #movedAtMs = 0;
  #ms = 0;

  constructor(onStall: (ms: number) => void) {
    this.#onStall = onStall;
  }

  /** From now on it may take `ms`. */
  moved(ms: number): void {
    this.#movedAtMs = performance.now();
    this.#ms = ms;
    if (this.#movedAtMs + ms < this.#firesAtMs) {
      this.#fireAfter(ms);
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#firesAtMs = Number.NEGATIVE_INFINITY;
  }

  #fireAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#firesAtMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    const leftMs = this.#movedAtMs + this.#ms - performance.now();
    if (leftMs > 0) {
      this.#fireAfter(leftMs);
    } else {
      this.#onStall(this.#ms);
    }
  }
}

/**
 * `fetch` with bounds. The answer's body is read within them too: it belongs to the request. `onBytes` hears how many went out so
 * far, where somebody tells.
 */
export function timedFetch(
  watched: WatchedFetch,
  patience: Patience,
  signal?: AbortSignal,
  onBytes?: (bytesOut: number) => void,
): typeof fetch {
  return async (input, init) => {
    const controller = new AbortController();
    const stop = () => controller.abort(aborted("the request"));
    if (signal?.aborted) {
      stop();
    }
    signal?.addEventListener("abort", stop, { once: true });
    const bytes = lengthOf(init?.body as Body | undefined);
    const stall = new Stall((ms) => {
      patience.stalled();
      controller.abort(new DOMException(`no byte moved for ${Math.round(ms / 1000)} s`, "TimeoutError"));
    });
    const watch = (bytesOut: number) => {
      const ms = patience.ms(bytesOut >= bytes ? bytes : 0);
      stall.moved(watched.isBlind ? Math.max(BLIND_MS_MAX, patience.ms(bytes)) : ms);
      onBytes?.(Math.min(bytesOut, bytes));
    };
    watch(0);
    const fromMs = performance.now();
    try {
      // Not asked by `instanceof Request`: in Node that name alone loads all of `fetch`.
      const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
      const response = await watched(url, { ...init, signal: controller.signal }, watch);
      patience.answered(bytes, performance.now() - fromMs);
      return response;
    } finally {
      stall.end();
      signal?.removeEventListener("abort", stop);
    }
  };
}
