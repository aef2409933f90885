//! Owns JPEG input: the walk over segments and scans, the reduction, the bound on memory.
//! The parts: [`segments`] reads headers, [`bits`] Huffman codes, [`scan`] fills the coefficients,
//! [`planes`] turns them into samples, [`colour`] into channels.
//!
//! # Why a decoder of our own
//! A phone's 48-megapixel photo may be *progressive*: its coefficients come in several passes over the
//! whole picture, so all of them must be held. `jpeg-decoder` and `zune-jpeg` hold 128 bytes per block,
//! 150 MiB for such a photo, whatever the size that is asked for (and of the two only `jpeg-decoder` can
//! reduce at all). This decoder keeps just the coefficients that the reduced picture is made of, about a
//! sixth of that. It reads what those two read: Huffman coded, 8 bits, sequential and progressive; the
//! tests hold its pixels against `jpeg-decoder`'s.
//!
//! It is stricter: data that end before the picture does are an error, not a grey area.

mod bits;
mod colour;
mod planes;
mod scan;
mod segments;

use std::io::{BufRead, Seek};

use self::planes::{Geometry, Plane};
use self::scan::{Scan, ScanComponent};
use self::segments::{Component, EOI, FrameHeader, SOS, ScanHeader, Segments};
use self::segments::{broken, has_no_length, next_marker, parse_scan, read_payload, unsupported};
use super::{Decoded, FrameBuilder, Source, display_size};
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::Limits;
use crate::orientation::Orientation;

const FORMAT: &str = "JPEG";
/// Side of a block of samples at full size, and so the denominator of a reduction.
const BLOCK_PX: u32 = 8;
/// Encoders write about ten scans, the finest progressive scripts below a hundred. Each scan costs a
/// pass over all blocks, so a file could burn time with them.
const SCANS_MAX: u32 = 128;

pub(super) fn decode<R: BufRead + Seek>(reader: &mut R, limits: &Limits) -> Result<Decoded, DeriveError> {
    let mut segments = Segments::default();
    let mut picture: Option<Picture> = None;
    let mut scans = 0;
    let mut marker = next_marker(reader)?;
    while marker != EOI {
        if has_no_length(marker) {
            marker = next_marker(reader)?;
            continue;
        }
        let payload = read_payload(reader)?;
        if marker == SOS {
            scans += 1;
            if scans > SCANS_MAX {
                return Err(broken("more scans than any encoder writes"));
            }
            let picture = match &mut picture {
                Some(picture) => picture,
                None => picture.insert(Picture::new(&segments, limits)?),
            };
            marker = picture.decode_scan(&parse_scan(&payload)?, &segments, reader)?;
        } else {
            segments.take(marker, &payload, limits.metadata_bytes_max)?;
            marker = next_marker(reader)?;
        }
    }
    let picture = picture.ok_or_else(|| broken("it has no picture"))?;
    picture.build(&mut segments)
}

/// The picture's coefficients while scans come in.
struct Picture {
    frame: FrameHeader,
    orientation: Orientation,
    /// Samples that remain of the eight along each side of a block.
    eighths: u32,
    mcus_across: usize,
    mcus_down: usize,
    planes: Vec<Plane>,
}

