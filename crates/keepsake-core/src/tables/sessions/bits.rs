//! Which chunks are here: one bit per index, in pages, so that a put touches 512 bytes whatever the file's size.
//!
//! ```text
//! key: session u64 | page u64       value: 512 bytes, bit i of the session = byte i/8 % 512, bit i % 8
//! ```

use crate::ids::SessionId;
use crate::layout::{Map, Vm};
use crate::record::key16;
use ic_stable_structures::Memory;

const PAGE_BYTES: usize = 512;
const PAGE_BITS: u32 = 4_096;

type Page = [u8; PAGE_BYTES];

pub(crate) struct Bits<R: Memory>(Map<[u8; 16], Page, R>);

impl<R: Memory> Bits<R> {
    pub(crate) fn open(memory: Vm<R>) -> Self {
        Self(Map::init(memory))
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.0.check_tree("received bits", wrong);
    }

    /// Bytes of the pages that it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    pub(super) fn contains(&self, id: SessionId, index: u32) -> bool {
        self.page(id, index / PAGE_BITS).is_some_and(|page| has(&page, index % PAGE_BITS))
    }

    pub(super) fn insert(&mut self, id: SessionId, index: u32) {
        let number = index / PAGE_BITS;
        let mut page = self.page(id, number).unwrap_or([0; PAGE_BYTES]);
        let bit = index % PAGE_BITS;
        page[bit as usize / 8] |= 1 << (bit % 8);
        self.0.insert(key16(id.0, number.into()), page);
    }

    /// The first missing ranges, half-open, at most `most`, and whether there are more. O(expected / 4,096 pages).
    pub(super) fn missing(&self, id: SessionId, expected: u32, most: usize) -> (Vec<(u32, u32)>, bool) {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in 0..expected.div_ceil(PAGE_BITS) {
            let page = self.page(id, number).unwrap_or([0; PAGE_BYTES]);
            let first = number * PAGE_BITS;
            let last = expected.min(first + PAGE_BITS);
            for index in (first..last).filter(|index| !has(&page, index - first)) {
                if let Some(range) = ranges.last_mut().filter(|range| range.1 == index) {
                    range.1 += 1;
                } else if ranges.len() == most {
                    return (ranges, true);
                } else {
                    ranges.push((index, index + 1));
                }
            }
        }
        (ranges, false)
    }

    /// Removes a session's pages and says how many there were: at most 256, and 4 where no length was announced.
    pub(super) fn clear(&mut self, id: SessionId, expected: u32) -> usize {
        if expected <= PAGE_BITS {
            return self.0.remove(&key16(id.0, 0)).into();
        }
        let all = key16(id.0, 0)..=key16(id.0, u64::MAX);
        let pages: Vec<_> = self.0.keys_range(all).collect();
        for page in &pages {
            self.0.remove(page);
        }
        pages.len()
    }

    /// Pages of all sessions, for checks.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.0.keys().map(|key| SessionId(crate::record::halves16(&key).0))
    }

    fn page(&self, id: SessionId, number: u32) -> Option<Page> {
        self.0.get(&key16(id.0, number.into()))
    }
}

fn has(page: &Page, bit: u32) -> bool {
    page[bit as usize / 8] & (1 << (bit % 8)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ic_stable_structures::VectorMemory;
    use ic_stable_structures::memory_manager::{MemoryId, MemoryManager};

    #[test]
    fn missing_ranges_cross_pages_and_say_when_cut() {
        let manager = MemoryManager::init(VectorMemory::default());
        let mut bits = Bits::open(manager.get(MemoryId::new(0)));
        let id = SessionId(3);
        for index in [0, 4_095, 4_096, 9_999] {
            bits.insert(id, index);
        }
        assert!(bits.contains(id, 4_096) && !bits.contains(id, 4_097) && !bits.contains(SessionId(4), 0));
        assert_eq!(bits.missing(id, 10_000, 9), (vec![(1, 4_095), (4_097, 9_999)], false));
        assert_eq!(bits.missing(id, 10_000, 1), (vec![(1, 4_095)], true));
        assert_eq!(bits.clear(id, 10_000), 3);
        assert_eq!(bits.missing(id, 10_000, 9), (vec![(0, 10_000)], false));
        assert_eq!(bits.sessions().count(), 0);
        assert_eq!(bits.clear(id, PAGE_BITS), 0);
        bits.insert(id, PAGE_BITS - 1);
        assert_eq!(bits.clear(id, PAGE_BITS), 1);
        assert_eq!(bits.sessions().count(), 0);
    }
}
