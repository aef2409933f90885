//! Owns a component's coefficients, as many as the reduction needs, and turning them into samples.
//! Does not own entropy decoding or colour.
//!
//! A block of 8 × 8 coefficients becomes `across` × `down` samples by an inverse DCT of that size over its
//! lowest coefficients: the picture reduced, without its full size ever existing. A component with
//! halved colour gets an inverse DCT of twice the size, so all components come out alike.
//!
//! ```text
//! reduction to 2/8:   luma  8×8 ─ keep 2×2 ─ IDCT ─► 2×2 samples      kept: 8 bytes of 128
//!            (4:2:0)  chroma 8×8 ─ keep 4×4 ─ IDCT ─► 4×4 samples      kept: 32 bytes of 128
//! ```
//! A progressive file is refined by bits whose meaning depends on which coefficients are not zero yet, so
//! one bit for each of the 64 is kept as well.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Position in the block, row by row, of each coefficient in the order of the file (T.81, figure A.6).
#[rustfmt::skip]
pub(super) const NATURAL: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

const NOT_KEPT: u8 = u8::MAX;
const BLOCK_SIDE: usize = 8;

/// How many blocks a component has and how many samples each becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) blocks_across: usize,
    pub(super) blocks_down: usize,
    /// Samples per block from left to right.
    pub(super) across: usize,
    /// Samples per block from top to bottom.
    pub(super) down: usize,
}

impl Geometry {
    fn kept(self) -> (usize, usize) {
        (self.across.min(BLOCK_SIDE), self.down.min(BLOCK_SIDE))
    }

    /// Memory of all blocks.
    pub(super) fn bytes(self, is_progressive: bool) -> u64 {
        let (columns, rows) = self.kept();
        let block = columns * rows * size_of::<i16>() + if is_progressive { size_of::<u64>() } else { 0 };
        self.blocks_across as u64 * self.blocks_down as u64 * block as u64
    }
}

/// One component of the picture.
pub(super) struct Plane {
    pub(super) geometry: Geometry,
    columns: usize,
    rows: usize,
    /// Index in a kept block of each coefficient, in the order of the file.
    slots: [u8; 64],
    coefficients: Vec<i16>,
    /// A bit per coefficient in the order of the file; empty unless progressive.
    nonzero: Vec<u64>,
    /// Quantisation steps of the kept coefficients, once known.
    pub(super) steps: Option<Vec<f32>>,
    basis_across: Vec<[f32; BLOCK_SIDE]>,
    basis_down: Vec<[f32; BLOCK_SIDE]>,
}

impl Plane {
    pub(super) fn new(geometry: Geometry, is_progressive: bool) -> Self {
        let (columns, rows) = geometry.kept();
        let slots = NATURAL.map(|natural| {
            let (row, column) = (usize::from(natural) / BLOCK_SIDE, usize::from(natural) % BLOCK_SIDE);
            let slot = u8::try_from(row * columns + column).expect("at most 63");
            if row < rows && column < columns { slot } else { NOT_KEPT }
        });
        let blocks = geometry.blocks_across * geometry.blocks_down;
        Self {
            geometry,
            columns,
            rows,
            slots,
            coefficients: vec![0; blocks * columns * rows],
            nonzero: if is_progressive { vec![0; blocks] } else { Vec::new() },
            steps: None,
            basis_across: basis(geometry.across),
            basis_down: basis(geometry.down),
        }
    }

    /// Fixes the quantisation, whose steps come in the order of the file.
    pub(super) fn set_steps(&mut self, table: &[u16; 64]) {
        let mut steps = vec![0.0; self.columns * self.rows];
        for (&slot, &step) in self.slots.iter().zip(table) {
            if slot != NOT_KEPT {
                steps[usize::from(slot)] = f32::from(step);
            }
        }
        self.steps = Some(steps);
    }

