//! Owns a JPEG's colour model: which one it is, and its rows as grey, RGB or CMYK.
//! Does not own profiles; see [`crate::colour`].
//!
//! The file does not say its model outright. The order of belief is libjpeg's: JFIF, then Adobe's
//! segment, then the names of the components
//! ([how it is told](https://entropymine.wordpress.com/2018/10/22/how-is-a-jpeg-images-color-type-determined/)).

use super::segments::{Component, Segments};
use crate::colour::Channels;

/// How the components are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Gray,
    Rgb,
    YCbCr,
    /// Ink as it is.
    Cmyk,
    /// Adobe stores what is left of the light instead of the ink.
    InvertedCmyk,
    /// The same with its first three as YCbCr.
    Ycck,
}

impl Model {
    pub(super) fn of(components: &[Component], segments: &Segments) -> Self {
        match (components.len(), segments.adobe_transform) {
            (1, _) => Self::Gray,
            (4, Some(2)) => Self::Ycck,
            (4, Some(_)) => Self::InvertedCmyk,
            (4, None) => Self::Cmyk,
            (_, Some(0)) if !segments.is_jfif => Self::Rgb,
            (_, None) if !segments.is_jfif && components.iter().map(|c| c.id).eq(*b"RGB") => Self::Rgb,
            _ => Self::YCbCr,
        }
    }

    pub(super) fn channels(self) -> Channels {
        match self {
            Self::Gray => Channels::Gray,
            Self::Rgb | Self::YCbCr => Channels::Rgb,
            Self::Cmyk | Self::InvertedCmyk | Self::Ycck => Channels::Cmyk,
        }
    }

    /// Joins one line of each component into a row of pixels.
    pub(super) fn interleave(self, lines: &[&[u8]], row: &mut Vec<u8>) {
        row.clear();
        match (self, lines) {
            (Self::Gray, [gray]) => row.extend_from_slice(gray),
            (Self::Rgb, [r, g, b]) => row.extend(zip3(r, g, b).flatten()),
            (Self::YCbCr, [y, cb, cr]) => row.extend(zip3(y, cb, cr).flat_map(rgb)),
            (_, [c, m, y, k]) => {
                row.extend(zip3(c, m, y).zip(k.iter()).flat_map(|(first, &k)| self.inks(first, k)));
            }
            _ => unreachable!("the model is chosen by the number of components"),
        }
    }

    fn inks(self, first: [u8; 3], k: u8) -> [u8; 4] {
        match self {
            Self::Cmyk => [first[0], first[1], first[2], k],
            // YCbCr of the light that ink takes away: the conversion gives ink at once.
            Self::Ycck => {
                let [c, m, y] = rgb(first);
                [c, m, y, 255 - k]
            }
            _ => [255 - first[0], 255 - first[1], 255 - first[2], 255 - k],
        }
    }
}

fn zip3<'a>(a: &'a [u8], b: &'a [u8], c: &'a [u8]) -> impl Iterator<Item = [u8; 3]> {
    a.iter().zip(b).zip(c).map(|((&a, &b), &c)| [a, b, c])
}

/// ITU-R BT.601 at full range ([JFIF](https://www.w3.org/Graphics/JPEG/jfif3.pdf)), in 16-bit fixed point.
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let byte = |v: i32| u8::try_from(((v + (1 << 15)) >> 16).clamp(0, 255)).expect("clamped to a byte");
    [byte(y + 91_881 * cr), byte(y - 22_554 * cb - 46_802 * cr), byte(y + 116_130 * cb)]
}
