//! What is in a picture that came back: its pixels' number, and the colours of its corners.
//!
//! Owns no codec of the product: JPEG is read by an independent decoder, of PNG only the header is read.

use anyhow::{Context, Result, bail};
use jpeg_decoder::{Decoder, PixelFormat};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Width and height in pixels; none for a format that is not read here.
pub(crate) fn pixels(bytes: &[u8]) -> Result<Option<(u32, u32)>> {
    if bytes.starts_with(b"\xff\xd8") {
        let mut decoder = Decoder::new(bytes);
        decoder.read_info()?;
        let info = decoder.info().context("the JPEG has no frame")?;
        return Ok(Some((u32::from(info.width), u32::from(info.height))));
    }
    if bytes.starts_with(PNG_SIGNATURE) {
        // IHDR comes first ([PNG, 5.6](https://www.w3.org/TR/png-3/#5ChunkOrdering)).
        let number =
            |at: usize| bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).map(u32::from_be_bytes);
        return Ok(number(16).zip(number(20)));
    }
    Ok(None)
}

/// Mean colours near the corners of a JPEG: top left, top right, bottom left, bottom right.
pub(crate) fn corners(jpeg: &[u8]) -> Result<[[u8; 3]; 4]> {
    let mut decoder = Decoder::new(jpeg);
    let pixels = decoder.decode()?;
    let info = decoder.info().context("the JPEG has no frame")?;
    if info.pixel_format != PixelFormat::RGB24 {
        bail!("the JPEG is {:?}, not RGB", info.pixel_format);
    }
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    // The middle of the patch: an eighth of the shorter side is inside, a twentieth off the edge.
    let side = width.min(height);
    let (from, to) = (side / 20, (side / 9).max(side / 20 + 1));
    let mean = |right: bool, bottom: bool| {
        let mut sums = [0_usize; 3];
        for (dy, dx) in (from..to).flat_map(|dy| (from..to).map(move |dx| (dy, dx))) {
            let x = if right { width - 1 - dx } else { dx };
            let y = if bottom { height - 1 - dy } else { dy };
            for (channel, sum) in sums.iter_mut().enumerate() {
                *sum += usize::from(pixels[(y * width + x) * 3 + channel]);
            }
        }
        sums.map(|sum| u8::try_from(sum / (to - from).pow(2)).expect("a mean of bytes"))
    };
    Ok([mean(false, false), mean(true, false), mean(false, true), mean(true, true)])
}

/// Whether two colours are near enough to be the same after scaling and JPEG.
pub(crate) fn alike(one: [u8; 3], other: [u8; 3]) -> bool {
    one.iter().zip(other).all(|(a, b)| a.abs_diff(b) <= 40)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jpeg_encoder::{ColorType, Encoder};

    fn quarters() -> Vec<u8> {
        let colours: [[u8; 3]; 4] = [[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 200]];
        let (width, height) = (80, 60);
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|at| {
                colours[usize::from(at / width >= height / 2) * 2 + usize::from(at % width >= width / 2)]
            })
            .collect();
        let mut jpeg = Vec::new();
        Encoder::new(&mut jpeg, 95).encode(&rgb, 80, 60, ColorType::Rgb).unwrap();
        jpeg
    }

    #[test]
    fn corners_are_told_apart() {
        let found = corners(&quarters()).unwrap();
        assert!(alike(found[0], [200, 0, 0]) && alike(found[1], [0, 200, 0]), "{found:?}");
        assert!(alike(found[2], [0, 0, 200]) && alike(found[3], [200, 200, 200]), "{found:?}");
        assert!(!alike(found[0], found[1]));
    }

    #[test]
    fn pixels_are_read_from_jpeg_and_png() {
        assert_eq!(pixels(&quarters()).unwrap(), Some((80, 60)));
        let png = [PNG_SIGNATURE, b"\0\0\0\x0dIHDR", &7_u32.to_be_bytes(), &9_u32.to_be_bytes()].concat();
        assert_eq!(pixels(&png).unwrap(), Some((7, 9)));
        assert_eq!(pixels(b"text").unwrap(), None);
    }
}