impl Picture {
    /// # Errors
    /// When there is no frame header, or the picture breaks a limit: nothing is allocated before.
    fn new(segments: &Segments, limits: &Limits) -> Result<Self, DeriveError> {
        let frame = segments.frame.clone().ok_or_else(|| broken("no frame header before the image"))?;
        limits.check_size(FORMAT, frame.size)?;
        let orientation = segments.orientation.unwrap_or(Orientation::UPRIGHT);
        let eighths = eighths_for(frame.size, display_size(frame.size, orientation));
        let (h_max, v_max) = sampling_max(&frame.components);
        let mcus_across = frame.size.width.div_ceil(BLOCK_PX * h_max) as usize;
        let mcus_down = frame.size.height.div_ceil(BLOCK_PX * v_max) as usize;
        let geometries = frame.components.iter().map(|component| {
            let (horizontal, vertical) = (u32::from(component.horizontal), u32::from(component.vertical));
            if h_max % horizontal != 0 || v_max % vertical != 0 {
                return Err(unsupported("uneven subsampling".to_owned()));
            }
            Ok(Geometry {
                blocks_across: mcus_across * horizontal as usize,
                blocks_down: mcus_down * vertical as usize,
                across: (eighths * h_max / horizontal) as usize,
                down: (eighths * v_max / vertical) as usize,
            })
        });
        let geometries = geometries.collect::<Result<Vec<_>, _>>()?;
        limits.check_bytes(geometries.iter().map(|g| g.bytes(frame.is_progressive)).sum())?;
        let planes = geometries.into_iter().map(|g| Plane::new(g, frame.is_progressive)).collect();
        Ok(Self { frame, orientation, eighths, mcus_across, mcus_down, planes })
    }

    /// Returns the marker behind the scan.
    fn decode_scan<R: BufRead>(
        &mut self,
        header: &ScanHeader,
        segments: &Segments,
        reader: &mut R,
    ) -> Result<u8, DeriveError> {
        let scan = self.scan(header, segments)?;
        for component in &scan.components {
            // A table may be replaced between scans; the one of the component's first scan counts.
            let number = self.frame.components[component.plane].quantisation;
            let plane = &mut self.planes[component.plane];
            if plane.steps.is_none() {
                let table = segments.quantisation.get(number).and_then(Option::as_ref);
                plane.set_steps(table.ok_or_else(|| broken("a quantisation table is missing"))?);
            }
        }
        Ok(scan.decode(reader, &mut self.planes)?)
    }

    fn scan<'t>(&self, header: &ScanHeader, segments: &'t Segments) -> Result<Scan<'t>, DeriveError> {
        let (first, last) = (usize::from(header.band.0), usize::from(header.band.1));
        let is_sound = if self.frame.is_progressive {
            last < 64
                && first <= last
                && (first > 0 || last == 0)
                && (first == 0 || header.components.len() == 1)
                && header.low_bit <= 13
        } else {
            header.low_bit == 0 && header.high_bit == 0
        };
        if !is_sound {
            return Err(broken("impossible parameters of a scan"));
        }
        let is_interleaved = header.components.len() > 1;
        let mut components = Vec::with_capacity(header.components.len());
        for &(id, dc_table, ac_table) in &header.components {
            let plane = self.frame.components.iter().position(|c| c.id == id);
            let plane = plane.ok_or_else(|| broken("a scan of an unknown component"))?;
            let component = self.frame.components[plane];
            let per_mcu = |factor: u8| if is_interleaved { usize::from(factor) } else { 1 };
            components.push(ScanComponent {
                plane,
                across: per_mcu(component.horizontal),
                down: per_mcu(component.vertical),
                dc_table: segments.dc_tables.get(dc_table).and_then(Option::as_ref),
                ac_table: segments.ac_tables.get(ac_table).and_then(Option::as_ref),
            });
        }
        let (mcus_across, mcus_down) = if is_interleaved {
            (self.mcus_across, self.mcus_down)
        } else {
            self.blocks_of(components[0].plane)
        };
        Ok(Scan {
            components,
            mcus_across,
            mcus_down,
            band: if self.frame.is_progressive { (first, last) } else { (0, 63) },
            is_progressive: self.frame.is_progressive,
            is_refinement: header.high_bit > 0,
            low_bit: header.low_bit.into(),
            restart_interval: segments.restart_interval.into(),
        })
    }

    /// The blocks of a component that hold pixels: a scan of one component has no others (T.81, A.2.2).
    fn blocks_of(&self, plane: usize) -> (usize, usize) {
        let (h_max, v_max) = sampling_max(&self.frame.components);
        let component = self.frame.components[plane];
        let across = self.frame.size.width * u32::from(component.horizontal);
        let down = self.frame.size.height * u32::from(component.vertical);
        (across.div_ceil(BLOCK_PX * h_max) as usize, down.div_ceil(BLOCK_PX * v_max) as usize)
    }

    fn build(self, segments: &mut Segments) -> Result<Decoded, DeriveError> {
        if self.planes.iter().any(|plane| plane.steps.is_none()) {
            return Err(broken("a component has no scan"));
        }
        let model = colour::Model::of(&self.frame.components, segments);
        let icc_profile = segments.take_profile();
        let decoded = reduced(self.frame.size, self.eighths);
        let mut builder = FrameBuilder::new(&Source {
            format: FORMAT,
            stored: self.frame.size,
            decoded,
            channels: model.channels(),
            orientation: self.orientation,
            icc_profile: icc_profile.as_deref(),
        });
        let (_, v_max) = sampling_max(&self.frame.components);
        let mcu_rows = (self.eighths * v_max) as usize;
        let mut samples: Vec<Vec<u8>> = self.planes.iter().map(|p| vec![0; mcu_rows * stride(p)]).collect();
        let mut row = Vec::new();
        for y in 0..decoded.height as usize {
            if y % mcu_rows == 0 {
                self.write_mcu_row(y / mcu_rows, &mut samples);
            }
            let width = decoded.width as usize;
            let lines =
                samples.iter().zip(&self.planes).map(|(s, p)| &s[y % mcu_rows * stride(p)..][..width]);
            model.interleave(&lines.collect::<Vec<_>>(), &mut row);
            builder.push_row(&row);
        }
        builder.finish()
    }

    fn write_mcu_row(&self, mcu_row: usize, samples: &mut [Vec<u8>]) {
        for ((plane, component), out) in self.planes.iter().zip(&self.frame.components).zip(samples) {
            let rows = usize::from(component.vertical);
            let row_bytes = stride(plane) * plane.geometry.down;
            for (index, out) in out.chunks_exact_mut(row_bytes).take(rows).enumerate() {
                plane.write_samples(mcu_row * rows + index, out);
            }
        }
    }
}

