//! The blob heap: where bytes live, which runs are free, and when a freed run may be written again.
//!
//! ```text
//! 0                                                                     end            limit
//! ├── extent ──┼─ free ─┼── extent ──┼─ limbo ─┼────── extent ───────────┤ untouched … ┤
//! ```
//! Every extent starts at a multiple of [`GRANULE_BYTES`] and takes whole granules, so that two extents never
//! share a page or a disk sector. Free neighbours merge; a free run at the end lowers the end. What is freed
//! waits in *limbo* under the epoch of its message until [`Call::reusable_through`] says that the freeing is
//! durable and unseen: bytes that committed state refers to are never overwritten.
//!
//! Invariant (conservation): `end = allocated extents + free + limbo`, and no two of them overlap.
//!
//! Owns allocation and access by extent; knows nothing of sessions or blobs.

pub(crate) mod extent;

pub use extent::{Extent, GRANULE_BYTES};

use crate::Call;
use crate::layout::{Counter, Field, Map, Part, part};
use crate::limits::{
    EXTENTS_PER_ALLOCATION_MAX, IDLE_RUNS_COUNTED, LIMBO_SLICE, LIMBO_SLICES_PER_ALLOCATION,
};
use crate::record::{halves16, key16};
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;

const WASM_PAGE_BYTES: u64 = 65_536;
/// The heap memory grows in steps of 8 MiB, so that a host allocates in few large pieces.
const GROW_STEP_PAGES: u64 = 128;

/// No room: the heap's limit, its fragmentation, or the host's storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("heap_full")]
pub struct HeapFull;

/// Where every byte of the heap belongs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapUse {
    /// End of the used part.
    pub end: u64,
    /// Free runs below the end.
    pub free: u64,
    /// Freed runs that wait for their epoch.
    pub limbo: u64,
}

/// The heap over its two memories.
pub struct Heap<R: Memory, H: Memory> {
    end: Counter<R>,
    by_address: Map<u64, u64, R>,
    by_length: Map<[u8; 16], (), R>,
    limbo: Map<[u8; 16], u64, R>,
    bytes: H,
    limit_bytes: u64,
}

