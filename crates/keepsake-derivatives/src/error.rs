//! Owns the one error enum of this crate and how decoders' I/O errors enter it.
//! Does not own the decision when something is an error; that is with each decoder.

use std::io;

use crate::Kind;

/// Why no derivatives could be made. The original itself can still be kept as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// The first bytes belong to no format that this crate reads.
    #[error("not a JPEG, PNG, WebP or GIF image: keep the original without derivatives")]
    UnknownFormat,
    /// The format is known, but this variant of it is not decoded.
    #[error("{format}: {feature} is not supported: save the image in another variant")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// What the file uses.
        feature: String,
    },
    /// The file ends before the image does.
    #[error("{format}: the file ends too early: get a complete copy of it")]
    Truncated {
        /// Name of the format.
        format: &'static str,
    },
    /// The file breaks the rules of its format.
    #[error("{format}: the file is damaged ({detail}): get an intact copy of it")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// What is wrong, in the decoder's words.
        detail: String,
    },
    /// A side of the image is longer than the limit.
    #[error("image is {width} x {height} pixels, but a side may have at most {dimension_px_max}")]
    SideTooLong {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// The limit that it breaks.
        dimension_px_max: u32,
    },
    /// The image has more pixels than the limit.
    #[error("image is {width} x {height} pixels, but may have at most {pixels_max} in all")]
    TooManyPixels {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// The limit that it breaks.
        pixels_max: u64,
    },
    /// Decoding would need more memory than the limit.
    #[error("decoding needs {bytes} bytes of memory, but may use at most {bytes_max}")]
    TooMuchMemory {
        /// What the decoder would need.
        bytes: u64,
        /// The limit that it breaks.
        bytes_max: u64,
    },
    /// Decoding would take more work than the limit, as in a file of very many passes over a large picture.
    #[error("decoding is too much work: {work} steps, but it may take at most {work_max}")]
    TooMuchWork {
        /// What the decoder would do.
        work: u64,
        /// The limit that it breaks.
        work_max: u64,
    },
    /// The derivative stays over its size cap, even at one pixel.
    #[error("the {kind} cannot be made smaller than {bytes_max} bytes")]
    CapUnreachable {
        /// Which derivative.
        kind: Kind,
        /// Its cap.
        bytes_max: usize,
    },
    /// A decoder panicked; this is a defect in it, set off by a damaged file.
    #[error("{format}: the decoder failed on this file: keep the original without derivatives")]
    DecoderPanicked {
        /// Name of the format.
        format: &'static str,
    },
    /// The reader failed.
    #[error("cannot read the image: {0}")]
    Io(#[from] io::Error),
}

impl DeriveError {
    pub(crate) fn damaged(format: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Damaged { format, detail: detail.to_string() }
    }

    /// Tells the end of the file and bad data apart from a reader that fails.
    pub(crate) fn from_read(format: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { format },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::damaged(format, error),
            _ => Self::Io(error),
        }
    }
}
