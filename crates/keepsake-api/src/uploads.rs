//! Wire types of uploads: sessions that become blobs, and the one publish that makes a memory of them.

use crate::memories::{AssetMetadata, AssetType, InlineAssetInput, MemoryMetadata};
use crate::objects::S3Lane;
use candid::CandidType;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Every limit that a client needs.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct UploadConfig {
    /// Largest chunk accepted, bytes.
    pub chunk_size: u32,
    /// Largest inline asset, bytes.
    pub inline_max: u32,
    /// All inline assets of one capsule together, bytes.
    pub inline_budget_per_capsule: u32,
    /// Chunks of one session where `total_len` was not given at begin.
    pub chunks_per_session_max: u32,
    /// Chunks of one session where `total_len` was given at begin.
    pub chunks_per_session_max_with_total_len: u32,
    /// Pending sessions of one caller.
    pub sessions_per_caller_max: u32,
    /// Bytes reserved by the pending sessions of one caller.
    pub bytes_in_flight_per_caller_max: u64,
    /// Bytes of one capsule: blobs, inline assets and what is in flight.
    pub capsule_bytes_max: u64,
    /// A pending session that is not touched for this long is evicted, seconds.
    pub session_ttl_secs: u64,
    /// A finished session answers for this long, seconds.
    pub finished_ttl_secs: u64,
    /// A finished blob that no memory refers to is collected after this long, seconds.
    pub blob_ttl_secs: u64,
    /// Largest answer of `blob_read` and `blob_read_range`, bytes.
    pub response_bytes_max: u32,
    /// Rows of one page of `memories_list`.
    pub page_items_max: u32,
    /// Assets of one memory.
    pub assets_per_memory_max: u32,
    /// Idempotency key, bytes.
    pub idem_bytes_max: u32,
    /// Title, name, cursor and other short texts, bytes.
    pub text_short_bytes_max: u32,
    /// Description, notes and other long texts, bytes.
    pub text_long_bytes_max: u32,
    /// Tags, and people, of one memory.
    pub tags_max: u32,
    /// One tag, bytes.
    pub tag_bytes_max: u32,
    /// All texts of one memory and its assets together, bytes; none from a service that has no such limit.
    pub memory_text_bytes_max: Option<u32>,
    /// Bytes of all `carried_assets` of one publish together; none from a service that takes no such assets.
    pub carried_bytes_max: Option<u32>,
    /// Chunks may come without envelopes too; none from a host that takes none so.
    pub put_road: Option<PutRoad>,
    /// Originals may go straight into a bucket; none from a host that has none.
    pub s3: Option<S3Lane>,
}

/// Where chunks go without an envelope: `PUT {path}{session}`, with a ticket from `mint_upload_ticket`.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PutRoad {
    /// Path of the address, from the host's root to the session's number.
    pub path: String,
    /// Longest life of a ticket, seconds.
    pub ticket_secs_max: u32,
}

/// What the client knows about a file before it sends it.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct BeginOptions {
    /// Length of the whole file, bytes.
    pub total_len: Option<u64>,
    /// SHA-256 of the whole file, 32 bytes.
    pub sha256: Option<ByteBuf>,
    /// MIME type of the file.
    pub mime_type: Option<String>,
    /// Where its bytes go: `S3` into the host's bucket, by addresses that it signs (`upload_config.s3`); then `total_len` and
    /// `sha256` are needed. None or `Icp`: here, in chunks.
    pub hosting: Option<BlobHosting>,
}

/// Where a session stands.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Takes chunks.
    Pending,
    /// Became this blob.
    Finished(String),
}

/// What is there and what is missing.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct UploadStatus {
    /// Chunks announced at begin.
    pub expected_chunks: u32,
    /// Chunks received.
    pub received_chunks: u32,
    /// Bytes received.
    pub bytes_received: u64,
    /// Length of every chunk but the last, once known, bytes.
    pub chunk_size: Option<u32>,
    /// Half-open ranges of missing chunk indices, in order, at most 1,000.
    pub missing: Vec<(u32, u32)>,
    /// There are more missing ranges than shown.
    pub missing_truncated: bool,
    /// When the session is evicted unless it is touched, ns since 1970.
    pub expires_at: u64,
    /// Pending or finished.
    pub state: SessionState,
    /// The capsule it uploads into.
    pub capsule_id: String,
}

