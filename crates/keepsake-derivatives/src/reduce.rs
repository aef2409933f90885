//! Owns the first step of scaling: averaging whole blocks of pixels while the rows come in, so that the
//! memory does not grow with the image. Does not own the step to the exact size; see [`crate::frame`].

use crate::frame::{Frame, PIXEL_BYTES};
use crate::geometry::Size;

/// Longest side of a block: its sums fit 32 bits, since 128 × 128 × 255 × 255 does.
const BLOCK_PX_MAX: u32 = 128;

/// Makes one pixel of each block of rows of RGBA. Less than twice `target` remains on each side.
pub(crate) struct Reducer {
    input: Size,
    block: Size,
    rows_pushed: u32,
    /// For each block of the open row of blocks: red, green and blue times alpha, and alpha.
    sums: Vec<[u32; PIXEL_BYTES]>,
    rgba: Vec<u8>,
}

impl Reducer {
    pub(crate) fn new(input: Size, target: Size) -> Self {
        let factor = |from: u32, to: u32| (from / to).clamp(1, BLOCK_PX_MAX);
        let block =
            Size { width: factor(input.width, target.width), height: factor(input.height, target.height) };
        let output = input.divided_by(block);
        Self {
            input,
            block,
            rows_pushed: 0,
            sums: vec![[0; PIXEL_BYTES]; output.width as usize],
            rgba: Vec::with_capacity(output.width as usize * output.height as usize * PIXEL_BYTES),
        }
    }

    /// The sides of a block; blocks at the right and the bottom may be cut.
    pub(crate) fn block(&self) -> Size {
        self.block
    }

    /// Adds the next row of the input: `input.width` RGBA pixels. Rows beyond the last are ignored.
    pub(crate) fn push_row(&mut self, row: &[u8]) {
        debug_assert_eq!(row.len(), self.input.width as usize * PIXEL_BYTES);
        if self.rows_pushed == self.input.height {
            return;
        }
        self.rows_pushed += 1;
        if self.block.pixels() == 1 {
            self.rgba.extend_from_slice(row);
            return;
        }
        for (sum, block) in self.sums.iter_mut().zip(row.chunks(self.block.width as usize * PIXEL_BYTES)) {
            for pixel in block.chunks_exact(PIXEL_BYTES) {
                let alpha = u32::from(pixel[3]);
                for channel in 0..3 {
                    sum[channel] += u32::from(pixel[channel]) * alpha;
                }
                sum[3] += alpha;
            }
        }
        if self.rows_pushed.is_multiple_of(self.block.height) || self.rows_pushed == self.input.height {
            self.close_blocks();
        }
    }

    fn close_blocks(&mut self) {
        let rows = (self.rows_pushed - 1) % self.block.height + 1;
        for (index, sum) in (0..).zip(&mut self.sums) {
            let columns = self.block.width.min(self.input.width - index * self.block.width);
            let [red, green, blue, alpha] = std::mem::take(sum);
            let average = |sum: u32| rounded(sum, alpha);
            self.rgba.extend([average(red), average(green), average(blue), rounded(alpha, rows * columns)]);
        }
    }

    /// The picture of the blocks, or `None` when rows are missing.
    pub(crate) fn finish(self) -> Option<Frame> {
        let is_complete = self.rows_pushed == self.input.height;
        is_complete.then(|| Frame::new(self.input.divided_by(self.block), self.rgba))
    }
}

/// Zero for a block without weight: a transparent one has no colour.
fn rounded(sum: u32, weight: u32) -> u8 {
    let average = (sum + weight / 2).checked_div(weight).unwrap_or(0);
    u8::try_from(average).expect("an average of bytes is a byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(input: Size, target: Size, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Frame {
        let mut reducer = Reducer::new(input, target);
        for y in 0..input.height {
            let row: Vec<u8> = (0..input.width).flat_map(|x| pixel(x, y)).collect();
            reducer.push_row(&row);
        }
        reducer.finish().expect("all rows were pushed")
    }

    fn byte(value: u32) -> u8 {
        u8::try_from(value).expect("tests use small values")
    }

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn what_is_below_twice_the_target_stays_as_it_is() {
        let frame = reduced(size(7, 3), size(4, 2), |x, y| [byte(x), byte(y), 9, 200]);
        assert_eq!(frame.size, size(7, 3));
        assert_eq!(frame.rgba[..8], [0, 0, 9, 200, 1, 0, 9, 200]);
    }

    #[test]
    fn each_block_becomes_its_average_even_a_cut_one() {
        // Blocks of 3 × 2; the last column and row of blocks have one pixel each.
        let frame = reduced(size(7, 5), size(2, 2), |x, y| [byte(x * 10), byte(y * 10), 50, 255]);
        assert_eq!(frame.size, size(3, 3));
        let at = |x: usize, y: usize| &frame.rgba[(y * 3 + x) * 4..][..4];
        assert_eq!(at(0, 0), [10, 5, 50, 255]);
        assert_eq!(at(1, 1), [40, 25, 50, 255]);
        assert_eq!(at(2, 2), [60, 40, 50, 255]);
        assert!(!frame.has_alpha);
    }

    #[test]
    fn transparent_pixels_do_not_bleed_their_colour() {
        let frame = reduced(size(8, 8), size(2, 2), |x, _| {
            if x < 4 {
                [1, 2, 3, 0]
            } else if x % 2 == 0 {
                [250, 0, 0, 255]
            } else {
                [0, 255, 0, 0]
            }
        });
        assert_eq!(frame.rgba[..8], [0, 0, 0, 0, 250, 0, 0, 128]);
        assert!(frame.has_alpha);
    }

    #[test]
    fn the_largest_block_of_the_brightest_pixels_does_not_overflow() {
        let frame = reduced(size(300, 128), size(1, 1), |_, _| [255; 4]);
        assert_eq!((frame.size, &frame.rgba[..4]), (size(3, 1), &[255; 4][..]));
    }

    #[test]
    fn missing_rows_give_no_frame() {
        let mut reducer = Reducer::new(size(4, 4), size(2, 2));
        for _ in 0..3 {
            reducer.push_row(&[255; 16]);
        }
        assert!(reducer.finish().is_none());
    }
}
