//! Owns the segments of a JPEG between its scans: frame and scan headers, tables, EXIF, colour profile.
//! Does not decode pixels, and keeps no segment but a profile, which is bounded.
//! See [T.81, annex B](https://www.w3.org/Graphics/JPEG/itu-t81.pdf).

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::FORMAT;
use super::bits::HuffmanTable;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::orientation::Orientation;

pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

const JFIF_TAG: &[u8] = b"JFIF\0";
const EXIF_TAG: &[u8] = b"Exif\0\0";
const ICC_TAG: &[u8] = b"ICC_PROFILE\0";
const ADOBE_TAG: &[u8] = b"Adobe";
/// Where Adobe's segment tells the colour transform.
const ADOBE_TRANSFORM_AT: usize = 11;

/// One component of the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, each 1 to 4.
    pub(super) horizontal: u8,
    pub(super) vertical: u8,
    pub(super) quantisation: usize,
}

/// What a start-of-frame segment says.
#[derive(Clone, Debug)]
pub(super) struct FrameHeader {
    pub(super) is_progressive: bool,
    pub(super) size: Size,
    pub(super) components: Vec<Component>,
}

/// What a start-of-scan segment says.
pub(super) struct ScanHeader {
    /// Component id, number of its DC table, number of its AC table.
    pub(super) components: Vec<(u8, usize, usize)>,
    pub(super) band: (u8, u8),
    pub(super) high_bit: u8,
    pub(super) low_bit: u8,
}

/// All that the segments so far have said.
#[derive(Default)]
pub(super) struct Segments {
    pub(super) frame: Option<FrameHeader>,
    pub(super) dc_tables: [Option<HuffmanTable>; 4],
    pub(super) ac_tables: [Option<HuffmanTable>; 4],
    /// In the order of the file's coefficients.
    pub(super) quantisation: [Option<[u16; 64]>; 4],
    pub(super) restart_interval: u16,
    pub(super) orientation: Option<Orientation>,
    pub(super) is_jfif: bool,
    /// Adobe's colour transform, when its segment is there.
    pub(super) adobe_transform: Option<u8>,
    profile: ProfileParts,
}

impl Segments {
    /// Takes in one segment that is not a scan's.
    pub(super) fn take(
        &mut self,
        marker: u8,
        payload: &[u8],
        profile_bytes_max: usize,
    ) -> Result<(), DeriveError> {
        match marker {
            DHT => self.take_huffman_tables(payload)?,
            DQT => self.take_quantisation(payload)?,
            DRI => {
                let &[high, low, ..] = payload else { return Err(broken("a restart interval is cut")) };
                self.restart_interval = u16::from_be_bytes([high, low]);
            }
            0xC0..=0xCF => {
                let earlier = self.frame.replace(parse_frame(marker, payload)?);
                return earlier.map_or(Ok(()), |_| Err(broken("two frame headers")));
            }
            APP0 => self.is_jfif |= payload.starts_with(JFIF_TAG),
            APP1 if payload.starts_with(EXIF_TAG) && self.orientation.is_none() => {
                self.orientation = Some(Orientation::from_exif(payload));
            }
            APP2 if payload.starts_with(ICC_TAG) => {
                self.profile.take(&payload[ICC_TAG.len()..], profile_bytes_max);
            }
            APP14 if payload.starts_with(ADOBE_TAG) => {
                self.adobe_transform = payload.get(ADOBE_TRANSFORM_AT).copied();
            }
            _ => {}
        }
        Ok(())
    }

    /// The profile, if all its parts were there.
    pub(super) fn take_profile(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.profile).into_whole()
    }

    fn take_huffman_tables(&mut self, mut payload: &[u8]) -> Result<(), DeriveError> {
        while let Some((&head, rest)) = payload.split_first() {
            let (counts, rest) =
                rest.split_first_chunk::<16>().ok_or_else(|| broken("a Huffman table is cut"))?;
            let total: usize = counts.iter().map(|&c| usize::from(c)).sum();
            let symbols = rest.get(..total).ok_or_else(|| broken("a Huffman table is cut"))?;
            let table =
                HuffmanTable::new(*counts, symbols).ok_or_else(|| broken("an impossible Huffman table"))?;
            let tables = match head >> 4 {
                0 => &mut self.dc_tables,
                1 => &mut self.ac_tables,
                _ => return Err(broken("an unknown class of Huffman table")),
            };
            *tables.get_mut(usize::from(head & 15)).ok_or_else(|| broken("more than four tables"))? =
                Some(table);
            payload = &rest[total..];
        }
        Ok(())
    }

    fn take_quantisation(&mut self, mut payload: &[u8]) -> Result<(), DeriveError> {
        while let Some((&head, rest)) = payload.split_first() {
            let step_bytes = if head >> 4 == 0 { 1 } else { 2 };
            let raw = rest.get(..64 * step_bytes).ok_or_else(|| broken("a quantisation table is cut"))?;
            let mut steps = [0; 64];
            for (step, bytes) in steps.iter_mut().zip(raw.chunks_exact(step_bytes)) {
                *step = bytes.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            let table = self.quantisation.get_mut(usize::from(head & 15));
            *table.ok_or_else(|| broken("more than four tables"))? = Some(steps);
            payload = &rest[raw.len()..];
        }
        Ok(())
    }
}

