//! Owns the walk over a JPEG's segments: what the header says, and a reader that hides the segments
//! which the entropy decoder does not need. Does not decode pixels.
//! See [ITU-T T.81, annex B](https://www.w3.org/Graphics/JPEG/itu-t81.pdf).
//!
//! `jpeg-decoder` keeps every EXIF, XMP, ICC and Photoshop segment in memory, and a file may hold any
//! number of them; [`SegmentFilter`] drops them. It also stops a file that repeats its scans to burn
//! time.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use super::FORMAT;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::Limits;
use crate::orientation::Orientation;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;
const APP15: u8 = 0xEF;
const COM: u8 = 0xFE;

const EXIF_TAG: &[u8] = b"Exif\0\0";
const ICC_TAG: &[u8] = b"ICC_PROFILE\0";
const ADOBE_TAG: &[u8] = b"Adobe";

/// Encoders write about ten scans, the finest progressive scripts below a hundred. Each scan costs a
/// pass over all blocks.
const SCANS_MAX: u32 = 128;

/// How the coefficients are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Sequential,
    Progressive,
}

/// What stands before the first scan.
pub(super) struct Header {
    pub(super) process: Process,
    pub(super) size: Size,
    pub(super) orientation: Orientation,
    pub(super) icc_profile: Option<Vec<u8>>,
    pub(super) has_adobe_segment: bool,
    /// Horizontal and vertical sampling factor of each component.
    sampling: Vec<(u8, u8)>,
}

/// How many blocks a component has.
pub(super) struct ComponentBlocks {
    pub(super) total: u64,
    pub(super) per_mcu_row: u64,
}

impl Header {
    pub(super) fn component_blocks(&self) -> Vec<ComponentBlocks> {
        let h_max = self.sampling.iter().map(|s| u32::from(s.0)).max().unwrap_or(1);
        let v_max = self.sampling.iter().map(|s| u32::from(s.1)).max().unwrap_or(1);
        let mcus_across = u64::from(self.size.width.div_ceil(8 * h_max));
        let mcus_down = u64::from(self.size.height.div_ceil(8 * v_max));
        self.sampling
            .iter()
            .map(|&(h, v)| {
                let per_mcu_row = mcus_across * u64::from(h) * u64::from(v);
                ComponentBlocks { total: per_mcu_row * mcus_down, per_mcu_row }
            })
            .collect()
    }
}

/// Reads up to the first scan and checks what later sizes are computed from.
pub(super) fn read_header(reader: &mut impl BufRead, limits: &Limits) -> Result<Header, DeriveError> {
    let mut found = Found::default();
    loop {
        let marker = next_marker(reader).map_err(|e| DeriveError::from_read(FORMAT, e))?;
        if marker == SOS || marker == EOI {
            return found.into_header();
        }
        if has_no_length(marker) {
            continue;
        }
        let payload = read_payload(reader).map_err(|e| DeriveError::from_read(FORMAT, e))?;
        found.take(marker, &payload, limits)?;
    }
}

/// What a start-of-frame segment says.
struct FrameHeader {
    process: Process,
    size: Size,
    sampling: Vec<(u8, u8)>,
}

#[derive(Default)]
struct Found {
    frame: Option<FrameHeader>,
    orientation: Option<Orientation>,
    icc_parts: BTreeMap<u8, Vec<u8>>,
    icc_count: u8,
    icc_is_broken: bool,
    has_adobe_segment: bool,
}

