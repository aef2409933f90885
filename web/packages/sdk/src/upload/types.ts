// The words of an upload: what goes in, what is shown on the way, what comes out.
// Owns shapes only; the doing is in upload.ts and beside it.

import type { Deriver } from "../derivatives/types.js";
import type { KeepsakeCode } from "../errors.js";
import type { CapsuleId, MemoryId, PublishedAsset } from "../types.js";

/** Something to upload that is no `Blob`, read piece by piece; `fileSource` of `@keepsake/sdk/node` makes one. */
export interface UploadSource {
  name: string;
  /** MIME type, or empty: then the first bytes and the name tell. */
  type: string;
  /** Bytes. */
  size: number;
  /** ms since 1970. */
  lastModified?: number;
  /** The bytes from `start` up to `end`. */
  slice(start: number, end: number): Promise<Uint8Array>;
  /**
   * The same into memory that is there: fills `into` with the bytes from `start` on, and says how many came. Where a source can,
   * its memory serves again and again; of large files that is half of the processor's time.
   */
  readInto?(into: Uint8Array, start: number): Promise<number>;
  /** The whole as a `Blob` that is read lazily, for lane B; without it there are no derivatives. */
  asBlob?(): Promise<Blob>;
  /** False where the bytes may be others than at the start of the upload. */
  isUnchanged?(): Promise<boolean>;
}

/** What can be uploaded. Bytes at hand have no name: `new File([bytes], name)` gives them one. */
export type Uploadable = Blob | UploadSource | ArrayBuffer | ArrayBufferView;

export interface UploadOptions {
  /** None: the caller's own capsule, made when it is not there yet. */
  capsuleId?: CapsuleId;
  /** None: the file name. */
  title?: string;
  tags?: string[];
  description?: string;
  /** None: when the picture says that it was taken, if lane B finds it. See `UploadResult.dateLeftOut`. */
  dateOfMemory?: Date;
  /** Lane B. Browsers: the Worker unless said otherwise. Node: none unless given. False: lane A alone. */
  derive?: Deriver | false;
  /** Chunks in flight, 1 to 32; 8 unless said otherwise. Each takes about 6 MB of memory. */
  concurrency?: number;
  onProgress?: (progress: UploadProgress) => void;
  /** Stops the upload; what was sent stays to be resumed. `Upload.cancel` frees it. */
  signal?: AbortSignal;
  /** Remembers the names of uploads for `sessions.list`. Browsers: IndexedDB; Node: none. */
  resume?: ResumeStore | false;
  /** The capsule has these bytes already: answer with that memory (`reuse`, the default) or make another one. */
  ifPresent?: "reuse" | "again";
  /** Give up when nobody answered for so long; endless unless said otherwise. */
  offlineMaxSeconds?: number;
  /**
   * Where the original goes: into the host's bucket where the host has one and asks for files of this size (`auto`, the default),
   * there whatever its size (`s3`: fails where the host has none), or always to the host itself (`host`).
   */
  hosting?: Hosting;
}

export type Hosting = "auto" | "s3" | "host";

/** Something went another way than it was to go, and it went well. */
export interface UploadNotice {
  /** `bucket_unreachable`, `bucket_forbids`: the original went to the host, as its bucket is not for this client. */
  code: KeepsakeCode;
  message: string;
}

export type UploadPhase = "hashing" | "uploading" | "publishing" | "done" | "paused" | "failed" | "canceled";
export type UploadState = UploadPhase;

export interface LaneProgress {
  state: "waiting" | "working" | "sending" | "done" | "failed" | "skipped";
  /** Bytes that the service has, those of an earlier upload included; never falls. */
  bytesSent: number;
  bytesTotal: number;
  /** Why it failed or was skipped. */
  message?: string;
}

export interface UploadProgress {
  phase: UploadPhase;
  /** Lane A. */
  original: LaneProgress;
  /** Lane B. */
  derivatives: LaneProgress;
  /** Smoothed over some seconds. */
  bytesPerSecond: number;
  secondsLeft: number | undefined;
  /** 1, or more while messages are being tried again. */
  attempt: number;
  /** Nobody answers; the upload goes on by itself when somebody does. */
  offline: boolean;
  notice?: UploadNotice;
}

export interface UploadResult {
  memoryId: MemoryId;
  capsuleId: CapsuleId;
  assets: PublishedAsset[];
  /** Of the original. */
  sha256: Uint8Array;
  /** The capsule had these bytes before: nothing was made. */
  alreadyThere: boolean;
  /** The date of the memory, where the service cannot keep it: one before 1970 or after 2554. The memory has none then. */
  dateLeftOut?: Date;
  notice?: UploadNotice;
}

/** What is remembered about a session beside what the service knows. */
export interface ResumeRecord {
  name: string;
  size: number;
  capsuleId: CapsuleId;
  /** ms since 1970. */
  startedAt: number;
}

/** Remembers uploads by their idempotency keys. It only names them: uploads resume without it. */
export interface ResumeStore {
  set(idem: string, record: ResumeRecord): Promise<void>;
  find(idems: string[]): Promise<(ResumeRecord | undefined)[]>;
  remove(idems: string[]): Promise<void>;
}
