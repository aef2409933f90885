// One HTTP request with its bounds: it ends with a signal, or when no byte moves on it for too long. Owns the two, and how
// long is too long; what an end means is understood in faults.ts.

import { aborted } from "./errors.js";
import type { WatchedFetch } from "./watched-fetch.js";

/** It is not waited for longer than this, however slow the line is. Eight chunks share one in it. */
const STALL_MS_MAX = 300_000;

/**
 * How long no byte may move, for all requests to one host: then the line is dead, as when the Wi-Fi changed or a router
 * forgot the connection. Buffers on the way may swallow a whole chunk at once and show
 * nothing while it trickles out: so each stall doubles it, and each answer halves it again.
 */
export class Patience {
  readonly #firstMs: number;
  #ms: number;

  constructor(firstMs: number) {
    this.#firstMs = firstMs;
    this.#ms = firstMs;
  }

  get ms(): number {
    return this.#ms;
  }

  stalled(): void {
    this.#ms = Math.min(this.#ms * 2, STALL_MS_MAX);
  }

  answered(): void {
    this.#ms = Math.max(this.#ms / 2, this.#firstMs);
  }
}

/** `fetch` with bounds. The answer's body is read within them too: it belongs to the request. */
export function timedFetch(watched: WatchedFetch, patience: Patience, signal?: AbortSignal): typeof fetch {
  return async (input, init) => {
    const controller = new AbortController();
    const stop = () => controller.abort(aborted("the request"));
    if (signal?.aborted) {
      stop();
    }
    signal?.addEventListener("abort", stop, { once: true });
    const ms = watched.isBlind ? STALL_MS_MAX : patience.ms;
    const stall = () => {
      patience.stalled();
      controller.abort(new DOMException(`no byte moved for ${ms / 1000} s`, "TimeoutError"));
    };
    let timer = setTimeout(stall, ms);
    const onBytes = () => {
      clearTimeout(timer);
      timer = setTimeout(stall, ms);
    };
    try {
      const url = new URL(input instanceof Request ? input.url : input);
      const response = await watched(url, { ...init, signal: controller.signal }, onBytes);
      patience.answered();
      return response;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  };
}
