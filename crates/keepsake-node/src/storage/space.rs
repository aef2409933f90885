//! How much room there is on the disk, and for what.
//!
//! Owns the order in which a disk fills: first the heap stops, then records that add, and what makes room never.
//! Does not own who is refused: the engine asks here once for each batch.
//!
//! ```text
//! free on the disk            │ in records.redb, used by nothing │ reserve.bin
//! ├─ kept from the heap ─┤                                       │
//! heap: what is beyond that   │                                  │
//! records: ───────────────────┴──────────────────────────────────┤
//! making room: ──────────────────────────────────────────────────┴───────────┤
//! ```

use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::records::Records;
use crate::storage::reserve::Reserve;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Below this, opening the records file may fail: the reserve goes first.
const OPENING_BYTES: u64 = 4 << 20;

/// Less unused space than this stays in the records file: it will be written again.
const COMPACTED_BYTES_MIN: u64 = 64 << 20;

/// Room in bytes, as it was when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// For the heap to grow.
    pub heap: u64,
    /// For records that add.
    pub records: u64,
    /// For what makes room.
    pub freeing: u64,
}

/// The files whose room this is.
#[derive(Debug)]
pub struct Space {
    heap: Arc<HeapFile>,
    records: Arc<Records>,
    records_path: PathBuf,
    reserve: Reserve,
    reserve_bytes: u64,
}

impl Space {
    /// Over the open files. `reserve_bytes` is the full length of `reserve`.
    pub fn new(
        heap: Arc<HeapFile>,
        records: Arc<Records>,
        records_path: PathBuf,
        reserve: Reserve,
        reserve_bytes: u64,
    ) -> Self {
        Self { heap, records, records_path, reserve, reserve_bytes }
    }

    /// The room now: three calls to the operating system.
    ///
    /// # Errors
    /// I/O errors.
    pub fn room(&self) -> Result<Room, StorageError> {
        let missing = self.reserve.missing_bytes()?;
        // What the reserve lacks is nobody else's.
        let free = self.heap.free_bytes()?;
        let open = free.saturating_sub(missing);
        let within = self.within_records();
        Ok(Room {
            heap: self.heap.room_bytes(open),
            records: open.saturating_add(within),
            freeing: free.saturating_add(within).saturating_add(self.reserve_bytes - missing),
        })
    }

    /// Bytes that `records.redb` has on the disk and nothing uses; redb writes there before it grows the file. An
    /// estimate on the low side.
    fn within_records(&self) -> u64 {
        let taken = allocated_bytes(&self.records_path);
        taken.saturating_sub(self.records.used_bytes())
    }

    /// Whether most of a large records file is unused, and the disk has room to move the rest.
    pub fn is_worth_compacting(&self) -> bool {
        let taken = allocated_bytes(&self.records_path);
        let unused = self.within_records();
        let free = self.heap.free_bytes().unwrap_or(0);
        unused >= COMPACTED_BYTES_MIN && unused > taken / 2 && free > OPENING_BYTES
    }

    /// Gives the reserve to what makes room.
    pub fn release_reserve(&self) {
        if let Err(error) = self.reserve.release() {
            tracing::warn!(%error, "the reserve cannot be given");
        }
    }

    /// Fills the reserve again when the disk has room for it beside what the heap leaves free.
    pub fn refill_reserve(&self) {
        let missing = self.reserve.missing_bytes().unwrap_or(0);
        let room =
            self.heap.free_bytes().map_or(0, |free| self.heap.beyond_reserve(free.saturating_sub(missing)));
        if missing == 0 || room == 0 {
            return;
        }
        if let Err(error) = self.reserve.refill() {
            tracing::warn!(%error, "the reserve cannot be filled");
        }
    }
}

fn allocated_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map_or(0, |found| found.blocks().saturating_mul(512))
}

/// Gives the reserve before the records are opened, when the disk has no room left for that.
///
/// # Errors
/// I/O errors.
pub fn make_room_to_open(heap: &HeapFile, reserve: &Reserve) -> Result<(), StorageError> {
    if heap.free_bytes()? < OPENING_BYTES {
        tracing::warn!("the disk is full: the reserve is given to open the records");
        reserve.release()?;
    }
    Ok(())
}
