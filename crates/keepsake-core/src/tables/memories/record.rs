//! The stored types of memories and assets. Owns their layout (numbered fields, see [`crate::record`]).

use crate::record::principal;
use ic_principal::Principal;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// What kind of thing a memory or an asset's metadata is.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
#[cbor(index_only)]
pub enum MediaType {
    /// Text.
    #[n(0)]
    Note,
    /// A picture.
    #[n(1)]
    Image,
    /// Any other file.
    #[n(2)]
    Document,
    /// Sound.
    #[n(3)]
    Audio,
    /// Moving pictures.
    #[n(4)]
    Video,
}

/// The role of an asset in its memory.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cbor(index_only)]
pub enum AssetKind {
    /// The file itself.
    #[n(0)]
    Original,
    /// Fits a screen.
    #[n(1)]
    Display,
    /// Fits a grid.
    #[n(2)]
    Thumbnail,
    /// Shown while the others load.
    #[n(3)]
    Placeholder,
    /// Another preview.
    #[n(4)]
    Preview,
    /// Another derivative.
    #[n(5)]
    Derivative,
    /// Metadata as a file.
    #[n(6)]
    Metadata,
}

impl AssetKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Original,
        Self::Display,
        Self::Thumbnail,
        Self::Placeholder,
        Self::Preview,
        Self::Derivative,
        Self::Metadata,
    ];

    /// The name in addresses and tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Display => "display",
            Self::Thumbnail => "thumbnail",
            Self::Placeholder => "placeholder",
            Self::Preview => "preview",
            Self::Derivative => "derivative",
            Self::Metadata => "metadata",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// A memory has at most one asset of this kind.
    pub fn is_single(self) -> bool {
        self <= Self::Placeholder
    }
}

/// Where the bytes of an external asset are.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
#[cbor(index_only)]
#[allow(missing_docs)] // the names say it
pub enum Hosting {
    #[n(0)]
    S3,
    #[n(1)]
    Icp,
    #[n(2)]
    Vercel,
    #[n(3)]
    Ipfs,
    #[n(4)]
    Arweave,
    #[n(5)]
    Neon,
}

/// What a memory is, as the client says.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
#[cbor(map)]
#[allow(missing_docs)] // as `keepsake_api::MemoryMetadata` documents them
pub struct MemoryMeta {
    #[n(0)]
    pub title: Option<String>,
    #[n(1)]
    pub description: Option<String>,
    #[n(2)]
    pub tags: Vec<String>,
    #[n(3)]
    pub content_type: String,
    #[n(4)]
    pub memory_type: MediaType,
    #[n(5)]
    pub date_of_memory_ns: Option<u64>,
    #[n(6)]
    pub file_created_at_ns: Option<u64>,
    #[n(7)]
    pub people_in_memory: Option<Vec<String>>,
    #[n(8)]
    pub location: Option<String>,
    #[n(9)]
    pub memory_notes: Option<String>,
    #[n(10)]
    pub parent_folder_id: Option<String>,
    #[n(11)]
    pub created_by: Option<String>,
    #[n(12)]
    pub created_at_ns: u64,
    #[n(13)]
    pub updated_at_ns: u64,
    #[n(14)]
    pub uploaded_at_ns: u64,
}

