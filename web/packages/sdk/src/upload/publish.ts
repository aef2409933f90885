// The last step: one message that finishes all sessions and makes the memory.
// Owns the request and its repetition. The request is made once: sending it again says the same and gets the first answer.

import { bytesToHex } from "@noble/hashes/utils.js";
import type {
  AssetMetadata,
  AssetMetadataBase,
  PublishRequest,
  UploadConfig,
} from "../../generated/keepsake.did.js";
import type { RemoteSender } from "../background/client.js";
import type { Connection, Ok, Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import type { AssetKind, CapsuleId, MemoryType, SessionId } from "../types.js";
import { assetTypeOf, nsOf, opt, wireMemoryTypeOf } from "../wire.js";
import type { UploadKey } from "./idem.js";
import { clip } from "./media.js";

/** A publish that finds the hash behind is sent again at once, so often at most; each hashes a bounded part. */
const HASH_PENDING_MAX = 100_000;

/**
 * Times that the service's own clock decides. So two pages that upload the same file at once, by the same sessions, send
 * the same request: the second gets the answer of the first.
 */
const BY_SERVICE = 0n;

/** One asset, and where its bytes are: in a session, or at hand. */
export interface AssetFacts {
  kind: AssetKind;
  mimeType: string;
  sha256: Uint8Array;
  bytes: number;
  width?: number;
  height?: number;
  orientation?: number;
  sessionId?: SessionId;
  /** Bytes that come along and become a blob; read when they are sent. */
  carriedBytes?: Blob | Uint8Array;
  /** Bytes that come along and stay in the record. */
  inlineBytes?: Uint8Array;
}

export interface MemoryFacts {
  capsuleId: CapsuleId;
  type: MemoryType;
  name: string;
  title?: string;
  description?: string;
  tags: string[];
  mimeType: string;
  dateOfMemory?: Date;
  /** ms since 1970; 0 where unknown. */
  lastModified: number;
  assets: AssetFacts[];
  /** Where the capsule has the same original, nothing is made. */
  once: boolean;
}

/** The request for these facts, with its own key. Bytes that come along may be a `Blob` still. */
export function publishRequest(facts: MemoryFacts, key: UploadKey, limits: UploadConfig): PublishRequest {
  const short = limits.text_short_bytes_max;
  const metadataOf = (asset: AssetFacts) =>
    assetMetadata(asset, clip(facts.name, short), asset.kind === "original" ? facts.type : "image");
  const sessions = facts.assets.flatMap((asset) =>
    asset.sessionId === undefined
      ? []
      : [
          {
            session_id: asset.sessionId,
            sha256: asset.sha256,
            total_len: BigInt(asset.bytes),
            metadata: metadataOf(asset),
          },
        ],
  );
  const along = (of: (asset: AssetFacts) => Blob | Uint8Array | undefined) =>
    facts.assets.flatMap((asset) => {
      const bytes = of(asset) as Uint8Array | undefined;
      return bytes === undefined ? [] : [{ bytes, metadata: metadataOf(asset) }];
    });
  const carried = along(({ carriedBytes }) => carriedBytes);
  const request: Omit<PublishRequest, "idem"> = {
    capsule_id: facts.capsuleId,
    metadata: memoryMetadata(facts, limits),
    sessions,
    inline_assets: along(({ inlineBytes }) => inlineBytes),
    carried_assets: carried.length > 0 ? [carried] : [],
    if_present: facts.once ? [{ Return: null }] : [],
  };
  // A session is its upload's alone. Without one, who asks for another memory of the same bytes would get the last one again.
  const drawn =
    facts.once || sessions.length > 0 ? "" : bytesToHex(crypto.getRandomValues(new Uint8Array(16)));
  return { ...request, idem: key.publish(plainText(request) + drawn) };
}

/** The same for the same request. The bytes that come along are in it by their SHA-256. */
function plainText(request: object): string {
  return JSON.stringify(request, (name, value: unknown) => {
    if (typeof value === "bigint") {
      return String(value);
    }
    if (name === "bytes") {
      return undefined;
    }
    return value instanceof Uint8Array ? bytesToHex(value) : value;
  });
}

/** Sends it until it is answered, apart from the page where `length` bytes come along. `hash_pending` means: the same again, at once. */
export async function publish(
  connection: Connection,
  remote: () => Promise<RemoteSender | undefined>,
  request: PublishRequest,
  length: number,
  sending: Sending,
): Promise<Ok<"uploads_publish">> {
  for (let repeated = 0; ; repeated += 1) {
    try {
      return length === 0
        ? await connection.call("uploads_publish", [request], sending)
        : await connection.callLarge(
            remote,
            "uploads_publish",
            async () => ({ args: [request], length }),
            sending,
          );
    } catch (error) {
      const pending = error instanceof KeepsakeError && error.code === "hash_pending";
      if (!pending || repeated >= HASH_PENDING_MAX) {
        throw error;
      }
    }
  }
}

function memoryMetadata(facts: MemoryFacts, limits: UploadConfig): PublishRequest["metadata"] {
  const none = opt<string>(undefined);
  const title = clip(facts.title ?? facts.name, limits.text_short_bytes_max);
  return {
    title: opt(title || undefined),
    description: opt(facts.description),
    tags: facts.tags,
    content_type: facts.mimeType,
    memory_type: wireMemoryTypeOf(facts.type),
    date_of_memory: opt(facts.dateOfMemory && nsOf(facts.dateOfMemory)),
    file_created_at: opt(facts.lastModified > 0 ? nsOf(new Date(facts.lastModified)) : undefined),
    people_in_memory: [],
    location: none,
    memory_notes: none,
    parent_folder_id: none,
    created_by: none,
    created_at: BY_SERVICE,
    updated_at: BY_SERVICE,
    uploaded_at: BY_SERVICE,
  };
}

function assetMetadata(asset: AssetFacts, name: string, type: MemoryType): AssetMetadata {
  const base = assetBase(asset, name);
  switch (type) {
    case "image":
      return {
        Image: {
          base,
          dpi: [],
          color_space: [],
          exif_data: [],
          compression_ratio: [],
          orientation: opt(asset.orientation),
        },
      };
    case "note":
      return { Note: { base } };
    case "audio":
      return { Audio: { base } };
    case "video":
      return { Video: { base } };
    case "document":
      return { Document: { base } };
  }
}

function assetBase(asset: AssetFacts, name: string): AssetMetadataBase {
  return {
    name: name || asset.kind,
    mime_type: asset.mimeType,
    description: [],
    tags: [],
    asset_type: assetTypeOf(asset.kind),
    bytes: BigInt(asset.bytes),
    sha256: [asset.sha256],
    width: opt(asset.width),
    height: opt(asset.height),
    url: [],
    storage_key: [],
    bucket: [],
    asset_location: [],
    processing_status: [],
    processing_error: [],
    created_at: BY_SERVICE,
    updated_at: BY_SERVICE,
    deleted_at: [],
  };
}
