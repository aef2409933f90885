//! Owns the promises about good images: sizes, caps, orientation, colour, alpha, no metadata.
//! Bad images are in `hostile.rs`, memory is in `memory.rs`.

#![allow(missing_docs, clippy::pedantic, reason = "a test binary")]

use crate::images::{Jpeg, Png, decode, difference, gif, lossy_webp, noise, scene, stored_for, webp};
use jpeg_encoder::{ColorType, SamplingFactor};
use keepsake_derivatives::{Derivatives, Kind, Limits, derive};
use moxcms::ColorProfile;
use proptest::prelude::*;

fn made(bytes: &[u8]) -> Derivatives {
    derive(bytes, &Limits::default()).expect("a good image")
}

fn rgba(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect()
}

#[test]
fn every_orientation_gives_the_same_upright_picture() {
    let (width, height) = (160, 96);
    let upright = scene(width, height);
    for orientation in 1..=8 {
        let (stored, w, h) = stored_for(orientation, &upright, width, height, 3);
        let jpeg =
            Jpeg { orientation: Some(orientation), sampling: SamplingFactor::F_1_1, ..Jpeg::default() };
        let png = Png { orientation: Some(orientation), ..Png::default() };
        for bytes in [
            jpeg.encode(&stored, w, h),
            png.encode(&stored, w, h),
            webp(&stored, w, h, Some(orientation), None),
        ] {
            let derived = made(&bytes);
            let original = derived.original;
            assert_eq!((original.width, original.height, original.orientation), (width, height, orientation));
            let (w, h, pixels) = decode(&derived.display.bytes);
            assert_eq!((w, h), (width, height));
            let off = difference(&pixels, &rgba(&upright));
            assert!(off < 3.0, "{} orientation {orientation}: {off}", original.mime_type);
        }
    }
}

#[test]
fn real_photos_of_every_orientation_look_alike() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/photos");
    if !std::path::Path::new(folder).is_dir() {
        println!("skipped: no folder of photos");
        return;
    }
    for scene in ["landscape", "portrait"] {
        let read = |o: u8| std::fs::read(format!("{folder}/exif_{scene}_{o}.jpg")).unwrap();
        let (width, height, first) = decode(&made(&read(1)).thumbnail.bytes);
        for orientation in [3, 5, 6, 8] {
            let derived = made(&read(orientation));
            assert_eq!(derived.original.orientation, orientation);
            let (w, h, pixels) = decode(&derived.thumbnail.bytes);
            assert_eq!((w, h), (width, height));
            assert!(difference(&pixels, &first) < 4.0, "{scene} {orientation}");
        }
    }
}

#[test]
fn leaving_out_metadata_changes_no_pixel_of_a_jpeg() {
    let samplings =
        [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];
    let icc = ColorProfile::new_srgb().encode().unwrap();
    for (width, height) in [(97, 61), (16, 16), (33, 200)] {
        let pixels = scene(width, height);
        for sampling in samplings {
            for (is_progressive, restart_interval) in [(false, 0), (true, 0), (false, 3), (true, 5)] {
                let jpeg = Jpeg { sampling, is_progressive, restart_interval, ..Jpeg::default() };
                let bytes = Jpeg { icc_profile: Some(&icc), orientation: Some(1), ..jpeg }
                    .encode(&pixels, width, height);
                // The library's pixels of the plain file, as a PNG, must give the same display.
                let plain = jpeg.encode(&pixels, width, height);
                let judged = jpeg_decoder::Decoder::new(&plain[..]).decode().unwrap();
                let expected = made(&Png::default().encode(&judged, width, height));
                let off =
                    difference(&decode(&made(&bytes).display.bytes).2, &decode(&expected.display.bytes).2);
                assert!(
                    off < 0.5,
                    "{width}x{height} {sampling:?} {is_progressive} {restart_interval}: {off}"
                );
            }
        }
    }
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    let (width, height) = (2500, 1700);
    let pixels = scene(width, height);
    for bytes in [
        Jpeg::default().encode(&pixels, width, height),
        Jpeg { is_progressive: true, ..Jpeg::default() }.encode(&pixels, width, height),
        Png::default().encode(&pixels, width, height),
    ] {
        let first = made(&bytes);
        for _ in 0..3 {
            assert!(made(&bytes) == first);
        }
    }
}

