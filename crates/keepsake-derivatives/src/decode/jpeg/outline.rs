//! Owns the walk over a JPEG's segments before anything is decoded: size, sampling, orientation, and which
//! parts the decoder gets to read. Does not read tables or pixels, and keeps no metadata.
//! See [T.81, annex B](https://www.w3.org/Graphics/JPEG/itu-t81.pdf).

use std::io::{self, BufRead, Read, Seek};

use super::pieces::Piece;
use super::{FORMAT, unsupported};
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::{Limits, PIXEL_WORK};
use crate::orientation::Orientation;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const COM: u8 = 0xFE;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;
const APP15: u8 = 0xEF;

const EXIF_TAG: &[u8] = b"Exif\0\0";
const ICC_TAG: &[u8] = b"ICC_PROFILE\0";
const TAG_BYTES_MAX: u64 = 12;
/// Side of a block of coefficients.
const BLOCK_PX: u32 = 8;
const COEFFICIENT_BYTES: u64 = 2;

/// A profile has at most 255 segments, a video's metadata a few hundred.
const SEGMENTS_MAX: u32 = 16_384;
/// Encoders write about ten scans, the finest progressive scripts below a hundred. What they may cost together
/// is [`Limits::work_max`].
const SCANS_MAX: u32 = 128;

/// What the headers say.
pub(super) struct Outline {
    pub(super) frame: Frame,
    pub(super) orientation: Orientation,
    /// Everything but metadata, in the order of the file. A profile is part of it when it is not too large.
    pub(super) pieces: Vec<Piece>,
    /// Of decoding all scans; see [`Limits::work_max`].
    pub(super) work: u64,
}

/// What a start-of-frame segment says.
pub(super) struct Frame {
    pub(super) size: Size,
    is_progressive: bool,
    /// Identifier of each component, by which scans name them.
    components: Vec<u8>,
    /// Sampling factors of each component, 1 to 4.
    sampling: Vec<Size>,
}

impl Frame {
    /// The bytes that the decoder holds at its peak: samples of all components, the picture that it makes
    /// of them, and all coefficients when they come in passes.
    pub(super) fn decode_bytes(&self, eighths: u32) -> u64 {
        let blocks = self.blocks(|_| true);
        let samples = blocks * u64::from(eighths * eighths);
        let picture = self.size.reduced(eighths).pixels() * self.sampling.len() as u64;
        let block_bytes = u64::from(BLOCK_PX * BLOCK_PX) * COEFFICIENT_BYTES;
        samples + picture + if self.is_progressive { blocks * block_bytes } else { 0 }
    }

    /// The blocks of the components that are `wanted` by their identifier.
    fn blocks(&self, wanted: impl Fn(u8) -> bool) -> u64 {
        let across = self.sampling.iter().map(|s| s.width).max().unwrap_or(1) * BLOCK_PX;
        let down = self.sampling.iter().map(|s| s.height).max().unwrap_or(1) * BLOCK_PX;
        let units = self.size.divided_by(Size { width: across, height: down }).pixels();
        let components = self.components.iter().zip(&self.sampling);
        components.filter(|(id, _)| wanted(**id)).map(|(_, sampling)| units * sampling.pixels()).sum()
    }

    /// The work of one scan over the components `ids`. A sequential picture's samples become pixels in their scan, a
    /// progressive one's once, at the end.
    fn scan_work(&self, ids: &[u8]) -> u64 {
        let samples = self.blocks(|id| ids.contains(&id)) * u64::from(BLOCK_PX * BLOCK_PX);
        if self.is_progressive { samples } else { samples * PIXEL_WORK }
    }

    /// The work after the last scan.
    fn final_work(&self) -> u64 {
        let samples = self.blocks(|_| true) * u64::from(BLOCK_PX * BLOCK_PX);
        if self.is_progressive { samples * PIXEL_WORK } else { 0 }
    }

