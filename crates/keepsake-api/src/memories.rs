//! Wire types of memories and their assets.

use crate::uploads::BlobHosting;
use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What kind of thing a memory is.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryType {
    /// Text.
    Note,
    /// A photo or picture.
    Image,
    /// Any other file.
    Document,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// What a memory is. Times are ns since 1970; those of creation, update and upload are advice.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MemoryMetadata {
    /// Title.
    pub title: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// MIME type of the original.
    pub content_type: String,
    /// Kind of memory.
    pub memory_type: MemoryType,
    /// When the remembered thing happened.
    pub date_of_memory: Option<u64>,
    /// When the original file was made.
    pub file_created_at: Option<u64>,
    /// Who is in it.
    pub people_in_memory: Option<Vec<String>>,
    /// Where it happened.
    pub location: Option<String>,
    /// Notes.
    pub memory_notes: Option<String>,
    /// Folder.
    pub parent_folder_id: Option<String>,
    /// Who made it, as the client says.
    pub created_by: Option<String>,
    /// Creation time.
    pub created_at: u64,
    /// Last update.
    pub updated_at: u64,
    /// Upload time.
    pub uploaded_at: u64,
}

/// The role of an asset in its memory.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssetType {
    /// The file itself, byte for byte.
    Original,
    /// Fits a screen.
    Display,
    /// Fits a grid.
    Thumbnail,
    /// Shown while the others load.
    Placeholder,
    /// Another preview.
    Preview,
    /// Another derivative.
    Derivative,
    /// Metadata as a file.
    Metadata,
}

/// What every asset has. `bytes` and `sha256` are advice on the way in and facts on the way out.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct AssetMetadataBase {
    /// File name.
    pub name: String,
    /// MIME type.
    pub mime_type: String,
    /// Description.
    pub description: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Role in the memory.
    pub asset_type: AssetType,
    /// Length, bytes.
    pub bytes: u64,
    /// SHA-256, 32 bytes.
    pub sha256: Option<ByteBuf>,
    /// Width, pixels.
    pub width: Option<u32>,
    /// Height, pixels.
    pub height: Option<u32>,
    /// Address, for bytes kept elsewhere.
    pub url: Option<String>,
    /// Key, for bytes kept elsewhere.
    pub storage_key: Option<String>,
    /// Bucket, for bytes kept elsewhere.
    pub bucket: Option<String>,
    /// Location, for bytes kept elsewhere.
    pub asset_location: Option<String>,
    /// Free for the client.
    pub processing_status: Option<String>,
    /// Free for the client.
    pub processing_error: Option<String>,
    /// Creation time, ns since 1970.
    pub created_at: u64,
    /// Last update, ns since 1970.
    pub updated_at: u64,
    /// Free for the client, ns since 1970.
    pub deleted_at: Option<u64>,
}

impl AssetMetadataBase {
    /// An asset of which no more is known than this: all else is none, empty or 0. Set what is known after it:
    /// `AssetMetadataBase { bytes, ..AssetMetadataBase::new(asset_type, name, mime_type) }`.
    pub fn new(asset_type: AssetType, name: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mime_type: mime_type.into(),
            description: None,
            tags: Vec::new(),
            asset_type,
            bytes: 0,
            sha256: None,
            width: None,
            height: None,
            url: None,
            storage_key: None,
            bucket: None,
            asset_location: None,
            processing_status: None,
            processing_error: None,
            created_at: 0,
            updated_at: 0,
            deleted_at: None,
        }
    }
}

/// Metadata of an image.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ImageAssetMetadata {
    /// What every asset has.
    pub base: AssetMetadataBase,
    /// Dots per inch.
    pub dpi: Option<u32>,
    /// Colour space by name.
    pub color_space: Option<String>,
    /// EXIF as text.
    pub exif_data: Option<String>,
    /// Compression ratio.
    pub compression_ratio: Option<f32>,
    /// EXIF orientation, 1 to 8.
    pub orientation: Option<u8>,
}

