//! Owns the EXIF orientation: reading that one tag and what each value does to coordinates.
//! Does not read any other tag. See [Exif 2.32, 4.6.4 A](https://www.cipa.jp/std/documents/e/DC-008-Translation-2019-E.pdf).
//!
//! The tag is read by hand instead of with a full EXIF parser: it must survive damage in the rest of
//! the block (maker notes, GPS), must not allocate, and needs 30 lines.

use crate::geometry::Size;

const ORIENTATION_TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
const ENTRY_BYTES: usize = 12;

/// How the stored picture is turned; the value is EXIF's, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self(1);

    /// Reads the tag from a TIFF block, with or without the `Exif\0\0` before it. Whatever is missing
    /// or broken counts as upright.
    pub(crate) fn from_exif(block: &[u8]) -> Self {
        let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        match read_tag(tiff) {
            Some(value @ 1..=8) => Self(u8::try_from(value).expect("1 to 8 fits a byte")),
            _ => Self::UPRIGHT,
        }
    }

    pub(crate) fn value(self) -> u8 {
        self.0
    }

    /// Whether width and height change places.
    pub(crate) fn transposes(self) -> bool {
        self.0 >= 5
    }

    /// The size before and after turning (it is its own inverse).
    pub(crate) fn apply_to(self, size: Size) -> Size {
        if self.transposes() { size.transposed() } else { size }
    }

    /// Which stored pixel is shown at (`x`, `y`) of the upright picture.
    pub(crate) fn source_of(self, x: usize, y: usize, stored: Size) -> (usize, usize) {
        let right = stored.width as usize - 1;
        let bottom = stored.height as usize - 1;
        match self.0 {
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (y, bottom - x),
            7 => (right - y, bottom - x),
            8 => (right - y, x),
            _ => (x, y),
        }
    }
}

fn read_tag(tiff: &[u8]) -> Option<u16> {
    let order = match tiff.get(..4)? {
        b"II*\0" => ByteOrder::Little,
        b"MM\0*" => ByteOrder::Big,
        _ => return None,
    };
    let start = usize::try_from(order.u32_at(tiff, 4)?).ok()?;
    let count = usize::from(order.u16_at(tiff, start)?);
    let entries = tiff.get(start.checked_add(2)?..)?;
    entries
        .chunks_exact(ENTRY_BYTES)
        .take(count)
        .find(|entry| order.u16_at(entry, 0) == Some(ORIENTATION_TAG))
        .filter(|entry| order.u16_at(entry, 2) == Some(TYPE_SHORT))
        .and_then(|entry| order.u16_at(entry, 8))
}

#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        })
    }

    fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(value: u16) -> Vec<u8> {
        let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
        tiff.extend(value.to_be_bytes());
        tiff.extend([0; 6]);
        tiff
    }

    #[test]
    fn values_one_to_eight_are_read_and_others_are_upright() {
        for value in 1..=8_u16 {
            assert_eq!(u16::from(Orientation::from_exif(&block(value)).value()), value);
        }
        for value in [0, 9, 0x0600, u16::MAX] {
            assert_eq!(Orientation::from_exif(&block(value)), Orientation::UPRIGHT);
        }
    }

    #[test]
    fn a_cut_or_garbled_block_is_upright_and_never_panics() {
        let whole = block(6);
        for cut in 0..20 {
            assert_eq!(Orientation::from_exif(&whole[..cut]), Orientation::UPRIGHT, "cut at {cut}");
        }
        assert_eq!(Orientation::from_exif(b"MM\0*\xFF\xFF\xFF\xFF"), Orientation::UPRIGHT);
        assert_eq!(Orientation::from_exif(b"II*\0\xFF\xFF\xFF\x7F"), Orientation::UPRIGHT);
    }
}