impl Found {
    fn take(&mut self, marker: u8, payload: &[u8], limits: &Limits) -> Result<(), DeriveError> {
        match marker {
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let earlier = self.frame.replace(parse_frame(marker, payload)?);
                return earlier.map_or(Ok(()), |_| Err(DeriveError::damaged(FORMAT, "two frame headers")));
            }
            APP1 if payload.starts_with(EXIF_TAG) && self.orientation.is_none() => {
                self.orientation = Some(Orientation::from_exif(payload));
            }
            APP2 if payload.starts_with(ICC_TAG) => self.take_icc(&payload[ICC_TAG.len()..], limits),
            APP14 if payload.starts_with(ADOBE_TAG) => self.has_adobe_segment = true,
            _ => {}
        }
        Ok(())
    }

    /// One part of a profile: its number from 1, the count of parts, the bytes
    /// ([ICC.1, B.4](https://www.color.org/icc_specs2.xalter)).
    fn take_icc(&mut self, part: &[u8], limits: &Limits) {
        let &[number, count, ref bytes @ ..] = part else {
            self.icc_is_broken = true;
            return;
        };
        self.icc_count = count;
        let held: usize = self.icc_parts.values().map(Vec::len).sum();
        let is_new = !self.icc_parts.contains_key(&number);
        if !is_new || number == 0 || number > count || held + bytes.len() > limits.metadata_bytes_max {
            self.icc_is_broken = true;
            self.icc_parts.clear();
        } else if !self.icc_is_broken {
            self.icc_parts.insert(number, bytes.to_vec());
        }
    }

    fn into_header(self) -> Result<Header, DeriveError> {
        let FrameHeader { process, size, sampling } =
            self.frame.ok_or_else(|| DeriveError::damaged(FORMAT, "no frame header before the image"))?;
        let is_whole = !self.icc_is_broken && self.icc_parts.len() == usize::from(self.icc_count);
        let icc: Vec<u8> = self.icc_parts.into_values().flatten().collect();
        Ok(Header {
            process,
            size,
            sampling,
            orientation: self.orientation.unwrap_or(Orientation::UPRIGHT),
            icc_profile: (is_whole && !icc.is_empty()).then_some(icc),
            has_adobe_segment: self.has_adobe_segment,
        })
    }
}

fn parse_frame(marker: u8, payload: &[u8]) -> Result<FrameHeader, DeriveError> {
    let process = match marker {
        0xC0 | 0xC1 => Process::Sequential,
        0xC2 => Process::Progressive,
        _ => return Err(unsupported(format!("coding process {marker:#04X}"))),
    };
    let &[precision, h1, h0, w1, w0, count, ref components @ ..] = payload else {
        return Err(DeriveError::damaged(FORMAT, "the frame header is too short"));
    };
    if precision != 8 {
        return Err(unsupported(format!("{precision} bits per sample")));
    }
    if !matches!(count, 1 | 3 | 4) || components.len() != usize::from(count) * 3 {
        return Err(DeriveError::damaged(FORMAT, format!("{count} components")));
    }
    let sampling: Vec<_> = components.chunks_exact(3).map(|c| (c[1] >> 4, c[1] & 0x0F)).collect();
    if sampling.iter().any(|&(h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
        return Err(DeriveError::damaged(FORMAT, "a sampling factor is not 1 to 4"));
    }
    let size =
        Size { width: u16::from_be_bytes([w1, w0]).into(), height: u16::from_be_bytes([h1, h0]).into() };
    Ok(FrameHeader { process, size, sampling })
}

fn unsupported(feature: String) -> DeriveError {
    DeriveError::Unsupported { format: FORMAT, feature }
}

fn has_no_length(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xD0..=0xD7 | SOI | EOI)
}

/// Skips to the next marker, over fill bytes and whatever stands between segments, as decoders do.
fn next_marker(reader: &mut impl BufRead) -> io::Result<u8> {
    loop {
        while read_byte(reader)? != 0xFF {}
        let mut byte = read_byte(reader)?;
        while byte == 0xFF {
            byte = read_byte(reader)?;
        }
        if byte != 0 {
            return Ok(byte);
        }
    }
}

fn read_byte(reader: &mut impl BufRead) -> io::Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn read_length(reader: &mut impl BufRead) -> io::Result<u16> {
    let mut length = [0; 2];
    reader.read_exact(&mut length)?;
    u16::from_be_bytes(length).checked_sub(2).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "a segment is shorter than its length field")
    })
}

