//! Owns a finished picture in memory: 8-bit sRGB with straight alpha, scaling it down (by
//! `fast_image_resize`) and turning it upright. Does not own how its pixels were made.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::geometry::Size;
use crate::orientation::Orientation;

/// Bytes of one RGBA pixel.
pub(crate) const PIXEL_BYTES: usize = 4;

/// Rows of RGBA pixels without gaps.
pub(crate) struct Frame {
    pub(crate) size: Size,
    pub(crate) rgba: Vec<u8>,
    pub(crate) has_alpha: bool,
}

impl Frame {
    /// Takes the rows as they are and looks whether any pixel is not opaque.
    pub(crate) fn new(size: Size, rgba: Vec<u8>) -> Self {
        let has_alpha = rgba.chunks_exact(PIXEL_BYTES).any(|pixel| pixel[3] != u8::MAX);
        Self { size, rgba, has_alpha }
    }

    /// A smaller copy; `size` is cut to the frame's own.
    pub(crate) fn scaled_to(&self, size: Size) -> Self {
        self.part_scaled_to((self.size.width.into(), self.size.height.into()), size)
    }

    /// The same of a part from the top left corner, whose sides (in pixels) may end within a pixel.
    pub(crate) fn part_scaled_to(&self, (width, height): (f64, f64), size: Size) -> Self {
        let size = size.min(self.size);
        let from = ImageRef::new(self.size.width, self.size.height, &self.rgba, PixelType::U8x4)
            .expect("a frame has four bytes for each pixel");
        let mut to = Image::new(size.width, size.height, PixelType::U8x4);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .crop(0.0, 0.0, width, height)
            .use_alpha(self.has_alpha);
        Resizer::new().resize(&from, &mut to, &options).expect("the part lies in the frame");
        let scaled = Self::new(size, to.into_vec());
        // Rounding must not make an opaque picture transparent.
        Self { has_alpha: self.has_alpha && scaled.has_alpha, ..scaled }
    }

    /// The picture as it is to be shown.
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let size = orientation.apply_to(self.size);
        let row_bytes = self.size.width as usize * PIXEL_BYTES;
        let mut rgba = Vec::with_capacity(self.rgba.len());
        for y in 0..size.height as usize {
            for x in 0..size.width as usize {
                let (from_x, from_y) = orientation.source_of(x, y, self.size);
                let at = from_y * row_bytes + from_x * PIXEL_BYTES;
                rgba.extend_from_slice(&self.rgba[at..at + PIXEL_BYTES]);
            }
        }
        Self { size, rgba, has_alpha: self.has_alpha }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(size: Size, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Frame {
        let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        Frame::new(size, pixels.flat_map(|(x, y)| pixel(x, y)).collect())
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let size = Size { width: 256, height: 3 };
        let original = frame(size, |x, y| {
            let v = u8::try_from(x).expect("256 columns");
            [v, v.wrapping_mul(3), 7, if y == 2 { 200 } else { 255 }]
        });
        assert_eq!(original.scaled_to(Size { width: 300, height: 3 }).rgba, original.rgba);
    }

    #[test]
    fn a_flat_colour_stays_that_colour_at_any_size() {
        for alpha in [255, 77] {
            let original = frame(Size { width: 97, height: 61 }, |_, _| [10, 128, 250, alpha]);
            for (width, height) in [(1, 1), (13, 61), (96, 7)] {
                let scaled = original.scaled_to(Size { width, height });
                assert_eq!(scaled.has_alpha, alpha != 255);
                for pixel in scaled.rgba.chunks_exact(4) {
                    let off = pixel.iter().zip([10, 128, 250, alpha]).map(|(a, b)| a.abs_diff(b)).max();
                    assert!(off <= Some(if alpha == 255 { 0 } else { 2 }), "{width} x {height}: {pixel:?}");
                }
            }
        }
    }

    #[test]
    fn transparent_pixels_do_not_bleed_their_colour() {
        let original = frame(Size { width: 100, height: 100 }, |x, _| {
            if x % 2 == 0 { [255, 0, 0, 255] } else { [0, 255, 0, 0] }
        });
        let scaled = original.scaled_to(Size { width: 10, height: 10 });
        let pixel = &scaled.rgba[(5 * 10 + 5) * 4..][..4];
        assert_eq!(&pixel[..3], [255, 0, 0]);
        assert!((124..=131).contains(&pixel[3]), "{pixel:?}");
    }

    #[test]
    fn a_part_is_stretched_over_the_whole_result() {
        // Black up to the middle of the part, which is not the middle of the picture.
        let original = frame(Size { width: 11, height: 2 }, |x, _| {
            let v = if x < 5 { 0 } else { 255 };
            [v, v, v, 255]
        });
        let halves = |width| {
            let scaled = original.part_scaled_to((width, 2.0), Size { width: 2, height: 1 });
            u32::from(scaled.rgba[0]) + u32::from(scaled.rgba[4])
        };
        assert!(halves(10.0).abs_diff(255) <= 2, "{}", halves(10.0));
        assert!(halves(11.0) > 260, "{}", halves(11.0));
    }
}