    /// The coefficients of one block, for the decoder to fill.
    pub(super) fn block(&mut self, across: usize, down: usize) -> Block<'_> {
        let index = down * self.geometry.blocks_across + across;
        let kept = self.columns * self.rows;
        Block {
            slots: &self.slots,
            coefficients: &mut self.coefficients[index * kept..(index + 1) * kept],
            nonzero: self.nonzero.get_mut(index),
        }
    }

    /// Writes the samples of one row of blocks: `down` rows of `blocks_across × across` samples.
    pub(super) fn write_samples(&self, block_row: usize, out: &mut [u8]) {
        let kept = self.columns * self.rows;
        let stride = self.geometry.blocks_across * self.geometry.across;
        let steps = self.steps.as_deref().expect("every component was seen in a scan");
        let first = block_row * self.geometry.blocks_across;
        let blocks =
            self.coefficients[first * kept..][..self.geometry.blocks_across * kept].chunks_exact(kept);
        for (index, block) in blocks.enumerate() {
            self.write_block(block, steps, &mut out[index * self.geometry.across..], stride);
        }
    }

    fn write_block(&self, block: &[i16], steps: &[f32], out: &mut [u8], stride: usize) {
        let Geometry { across, down, .. } = self.geometry;
        if block[1..].iter().all(|&c| c == 0) {
            let flat = sample(f32::from(block[0]) * steps[0] / 8.0);
            (0..down).for_each(|y| out[y * stride..][..across].fill(flat));
            return;
        }
        // Rows first: each kept row of coefficients becomes `across` values.
        let mut half = [[0.0_f32; 4 * BLOCK_SIDE]; BLOCK_SIDE];
        for ((values, coefficients), steps) in
            half.iter_mut().zip(block.chunks_exact(self.columns)).zip(steps.chunks_exact(self.columns))
        {
            let mut scaled = [0.0; BLOCK_SIDE];
            for ((value, &c), &step) in scaled.iter_mut().zip(coefficients).zip(steps) {
                *value = f32::from(c) * step;
            }
            for (value, basis) in values.iter_mut().zip(&self.basis_across) {
                *value = scaled.iter().zip(basis).map(|(c, b)| c * b).sum();
            }
        }
        for (y, basis) in self.basis_down.iter().enumerate() {
            let mut row = [0.0_f32; 4 * BLOCK_SIDE];
            for (values, weight) in half[..self.rows].iter().zip(basis) {
                for (sum, value) in row[..across].iter_mut().zip(values) {
                    *sum += value * weight;
                }
            }
            for (out, &value) in out[y * stride..][..across].iter_mut().zip(&row) {
                *out = sample(value);
            }
        }
    }
}

/// Undoes the level shift of T.81, A.3.1.
fn sample(value: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let sample = (value + 128.5) as u8;
    sample
}

/// For each of `n` samples the weights of the lowest eight frequencies (T.81, A.3.3, at size `n`).
fn basis(n: usize) -> Vec<[f32; BLOCK_SIDE]> {
    let weight = |x: usize, u: usize| {
        let norm = if u == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        #[expect(clippy::cast_precision_loss, reason = "small whole numbers")]
        let angle = (2 * x + 1) as f64 * u as f64 * PI / (2 * n) as f64;
        #[expect(clippy::cast_possible_truncation, reason = "single precision is enough for bytes")]
        let weight = (0.5 * norm * angle.cos()) as f32;
        if u < n { weight } else { 0.0 }
    };
    (0..n).map(|x| std::array::from_fn(|u| weight(x, u))).collect()
}

/// The coefficients of one block while a scan fills them, addressed in the order of the file.
pub(super) struct Block<'a> {
    slots: &'a [u8; 64],
    coefficients: &'a mut [i16],
    nonzero: Option<&'a mut u64>,
}

impl Block<'_> {
    pub(super) fn set(&mut self, k: usize, value: i32) {
        if let Some(nonzero) = &mut self.nonzero
            && value != 0
        {
            **nonzero |= 1 << k;
        }
        if let Some(coefficient) = self.coefficients.get_mut(usize::from(self.slots[k])) {
            *coefficient = saturated(value);
        }
    }

    pub(super) fn is_nonzero(&self, k: usize) -> bool {
        self.nonzero.as_ref().is_some_and(|bits| **bits >> k & 1 == 1)
    }

    /// Adds one more bit to the first coefficient.
    pub(super) fn refine_dc(&mut self, bit: i32) {
        self.coefficients[0] = saturated(i32::from(self.coefficients[0]) | bit);
    }

    /// Moves a coefficient that is not zero away from zero.
    pub(super) fn refine_ac(&mut self, k: usize, bit: i32) {
        if let Some(coefficient) = self.coefficients.get_mut(usize::from(self.slots[k])) {
            let value = i32::from(*coefficient);
            if value & bit == 0 {
                *coefficient = saturated(if value < 0 { value - bit } else { value + bit });
            }
        }
    }
}

/// Hostile files count beyond what 16 bits hold.
fn saturated(value: i32) -> i16 {
    i16::try_from(value.clamp(i16::MIN.into(), i16::MAX.into())).expect("clamped to 16 bits")
}
