//! Owns encoding a frame under its byte cap. Does not own scaling for the box, which came before.
//!
//! JPEG goes down in quality first, then in size; PNG, which has no quality, in size alone. Each attempt
//! counts its bytes but keeps none above the cap.

use std::io::{self, Write};

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use crate::error::DeriveError;
use crate::frame::Frame;
use crate::geometry::Size;
use crate::{Derivative, Kind};

/// From barely visible loss down to the point where fewer pixels look better.
const QUALITIES: [u8; 6] = [85, 80, 72, 64, 55, 45];
/// The least that one step takes off each side, so that steps do not become endless.
const SHRINK_MAX: f64 = 0.9;
/// The most that one step takes off: the guess from the bytes may be wrong.
const SHRINK_MIN: f64 = 0.3;

/// Encodes the frame, as PNG when it has alpha.
pub(crate) fn encode(kind: Kind, frame: &Frame) -> Result<Derivative, DeriveError> {
    let mut shrunk: Option<Frame> = None;
    loop {
        let frame = shrunk.as_ref().unwrap_or(frame);
        let attempt = if frame.has_alpha { encode_png(kind, frame) } else { encode_jpeg(kind, frame) };
        let bytes_wanted = match attempt {
            Ok(bytes) => return Ok(derivative(kind, frame, bytes)),
            Err(bytes_wanted) => bytes_wanted,
        };
        let size = smaller(kind, frame.size, bytes_wanted)
            .ok_or(DeriveError::CapUnreachable { kind, bytes_max: kind.bytes_max() })?;
        shrunk = Some(Frame { has_alpha: frame.has_alpha, ..frame.scaled_to(size) });
    }
}

fn derivative(kind: Kind, frame: &Frame, bytes: Vec<u8>) -> Derivative {
    let mime_type = if frame.has_alpha { "image/png" } else { "image/jpeg" };
    Derivative { kind, mime_type, width: frame.size.width, height: frame.size.height, bytes }
}

/// The next size to try, if any: bytes grow about as the pixels do.
fn smaller(kind: Kind, size: Size, bytes_wanted: u64) -> Option<Size> {
    #[expect(clippy::cast_precision_loss, reason = "a guess needs no exact bytes")]
    let guess = (kind.bytes_max() as f64 / bytes_wanted as f64).sqrt() * 0.97;
    let scale = guess.clamp(SHRINK_MIN, SHRINK_MAX);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the side itself")]
    let scaled = |px: u32| ((f64::from(px) * scale) as u32).max(1);
    let bounds = Size { width: scaled(size.width), height: scaled(size.height) };
    (bounds != size).then(|| size.fit_within(bounds))
}

/// The bytes, or how many the smallest attempt wanted.
fn encode_jpeg(kind: Kind, frame: &Frame) -> Result<Vec<u8>, u64> {
    let mut wanted = u64::MAX;
    for quality in QUALITIES {
        let mut out = CappedWriter::new(kind.bytes_max());
        write_jpeg(kind, frame, quality, &mut out).expect("a capped writer takes every byte");
        match out.finish() {
            Ok(bytes) => return Ok(bytes),
            Err(bytes) => wanted = bytes,
        }
    }
    Err(wanted)
}

fn write_jpeg(kind: Kind, frame: &Frame, quality: u8, out: &mut CappedWriter) -> Result<(), EncodingError> {
    let mut encoder = Encoder::new(out, quality);
    // So few pixels cannot afford halved colour.
    let is_tiny = kind == Kind::Placeholder;
    encoder.set_sampling_factor(if is_tiny { SamplingFactor::F_1_1 } else { SamplingFactor::F_2_2 });
    let side = |px: u32| u16::try_from(px).expect("a derivative fits its box");
    encoder.encode(&frame.rgba, side(frame.size.width), side(frame.size.height), ColorType::Rgba)
}

fn encode_png(kind: Kind, frame: &Frame) -> Result<Vec<u8>, u64> {
    let mut out = CappedWriter::new(kind.bytes_max());
    write_png(frame, &mut out).expect("a capped writer takes every byte");
    out.finish()
}

fn write_png(frame: &Frame, out: &mut CappedWriter) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, frame.size.width, frame.size.height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&frame.rgba)?;
    writer.finish()
}

/// Keeps what fits under the cap and counts the rest.
struct CappedWriter {
    bytes: Vec<u8>,
    bytes_max: usize,
    written: u64,
}

impl CappedWriter {
    fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, written: 0 }
    }

    fn finish(self) -> Result<Vec<u8>, u64> {
        if self.written > self.bytes_max as u64 { Err(self.written) } else { Ok(self.bytes) }
    }
}

impl Write for CappedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.written <= self.bytes_max as u64 {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
