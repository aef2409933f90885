//! Owns the limits of decoding, each with its reason, and the checks against them.
//! Does not own the caps of the derivatives; those belong to [`crate::Kind`].

use crate::error::DeriveError;
use crate::geometry::Size;

/// What one image may cost to decode. Checked before anything of that size is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most pixels in an image, width × height. 100 million by default: twice today's largest phone
    /// sensors, while the time for a bomb of that size stays at a few seconds.
    pub pixels_max: u64,
    /// Longest side in pixels. 65,535 by default: the most that JPEG and GIF can say.
    pub dimension_px_max: u32,
    /// Most bytes that a decoder may hold, as worked out from the headers. 256 MiB by default, for the
    /// sake of progressive JPEG: all coefficients must be held, 3 bytes a pixel with halved colour and 6
    /// with full, so that is 85 or 42 megapixels. It allows a lossy WebP of 50 megapixels and an
    /// interlaced PNG of 85. A sequential JPEG within `pixels_max` does not meet it, and neither does a PNG
    /// that is not interlaced.
    pub decode_bytes_max: u64,
    /// Most bytes of one colour profile or EXIF block. 4 MiB by default: the largest printer profiles
    /// in use have 3 MiB. A larger block is ignored.
    pub metadata_bytes_max: usize,
    /// Most work of decoding, as worked out from the headers: one unit for each sample that a pass over the picture
    /// visits, and four where the pass makes pixels of it. 2.5 billion by default, about two to four seconds of a
    /// processor. It is there for progressive JPEG, whose passes cost a few bytes each: 100 megapixels may have 21
    /// grey ones, 12 megapixels with halved colour 134. Encoders write 5 to 10. A count and no clock, so that
    /// the same file always gets the same answer.
    pub work_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pixels_max: 100_000_000,
            dimension_px_max: 65_535,
            decode_bytes_max: 256 * 1024 * 1024,
            metadata_bytes_max: 4 * 1024 * 1024,
            work_max: 2_500_000_000,
        }
    }
}

impl Limits {
    /// Checks the size that a header declares.
    pub(crate) fn check_size(&self, format: &'static str, size: Size) -> Result<(), DeriveError> {
        let Size { width, height } = size;
        if width == 0 || height == 0 {
            return Err(DeriveError::damaged(format, format!("it declares {width} x {height} pixels")));
        }
        if width.max(height) > self.dimension_px_max {
            let dimension_px_max = self.dimension_px_max;
            return Err(DeriveError::SideTooLong { width, height, dimension_px_max });
        }
        if size.pixels() > self.pixels_max {
            return Err(DeriveError::TooManyPixels { width, height, pixels_max: self.pixels_max });
        }
        Ok(())
    }

    /// Checks the memory that a decoder is going to hold.
    pub(crate) fn check_bytes(&self, bytes: u64) -> Result<(), DeriveError> {
        if bytes > self.decode_bytes_max {
            return Err(DeriveError::TooMuchMemory { bytes, bytes_max: self.decode_bytes_max });
        }
        Ok(())
    }

    /// Checks the work that a decoder is going to do; see [`Self::work_max`].
    pub(crate) fn check_work(&self, work: u64) -> Result<(), DeriveError> {
        if work > self.work_max {
            return Err(DeriveError::TooMuchWork { work, work_max: self.work_max });
        }
        Ok(())
    }
}

/// Units of work for each sample that becomes a pixel; see [`Limits::work_max`].
pub(crate) const PIXEL_WORK: u64 = 4;
