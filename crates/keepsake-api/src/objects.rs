//! Wire types of objects: bytes of the service that lie in a bucket beside it. They are for whoever keeps the bucket's keys: the
//! node itself, or the gate of a canister.

use candid::CandidType;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Originals may go straight into a bucket. The addresses are signed at `POST {url}{path}{session}/grant`, with a ticket from
/// `mint_upload_ticket`.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct S3Lane {
    /// From this length on a client should send originals there, bytes.
    pub from_len: u64,
    /// Longest file that goes in one part, bytes.
    pub put_bytes_max: u64,
    /// Shortest part of a longer one but for its last, bytes.
    pub part_bytes_min: u64,
    /// Parts of one file: each but the last has `max(part_bytes_min, len / parts_max)` bytes, rounded up to whole MiB.
    pub parts_max: u32,
    /// Where addresses are signed, from the root of `url` to the session's number.
    pub path: String,
    /// Address of whoever signs; none: the host itself.
    pub url: Option<String>,
}

/// What may be signed for a session's owner.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ObjectGrant {
    /// The session.
    pub session_id: u64,
    /// The object that its bytes go to.
    pub object_id: u64,
    /// Its key in the bucket, below the host's prefix.
    pub key: String,
    /// Bytes.
    pub len: u64,
    /// SHA-256 of them, 32 bytes.
    pub sha256: ByteBuf,
    /// MIME type announced.
    pub mime_type: Option<String>,
    /// Bytes of each part but the last.
    pub part_bytes: u64,
    /// The bucket's name for the parts, once there is one.
    pub upload_id: Option<String>,
    /// The host found all bytes.
    pub attested: bool,
}

/// What whoever keeps the bucket's keys found there, by looking.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Bytes of the object.
    pub len: u64,
    /// SHA-256 of them, 32 bytes.
    pub sha256: ByteBuf,
    /// The bucket's name for these very bytes, where it keeps versions.
    pub version: Option<String>,
}

/// Whose bytes an object has.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum ObjectHolder {
    /// They come in by this session.
    Session(u64),
    /// They are, or become, the bytes of this blob.
    Blob(String),
    /// Nobody's any more: to be removed, not before this time, ns since 1970.
    Nobody(u64),
}

/// An object in the bucket.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its number.
    pub object_id: u64,
    /// Its key in the bucket, below the host's prefix.
    pub key: String,
    /// Bytes.
    pub len: u64,
    /// SHA-256 of them, 32 bytes.
    pub sha256: ByteBuf,
    /// MIME type of its blob.
    pub mime_type: Option<String>,
    /// The bucket's name for parts that are not put together.
    pub upload_id: Option<String>,
    /// The bucket's name for these very bytes, where it keeps versions.
    pub version: Option<String>,
    /// Whose it is.
    pub holder: ObjectHolder,
}

/// Blobs whose bytes could go into the bucket.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MovableBlobs {
    /// Their locators.
    pub blobs: Vec<String>,
    /// Where to go on; none where there is nothing more.
    pub next: Option<String>,
}
