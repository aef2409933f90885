// One HTTP request with its bounds: it ends with a signal, or when its answer is not complete in time.
// Owns the two; what an end means is understood in faults.ts.

import { aborted } from "./errors.js";

/** No complete answer within this time counts as unreachable. Eight chunks share a slow line in it. */
const REQUEST_TIMEOUT_MS = 300_000;

/** `fetch` with bounds. The answer's body is read within them too: it belongs to the request. */
export function timedFetch(plain: typeof fetch, signal?: AbortSignal): typeof fetch {
  return async (input, init) => {
    const controller = new AbortController();
    const stop = () => controller.abort(aborted("the request"));
    if (signal?.aborted) {
      stop();
    }
    signal?.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(() => {
      controller.abort(new DOMException(`no answer in ${REQUEST_TIMEOUT_MS / 1000} s`, "TimeoutError"));
    }, REQUEST_TIMEOUT_MS);
    try {
      const response = await plain(input, { ...init, signal: controller.signal });
      const body = await response.arrayBuffer();
      const { status, statusText, headers } = response;
      const whole = new Response(body.byteLength > 0 ? body : null, { status, statusText, headers });
      Object.defineProperty(whole, "url", { value: response.url });
      return whole;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  };
}
