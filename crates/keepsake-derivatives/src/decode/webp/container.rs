//! Owns the walk over a WebP container (RIFF chunks): the canvas, and that no bitstream is larger.
//! Does not read pixels or metadata.
//!
//! ```text
//! RIFF size WEBP ─┬─ "VP8 " lossy bitstream
//!                 ├─ "VP8L" lossless bitstream
//!                 └─ "VP8X" canvas ─ ICCP? ─ ANIM? ─ ANMF* | ALPH? VP8/VP8L ─ EXIF? ─ XMP?
//! ```

use std::io::{Read, Seek, SeekFrom};

use super::FORMAT;
use crate::error::DeriveError;
use crate::geometry::Size;
use crate::limits::Limits;

const RIFF_HEADER_BYTES: u64 = 12;
const CHUNK_HEADER_BYTES: u64 = 8;
/// Frame position, size, duration and flags before an animation frame's own chunks.
const FRAME_HEADER_BYTES: u64 = 16;
/// Bytes of a chunk's start that tell its size in pixels.
const START_BYTES: usize = 10;
/// An animation of ten minutes at 60 frames a second has 36,000 chunks.
const CHUNKS_MAX: u32 = 65_536;

/// What the container says.
pub(super) struct Outline {
    pub(super) canvas: Size,
    pub(super) is_lossy: bool,
    /// Bytes of the compressed picture.
    pub(super) image_bytes: u64,
}

/// Walks over all chunks and checks every size that a decoder would believe.
pub(super) fn read_outline<R: Read + Seek>(reader: &mut R, limits: &Limits) -> Result<Outline, DeriveError> {
    let file_bytes = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(4))?;
    let riff_end = u64::from(read_u32(reader)?) + 8;
    if riff_end > file_bytes {
        return Err(DeriveError::Truncated { format: FORMAT });
    }
    let mut walk = Walk { limits, outline: None, in_frame: false };
    walk.chunks(reader, RIFF_HEADER_BYTES, riff_end)?;
    walk.outline.ok_or_else(|| DeriveError::damaged(FORMAT, "it has no image"))
}

struct Walk<'a> {
    limits: &'a Limits,
    outline: Option<Outline>,
    /// Set from the first animation frame on: only that one is decoded, and frames hold no frames.
    in_frame: bool,
}

impl Walk<'_> {
    fn chunks<R: Read + Seek>(&mut self, reader: &mut R, start: u64, end: u64) -> Result<(), DeriveError> {
        let mut at = start;
        for _ in 0..CHUNKS_MAX {
            if at + CHUNK_HEADER_BYTES > end {
                return Ok(());
            }
            reader.seek(SeekFrom::Start(at))?;
            let mut kind = [0; 4];
            reader.read_exact(&mut kind).map_err(|e| DeriveError::from_read(FORMAT, e))?;
            let bytes = u64::from(read_u32(reader)?);
            let data_at = at + CHUNK_HEADER_BYTES;
            if data_at + bytes > end {
                return Err(DeriveError::Truncated { format: FORMAT });
            }
            if &kind == b"ANMF" {
                if std::mem::replace(&mut self.in_frame, true) {
                    at = data_at + bytes + bytes % 2;
                    continue;
                }
                self.chunks(reader, data_at + FRAME_HEADER_BYTES, data_at + bytes)?;
            } else {
                self.chunk(reader, kind, bytes)?;
            }
            at = data_at + bytes + bytes % 2;
        }
        Err(DeriveError::damaged(FORMAT, "more chunks than any encoder writes"))
    }

    fn chunk<R: Read>(&mut self, reader: &mut R, kind: [u8; 4], bytes: u64) -> Result<(), DeriveError> {
        let parse = match &kind {
            b"VP8X" => canvas_size,
            b"VP8 " => lossy_size,
            b"VP8L" => lossless_size,
            _ => return Ok(()),
        };
        let mut start = [0; START_BYTES];
        let wanted = START_BYTES.min(usize::try_from(bytes).unwrap_or(START_BYTES));
        reader.read_exact(&mut start[..wanted]).map_err(|e| DeriveError::from_read(FORMAT, e))?;
        let size = parse(&start);
        self.limits.check_size(FORMAT, size)?;
        let outline = self.outline.get_or_insert(Outline { canvas: size, is_lossy: false, image_bytes: 0 });
        if size.width > outline.canvas.width || size.height > outline.canvas.height {
            return Err(DeriveError::damaged(FORMAT, "a picture is larger than the canvas"));
        }
        if &kind != b"VP8X" {
            outline.image_bytes = outline.image_bytes.max(bytes);
        }
        outline.is_lossy |= &kind == b"VP8 ";
        Ok(())
    }
}

fn canvas_size(start: &[u8; START_BYTES]) -> Size {
    let side = |at: usize| u32::from_le_bytes([start[at], start[at + 1], start[at + 2], 0]) + 1;
    Size { width: side(4), height: side(7) }
}

fn lossy_size(start: &[u8; START_BYTES]) -> Size {
    let side = |at: usize| u32::from(u16::from_le_bytes([start[at], start[at + 1]]) & 0x3FFF);
    Size { width: side(6), height: side(8) }
}

fn lossless_size(start: &[u8; START_BYTES]) -> Size {
    let bits = u32::from_le_bytes([start[1], start[2], start[3], start[4]]);
    Size { width: (bits & 0x3FFF) + 1, height: ((bits >> 14) & 0x3FFF) + 1 }
}

fn read_u32(reader: &mut impl Read) -> Result<u32, DeriveError> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes).map_err(|e| DeriveError::from_read(FORMAT, e))?;
    Ok(u32::from_le_bytes(bytes))
}
