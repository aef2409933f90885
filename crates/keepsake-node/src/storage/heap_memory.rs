//! The blob heap as a memory. Owns its size within and across messages and whether a sync is due.
//!
//! Bytes are written in place at once: the core writes only to extents that no committed state refers to,
//! so what a lost message wrote is garbage in free space. A memory that grew again after such a loss may
//! therefore hold old bytes where a fresh one holds zeros; the core reads only what it wrote.

use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::page::{WASM_PAGE_BYTES, check_bounds};
use ic_stable_structures::Memory;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Debug)]
struct State {
    file: Arc<HeapFile>,
    /// 64 KiB pages, as the running message sees it.
    size: Cell<u64>,
    /// As the batch was before the running message.
    batch_size: Cell<u64>,
    message_wrote: Cell<bool>,
    batch_wrote: Cell<bool>,
}

/// The writer's heap memory. Clones are the same memory.
#[derive(Clone, Debug)]
pub struct WriterHeap {
    state: Rc<State>,
}

impl WriterHeap {
    /// Starts at `pages`, the committed size.
    pub fn new(file: Arc<HeapFile>, pages: u64) -> Self {
        let state = State {
            file,
            size: Cell::new(pages),
            batch_size: Cell::new(pages),
            message_wrote: Cell::new(false),
            batch_wrote: Cell::new(false),
        };
        Self { state: Rc::new(state) }
    }

    /// Adds what the running message did to the batch; says whether it changed anything.
    pub fn commit_message(&self) -> bool {
        let state = &*self.state;
        let grew = state.batch_size.replace(state.size.get()) != state.size.get();
        // The length of the file is durable before the records say so.
        let changed = state.message_wrote.take() || grew;
        state.batch_wrote.set(state.batch_wrote.get() | changed);
        changed
    }

    /// Undoes what the running message did.
    pub fn rollback_message(&self) {
        self.state.size.set(self.state.batch_size.get());
        self.state.message_wrote.set(false);
    }

    /// Whether the batch needs a sync; the next batch starts without.
    pub fn take_wrote(&self) -> bool {
        self.state.batch_wrote.take()
    }

    /// Back to `pages`, the committed size.
    pub fn reset(&self, pages: u64) {
        self.state.size.set(pages);
        self.state.batch_size.set(pages);
        self.state.message_wrote.set(false);
        self.state.batch_wrote.set(false);
    }
}

impl Memory for WriterHeap {
    fn size(&self) -> u64 {
        self.state.size.get()
    }

    fn grow(&self, pages: u64) -> i64 {
        let previous = self.size();
        let Some(size) = previous.checked_add(pages) else { return -1 };
        let Some(bytes) = size.checked_mul(WASM_PAGE_BYTES).filter(|bytes| i64::try_from(*bytes).is_ok())
        else {
            return -1;
        };
        match self.state.file.reserve(bytes) {
            Ok(()) => {
                self.state.size.set(size);
                i64::try_from(previous).expect("a size in pages is below 2^48")
            }
            Err(error) if error.is_full() => {
                tracing::warn!(%error, heap_bytes = bytes, "the blob heap cannot grow");
                -1
            }
            Err(error) => error.unwind(),
        }
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        check_bounds(self.size(), offset, dst.len());
        self.state.file.read(offset, dst).unwrap_or_else(|error| StorageError::from(error).unwind());
    }

    fn write(&self, offset: u64, src: &[u8]) {
        check_bounds(self.size(), offset, src.len());
        self.state.message_wrote.set(true);
        self.state.file.write(offset, src).unwrap_or_else(|error| error.unwind());
    }
}

/// The heap memory of a snapshot. Writing panics.
#[derive(Clone, Debug)]
pub struct SnapshotHeap {
    file: Arc<HeapFile>,
    pages: u64,
}

impl SnapshotHeap {
    /// The first `pages` of `file`.
    pub fn new(file: Arc<HeapFile>, pages: u64) -> Self {
        Self { file, pages }
    }
}

impl Memory for SnapshotHeap {
    fn size(&self) -> u64 {
        self.pages
    }

    fn grow(&self, _pages: u64) -> i64 {
        panic!("a snapshot is read-only: grow")
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        check_bounds(self.pages, offset, dst.len());
        self.file.read(offset, dst).unwrap_or_else(|error| StorageError::from(error).unwind());
    }

    fn write(&self, _offset: u64, _src: &[u8]) {
        panic!("a snapshot is read-only: write")
    }
}