    fn parse(marker: u8, payload: &[u8]) -> Result<Self, DeriveError> {
        if !(0xC0..=0xC2).contains(&marker) {
            return Err(unsupported(format!("coding process {marker:#04X}")));
        }
        let &[precision, h1, h0, w1, w0, count, ref components @ ..] = payload else {
            return Err(broken("the frame header is cut"));
        };
        if precision != 8 {
            return Err(unsupported(format!("{precision} bits per sample")));
        }
        if components.len() != usize::from(count) * 3 || components.is_empty() {
            return Err(broken("the frame header has the wrong length"));
        }
        let factors = components.chunks_exact(3).map(|component| (component[1] >> 4, component[1] & 15));
        if factors.clone().any(|(across, down)| !(1..=4).contains(&across) || !(1..=4).contains(&down)) {
            return Err(broken("a sampling factor is not 1 to 4"));
        }
        Ok(Self {
            size: Size {
                width: u16::from_be_bytes([w1, w0]).into(),
                height: u16::from_be_bytes([h1, h0]).into(),
            },
            is_progressive: marker == 0xC2,
            components: components.chunks_exact(3).map(|component| component[0]).collect(),
            sampling: factors
                .map(|(across, down)| Size { width: across.into(), height: down.into() })
                .collect(),
        })
    }
}

/// Walks from the file's start to its end marker.
///
/// # Errors
/// [`DeriveError::Truncated`] when the end marker is missing; what the headers declare is checked too.
pub(super) fn read<R: BufRead + Seek>(reader: &mut R, limits: &Limits) -> Result<Outline, DeriveError> {
    let mut walk = Walk {
        reader,
        at: 0,
        limits,
        frame: None,
        orientation: None,
        pieces: Vec::new(),
        profile_bytes: 0,
        scans: 0,
        work: 0,
    };
    let mut marker = walk.next_marker()?;
    for _ in 0..SEGMENTS_MAX {
        marker = match marker {
            EOI => {
                walk.keep(walk.at - 2);
                let frame = walk.frame.ok_or_else(|| broken("it has no frame header"))?;
                let orientation = walk.orientation.unwrap_or(Orientation::UPRIGHT);
                let work = walk.work + frame.final_work();
                return Ok(Outline { frame, orientation, pieces: walk.pieces, work });
            }
            SOS => walk.scan()?,
            SOI | 0x01 | 0xD0..=0xD7 => {
                walk.keep(walk.at - 2);
                walk.next_marker()?
            }
            _ => {
                walk.segment(marker)?;
                walk.next_marker()?
            }
        };
    }
    Err(broken("more segments than any encoder writes"))
}

struct Walk<'a, R> {
    reader: &'a mut R,
    at: u64,
    limits: &'a Limits,
    frame: Option<Frame>,
    orientation: Option<Orientation>,
    pieces: Vec<Piece>,
    profile_bytes: u64,
    scans: u32,
    work: u64,
}

