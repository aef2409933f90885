//! Holes of a file: runs that take no disk space between others that do. Owns the set, and how it is found when a file is opened.

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// Runs that are apart, from their begin to their end.
#[derive(Debug, Default)]
pub(crate) struct Holes(BTreeMap<u64, u64>);

impl Holes {
    /// The holes of `len_min` bytes and more before the last byte that takes disk space, and where that ends. O(pieces of the file).
    ///
    /// # Errors
    /// I/O errors.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(file: &File, len_min: u64) -> io::Result<(Self, u64)> {
        let (mut holes, mut at) = (Self::default(), 0);
        loop {
            let data = match seek(file, SeekFrom::Data(at)) {
                Ok(data) => data,
                // There is none behind it.
                Err(Errno::NXIO) => return Ok((holes, at)),
                // Not every file system tells.
                Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok((Self::default(), 0)),
                Err(errno) => return Err(errno.into()),
            };
            if data - at >= len_min {
                holes.add(at, data);
            }
            at = seek(file, SeekFrom::Hole(data))?;
        }
    }

    /// As on Linux, where it can be asked.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of(_file: &File, _len_min: u64) -> io::Result<(Self, u64)> {
        Ok((Self::default(), 0))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts of `from..to` that lie in holes, in order.
    pub(crate) fn within(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let before = self.0.range(..from).next_back();
        let all = before.into_iter().chain(self.0.range(from..to));
        let parts = all.map(|(start, end)| ((*start).max(from), (*end).min(to)));
        parts.filter(|(start, end)| start < end).collect()
    }

    /// All of `from..to` is a hole.
    pub(crate) fn covers(&self, from: u64, to: u64) -> bool {
        self.within(from, to) == [(from, to)]
    }

    /// `from..to` is a hole from now on.
    pub(crate) fn add(&mut self, from: u64, to: u64) {
        self.fill(from, to);
        let before =
            self.0.range(..from).next_back().filter(|(_, end)| **end == from).map(|(start, _)| *start);
        let end = self.0.remove(&to).unwrap_or(to);
        self.0.insert(before.unwrap_or(from), end);
    }

    /// `from..to` is none any more.
    pub(crate) fn fill(&mut self, from: u64, to: u64) {
        for (start, end) in self.within(from, to) {
            let (hole, hole_end) =
                self.0.range(..=start).next_back().map_or((start, end), |(at, end)| (*at, *end));
            self.0.remove(&hole);
            if hole < start {
                self.0.insert(hole, start);
            }
            if end < hole_end {
                self.0.insert(end, hole_end);
            }
        }
    }

    /// From `end` on nothing takes disk space: that counts as no hole.
    pub(crate) fn cut_at(&mut self, end: u64) {
        self.fill(end, u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_set_is_that_of_a_map_of_bytes(changes in prop::collection::vec((any::<bool>(), 0_u64..64, 1_u64..16), 1..40)) {
            let (mut holes, mut plain) = (Holes::default(), [false; 80]);
            for (adds, from, len) in changes {
                if adds { holes.add(from, from + len) } else { holes.fill(from, from + len) }
                for at in from..from + len {
                    plain[usize::try_from(at).unwrap()] = adds;
                }
                let found: Vec<_> = (0..80).map(|at| holes.covers(at, at + 1)).collect();
                prop_assert_eq!(&found[..], &plain[..]);
                let apart = holes.0.iter().zip(holes.0.iter().skip(1)).all(|(one, next)| one.1 < next.0);
                prop_assert!(apart, "{holes:?}");
            }
        }
    }
}
