//! What a memory and its assets must keep to. Owns the checks of values; rights and references are checked where
//! they are needed.

use super::{NewSource, Planned};
use crate::access::Denied;
use crate::ids::BlobId;
use crate::limits::{
    ASSETS_PER_MEMORY_MAX, BULK_ITEMS_MAX, ID_BYTES_MAX, INLINE_BYTES_MAX, MEMORY_TEXT_BYTES_MAX,
    TAG_BYTES_MAX, TAGS_MAX, TEXT_LONG_BYTES_MAX, TEXT_SHORT_BYTES_MAX,
};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::tables::idem::IdemError;
use crate::tables::memories::{AssetKind, AssetMeta, AssetRecord, MemoryMeta};

/// A text that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextField {
    /// The field's name on the wire.
    pub name: &'static str,
    /// Its length, bytes.
    pub bytes: usize,
    /// Its limit, bytes.
    pub most: usize,
}

/// Why an operation on memories is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// No such memory, asset or blob for this caller, or too small a role.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The idempotency key.
    #[error(transparent)]
    Idem(#[from] IdemError),
    /// There is no room: the data say of what.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// A text is too long.
    #[error("text_too_long: {} has {} bytes, allowed {}", .0.name, .0.bytes, .0.most)]
    Text(TextField),
    /// A list is too long.
    #[error("too_many_items: {name} has {count}, allowed {most}")]
    Items {
        /// The list's name on the wire.
        name: &'static str,
        /// Its length.
        count: usize,
        /// Its limit.
        most: usize,
    },
    /// More bytes than an id can have; the answer would repeat them.
    #[error("id_too_long: {name} has one of {bytes} bytes, allowed {ID_BYTES_MAX}")]
    IdLength {
        /// The field's name on the wire.
        name: &'static str,
        /// Its length, bytes.
        bytes: usize,
    },
    /// No asset, or too many.
    #[error("assets_count: {0}, a memory has 1..={ASSETS_PER_MEMORY_MAX}")]
    AssetsCount(usize),
    /// There is an asset of this kind already.
    #[error("asset_kind_taken: {}", .0.name())]
    KindTaken(AssetKind),
    /// Too many bytes for an inline asset.
    #[error("inline_too_large: {0} > {INLINE_BYTES_MAX}; upload it as a blob")]
    InlineTooLarge(usize),
    /// An inline asset without bytes.
    #[error("inline_empty: an inline asset has at least one byte")]
    InlineEmpty,
    /// A SHA-256 that has not 32 bytes.
    #[error("sha256_length: {0} bytes, a SHA-256 has 32")]
    Sha256Length(usize),
    /// It may be there: older memories are not all indexed yet.
    #[error("contents_pending: older memories are not all indexed yet; ask again in some seconds")]
    ContentsPending,
    /// The blob belongs to another capsule.
    #[error("blob_in_other_capsule: {0}")]
    BlobInOtherCapsule(BlobId),
    /// No such asset of this memory.
    #[error("asset_index_out_of_range: {index}, the memory has {count} assets")]
    AssetIndex {
        /// As given.
        index: u32,
        /// Assets of the memory.
        count: usize,
    },
    /// Not a cursor of this service.
    #[error("cursor_malformed: pass next_cursor back as it was given")]
    Cursor,
    /// A page without rows.
    #[error("limit_out_of_range: a page has at least one row")]
    Limit,
}

impl Refusal for MemoryError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Idem(idem) => idem.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::KindTaken(_) | Self::BlobInOtherCapsule(_) | Self::ContentsPending => RefusalKind::Conflict,
            _ => RefusalKind::InvalidArgument,
        }
    }
}

pub(crate) fn check_memory_meta(meta: &MemoryMeta) -> Result<(), MemoryError> {
    short("title", meta.title.as_deref())?;
    short("content_type", Some(&meta.content_type))?;
    short("parent_folder_id", meta.parent_folder_id.as_deref())?;
    short("created_by", meta.created_by.as_deref())?;
    short("location", meta.location.as_deref())?;
    long("description", meta.description.as_deref())?;
    long("memory_notes", meta.memory_notes.as_deref())?;
    list("tags", &meta.tags)?;
    list("people_in_memory", meta.people_in_memory.as_deref().unwrap_or_default())
}

