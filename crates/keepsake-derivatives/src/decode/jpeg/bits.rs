//! Owns reading bits and Huffman codes from entropy-coded data, up to the next marker or the end.
//! Does not know what the codes mean. See [T.81, annexes B.1.1.5, C and F](https://www.w3.org/Graphics/JPEG/itu-t81.pdf).

use std::io::{self, BufRead};

use super::FORMAT;
use crate::error::DeriveError;

/// Why a scan stops. Small, because the innermost loops return it.
#[derive(Debug)]
pub(super) enum EntropyError {
    /// The codes ask for more bits than there are.
    Ended,
    Invalid(&'static str),
    Io(io::Error),
}

impl From<EntropyError> for DeriveError {
    fn from(error: EntropyError) -> Self {
        match error {
            EntropyError::Ended => Self::Truncated { format: FORMAT },
            EntropyError::Invalid(detail) => Self::damaged(FORMAT, detail),
            EntropyError::Io(error) => Self::from_read(FORMAT, error),
        }
    }
}

/// Why no more bits come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Marker(u8),
    EndOfFile,
}

/// Bits of one scan, the first one topmost in `bits`.
pub(super) struct BitReader<'r, R> {
    input: &'r mut R,
    bits: u64,
    count: u32,
    stop: Option<Stop>,
}

impl<'r, R: BufRead> BitReader<'r, R> {
    pub(super) fn new(input: &'r mut R) -> Self {
        Self { input, bits: 0, count: 0, stop: None }
    }

    /// The next `count` bits, at most 16, as a number.
    pub(super) fn read(&mut self, count: u32) -> Result<i32, EntropyError> {
        if count == 0 {
            return Ok(0);
        }
        self.refill()?;
        let value = self.bits >> (64 - count);
        self.consume(count)?;
        Ok(i32::try_from(value).expect("16 bits fit"))
    }

    pub(super) fn read_bit(&mut self) -> Result<bool, EntropyError> {
        Ok(self.read(1)? == 1)
    }

