// One file of Uppy on its way to Keepsake: waiting for its turn, uploading, paused, or ended.
// It turns Uppy's events about that file into calls of the SDK's upload, and back. It knows no other file; the
// queue that it waits in is the plugin's.

import type { Upload, UploadProgress, UploadResult } from "@keepsake/sdk";
import { type Body, EventManager, type Meta, type Uppy, type UppyFile } from "@uppy/core";
import type { RateLimitedQueue } from "@uppy/core/utils";

type Turn = ReturnType<RateLimitedQueue["run"]>;

/** What one file needs from the plugin. */
export interface FileUploadOptions<M extends Meta, B extends Body> {
  uppy: Uppy<M, B>;
  fileId: string;
  /** Where files wait for their turn. */
  queue: RateLimitedQueue;
  /** Starts the SDK's upload; called once, when the file's turn has come for the first time. */
  begin: (
    file: UppyFile<M, B>,
    how: { onProgress: (progress: UploadProgress) => void; signal: AbortSignal },
  ) => Upload;
  onProgress: (progress: UploadProgress) => void;
  onSuccess: (result: UploadResult) => void;
  onError: (error: Error) => void;
}

/** How a file's upload ended. A failure is told through `onError`, not thrown. */
export type FileUploadEnd = "uploaded" | "failed" | "removed";

export class FileUpload<M extends Meta, B extends Body> {
  readonly #options: FileUploadOptions<M, B>;
  readonly #events: EventManager<M, B>;
  readonly #detached = new AbortController();
  readonly ended: Promise<FileUploadEnd>;
  #end!: (how: FileUploadEnd) => void;
  #isEnded = false;
  #turn: Turn | undefined;
  #upload: Upload | undefined;

  constructor(options: FileUploadOptions<M, B>) {
    this.#options = options;
    this.#events = new EventManager(options.uppy);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#listen();
    if (!options.uppy.getFile(options.fileId)?.isPaused) this.#takeTurn();
  }

  /** Stops and frees what the service holds of this file. */
  remove(): void {
    this.#finish("removed");
    // The person does not wait for this: a session that could not be aborted ends by its time.
    this.#upload?.cancel().catch((error: unknown) => this.#options.uppy.log(error, "warning"));
  }

  /** Stops without a message to the service: the sessions stay, and the same file goes on from them. */
  detach(): void {
    this.#finish("removed");
    this.#detached.abort();
  }

  #listen(): void {
    const { fileId } = this.#options;
    this.#events.onFileRemove(fileId, () => this.remove());
    this.#events.onCancelAll(fileId, () => this.remove());
    this.#events.onPause(fileId, (isPaused) => (isPaused ? this.#pause() : this.#takeTurn()));
    this.#events.onPauseAll(fileId, () => this.#pause());
    this.#events.onResumeAll(fileId, () => this.#takeTurn());
  }

  #pause(): void {
    this.#releaseTurn();
    this.#upload?.pause();
  }

  // A resumed file waits like any other, or pause and resume would jump the queue.
  #takeTurn(): void {
    if (this.#turn !== undefined || this.#isEnded) return;
    this.#turn = this.#options.queue.run(() => {
      this.#run();
      return () => {};
    });
  }

  #releaseTurn(): void {
    this.#turn?.abort();
    this.#turn = undefined;
  }

  #run(): void {
    if (this.#isEnded) return;
    if (this.#upload !== undefined) {
      this.#upload.resume();
      return;
    }
    const { uppy, fileId, begin, onProgress } = this.#options;
    try {
      this.#upload = begin(uppy.getFile(fileId), {
        signal: this.#detached.signal,
        onProgress: (progress) => {
          if (!this.#isEnded) onProgress(progress);
        },
      });
    } catch (error) {
      // Not now: this runs inside the constructor, before anybody listens.
      queueMicrotask(() => this.#fail(error));
      return;
    }
    this.#upload.done.then(
      (result) => this.#succeed(result),
      (error: unknown) => this.#fail(error),
    );
  }

  #succeed(result: UploadResult): void {
    if (this.#isEnded) return;
    this.#options.onSuccess(result);
    this.#finish("uploaded");
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    // First the listeners: a retry makes a new FileUpload, and this one must not answer it too.
    this.#events.remove();
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    this.#finish("failed");
  }

  #finish(how: FileUploadEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#events.remove();
    this.#releaseTurn();
    this.#end(how);
  }
}