/// 75 × 53 pixels by libjpeg-turbo: ten scans, of which five add bits to coefficients of earlier ones.
const REFINED: &[u8] = include_bytes!("../fixtures/progressive_refined.jpg");

#[test]
fn a_progressive_jpeg_of_ten_scans_is_decoded_whole() {
    let judged = jpeg_decoder::Decoder::new(REFINED).decode().unwrap();
    let expected = decode(&made(&Png::default().encode(&judged, 75, 53)).display.bytes).2;
    let off = difference(&decode(&made(REFINED).display.bytes).2, &expected);
    assert!(off < 0.5, "{off}");
}

#[test]
fn a_large_jpeg_reduced_while_decoding_looks_like_the_whole() {
    for (width, height) in [(4000, 2400), (7000, 4400), (16_000, 1000)] {
        let pixels = scene(width, height);
        for is_progressive in [false, true] {
            let reduced = made(&Jpeg { is_progressive, ..Jpeg::default() }.encode(&pixels, width, height));
            let whole = made(&Png::default().encode(&pixels, width, height));
            assert_eq!(reduced.display.width, whole.display.width);
            assert_eq!(reduced.display.height, whole.display.height);
            let off = difference(&decode(&reduced.display.bytes).2, &decode(&whole.display.bytes).2);
            assert!(off < 1.5, "{width}x{height} {is_progressive}: {off}");
        }
    }
}

#[test]
fn caps_hold_for_pictures_that_cannot_be_compressed() {
    let (width, height) = (1920, 1080);
    let opaque = made(&Png::default().encode(&noise(width * height * 3, 1), width as u32, height as u32));
    let png = Png { color: png::ColorType::Rgba, ..Png::default() };
    let alpha = made(&png.encode(&noise(width * height * 4, 2), width as u32, height as u32));
    for derived in [&opaque, &alpha] {
        for made in derived.iter() {
            assert!(made.bytes.len() <= made.kind.bytes_max(), "{}: {}", made.kind, made.bytes.len());
            let (w, h, _) = decode(&made.bytes);
            assert_eq!((w, h), (made.width, made.height));
            let aspect = f64::from(w) / f64::from(h);
            assert!((aspect - 16.0 / 9.0).abs() < 0.03, "{w} x {h}");
        }
    }
    assert_eq!(opaque.display.mime_type, "image/jpeg");
    assert_eq!((alpha.display.mime_type, alpha.original.has_alpha), ("image/png", true));
    // The cap is used, not just undercut.
    assert!(alpha.display.bytes.len() > Kind::Display.bytes_max() / 2);
    assert!(opaque.display.bytes.len() > Kind::Display.bytes_max() / 4);
}

#[test]
fn alpha_is_kept_only_where_it_is_real() {
    let (width, height) = (64, 40);
    let mut pixels = rgba(&scene(width, height));
    let png = Png { color: png::ColorType::Rgba, ..Png::default() };
    let opaque = made(&png.encode(&pixels, width, height));
    assert_eq!((opaque.display.mime_type, opaque.original.has_alpha), ("image/jpeg", false));
    for pixel in pixels.chunks_exact_mut(4).take(width as usize * 20) {
        pixel[3] = 60;
    }
    for bytes in [png.encode(&pixels, width, height), webp(&pixels, width, height, None, None)] {
        let derived = made(&bytes);
        assert!(derived.original.has_alpha);
        let (_, _, shown) = decode(&derived.display.bytes);
        assert_eq!(derived.display.mime_type, "image/png");
        assert_eq!((shown[3], shown[shown.len() - 1]), (60, 255));
        assert!(difference(&shown, &pixels) < 0.6);
        let (_, _, small) = decode(&derived.placeholder.bytes);
        assert_eq!((small[3], small[small.len() - 1]), (60, 255));
    }
}