/// All texts of a memory together. An older one may have more, as long as it gets none beyond those that it `had`.
pub(crate) fn check_text_bytes(bytes: u64, had: u64) -> Result<(), MemoryError> {
    if bytes <= had.max(MEMORY_TEXT_BYTES_MAX as u64) {
        return Ok(());
    }
    let bytes = usize::try_from(bytes).expect("texts that came in fit memory");
    Err(MemoryError::Text(TextField {
        name: "the memory with its assets",
        bytes,
        most: MEMORY_TEXT_BYTES_MAX,
    }))
}

/// New assets beside those that are there already.
pub(crate) fn check_assets(there: &[AssetRecord], new: &[Planned<'_>]) -> Result<(), MemoryError> {
    let count = there.len() + new.len();
    if count == 0 || count > ASSETS_PER_MEMORY_MAX {
        return Err(MemoryError::AssetsCount(count));
    }
    let mut kinds: Vec<AssetKind> = there.iter().map(|asset| asset.meta.kind).collect();
    for (meta, source) in new {
        let kind = meta.kind;
        if kind.is_single() && kinds.contains(&kind) {
            return Err(MemoryError::KindTaken(kind));
        }
        kinds.push(kind);
        check_asset_meta(meta)?;
        source.map_or(Ok(()), check_source)?;
    }
    Ok(())
}

fn check_asset_meta(meta: &AssetMeta) -> Result<(), MemoryError> {
    short("name", Some(&meta.name))?;
    short("mime_type", Some(&meta.mime_type))?;
    short("storage_key", meta.storage_key.as_deref())?;
    short("bucket", meta.bucket.as_deref())?;
    short("asset_location", meta.asset_location.as_deref())?;
    short("processing_status", meta.processing_status.as_deref())?;
    short("color_space", meta.color_space.as_deref())?;
    long("processing_error", meta.processing_error.as_deref())?;
    long("url", meta.url.as_deref())?;
    long("description", meta.description.as_deref())?;
    long("exif_data", meta.exif_data.as_deref())?;
    list("tags", &meta.tags)
}

fn check_source(source: &NewSource) -> Result<(), MemoryError> {
    match source {
        NewSource::Inline(bytes) if bytes.is_empty() => Err(MemoryError::InlineEmpty),
        NewSource::Inline(bytes) if bytes.len() > INLINE_BYTES_MAX as usize => {
            Err(MemoryError::InlineTooLarge(bytes.len()))
        }
        NewSource::External { storage_key, url, sha256, .. } => {
            short("storage_key", Some(storage_key))?;
            long("url", url.as_deref())?;
            match sha256 {
                Some(bytes) if bytes.len() != 32 => Err(MemoryError::Sha256Length(bytes.len())),
                _ => Ok(()),
            }
        }
        NewSource::Inline(_) | NewSource::Blob(_) => Ok(()),
    }
}

/// What an answer repeats must not be longer than an id can be.
///
/// # Errors
/// [`MemoryError::IdLength`].
pub fn check_id(name: &'static str, id: &str) -> Result<(), MemoryError> {
    if id.len() > ID_BYTES_MAX {
        return Err(MemoryError::IdLength { name, bytes: id.len() });
    }
    Ok(())
}

pub(crate) fn check_bulk(name: &'static str, count: usize) -> Result<(), MemoryError> {
    if count > BULK_ITEMS_MAX {
        return Err(MemoryError::Items { name, count, most: BULK_ITEMS_MAX });
    }
    Ok(())
}

fn short(name: &'static str, text: Option<&str>) -> Result<(), MemoryError> {
    within(name, text, TEXT_SHORT_BYTES_MAX)
}

fn long(name: &'static str, text: Option<&str>) -> Result<(), MemoryError> {
    within(name, text, TEXT_LONG_BYTES_MAX)
}

fn within(name: &'static str, text: Option<&str>, most: usize) -> Result<(), MemoryError> {
    match text {
        Some(text) if text.len() > most => {
            Err(MemoryError::Text(TextField { name, bytes: text.len(), most }))
        }
        _ => Ok(()),
    }
}

fn list(name: &'static str, texts: &[String]) -> Result<(), MemoryError> {
    if texts.len() > TAGS_MAX {
        return Err(MemoryError::Items { name, count: texts.len(), most: TAGS_MAX });
    }
    texts.iter().try_for_each(|text| within(name, Some(text), TAG_BYTES_MAX))
}
