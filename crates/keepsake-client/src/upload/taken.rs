//! When a picture was taken, as its EXIF block says. Owns the derivation of the date of a memory, which is the page's too
//! (`web/packages/sdk/src/derivatives/exif.ts`); decodes no pixel.

use super::UploadError;
use super::source::OpenSource;
use exif::{DateTime, In, Reader, Tag, Value};
use jiff::civil;
use jiff::tz::{Offset, TimeZone};

/// A TIFF is read whole: a longer one keeps its date to itself, bytes.
const TIFF_BYTES_MAX: u64 = 32 << 20;

/// When a picture was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// ns since 1970.
    At(u64),
    /// A date that a memory cannot have, as the picture says it.
    Outside(String),
}

/// None where the file does not say. A damaged block is as none. Blocks on the disk.
pub(crate) fn taken(source: &OpenSource) -> Result<Option<Taken>, UploadError> {
    let mut start = [0; 4];
    if source.len() < start.len() as u64 {
        return Ok(None);
    }
    source.read_at(0, &mut start)?;
    if matches!(&start, b"II*\0" | b"MM\0*") && source.len() > TIFF_BYTES_MAX {
        return Ok(None);
    }
    let read = Reader::new().continue_on_error(true).read_from_container(&mut source.reader()?);
    // Damage elsewhere in the block does not matter.
    let Ok(exif) = read.or_else(|error| error.distill_partial_result(|_| {})) else { return Ok(None) };
    let text = |tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(texts) => texts.first().map(Vec::as_slice),
        _ => None,
    };
    let Some(date) = text(Tag::DateTimeOriginal) else { return Ok(None) };
    Ok(understand(date, text(Tag::OffsetTimeOriginal), &TimeZone::system()))
}

/// Without an offset the camera's clock is taken to show the time `here`.
fn understand(date: &[u8], offset: Option<&[u8]>, here: &TimeZone) -> Option<Taken> {
    let mut read = DateTime::from_ascii(date).ok()?;
    if offset.is_some_and(|offset| read.parse_offset(offset).is_err()) {
        read.offset = None;
    }
    let small = |number: u8| i8::try_from(number).ok();
    let local = civil::DateTime::new(
        i16::try_from(read.year).ok()?,
        small(read.month)?,
        small(read.day)?,
        small(read.hour)?,
        small(read.minute)?,
        small(read.second)?,
        0,
    )
    .ok()?;
    let at = match read.offset {
        Some(minutes) => Offset::from_seconds(i32::from(minutes) * 60).ok()?.to_timestamp(local).ok()?,
        None => here.to_timestamp(local).ok()?,
    };
    let at_ns = u64::try_from(at.as_nanosecond()).ok();
    Some(at_ns.map_or_else(|| Taken::Outside(local.to_string()), Taken::At))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(date: &str, offset: Option<&str>) -> Option<Taken> {
        let here = TimeZone::fixed(Offset::from_seconds(2 * 3_600).unwrap());
        understand(date.as_bytes(), offset.map(str::as_bytes), &here)
    }

    #[test]
    fn the_cameras_zone_counts_and_else_the_one_here() {
        assert_eq!(at("2019:07:14 12:34:56", Some("+00:00")), Some(Taken::At(1_563_107_696 * SECOND)));
        assert_eq!(at("2019:07:14 12:34:56", Some("-05:30")), Some(Taken::At(1_563_127_496 * SECOND)));
        assert_eq!(at("2019:07:14 12:34:56", None), Some(Taken::At(1_563_100_496 * SECOND)));
        assert_eq!(at("2019:07:14 12:34:56", Some("   :  ")), Some(Taken::At(1_563_100_496 * SECOND)));
    }

    #[test]
    fn a_date_before_1970_is_told_and_what_is_none_is_none() {
        assert_eq!(at("1955:11:05 06:00:00", None), Some(Taken::Outside("1955-11-05T06:00:00".into())));
        for none in ["0000:00:00 00:00:00", "    :  :     :  :  ", "2019:02:30 12:00:00", "", "yesterday"] {
            assert_eq!(at(none, None), None, "{none:?}");
        }
    }

    #[test]
    fn the_date_is_found_in_a_file_and_damage_is_as_none() {
        let tiff = tiff_with_date(b"2019:07:14 12:34:56\0", *b"+02:00\0");
        let mut jpeg = b"\xff\xd8\xff\xe1".to_vec();
        jpeg.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
        jpeg.extend(b"Exif\0\0");
        jpeg.extend(&tiff);
        jpeg.extend(b"\xff\xda\0\0\xff\xd9");
        let of = |bytes: &[u8]| taken(&OpenSource::of_bytes("a.jpg", bytes.to_vec().into(), None)).unwrap();
        assert_eq!(of(&jpeg), Some(Taken::At(1_563_100_496 * SECOND)));
        for cut in 0..jpeg.len() - 30 {
            let _ = of(&jpeg[..cut]);
        }
        assert_eq!(of(b"\xff\xd8\xff\xe0 no block"), None);
        assert_eq!(of(b"no"), None);
    }

    /// A block with a directory that leads to the one with the two tags.
    fn tiff_with_date(date: &[u8; 20], offset: [u8; 7]) -> Vec<u8> {
        let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".to_vec();
        tiff.extend(b"\0\x02\x90\x03\0\x02\0\0\0\x14\0\0\0\x38\x90\x11\0\x02\0\0\0\x07\0\0\0\x4c\0\0\0\0");
        tiff.extend(date);
        tiff.extend(offset);
        tiff
    }
}
