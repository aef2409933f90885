//! Owns the way from a file to one upright display [`Frame`], the same for every format.
//! Does not own the formats; each has its module.

mod gif;
mod jpeg;
mod png;
mod webp;

use std::io::{BufRead, Seek};

use crate::colour::{Channels, RowConverter};
use crate::error::DeriveError;
use crate::format::Format;
use crate::frame::Frame;
use crate::geometry::Size;
use crate::limits::Limits;
use crate::orientation::Orientation;
use crate::reduce::Reducer;
use crate::{Kind, OriginalInfo};

/// A decoded image: the display's pixels, and what the file says about itself.
pub(crate) struct Decoded {
    stored: Size,
    orientation: Orientation,
    pub(crate) frame: Frame,
}

impl Decoded {
    pub(crate) fn original(&self, format: Format) -> OriginalInfo {
        let Size { width, height } = self.orientation.apply_to(self.stored);
        OriginalInfo {
            width,
            height,
            orientation: self.orientation.value(),
            mime_type: format.mime_type(),
            has_alpha: self.frame.has_alpha,
        }
    }
}

/// Decodes the image that starts where `reader` stands.
pub(crate) fn decode<R: BufRead + Seek>(
    format: Format,
    reader: &mut R,
    limits: &Limits,
) -> Result<Decoded, DeriveError> {
    match format {
        Format::Jpeg => jpeg::decode(reader, limits),
        Format::Png => png::decode(reader, limits),
        Format::WebP => webp::decode(reader, limits),
        Format::Gif => gif::decode(reader, limits),
    }
}

/// What a format's module knows before the first row.
struct Source<'a> {
    format: &'static str,
    /// The size that the file declares.
    stored: Size,
    /// How many eighths of each side the decoder gives, rounded up to whole pixels.
    eighths: u32,
    channels: Channels,
    orientation: Orientation,
    icc_profile: Option<&'a [u8]>,
}

/// Of a decoder that does not reduce.
const ALL_EIGHTHS: u32 = 8;

/// The size of the display before it is turned upright.
fn display_size(stored: Size, orientation: Orientation) -> Size {
    orientation.apply_to(orientation.apply_to(stored).fit_within(Kind::Display.bounds()))
}

/// Takes decoded rows from the top and makes the display of them.
struct FrameBuilder {
    format: &'static str,
    stored: Size,
    eighths: u32,
    orientation: Orientation,
    converter: RowConverter,
    reducer: Reducer,
    rgba: Vec<u8>,
}

impl FrameBuilder {
    fn new(source: &Source<'_>) -> Self {
        let display = display_size(source.stored, source.orientation);
        Self {
            format: source.format,
            stored: source.stored,
            eighths: source.eighths,
            orientation: source.orientation,
            converter: RowConverter::new(source.channels, source.icc_profile),
            reducer: Reducer::new(source.stored.reduced(source.eighths), display),
            rgba: Vec::new(),
        }
    }

    fn push_row(&mut self, row: &[u8]) {
        self.converter.convert(row, &mut self.rgba);
        self.reducer.push_row(&self.rgba);
    }

    /// # Errors
    /// [`DeriveError::Truncated`] when rows are missing.
    fn finish(self) -> Result<Decoded, DeriveError> {
        let block = self.reducer.block();
        let reduced = self.reducer.finish().ok_or(DeriveError::Truncated { format: self.format })?;
        // The last pixels may reach over the picture's edge: only what lies inside is scaled.
        let part = |side: u32, block: u32| f64::from(side) * f64::from(self.eighths) / 8.0 / f64::from(block);
        let part = (part(self.stored.width, block.width), part(self.stored.height, block.height));
        let display = display_size(self.stored, self.orientation);
        let frame = reduced.part_scaled_to(part, display).upright(self.orientation);
        Ok(Decoded { stored: self.stored, orientation: self.orientation, frame })
    }
}
