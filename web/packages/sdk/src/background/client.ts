// The page's side of the Worker in the background: one Worker, many jobs at once.
// Owns the Worker with its end, the messages, and the signing that the Worker asks for. Where it cannot be loaded,
// every job fails with `WorkerMissing`.

import { FaultError } from "../faults.js";
import type { Hasher, Hashes } from "../hash/types.js";
import type { LargeAnswer, LargeCall, Reply, Request, SenderSetup } from "./messages.js";

/** A Worker without work gives its memory back after so long. */
const IDLE_MS_MAX = 10_000;
/** After so many bytes the next work goes to a new Worker: this one's garbage is collected late, but its end is now. */
const BYTES_MAX = 48 * 2 ** 20;

type Result = Uint8Array | Hashes | boolean | LargeAnswer;
type Sign = (bytes: Uint8Array) => Promise<Uint8Array>;

interface Job {
  onBytes?: (bytes: number) => void;
  onDone?: () => void;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** The Worker is not there: do it in another way. */
export class WorkerMissing extends Error {}
/** The Worker cannot read the bytes that it was given. */
export class Unreadable extends Error {}

/** Large messages of one upload or download, sent by the Worker. */
export interface RemoteSender {
  /** Rejects with `FaultError`, `Unreadable` or `WorkerMissing`. */
  call(call: LargeCall): Promise<LargeAnswer>;
  /** Ends its requests. */
  close(): void;
}

export class Background {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  readonly #signers = new Map<number, Sign>();
  #next = 0;
  #bytes = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
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

  /** It has done its share, or has ended for want of work: take another one, and {@link retire} this one. */
  get isSpent(): boolean {
    return this.#isOver || this.#bytes > BYTES_MAX;
  }

  /** Nothing new comes to it: it ends with what it has. */
  retire(): void {
    this.#isOver = true;
    this.#endWhenIdle();
  }

  /** SHA-256 of a blob, which the Worker reads by itself. */
  hashBlob(blob: Blob, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<Uint8Array> {
    return this.#hash<Uint8Array>({ blob }, signal, onBytes);
  }

  /** The same, and of each of its parts. */
  hashParts(blob: Blob, partBytes: number, signal: AbortSignal): Promise<Hashes> {
    return this.#hash<Hashes>({ blob, partBytes }, signal, () => {});
  }

  async #hash<R extends Uint8Array | Hashes>(
    what: { blob: Blob; partBytes?: number },
    signal: AbortSignal,
    onBytes: (bytes: number) => void,
  ): Promise<R> {
    let job = 0;
    const stop = () => {
      const entry = this.#jobs.get(job);
      this.#forget(job);
      entry?.reject(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      const { id, result } = this.#open<R>({ onBytes });
      job = id;
      this.#bytes += what.blob.size;
      this.#post({ job, ...what });
      return await result;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Whether a BLS signature is right. */
  verify(key: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
    const { id: job, result } = this.#open<boolean>({});
    // Copies: a view would take its whole buffer along.
    const verify = { key: key.slice(), signature: signature.slice(), message: message.slice() };
    this.#post({ job, verify });
    return result;
  }

  hasher(): Hasher {
    const handlers: Pick<Job, "onDone"> = {};
    const { id: job, result } = this.#open<Uint8Array>(handlers);
    result.catch(() => {});
    return {
      update: (piece) => {
        const taken = new Promise<void>((done) => {
          handlers.onDone = done;
        });
        // A copy: the caller's buffer would be gone with the transfer.
        const own = piece.slice();
        this.#bytes += own.length;
        this.#post({ job, piece: own }, [own.buffer]);
        return Promise.race([taken, result.then(() => {})]);
      },
      digest: () => {
        this.#post({ job, end: true });
        return result;
      },
      close: () => this.#forget(job),
    };
  }

  sender(setup: SenderSetup, sign: Sign): RemoteSender {
    this.#next += 1;
    const sender = this.#next;
    this.#signers.set(sender, sign);
    this.#post({ sender, open: setup });
    return {
      call: (call) => {
        const { id: job, result } = this.#open<LargeAnswer>({});
        this.#bytes += call.length;
        this.#post({ job, sender, call });
        return result;
      },
      close: () => {
        this.#signers.delete(sender);
        this.#post({ sender, close: true });
        this.#endWhenIdle();
      },
    };
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idle);
    if (this.#jobs.size > 0 || this.#signers.size > 0) {
      return;
    }
    if (this.#isOver) {
      this.#worker.terminate();
    } else {
      this.#idle = setTimeout(() => this.retire(), IDLE_MS_MAX);
    }
  }

  #open<R extends Result>(handlers: Pick<Job, "onBytes" | "onDone">): { id: number; result: Promise<R> } {
    this.#next += 1;
    const id = this.#next;
    const result = new Promise<R>((resolve, reject) => {
      if (this.broken) {
        reject(new WorkerMissing());
        return;
      }
      const entry = Object.assign(handlers, { resolve: resolve as Job["resolve"], reject });
      this.#jobs.set(id, entry);
    });
    return { id, result };
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #forget(job: number): void {
    if (this.#jobs.delete(job)) {
      this.#post({ job, forget: true });
      this.#endWhenIdle();
    }
  }

  #reply(reply: Reply): void {
    if ("question" in reply) {
      this.#sign(reply.question, reply.sender, reply.sign);
      return;
    }
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
      settle(job, reply);
      this.#endWhenIdle();
    }
  }

  async #sign(question: number, sender: number, bytes: Uint8Array): Promise<void> {
    try {
      const sign = this.#signers.get(sender);
      if (!sign) {
        throw new Error("the upload is over");
      }
      this.#post({ question, signature: await sign(bytes) });
    } catch (error) {
      this.#post({ question, refused: error instanceof Error ? error.message : String(error) });
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

type End = Extract<
  Reply,
  | { sha256: unknown }
  | { hashes: unknown }
  | { valid: unknown }
  | { answer: unknown }
  | { fault: unknown }
  | { failure: unknown }
>;

function settle(job: Job, reply: End): void {
  if ("failure" in reply) {
    job.reject(new Unreadable(reply.failure));
  } else if ("fault" in reply) {
    job.reject(new FaultError(reply.fault));
  } else if ("answer" in reply) {
    job.resolve(reply.answer);
  } else if ("hashes" in reply) {
    job.resolve(reply.hashes);
  } else {
    job.resolve("sha256" in reply ? reply.sha256 : reply.valid);
  }
}