#[test]
fn no_metadata_reaches_the_derivatives() {
    let pixels = scene(64, 48);
    let icc = ColorProfile::new_adobe_rgb().encode().unwrap();
    let jpeg = Jpeg { orientation: Some(6), icc_profile: Some(&icc), ..Jpeg::default() };
    let png =
        Png { color: png::ColorType::Rgba, orientation: Some(6), icc_profile: Some(&icc), ..Png::default() };
    let clear: Vec<u8> = pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 9]).collect();
    for bytes in [jpeg.encode(&pixels, 64, 48), png.encode(&clear, 64, 48)] {
        assert!(bytes.windows(3).any(|w| w == b"SPY"), "the original has metadata");
        for made in made(&bytes).iter() {
            for secret in [&b"SPY"[..], b"Exif", b"eXIf", b"iCCP", b"ICC_PROFILE", b"http", b"tEXt"] {
                assert!(!made.bytes.windows(secret.len()).any(|w| w == secret), "{} {secret:?}", made.kind);
            }
            if made.mime_type == "image/jpeg" {
                assert_eq!(jpeg_app_segments(&made.bytes), [0xE0], "only JFIF");
            }
        }
    }
}

/// The APPn and comment markers of a JPEG before its scan.
fn jpeg_app_segments(bytes: &[u8]) -> Vec<u8> {
    let (mut at, mut found) = (2, Vec::new());
    while bytes[at + 1] != 0xDA {
        let marker = bytes[at + 1];
        if (0xE0..=0xEF).contains(&marker) || marker == 0xFE {
            found.push(marker);
        }
        at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
    found
}

#[test]
fn embedded_profiles_are_honoured_in_every_format() {
    let flat: Vec<u8> = [150, 100, 100].repeat(40 * 40);
    let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
    // Red and green change places: a red picture must come out green.
    let mut swapped = ColorProfile::new_srgb();
    std::mem::swap(&mut swapped.red_colorant, &mut swapped.green_colorant);
    swapped.cicp = None;
    let swapped = swapped.encode().unwrap();
    let centre = |bytes: &[u8]| -> [u8; 3] {
        let (width, height, pixels) = decode(&made(bytes).display.bytes);
        pixels[((height / 2 * width + width / 2) * 4) as usize..][..3].try_into().unwrap()
    };
    let encode_all = |icc: Option<&[u8]>| {
        [
            Jpeg { icc_profile: icc, ..Jpeg::default() }.encode(&flat, 40, 40),
            Png { icc_profile: icc, ..Png::default() }.encode(&flat, 40, 40),
            webp(&flat, 40, 40, None, icc),
        ]
    };
    for bytes in encode_all(None) {
        let [r, g, b] = centre(&bytes);
        assert!(r.abs_diff(150) <= 3 && g.abs_diff(100) <= 3 && b.abs_diff(100) <= 3, "{r} {g} {b}");
    }
    for bytes in encode_all(Some(&adobe)) {
        let [r, g, b] = centre(&bytes);
        assert!(r >= 156 && g.abs_diff(100) <= 5 && b.abs_diff(100) <= 5, "stronger red: {r} {g} {b}");
    }
    for bytes in encode_all(Some(&swapped)) {
        let [r, g, _] = centre(&bytes);
        assert!(g > r + 30, "green: {r} {g}");
    }
    for bytes in encode_all(Some(&adobe[..adobe.len() / 2])) {
        let [r, g, _] = centre(&bytes);
        assert!(r.abs_diff(150) <= 12 && g.abs_diff(100) <= 6, "a broken profile is ignored: {r} {g}");
    }
}

#[test]
fn grey_and_cmyk_jpegs_are_shown_in_their_colours() {
    let flat = |inks: &[u8]| inks.repeat(32 * 32);
    let shown = |color: ColorType, pixel: &[u8], is_progressive: bool| -> [u8; 3] {
        let jpeg = Jpeg { color, is_progressive, sampling: SamplingFactor::F_1_1, ..Jpeg::default() };
        let derived = made(&jpeg.encode(&flat(pixel), 32, 32));
        decode(&derived.display.bytes).2[..3].try_into().unwrap()
    };
    for is_progressive in [false, true] {
        let near = |got: [u8; 3], wanted: [u8; 3]| {
            assert!(got.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 4), "{got:?} {wanted:?}");
        };
        near(shown(ColorType::Luma, &[90], is_progressive), [90, 90, 90]);
        // The encoder takes inks; how it stores them is between it and the Adobe segment.
        let light_of = |[c, m, y, k]: [u8; 4]| {
            [c, m, y].map(|ink| ((255 - u32::from(ink)) * (255 - u32::from(k)) / 255) as u8)
        };
        for color in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            for pixel in [[255, 0, 0, 0], [0, 200, 30, 40], [0, 0, 0, 255], [0, 0, 0, 0]] {
                near(shown(color, &pixel, is_progressive), light_of(pixel));
            }
        }
    }
}

