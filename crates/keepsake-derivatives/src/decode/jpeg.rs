//! Owns JPEG input: the reduction while decoding and the bound on memory. [`outline`] reads the headers
//! and [`pieces`] leaves the metadata out. Does not own decoding pixels (`jpeg-decoder`).
//! See [T.81](https://www.w3.org/Graphics/JPEG/itu-t81.pdf).
//!
//! # Memory
//! The decoder reduces to 1/2, 1/4 or 1/8, so a sequential photo of any size stays small. The
//! coefficients of a *progressive* one come in several passes over the picture, and the decoder holds
//! them all: 2 bytes a sample, 145 MB for 48 megapixels with halved colour. [`outline::Outline`] works
//! the need out of the headers, and what is above [`Limits::decode_bytes_max`] is not decoded.
//!
//! Known gap: the decoder hands rows of coefficients to one thread per component without a bound.
//! Those threads are faster than the Huffman decoding, but if they get no processor, rows wait: at the
//! very most once more all coefficients (2 bytes a sample). On wasm32 there are no such threads.
//!
//! # Time
//! A pass of a progressive picture may have a few bytes and visit all samples. The outline counts these visits, and what
//! is above [`Limits::work_max`] is not decoded.
//!
//! # Truncation
//! The decoder fails when the file ends before its end marker. When a marker comes too early it would
//! fill the rest of the scan with zeros; [`pieces`] prevents that.

mod outline;
mod pieces;

use std::io::{BufRead, BufReader, Seek};

use jpeg_decoder::{Decoder, Error, PixelFormat};

use self::outline::Outline;
use self::pieces::Pieces;
use super::{ALL_EIGHTHS, Decoded, FrameBuilder, Source, display_size};
use crate::colour::Channels;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::Limits;

const FORMAT: &str = "JPEG";

pub(super) fn decode<R: BufRead + Seek>(reader: &mut R, limits: &Limits) -> Result<Decoded, DeriveError> {
    let Outline { frame, orientation, pieces, work } = outline::read(reader, limits)?;
    limits.check_work(work)?;
    let eighths = eighths_for(frame.size, display_size(frame.size, orientation));
    limits.check_bytes(frame.decode_bytes(eighths))?;
    let mut decoder = Decoder::new(BufReader::new(Pieces::new(reader, pieces)));
    let reduced = frame.size.reduced(eighths);
    let (width, height) = request(frame.size, reduced);
    decoder.scale(width, height).map_err(from_decoder)?;
    let pixels = decoder.decode().map_err(from_decoder)?;
    let info = decoder.info().ok_or_else(|| DeriveError::damaged(FORMAT, "it has no picture"))?;
    if (Size { width: info.width.into(), height: info.height.into() }) != reduced {
        return Err(DeriveError::damaged(FORMAT, "its headers contradict each other"));
    }
    let channels = match info.pixel_format {
        PixelFormat::L8 => Channels::Gray,
        PixelFormat::RGB24 => Channels::Rgb,
        PixelFormat::CMYK32 => Channels::Cmyk,
        PixelFormat::L16 => return Err(unsupported("16 bits per sample")),
    };
    let icc_profile = decoder.icc_profile();
    // The coefficients go before the scaled pictures come.
    drop(decoder);
    let mut builder = FrameBuilder::new(&Source {
        format: FORMAT,
        stored: frame.size,
        eighths,
        channels,
        orientation,
        icc_profile: icc_profile.as_deref(),
    });
    for row in pixels.chunks_exact(reduced.width as usize * channels.count()) {
        builder.push_row(row);
    }
    drop(pixels);
    builder.finish()
}

/// The strongest reduction (1, 2, 4 or 8 eighths) that is not below `target` on either side.
fn eighths_for(stored: Size, target: Size) -> u32 {
    let suffices = |eighths: &u32| {
        let size = stored.reduced(*eighths);
        size.width >= target.width && size.height >= target.height
    };
    [1, 2, 4].into_iter().find(suffices).unwrap_or(ALL_EIGHTHS)
}

/// The decoder takes the strongest reduction that suffices for one of the two sides that it is asked for:
/// so the longer one is asked for, and the other put out of reach.
fn request(stored: Size, reduced: Size) -> (u16, u16) {
    let side = |px: u32| u16::try_from(px).expect("no side in a JPEG is longer");
    if stored.width >= stored.height {
        (side(reduced.width), u16::MAX)
    } else {
        (u16::MAX, side(reduced.height))
    }
}

fn unsupported(feature: impl Into<String>) -> DeriveError {
    DeriveError::Unsupported { format: FORMAT, feature: feature.into() }
}

fn from_decoder(error: Error) -> DeriveError {
    match error {
        Error::Io(error) => DeriveError::from_read(FORMAT, error),
        Error::Unsupported(feature) => unsupported(format!("{feature:?}")),
        other => DeriveError::damaged(FORMAT, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orientation::Orientation;

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
            let target = display_size(stored, Orientation::UPRIGHT);
            let got = stored.reduced(eighths_for(stored, target));
            assert!(got.width >= target.width && got.height >= target.height, "{stored:?} {got:?}");
        }
    }
}
