//! Owns a finished picture in memory: 8-bit sRGB with straight alpha, and turning it upright.
//! Does not own how its pixels were made.

use crate::geometry::Size;
use crate::orientation::Orientation;
use crate::resample::Resampler;

/// Bytes of one RGBA pixel.
pub(crate) const PIXEL_BYTES: usize = 4;

/// Rows of RGBA pixels without gaps.
pub(crate) struct Frame {
    pub(crate) size: Size,
    pub(crate) rgba: Vec<u8>,
    pub(crate) has_alpha: bool,
}

impl Frame {
    /// Takes the rows as they are and looks whether any pixel is not opaque.
    pub(crate) fn new(size: Size, rgba: Vec<u8>) -> Self {
        let has_alpha = rgba.chunks_exact(PIXEL_BYTES).any(|pixel| pixel[3] != u8::MAX);
        Self { size, rgba, has_alpha }
    }

    pub(crate) fn row_bytes(&self) -> usize {
        self.size.width as usize * PIXEL_BYTES
    }

    /// A smaller copy; `size` is cut to the frame's own.
    pub(crate) fn scaled_to(&self, size: Size) -> Self {
        let mut resampler = Resampler::new(self.size, size.min(self.size));
        for row in self.rgba.chunks_exact(self.row_bytes()) {
            resampler.push_row(row);
        }
        resampler.finish().expect("every row of the frame was pushed")
    }

    /// The picture as it is to be shown.
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let size = orientation.apply_to(self.size);
        let mut rgba = Vec::with_capacity(self.rgba.len());
        for y in 0..size.height as usize {
            for x in 0..size.width as usize {
                let (from_x, from_y) = orientation.source_of(x, y, self.size);
                let at = from_y * self.row_bytes() + from_x * PIXEL_BYTES;
                rgba.extend_from_slice(&self.rgba[at..at + PIXEL_BYTES]);
            }
        }
        Self { size, rgba, has_alpha: self.has_alpha }
    }
}
