// The service's records in the SDK's shapes. Owns the mapping, field by field, and nothing else.

import type * as wire from "../generated/keepsake.did.js";
import { meaningOf } from "./codes.js";
import type * as sdk from "./types.js";
import { dateOf, kindOf, memoryTypeOf, roleOf, standingOf, subjectOf } from "./wire.js";

export function capsule(record: wire.Capsule): sdk.Capsule {
  return {
    id: record.id,
    subject: subjectOf(record.subject),
    members: record.members.map(member),
    ...whose(record),
    createdAt: dateOf(record.created_at),
    updatedAt: dateOf(record.updated_at),
    memoryCount: Number(record.memory_count),
    bytesUsed: Number(record.bytes_used),
    bytesInFlight: Number(record.bytes_in_flight),
    inlineBytesUsed: Number(record.inline_bytes_used),
    givenByOperator: record.given_by_operator.map(({ to, by, at }) => ({ to, by, at: dateOf(at) }))[0],
  };
}

function member(record: wire.CapsuleMember): sdk.CapsuleMember {
  const { principal, role, accepted, name, colour } = record;
  return { principal, role: roleOf(role), accepted, name: name[0], colour: colour[0] };
}

function whose(record: wire.CapsuleHeader | wire.Capsule): sdk.Whose {
  return {
    name: record.name[0],
    isOwn: record.is_self_capsule,
    accepted: record.accepted,
    creator: record.creator[0],
    creatorName: record.creator_name[0],
  };
}

export function capsuleHeader(record: wire.CapsuleHeader): sdk.CapsuleHeader {
  return {
    id: record.id,
    subject: subjectOf(record.subject),
    role: roleOf(record.role),
    ...whose(record),
    createdAt: dateOf(record.created_at),
    updatedAt: dateOf(record.updated_at),
    memoryCount: Number(record.memory_count),
  };
}

export function capsuleInfo({ capsule_id, link, ...record }: wire.CapsuleInfo): sdk.CapsuleSight {
  const [sight] = link;
  return {
    ...capsuleHeader({ id: capsule_id, ...record }),
    link: sight && {
      someMemories: sight.some_memories,
      download: sight.download,
      expiresAt: sight.expires_at.map(dateOf)[0],
    },
  };
}

export function whoAmI(record: wire.WhoAmI): sdk.WhoAmI {
  return {
    principal: record.principal,
    account: record.account,
    standing: standingOf(record.standing),
    admission: "Everybody" in record.admission ? "everybody" : "invited",
    mayCreateCapsules: record.may_create_capsules,
    isController: record.is_controller,
    name: record.name[0],
    colour: record.colour[0],
    devices: record.devices,
  };
}

export function device(record: wire.Device): sdk.Device {
  return {
    principal: record.principal,
    name: record.name,
    addedAt: record.added_at.map(dateOf)[0],
    lastUploadDay: record.last_upload_day.map(dateOf)[0],
    isPasskey: record.is_passkey,
    isThis: record.is_this,
  };
}

export function wirePasskey({ credentialId, publicKey }: sdk.KnownPasskey): wire.Passkey {
  return { credential_id: credentialId, public_key: publicKey };
}

export function personName({ principal, name, colour }: wire.PersonName): sdk.PersonName {
  return { principal, name: name[0], colour: colour[0] };
}

export function invitation(record: wire.Invitation): sdk.Invitation {
  return {
    id: record.id,
    into: invitationInto(record.into),
    invitedBy: record.invited_by,
    invitedByName: record.invited_by_name[0],
    label: record.label,
    createdAt: dateOf(record.created_at),
    expiresAt: record.expires_at.map(dateOf)[0],
    uses: record.uses,
    usesMax: record.uses_max,
  };
}

function invitationInto(into: wire.InvitationInto): sdk.InvitationInto {
  if ("Account" in into) {
    return { kind: "account", account: into.Account };
  }
  if ("Host" in into) {
    return { kind: "host", quotaBytes: into.Host.quota_bytes.map(Number)[0] };
  }
  const { capsule_id: capsuleId, name, role } = into.Capsule;
  return { kind: "capsule", capsuleId, name: name[0], role: roleOf(role) };
}

export function link(record: wire.Link): sdk.Link {
  return {
    principal: record.principal,
    capsuleId: record.capsule_id,
    createdBy: record.created_by,
    createdAt: dateOf(record.created_at),
    expiresAt: record.expires_at.map(dateOf)[0],
    memories: record.memories[0],
    download: record.download,
    hasPassword: record.password,
    label: record.label,
    preview: record.preview,
    path: record.path[0] ?? "",
  };
}

export function limitUse({ code, used, max, left }: wire.LimitUse): sdk.LimitUse {
  return { code, used: Number(used), max: Number(max), left: Number(left), meaning: meaningOf(code) };
}

