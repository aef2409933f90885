//! Owns recognising a format by its first bytes. Does not look further into the file.

use std::io::{self, Read};

/// The formats that this crate decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
}

/// Enough of a file to tell its format.
const PREFIX_BYTES: u64 = 12;

impl Format {
    pub(crate) fn of(prefix: &[u8]) -> Option<Self> {
        match prefix {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    pub(crate) fn read_from(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut prefix = Vec::new();
        reader.take(PREFIX_BYTES).read_to_end(&mut prefix)?;
        Ok(Self::of(&prefix))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
        }
    }

    pub(crate) fn mime_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
        }
    }
}

/// The MIME type of an image that [`crate::derive`] can decode, told from the file's first bytes
/// (12 are enough); `None` for anything else.
pub fn sniff(bytes_prefix: &[u8]) -> Option<&'static str> {
    Format::of(bytes_prefix).map(Format::mime_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_known_by_its_first_bytes() {
        assert_eq!(sniff(b"\xFF\xD8\xFF\xE0"), Some("image/jpeg"));
        assert_eq!(sniff(b"\x89PNG\r\n\x1A\n"), Some("image/png"));
        assert_eq!(sniff(b"RIFF\x10\0\0\0WEBP"), Some("image/webp"));
        assert_eq!(sniff(b"GIF87a"), Some("image/gif"));
        assert_eq!(sniff(b"GIF89a"), Some("image/gif"));
    }

    #[test]
    fn anything_else_is_unknown() {
        for bytes in [&b""[..], b"\xFF\xD8", b"RIFF\x10\0\0\0WAVE", b"GIF88a", b"%PDF-1.7", b"\x89PNG\n"] {
            assert_eq!(sniff(bytes), None, "{bytes:?}");
        }
    }
}
