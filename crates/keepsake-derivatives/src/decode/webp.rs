//! Owns WebP input: checking the container's sizes, bounding the memory, decoding the (first) frame.
//! Does not own the bitstreams (`image-webp`). See [RFC 9649](https://www.rfc-editor.org/rfc/rfc9649).
//!
//! `image-webp` allocates by the sizes inside the bitstreams before it compares them with the canvas,
//! so the container is walked here first.
//!
//! Known gap: the number of Huffman tables in a lossless bitstream shows only while it is decoded, and
//! `image-webp` sets no limit to it. A file made for this can make it hold a few hundred bytes for each
//! byte of the file, beyond `Limits::decode_bytes_max`. The time for them grows with the bytes of the file too.

mod container;

use std::io::{BufRead, Seek, SeekFrom};

use image_webp::{DecodingError, WebPDecoder};

use super::{ALL_EIGHTHS, Decoded, FrameBuilder, Source};
use crate::colour::Channels;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::{Limits, PIXEL_WORK};
use crate::orientation::Orientation;

const FORMAT: &str = "WebP";
/// Red, green, blue and alpha: a lossless bitstream has them all.
const SAMPLES_PER_PIXEL: u64 = 4;

pub(super) fn decode<R: BufRead + Seek>(reader: &mut R, limits: &Limits) -> Result<Decoded, DeriveError> {
    let outline = container::read_outline(reader, limits)?;
    reader.seek(SeekFrom::Start(0))?;
    let mut webp = WebPDecoder::new(&mut *reader).map_err(from_decoder)?;
    webp.set_memory_limit(limits.metadata_bytes_max);
    let (width, height) = webp.dimensions();
    let size = Size { width, height };
    if size != outline.canvas {
        return Err(DeriveError::damaged(FORMAT, "its sizes contradict each other"));
    }
    limits.check_bytes(decode_bytes(&webp, &outline))?;
    limits.check_work(size.pixels() * SAMPLES_PER_PIXEL * PIXEL_WORK)?;
    // Metadata that is broken or too large is ignored.
    let exif = webp.exif_metadata().ok().flatten();
    let icc_profile = webp.icc_profile().ok().flatten();
    let channels = if webp.has_alpha() { Channels::Rgba } else { Channels::Rgb };
    let mut pixels = vec![0; width as usize * height as usize * channels.count()];
    webp.read_image(&mut pixels).map_err(from_decoder)?;
    let mut builder = FrameBuilder::new(&Source {
        format: FORMAT,
        stored: size,
        eighths: ALL_EIGHTHS,
        channels,
        orientation: exif.map_or(Orientation::UPRIGHT, |exif| Orientation::from_exif(&exif)),
        icc_profile: icc_profile.as_deref(),
    });
    for row in pixels.chunks_exact(width as usize * channels.count()) {
        builder.push_row(row);
    }
    drop(pixels);
    builder.finish()
}

/// What `image-webp` holds at its peak, from its source: bytes per pixel of all planes and copies, and
/// the compressed bytes, which it reads whole for a lossy picture.
fn decode_bytes<R: BufRead + Seek>(webp: &WebPDecoder<R>, outline: &container::Outline) -> u64 {
    let bytes_per_pixel = match (webp.is_animated(), outline.is_lossy, webp.has_alpha()) {
        (true, ..) => 19,
        (false, true, true) => 12,
        (false, true, false) | (false, false, true) => 5,
        (false, false, false) => 8,
    };
    outline.canvas.pixels() * bytes_per_pixel + outline.image_bytes
}

fn from_decoder(error: DecodingError) -> DeriveError {
    match error {
        DecodingError::IoError(error) => DeriveError::from_read(FORMAT, error),
        other => DeriveError::damaged(FORMAT, other),
    }
}
