//! Owns JPEG input: choosing the reduction, bounding the memory, decoding.
//! Does not own reading segments (see [`segments`]), nor entropy decoding (`jpeg-decoder`).
//!
//! The decoder gives the picture at 1/8, 1/4, 1/2 or full size. The smallest that is not below the
//! display is taken, so what it gives never has much more than four times the display's pixels.

mod segments;

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use jpeg_decoder::{Decoder, Error, PixelFormat};

use self::segments::{Header, Process, SegmentFilter};
use super::{Decoded, FrameBuilder, Source, display_size};
use crate::colour::Channels;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::Limits;

const FORMAT: &str = "JPEG";
/// Side of a block of samples at full size, and so the denominator of a reduction.
const BLOCK_PX: u32 = 8;
const INPUT_BUFFER_BYTES: usize = 32 * 1024;
/// Bytes of one block's 64 coefficients.
const BLOCK_COEFFICIENTS_BYTES: u64 = 128;

pub(super) fn decode<R: BufRead + Seek>(reader: &mut R, limits: &Limits) -> Result<Decoded, DeriveError> {
    let header = segments::read_header(reader, limits)?;
    limits.check_size(FORMAT, header.size)?;
    let eighths = eighths_for(header.size, display_size(header.size, header.orientation));
    limits.check_bytes(decode_bytes(&header, eighths))?;
    reader.seek(SeekFrom::Start(0))?;
    // The decoder asks for single bytes, so the filter's output is buffered once more.
    let input = BufReader::with_capacity(INPUT_BUFFER_BYTES, SegmentFilter::new(reader));
    let (decoded, channels, mut pixels) = decode_reduced(input, header.size, eighths)?;
    if channels == Channels::Cmyk && !header.has_adobe_segment {
        // The decoder inverts the inks as Adobe's files need it; others store them as they are.
        for ink in &mut pixels {
            *ink = u8::MAX - *ink;
        }
    }
    let mut builder = FrameBuilder::new(&Source {
        format: FORMAT,
        stored: header.size,
        decoded,
        channels,
        orientation: header.orientation,
        icc_profile: header.icc_profile.as_deref(),
    });
    for row in pixels.chunks_exact(decoded.width as usize * channels.count()) {
        builder.push_row(row);
    }
    drop(pixels);
    builder.finish()
}

fn decode_reduced(
    input: impl Read,
    stored: Size,
    eighths: u32,
) -> Result<(Size, Channels, Vec<u8>), DeriveError> {
    let mut jpeg = Decoder::new(input);
    let wanted = reduced(stored, eighths);
    let (width, height) = request_for(stored, wanted);
    let (width, height) = jpeg.scale(width, height).map_err(from_decoder)?;
    let decoded = Size { width: width.into(), height: height.into() };
    if decoded != wanted {
        return Err(DeriveError::damaged(FORMAT, "its frame header changes"));
    }
    let pixels = jpeg.decode().map_err(from_decoder)?;
    let channels = match jpeg.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => Channels::Gray,
        Some(PixelFormat::RGB24) => Channels::Rgb,
        Some(PixelFormat::CMYK32) => Channels::Cmyk,
        other => {
            return Err(DeriveError::Unsupported {
                format: FORMAT,
                feature: format!("pixel format {other:?}"),
            });
        }
    };
    Ok((decoded, channels, pixels))
}

/// The strongest reduction (1, 2, 4 or 8 eighths) that is not below `target` on either side.
fn eighths_for(stored: Size, target: Size) -> u32 {
    let suffices = |eighths: &u32| {
        let size = reduced(stored, *eighths);
        size.width >= target.width && size.height >= target.height
    };
    [1, 2, 4].into_iter().find(suffices).unwrap_or(BLOCK_PX)
}

fn reduced(stored: Size, eighths: u32) -> Size {
    Size {
        width: (stored.width * eighths).div_ceil(BLOCK_PX),
        height: (stored.height * eighths).div_ceil(BLOCK_PX),
    }
}

/// The request that makes the decoder choose `wanted`. It takes the first reduction that reaches the
/// request on *either* side, so the shorter side, whose sizes may coincide, is asked for too much.
fn request_for(stored: Size, wanted: Size) -> (u16, u16) {
    let side = |px: u32| u16::try_from(px).unwrap_or(u16::MAX);
    if stored.width >= stored.height {
        (side(wanted.width), u16::MAX)
    } else {
        (u16::MAX, side(wanted.height))
    }
}

/// What `jpeg-decoder` holds at its peak: a plane per component, the interleaved picture, rows of
/// coefficients in work, and for a progressive file all coefficients.
fn decode_bytes(header: &Header, eighths: u32) -> u64 {
    let eighths = u64::from(eighths);
    let blocks = header.component_blocks();
    let planes: u64 = blocks.iter().map(|b| b.total * eighths * eighths).sum();
    let picture =
        reduced(header.size, u32::try_from(eighths).expect("at most 8")).pixels() * blocks.len() as u64;
    let rows: u64 = blocks.iter().map(|b| 3 * b.per_mcu_row * BLOCK_COEFFICIENTS_BYTES).sum();
    let coefficients: u64 = match header.process {
        Process::Sequential => 0,
        Process::Progressive => blocks.iter().map(|b| b.total * BLOCK_COEFFICIENTS_BYTES).sum(),
    };
    planes + picture + rows + coefficients
}

fn from_decoder(error: Error) -> DeriveError {
    match error {
        Error::Io(error) => DeriveError::from_read(FORMAT, error),
        Error::Unsupported(feature) => {
            DeriveError::Unsupported { format: FORMAT, feature: format!("{feature:?}") }
        }
        other => DeriveError::damaged(FORMAT, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_strongest_sufficient_reduction_is_chosen() {
        assert_eq!(eighths_for(size(8040, 6024), size(1441, 1080)), 2);
        assert_eq!(eighths_for(size(3648, 5472), size(720, 1080)), 2);
        assert_eq!(eighths_for(size(15_360, 8640), size(1920, 1080)), 1);
        assert_eq!(eighths_for(size(1921, 1080), size(1920, 1079)), 8);
        assert_eq!(eighths_for(size(640, 960), size(640, 960)), 8);
    }

    #[test]
    fn an_extreme_aspect_still_reaches_its_display_size() {
        for stored in [size(1, 5000), size(5000, 1), size(3, 65_535), size(65_535, 9)] {
            let target = display_size(stored, crate::orientation::Orientation::UPRIGHT);
            let got = reduced(stored, eighths_for(stored, target));
            assert!(got.width >= target.width && got.height >= target.height, "{stored:?} {got:?}");
        }
    }
}