/// Metadata of anything else.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PlainAssetMetadata {
    /// What every asset has.
    pub base: AssetMetadataBase,
}

/// Metadata of an asset, by the type of its memory.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum AssetMetadata {
    /// Text.
    Note(PlainAssetMetadata),
    /// A picture.
    Image(ImageAssetMetadata),
    /// Any other file.
    Document(PlainAssetMetadata),
    /// Sound.
    Audio(PlainAssetMetadata),
    /// Moving pictures.
    Video(PlainAssetMetadata),
}

impl AssetMetadata {
    /// What every asset has.
    pub fn base(&self) -> &AssetMetadataBase {
        match self {
            Self::Image(image) => &image.base,
            Self::Note(plain) | Self::Document(plain) | Self::Audio(plain) | Self::Video(plain) => {
                &plain.base
            }
        }
    }
}

/// Refers to a blob here.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct BlobRef {
    /// `blob_` + decimal number.
    pub locator: String,
    /// Length, bytes.
    pub len: u64,
    /// SHA-256, 32 bytes.
    pub hash: Option<ByteBuf>,
}

/// An asset whose bytes are a finished blob.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct InternalBlobAssetInput {
    /// The blob's locator.
    pub blob_id: String,
    /// What the asset is.
    pub metadata: AssetMetadata,
}

/// An asset whose bytes come along.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct InlineAssetInput {
    /// The bytes, 1 to `inline_max`.
    pub bytes: ByteBuf,
    /// What the asset is.
    pub metadata: AssetMetadata,
}

/// An inline asset of a memory.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct MemoryAssetInline {
    /// Id within the memory.
    pub asset_id: String,
    /// The bytes.
    pub bytes: ByteBuf,
    /// What the asset is.
    pub metadata: AssetMetadata,
}

/// An asset of a memory whose bytes are a blob here.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct MemoryAssetBlobInternal {
    /// Id within the memory.
    pub asset_id: String,
    /// The blob.
    pub blob_ref: BlobRef,
    /// What the asset is.
    pub metadata: AssetMetadata,
}

/// An asset of a memory whose bytes are elsewhere.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct MemoryAssetBlobExternal {
    /// Id within the memory.
    pub asset_id: String,
    /// Where.
    pub location: BlobHosting,
    /// Key there.
    pub storage_key: String,
    /// Address there.
    pub url: Option<String>,
    /// What the asset is.
    pub metadata: AssetMetadata,
}

/// A memory with its assets.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Memory {
    /// `mem_` + decimal number.
    pub id: String,
    /// The capsule it is in.
    pub capsule_id: String,
    /// What it is.
    pub metadata: MemoryMetadata,
    /// Who made it: the verified caller of the message.
    pub creator: Principal,
    /// Assets in the record.
    pub inline_assets: Vec<MemoryAssetInline>,
    /// Assets that are blobs here.
    pub blob_internal_assets: Vec<MemoryAssetBlobInternal>,
    /// Assets that are elsewhere.
    pub blob_external_assets: Vec<MemoryAssetBlobExternal>,
}

/// One row of a list.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MemoryHeader {
    /// `mem_` + decimal number.
    pub id: String,
    /// The capsule it is in.
    pub capsule_id: String,
    /// Title.
    pub title: Option<String>,
    /// MIME type of the original.
    pub content_type: String,
    /// Kind of memory.
    pub memory_type: MemoryType,
    /// When the remembered thing happened, ns since 1970.
    pub date_of_memory: Option<u64>,
    /// Creation time, ns since 1970.
    pub created_at: u64,
    /// Last update, ns since 1970.
    pub updated_at: u64,
    /// Tags.
    pub tags: Vec<String>,
    /// Its assets: id, kind, pixels and bytes of each.
    pub assets: Vec<AssetHeader>,
}

