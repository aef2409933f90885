//! Image bytes in, derivative bytes out: display, thumbnail and placeholder of one photo.
//!
//! Owns: recognising the format, decoding within [`Limits`], orientation, colour, scaling, encoding
//! under the size caps. Does not own: uploading, file access, the original's bytes, video.
//!
//! ```text
//!  reader ─ sniff ─ decode ─ rows in sRGB ─ average blocks ─ scale ─ turn upright ─┐
//!                   (one pass)              (as rows come)                          │
//!     display ≤ 1920×1080 ◄─────────────────────────────────────────────────────────┘
//!        └─ scale ─ thumbnail ≤ 400×300 ─ scale ─ placeholder ≤ 32×18
//! ```
//!
//! # Choices
//! - **JPEG input** (`jpeg-decoder`) is decoded at 1/2, 1/4 or 1/8, the smallest that is not below the
//!   display. A sequential photo of 48 megapixels needs about 25 MiB. A *progressive* one needs all its
//!   coefficients, 3 to 6 bytes a pixel, so [`Limits::decode_bytes_max`] bounds it (see `decode::jpeg`).
//! - **PNG input** streams row by row, whatever its height. Interlaced PNG, GIF and WebP need their
//!   whole frame, so [`Limits::decode_bytes_max`] bounds them.
//! - **Scaling** averages whole blocks of pixels down to less than twice the display, then
//!   `fast_image_resize` makes the exact size with a Catmull-Rom filter. It is done with premultiplied
//!   alpha, so transparent pixels do not bleed colour, and on sRGB values, as browsers do.
//! - The same input gives the same bytes.
//! - **Output** is sRGB. JPEG, or PNG when at least one pixel is not opaque. No metadata is copied.
//! - A broken colour profile or EXIF block is ignored, as viewers do; broken pixels are an error.
//! - Decoders run inside `catch_unwind` as the last line of defence only: every limit is checked
//!   before the decoder starts. Where panics abort (wasm32), that last line does not exist.

mod colour;
mod decode;
mod encode;
mod error;
mod format;
mod frame;
mod geometry;
mod limits;
mod orientation;
mod reduce;

use std::io::{BufRead, Cursor, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use crate::error::DeriveError;
pub use crate::format::sniff;
pub use crate::limits::Limits;

use crate::format::Format;
use crate::geometry::Size;

/// Which derivative of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// For a whole screen: at most 1920 × 1080 pixels and 2 MiB.
    Display,
    /// For a grid of photos: at most 400 × 300 pixels and 200 KiB.
    Thumbnail,
    /// Shown while the thumbnail loads: at most 32 × 18 pixels and 10 KiB, stored inline.
    Placeholder,
}

impl Kind {
    /// The widest derivative of this kind, in pixels.
    pub fn width_px_max(self) -> u32 {
        self.bounds().width
    }

    /// The tallest derivative of this kind, in pixels.
    pub fn height_px_max(self) -> u32 {
        self.bounds().height
    }

    /// The largest encoded derivative of this kind, in bytes.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Display => 2 * 1024 * 1024,
            Self::Thumbnail => 200 * 1024,
            Self::Placeholder => 10 * 1024,
        }
    }

    fn bounds(self) -> Size {
        match self {
            Self::Display => Size { width: 1920, height: 1080 },
            Self::Thumbnail => Size { width: 400, height: 300 },
            Self::Placeholder => Size { width: 32, height: 18 },
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Display => "display",
            Self::Thumbnail => "thumbnail",
            Self::Placeholder => "placeholder",
        })
    }
}

/// One encoded derivative, upright and in sRGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivative {
    /// Which one it is.
    pub kind: Kind,
    /// `image/jpeg`, or `image/png` when the photo has transparent pixels.
    pub mime_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The encoded file.
    pub bytes: Vec<u8>,
}

/// What the decoder learned about the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginalInfo {
    /// Width in pixels as shown upright (after `orientation`).
    pub width: u32,
    /// Height in pixels as shown upright (after `orientation`).
    pub height: u32,
    /// EXIF orientation 1 to 8 as stored; 1 when there is none.
    pub orientation: u8,
    /// The format that the bytes really have, whatever the file is called.
    pub mime_type: &'static str,
    /// Whether at least one pixel of the display is not opaque.
    pub has_alpha: bool,
}

/// All derivatives of one photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivatives {
    /// What the original is.
    pub original: OriginalInfo,
    /// At most 1920 × 1080.
    pub display: Derivative,
    /// At most 400 × 300.
    pub thumbnail: Derivative,
    /// At most 32 × 18.
    pub placeholder: Derivative,
}

impl Derivatives {
    /// The three derivatives, largest first.
    pub fn iter(&self) -> impl Iterator<Item = &Derivative> {
        [&self.display, &self.thumbnail, &self.placeholder].into_iter()
    }
}

/// Makes all derivatives of the image in `bytes`. See [`derive_from`].
///
/// # Errors
/// The same as [`derive_from`].
pub fn derive(bytes: &[u8], limits: &Limits) -> Result<Derivatives, DeriveError> {
    derive_from(Cursor::new(bytes), limits)
}

/// Makes all derivatives of the image that `reader` holds from its very start.
///
/// The file is never whole in memory. The time grows with the number of pixels and of passes over them, and is bounded
/// by [`Limits::work_max`]; the memory is at most
/// [`Limits::decode_bytes_max`] for decoding, then about 64 MiB for scaling (96 MiB with alpha) when the
/// picture is just below twice the display, and less for others.
///
/// # Errors
/// [`DeriveError`] says whether the file is no image ([`DeriveError::UnknownFormat`]), is damaged, needs
/// more than `limits` allow, or could not be read. In each case the original can still be kept as it is.
pub fn derive_from<R: BufRead + Seek>(mut reader: R, limits: &Limits) -> Result<Derivatives, DeriveError> {
    reader.rewind()?;
    let format = Format::read_from(&mut reader)?.ok_or(DeriveError::UnknownFormat)?;
    reader.seek(SeekFrom::Start(0))?;
    catch_unwind(AssertUnwindSafe(|| derive_format(format, &mut reader, limits)))
        .unwrap_or(Err(DeriveError::DecoderPanicked { format: format.name() }))
}

fn derive_format<R: BufRead + Seek>(
    format: Format,
    reader: &mut R,
    limits: &Limits,
) -> Result<Derivatives, DeriveError> {
    let decoded = decode::decode(format, reader, limits)?;
    let original = decoded.original(format);
    let shown = Size { width: original.width, height: original.height };
    let display_frame = decoded.frame;
    let thumbnail_frame = display_frame.scaled_to(shown.fit_within(Kind::Thumbnail.bounds()));
    let placeholder_frame = thumbnail_frame.scaled_to(shown.fit_within(Kind::Placeholder.bounds()));
    Ok(Derivatives {
        original,
        display: encode::encode(Kind::Display, &display_frame)?,
        thumbnail: encode::encode(Kind::Thumbnail, &thumbnail_frame)?,
        placeholder: encode::encode(Kind::Placeholder, &placeholder_frame)?,
    })
}