/// What an asset is, as the client says. Its length and hash are not here: they are facts of its source.
#[derive(Encode, Decode, Clone, Debug, PartialEq)]
#[cbor(map)]
#[allow(missing_docs)] // as `keepsake_api::AssetMetadata` documents them
pub struct AssetMeta {
    #[n(0)]
    pub media: MediaType,
    #[n(1)]
    pub name: String,
    #[n(2)]
    pub mime_type: String,
    #[n(3)]
    pub description: Option<String>,
    #[n(4)]
    pub tags: Vec<String>,
    #[n(5)]
    pub kind: AssetKind,
    #[n(6)]
    pub width: Option<u32>,
    #[n(7)]
    pub height: Option<u32>,
    #[n(8)]
    pub url: Option<String>,
    #[n(9)]
    pub storage_key: Option<String>,
    #[n(10)]
    pub bucket: Option<String>,
    #[n(11)]
    pub asset_location: Option<String>,
    #[n(12)]
    pub processing_status: Option<String>,
    #[n(13)]
    pub processing_error: Option<String>,
    #[n(14)]
    pub created_at_ns: u64,
    #[n(15)]
    pub updated_at_ns: u64,
    #[n(16)]
    pub deleted_at_ns: Option<u64>,
    #[n(17)]
    pub dpi: Option<u32>,
    #[n(18)]
    pub color_space: Option<String>,
    #[n(19)]
    pub exif_data: Option<String>,
    #[n(20)]
    pub compression_ratio: Option<f32>,
    #[n(21)]
    pub orientation: Option<u8>,
}

/// Where an asset's bytes are, with what is known of them.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub enum AssetSource {
    /// In the inline map.
    #[n(0)]
    Inline {
        /// Bytes.
        #[n(0)]
        len: u64,
        /// SHA-256 of them.
        #[n(1)]
        sha256: ByteArray<32>,
    },
    /// A blob here.
    #[n(1)]
    Blob {
        /// The blob.
        #[n(0)]
        blob: u64,
        /// Bytes.
        #[n(1)]
        len: u64,
        /// SHA-256 of them.
        #[n(2)]
        sha256: ByteArray<32>,
    },
    /// Elsewhere.
    #[n(2)]
    External {
        /// Where.
        #[n(0)]
        hosting: Hosting,
        /// Key there.
        #[n(1)]
        storage_key: String,
        /// Address there.
        #[n(2)]
        url: Option<String>,
        /// Length as the client said, bytes.
        #[n(3)]
        len: Option<u64>,
        /// SHA-256 as the client said.
        #[cbor(n(4), with = "minicbor::bytes")]
        sha256: Option<Vec<u8>>,
    },
}

impl AssetSource {
    /// Length, bytes; none where only the client could know and did not say.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Inline { len, .. } | Self::Blob { len, .. } => Some(*len),
            Self::External { len, .. } => *len,
        }
    }

    /// Never: every asset has bytes somewhere.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// SHA-256 of the bytes, if known.
    pub fn sha256(&self) -> Option<&[u8]> {
        match self {
            Self::Inline { sha256, .. } | Self::Blob { sha256, .. } => Some(&sha256[..]),
            Self::External { sha256, .. } => sha256.as_deref(),
        }
    }
}

/// One asset of a memory.
#[derive(Encode, Decode, Clone, Debug, PartialEq)]
pub struct AssetRecord {
    /// Number within the memory.
    #[n(0)]
    pub id: u64,
    /// What it is.
    #[n(1)]
    pub meta: AssetMeta,
    /// Where its bytes are.
    #[n(2)]
    pub source: AssetSource,
    /// The idempotency record that answers for its making.
    #[n(3)]
    pub idem: Option<ByteArray<32>>,
}

/// A memory's record.
#[derive(Encode, Decode, Clone, Debug, PartialEq)]
pub struct MemoryRecord {
    /// The capsule it is in.
    #[n(0)]
    pub capsule: u64,
    /// Who made it.
    #[cbor(n(1), with = "principal")]
    pub creator: Principal,
    /// Creation time, ns, by the host's clock.
    #[n(2)]
    pub created_ns: u64,
    /// Last change, ns, by the host's clock.
    #[n(3)]
    pub updated_ns: u64,
    /// What it is.
    #[n(4)]
    pub meta: MemoryMeta,
    /// Its assets, in the order of their making.
    #[n(5)]
    pub assets: Vec<AssetRecord>,
    /// The next asset's number.
    #[n(6)]
    pub next_asset: u64,
    /// The idempotency record that answers for its making.
    #[n(7)]
    pub idem: ByteArray<32>,
}
