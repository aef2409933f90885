//! Stable memory: which of the service's two memories lies where. Owns the memory ids, the size of buckets, and what
//! happens where the system gives no more memory.
//!
//! ```text
//! page 0        buckets of 16 MiB, each of one of the two memories, in the order in which they were asked for
//! ├ directory ┼── records ──┼── heap ──┼── heap ──┼── records ──┼── heap ── …
//! ```
//! `ic-stable-structures`' `MemoryManager` keeps the directory. 32,768 buckets of 16 MiB make 512 GiB, just beyond
//! the 500 GiB that a canister may have; smaller buckets would not reach. A chunk of 1.8 MB lies in one bucket eight
//! times of nine, so writing it is nearly always one `stable64_write`: about 1.2 instructions for each byte. The
//! records are cut once more, into buckets of 2 MiB for each map; that second step costs some hundred instructions for
//! each access, of which a message makes some hundreds. A region of fixed size for the records would save them, but
//! the system bills every page that was ever grown, used or not.
//!
//! Growing can fail: the subnet is full, the canister has a limit, or it could not pay for the page. `MemoryManager`
//! panics then, so each way to grow asks first: [`Heap`] before it calls it, and [`Regions::reserve`] before each
//! message that adds something, so that no map ever has to grow beyond what is there. Then there is `ResourceExhausted` and not a trap.

use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};

/// Records and indexes.
const RECORDS: MemoryId = MemoryId::new(0);
/// Blob bytes.
const HEAP: MemoryId = MemoryId::new(1);
/// 16 MiB in pages of 64 KiB.
const BUCKET_PAGES: u16 = 256;
const PAGE_BYTES: u64 = 65_536;
/// What the records keep in hand: 12 buckets of 2 MiB. A message adds to at most twelve maps, rarely to one that is at
/// the end of its bucket.
const SPARE_PAGES: u64 = 12 * 32;
/// Directory of `MemoryManager`, layout 1: buckets handed out, u16 little-endian; then pages in a bucket, u16.
const DIRECTORY_OFFSET: u64 = 4;

/// How many more pages the canister can pay for.
pub type AffordablePages = fn() -> u64;

/// The two memories of the service in one stable memory `M`.
pub struct Regions<M: Memory + Clone> {
    stable: Stable<M>,
    records: VirtualMemory<M>,
    heap: VirtualMemory<M>,
}

/// The blob heap: grows only where the system gives the pages.
#[derive(Clone)]
pub struct Heap<M: Memory + Clone> {
    stable: Stable<M>,
    heap: VirtualMemory<M>,
}

#[derive(Clone)]
struct Stable<M> {
    memory: M,
    affordable_pages: AffordablePages,
}

impl<M: Memory + Clone> Regions<M> {
    /// Opens the regions in `memory`; makes them where it is empty. None where there is no room even for that.
    pub fn open(memory: M, affordable_pages: AffordablePages) -> Option<Self> {
        let stable = Stable { memory, affordable_pages };
        if stable.memory.size() == 0 && !stable.back(1) {
            return None;
        }
        let manager = MemoryManager::init_with_bucket_size(stable.memory.clone(), BUCKET_PAGES);
        Some(Self { records: manager.get(RECORDS), heap: manager.get(HEAP), stable })
    }

    /// The records memory. [`Self::reserve`] comes before each message that may write to it.
    pub fn records(&self) -> VirtualMemory<M> {
        self.records.clone()
    }

    /// The blob heap.
    pub fn heap(&self) -> Heap<M> {
        Heap { stable: self.stable.clone(), heap: self.heap.clone() }
    }

    /// Bytes that the heap can grow by, as far as the canister can pay for them. The subnet may have less.
    pub fn heap_room_bytes(&self) -> u64 {
        let bucket = u64::from(BUCKET_PAGES);
        let in_hand = self.heap.size().next_multiple_of(bucket) - self.heap.size();
        let buckets = (self.stable.affordable_pages)() / bucket;
        buckets.saturating_mul(bucket).saturating_add(in_hand).saturating_mul(PAGE_BYTES)
    }

    /// Makes sure that the records can grow by as much as any message needs. False where the system gives no more
    /// memory; what is in hand then is for messages that give something back. The service is open already: it takes
    /// a records memory that has pages for one that holds something. O(1).
    pub fn reserve(&self) -> bool {
        let (used, have) = (used_pages(&self.records), self.records.size());
        let wanted = used + SPARE_PAGES;
        wanted <= have || self.stable.grow(&self.records, wanted - have)
    }
}

impl<M: Memory + Clone> Stable<M> {
    /// Grows one region, where there are or can be had the pages for it.
    fn grow(&self, region: &VirtualMemory<M>, pages: u64) -> bool {
        let held = region.size().div_ceil(BUCKET_PAGES.into());
        let wanted = (region.size() + pages).div_ceil(BUCKET_PAGES.into());
        let (buckets, _) = directory(&self.memory);
        let end = 1 + (u64::from(buckets) + wanted - held) * u64::from(BUCKET_PAGES);
        self.back(end) && region.grow(pages) >= 0
    }

    /// Makes sure that there are `pages` of stable memory.
    fn back(&self, pages: u64) -> bool {
        let missing = pages.saturating_sub(self.memory.size());
        missing == 0 || ((self.affordable_pages)() >= missing && self.memory.grow(missing) >= 0)
    }
}

impl<M: Memory + Clone> Memory for Heap<M> {
    fn size(&self) -> u64 {
        self.heap.size()
    }

    fn grow(&self, pages: u64) -> i64 {
        let before = self.heap.size();
        if self.stable.grow(&self.heap, pages) {
            i64::try_from(before).expect("500 GiB of pages")
        } else {
            -1
        }
    }

    fn read(&self, offset: u64, into: &mut [u8]) {
        self.heap.read(offset, into);
    }

    fn write(&self, offset: u64, from: &[u8]) {
        self.heap.write(offset, from);
    }
}

/// Pages of `memory` that its own `MemoryManager` has handed out, with its directory.
fn used_pages(memory: &impl Memory) -> u64 {
    let (buckets, bucket_pages) = directory(memory);
    1 + u64::from(buckets) * u64::from(bucket_pages)
}

/// Buckets handed out, and pages in each.
fn directory(memory: &impl Memory) -> (u16, u16) {
    let mut bytes = [0; 4];
    memory.read(DIRECTORY_OFFSET, &mut bytes);
    (u16::from_le_bytes([bytes[0], bytes[1]]), u16::from_le_bytes([bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests;
