//! Owns GIF input: the first frame on its canvas. Does not own LZW (the `gif` crate), nor animation.
//! See [GIF89a](https://www.w3.org/Graphics/GIF/spec-gif89a.txt).

use std::io::BufRead;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, Frame, MemoryLimit};

use super::{ALL_EIGHTHS, Decoded, FrameBuilder, Source};
use crate::colour::Channels;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::{Limits, PIXEL_WORK};
use crate::orientation::Orientation;

const FORMAT: &str = "GIF";
const TRANSPARENT: [u8; 4] = [0; 4];

pub(super) fn decode<R: BufRead>(reader: &mut R, limits: &Limits) -> Result<Decoded, DeriveError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // This bounds the blocks of metadata that the decoder keeps; the frame is bounded below.
    let metadata_bytes_max = NonZeroU64::new(limits.metadata_bytes_max as u64).unwrap_or(NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(metadata_bytes_max));
    let mut gif = options.read_info(reader).map_err(from_decoder)?;
    let canvas = Size { width: gif.width().into(), height: gif.height().into() };
    limits.check_size(FORMAT, canvas)?;
    let Some(frame) = gif.next_frame_info().map_err(from_decoder)? else {
        return Err(DeriveError::damaged(FORMAT, "it has no frame"));
    };
    let frame = frame.clone();
    let frame_size = Size { width: frame.width.into(), height: frame.height.into() };
    limits.check_size(FORMAT, frame_size)?;
    limits.check_bytes(frame_size.pixels())?;
    limits.check_work((canvas.pixels() + frame_size.pixels()) * PIXEL_WORK)?;
    let palette = Palette::new(gif.palette().map_err(from_decoder)?, frame.transparent);
    let mut indices = vec![0; gif.buffer_size()];
    gif.read_into_buffer(&mut indices).map_err(from_decoder)?;
    build(canvas, &frame, &palette, &indices)
}

fn build(canvas: Size, frame: &Frame<'_>, palette: &Palette, indices: &[u8]) -> Result<Decoded, DeriveError> {
    let mut builder = FrameBuilder::new(&Source {
        format: FORMAT,
        stored: canvas,
        eighths: ALL_EIGHTHS,
        channels: Channels::Rgba,
        orientation: Orientation::UPRIGHT,
        icc_profile: None,
    });
    let width = canvas.width as usize;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let mut rgba = Vec::with_capacity(width * TRANSPARENT.len());
    for y in 0..canvas.height as usize {
        let row = y.checked_sub(top).and_then(|y| indices.chunks_exact(usize::from(frame.width)).nth(y));
        rgba.clear();
        rgba.extend((0..width).flat_map(|x| {
            let index = row.and_then(|row| row.get(x.checked_sub(left)?));
            index.map_or(TRANSPARENT, |&index| palette.colours[usize::from(index)])
        }));
        builder.push_row(&rgba);
    }
    builder.finish()
}

/// The colour of each index; those beyond the file's table are black, as viewers show them.
struct Palette {
    colours: [[u8; 4]; 256],
}

impl Palette {
    fn new(rgb: &[u8], transparent: Option<u8>) -> Self {
        let mut colours = [[0, 0, 0, u8::MAX]; 256];
        for (colour, rgb) in colours.iter_mut().zip(rgb.chunks_exact(3)) {
            colour[..3].copy_from_slice(rgb);
        }
        if let Some(index) = transparent {
            colours[usize::from(index)] = TRANSPARENT;
        }
        Self { colours }
    }
}

fn from_decoder(error: DecodingError) -> DeriveError {
    match error {
        DecodingError::Io(error) => DeriveError::from_read(FORMAT, error),
        DecodingError::UnexpectedEof => DeriveError::Truncated { format: FORMAT },
        other => DeriveError::damaged(FORMAT, other),
    }
}