/// Samples in a row of the plane.
fn stride(plane: &Plane) -> usize {
    plane.geometry.blocks_across * plane.geometry.across
}

fn sampling_max(components: &[Component]) -> (u32, u32) {
    let horizontal = components.iter().map(|c| u32::from(c.horizontal)).max();
    let vertical = components.iter().map(|c| u32::from(c.vertical)).max();
    (horizontal.unwrap_or(1), vertical.unwrap_or(1))
}

/// The strongest reduction (1, 2, 4 or 8 eighths) that is not below `target` on either side.
fn eighths_for(stored: Size, target: Size) -> u32 {
    let suffices = |eighths: &u32| {
        let size = reduced(stored, *eighths);
        size.width >= target.width && size.height >= target.height
    };
    [1, 2, 4].into_iter().find(suffices).unwrap_or(BLOCK_PX)
}

fn reduced(stored: Size, eighths: u32) -> Size {
    Size {
        width: (stored.width * eighths).div_ceil(BLOCK_PX),
        height: (stored.height * eighths).div_ceil(BLOCK_PX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_strongest_sufficient_reduction_is_chosen() {
        assert_eq!(eighths_for(size(8040, 6024), size(1441, 1080)), 2);
        assert_eq!(eighths_for(size(3648, 5472), size(720, 1080)), 2);
        assert_eq!(eighths_for(size(15_360, 8640), size(1920, 1080)), 1);
        assert_eq!(eighths_for(size(1921, 1080), size(1920, 1079)), 8);
        assert_eq!(eighths_for(size(640, 960), size(640, 960)), 8);
    }

    #[test]
    fn an_extreme_aspect_still_reaches_its_display_size() {
        for stored in [size(1, 5000), size(5000, 1), size(3, 65_535), size(65_535, 9)] {
            let target = display_size(stored, Orientation::UPRIGHT);
            let got = reduced(stored, eighths_for(stored, target));
            assert!(got.width >= target.width && got.height >= target.height, "{stored:?} {got:?}");
        }
    }
}
