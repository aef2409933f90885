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

/// A progressive grey JPEG, made by hand: one scan of DC coefficients, then `passes` that say in a few bytes that no block
/// has an AC coefficient.
fn grey_of_many_passes(width: u16, height: u16, passes: usize) -> Vec<u8> {
    let (mut bits, blocks) = (Vec::new(), usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8));
    let frame = [&[0xFF, 0xC2, 0, 11, 8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]];
    let mut file = [&[0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0][..], &[1; 64], &frame.concat()].concat();
    for (class, symbol) in [(0x00, 0x00), (0x10, 0xE0)] {
        // One code of one bit.
        file.extend([0xFF, 0xC4, 0, 20, class, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, symbol]);
    }
    file.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0]);
    // The one code is a zero bit: no difference.
    file.extend(std::iter::repeat_n(0, blocks.div_ceil(8)));
    for _ in (0..blocks).step_by(1 << 14) {
        // "The next 2^14 blocks are empty": the code, and 14 bits to add. The last run may reach beyond the picture.
        bits.extend([false; 15]);
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    let pass = bits.chunks(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | u8::from(*bit)));
    let pass: Vec<u8> = pass.collect();
    for _ in 0..passes {
        file.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0]);
        file.extend(&pass);
    }
    file.extend([0xFF, 0xD9]);
    file
}

/// The smallest limit of work under which `bytes` are decoded.
fn work_of(bytes: &[u8]) -> u64 {
    let (mut refused, mut taken) = (0, Limits::default().work_max);
    while refused + 1 < taken {
        let mut limits = Limits::default();
        limits.work_max = refused.midpoint(taken);
        match derive(bytes, &limits) {
            Ok(_) => taken = limits.work_max,
            Err(DeriveError::TooMuchWork { work_max, .. }) => refused = work_max,
            Err(other) => panic!("{other:?}"),
        }
    }
    taken
}

#[test]
fn a_small_jpeg_of_very_many_passes_over_a_large_picture_is_too_much_work() {
    let bomb = grey_of_many_passes(10_000, 10_000, 126);
    assert!(bomb.len() < 250_000, "{} bytes", bomb.len());
    let error = derive(&bomb, &Limits::default()).unwrap_err();
    assert!(matches!(error, DeriveError::TooMuchWork { work: 12_700_000_000.., .. }), "{error:?}");
    // The file is sound: a small picture of the same passes is decoded.
    derive(&grey_of_many_passes(400, 300, 126), &Limits::default()).unwrap();
}

#[test]
fn the_work_of_a_jpeg_is_its_passes_times_what_they_visit() {
    let samples = 64 * 40;
    let work = |passes| work_of(&grey_of_many_passes(64, 40, passes));
    assert_eq!(work(1), (1 + 1 + 4) * samples);
    assert_eq!(work(9) - work(1), 8 * samples);
    let pixels = scene(64, 40);
    let sequential = Jpeg { is_progressive: false, ..Jpeg::default() }.encode(&pixels, 64, 40);
    // With halved colour and units of 16 x 16: 64 x 48 samples of light, a quarter each of the colours.
    assert_eq!(work_of(&sequential), 4 * (64 * 48 + 2 * 32 * 24));
    let progressive = Jpeg { is_progressive: true, ..Jpeg::default() }.encode(&pixels, 64, 40);
    assert!(work_of(&progressive) > work_of(&sequential));
}

#[test]
fn every_format_counts_its_work() {
    for (name, bytes) in samples() {
        let work = work_of(&bytes);
        assert!((64..1_000_000).contains(&work), "{name}: {work}");
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
