//! Owns the EXIF orientation: finding that one tag (with `kamadak-exif`) and what each value does to
//! coordinates. Does not read any other tag.
//! See [Exif 2.32, 4.6.4 A](https://www.cipa.jp/std/documents/e/DC-008-Translation-2019-E.pdf).

use std::panic::{AssertUnwindSafe, catch_unwind};

use exif::{In, Reader, Tag};

use crate::geometry::Size;

/// How much of a block the parser gets. The first directory, with the orientation, stands at its start.
/// The parser follows every pointer to a directory that it finds, and directories may overlap, so that its
/// memory grows with the square of the bytes: 600 MB for a block of 64 KiB made for that.
const PARSED_BYTES_MAX: usize = 4096;

/// How the stored picture is turned; the value is EXIF's, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self(1);

    /// Reads the tag from a TIFF block, with or without the `Exif\0\0` before it. Whatever is missing
    /// or broken counts as upright.
    pub(crate) fn from_exif(block: &[u8]) -> Self {
        let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        // A damaged block must cost the turn at most, so a panic in the parser stays here.
        let value = catch_unwind(AssertUnwindSafe(|| read_tag(tiff))).ok().flatten();
        value
            .and_then(|value| u8::try_from(value).ok())
            .filter(|v| (1..=8).contains(v))
            .map_or(Self::UPRIGHT, Self)
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

fn read_tag(tiff: &[u8]) -> Option<u32> {
    let start = &tiff[..tiff.len().min(PARSED_BYTES_MAX)];
    let read = Reader::new().continue_on_error(true).read_raw(start.to_vec());
    // Damage elsewhere in the block (maker notes, GPS) does not matter, nor does what was left out.
    let exif = read.or_else(|error| error.distill_partial_result(|_| {})).ok()?;
    exif.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)
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
    fn the_rest_of_a_large_or_damaged_block_does_not_matter() {
        let mut large = block(6);
        large.resize(1 << 20, 0xA5);
        assert_eq!(Orientation::from_exif(&large).value(), 6);
        // Behind it an entry whose value would lie far outside.
        let mut damaged = b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x08\0\0".to_vec();
        damaged.extend(b"\x01\x0F\0\x02\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF\0\0\0\0");
        assert_eq!(Orientation::from_exif(&damaged).value(), 8);
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
