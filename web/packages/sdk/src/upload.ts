// One upload as its caller sees it: progress, pause, resume, cancel, and the promise of its end.
// Owns the states; what is done in them is in upload/run.ts and upload/pipeline.ts.

import { aborted, KeepsakeError } from "./errors.js";
import type { SessionId } from "./types.js";
import { freeSessions } from "./upload/opened.js";
import { ProgressBoard } from "./upload/progress.js";
import { runUpload } from "./upload/run.js";
import type { Scheduler } from "./upload/scheduler.js";
import { OpenSource } from "./upload/source.js";
import type {
  Uploadable,
  UploadOptions,
  UploadPhase,
  UploadProgress,
  UploadResult,
  UploadState,
} from "./upload/types.js";
import { Gate } from "./wait.js";

/** An upload under way. Make one by `Keepsake.upload`; it has begun then. */
export class Upload {
  /** The memory; rejects with a `KeepsakeError`. */
  readonly done: Promise<UploadResult>;
  readonly #scheduler: Scheduler;
  readonly #options: UploadOptions;
  readonly #board: ProgressBoard;
  readonly #gate = new Gate();
  readonly #stop = new AbortController();
  readonly #sessions = new Map<string, SessionId | undefined>();

  constructor(scheduler: Scheduler, file: Uploadable, options: UploadOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
    const source = new OpenSource(file);
    this.#board = new ProgressBoard(source.size, () => this.#tell());
    const onAbort = () => this.#stop.abort(aborted("the upload"));
    if (options.signal?.aborted) {
      onAbort();
    }
    options.signal?.addEventListener("abort", onAbort, { once: true });
    this.done = this.#go(source).finally(() => options.signal?.removeEventListener("abort", onAbort));
    // Whoever only watches the progress is not told twice.
    this.done.catch(() => {});
  }

  get state(): UploadState {
    return this.#visible(this.#board.phase);
  }

  get progress(): UploadProgress {
    const progress = this.#board.snapshot();
    return { ...progress, phase: this.#visible(progress.phase) };
  }

  /** Sends nothing new until `resume`; what is in flight arrives. Without effect once it is being published. */
  pause(): void {
    if (isPausable(this.#board.phase) && !this.#gate.isClosed) {
      this.#gate.close();
      this.#board.show();
    }
  }

  resume(): void {
    if (this.#gate.isClosed) {
      this.#gate.open();
      this.#board.restartClock();
      this.#board.show();
    }
  }

  /** Stops it and frees what was sent. Comes too late, and does nothing, where the memory is made already. */
  async cancel(): Promise<void> {
    const message = "the upload was canceled; what was sent of it is given up";
    this.#stop.abort(new KeepsakeError("Aborted", message, { code: "canceled" }));
    const finished = await this.done.then(
      () => true,
      () => false,
    );
    if (!finished) {
      await this.#freeSessions();
    }
  }

  async #go(source: OpenSource): Promise<UploadResult> {
    // The caller gets its object before the first progress.
    await Promise.resolve();
    try {
      const result = await runUpload({
        scheduler: this.#scheduler,
        source,
        options: this.#options,
        board: this.#board,
        gate: this.#gate,
        stop: this.#stop,
        sessions: this.#sessions,
      });
      this.#forgetNames();
      this.#board.enter("done");
      return result;
    } catch (thrown) {
      const error = asKeepsakeError(thrown);
      this.#stop.abort(error);
      this.#fail(error);
      throw error;
    }
  }

  #fail(error: KeepsakeError): void {
    for (const name of ["original", "derivatives"] as const) {
      const { state } = this.#board[name];
      if (state === "working" || state === "sending") {
        this.#board.lane(name, { state: "failed", message: error.message });
      }
    }
    this.#board.enter(error.kind === "Aborted" ? "canceled" : "failed");
  }

  /** Whatever cannot be reached now ends by its time to live. */
  async #freeSessions(): Promise<void> {
    const { connection } = this.#scheduler;
    try {
      await freeSessions(connection, this.#sessions, {});
      this.#forgetNames();
    } catch (error) {
      if (!(error instanceof KeepsakeError && ["Network", "NotFound"].includes(error.kind))) {
        throw error;
      }
    }
  }

  #forgetNames(): void {
    const names =
      this.#options.resume === false ? undefined : (this.#options.resume ?? this.#scheduler.names);
    names?.remove([...this.#sessions.keys()]).catch(() => {});
  }

  #visible(phase: UploadPhase): UploadPhase {
    return this.#gate.isClosed && isPausable(phase) ? "paused" : phase;
  }

  #tell(): void {
    try {
      this.#options.onProgress?.(this.progress);
    } catch (error) {
      // A fault of the watcher is not one of the upload.
      globalThis.reportError?.(error);
    }
  }
}

function isPausable(phase: UploadPhase): boolean {
  return phase === "hashing" || phase === "uploading";
}

function asKeepsakeError(thrown: unknown): KeepsakeError {
  if (thrown instanceof KeepsakeError) {
    return thrown;
  }
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new KeepsakeError("Internal", `the upload failed (${text}): this is a fault of the SDK`, {
    cause: thrown,
  });
}
