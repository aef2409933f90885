//! The table of runs: where the chunks of a file lie that are longer than one. A run is a stretch of consecutive chunks that
//! lies contiguously in the heap. Owns the map and its arithmetic; where a new run goes is said by `upload/place.rs`.
//!
//! ```text
//! key: session u64 | first chunk u32      value: heap offset u64 | bytes of room u64
//!
//! chunks   0   1   2   3   4   5   6   7   8   9        (the last one is not here: it has an extent of its own)
//!          ├── run 0, room 4 ┤   ├ run 5, room 3 ┤
//! ```
//! The runs of a session become the runs of its blob: ids of sessions are used once, so finish copies nothing.

use crate::heap::Extent;
use crate::heap::extent::slice;
use crate::ids::SessionId;
use crate::layout::{Map, Part, part};
use crate::record::{halves16, key16, u64_be};
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;

/// The part of a file that lies in runs: its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InRuns {
    /// The session that the file came by.
    pub(crate) session: SessionId,
    /// Bytes of each chunk.
    pub(crate) chunk_len: u32,
    /// Bytes in all.
    pub(crate) len: u64,
}

/// Where the bytes of one file lie: first those in runs, then those in extents of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) runs: Option<InRuns>,
    pub(crate) extents: Vec<Extent>,
}

/// A stretch of chunks that lies contiguously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first chunk.
    pub(crate) first: u32,
    /// Where the chunks lie; its length is the room for whole chunks.
    pub(crate) extent: Extent,
}

impl Run {
    /// The chunk after the last one that it has room for.
    pub(crate) fn end(&self, chunk_len: u32) -> u32 {
        let room = self.extent.len / u64::from(chunk_len);
        self.first + u32::try_from(room).expect("a run has room for chunks of one session")
    }

    /// Where one of its chunks lies.
    pub(crate) fn chunk(&self, index: u32, chunk_len: u32) -> Extent {
        let at = u64::from(index - self.first) * u64::from(chunk_len);
        Extent { offset: self.extent.offset + at, len: chunk_len.into() }
    }
}

pub(crate) struct Runs<R: Memory>(Map<[u8; 12], [u8; 16], R>);

impl<R: Memory> Runs<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self(Map::open(part(manager, Part::Runs)))
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.0.check_tree("runs", wrong);
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// The last run that begins at `index` or before it. One look-up.
    pub(crate) fn at_or_before(&self, session: SessionId, index: u32) -> Option<Run> {
        self.0.range(key(session, 0)..=key(session, index)).next_back().map(|row| run(&row))
    }

    /// The first chunk of the first run that begins after `index`. One look-up.
    pub(crate) fn next_after(&self, session: SessionId, index: u32) -> Option<u32> {
        let from = key(session, index.checked_add(1)?);
        self.0.keys_range(from..=key(session, u32::MAX)).next().map(|key| first_of(&key))
    }

    /// The run that has room for chunk `index`. One look-up.
    pub(crate) fn covering(&self, session: SessionId, index: u32, chunk_len: u32) -> Option<Run> {
        self.at_or_before(session, index).filter(|run| index < run.end(chunk_len))
    }

    /// Stores a run, in place of any that begins with the same chunk.
    pub(crate) fn put(&mut self, session: SessionId, run: &Run) {
        self.0.insert(key(session, run.first), key16(run.extent.offset, run.extent.len));
    }

    /// Takes out the first runs of a session, at most `most`. O(most · log runs).
    pub(crate) fn take(&mut self, session: SessionId, most: usize) -> Vec<Run> {
        let all = key(session, 0)..=key(session, u32::MAX);
        let runs: Vec<_> = self.0.range(all).take(most).map(|row| run(&row)).collect();
        for run in &runs {
            self.0.remove(&key(session, run.first));
        }
        runs
    }

    /// Where bytes `offset..offset + len` of a file lie, in order. O(runs within the range).
    pub(crate) fn extents(&self, place: &Place, offset: u64, len: u64) -> Vec<Extent> {
        let (in_runs, end) = (place.runs.map_or(0, |runs| runs.len), offset + len);
        let mut extents = match &place.runs {
            Some(runs) if offset < in_runs => {
                self.within(runs.session, runs.chunk_len, offset, end.min(in_runs) - offset)
            }
            _ => Vec::new(),
        };
        let from = offset.max(in_runs) - in_runs;
        extents.extend(slice(&place.extents, from, end.saturating_sub(in_runs).saturating_sub(from)));
        extents
    }

    /// Where bytes `offset..offset + len` of a file's chunks lie, in order.
    fn within(&self, session: SessionId, chunk_len: u32, offset: u64, len: u64) -> Vec<Extent> {
        let (end, chunk_len) = (offset + len, u64::from(chunk_len));
        let mut extents = Vec::new();
        if len == 0 {
            return extents;
        }
        let index = u32::try_from(offset / chunk_len).expect("the range is within the file");
        let Some(first) = self.at_or_before(session, index) else { return extents };
        for row in self.0.range(key(session, first.first)..=key(session, u32::MAX)) {
            let Run { first, extent } = run(&row);
            let start = u64::from(first) * chunk_len;
            if start >= end {
                break;
            }
            let (from, to) = (offset.max(start), end.min(start + extent.len));
            if from < to {
                extents.push(Extent { offset: extent.offset + (from - start), len: to - from });
            }
        }
        extents
    }

    /// Runs of all files. O(1).
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, Run)> + '_ {
        self.0.iter().map(|row| (SessionId(u64_be(&row.0[..8])), run(&row)))
    }
}

fn run((key, place): &([u8; 12], [u8; 16])) -> Run {
    let (offset, len) = halves16(place);
    Run { first: first_of(key), extent: Extent { offset, len } }
}

fn first_of(key: &[u8; 12]) -> u32 {
    u32::from_be_bytes(key[8..].try_into().expect("four bytes"))
}

fn key(session: SessionId, first: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&session.0.to_be_bytes());
    key[8..].copy_from_slice(&first.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use ic_stable_structures::VectorMemory;

    #[test]
    fn a_range_is_cut_out_of_the_runs_that_hold_it() {
        let mut runs = Runs::open(&MemoryManager::init(VectorMemory::default()));
        let (session, other) = (SessionId(7), SessionId(8));
        let extent = |offset, len| Extent { offset, len };
        runs.put(session, &Run { first: 0, extent: extent(40_960, 400) });
        runs.put(session, &Run { first: 4, extent: extent(0, 300) });
        runs.put(other, &Run { first: 2, extent: extent(8_192, 100) });
        assert_eq!(runs.within(session, 100, 350, 100), [extent(41_310, 50), extent(0, 50)]);
        assert_eq!(runs.within(session, 100, 400, 300), [extent(0, 300)]);
        assert_eq!(runs.within(session, 100, 700, 0), []);
        assert_eq!(runs.covering(session, 6, 100).map(|run| run.first), Some(4));
        assert_eq!(runs.covering(session, 7, 100), None);
        assert_eq!(runs.covering(other, 1, 100), None);
        assert_eq!((runs.next_after(session, 0), runs.next_after(session, 4)), (Some(4), None));
        assert_eq!(runs.take(session, 1).len(), 1);
        assert_eq!(runs.at_or_before(session, 3), None, "the first one is gone");
        assert_eq!(runs.take(session, 9), [Run { first: 4, extent: extent(0, 300) }]);
        assert_eq!(runs.iter().count(), 1);
    }
}
