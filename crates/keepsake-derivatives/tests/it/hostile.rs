//! Owns the promises about bad images: an error, never a panic. Good ones are in `derive.rs`.

#![allow(missing_docs, clippy::pedantic, reason = "a test binary")]

use crate::images::{Jpeg, Png, gif, lossy_webp, noise, scene, webp};
use keepsake_derivatives::{DeriveError, Limits, derive};

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let pixels = scene(96, 64);
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let jpeg = Jpeg { orientation: Some(6), icc_profile: Some(&icc), ..Jpeg::default() };
    let png = Png { orientation: Some(6), icc_profile: Some(&icc), ..Png::default() };
    vec![
        ("sequential JPEG", jpeg.encode(&pixels, 96, 64)),
        ("JPEG with restarts", Jpeg { restart_interval: 2, ..jpeg }.encode(&pixels, 96, 64)),
        ("progressive JPEG", Jpeg { is_progressive: true, ..jpeg }.encode(&pixels, 96, 64)),
        ("PNG", png.encode(&pixels, 96, 64)),
        ("lossless WebP", webp(&noise(48 * 48 * 4, 5), 48, 48, Some(6), Some(&icc))),
        ("lossy WebP", lossy_webp()),
        ("GIF", gif(&noise(64 * 64, 3), 64, 64, 0, 0, (64, 64))),
    ]
}

#[test]
fn an_image_cut_at_any_sixteenth_is_an_error() {
    for (name, bytes) in samples() {
        derive(&bytes, &Limits::default()).expect(name);
        for sixteenth in 0..16 {
            let cut = &bytes[..bytes.len() * sixteenth / 16];
            let error = derive(cut, &Limits::default()).expect_err(name);
            assert!(
                !matches!(error, DeriveError::DecoderPanicked { .. } | DeriveError::Io(_)),
                "{name} {sixteenth}/16: {error:?}"
            );
        }
    }
}

#[test]
fn a_jpeg_without_its_end_is_truncated() {
    for is_progressive in [false, true] {
        let bytes = Jpeg { is_progressive, ..Jpeg::default() }.encode(&scene(96, 64), 96, 64);
        for bytes in [&bytes[..bytes.len() - 2], &bytes[..bytes.len() - 1], &bytes[..bytes.len() - 40]] {
            let error = derive(bytes, &Limits::default()).unwrap_err();
            assert!(matches!(error, DeriveError::Truncated { .. }), "{error:?}");
        }
        // Even with an end marker put behind the cut: the picture's data are missing.
        let cut = [&bytes[..bytes.len() - 40], &[0xFF, 0xD9]].concat();
        let error = derive(&cut, &Limits::default()).unwrap_err();
        assert!(matches!(error, DeriveError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut panics = Vec::new();
    let mut accepted = 0;
    for (name, bytes) in samples() {
        let random = noise(600 * 8, 99);
        for (round, random) in random.chunks_exact(8).enumerate() {
            let mut bytes = bytes.clone();
            let flips = 1 + usize::from(random[0] % 4);
            for flip in 0..flips {
                let at = usize::from(u16::from_le_bytes([random[1 + flip], random[2 + flip]]));
                // Half of the flips hit the first 256 bytes, where the headers are.
                let range = if flip % 2 == 0 { bytes.len().min(256) } else { bytes.len() };
                let index = at % range;
                bytes[index] ^= 1 << (random[3 + flip] % 8);
            }
            match derive(&bytes, &Limits::default()) {
                Ok(_) => accepted += 1,
                Err(DeriveError::DecoderPanicked { .. }) => panics.push((name, round)),
                Err(_) => {}
            }
        }
    }
    assert!(panics.is_empty(), "{panics:?}");
    assert!(accepted > 0, "some flips hit only pixels");
}

#[test]
fn what_is_no_image_is_told_apart() {
    for bytes in [&b""[..], b"\xFF", b"hello", b"%PDF-1.7\n", &[0; 100]] {
        let error = derive(bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, DeriveError::UnknownFormat), "{error:?}");
    }
}

#[test]
fn zero_sizes_are_damage() {
    let mut jpeg = Jpeg::default().encode(&scene(16, 16), 16, 16);
    let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 7].fill(0);
    let mut png = Png::default().encode(&scene(16, 16), 16, 16);
    png[16..20].fill(0);
    let mut gif = gif(&[1; 16], 4, 4, 0, 0, (4, 4));
    gif[6..8].fill(0);
    for bytes in [jpeg, png, gif] {
        let error = derive(&bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, DeriveError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn a_jpeg_of_endless_scans_or_segments_is_refused() {
    let jpeg = Jpeg { is_progressive: true, ..Jpeg::default() }.encode(&scene(16, 16), 16, 16);
    let end = jpeg.len() - 2;
    let last_scan = jpeg.windows(2).rposition(|w| w == [0xFF, 0xDA]).unwrap();
    for part in [&jpeg[last_scan..end], b"\xFF\xFE\0\x02"] {
        let bytes = [&jpeg[..end], &part.repeat(20_000), &jpeg[end..]].concat();
        let error = derive(&bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, DeriveError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn impossible_sampling_is_damage() {
    let jpeg = Jpeg::default().encode(&scene(16, 16), 16, 16);
    let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    for factors in [0x00, 0x01, 0x10, 0x51, 0xFF] {
        let mut jpeg = jpeg.clone();
        jpeg[frame + 11] = factors;
        let error = derive(&jpeg, &Limits::default()).unwrap_err();
        assert!(matches!(error, DeriveError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn every_limit_is_checked() {
    let bytes = Png::default().encode(&scene(40, 20), 40, 20);
    let mut limits = Limits::default();
    limits.pixels_max = 799;
    assert!(matches!(derive(&bytes, &limits), Err(DeriveError::TooManyPixels { .. })));
    limits.pixels_max = 800;
    limits.dimension_px_max = 39;
    assert!(matches!(derive(&bytes, &limits), Err(DeriveError::SideTooLong { .. })));
    limits.dimension_px_max = 40;
    derive(&bytes, &limits).expect("at the limit");
    limits.decode_bytes_max = 100;
    derive(&bytes, &limits).expect("a PNG needs rows only");
    for bytes in [
        Jpeg::default().encode(&scene(40, 20), 40, 20),
        webp(&scene(40, 20), 40, 20, None, None),
        gif(&[1; 800], 40, 20, 0, 0, (40, 20)),
    ] {
        assert!(matches!(derive(&bytes, &limits), Err(DeriveError::TooMuchMemory { .. })));
    }
}
