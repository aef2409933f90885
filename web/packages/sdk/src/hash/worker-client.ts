// The page's side of the hashing Worker: one Worker, many jobs at once.
// Owns the Worker and the messages; where no Worker can be had, `workerHash` says so by undefined.

import { KeepsakeError } from "../errors.js";
import type { Hasher } from "./types.js";
import type { HashReply, HashRequest } from "./worker.js";

interface Job {
  onBytes?: (bytes: number) => void;
  onDone?: () => void;
  resolve(sha256: Uint8Array): void;
  reject(error: unknown): void;
}

export class WorkerHash {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  #next = 0;
  /** It could not be loaded, for instance because the page's policy forbids it. */
  broken = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<HashReply>) => this.#reply(data);
    worker.onerror = (event) => this.#fail(event.message || "the Worker cannot be loaded");
  }

  /** SHA-256 of a blob, which the Worker reads by itself. */
  blob(blob: Blob, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const job = this.#open({ resolve, reject, onBytes });
      const stop = () => {
        this.#forget(job);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#post({ job, blob });
    });
  }

  hasher(): Hasher {
    let resolve: (sha256: Uint8Array) => void = () => {};
    let reject: (error: unknown) => void = () => {};
    const result = new Promise<Uint8Array>((...both) => {
      [resolve, reject] = both;
    });
    result.catch(() => {});
    const entry: Job = { resolve, reject };
    const job = this.#open(entry);
    return {
      update: (piece) => {
        const taken = new Promise<void>((done) => {
          entry.onDone = done;
        });
        this.#post({ job, piece }, [piece.buffer]);
        return Promise.race([taken, result.then(() => {})]);
      },
      digest: () => {
        this.#post({ job, end: true });
        return result;
      },
      close: () => this.#forget(job),
    };
  }

  #open(entry: Job): number {
    this.#next += 1;
    this.#jobs.set(this.#next, entry);
    return this.#next;
  }

  #post(request: HashRequest, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #forget(job: number): void {
    if (this.#jobs.delete(job)) {
      this.#post({ job, forget: true });
    }
  }

  #reply(reply: HashReply): void {
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
      if ("sha256" in reply) {
        job.resolve(reply.sha256);
      } else {
        job.reject(unreadable(reply.failure));
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

/** The Worker is not there: hash in another way. */
export class WorkerMissing extends Error {}

function unreadable(reason: string): KeepsakeError {
  const message = `the file cannot be read any more (${reason}): it was moved or changed; choose it again`;
  return new KeepsakeError("Integrity", message, { code: "file_changed", detail: reason });
}
