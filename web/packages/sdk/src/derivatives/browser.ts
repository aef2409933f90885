// Lane B's first half in a browser, as the page sees it: owns the one worker, the queue before it, and its end.
// The images are made in the worker (`worker.ts`).

import { KeepsakeError } from "../errors.js";
import type { DeriveReply, DeriveRequest } from "./messages.js";
import type { DerivedImage, Deriver } from "./types.js";

/** A worker without work gives its memory back after so long. */
const IDLE_MS_MAX = 10_000;
/** After so many images the next one gets a new worker: the old one's garbage is collected late, but its end is now. */
const IMAGES_MAX = 16;

/** What a browser must have so that photos get derivatives; says which is missing. */
export function missingForDerivatives(): string[] {
  const wanted = ["Worker", "OffscreenCanvas", "createImageBitmap"];
  return wanted.filter((name) => !(name in globalThis));
}

/**
 * Makes derivatives in a worker with the browser's own codecs, one image at a time however many are asked for. The
 * worker starts with the first image.
 *
 * Where {@link missingForDerivatives} names something, every image resolves with `undefined`: photos are uploaded
 * without previews, and the console says why, once.
 */
export function browserDeriver(): Deriver {
  const missing = missingForDerivatives();
  if (missing.length > 0) {
    console.warn(
      `Keepsake: this browser has no ${missing.join(", ")}: photos are uploaded without previews. Update the browser.`,
    );
    return async () => undefined;
  }
  const queue = new WorkerQueue();
  return (source, { signal }) => queue.derive(source, signal);
}

/** One image that waits for the worker, or is in it. */
interface Job {
  readonly source: Blob;
  readonly done: (image: DerivedImage | undefined) => void;
  readonly failed: (error: KeepsakeError) => void;
}

class WorkerQueue {
  readonly #waiting: Job[] = [];
  #current: Job | undefined;
  #worker: Worker | undefined;
  /** Made by this worker. */
  #images = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  derive(source: Blob, signal: AbortSignal | undefined): Promise<DerivedImage | undefined> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#drop(job);
        reject(new KeepsakeError("Aborted", "the derivatives were canceled", { code: "canceled" }));
      };
      const settle = <T>(how: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener("abort", abort);
          how(value);
        };
      };
      const job: Job = { source, done: settle(resolve), failed: settle(reject) };
      if (signal?.aborted) {
        abort();
        return;
      }
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(job);
      this.#next();
    });
  }

  #next(): void {
    if (this.#current) {
      return;
    }
    clearTimeout(this.#idle);
    this.#current = this.#waiting.shift();
    if (!this.#current) {
      this.#idle = setTimeout(() => this.#end(), IDLE_MS_MAX);
      return;
    }
    const request: DeriveRequest = { source: this.#current.source };
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(request);
    } catch (error) {
      this.#lost(String(error));
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      type: "module",
      name: "keepsake-derivatives",
    });
    worker.onmessage = (event: MessageEvent<DeriveReply>) => this.#answer(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#lost(event.message || "it could not be loaded");
    };
    worker.onmessageerror = () => this.#lost("its answer could not be read");
    return worker;
  }

  #answer(reply: DeriveReply): void {
    const job = this.#current;
    this.#current = undefined;
    this.#images += 1;
    if (this.#images >= IMAGES_MAX) {
      this.#end();
    }
    if (reply.kind === "failed") {
      job?.failed(new KeepsakeError("Derivation", reply.message, { code: reply.code }));
    } else {
      job?.done(reply.kind === "made" ? reply.image : undefined);
    }
    this.#next();
  }

  /** The worker is no more: its image gets no derivatives, and the next one gets a new worker. */
  #lost(why: string): void {
    const job = this.#current;
    this.#end();
    const message = `the worker that makes previews failed (${why}): the photo is kept without them`;
    job?.failed(new KeepsakeError("Derivation", message, { code: "worker_failed" }));
    this.#next();
  }

  /** A decoder cannot be interrupted, so that the worker goes with the image that nobody wants. */
  #drop(job: Job): void {
    const place = this.#waiting.indexOf(job);
    if (place >= 0) {
      this.#waiting.splice(place, 1);
    } else if (job === this.#current) {
      this.#end();
      this.#next();
    }
  }

  #end(): void {
    clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#images = 0;
    this.#current = undefined;
  }
}
