//! Writes images of many formats and shapes into a folder, for whoever derives them in another way.
//!
//! Owns the list of images; their making is shared with this crate's tests.
//!
//! ```text
//! images FOLDER
//! ```

#![expect(clippy::pedantic, clippy::unwrap_used, reason = "made of the tests' images")]

#[path = "../tests/support/images.rs"]
mod images;

use std::fs;
use std::path::{Path, PathBuf};

use images::{Jpeg, Png, gif, scene, stored_for, webp};
use jpeg_encoder::{ColorType, SamplingFactor};
use moxcms::ColorProfile;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("usage: images FOLDER"));
    write_oriented(&folder);
    write_shapes(&folder);
    write_channels(&folder);
}

fn write(folder: &Path, name: &str, bytes: Vec<u8>) {
    fs::write(folder.join(name), bytes).unwrap();
}

/// The scene with a fine pattern on it, which a poor filter would blur or turn into waves.
fn patterned(width: u32, height: u32) -> Vec<u8> {
    let mut rgb = scene(width, height);
    for (index, pixel) in (0..).zip(rgb.chunks_exact_mut(3)) {
        let (x, y) = (f64::from(index % width), f64::from(index / width));
        let wave = 18.0 * (x / 3.1).sin() * (y / 2.3).cos();
        for value in pixel {
            *value = (f64::from(*value) + wave) as u8;
        }
    }
    rgb
}

/// Every orientation in every format that can tell it. All are the same picture when upright.
fn write_oriented(folder: &Path) {
    let (width, height) = (2310, 1290);
    let large = patterned(width, height);
    let (small_width, small_height) = (730, 410);
    let small = patterned(small_width, small_height);
    for orientation in 1..=8 {
        let (stored, w, h) = stored_for(orientation, &large, width, height, 3);
        let jpeg = Jpeg { orientation: Some(orientation), ..Jpeg::default() };
        write(folder, &format!("turned_{orientation}.jpg"), jpeg.encode(&stored, w, h));
        let (stored, w, h) = stored_for(orientation, &small, small_width, small_height, 3);
        let png = Png { orientation: Some(orientation), ..Png::default() };
        write(folder, &format!("turned_{orientation}.png"), png.encode(&stored, w, h));
        write(folder, &format!("turned_{orientation}.webp"), webp(&stored, w, h, Some(orientation), None));
    }
}

/// Shapes whose derivatives must be rounded, and small ones that must not grow.
fn write_shapes(folder: &Path) {
    let shapes = [
        (1, 1),
        (10, 5),
        (3000, 20),
        (20, 3000),
        (1919, 1081),
        (1921, 1079),
        (2881, 1621),
        (4001, 2999),
        (401, 300),
        (33, 18),
    ];
    for (width, height) in shapes {
        let bytes = Jpeg { sampling: SamplingFactor::F_1_1, ..Jpeg::default() }.encode(
            &patterned(width, height),
            width,
            height,
        );
        write(folder, &format!("shape_{width}x{height}.jpg"), bytes);
    }
}

/// Channels, profiles and ways of encoding.
fn write_channels(folder: &Path) {
    let (width, height) = (1700, 1200);
    let rgb = patterned(width, height);
    let jpeg = Jpeg::default();
    let progressive = Jpeg { is_progressive: true, ..jpeg };
    write(folder, "progressive.jpg", progressive.encode(&rgb, width, height));
    let restarts = Jpeg { restart_interval: 7, ..jpeg };
    write(folder, "restarts.jpg", restarts.encode(&rgb, width, height));
    let grey: Vec<u8> = rgb.chunks_exact(3).map(|p| p[1]).collect();
    write(folder, "grey.jpg", Jpeg { color: ColorType::Luma, ..jpeg }.encode(&grey, width, height));
    let grey_png = Png { color: png::ColorType::Grayscale, ..Png::default() };
    write(folder, "grey.png", grey_png.encode(&grey, width, height));
    let inks: Vec<u8> =
        rgb.chunks_exact(3).flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], p[0] / 8]).collect();
    write(folder, "cmyk.jpg", Jpeg { color: ColorType::Cmyk, ..jpeg }.encode(&inks, width, height));
    let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
    write(folder, "adobe.jpg", Jpeg { icc_profile: Some(&adobe), ..jpeg }.encode(&rgb, width, height));
    let rgba: Vec<u8> = (0..)
        .zip(rgb.chunks_exact(3))
        .flat_map(|(index, p)| [p[0], p[1], p[2], alpha_at(index % width, index / width)])
        .collect();
    let alpha = Png { color: png::ColorType::Rgba, ..Png::default() };
    write(folder, "alpha.png", alpha.encode(&rgba, width, height));
    write(folder, "alpha.webp", webp(&rgba, width, height, None, None));
    let indices: Vec<u8> = (0..500 * 300).map(|i| ((i % 500) / 2) as u8).collect();
    write(folder, "transparent.gif", gif(&indices, 500, 300, 20, 10, (640, 480)));
}

/// Opaque on the left, fading out to the right, with a hole.
fn alpha_at(x: u32, y: u32) -> u8 {
    let in_hole = x.abs_diff(400) + y.abs_diff(500) < 150;
    if in_hole { 0 } else { 255 - (x.saturating_sub(900) * 255 / 800) as u8 }
}
