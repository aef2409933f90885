//! A photo made in code: 12 megapixels of a landscape, taken with the camera held upright.
//!
//! Owns the picture and its EXIF block. The frame is 4000 × 3000 and has orientation 6, so a viewer turns
//! it by 90° clockwise and shows 3000 × 4000. A patch of its own colour in each corner tells, in any
//! derivative, whether that happened.

use anyhow::{Context, Result};
use jpeg_encoder::{ColorType, Encoder};
use std::path::Path;

/// Upright.
const WIDTH: usize = 3_000;
/// Upright.
const HEIGHT: usize = 4_000;
const PATCH_PX: usize = 500;
const QUALITY: u8 = 90;

/// The colours of the corners when upright: top left, top right, bottom left, bottom right.
pub(crate) const CORNERS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 40], [30, 50, 220], [240, 220, 30]];

/// Writes the photo to `path`.
pub(crate) fn write(path: &Path) -> Result<()> {
    let mut encoder = Encoder::new_file(path, QUALITY).with_context(|| path.display().to_string())?;
    encoder.add_app_segment(1, exif_with_orientation(6))?;
    let (width, height) = (u16::try_from(HEIGHT)?, u16::try_from(WIDTH)?);
    encoder.encode(&frame(), width, height, ColorType::Rgb)?;
    Ok(())
}

/// An APP1 segment with nothing but the orientation: a TIFF header and one entry
/// ([Exif 2.32, 4.6.4](https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf)).
fn exif_with_orientation(orientation: u16) -> Vec<u8> {
    const TAG_ORIENTATION: u16 = 0x0112;
    const TYPE_SHORT: u16 = 3;
    let mut segment = b"Exif\0\0MM\0\x2a".to_vec();
    segment.extend(8_u32.to_be_bytes()); // where the entries begin
    segment.extend(1_u16.to_be_bytes()); // how many
    segment.extend(TAG_ORIENTATION.to_be_bytes());
    segment.extend(TYPE_SHORT.to_be_bytes());
    segment.extend(1_u32.to_be_bytes()); // how many values
    segment.extend(orientation.to_be_bytes());
    segment.extend([0; 2]); // a short fills half of its field
    segment.extend(0_u32.to_be_bytes()); // no further entries
    segment
}

/// The pixels as the camera stores them: its first row is the right edge of the upright picture, its
/// first column the top.
fn frame() -> Vec<u8> {
    let hills: Vec<usize> = (0..WIDTH).map(hill_top).collect();
    let mut pixels = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for row in 0..WIDTH {
        let x = WIDTH - 1 - row;
        for y in 0..HEIGHT {
            pixels.extend(grain(x, y, scene(x, y, hills[x])));
        }
    }
    pixels
}

/// Where the hills begin, from the top.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
// Small positive numbers on both sides.
fn hill_top(x: usize) -> usize {
    let x = x as f64;
    (2_300.0 + 260.0 * (x / 410.0).sin() + 90.0 * (x / 97.0).sin() + 25.0 * (x / 23.0).sin()) as usize
}

fn scene(x: usize, y: usize, hill_top: usize) -> [u8; 3] {
    let (right, bottom) = (x >= WIDTH - PATCH_PX, y >= HEIGHT - PATCH_PX);
    if (right || x < PATCH_PX) && (bottom || y < PATCH_PX) {
        return CORNERS[usize::from(bottom) * 2 + usize::from(right)];
    }
    let part = |of: usize| u8::try_from(y * of / HEIGHT).expect("a part of at most 255");
    if x.abs_diff(1_900).pow(2) + y.abs_diff(1_100).pow(2) < 330 * 330 {
        [255, 240, 190] // the sun
    } else if y < hill_top {
        [90 + part(140), 140 + part(80), 235 - part(40)]
    } else if (x / 60 + y / 45).is_multiple_of(7) {
        [40, 70 + part(40), 35] // trees
    } else {
        [80 + part(60), 110 + part(50), 60]
    }
}

/// A little noise, the same in each run, so that the file has the size of a real one.
fn grain(x: usize, y: usize, colour: [u8; 3]) -> [u8; 3] {
    let mixed =
        (x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let noise = mixed.wrapping_mul(mixed | 1).to_le_bytes()[5] % 16;
    colour.map(|channel| channel.saturating_sub(8).saturating_add(noise))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exif_block_has_one_entry() {
        let exif = exif_with_orientation(6);
        assert_eq!(exif.len(), 6 + 8 + 2 + 12 + 4);
        assert_eq!(&exif[16..26], [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6]);
    }

    #[test]
    fn the_corners_of_the_upright_picture_have_their_colours() {
        let corners = [(0, 0), (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1)];
        for ((x, y), colour) in corners.into_iter().zip(CORNERS) {
            assert_eq!(scene(x, y, hill_top(x)), colour);
        }
    }
}
