// The Uppy uploader plugin: takes the files that Uppy wants uploaded, a few at a time, and tells Uppy how they do.
// It owns the queue and the translation of results; one file's life is in file-upload.ts, the upload itself in the SDK.

import {
  type CapsuleId,
  type Deriver,
  type Keepsake,
  KeepsakeError,
  type ResumeStore,
  type UploadOptions,
  type UploadProgress,
  type UploadResult,
} from "@keepsake/sdk";
import {
  BasePlugin,
  type Body,
  type DefinePluginOpts,
  type Meta,
  type PluginOpts,
  type Uppy,
  type UppyFile,
} from "@uppy/core";
import { filterFilesToEmitUploadStarted, filterFilesToUpload, RateLimitedQueue } from "@uppy/core/utils";
import { FileUpload } from "./file-upload.js";

export interface KeepsakeUploaderOptions<M extends Meta, B extends Body> extends PluginOpts {
  /** A connected client. Its identity is who uploads. */
  keepsake: Keepsake;
  /** Where the memories go; the caller's own capsule if left out. A function is asked once per file. */
  capsuleId?: CapsuleId | ((file: UppyFile<M, B>) => CapsuleId | undefined);
  /** Files uploaded at once, up to 100. Each sends several chunks at once, so a few files fill the line. Default 3. */
  limit?: number;
  /** Chunks in flight per file; the SDK's default if left out. */
  concurrency?: number;
  /** Lane B: makes display, thumbnail and placeholder. `false`: the original alone. */
  derive?: Deriver | false;
  /** Remembers the names of uploads for `sessions.list`; the SDK's default if left out. */
  resume?: ResumeStore | false;
  /** What to do where the capsule holds the same bytes already: name that memory, or make another. Default "reuse". */
  ifPresent?: "reuse" | "again";
}

/** `file.response.body` after an upload. */
export interface KeepsakeBody extends Body {
  memoryId: string;
  capsuleId: string;
  /** SHA-256 of the original, hexadecimal. */
  sha256: string;
  /** The capsule held these bytes already; nothing was sent. */
  alreadyThere: boolean;
  assets: UploadResult["assets"];
}

declare module "@uppy/core" {
  export interface UppyEventMap<M extends Meta, B extends Body> {
    /** Both lanes of one file; several times a second while it is uploading. */
    "keepsake-progress": (file: UppyFile<M, B>, progress: UploadProgress) => void;
  }
  export interface PluginTypeRegistry<M extends Meta, B extends Body> {
    Keepsake: KeepsakeUploader<M, B>;
  }
}

const FILES_AT_ONCE = 3;
const FILES_AT_ONCE_MAX = 100;

type Options<M extends Meta, B extends Body> = DefinePluginOpts<KeepsakeUploaderOptions<M, B>, never>;

export class KeepsakeUploader<M extends Meta, B extends Body> extends BasePlugin<Options<M, B>, M, B> {
  static VERSION = "0.1.0";
  readonly #queue: RateLimitedQueue;
  readonly #uploads = new Map<string, FileUpload<M, B>>();

  constructor(uppy: Uppy<M, B>, options: KeepsakeUploaderOptions<M, B>) {
    super(uppy, options);
    if (this.opts.keepsake === undefined) {
      throw new TypeError(
        "Pass a client: uppy.use(KeepsakeUploader, { keepsake: await Keepsake.connect(…) })",
      );
    }
    this.type = "uploader";
    this.id = this.opts.id || "Keepsake";
    this.#queue = new RateLimitedQueue(filesAtOnce(this.opts.limit));
  }

