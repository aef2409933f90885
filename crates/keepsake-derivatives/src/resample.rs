//! Owns scaling down: rows of RGBA in, a smaller [`Frame`] out, row by row.
//! Does not own the choice of the size, and never enlarges.
//!
//! Each row is turned to linear light with premultiplied alpha, filtered across, and added with its
//! weight to the few output rows that it touches (a Catmull-Rom kernel touches four). So the memory is
//! the output frame plus a handful of rows, however tall the input is:
//!
//! ```text
//! input row ─ linear ─ filter across ─┬─ × weight ─► open row j    ─ complete ─► sRGB ─► frame
//!                                     ├─ × weight ─► open row j + 1
//!                                     └─ …
//! ```

use std::collections::VecDeque;

use crate::colour::{linear_of, srgb_of};
use crate::frame::{Frame, PIXEL_BYTES};
use crate::geometry::Size;

/// Red, green, blue in linear light, each multiplied by alpha, and alpha.
type Linear = [f32; 4];

/// Scales one picture whose rows come from the top.
pub(crate) struct Resampler {
    input: Size,
    output: Size,
    columns: Vec<Window>,
    rows: Vec<Window>,
    rows_pushed: usize,
    rows_done: usize,
    open_rows: VecDeque<Vec<Linear>>,
    line: Vec<Linear>,
    filtered: Vec<Linear>,
    rgba: Vec<u8>,
}

impl Resampler {
    pub(crate) fn new(input: Size, output: Size) -> Self {
        debug_assert!(output.width <= input.width && output.height <= input.height);
        Self {
            input,
            output,
            columns: windows(input.width, output.width),
            rows: windows(input.height, output.height),
            rows_pushed: 0,
            rows_done: 0,
            open_rows: VecDeque::new(),
            line: vec![Linear::default(); input.width as usize],
            filtered: vec![Linear::default(); output.width as usize],
            rgba: Vec::with_capacity(output.width as usize * output.height as usize * PIXEL_BYTES),
        }
    }

    /// Adds the next row of the input: `input.width` RGBA pixels. Rows beyond the last are ignored.
    pub(crate) fn push_row(&mut self, rgba: &[u8]) {
        debug_assert_eq!(rgba.len(), self.line.len() * PIXEL_BYTES);
        let row = self.rows_pushed;
        self.rows_pushed += 1;
        for (linear, pixel) in self.line.iter_mut().zip(rgba.chunks_exact(PIXEL_BYTES)) {
            *linear = premultiplied(pixel);
        }
        for (out, window) in self.filtered.iter_mut().zip(&self.columns) {
            *out = window.filter(&self.line);
        }
        self.add_to_open_rows(row);
        self.close_complete_rows(row);
    }

    /// The scaled picture, or `None` when rows are missing.
    pub(crate) fn finish(self) -> Option<Frame> {
        let complete = self.rows_pushed >= self.input.height as usize && self.rows_done == self.rows.len();
        complete.then(|| Frame::new(self.output, self.rgba))
    }

    fn add_to_open_rows(&mut self, row: usize) {
        for (ahead, window) in self.rows[self.rows_done..].iter().enumerate() {
            if window.first > row {
                break;
            }
            if self.open_rows.len() <= ahead {
                self.open_rows.push_back(vec![Linear::default(); self.filtered.len()]);
            }
            let Some(&weight) = window.weights.get(row - window.first) else { continue };
            for (sum, value) in self.open_rows[ahead].iter_mut().zip(&self.filtered) {
                for channel in 0..4 {
                    sum[channel] += weight * value[channel];
                }
            }
        }
    }

    fn close_complete_rows(&mut self, row: usize) {
        while self.rows.get(self.rows_done).is_some_and(|window| window.end() <= row + 1) {
            let sums = self.open_rows.pop_front().expect("a window opens before it ends");
            self.rgba.extend(sums.iter().flat_map(straight));
            self.rows_done += 1;
        }
    }
}

/// The input samples that make one output sample.
struct Window {
    first: usize,
    weights: Vec<f32>,
}

impl Window {
    fn end(&self) -> usize {
        self.first + self.weights.len()
    }

    fn filter(&self, line: &[Linear]) -> Linear {
        let mut sum = Linear::default();
        for (weight, value) in self.weights.iter().zip(&line[self.first..self.end()]) {
            for channel in 0..4 {
                sum[channel] += weight * value[channel];
            }
        }
        sum
    }
}

fn windows(input: u32, output: u32) -> Vec<Window> {
    let ratio = f64::from(input) / f64::from(output);
    (0..output).map(|index| window(index, ratio, input)).collect()
}

