// Waiting: for a pause that an abort or the network's return ends early, for a gate, for a place in a window.
// Owns no policy.

import { aborted, KeepsakeError } from "./errors.js";

/** While the browser says that it is offline, look again at least this often, ms: it may be wrong. */
const OFFLINE_LOOK_MS = 15_000;

/** Waits `ms`; while the browser is offline, until it is online again. */
export function pause(ms: number, signal: AbortSignal | undefined, what: string): Promise<void> {
  const offline = globalThis.navigator?.onLine === false;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, offline ? Math.max(ms, OFFLINE_LOOK_MS) : ms);
    function done() {
      forget();
      resolve();
    }
    function stop() {
      forget();
      reject(reasonOf(signal, what));
    }
    function forget() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      globalThis.removeEventListener?.("online", done);
    }
    signal?.addEventListener("abort", stop, { once: true });
    globalThis.addEventListener?.("online", done, { once: true });
    if (signal?.aborted) {
      stop();
    }
  });
}

/** Settles as `promise`, or rejects when `signal` fires. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(reasonOf(signal, what));
    if (signal?.aborted) {
      stop();
    }
    signal?.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal?.removeEventListener("abort", stop));
  });
}

/** Open or closed; who passes waits while it is closed. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: (() => void) | undefined;

  get isClosed(): boolean {
    return this.#opened !== undefined;
  }

  close(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open?.();
    this.#opened = undefined;
  }

  async passed(signal: AbortSignal): Promise<void> {
    while (this.#opened) {
      await orAborted(this.#opened, signal, "the upload");
    }
  }
}

/** A bounded number of places; who comes first is served first. */
export class Window {
  #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#limit = places;
  }

  get limit(): number {
    return this.#limit;
  }

  /** More places at once; with fewer, nobody has to leave who is in. */
  resize(places: number): void {
    this.#limit = places;
    this.#admit();
  }

  /** Waits for a place; call the result to give it back. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    if (this.#taken < this.#limit) {
      this.#taken += 1;
    } else {
      await this.#turn(signal);
    }
    let left = false;
    return () => {
      if (!left) {
        left = true;
        this.#taken -= 1;
        this.#admit();
      }
    };
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const stop = () => {
        const at = this.#waiting.indexOf(go);
        if (at >= 0) {
          this.#waiting.splice(at, 1);
        }
        reject(reasonOf(signal, "waiting"));
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.push(go);
      if (signal?.aborted) {
        stop();
      }
    });
  }

  #admit(): void {
    while (this.#taken < this.#limit) {
      const next = this.#waiting.shift();
      if (!next) {
        return;
      }
      this.#taken += 1;
      next();
    }
  }
}

function reasonOf(signal: AbortSignal | undefined, what: string): KeepsakeError {
  return signal?.reason instanceof KeepsakeError ? signal.reason : aborted(what);
}
