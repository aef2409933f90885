//! Whether the display is the original itself. Owns the choice, and what a picture is that says nothing beside its pixels.
//!
//! A small photo made anew at the same size can become longer than it was. Then its own bytes are the display too, where they
//! are as a derivative has to be: upright, and without a place, a profile or a text. `fixtures/client/display.json` has the cases.

use bytes::Bytes;

/// What the choice needs of either.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    /// Bytes.
    pub(crate) bytes: u64,
    /// Upright, pixels.
    pub(crate) size: (u32, u32),
}

/// Whether an original is what its display would be at best.
pub(crate) fn is_original(
    original: Picture,
    orientation: u8,
    display: Picture,
    is_plain: impl FnOnce() -> bool,
) -> bool {
    original.bytes <= display.bytes && original.size == display.size && orientation == 1 && is_plain()
}

/// Whether a JPEG or PNG has its pixels alone, in the colours that all have who do not say which: no EXIF, no profile, no text,
/// no other picture, nothing behind it. O(bytes).
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    jpeg_is_plain(bytes).or_else(|| png_is_plain(bytes)).unwrap_or(false)
}

/// None where it is no JPEG, or not whole.
fn jpeg_is_plain(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let marker = rest.windows(2).position(|pair| pair[0] == 0xff && !is_of_scan(pair[1]))?;
        let kind = rest[marker + 1];
        rest = &rest[marker + 2..];
        if kind == 0xd9 {
            return Some(rest.is_empty());
        }
        let len = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        let (segment, behind) = rest.split_at_checked(len.max(2))?;
        let is_plain = match kind {
            // JFIF without a thumbnail; the transformation of colours, as Adobe says it.
            0xe0 => len == 16,
            0xee => len == 14,
            0xe1..=0xef | 0xfe => false,
            // DHT, JPG and DAC are among the frame headers' numbers.
            0xc4 | 0xc8 | 0xcc => true,
            0xc0..=0xcf => matches!(segment.get(7)?, 1 | 3),
            _ => true,
        };
        if !is_plain || len < 2 {
            return Some(false);
        }
        rest = behind;
    }
}

/// What may stand behind 0xff within a scan, or as filling before a marker.
fn is_of_scan(byte: u8) -> bool {
    matches!(byte, 0 | 0xff | 0xd0..=0xd7)
}

/// None where it is no PNG, or not whole.
fn png_is_plain(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    loop {
        let (head, _) = rest.split_first_chunk::<8>()?;
        let len = usize::try_from(u32::from_be_bytes(*head.first_chunk()?)).ok()?;
        let kind: [u8; 4] = *head.last_chunk()?;
        rest = rest.get(len.checked_add(12)?..)?;
        match &kind {
            b"IEND" => return Some(rest.is_empty()),
            b"IHDR" | b"PLTE" | b"tRNS" | b"sRGB" | b"pHYs" | b"IDAT" => {}
            _ => return Some(false),
        }
    }
}

/// The original's bytes, where they are the display.
pub(crate) fn original_as_display(
    original: Option<&Bytes>,
    info: &keepsake_derivatives::OriginalInfo,
    display: &super::derive::DerivedAsset,
) -> Option<Bytes> {
    let bytes = original?;
    let of_original = Picture { bytes: bytes.len() as u64, size: (info.width, info.height) };
    let of_display = Picture { bytes: display.bytes.len() as u64, size: (display.width, display.height) };
    is_original(of_original, info.orientation, of_display, || is_plain(bytes)).then(|| bytes.clone())
}
