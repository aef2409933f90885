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

/// Images that are known by their first bytes: without those bytes a file is none, whatever it is called.
const KNOWN_IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];

/// Images that are text.
const TEXT_IMAGES: [&str; 3] = ["image/svg+xml", "image/x-xpixmap", "image/x-xbitmap"];

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) mime_type: String,
    /// The image type that the name promises, where the bytes are none.
    pub(crate) misnamed: Option<String>,
}

impl Media {
    /// First bytes win over the name for pictures: cameras and phones misname them. Else the name decides, unless it
    /// promises a picture that the bytes are not.
    pub(crate) fn of(prefix: &[u8], name: &str) -> Self {
        if let Some(sniffed) = keepsake_derivatives::sniff(prefix) {
            return Self { mime_type: sniffed.to_owned(), misnamed: None };
        }
        let named = mime_guess::from_path(name).first_raw().unwrap_or(UNKNOWN).to_owned();
        if is_broken_promise(&named, prefix) {
            return Self { mime_type: by_bytes(prefix).to_owned(), misnamed: Some(named) };
        }
        Self { mime_type: named, misnamed: None }
    }
}

fn is_broken_promise(named: &str, prefix: &[u8]) -> bool {
    let text_image = TEXT_IMAGES.contains(&named) || named.starts_with("image/x-portable");
    KNOWN_IMAGES.contains(&named) || (named.starts_with("image/") && !text_image && is_text(prefix))
}

fn by_bytes(prefix: &[u8]) -> &'static str {
    match prefix {
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [b'P', b'K', 3, 4, ..] => "application/zip",
        // ISO base media: a `ftyp` box comes first.
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => "image/heif",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => "image/avif",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        _ if is_text(prefix) => "text/plain",
        _ => UNKNOWN,
    }
}

/// UTF-8 without control characters; the prefix may end within a character.
fn is_text(prefix: &[u8]) -> bool {
    let text = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&prefix[..error.valid_up_to()]).expect("valid up to there")
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
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
            bytes: self.bytes,
            sha256: Some(ByteBuf::from(self.sha256.to_vec())),
            width: self.size.map(|size| size.0),
            height: self.size.map(|size| size.1),
            ..AssetMetadataBase::new(self.kind, self.name, self.mime_type)
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
        for (name, mime_type) in [
            ("a.txt", "text/plain"),
            ("a.pdf", "application/pdf"),
            ("noname", UNKNOWN),
            ("a.svg", "image/svg+xml"),
        ] {
            let media = Media { mime_type: mime_type.to_owned(), misnamed: None };
            assert_eq!(Media::of(b"hello", name), media);
        }
        assert_eq!(Media::of(b"\0\x01", "a.tiff").mime_type, "image/tiff");
    }

    #[test]
    fn the_bytes_win_over_a_wrong_name() {
        assert_eq!(Media::of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.jpg").mime_type, "image/png");
    }

    #[test]
    fn a_name_that_promises_a_picture_is_not_believed_where_the_bytes_are_none() {
        for (bytes, name, mime_type, claimed) in [
            (&b"hello"[..], "a.jpg", "text/plain", "image/jpeg"),
            ("h\u{e9}".as_bytes().split_last().unwrap().1, "a.png", "text/plain", "image/png"),
            (b"hello", "a.heic", "text/plain", "image/heic"),
            (b"%PDF-1.7", "a.gif", "application/pdf", "image/gif"),
            (b"PK\x03\x04", "a.webp", "application/zip", "image/webp"),
            (b"\0\0\0\x18ftypheic", "a.jpg", "image/heif", "image/jpeg"),
            (b"\0\0\0\x18ftypisom", "a.jpg", "video/mp4", "image/jpeg"),
            (b"\0\x01\x02", "a.jpg", UNKNOWN, "image/jpeg"),
        ] {
            let media = Media { mime_type: mime_type.to_owned(), misnamed: Some(claimed.to_owned()) };
            assert_eq!(Media::of(bytes, name), media, "{name}");
        }
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
