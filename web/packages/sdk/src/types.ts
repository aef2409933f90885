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

/** Whose a capsule is. */
export interface Whose {
  /** What its owners call it. */
  name?: string;
  /** The caller made it, about itself: “my capsule” is this one, and no other. */
  isOwn: boolean;
  /** The caller made it, or accepted its role in it. What nobody asked for is listed all the same. */
  accepted: boolean;
  /** Who made it; not told to those who have no role of their own in it. */
  creator?: Principal;
  creatorName?: string;
}

/** What the host thinks of a key. `known`: it has a role, and may make no capsule; `stranger`: the host is by invitation. */
export type Standing =
  | "anonymous"
  | "admitted"
  | "known"
  | "stranger"
  | "link"
  | "linkExpired"
  | "removed"
  | "blocked";

/** Whose key asks. */
export interface WhoAmI {
  /** The key's own. */
  principal: Principal;
  /** For whom it acts: the key that the account began with. */
  account: Principal;
  standing: Standing;
  admission: "everybody" | "invited";
  mayCreateCapsules: boolean;
  isController: boolean;
  /** What the account calls itself. */
  name?: string;
  /** `0xrrggbb`. */
  colour?: number;
  /** How many devices the account has: 1 is no second way in. */
  devices: number;
}

/** One key of an account. */
export interface Device {
  principal: Principal;
  /** Empty where nobody said. */
  name: string;
  /** None: the account began with it. */
  addedAt?: Date;
  /** To the day. */
  lastUploadDay?: Date;
  /** Its public key is kept, for `findPasskey`. */
  isPasskey: boolean;
  /** It is the one that asks. */
  isThis: boolean;
}

/** What is kept of a passkey; `createPasskey` gives it. */
export interface KnownPasskey {
  credentialId: Uint8Array;
  /** DER, with the COSE key in it. */
  publicKey: Uint8Array;
}

export interface PersonLook {
  name?: string;
  /** `0xrrggbb`. */
  colour?: number;
}

export interface PersonName extends PersonLook {
  principal: Principal;
}

/** What a code lets in: a device into an account, a person into a capsule, or one onto the host. */
export type InvitationInto =
  | { kind: "account"; account: Principal }
  | { kind: "capsule"; capsuleId: CapsuleId; name?: string; role: Role }
  | { kind: "host"; quotaBytes?: number };

export interface InvitationOptions {
  /** How often it may be redeemed; once unless said otherwise. */
  uses?: number;
  /** None: it does not end by itself. */
  expiresAt?: Date;
  /** What its owner calls it. */
  label?: string;
}

export interface HostInvitationOptions extends InvitationOptions {
  /** Bytes of all capsules that whoever comes in by it makes; none: the host's own bound. */
  quotaBytes?: number;
}

/** An invitation. Its code is told once, when it is made. */
export interface Invitation {
  id: bigint;
  into: InvitationInto;
  invitedBy: Principal;
  invitedByName?: string;
  label: string;
  createdAt: Date;
  expiresAt?: Date;
  uses: number;
  usesMax: number;
}

/** What a code gave. */
export interface Redeemed {
  invitation: Invitation;
  /** Where it is into one. */
  capsule?: CapsuleHeader;
}

export interface LinkOptions {
  /** The memories that it shows; none: all of the capsule, those to come too. */
  memories?: Iterable<MemoryId>;
  /** None: it does not end by itself. */
  expiresAt?: Date;
  /** Originals too; yes unless said otherwise. */
  download?: boolean;
  /** Whoever opens the link has to know it. It becomes part of the key, and is never sent. */
  password?: string;
  /** What its owner calls it. */
  label?: string;
  /**
   * Programs for chats and the like may show a title and a picture of it, where the host tells them: a node does. One with a
   * password has none. No unless said otherwise.
   */
  preview?: boolean;
}

/** A link, without its secret. */
export interface Link {
  /** The principal of its key. */
  principal: Principal;
  capsuleId: CapsuleId;
  createdBy: Principal;
  createdAt: Date;
  expiresAt?: Date;
  /** How many memories it names; none: it shows all of the capsule. */
  memories?: number;
  download: boolean;
  hasPassword: boolean;
  label: string;
  /** A title and a picture of it may be shown to whoever has its address, opened or not. */
  preview: boolean;
  /** What stands between the page's origin and `#`, where the host tells them: `/l/…`. Elsewhere "". */
  path: string;
}

export interface CreatedLink extends Link {
  secret: Uint8Array;
  /** What stands behind the page's address and `path`: `#link=…`. */
  fragment: string;
}

/** What a link shows. */
export interface LinkSight {
  someMemories: boolean;
  download: boolean;
  expiresAt?: Date;
}

export interface CapsuleHeader extends Whose {
  id: CapsuleId;
  subject: Subject;
  /** The caller's own role in it. */
  role: Role;
  createdAt: Date;
  updatedAt: Date;
  memoryCount: number;
}

/** A capsule at a glance. */
export interface CapsuleSight extends CapsuleHeader {
  /** Where the caller is a link. */
  link?: LinkSight;
}

export interface Capsule extends Whose {
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
  /** The last time that an operator made somebody its owner. */
  givenByOperator?: { to: Principal; by: Principal; at: Date };
}

export interface CapsuleMember extends PersonLook {
  principal: Principal;
  role: Role;
  /** They made the capsule, or accepted the role. */
  accepted: boolean;
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
