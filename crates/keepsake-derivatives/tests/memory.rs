//! Owns the promises about memory, measured by the allocator: bombs stay small, large photos bounded.
//! What images look like is in `derive.rs`.

#![allow(missing_docs, clippy::pedantic, reason = "a test binary")]

#[path = "support/images.rs"]
mod images;

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::sync::{Mutex, PoisonError};

use images::{Jpeg, Png, gif, scene, webp};
use jpeg_encoder::SamplingFactor;
use keepsake_derivatives::{Derivatives, DeriveError, Limits, derive_from};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One measurement at a time: the allocator counts for the whole process.
static MEASURING: Mutex<()> = Mutex::new(());

const MIB: usize = 1024 * 1024;

/// The result and the bytes held above those at the start, at the peak.
fn measured(
    derive: impl FnOnce() -> Result<Derivatives, DeriveError>,
) -> (Result<Derivatives, DeriveError>, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = derive();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

fn measured_bytes(bytes: &[u8]) -> (Result<Derivatives, DeriveError>, usize) {
    measured(|| derive_from(Cursor::new(bytes), &Limits::default()))
}

#[test]
fn declared_sizes_allocate_nothing() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut png = Png::default().encode(&scene(16, 16), 16, 16);
    png[16..20].copy_from_slice(&65_535_u32.to_be_bytes());
    png[20..24].copy_from_slice(&65_535_u32.to_be_bytes());
    let mut jpeg = Jpeg::default().encode(&scene(16, 16), 16, 16);
    let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    let mut canvas_gif = gif(&[1; 16], 4, 4, 0, 0, (4, 4));
    canvas_gif[6..10].fill(0xFF);
    let mut frame_gif = gif(&[1; 16], 4, 4, 0, 0, (4, 4));
    let descriptor = frame_gif.iter().rposition(|&b| b == 0x2C).unwrap();
    frame_gif[descriptor + 5..descriptor + 9].fill(0xFF);
    let mut lossless = webp(&scene(16, 16), 16, 16, None, None);
    lossless[21..25].copy_from_slice(&(16_383_u32 | 16_383 << 14).to_le_bytes());
    let mut lossy = images::lossy_webp();
    lossy[26..30].fill(0xFF);
    for (name, bytes) in [
        ("PNG", png),
        ("JPEG", jpeg),
        ("GIF canvas", canvas_gif),
        ("GIF frame", frame_gif),
        ("lossless WebP", lossless),
        ("lossy WebP", lossy),
    ] {
        let (result, peak) = measured_bytes(&bytes);
        let error = result.expect_err(name);
        assert!(
            matches!(error, DeriveError::TooManyPixels { .. } | DeriveError::TooMuchMemory { .. }),
            "{name}: {error:?}"
        );
        assert!(peak < MIB, "{name}: {peak} bytes");
    }
}

#[test]
fn a_webp_bitstream_larger_than_its_canvas_allocates_nothing() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lossy = images::lossy_webp()[12..].to_vec();
    lossy[14..18].copy_from_slice(&[0x10, 0x27, 0x10, 0x27]);
    let mut body = b"WEBPVP8X\x0A\0\0\0\0\0\0\0\x01\0\0\x01\0\0".to_vec();
    body.extend(lossy);
    let bytes = [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat();
    let (result, peak) = measured_bytes(&bytes);
    assert!(matches!(result, Err(DeriveError::Damaged { .. })), "{result:?}");
    assert!(peak < MIB, "{peak} bytes");
}

#[test]
fn endless_metadata_is_not_kept() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let jpeg = Jpeg::default().encode(&scene(16, 16), 16, 16);
    let mut bytes = jpeg[..2].to_vec();
    for number in 0..800_u32 {
        let tag: &[u8] = match number % 4 {
            0 => b"\xE1\xFF\xFFExif\0\0",
            1 => b"\xE1\xFF\xFFhttp://ns.adobe.com/xap/1.0/\0",
            2 => b"\xE2\xFF\xFFICC_PROFILE\0",
            _ => b"\xFE\xFF\xFF",
        };
        bytes.push(0xFF);
        bytes.extend(tag);
        let rest = 65_535 + 1 - tag.len();
        bytes.extend(std::iter::repeat_n(u8::try_from(number / 4).unwrap(), rest));
    }
    bytes.extend(&jpeg[2..]);
    let (result, peak) = measured_bytes(&bytes);
    result.expect("the picture itself is sound");
    assert!(peak < 6 * MIB, "{peak} bytes for {} bytes of metadata", bytes.len());
}