    /// A difference of `size` bits in the form of T.81, F.2.2.1: the upper half is positive.
    pub(super) fn read_signed(&mut self, size: u32) -> Result<i32, EntropyError> {
        if size == 0 {
            return Ok(0);
        }
        let value = self.read(size)?;
        Ok(if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    /// The symbol of the next code.
    pub(super) fn read_symbol(&mut self, table: &HuffmanTable) -> Result<u8, EntropyError> {
        self.refill()?;
        let ahead = u16::try_from(self.bits >> 48).expect("16 bits fit");
        let (length, symbol) =
            table.look_up(ahead).ok_or(EntropyError::Invalid("an unknown Huffman code"))?;
        self.consume(length)?;
        Ok(symbol)
    }

    /// Drops what is left of the current interval and takes the restart marker of this number.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), EntropyError> {
        match self.stop_after_rest()? {
            Stop::Marker(marker) if marker == 0xD0 + number => {}
            Stop::Marker(_) => return Err(EntropyError::Invalid("a restart marker is missing")),
            Stop::EndOfFile => return Err(EntropyError::Ended),
        }
        self.bits = 0;
        self.count = 0;
        self.stop = None;
        Ok(())
    }

    /// The marker that ends the scan.
    pub(super) fn finish(mut self) -> Result<u8, EntropyError> {
        loop {
            match self.stop_after_rest()? {
                // Some encoders write one restart marker too many.
                Stop::Marker(0xD0..=0xD7) => self.stop = None,
                Stop::Marker(marker) => return Ok(marker),
                Stop::EndOfFile => return Err(EntropyError::Ended),
            }
        }
    }

    fn stop_after_rest(&mut self) -> Result<Stop, EntropyError> {
        loop {
            if let Some(stop) = self.stop {
                return Ok(stop);
            }
            self.next_byte()?;
        }
    }

    /// Makes at least 32 bits ready; beyond the end they are zeros, which cannot be consumed.
    #[inline]
    fn refill(&mut self) -> Result<(), EntropyError> {
        while self.count < 32 && self.stop.is_none() {
            if let Some(byte) = self.next_byte()? {
                self.bits |= u64::from(byte) << (56 - self.count);
                self.count += 8;
            }
        }
        Ok(())
    }

    #[inline]
    fn consume(&mut self, count: u32) -> Result<(), EntropyError> {
        self.count = self.count.checked_sub(count).ok_or(EntropyError::Ended)?;
        self.bits <<= count;
        Ok(())
    }

    /// The next byte of data, without stuffing; `None` where the data stop.
    #[inline]
    fn next_byte(&mut self) -> Result<Option<u8>, EntropyError> {
        match self.raw_byte()? {
            Some(0xFF) => self.byte_after_ff(),
            None => {
                self.stop = Some(Stop::EndOfFile);
                Ok(None)
            }
            plain => Ok(plain),
        }
    }

    #[cold]
    fn byte_after_ff(&mut self) -> Result<Option<u8>, EntropyError> {
        let mut byte = Some(0xFF);
        while byte == Some(0xFF) {
            byte = self.raw_byte()?;
        }
        match byte {
            Some(0) => return Ok(Some(0xFF)),
            Some(marker) => self.stop = Some(Stop::Marker(marker)),
            None => self.stop = Some(Stop::EndOfFile),
        }
        Ok(None)
    }

    #[inline]
    fn raw_byte(&mut self) -> Result<Option<u8>, EntropyError> {
        let byte = self.input.fill_buf().map_err(EntropyError::Io)?.first().copied();
        if byte.is_some() {
            self.input.consume(1);
        }
        Ok(byte)
    }
}

/// Codes up to this length are found in one step.
const FAST_BITS: u32 = 9;
const FAST_ENTRIES: usize = 1 << FAST_BITS;

/// A canonical Huffman code of at most 16 bits.
pub(super) struct HuffmanTable {
    symbols: Vec<u8>,
    /// Length and symbol for every start of [`FAST_BITS`] bits; length 0 where the code is longer.
    fast: Box<[(u8, u8)]>,
    /// For each length: the first code after those of this length (left-aligned to 16 bits), and what to
    /// add to a code for the index of its symbol.
    ends: [(u32, i32); 17],
}

impl HuffmanTable {
    /// From the number of codes of each length 1 to 16, and the symbols in the order of their codes;
    /// `None` when no such code exists.
    pub(super) fn new(counts: [u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut fast = vec![(0, 0); FAST_ENTRIES].into_boxed_slice();
        let mut ends = [(0, 0); 17];
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            ends[length as usize].1 = i32::try_from(index).ok()? - i32::try_from(code).ok()?;
            for _ in 0..count {
                let symbol = *symbols.get(index)?;
                if length <= FAST_BITS {
                    let first = (code << (FAST_BITS - length)) as usize;
                    let entry = (u8::try_from(length).ok()?, symbol);
                    fast.get_mut(first..first + (1 << (FAST_BITS - length)))?.fill(entry);
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return None;
            }
            ends[length as usize].0 = code << (16 - length);
            code <<= 1;
        }
        (index == symbols.len()).then(|| Self { symbols: symbols.to_vec(), fast, ends })
    }

    /// Length and symbol of the code that `ahead` begins with.
    #[inline]
    fn look_up(&self, ahead: u16) -> Option<(u32, u8)> {
        let (length, symbol) = self.fast[usize::from(ahead >> (16 - FAST_BITS))];
        if length > 0 {
            return Some((length.into(), symbol));
        }
        let length = (FAST_BITS + 1..=16).find(|&l| u32::from(ahead) < self.ends[l as usize].0)?;
        let code = i32::from(ahead >> (16 - length));
        let index = usize::try_from(code + self.ends[length as usize].1).ok()?;
        Some((length, *self.symbols.get(index)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanTable::new(counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(HuffmanTable::new(counts, &[1]).is_none());
        assert!(HuffmanTable::new(counts, &[1, 2, 3]).is_none());
        assert!(HuffmanTable::new(counts, &[1, 2]).is_some());
    }

    #[test]
    fn codes_of_every_length_are_found() {
        // One code of each length: 0, 10, 110, … as in T.81, annex C.
        let symbols: Vec<u8> = (1..=16).collect();
        let table = HuffmanTable::new([1; 16], &symbols).expect("a valid code");
        for length in 1..=16_u32 {
            let code = u16::try_from(0xFFFF_u32 << (17 - length) & 0xFFFF).expect("16 bits");
            assert_eq!(table.look_up(code).map(|(l, s)| (l, u32::from(s))), Some((length, length)));
        }
        assert_eq!(table.look_up(u16::MAX), None);
    }

    #[test]
    fn stuffing_is_removed_and_bits_beyond_a_marker_are_refused() {
        let mut input = &[0xFF, 0x00, 0xA5, 0xFF, 0xD9][..];
        let mut bits = BitReader::new(&mut input);
        assert_eq!(bits.read(8).expect("data"), 0xFF);
        assert_eq!(bits.read(4).expect("data"), 0xA);
        assert!(matches!(bits.read(5), Err(EntropyError::Ended)));
        assert_eq!(bits.finish().expect("a marker"), 0xD9);
    }
}
