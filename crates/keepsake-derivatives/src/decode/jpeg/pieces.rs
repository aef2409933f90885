//! Owns what the decoder gets to read: the file without its metadata, each scan's data with a stop behind.
//! Does not choose the pieces; see [`super::outline`].

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

/// One-bits, which are no Huffman code in any table (T.81, C.2). A scan that is complete ends before
/// them and they are skipped like other bytes between segments; one that is cut short runs into them
/// and fails, where the decoder would otherwise make up zeros. Longer than what it reads ahead.
const STOP: [u8; 32] = [
    0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, //
    0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0,
];

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Offsets in bytes from the file's start.
    pub(super) bytes: Range<u64>,
    /// Whether it ends with a scan's data.
    pub(super) is_scan: bool,
}

/// Reads the pieces one after the other.
pub(super) struct Pieces<'a, R> {
    reader: &'a mut R,
    next: std::vec::IntoIter<Piece>,
    bytes_left: u64,
    is_scan: bool,
    stop: &'static [u8],
}

impl<'a, R> Pieces<'a, R> {
    pub(super) fn new(reader: &'a mut R, pieces: Vec<Piece>) -> Self {
        Self { reader, next: pieces.into_iter(), bytes_left: 0, is_scan: false, stop: &[] }
    }
}

impl<R: BufRead + Seek> Read for Pieces<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.stop.is_empty() {
            return self.stop.read(buffer);
        }
        while self.bytes_left == 0 {
            let Some(piece) = self.next.next() else { return Ok(0) };
            self.reader.seek(SeekFrom::Start(piece.bytes.start))?;
            self.bytes_left = piece.bytes.end - piece.bytes.start;
            self.is_scan = piece.is_scan;
        }
        let read = self.reader.by_ref().take(self.bytes_left).read(buffer)?;
        self.bytes_left -= read as u64;
        if self.bytes_left == 0 && self.is_scan {
            self.stop = &STOP;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn pieces_come_in_turn_and_a_stop_behind_each_scan() {
        let mut file = Cursor::new(b"head-skip-scan-tail".to_vec());
        let piece = |bytes: Range<u64>, is_scan| Piece { bytes, is_scan };
        let pieces = vec![piece(0..4, false), piece(7..7, false), piece(10..14, true), piece(14..19, false)];
        let mut read = Vec::new();
        Pieces::new(&mut file, pieces).read_to_end(&mut read).expect("memory does not fail");
        assert_eq!(read, [&b"headscan"[..], &STOP, b"-tail"].concat());
    }
}