#[test]
fn exif_directories_that_hold_each_other_stay_small() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    // Thousands of pointers to directories, each of which begins inside the next pointer.
    let mut tiff = b"II*\0\x08\0\0\0\xFF\xFF".to_vec();
    while tiff.len() < 65_000 {
        let at = u32::try_from(tiff.len()).unwrap();
        tiff.extend(b"\x69\x87\x04\0\x01\0\0\0");
        tiff.extend((at + 12).to_le_bytes());
    }
    let segment = [b"Exif\0\0", &tiff[..]].concat();
    let length = u16::try_from(segment.len() + 2).unwrap().to_be_bytes();
    let jpeg = Jpeg::default().encode(&scene(16, 16), 16, 16);
    let bytes = [b"\xFF\xD8\xFF\xE1", &length[..], &segment, &jpeg[2..]].concat();
    let (result, peak) = measured_bytes(&bytes);
    assert_eq!(result.expect("the picture itself is sound").original.orientation, 1);
    assert!(peak < 8 * MIB, "{peak} bytes");
}

#[test]
fn a_png_that_inflates_a_thousandfold_stays_small() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = Png::default().encode(&vec![7; 6000 * 4000 * 3], 6000, 4000);
    assert!(bytes.len() < MIB);
    let (result, peak) = measured_bytes(&bytes);
    assert_eq!(result.expect("24 megapixels").display.width, 1620);
    assert!(peak < 32 * MIB, "{peak} bytes");
}

#[test]
fn a_photo_of_48_megapixels_stays_small_unless_it_is_progressive() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    for is_progressive in [false, true] {
        let pixels = scene(8040, 6024);
        let bytes =
            Jpeg { is_progressive, orientation: Some(6), ..Jpeg::default() }.encode(&pixels, 8040, 6024);
        drop(pixels);
        let (result, peak) = measured_bytes(&bytes);
        let derived = result.expect("a sound photo");
        assert_eq!((derived.original.width, derived.original.height), (6024, 8040));
        println!("48 megapixels, progressive {is_progressive}: {peak} bytes at the peak");
        assert!(peak < if is_progressive { 256 } else { 64 } * MIB, "{peak} bytes");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/photos/photo_48mp.jpg");
    let Ok(file) = File::open(path) else {
        println!("skipped: no folder of photos");
        return;
    };
    let (result, peak) = measured(|| derive_from(BufReader::new(file), &Limits::default()));
    let display = result.expect("a sound photo").display;
    assert_eq!((display.width, display.height), (1441, 1080));
    println!("the photo of 48 megapixels: {peak} bytes at the peak");
    assert!(peak < 256 * MIB, "{peak} bytes");
}

#[test]
fn a_progressive_jpeg_above_the_limit_allocates_nothing() {
    let _guard = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    for (sampling, side) in [(SamplingFactor::F_2_2, 9600_u16), (SamplingFactor::F_1_1, 6800)] {
        let mut bytes =
            Jpeg { is_progressive: true, sampling, ..Jpeg::default() }.encode(&scene(16, 16), 16, 16);
        let frame = bytes.windows(2).position(|w| w == [0xFF, 0xC2]).unwrap();
        bytes[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
        let (result, peak) = measured_bytes(&bytes);
        let Err(DeriveError::TooMuchMemory { bytes, .. }) = result else { panic!("{result:?}") };
        assert!((256 * MIB as u64..300 * MIB as u64).contains(&bytes), "{bytes}");
        assert!(peak < MIB, "{peak} bytes");
    }
}
