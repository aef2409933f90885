// The page's side of the Worker in the background: one Worker, many jobs at once.
// Owns the Worker and the messages. Where it cannot be loaded, every job fails with `WorkerMissing`.

import { KeepsakeError } from "../errors.js";
import type { Hasher } from "../hash/types.js";
import type { Reply, Request } from "./worker.js";

interface Job {
  onBytes?: (bytes: number) => void;
  onDone?: () => void;
  resolve(result: Uint8Array | boolean): void;
  reject(error: unknown): void;
  /** What a failure of the Worker at this job means. */
  failure(reason: string): Error;
}

/** The Worker is not there: do it in another way. */
export class WorkerMissing extends Error {}

export class Background {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  #next = 0;
  /** It could not be loaded, for instance because the page's policy forbids it. */
  broken = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#reply(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message || "it cannot be loaded");
    };
  }

  /** SHA-256 of a blob, which the Worker reads by itself. */
  hashBlob(blob: Blob, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const job = this.#open({
        resolve: (sha256) => resolve(sha256 as Uint8Array),
        reject,
        onBytes,
        failure: unreadable,
      });
      const stop = () => {
        this.#forget(job);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#post({ job, blob });
    });
  }

  /** Whether a BLS signature is right. */
  verify(key: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const job = this.#open({
        resolve: (valid) => resolve(valid as boolean),
        reject,
        failure: (reason) => new Error(reason),
      });
      // Copies: a view would take its whole buffer along.
      const verify = { key: key.slice(), signature: signature.slice(), message: message.slice() };
      this.#post({ job, verify });
    });
  }

  hasher(): Hasher {
    const { promise, resolve, reject } = withResolvers<Uint8Array>();
    promise.catch(() => {});
    const entry: Job = { resolve: (sha256) => resolve(sha256 as Uint8Array), reject, failure: unreadable };
    const job = this.#open(entry);
    return {
      update: (piece) => {
        const taken = new Promise<void>((done) => {
          entry.onDone = done;
        });
        // A copy: the caller's buffer would be gone with the transfer.
        const own = piece.slice();
        this.#post({ job, piece: own }, [own.buffer]);
        return Promise.race([taken, promise.then(() => {})]);
      },
      digest: () => {
        this.#post({ job, end: true });
        return promise;
      },
      close: () => this.#forget(job),
    };
  }

  #open(entry: Job): number {
    this.#next += 1;
    this.#jobs.set(this.#next, entry);
    return this.#next;
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #forget(job: number): void {
    if (this.#jobs.delete(job)) {
      this.#post({ job, forget: true });
    }
  }

  #reply(reply: Reply): void {
    const job = this.#jobs.get(reply.job);
    if (!job) {
      return;
    }
    if ("bytes" in reply) {
      job.onBytes?.(reply.bytes);
    } else if ("done" in reply) {
      job.onDone?.();
    } else {
      this.#jobs.delete(reply.job);
      if ("failure" in reply) {
        job.reject(job.failure(reply.failure));
      } else {
        job.resolve("sha256" in reply ? reply.sha256 : reply.valid);
      }
    }
  }

  #fail(reason: string): void {
    this.broken = true;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of jobs) {
      job.reject(new WorkerMissing(reason));
    }
  }
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}

function unreadable(reason: string): KeepsakeError {
  const message = `the file cannot be read any more (${reason}): it was moved or changed; choose it again`;
  return new KeepsakeError("Integrity", message, { code: "file_changed", detail: reason });
}