fn read_payload(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut payload = vec![0; usize::from(read_length(reader)?)];
    reader.read_exact(&mut payload)?;
    Ok(payload)
}

/// Reads a JPEG without the application segments (but JFIF's and Adobe's, which tell the colour model)
/// and comments.
pub(super) struct SegmentFilter<R> {
    inner: R,
    state: State,
    /// Marker bytes to give out before anything else, from `pending_at` on.
    pending: Vec<u8>,
    pending_at: usize,
    scans: u32,
}

enum State {
    /// Between segments.
    Marker,
    /// In a segment that is passed on, with this many bytes to go; a scan's header leads to its data.
    Segment { left: usize, starts_scan: bool },
    /// In entropy-coded data, which ends at the next marker.
    Entropy,
    /// After the end of the image.
    End,
}

impl<R: BufRead> SegmentFilter<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, state: State::Marker, pending: Vec::new(), pending_at: 0, scans: 0 }
    }

    fn give(&mut self, bytes: &[u8]) {
        self.pending.clear();
        self.pending.extend_from_slice(bytes);
        self.pending_at = 0;
    }

    fn pass_marker(&mut self, marker: u8) -> io::Result<()> {
        if has_no_length(marker) {
            self.give(&[0xFF, marker]);
            self.state = if marker == EOI { State::End } else { State::Marker };
            return Ok(());
        }
        let length = read_length(&mut self.inner)?;
        if is_hidden(marker) {
            let skipped = io::copy(&mut self.inner.by_ref().take(length.into()), &mut io::sink())?;
            self.state = State::Marker;
            return if skipped == u64::from(length) {
                Ok(())
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        let [high, low] = (length + 2).to_be_bytes();
        self.give(&[0xFF, marker, high, low]);
        self.state = State::Segment { left: length.into(), starts_scan: marker == SOS };
        if marker == SOS {
            self.scans += 1;
            self.check_scans()?;
        }
        Ok(())
    }

    fn check_scans(&self) -> io::Result<()> {
        if self.scans > SCANS_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more scans than any encoder writes"));
        }
        Ok(())
    }

    /// Passes entropy-coded bytes; a stuffed zero or a restart marker belongs to them.
    fn read_entropy(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.inner.fill_buf()?;
        let plain = available.iter().take(out.len()).position(|&b| b == 0xFF);
        let count = plain.unwrap_or(available.len().min(out.len()));
        if count > 0 || available.is_empty() {
            out[..count].copy_from_slice(&available[..count]);
            self.inner.consume(count);
            return Ok(count);
        }
        self.inner.consume(1);
        let mut byte = 0xFF;
        while byte == 0xFF {
            byte = read_byte(&mut self.inner)?;
        }
        match byte {
            0x00 | 0xD0..=0xD7 => self.give(&[0xFF, byte]),
            marker => self.pass_marker(marker)?,
        }
        self.read(out)
    }
}

fn is_hidden(marker: u8) -> bool {
    marker == COM || ((APP0..=APP15).contains(&marker) && marker != APP0 && marker != APP14)
}

impl<R: BufRead> Read for SegmentFilter<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if self.pending_at < self.pending.len() {
                let count = (&self.pending[self.pending_at..]).read(out)?;
                self.pending_at += count;
                return Ok(count);
            }
            match self.state {
                State::Marker => {
                    let marker = next_marker(&mut self.inner)?;
                    self.pass_marker(marker)?;
                }
                State::Segment { left: 0, starts_scan } => {
                    self.state = if starts_scan { State::Entropy } else { State::Marker };
                }
                State::Segment { left, starts_scan } => {
                    let wanted = left.min(out.len());
                    let count = self.inner.read(&mut out[..wanted])?;
                    self.state = State::Segment { left: left - count, starts_scan };
                    return Ok(count);
                }
                State::Entropy => return self.read_entropy(out),
                State::End => return Ok(0),
            }
        }
    }
}