fn window(index: u32, ratio: f64, input: u32) -> Window {
    let centre = (f64::from(index) + 0.5) * ratio - 0.5;
    let last = f64::from(input - 1);
    let from = sample_index((centre - 2.0 * ratio).ceil().clamp(0.0, last));
    let to = sample_index((centre + 2.0 * ratio).floor().clamp(0.0, last));
    let weight_of = |sample: u32| catmull_rom((f64::from(sample) - centre) / ratio);
    // Zero weights at the ends would keep rows open for nothing.
    let first = (from..=to).find(|&s| weight_of(s) != 0.0).unwrap_or(from);
    let end = (first..=to).rfind(|&s| weight_of(s) != 0.0).unwrap_or(first);
    let raw: Vec<f64> = (first..=end).map(weight_of).collect();
    let total: f64 = raw.iter().sum();
    #[expect(clippy::cast_possible_truncation, reason = "weights need no more than single precision")]
    let weights = raw.iter().map(|weight| (weight / total) as f32).collect();
    Window { first: first as usize, weights }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an index before")]
fn sample_index(position: f64) -> u32 {
    position as u32
}

/// The cubic kernel with B = 0, C = 1/2: sharp, with little ringing.
fn catmull_rom(distance: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

fn premultiplied(pixel: &[u8]) -> Linear {
    let alpha = f32::from(pixel[3]) / 255.0;
    [linear_of(pixel[0]) * alpha, linear_of(pixel[1]) * alpha, linear_of(pixel[2]) * alpha, alpha]
}

fn straight(sum: &Linear) -> [u8; PIXEL_BYTES] {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let alpha = (sum[3] * 255.0 + 0.5) as u8;
    if alpha == 0 {
        return [0; PIXEL_BYTES];
    }
    let scale = 1.0 / sum[3];
    [srgb_of(sum[0] * scale), srgb_of(sum[1] * scale), srgb_of(sum[2] * scale), alpha]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(input: Size, output: Size, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Frame {
        let mut resampler = Resampler::new(input, output);
        for y in 0..input.height {
            let row: Vec<u8> = (0..input.width).flat_map(|x| pixel(x, y)).collect();
            resampler.push_row(&row);
        }
        resampler.finish().expect("all rows were pushed")
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let size = Size { width: 256, height: 3 };
        let pixel = |x: u32, y: u32| {
            let v = u8::try_from(x).expect("256 columns");
            [v, v.wrapping_mul(3), 255 - v, if y == 2 { 200 } else { 255 }]
        };
        let expected: Vec<u8> = (0..3).flat_map(|y| (0..256).flat_map(move |x| pixel(x, y))).collect();
        assert_eq!(scale(size, size, pixel).rgba, expected);
    }

    #[test]
    fn a_flat_colour_stays_that_colour_at_any_size() {
        let input = Size { width: 97, height: 61 };
        for output in
            [Size { width: 1, height: 1 }, Size { width: 13, height: 61 }, Size { width: 96, height: 7 }]
        {
            let frame = scale(input, output, |_, _| [10, 128, 250, 77]);
            assert!(frame.rgba.chunks_exact(4).all(|p| p == [10, 128, 250, 77]), "{output:?}");
        }
    }

    #[test]
    fn black_and_white_stripes_average_in_linear_light() {
        let frame = scale(Size { width: 400, height: 400 }, Size { width: 10, height: 10 }, |x, _| {
            let v = if x % 2 == 0 { 255 } else { 0 };
            [v, v, v, 255]
        });
        let middle = frame.rgba[(5 * 10 + 5) * 4];
        // Half the light is sRGB 188; an average of the stored values would be 128.
        assert!((186..=190).contains(&middle), "{middle}");
    }

    #[test]
    fn transparent_pixels_do_not_bleed_their_colour() {
        let frame = scale(Size { width: 100, height: 100 }, Size { width: 10, height: 10 }, |x, _| {
            if x % 2 == 0 { [255, 0, 0, 255] } else { [0, 255, 0, 0] }
        });
        let pixel = &frame.rgba[(5 * 10 + 5) * 4..][..4];
        assert_eq!(&pixel[..3], [255, 0, 0]);
        assert!((126..=130).contains(&pixel[3]), "{pixel:?}");
        assert!(frame.has_alpha);
    }

    #[test]
    fn missing_rows_give_no_frame() {
        let mut resampler = Resampler::new(Size { width: 4, height: 4 }, Size { width: 2, height: 2 });
        for _ in 0..3 {
            resampler.push_row(&[255; 16]);
        }
        assert!(resampler.finish().is_none());
    }
}
