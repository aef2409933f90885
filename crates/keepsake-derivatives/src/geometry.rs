//! Owns sizes in pixels and how one fits into a box. Does not own pixels.

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(crate) fn transposed(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    /// The largest size with the same aspect that fits into `bounds`: never larger than `self`, each
    /// side rounded to the nearest pixel and at least one.
    pub(crate) fn fit_within(self, bounds: Self) -> Self {
        if self.width <= bounds.width && self.height <= bounds.height {
            return self;
        }
        let (w, h) = (u64::from(self.width), u64::from(self.height));
        let (bw, bh) = (u64::from(bounds.width), u64::from(bounds.height));
        if w * bh >= h * bw {
            Self { width: bounds.width, height: divide_rounded(h * bw, w, bounds.height) }
        } else {
            Self { width: divide_rounded(w * bh, h, bounds.width), height: bounds.height }
        }
    }

    /// How many blocks cover `self`, those that are cut at its edge included.
    pub(crate) fn divided_by(self, block: Self) -> Self {
        Self { width: self.width.div_ceil(block.width), height: self.height.div_ceil(block.height) }
    }

    /// The size of a picture decoded at so many eighths of each side (1 to 8).
    pub(crate) fn reduced(self, eighths: u32) -> Self {
        let reduced = |side: u32| match eighths {
            8 => side,
            _ => side / 8 * eighths + (side % 8 * eighths).div_ceil(8),
        };
        Self { width: reduced(self.width), height: reduced(self.height) }
    }

    /// Both sides cut where `other` is smaller.
    pub(crate) fn min(self, other: Self) -> Self {
        Self { width: self.width.min(other.width), height: self.height.min(other.height) }
    }
}

fn divide_rounded(numerator: u64, denominator: u64, max: u32) -> u32 {
    let rounded = (numerator + denominator / 2) / denominator;
    u32::try_from(rounded).unwrap_or(max).clamp(1, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn known_sizes_fit_exactly() {
        let screen = size(1920, 1080);
        assert_eq!(size(8040, 6024).fit_within(screen), size(1441, 1080));
        assert_eq!(size(3648, 5472).fit_within(screen), size(720, 1080));
        assert_eq!(size(1920, 1080).fit_within(screen), size(1920, 1080));
        assert_eq!(size(65_535, 1).fit_within(screen), size(1920, 1));
        assert_eq!(size(1, 65_535).fit_within(screen), size(1, 1080));
        assert_eq!(size(3840, 2160).fit_within(size(32, 18)), size(32, 18));
        assert_eq!(size(3, 2).fit_within(screen), size(3, 2));
    }

    proptest! {
        #[test]
        fn a_fitted_size_keeps_the_aspect_and_touches_the_box(
            w in 1_u32..=65_535, h in 1_u32..=65_535, bw in 1_u32..2000, bh in 1_u32..2000,
        ) {
            let fitted = size(w, h).fit_within(size(bw, bh));
            prop_assert!(fitted.width >= 1 && fitted.width <= bw.min(w));
            prop_assert!(fitted.height >= 1 && fitted.height <= bh.min(h));
            if w > bw || h > bh {
                prop_assert!(fitted.width == bw || fitted.height == bh);
                let scale = f64::min(f64::from(bw) / f64::from(w), f64::from(bh) / f64::from(h));
                let ideal = (f64::from(w) * scale, f64::from(h) * scale);
                prop_assert!((f64::from(fitted.width) - ideal.0.max(1.0)).abs() <= 0.500_001);
                prop_assert!((f64::from(fitted.height) - ideal.1.max(1.0)).abs() <= 0.500_001);
            } else {
                prop_assert_eq!(fitted, size(w, h));
            }
        }
    }
}
