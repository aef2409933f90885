//! What kind of thing a file is: MIME type and memory type, and the metadata that says so.
//!
//! Owns the mapping; decodes nothing.

use super::hash::Sha;
use keepsake_api::{
    AssetMetadata, AssetMetadataBase, AssetType, ImageAssetMetadata, MemoryType, PlainAssetMetadata,
};
use serde_bytes::ByteBuf;

/// The MIME type of bytes that nothing is known about.
const UNKNOWN: &str = "application/octet-stream";

/// First bytes win over the name for pictures: cameras and phones misname them. Else the name decides.
pub(crate) fn mime_type(prefix: &[u8], name: &str) -> String {
    if let Some(sniffed) = keepsake_derivatives::sniff(prefix) {
        return sniffed.to_owned();
    }
    mime_guess::from_path(name).first_raw().unwrap_or(UNKNOWN).to_owned()
}

/// The kind of memory that a file of this MIME type becomes.
pub(crate) fn memory_type(mime_type: &str) -> MemoryType {
    match mime_type.split('/').next().unwrap_or_default() {
        "image" => MemoryType::Image,
        "audio" => MemoryType::Audio,
        "video" => MemoryType::Video,
        _ if matches!(mime_type, "text/plain" | "text/markdown") => MemoryType::Note,
        _ => MemoryType::Document,
    }
}

/// What an asset is, as the publish says it.
#[derive(Clone, Debug)]
pub(crate) struct AssetFacts {
    pub(crate) kind: AssetType,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: Sha,
    /// Pixels, width and height.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) orientation: Option<u8>,
    /// Now, ns since 1970.
    pub(crate) at_ns: u64,
}

impl AssetFacts {
    pub(crate) fn metadata(self, memory_type: MemoryType) -> AssetMetadata {
        let orientation = self.orientation;
        let base = self.base();
        match memory_type {
            MemoryType::Image => AssetMetadata::Image(ImageAssetMetadata {
                base,
                dpi: None,
                color_space: None,
                exif_data: None,
                compression_ratio: None,
                orientation,
            }),
            MemoryType::Note => AssetMetadata::Note(PlainAssetMetadata { base }),
            MemoryType::Document => AssetMetadata::Document(PlainAssetMetadata { base }),
            MemoryType::Audio => AssetMetadata::Audio(PlainAssetMetadata { base }),
            MemoryType::Video => AssetMetadata::Video(PlainAssetMetadata { base }),
        }
    }

    fn base(self) -> AssetMetadataBase {
        AssetMetadataBase {
            name: self.name,
            mime_type: self.mime_type,
            description: None,
            tags: Vec::new(),
            asset_type: self.kind,
            bytes: self.bytes,
            sha256: Some(ByteBuf::from(self.sha256.to_vec())),
            width: self.size.map(|size| size.0),
            height: self.size.map(|size| size.1),
            url: None,
            storage_key: None,
            bucket: None,
            asset_location: None,
            processing_status: None,
            processing_error: None,
            created_at: self.at_ns,
            updated_at: self.at_ns,
            deleted_at: None,
        }
    }
}

/// Cuts a text to at most `bytes_max` bytes, between characters.
pub(crate) fn clip(text: &str, bytes_max: u32) -> String {
    let mut end = text.len().min(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_where_the_bytes_say_nothing() {
        assert_eq!(mime_type(b"hello", "a.txt"), "text/plain");
        assert_eq!(mime_type(b"hello", "a.pdf"), "application/pdf");
        assert_eq!(mime_type(b"hello", "noname"), UNKNOWN);
    }

    #[test]
    fn the_bytes_win_over_a_wrong_name() {
        assert_eq!(mime_type(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.jpg"), "image/png");
    }

    #[test]
    fn memory_types_follow_the_mime_type() {
        assert_eq!(memory_type("image/jpeg"), MemoryType::Image);
        assert_eq!(memory_type("video/mp4"), MemoryType::Video);
        assert_eq!(memory_type("audio/mpeg"), MemoryType::Audio);
        assert_eq!(memory_type("text/plain"), MemoryType::Note);
        assert_eq!(memory_type("text/html"), MemoryType::Document);
        assert_eq!(memory_type(UNKNOWN), MemoryType::Document);
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
        assert_eq!(clip("", 0), "");
    }
}