/// Where an asset's bytes are kept.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobHosting {
    /// Amazon S3 or compatible.
    S3,
    /// Here.
    Icp,
    /// Vercel Blob.
    Vercel,
    /// IPFS.
    Ipfs,
    /// Arweave.
    Arweave,
    /// Neon.
    Neon,
}

/// The blob that a session became.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct UploadFinishResult {
    /// `blob_` + decimal number.
    pub blob_id: String,
    /// The memory that was published with it, or empty.
    pub memory_id: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, 32 bytes.
    pub checksum_sha256: Option<ByteBuf>,
    /// `Icp` where the bytes are here, `S3` where they are in the host's bucket.
    pub storage_backend: BlobHosting,
    /// The blob's locator.
    pub storage_location: String,
    /// Finish time, ns since 1970.
    pub uploaded_at: u64,
    /// When the blob is collected unless a memory refers to it, ns since 1970.
    pub expires_at: Option<u64>,
    /// Unused here.
    pub remote_id: Option<String>,
}

/// One session that a publish finishes, and the asset that it becomes.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PublishSession {
    /// From `uploads_begin`.
    pub session_id: u64,
    /// SHA-256 of the whole file, 32 bytes.
    pub sha256: ByteBuf,
    /// Length of the whole file, bytes.
    pub total_len: u64,
    /// What the asset is.
    pub metadata: AssetMetadata,
}

/// What a publish does where the capsule has a memory whose original has the same SHA-256.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfPresent {
    /// Answers with the oldest such memory, makes nothing, and aborts the sessions that are named.
    Return,
    /// Makes another one.
    Duplicate,
}

/// One atomic publish: finishes up to four sessions, takes the files that come along, and makes the memory with all its
/// assets.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PublishRequest {
    /// The capsule that gets the memory; the sessions were begun in it.
    pub capsule_id: String,
    /// What the memory is.
    pub metadata: MemoryMetadata,
    /// One to four sessions; none only where `carried_assets` has some.
    pub sessions: Vec<PublishSession>,
    /// Assets whose bytes come along and stay in the record, such as the placeholder.
    pub inline_assets: Vec<InlineAssetInput>,
    /// Assets whose bytes come along and become blobs: up to `UploadConfig.carried_bytes_max` together.
    pub carried_assets: Option<Vec<InlineAssetInput>>,
    /// What to do where the capsule has a memory with the same original; none: as [`IfPresent::Duplicate`].
    pub if_present: Option<IfPresent>,
    /// Idempotency key, 1 to 256 bytes.
    pub idem: String,
}

/// One asset of a published memory.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PublishedAsset {
    /// The asset's id within its memory.
    pub asset_id: String,
    /// Its kind.
    pub asset_type: AssetType,
    /// Its blob; none where the bytes are inline.
    pub blob_id: Option<String>,
    /// Bytes.
    pub size: u64,
    /// SHA-256, 32 bytes.
    pub sha256: ByteBuf,
}

/// What a publish made, or found.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PublishResult {
    /// The new memory, or the one that was there.
    pub memory_id: String,
    /// Its assets in the order given: those of the sessions, the carried ones, the inline ones.
    pub assets: Vec<PublishedAsset>,
    /// Publish time, ns since 1970.
    pub published_at: u64,
    /// The memory was there, and nothing was made; none from a service that never looks.
    pub already: Option<bool>,
}

/// One row of `sessions_list`.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The session.
    pub session_id: u64,
    /// The capsule it uploads into.
    pub capsule_id: String,
    /// Who began it.
    pub caller: candid::Principal,
    /// The idempotency key given at begin.
    pub idem: String,
    /// MIME type given at begin.
    pub mime_type: Option<String>,
    /// Length given at begin, bytes.
    pub total_len: Option<u64>,
    /// Chunks announced at begin.
    pub expected_chunks: u32,
    /// Chunks received.
    pub received_chunks: u32,
    /// Bytes received.
    pub bytes_received: u64,
    /// Begin time, ns since 1970.
    pub created_at: u64,
    /// Last successful message, ns since 1970.
    pub last_seen: u64,
    /// When it is evicted unless it is touched, ns since 1970.
    pub expires_at: u64,
    /// Pending or finished.
    pub state: SessionState,
}

/// Counters over the sessions that the caller may see: its own, or all for a controller.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Sessions that take chunks.
    pub pending: u64,
    /// Sessions that became blobs and still answer.
    pub finished: u64,
    /// Bytes reserved by the pending ones.
    pub bytes_in_flight: u64,
    /// The longest untouched pending session's last message, ns since 1970.
    pub oldest_last_seen: Option<u64>,
}