fn parse_frame(marker: u8, payload: &[u8]) -> Result<FrameHeader, DeriveError> {
    if !(0xC0..=0xC2).contains(&marker) {
        return Err(unsupported(format!("coding process {marker:#04X}")));
    }
    let &[precision, h1, h0, w1, w0, count, ref raw @ ..] = payload else {
        return Err(broken("the frame header is cut"));
    };
    if precision != 8 {
        return Err(unsupported(format!("{precision} bits per sample")));
    }
    if !matches!(count, 1 | 3 | 4) || raw.len() < usize::from(count) * 3 {
        return Err(DeriveError::damaged(FORMAT, format!("a picture of {count} components")));
    }
    let components: Vec<_> = raw.chunks_exact(3).take(count.into()).map(component).collect();
    let allowed = 1..=4;
    if components.iter().any(|c| !allowed.contains(&c.horizontal) || !allowed.contains(&c.vertical)) {
        return Err(broken("a sampling factor is not 1 to 4"));
    }
    let size =
        Size { width: u16::from_be_bytes([w1, w0]).into(), height: u16::from_be_bytes([h1, h0]).into() };
    Ok(FrameHeader { is_progressive: marker == 0xC2, size, components })
}

fn component(raw: &[u8]) -> Component {
    Component { id: raw[0], horizontal: raw[1] >> 4, vertical: raw[1] & 15, quantisation: raw[2].into() }
}

/// Reads a scan header; whether it fits the frame is the caller's to check.
pub(super) fn parse_scan(payload: &[u8]) -> Result<ScanHeader, DeriveError> {
    let (&count, rest) = payload.split_first().ok_or_else(|| broken("a scan header is cut"))?;
    if !(1..=4).contains(&count) || rest.len() != usize::from(count) * 2 + 3 {
        return Err(broken("a scan header of the wrong length"));
    }
    let (raw, parameters) = rest.split_at(usize::from(count) * 2);
    let components = raw.chunks_exact(2).map(|c| (c[0], usize::from(c[1] >> 4), usize::from(c[1] & 15)));
    Ok(ScanHeader {
        components: components.collect(),
        band: (parameters[0], parameters[1]),
        high_bit: parameters[2] >> 4,
        low_bit: parameters[2] & 15,
    })
}

/// A colour profile, which comes in parts ([ICC.1, B.4](https://www.color.org/specification/ICC.1-2022-05.pdf)).
#[derive(Default)]
struct ProfileParts {
    parts: BTreeMap<u8, Vec<u8>>,
    count: u8,
    is_broken: bool,
}

impl ProfileParts {
    /// One part: its number from 1, the count of all parts, the bytes.
    fn take(&mut self, part: &[u8], bytes_max: usize) {
        let &[number, count, ref bytes @ ..] = part else {
            self.is_broken = true;
            return;
        };
        self.count = count;
        let held: usize = self.parts.values().map(Vec::len).sum();
        let is_new = !self.parts.contains_key(&number);
        if !is_new || number == 0 || number > count || held + bytes.len() > bytes_max {
            self.is_broken = true;
            self.parts.clear();
        } else if !self.is_broken {
            self.parts.insert(number, bytes.to_vec());
        }
    }

    fn into_whole(self) -> Option<Vec<u8>> {
        let is_whole = !self.is_broken && self.count > 0 && self.parts.len() == usize::from(self.count);
        is_whole.then(|| self.parts.into_values().flatten().collect())
    }
}

/// Skips to the next marker, over fill bytes and whatever stands between segments, as all decoders do.
pub(super) fn next_marker(reader: &mut impl BufRead) -> Result<u8, DeriveError> {
    let mut previous = 0;
    loop {
        let mut byte = [0];
        reader.read_exact(&mut byte).map_err(from_read)?;
        if previous == 0xFF && !matches!(byte[0], 0 | 0xFF) {
            return Ok(byte[0]);
        }
        previous = byte[0];
    }
}

/// Whether the marker stands alone.
pub(super) fn has_no_length(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xD0..=0xD7 | SOI | EOI)
}

/// The bytes of a segment, at most 65,533.
pub(super) fn read_payload(reader: &mut impl BufRead) -> Result<Vec<u8>, DeriveError> {
    let mut length = [0; 2];
    reader.read_exact(&mut length).map_err(from_read)?;
    let bytes = u16::from_be_bytes(length)
        .checked_sub(2)
        .ok_or_else(|| broken("a segment is shorter than its length field"))?;
    let mut payload = vec![0; usize::from(bytes)];
    reader.read_exact(&mut payload).map_err(from_read)?;
    Ok(payload)
}

fn from_read(error: io::Error) -> DeriveError {
    DeriveError::from_read(FORMAT, error)
}

pub(super) fn broken(detail: &'static str) -> DeriveError {
    DeriveError::damaged(FORMAT, detail)
}

pub(super) fn unsupported(feature: String) -> DeriveError {
    DeriveError::Unsupported { format: FORMAT, feature }
}