impl<R: Memory, H: Memory> Heap<R, H> {
    pub(crate) fn open(manager: &MemoryManager<R>, bytes: H, limit_bytes: u64) -> Self {
        Self {
            end: Counter::open(manager, Field::HeapEnd),
            by_address: Map::init(part(manager, Part::FreeByAddress)),
            by_length: Map::init(part(manager, Part::FreeByLength)),
            limbo: Map::init(part(manager, Part::Limbo)),
            bytes,
            limit_bytes,
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.by_address.check_tree("free runs by address", wrong);
        self.by_length.check_tree("free runs by length", wrong);
        self.limbo.check_tree("limbo", wrong);
    }

    /// Takes `len` bytes, in one extent where there is a run long enough, else in at most
    /// [`EXTENTS_PER_ALLOCATION_MAX`]. O(log free runs), and up to [`LIMBO_SLICES_PER_ALLOCATION`] slices of limbo where
    /// the heap is nearly full.
    ///
    /// # Errors
    /// [`HeapFull`]; nothing is taken. Runs whose epoch has come have left limbo, as they would in any later message, so
    /// that trying again gets further.
    pub fn allocate(&mut self, call: &Call, len: u64) -> Result<Vec<Extent>, HeapFull> {
        self.released(call, |heap| heap.take(len))
    }

    /// Takes `want` bytes in one extent, or `least` where there is no run as long as that. Else as [`Self::allocate`].
    pub(crate) fn allocate_whole(&mut self, call: &Call, want: u64, least: u64) -> Result<Extent, HeapFull> {
        self.released(call, |heap| heap.take_whole(want).or_else(|| heap.take_whole(least)))
    }

    /// Takes exactly `extent`, whole granules. False where it is not free.
    pub(crate) fn allocate_at(&mut self, call: &Call, extent: Extent) -> bool {
        let Extent { offset, len } = extent;
        self.release(call, LIMBO_SLICE);
        let end = self.end.read();
        if len == 0 {
            return true;
        }
        if offset == end && len <= self.limit_bytes.saturating_sub(end) {
            self.end.set(end + len);
            return true;
        }
        let Some(run_len) = self.by_address.get(&offset).filter(|run_len| *run_len >= len) else {
            return false;
        };
        self.cut(&key16(run_len, offset), len, len);
        true
    }

    /// What `take` takes, once enough runs have left limbo.
    fn released<T>(
        &mut self,
        call: &Call,
        mut take: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, HeapFull> {
        for _ in 0..LIMBO_SLICES_PER_ALLOCATION {
            let released = self.release(call, LIMBO_SLICE);
            if let Some(taken) = take(self) {
                return Ok(taken);
            }
            if !released {
                break;
            }
        }
        Err(HeapFull)
    }

    /// Gives extents back. They may be taken again once their epoch is reusable. O(log free runs) each.
    pub fn free(&mut self, call: &Call, extents: &[Extent]) {
        for extent in extents {
            if call.epoch <= call.reusable_through {
                self.insert_free(extent.offset, extent.allocated());
            } else {
                self.limbo.insert(key16(call.epoch, extent.offset), extent.allocated());
            }
        }
    }

    /// Undoes an allocation of this same message: nothing was written there and nothing refers to it.
    pub(crate) fn unallocate(&mut self, extents: &[Extent]) {
        for extent in extents.iter().filter(|extent| extent.len > 0) {
            self.insert_free(extent.offset, extent.allocated());
        }
    }

    /// Whether `len` bytes may fit, as far as that is cheap to tell: no means no. O(1).
    pub(crate) fn can_take(&self, call: &Call, len: u64) -> bool {
        let end = self.end.read();
        let backed = (self.bytes.size() * WASM_PAGE_BYTES).saturating_sub(end);
        let beyond = self.limit_bytes.saturating_sub(end).min(backed.saturating_add(call.room_bytes));
        len <= beyond || len <= beyond.saturating_add(self.idle_at_most())
    }

    /// Bytes that are idle below the end, at most: runs beyond the first few count as if they were as long as those.
    fn idle_at_most(&self) -> u64 {
        if self.limbo.len() > IDLE_RUNS_COUNTED as u64 {
            return u64::MAX;
        }
        let longest: Vec<_> =
            self.by_length.keys().rev().take(IDLE_RUNS_COUNTED).map(|key| halves16(&key).0).collect();
        let others = self.by_length.len() - longest.len() as u64;
        let others = others.saturating_mul(longest.last().copied().unwrap_or(0));
        let limbo: u64 = self.limbo.values().sum();
        longest.iter().sum::<u64>().saturating_add(others).saturating_add(limbo)
    }

    /// Makes sure that the memory reaches over `extents`, so that writing them cannot fail.
    ///
    /// # Errors
    /// [`HeapFull`] when the host refuses to grow.
    pub(crate) fn back(&self, extents: &[Extent]) -> Result<(), HeapFull> {
        let end = extents.iter().map(|e| e.offset + e.allocated()).max().unwrap_or(0);
        let have = self.bytes.size();
        let need = end.div_ceil(WASM_PAGE_BYTES);
        if need <= have {
            return Ok(());
        }
        let ample = need.next_multiple_of(GROW_STEP_PAGES).min(self.limit_bytes.div_ceil(WASM_PAGE_BYTES));
        let grown = ample > need && self.bytes.grow(ample - have) >= 0;
        if grown || self.bytes.grow(need - have) >= 0 { Ok(()) } else { Err(HeapFull) }
    }

    /// Writes `data` at `offset` of the bytes that `extents` make up together.
    pub(crate) fn write(&self, extents: &[Extent], offset: u64, data: &[u8]) {
        let mut rest = data;
        for run in extent::runs(extents, offset, data.len() as u64) {
            let (now, later) = rest.split_at(usize_of(run.len));
            self.bytes.write(run.offset, now);
            rest = later;
        }
        assert!(rest.is_empty(), "a write stays within its extents");
    }

    /// Reads into `into` from `offset` of the bytes that `extents` make up together.
    pub fn read(&self, extents: &[Extent], offset: u64, into: &mut [u8]) {
        let mut rest = into;
        for run in extent::runs(extents, offset, rest.len() as u64) {
            let (now, later) = rest.split_at_mut(usize_of(run.len));
            self.bytes.read(run.offset, now);
            rest = later;
        }
        assert!(rest.is_empty(), "a read stays within its extents");
    }

    /// Whether `extents` hold the first `len` bytes within the memory.
    pub(crate) fn covers(&self, extents: &[Extent], len: u64) -> bool {
        let end = self.bytes.size() * WASM_PAGE_BYTES;
        let held: u64 = extents.iter().map(|extent| extent.len).sum();
        let within = |run: Extent| run.offset.checked_add(run.len).is_some_and(|its_end| its_end <= end);
        held >= len && extent::runs(extents, 0, len).all(within)
    }

    pub(crate) fn limit(&mut self, limit_bytes: u64) {
        self.limit_bytes = limit_bytes;
    }

    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// End of the used part, bytes.
    pub fn end(&self) -> u64 {
        self.end.read()
    }

    /// Bytes of the pages that the lists of idle runs take in the records.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.by_address.bytes() + self.by_length.bytes() + self.limbo.bytes()
    }

    /// Moves a slice of what was freed, and may be reused, to the free runs, so that the end sinks without an
    /// allocation. True where there is more.
    pub(crate) fn settle(&mut self, call: &Call) -> bool {
        self.release(call, LIMBO_SLICE)
    }

    /// How the heap is used. O(free runs): for checks and operators.
    pub fn usage(&self) -> HeapUse {
        HeapUse {
            end: self.end.read(),
            free: self.by_address.values().sum(),
            limbo: self.limbo.values().sum(),
        }
    }

    /// Free and limbo runs as (offset, length), for checks. O(free runs).
    pub fn idle_runs(&self) -> Vec<(u64, u64)> {
        let free = self.by_address.iter();
        let limbo = self.limbo.iter().map(|(key, len)| (halves16(&key).1, len));
        free.chain(limbo).collect()
    }

    /// Free runs from an offset on as (offset, length), at most `most`: for a host that gives their space back. What waits in limbo
    /// is not among them. O(most).
    pub fn free_runs_from(&self, offset: u64, most: usize) -> Vec<(u64, u64)> {
        self.by_address.range(offset..).take(most).collect()
    }

    /// The last epoch in limbo, so that a host starts beyond it.
    pub fn limbo_epoch_last(&self) -> Option<u64> {
        self.limbo.last_key_value().map(|(key, _)| halves16(&key).0)
    }

    /// Moves freed runs whose epoch is reusable to the free list, at most `most` of them. True where there may be
    /// more.
    fn release(&mut self, call: &Call, most: usize) -> bool {
        for _ in 0..most {
            let Some((key, len)) = self.limbo.first_key_value() else { return false };
            let (epoch, offset) = halves16(&key);
            if epoch > call.reusable_through {
                return false;
            }
            self.limbo.remove(&key);
            self.insert_free(offset, len);
        }
        true
    }

    fn take(&mut self, len: u64) -> Option<Vec<Extent>> {
        match self.take_whole(len) {
            Some(extent) => Some(vec![extent]),
            None => self.take_fragments(len, self.end.read()),
        }
    }

    /// The shortest free run that is long enough, else what lies beyond the end.
    fn take_whole(&mut self, len: u64) -> Option<Extent> {
        let want = extent::whole_granules(len);
        if let Some(key) = self.by_length.keys_range(key16(want, 0)..).next() {
            return Some(self.cut(&key, want, len));
        }
        let end = self.end.read();
        if want > self.limit_bytes.saturating_sub(end) {
            return None;
        }
        self.end.set(end + want);
        Some(Extent { offset: end, len })
    }

    /// The largest free runs, and what is left beyond the end, until `len` is reached.
    fn take_fragments(&mut self, len: u64, end: u64) -> Option<Vec<Extent>> {
        let want = extent::whole_granules(len);
        let room = self.limit_bytes.saturating_sub(end) / GRANULE_BYTES * GRANULE_BYTES;
        let keys: Vec<_> = self.by_length.keys().rev().take(EXTENTS_PER_ALLOCATION_MAX - 1).collect();
        let reach = room + keys.iter().map(|key| halves16(key).0).sum::<u64>();
        if reach < want {
            return None;
        }
        let mut extents = Vec::new();
        let mut left = len;
        for key in keys {
            if left == 0 {
                break;
            }
            let part = left.min(halves16(&key).0);
            extents.push(self.cut(&key, extent::whole_granules(part), part));
            left -= part;
        }
        if left > 0 {
            let end = self.end.read();
            self.end.set(end + extent::whole_granules(left));
            extents.push(Extent { offset: end, len: left });
        }
        Some(extents)
    }

    /// Cuts `want` bytes off the front of the free run under `key`.
    fn cut(&mut self, key: &[u8; 16], want: u64, len: u64) -> Extent {
        let (run_len, offset) = halves16(key);
        self.remove_free(offset, run_len);
        if run_len > want {
            self.add_free(offset + want, run_len - want);
        }
        Extent { offset, len }
    }

    fn insert_free(&mut self, mut offset: u64, mut len: u64) {
        let before = self.by_address.range(..offset).next_back();
        if let Some((at, its_len)) = before {
            assert!(at + its_len <= offset, "a run is freed once");
            if at + its_len == offset {
                self.remove_free(at, its_len);
                (offset, len) = (at, its_len + len);
            }
        }
        if let Some(its_len) = self.by_address.get(&(offset + len)) {
            self.remove_free(offset + len, its_len);
            len += its_len;
        }
        if offset + len == self.end.read() {
            self.end.set(offset);
        } else {
            self.add_free(offset, len);
        }
    }

    fn add_free(&mut self, offset: u64, len: u64) {
        self.by_address.insert(offset, len);
        self.by_length.insert(key16(len, offset), ());
    }

    fn remove_free(&mut self, offset: u64, len: u64) {
        self.by_address.remove(&offset);
        self.by_length.remove(&key16(len, offset));
    }
}

fn usize_of(len: u64) -> usize {
    usize::try_from(len).expect("a run in memory has a length that fits memory")
}

#[cfg(test)]
mod tests;