export function memoryHeader(record: wire.MemoryHeader): sdk.MemoryHeader {
  return {
    id: record.id,
    capsuleId: record.capsule_id,
    type: memoryTypeOf(record.memory_type),
    title: record.title[0],
    tags: record.tags,
    contentType: record.content_type,
    createdAt: dateOf(record.created_at),
    updatedAt: dateOf(record.updated_at),
    dateOfMemory: record.date_of_memory.map(dateOf)[0],
    assets: record.assets.map(assetHeader),
  };
}

function assetHeader(record: wire.AssetHeader): sdk.AssetHeader {
  return {
    id: record.asset_id,
    kind: kindOf(record.asset_type),
    mimeType: record.mime_type,
    bytes: Number(record.bytes),
    width: record.width[0],
    height: record.height[0],
  };
}

export function memory(record: wire.Memory): sdk.Memory {
  const { metadata } = record;
  return {
    id: record.id,
    capsuleId: record.capsule_id,
    creator: record.creator,
    type: memoryTypeOf(metadata.memory_type),
    title: metadata.title[0],
    description: metadata.description[0],
    tags: metadata.tags,
    people: metadata.people_in_memory[0] ?? [],
    location: metadata.location[0],
    notes: metadata.memory_notes[0],
    parentFolderId: metadata.parent_folder_id[0],
    contentType: metadata.content_type,
    createdAt: dateOf(metadata.created_at),
    updatedAt: dateOf(metadata.updated_at),
    uploadedAt: dateOf(metadata.uploaded_at),
    dateOfMemory: metadata.date_of_memory.map(dateOf)[0],
    fileCreatedAt: metadata.file_created_at.map(dateOf)[0],
    assets: assets(record),
  };
}

function assets(record: wire.Memory): sdk.MemoryAsset[] {
  return [
    ...record.blob_internal_assets.map((asset): sdk.MemoryAsset => {
      const { locator, len, hash } = asset.blob_ref;
      const described = describedAsset(asset.asset_id, asset.metadata);
      const sha256 = hash[0] ?? described.sha256;
      return { ...described, bytes: Number(len), sha256, storage: "blob", blobId: locator };
    }),
    ...record.inline_assets.map((asset): sdk.MemoryAsset => {
      const described = describedAsset(asset.asset_id, asset.metadata);
      const bytes = asset.bytes.length;
      return { ...described, bytes, storage: "inline", inlineBytes: asset.bytes };
    }),
    ...record.blob_external_assets.map((asset): sdk.MemoryAsset => {
      const described = describedAsset(asset.asset_id, asset.metadata);
      return { ...described, storage: "external", url: asset.url[0] };
    }),
  ];
}

function describedAsset(id: string, metadata: wire.AssetMetadata): sdk.MemoryAsset {
  const image = "Image" in metadata ? metadata.Image : undefined;
  const { base } = (image ?? Object.values(metadata)[0]) as wire.PlainAssetMetadata;
  return {
    id,
    kind: kindOf(base.asset_type),
    name: base.name,
    mimeType: base.mime_type,
    bytes: Number(base.bytes),
    width: base.width[0],
    height: base.height[0],
    sha256: base.sha256[0],
    orientation: image?.orientation[0],
    storage: "blob",
  };
}

export function session(record: wire.SessionInfo, name: string | undefined): sdk.Session {
  return {
    id: record.session_id,
    capsuleId: record.capsule_id,
    name,
    kind: kindInIdem(record.idem),
    mimeType: record.mime_type[0],
    bytesTotal: record.total_len.map(Number)[0],
    bytesReceived: Number(record.bytes_received),
    chunksExpected: record.expected_chunks,
    chunksReceived: record.received_chunks,
    ...state(record.state),
    createdAt: dateOf(record.created_at),
    lastSeen: dateOf(record.last_seen),
    expiresAt: dateOf(record.expires_at),
    idem: record.idem,
  };
}

/** Keys of uploads name the asset, as `ks1-original-…`; see upload/idem.ts. */
function kindInIdem(idem: string): sdk.AnyAssetKind | undefined {
  return /^ks1-(original|display|thumbnail|placeholder)-/.exec(idem)?.[1] as sdk.AnyAssetKind | undefined;
}

export function uploadStatus(record: wire.UploadStatus): sdk.UploadStatus {
  return {
    capsuleId: record.capsule_id,
    bytesReceived: Number(record.bytes_received),
    chunksExpected: record.expected_chunks,
    chunksReceived: record.received_chunks,
    chunkBytes: record.chunk_size[0],
    missing: record.missing,
    missingTruncated: record.missing_truncated,
    ...state(record.state),
    expiresAt: dateOf(record.expires_at),
  };
}

function state(variant: wire.SessionState): { state: "pending" | "finished"; blobId?: string } {
  return "Finished" in variant ? { state: "finished", blobId: variant.Finished } : { state: "pending" };
}

export function publishedAsset(record: wire.PublishedAsset): sdk.PublishedAsset {
  return {
    id: record.asset_id,
    kind: kindOf(record.asset_type),
    bytes: Number(record.size),
    sha256: record.sha256,
    blobId: record.blob_id[0],
  };
}