impl<R: BufRead + Seek> Walk<'_, R> {
    /// Takes in one segment that is not a scan's.
    fn segment(&mut self, marker: u8) -> Result<(), DeriveError> {
        let start = self.at - 2;
        let bytes = self.payload_bytes()?;
        let end = self.at + bytes;
        let is_wanted = match marker {
            // DHT, JPG and DAC are among the frame headers' numbers.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                let frame = Frame::parse(marker, &self.payload(bytes)?)?;
                self.limits.check_size(FORMAT, frame.size)?;
                if self.frame.replace(frame).is_some() {
                    return Err(broken("two frame headers"));
                }
                true
            }
            APP1 => {
                self.metadata(bytes)?;
                false
            }
            APP2 => {
                let tag = self.payload(bytes.min(TAG_BYTES_MAX))?;
                // Without all of its parts, the decoder ignores a profile.
                self.profile_bytes += bytes;
                tag == ICC_TAG && self.profile_bytes <= self.limits.metadata_bytes_max as u64
            }
            APP0 | APP14 => true,
            APP0..=APP15 | COM => false,
            _ => true,
        };
        self.skip(end - self.at)?;
        if is_wanted {
            self.keep(start);
        }
        Ok(())
    }

    /// Looks for the orientation; the decoder gets to see none of it.
    fn metadata(&mut self, bytes: u64) -> Result<(), DeriveError> {
        if self.orientation.is_none() && bytes <= self.limits.metadata_bytes_max as u64 {
            let payload = self.payload(bytes)?;
            if payload.starts_with(EXIF_TAG) {
                self.orientation = Some(Orientation::from_exif(&payload));
            }
        }
        Ok(())
    }

    /// Passes a scan's header and data. Returns the marker behind them.
    fn scan(&mut self) -> Result<u8, DeriveError> {
        let start = self.at - 2;
        self.scans += 1;
        if self.scans > SCANS_MAX {
            return Err(broken("more scans than any encoder writes"));
        }
        let bytes = self.payload_bytes()?;
        let header = self.payload(bytes)?;
        let frame = self.frame.as_ref().ok_or_else(|| broken("a scan before the frame header"))?;
        self.work += frame.scan_work(&scan_components(&header));
        loop {
            let (marker, at) = self.marker()?;
            // Restart markers belong to the data, and so does a stuffed zero.
            if !matches!(marker, 0 | 0xD0..=0xD7) {
                self.pieces.push(Piece { bytes: start..at, is_scan: true });
                return Ok(marker);
            }
        }
    }

    /// Skips to the next marker, over whatever stands between segments, as all decoders do.
    fn next_marker(&mut self) -> Result<u8, DeriveError> {
        loop {
            let (marker, _) = self.marker()?;
            if marker != 0 {
                return Ok(marker);
            }
        }
    }

    /// The next byte behind one or more of 0xFF, and where the first of those stands.
    fn marker(&mut self) -> Result<(u8, u64), DeriveError> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Err(DeriveError::Truncated { format: FORMAT });
            }
            let found = buffer.iter().position(|&byte| byte == 0xFF);
            let passed = found.map_or(buffer.len(), |index| index + 1);
            self.reader.consume(passed);
            self.at += passed as u64;
            if found.is_some() {
                break;
            }
        }
        let start = self.at - 1;
        loop {
            let [byte] = self.bytes()?;
            if byte != 0xFF {
                return Ok((byte, start));
            }
        }
    }

    /// Adds what was passed from `start` on to the pieces.
    fn keep(&mut self, start: u64) {
        self.pieces.push(Piece { bytes: start..self.at, is_scan: false });
    }

    fn payload_bytes(&mut self) -> Result<u64, DeriveError> {
        let length = u64::from(u16::from_be_bytes(self.bytes()?));
        length.checked_sub(2).ok_or_else(|| broken("a segment is shorter than its length field"))
    }

    fn payload(&mut self, bytes: u64) -> Result<Vec<u8>, DeriveError> {
        let mut payload = Vec::new();
        self.reader.by_ref().take(bytes).read_to_end(&mut payload)?;
        self.at += payload.len() as u64;
        if (payload.len() as u64) < bytes {
            Err(DeriveError::Truncated { format: FORMAT })
        } else {
            Ok(payload)
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DeriveError> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|e: io::Error| DeriveError::from_read(FORMAT, e))?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// Beyond the file's end, too: the next read tells.
    fn skip(&mut self, bytes: u64) -> Result<(), DeriveError> {
        let offset = i64::try_from(bytes).expect("a segment has at most 65,533 bytes");
        self.reader.seek_relative(offset)?;
        self.at += bytes;
        Ok(())
    }
}

/// The identifiers of the components that a scan's header names ([T.81, B.2.3](https://www.w3.org/Graphics/JPEG/itu-t81.pdf)).
fn scan_components(header: &[u8]) -> Vec<u8> {
    let count = header.first().copied().unwrap_or(0);
    header.iter().skip(1).step_by(2).take(count.into()).copied().collect()
}

fn broken(detail: &'static str) -> DeriveError {
    DeriveError::damaged(FORMAT, detail)
}