#[test]
fn a_png_of_sixteen_bits_loses_only_depth() {
    let pixels = scene(50, 30);
    let deep: Vec<u8> = pixels.iter().flat_map(|&v| [v, v]).collect();
    let png = Png { depth: png::BitDepth::Sixteen, ..Png::default() };
    let (_, _, got) = decode(&made(&png.encode(&deep, 50, 30)).display.bytes);
    assert!(difference(&got, &rgba(&pixels)) < 2.5);
}

#[test]
fn the_first_frame_of_a_gif_lies_on_its_transparent_canvas() {
    let derived = made(&gif(&[200; 12 * 10], 12, 10, 4, 3, (20, 16)));
    assert_eq!((derived.original.mime_type, derived.original.has_alpha), ("image/gif", true));
    let (width, _, pixels) = decode(&derived.display.bytes);
    let at = |x: u32, y: u32| &pixels[((y * width + x) * 4) as usize..][..4];
    assert_eq!(at(0, 0), [0; 4]);
    assert_eq!(at(4, 3), [200, 55, 100, 255]);
    assert_eq!(at(15, 12), [200, 55, 100, 255]);
    assert_eq!(at(16, 12)[3], 0);
    let whole = made(&gif(&[200; 20 * 16], 20, 16, 0, 0, (20, 16)));
    assert_eq!((whole.display.mime_type, whole.original.has_alpha), ("image/jpeg", false));
}

#[test]
fn a_lossy_webp_is_shown() {
    let derived = made(&lossy_webp());
    assert_eq!((derived.original.width, derived.original.height), (2, 2));
    let (_, _, pixels) = decode(&derived.display.bytes);
    assert!(pixels[0] > 230 && pixels[1] < 40 && pixels[2] < 40, "{pixels:?}");
}

fn ideal(width: u32, height: u32, kind: Kind) -> (f64, f64) {
    let (w, h) = (f64::from(width), f64::from(height));
    let scale = f64::min(f64::from(kind.width_px_max()) / w, f64::from(kind.height_px_max()) / h).min(1.0);
    ((w * scale).max(1.0), (h * scale).max(1.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn derivatives_have_exactly_the_size_of_their_box(
        sides in prop_oneof![(1_u32..60, 1_u32..60), (1_u32..12, 1000_u32..4000), (1000_u32..4000, 1_u32..12), (300_u32..900, 300_u32..900)],
        orientation in 1_u8..=8,
        is_png in any::<bool>(),
    ) {
        let (width, height) = sides;
        let pixels = noise((width * height * 3) as usize, 7);
        let bytes = if is_png {
            Png { orientation: Some(orientation), ..Png::default() }.encode(&pixels, width, height)
        } else {
            Jpeg { orientation: Some(orientation), ..Jpeg::default() }.encode(&pixels, width, height)
        };
        let derived = made(&bytes);
        let (width, height) = if orientation >= 5 { (height, width) } else { (width, height) };
        prop_assert_eq!((derived.original.width, derived.original.height), (width, height));
        for made in derived.iter() {
            let (w, h) = ideal(width, height, made.kind);
            prop_assert!((f64::from(made.width) - w).abs() <= 0.5001, "{:?}", made.kind);
            prop_assert!((f64::from(made.height) - h).abs() <= 0.5001, "{:?}", made.kind);
            let (w, h, _) = decode(&made.bytes);
            prop_assert_eq!((w, h), (made.width, made.height));
        }
    }
}