/// One asset in a row of a list.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct AssetHeader {
    /// Id within the memory.
    pub asset_id: String,
    /// Role in the memory.
    pub asset_type: AssetType,
    /// MIME type.
    pub mime_type: String,
    /// Length, bytes.
    pub bytes: u64,
    /// Width, pixels.
    pub width: Option<u32>,
    /// Height, pixels.
    pub height: Option<u32>,
}

/// One page of a list, newest first.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub items: Vec<MemoryHeader>,
    /// Ask with this for the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// An asset with its bytes, or where they are.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum MemoryAssetData {
    /// The bytes are here.
    Inline {
        /// Id within the memory.
        asset_id: String,
        /// The bytes.
        bytes: ByteBuf,
        /// MIME type.
        content_type: String,
        /// Length, bytes.
        size: u64,
        /// SHA-256, 32 bytes.
        sha256: Option<ByteBuf>,
    },
    /// Read them with `blob_read_chunk`.
    InternalBlob {
        /// Id within the memory.
        asset_id: String,
        /// The blob's locator.
        blob_id: String,
        /// MIME type.
        content_type: String,
        /// Length, bytes.
        size: u64,
        /// SHA-256, 32 bytes.
        sha256: Option<ByteBuf>,
    },
    /// They are elsewhere.
    ExternalUrl {
        /// Id within the memory.
        asset_id: String,
        /// Where.
        location: BlobHosting,
        /// Key there.
        storage_key: String,
        /// Address there, if known.
        url: Option<String>,
        /// MIME type.
        content_type: String,
        /// Length as the client said, bytes.
        size: Option<u64>,
        /// SHA-256 as the client said.
        sha256: Option<ByteBuf>,
    },
}

/// The assets of a memory, by where their bytes are.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MemoryAssetsList {
    /// The memory.
    pub memory_id: String,
    /// Ids of inline assets.
    pub inline_assets: Vec<String>,
    /// Ids of assets that are blobs here.
    pub internal_assets: Vec<String>,
    /// Ids of assets that are elsewhere.
    pub external_assets: Vec<String>,
    /// All of them.
    pub total_count: u32,
    /// Id, kind, pixels and bytes of each, in the order of `memories_read_asset`.
    pub assets: Vec<AssetHeader>,
}

/// Whether a memory is there for the caller.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MemoryPresenceResult {
    /// As asked.
    pub memory_id: String,
    /// The record is there and the caller may read it.
    pub metadata_present: bool,
    /// It has at least one asset.
    pub asset_present: bool,
}

/// A change to a memory: what is null stays as it is.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryUpdateData {
    /// Replaces all metadata; the fields below then apply on top. A `created_at` or `uploaded_at` of 0 says nothing:
    /// the stored one stays. `updated_at` becomes the time of the change.
    pub metadata: Option<MemoryMetadata>,
    /// The same as `title`, for older clients; `title` wins.
    pub name: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// When the remembered thing happened, ns since 1970.
    pub date_of_memory: Option<u64>,
    /// Who is in it.
    pub people_in_memory: Option<Vec<String>>,
    /// Where it happened.
    pub location: Option<String>,
    /// Notes.
    pub memory_notes: Option<String>,
    /// Folder.
    pub parent_folder_id: Option<String>,
}

/// What a bulk delete did.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct BulkDeleteResult {
    /// Deleted.
    pub deleted_count: u32,
    /// Not found, not the caller's to delete, or of a list and left.
    pub failed_count: u32,
    /// The same in words; says when more are left.
    pub message: String,
    /// Memories that one more message has to delete, because this one had no room to: of a list its last ones, else all that
    /// the capsule still has. None in answers of earlier versions.
    pub left_count: Option<u64>,
}

/// What removing an asset did.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct AssetRemovalResult {
    /// The memory.
    pub memory_id: String,
    /// It was there and is gone.
    pub asset_removed: bool,
    /// The same in words.
    pub message: String,
}
