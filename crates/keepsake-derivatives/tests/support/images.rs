//! Owns the pictures that tests are made of: one asymmetric scene in every format, and decoding results.
//! Does not assert anything.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::Cursor;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// RGB rows of a scene in which no turn or mirror image looks like another: four colours in the corners,
/// blended, and a bright bar near the top.
pub(crate) fn scene(width: u32, height: u32) -> Vec<u8> {
    let corners = [[200.0, 40.0, 40.0], [40.0, 180.0, 60.0], [40.0, 60.0, 190.0], [220.0, 210.0, 90.0]];
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            let is_bar = (0.1..0.2).contains(&v) && u < 0.6;
            for c in [0, 1, 2] {
                let top = corners[0][c] * (1.0 - u) + corners[1][c] * u;
                let bottom = corners[2][c] * (1.0 - u) + corners[3][c] * u;
                let value = if is_bar { 240.0 } else { top * (1.0 - v) + bottom * v };
                rgb.push(value as u8);
            }
        }
    }
    rgb
}

/// Bytes that no encoder can shrink; the same for the same seed.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// A block of EXIF with nothing but an orientation and a maker's name.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0]);
    block.extend(b"\x0F\x01\x02\0\x04\0\0\0SPY\0\0\0\0\0");
    block
}

/// What a JPEG is written with.
#[derive(Clone, Copy)]
pub(crate) struct Jpeg<'a> {
    pub(crate) sampling: SamplingFactor,
    pub(crate) is_progressive: bool,
    pub(crate) color: ColorType,
    pub(crate) restart_interval: u16,
    pub(crate) orientation: Option<u8>,
    pub(crate) icc_profile: Option<&'a [u8]>,
}

impl Default for Jpeg<'_> {
    fn default() -> Self {
        Self {
            sampling: SamplingFactor::F_2_2,
            is_progressive: false,
            color: ColorType::Rgb,
            restart_interval: 0,
            orientation: None,
            icc_profile: None,
        }
    }
}

impl Jpeg<'_> {
    pub(crate) fn encode(&self, pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 92);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.is_progressive);
        if self.restart_interval > 0 {
            encoder.set_restart_interval(self.restart_interval);
        }
        if let Some(orientation) = self.orientation {
            encoder.add_app_segment(1, [b"Exif\0\0", &exif(orientation)[..]].concat()).unwrap();
        }
        if let Some(icc) = self.icc_profile {
            encoder.add_icc_profile(icc).unwrap();
        }
        encoder.encode(pixels, width as u16, height as u16, self.color).unwrap();
        bytes
    }
}

/// What a PNG is written with.
#[derive(Clone, Copy)]
pub(crate) struct Png<'a> {
    pub(crate) color: png::ColorType,
    pub(crate) depth: png::BitDepth,
    pub(crate) orientation: Option<u8>,
    pub(crate) icc_profile: Option<&'a [u8]>,
}

impl Default for Png<'_> {
    fn default() -> Self {
        Self { color: png::ColorType::Rgb, depth: png::BitDepth::Eight, orientation: None, icc_profile: None }
    }
}

impl Png<'_> {
    /// The EXIF block stands behind the image, where the format allows it too.
    pub(crate) fn encode(&self, pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut info = png::Info::with_size(width, height);
        info.color_type = self.color;
        info.bit_depth = self.depth;
        info.icc_profile = self.icc_profile.map(Into::into);
        let mut bytes = Vec::new();
        let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        if let Some(orientation) = self.orientation {
            writer.write_chunk(png::chunk::eXIf, &exif(orientation)).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }
}

/// A lossless WebP of RGB or RGBA pixels.
pub(crate) fn webp(
    pixels: &[u8],
    width: u32,
    height: u32,
    orientation: Option<u8>,
    icc_profile: Option<&[u8]>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut bytes);
    if let Some(orientation) = orientation {
        encoder.set_exif_metadata(exif(orientation));
    }
    if let Some(icc) = icc_profile {
        encoder.set_icc_profile(icc.to_vec());
    }
    let is_rgba = pixels.len() == (width * height * 4) as usize;
    let color = if is_rgba { image_webp::ColorType::Rgba8 } else { image_webp::ColorType::Rgb8 };
    encoder.encode(pixels, width, height, color).unwrap();
    bytes
}

/// A lossy WebP: 2 × 2 pixels of red.
pub(crate) fn lossy_webp() -> Vec<u8> {
    let payload = b"\xd0\x01\x00\x9d\x01\x2a\x02\x00\x02\x00\x02\x00\x34\x25\xa0\x02\x74\xba\x01\xf8\x00\x03\
        \xb0\x00\xfe\xf0\xc4\x0b\xff\x20\xb9\x61\x75\xc8\xd7\xff\x20\x3f\xe4\x07\xfc\x80\xff\xf8\xf2\x00\x00\x00";
    [b"RIFF\x3c\0\0\0WEBPVP8 \x30\0\0\0", &payload[..]].concat()
}

/// A GIF whose frame lies at (`left`, `top`) of a larger canvas; colour 0 is transparent.
pub(crate) fn gif(
    indices: &[u8],
    width: u16,
    height: u16,
    left: u16,
    top: u16,
    canvas: (u16, u16),
) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255_u8).flat_map(|v| [v, 255 - v, v / 2]).collect();
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, canvas.0, canvas.1, &palette).unwrap();
    let frame = gif::Frame {
        width,
        height,
        left,
        top,
        transparent: Some(0),
        buffer: indices.into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    bytes
}

/// RGBA pixels of a derivative.
pub(crate) fn decode(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    if bytes.starts_with(b"\x89PNG") {
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgba);
        return (info.width, info.height, pixels);
    }
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let rgb = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let rgba = rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    (info.width.into(), info.height.into(), rgba)
}

/// Mean difference of all channels.
pub(crate) fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// The stored pixels (`channels` bytes each) that look upright under `orientation`: the inverse of what
/// a viewer does, written down separately from the crate's own table.
pub(crate) fn stored_for(
    orientation: u8,
    upright: &[u8],
    width: u32,
    height: u32,
    channels: usize,
) -> (Vec<u8>, u32, u32) {
    let (w, h) = (width as usize, height as usize);
    let (stored_w, stored_h) = if orientation >= 5 { (h, w) } else { (w, h) };
    let mut stored = vec![0; upright.len()];
    for y in 0..h {
        for x in 0..w {
            // EXIF: row 0 and column 0 of the stored picture are which sides of the upright one.
            let (column, row) = match orientation {
                1 => (x, y),                 // top, left
                2 => (w - 1 - x, y),         // top, right
                3 => (w - 1 - x, h - 1 - y), // bottom, right
                4 => (x, h - 1 - y),         // bottom, left
                5 => (y, x),                 // left, top
                6 => (y, w - 1 - x),         // right, top
                7 => (h - 1 - y, w - 1 - x), // right, bottom
                8 => (h - 1 - y, x),         // left, bottom
                _ => unreachable!(),
            };
            let (to, from) = ((row * stored_w + column) * channels, (y * w + x) * channels);
            stored[to..to + channels].copy_from_slice(&upright[from..from + channels]);
        }
    }
    (stored, stored_w as u32, stored_h as u32)
}
