// The words of the SDK: everything that callers read or pass, apart from uploads (see upload/types.ts).
// Owns shapes only. Times are `Date`, sizes are numbers of bytes, ids are the service's own.

import type { Identity } from "@icp-sdk/core/agent";
import type { Principal } from "@icp-sdk/core/principal";
import type { UploadConfig } from "../generated/keepsake.did.js";
import type { ErrorCode } from "./codes.js";
import type { ResumeStore } from "./upload/types.js";

export type { UploadConfig };

/** `capsule_` and a number. */
export type CapsuleId = string;
/** `mem_` and a number. */
export type MemoryId = string;
/** A session's number. */
export type SessionId = bigint;

/** The four assets of a memory. */
export type AssetKind = "original" | "display" | "thumbnail" | "placeholder";
/** The kinds that other clients may have stored too. */
export type AnyAssetKind = AssetKind | "preview" | "derivative" | "metadata";
export type MemoryType = "image" | "video" | "audio" | "note" | "document";
/** Guest reads; member also uploads; admin also changes and deletes any memory; owner also shares and deletes. */
export type Role = "owner" | "admin" | "member" | "guest";
/** Whom a capsule is about: a principal, or a name. */
export type Subject = Principal | string;

export interface KeepsakeOptions {
  /** Address of the node or gateway, such as `http://127.0.0.1:4943` or `https://icp-api.io`. */
  host: string;
  /** The service's canister id. */
  canisterId: string;
  /** Who signs; none: the anonymous principal, who may only look at what is open to everybody. */
  identity?: Identity;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
  /**
   * The key that answers are checked against, DER. None: built in for the Internet Computer, else fetched anew by each
   * client, which trusts the connection. A program that keeps `keepsake.rootKey` and gives it the next time trusts only
   * the first one.
   */
  rootKey?: Uint8Array;
  /** How chunks travel: without envelopes where the host takes them so (`auto`, the default), or always in envelopes. */
  road?: "auto" | "envelopes";
  /** How often, and how long, calls are tried again. */
  retry?: Partial<RetryPolicy>;
  /** Where asset addresses point to; none: the host, on the Internet Computer the canister's own gateway name. */
  assetHost?: string;
  /** Remembers the names of uploads for `sessions.list`. Browsers: IndexedDB unless said otherwise; Node: none. */
  resume?: ResumeStore | false;
}

/** A limit, and what is used of it: bytes where the code says so, else a count. */
export interface LimitUse {
  /** Stable, snake_case; `MEANINGS` has them all. */
  code: ErrorCode | (string & {});
  /** Of the host, others than controllers hear only what is left to them: 0 here, and `left` as `max`. */
  used: number;
  max: number;
  left: number;
  /** What it is and what helps; undefined where a newer service sent one that is not known here. */
  meaning?: string;
}

/** Bounds of the attempts of one message. */
export interface RetryPolicy {
  /** Attempts that may fail with a passing fault, the first one included. */
  attemptsMax: number;
  /** Bound of the first pause, ms; it doubles with each failure. */
  pauseFirstMs: number;
  /** No pause is longer, ms. */
  pauseMaxMs: number;
  /** While nobody answers, attempts go on for this long, ms. */
  unreachableMaxMs: number;
  /** A line that moves no byte for so long is given up, for another connection, ms. A chunk that is on its way has the time
   * that the line needs for it on top. */
  stallMs: number;
}

export interface CapsuleHeader {
  id: CapsuleId;
  subject: Subject;
  /** The caller's own role in it. */
  role: Role;
  createdAt: Date;
  updatedAt: Date;
  memoryCount: number;
}

export interface Capsule {
  id: CapsuleId;
  subject: Subject;
  /** Whoever sees the capsule only because it is public sees that entry only: the anonymous principal as guest. */
  members: CapsuleMember[];
  createdAt: Date;
  updatedAt: Date;
  memoryCount: number;
  bytesUsed: number;
  bytesInFlight: number;
  inlineBytesUsed: number;
}

