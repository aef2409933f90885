//! Owns colour: rows of any channel layout and profile in, sRGB RGBA out (by `moxcms`).
//! Does not own alpha blending or scaling.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use moxcms::{ColorProfile, Transform8BitExecutor, TransformOptions};

/// How a decoder lays out its 8-bit channels. CMYK counts ink: 255 is full ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    Cmyk,
}

impl Channels {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    /// The transform's input and output layout; alpha passes through it untouched.
    fn profile_layouts(self) -> (moxcms::Layout, moxcms::Layout) {
        use moxcms::Layout;
        match self {
            Self::Gray => (Layout::Gray, Layout::Rgb),
            Self::GrayAlpha => (Layout::GrayAlpha, Layout::Rgba),
            Self::Rgb => (Layout::Rgb, Layout::Rgb),
            Self::Rgba => (Layout::Rgba, Layout::Rgba),
            Self::Cmyk => (Layout::Rgba, Layout::Rgb),
        }
    }
}

/// Turns rows into sRGB with straight alpha.
pub(crate) struct RowConverter {
    channels: Channels,
    profile: Option<ProfileTransform>,
}

struct ProfileTransform {
    executor: Arc<Transform8BitExecutor>,
    output: Channels,
    row: Vec<u8>,
}

impl RowConverter {
    /// A profile that is broken, or made for other channels than the image has, is ignored.
    pub(crate) fn new(channels: Channels, icc_profile: Option<&[u8]>) -> Self {
        // A damaged profile must cost the colours at most, so a panic in the parser stays here.
        let profile = icc_profile.and_then(|icc| {
            catch_unwind(AssertUnwindSafe(|| profile_transform(channels, icc))).ok().flatten()
        });
        Self { channels, profile }
    }

    /// Fills `rgba` with the row's pixels in sRGB.
    pub(crate) fn convert(&mut self, row: &[u8], rgba: &mut Vec<u8>) {
        rgba.clear();
        if let Some(profile) = &mut self.profile {
            profile.row.resize(row.len() / self.channels.count() * profile.output.count(), 0);
            if profile.executor.transform(row, &mut profile.row).is_ok() {
                expand(profile.output, &profile.row, rgba);
                return;
            }
            self.profile = None;
        }
        expand(self.channels, row, rgba);
    }
}

fn profile_transform(channels: Channels, icc: &[u8]) -> Option<ProfileTransform> {
    let profile = ColorProfile::new_from_slice(icc).ok()?;
    let (from, to) = channels.profile_layouts();
    profile.color_space.check_layout(from).ok()?;
    let executor = profile
        .create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default())
        .ok()?;
    let output = if to == moxcms::Layout::Rgba { Channels::Rgba } else { Channels::Rgb };
    Some(ProfileTransform { executor, output, row: Vec::new() })
}

fn expand(channels: Channels, row: &[u8], rgba: &mut Vec<u8>) {
    match channels {
        Channels::Gray => rgba.extend(row.iter().flat_map(|&v| [v, v, v, u8::MAX])),
        Channels::GrayAlpha => rgba.extend(row.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]])),
        Channels::Rgb => rgba.extend(row.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], u8::MAX])),
        Channels::Rgba => rgba.extend_from_slice(row),
        Channels::Cmyk => rgba.extend(row.chunks_exact(4).flat_map(without_ink)),
    }
}

/// CMYK without a profile: each ink takes its share of the light away.
fn without_ink(inks: &[u8]) -> [u8; 4] {
    let light = |ink: u8| {
        let product = u32::from(255 - ink) * u32::from(255 - inks[3]);
        u8::try_from((product + 127) / 255).expect("a product of two bytes over 255 is a byte")
    };
    [light(inks[0]), light(inks[1]), light(inks[2]), u8::MAX]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(channels: Channels, icc: Option<&[u8]>, row: &[u8]) -> Vec<u8> {
        let mut rgba = Vec::new();
        RowConverter::new(channels, icc).convert(row, &mut rgba);
        rgba
    }

    #[test]
    fn every_layout_expands_to_rgba() {
        assert_eq!(converted(Channels::Gray, None, &[7, 9]), [7, 7, 7, 255, 9, 9, 9, 255]);
        assert_eq!(converted(Channels::GrayAlpha, None, &[7, 8]), [7, 7, 7, 8]);
        assert_eq!(converted(Channels::Rgb, None, &[1, 2, 3]), [1, 2, 3, 255]);
        assert_eq!(converted(Channels::Rgba, None, &[1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(converted(Channels::Cmyk, None, &[0, 255, 0, 0]), [255, 0, 255, 255]);
        assert_eq!(converted(Channels::Cmyk, None, &[9, 9, 9, 255]), [0, 0, 0, 255]);
    }

    #[test]
    fn a_wide_profile_makes_colours_stronger_and_keeps_grey_and_alpha() {
        let adobe = ColorProfile::new_adobe_rgb().encode().expect("a built-in profile encodes");
        let pixels = [150, 100, 100, 40, 128, 128, 128, 255];
        let rgba = converted(Channels::Rgba, Some(&adobe), &pixels);
        assert!(rgba[0] > 155 && rgba[3] == 40, "{rgba:?}");
        assert!(rgba[4..7].iter().all(|v| v.abs_diff(128) <= 2) && rgba[7] == 255, "{rgba:?}");
        let rgb = converted(Channels::Rgb, Some(&adobe), &[150, 100, 100]);
        assert_eq!(rgb[..3], rgba[..3]);
        assert_eq!(rgb[3], 255);
    }

    #[test]
    fn a_grey_profile_is_honoured() {
        let linear = ColorProfile::new_gray_with_gamma(1.0).encode().expect("a built-in profile encodes");
        let rgba = converted(Channels::GrayAlpha, Some(&linear), &[128, 90]);
        assert!(rgba[0].abs_diff(188) <= 2 && rgba[3] == 90, "{rgba:?}");
        let opaque = converted(Channels::Gray, Some(&linear), &[128]);
        assert_eq!(opaque[..3], rgba[..3]);
    }

    #[test]
    fn a_broken_or_foreign_profile_is_ignored() {
        let adobe = ColorProfile::new_adobe_rgb().encode().expect("a built-in profile encodes");
        assert_eq!(converted(Channels::Rgb, Some(&adobe[..100]), &[1, 2, 3]), [1, 2, 3, 255]);
        assert_eq!(converted(Channels::Rgb, Some(b"nonsense"), &[1, 2, 3]), [1, 2, 3, 255]);
        assert_eq!(converted(Channels::Gray, Some(&adobe), &[50]), [50, 50, 50, 255]);
    }
}
