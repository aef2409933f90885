//! Owns PNG input: rows straight from the decoder into the scaler, whole frames only when interlaced.
//! Does not own inflating and unfiltering (the `png` crate). See [PNG 3](https://www.w3.org/TR/png-3/).

use std::io::{BufRead, Read, Seek, SeekFrom};

use png::{ColorType, Decoder, DecodingError, Limits as PngLimits, Reader, Transformations};

use super::{ALL_EIGHTHS, Decoded, FrameBuilder, Source};
use crate::colour::Channels;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::{Limits, PIXEL_WORK};
use crate::orientation::Orientation;

const FORMAT: &str = "PNG";
const SIGNATURE_BYTES: u64 = 8;
/// Length and type before a chunk's data.
const CHUNK_HEADER_BYTES: usize = 8;
const CHECKSUM_BYTES: i64 = 4;
/// Writers cut the image into chunks of 8 KiB or more; this many chunks of that size are 8 GiB.
const CHUNKS_MAX: u32 = 1 << 20;

pub(super) fn decode<R: BufRead + Seek>(reader: &mut R, limits: &Limits) -> Result<Decoded, DeriveError> {
    let outline = read_outline(reader, limits)?;
    reader.seek(SeekFrom::Start(0))?;
    // Twice, because a profile is there compressed and decompressed.
    let mut decoder =
        Decoder::new_with_limits(reader, PngLimits { bytes: limits.metadata_bytes_max.saturating_mul(2) });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut png = decoder.read_info().map_err(from_decoder)?;
    let channels = channels_of(&png)?;
    // Samples of 16 bits are twice the bytes to inflate and unfilter.
    let sample_bytes = (png.info().bit_depth as u64).div_ceil(8);
    limits.check_work(outline.size.pixels() * channels.count() as u64 * sample_bytes * PIXEL_WORK / 2)?;
    let icc_profile = png.info().icc_profile.as_deref().map(<[u8]>::to_vec);
    let mut builder = FrameBuilder::new(&Source {
        format: FORMAT,
        stored: outline.size,
        eighths: ALL_EIGHTHS,
        channels,
        orientation: outline.orientation,
        icc_profile: icc_profile.as_deref(),
    });
    if png.info().interlaced {
        push_whole_frame(&mut png, &mut builder, limits)?;
    } else {
        while let Some(row) = png.next_row().map_err(from_decoder)? {
            builder.push_row(row.data());
        }
    }
    png.finish().map_err(from_decoder)?;
    builder.finish()
}

/// What is read from the chunks' headers before the decoder allocates anything.
struct Outline {
    size: Size,
    orientation: Orientation,
}

/// Walks over all chunks: the EXIF block may stand behind the image.
fn read_outline<R: Read + Seek>(reader: &mut R, limits: &Limits) -> Result<Outline, DeriveError> {
    reader.seek(SeekFrom::Start(SIGNATURE_BYTES))?;
    let (length, kind) = read_chunk_header(reader)?;
    if &kind != b"IHDR" || length != 13 {
        return Err(DeriveError::damaged(FORMAT, "it does not begin with its header"));
    }
    let size = Size { width: read_u32(reader)?, height: read_u32(reader)? };
    limits.check_size(FORMAT, size)?;
    reader.seek_relative(5 + CHECKSUM_BYTES)?;
    let mut orientation = None;
    for _ in 0..CHUNKS_MAX {
        let (length, kind) = read_chunk_header(reader)?;
        if &kind == b"IEND" {
            return Ok(Outline { size, orientation: orientation.unwrap_or(Orientation::UPRIGHT) });
        }
        if &kind == b"eXIf" && length as usize <= limits.metadata_bytes_max && orientation.is_none() {
            let mut exif = Vec::new();
            reader.take(length.into()).read_to_end(&mut exif)?;
            orientation = Some(Orientation::from_exif(&exif));
            reader.seek_relative(CHECKSUM_BYTES)?;
        } else {
            reader.seek_relative(i64::from(length) + CHECKSUM_BYTES)?;
        }
    }
    Err(DeriveError::damaged(FORMAT, "more chunks than any encoder writes"))
}

fn read_chunk_header(reader: &mut impl Read) -> Result<(u32, [u8; 4]), DeriveError> {
    let mut header = [0; CHUNK_HEADER_BYTES];
    reader.read_exact(&mut header).map_err(|e| DeriveError::from_read(FORMAT, e))?;
    let [l0, l1, l2, l3, kind @ ..] = header;
    Ok((u32::from_be_bytes([l0, l1, l2, l3]), kind))
}

fn read_u32(reader: &mut impl Read) -> Result<u32, DeriveError> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes).map_err(|e| DeriveError::from_read(FORMAT, e))?;
    Ok(u32::from_be_bytes(bytes))
}

fn channels_of<R: BufRead + Seek>(png: &Reader<R>) -> Result<Channels, DeriveError> {
    match png.output_color_type().0 {
        ColorType::Grayscale => Ok(Channels::Gray),
        ColorType::GrayscaleAlpha => Ok(Channels::GrayAlpha),
        ColorType::Rgb => Ok(Channels::Rgb),
        ColorType::Rgba => Ok(Channels::Rgba),
        ColorType::Indexed => Err(DeriveError::damaged(FORMAT, "its palette is missing")),
    }
}

fn push_whole_frame<R: BufRead + Seek>(
    png: &mut Reader<R>,
    builder: &mut FrameBuilder,
    limits: &Limits,
) -> Result<(), DeriveError> {
    let bytes = png.output_buffer_size().unwrap_or(usize::MAX);
    limits.check_bytes(bytes as u64)?;
    let mut pixels = vec![0; bytes];
    let info = png.next_frame(&mut pixels).map_err(from_decoder)?;
    for row in pixels.chunks_exact(info.line_size) {
        builder.push_row(row);
    }
    Ok(())
}

fn from_decoder(error: DecodingError) -> DeriveError {
    match error {
        DecodingError::IoError(error) => DeriveError::from_read(FORMAT, error),
        other => DeriveError::damaged(FORMAT, other),
    }
}