export interface CapsuleMember {
  principal: Principal;
  role: Role;
}

export interface AssetHeader {
  id: string;
  kind: AnyAssetKind;
  mimeType: string;
  bytes: number;
  width?: number;
  height?: number;
}

/** One row of a page: enough for a gallery. */
export interface MemoryHeader {
  id: MemoryId;
  capsuleId: CapsuleId;
  type: MemoryType;
  title?: string;
  tags: string[];
  contentType: string;
  createdAt: Date;
  updatedAt: Date;
  dateOfMemory?: Date;
  assets: AssetHeader[];
}

export interface MemoryAsset extends AssetHeader {
  name: string;
  sha256?: Uint8Array;
  /** EXIF orientation, 1 to 8, of the stored bytes. */
  orientation?: number;
  storage: "blob" | "inline" | "external";
  /** Where `storage` is `blob`: its locator. */
  blobId?: string;
  /** Where `storage` is `inline`: the bytes themselves. */
  inlineBytes?: Uint8Array;
  /** Where `storage` is `external`: its address, if it has one. */
  url?: string;
}

/** All that is known about one memory. */
export interface Memory {
  id: MemoryId;
  capsuleId: CapsuleId;
  creator: Principal;
  type: MemoryType;
  title?: string;
  description?: string;
  tags: string[];
  people: string[];
  location?: string;
  notes?: string;
  parentFolderId?: string;
  contentType: string;
  createdAt: Date;
  updatedAt: Date;
  uploadedAt: Date;
  dateOfMemory?: Date;
  fileCreatedAt?: Date;
  assets: MemoryAsset[];
}

/** What `memories.update` changes; what is left out stays. */
export interface MemoryChanges {
  title?: string;
  description?: string;
  tags?: string[];
  people?: string[];
  location?: string;
  notes?: string;
  parentFolderId?: string;
  dateOfMemory?: Date;
}

export interface MemoryPage {
  /** Newest first. */
  items: MemoryHeader[];
  /** Pass it to get the next page; none: this was the last one. */
  nextCursor?: string;
}

export interface BulkDeletion {
  deleted: number;
  failed: number;
  message: string;
}

/** One upload in progress, or one that ended lately. */
export interface Session {
  id: SessionId;
  capsuleId: CapsuleId;
  /** Name of the file, where this browser began the upload. */
  name?: string;
  /** Which asset it carries, where this SDK (or the Rust client) began it. */
  kind?: AnyAssetKind;
  mimeType?: string;
  bytesTotal?: number;
  bytesReceived: number;
  chunksExpected: number;
  chunksReceived: number;
  state: "pending" | "finished";
  /** Where it is finished: the blob that it became. */
  blobId?: string;
  createdAt: Date;
  lastSeen: Date;
  expiresAt: Date;
  idem: string;
}

/** What a session has and what it lacks. */
export interface UploadStatus {
  capsuleId: CapsuleId;
  bytesReceived: number;
  chunksExpected: number;
  chunksReceived: number;
  /** Length of every chunk but the last, once known. */
  chunkBytes?: number;
  /** Half-open ranges of the chunks that are missing, in order. */
  missing: [start: number, end: number][];
  /** There are more ranges than shown. */
  missingTruncated: boolean;
  state: "pending" | "finished";
  blobId?: string;
  expiresAt: Date;
}

export interface PublishedAsset {
  id: string;
  kind: AnyAssetKind;
  bytes: number;
  sha256: Uint8Array;
  /** None where the bytes are inline. */
  blobId?: string;
}

export interface TokenOptions {
  /** Which assets the token opens; none: all of them. */
  kinds?: AssetKind[];
  /** One hour unless said otherwise. */
  validForSeconds?: number;
}

export interface DownloadProgress {
  bytesReceived: number;
  bytesTotal: number;
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}