  override install(): void {
    this.#setCapabilities(true);
    this.uppy.addUploader(this.#upload);
  }

  override uninstall(): void {
    this.#setCapabilities(false);
    this.uppy.removeUploader(this.#upload);
    for (const upload of this.#uploads.values()) upload.detach();
    this.#uploads.clear();
  }

  #setCapabilities(resumableUploads: boolean): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads, individualCancellation: true } });
  }

  readonly #upload = async (fileIds: string[]): Promise<void> => {
    const files = filterFilesToUpload(this.uppy.getFilesByIds(fileIds)) as UppyFile<M, B>[];
    if (files.length === 0) return;
    this.#queue.resume();
    this.uppy.emit("upload-start", filterFilesToEmitUploadStarted(files) as UppyFile<M, B>[]);
    await Promise.all(files.map((file) => this.#uploadFile(file.id)));
  };

  async #uploadFile(fileId: string): Promise<void> {
    this.#uploads.get(fileId)?.detach();
    const upload = new FileUpload<M, B>({
      uppy: this.uppy,
      fileId,
      queue: this.#queue,
      begin: (file, how) =>
        this.opts.keepsake.upload(originalOf(file), { ...this.#uploadOptions(file), ...how }),
      onProgress: (progress) => this.#emitProgress(fileId, progress),
      onSuccess: (result) => this.#emitSuccess(fileId, result),
      onError: (error) => {
        // Nobody can upload before somebody has signed in: the rest waits, instead of failing one by one.
        if (error instanceof KeepsakeError && error.kind === "SignedOut") this.#queue.pause();
        this.uppy.emit("upload-error", this.uppy.getFile(fileId), error);
      },
    });
    this.#uploads.set(fileId, upload);
    await upload.ended;
    if (this.#uploads.get(fileId) === upload) this.#uploads.delete(fileId);
  }

  #uploadOptions(file: UppyFile<M, B>): UploadOptions {
    const { capsuleId, concurrency, derive, resume, ifPresent } = this.opts;
    const options: UploadOptions = {
      capsuleId: typeof capsuleId === "function" ? capsuleId(file) : capsuleId,
      concurrency,
      derive,
      resume,
      ifPresent,
    };
    const { title, tags } = file.meta as Record<string, unknown>;
    if (typeof title === "string" && title !== "") options.title = title;
    if (Array.isArray(tags)) options.tags = tags.map(String);
    return options;
  }

  #emitProgress(fileId: string, progress: UploadProgress): void {
    const file = this.uppy.getFile(fileId);
    if (file === undefined) return;
    this.uppy.emit("keepsake-progress", file, progress);
    // Uppy's progress is that of the original: the derivatives' size is not known when it begins.
    this.uppy.emit("upload-progress", file, {
      uploadStarted: file.progress.uploadStarted ?? Date.now(),
      bytesUploaded: progress.original.bytesSent,
      bytesTotal: file.size,
    });
  }

  #emitSuccess(fileId: string, result: UploadResult): void {
    const { keepsake } = this.opts;
    const body: KeepsakeBody = {
      memoryId: result.memoryId,
      capsuleId: result.capsuleId,
      sha256: hexadecimal(result.sha256),
      alreadyThere: result.alreadyThere,
      assets: result.assets,
    };
    this.uppy.emit("upload-success", this.uppy.getFile(fileId), {
      status: 200,
      body: body as unknown as B,
      uploadURL: keepsake.assetUrl(result.memoryId, "original"),
    });
  }
}

/** Always a number with an end: Uppy's queue counts up to its limit when it goes on after a pause. */
function filesAtOnce(limit = FILES_AT_ONCE): number {
  // As for Uppy's own uploaders, 0 is as many as can be.
  return Math.min(Math.max(Math.trunc(limit) || FILES_AT_ONCE_MAX, 1), FILES_AT_ONCE_MAX);
}

/**
 * The bytes with the name and type that Uppy shows: the person may have renamed the file, and a pasted one has no name.
 */
function originalOf(file: UppyFile<Meta, Body>): File {
  const { data, name, type } = file;
  if (file.isRemote) {
    throw new Error(`${name} comes from a remote source; download it first, then add it as a file.`);
  }
  if (!(data instanceof Blob)) {
    throw new Error(`${name} is no longer at hand: choose the file again, and the upload goes on.`);
  }
  const shownName = file.meta.name || name;
  if (data instanceof File && data.name === shownName && data.type === type) return data;
  // An upload is found again by name, size and time: bytes without a time always get the same one.
  const lastModified = data instanceof File ? data.lastModified : 0;
  return new File([data], shownName, { type: type || data.type, lastModified });
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
