//! The records memory as the writer sees it: layers over the last durable commit.
//!
//! Owns the overlays and the page cache; does not own the commit itself.
//!
//! ```text
//! read:  message overlay → batch overlay → in flight → cache → snapshot of the last commit → zeros
//! write: message overlay only
//! ```
//! A message that ends well is added to the batch; one that panics is dropped. A batch that becomes
//! durable goes into the cache; one that does not is dropped, with the batch that was built on it.

#[cfg(test)]
mod model;

use crate::storage::fault::StorageError;
use crate::storage::page::{PAGE_BYTES, Page, PageMap, WASM_PAGE_BYTES, ZERO_PAGE, check_bounds, pieces};
use crate::storage::snapshot::Snapshot;
use ic_stable_structures::Memory;
use quick_cache::unsync::Cache;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

struct State {
    /// 64 KiB pages, as the running message sees it.
    size: u64,
    /// As the batch was before the running message.
    batch_size: u64,
    message: PageMap,
    /// One of them is new.
    message_adds: bool,
    /// The running message may change no more pages than these.
    message_pages_max: usize,
    batch: PageMap,
    in_flight: Option<Arc<PageMap>>,
    cache: Cache<u64, Arc<Page>>,
    committed: Snapshot,
}

/// The writer's records memory. Clones are the same memory.
#[derive(Clone)]
pub struct WriterPages {
    state: Rc<RefCell<State>>,
}

impl WriterPages {
    /// Starts at `committed`; keeps about `cache_bytes` of pages at hand.
    pub fn new(committed: Snapshot, cache_bytes: usize) -> Self {
        let size = committed.state().records_pages;
        let state = State {
            size,
            batch_size: size,
            message: PageMap::default(),
            message_adds: false,
            message_pages_max: usize::MAX,
            batch: PageMap::default(),
            in_flight: None,
            cache: Cache::new((cache_bytes / PAGE_BYTES).max(16)),
            committed,
        };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// From here to its end the running message may change `pages_max` pages. One more unwinds with
    /// [`StorageError::TooManyPages`]: nothing that it does then can be kept, and its own memory is bounded.
    pub fn bound_message(&self, pages_max: usize) {
        self.state.borrow_mut().message_pages_max = pages_max;
    }

    /// Adds what the running message wrote to the batch; says whether it changed anything.
    pub fn commit_message(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        let changed = !state.message.is_empty() || state.size != state.batch_size;
        state.batch.extend(state.message.drain());
        state.message_adds = false;
        state.message_pages_max = usize::MAX;
        state.batch_size = state.size;
        changed
    }

    /// Undoes what the running message wrote.
    pub fn rollback_message(&self) {
        let state = &mut *self.state.borrow_mut();
        state.message = PageMap::default();
        state.message_adds = false;
        state.message_pages_max = usize::MAX;
        state.size = state.batch_size;
    }

    /// Bytes of changed pages in the batch.
    pub fn batch_bytes(&self) -> usize {
        self.state.borrow().batch.len() * PAGE_BYTES
    }

    /// Changed pages in the batch.
    pub fn batch_pages(&self) -> usize {
        self.state.borrow().batch.len()
    }

    /// Pages that the running message changed.
    pub fn message_pages(&self) -> usize {
        self.state.borrow().message.len()
    }

    /// Whether the running message wrote a page that was never written before.
    pub fn message_adds_pages(&self) -> bool {
        self.state.borrow().message_adds
    }

    /// Takes the batch to be committed and begins the next one on top of it. Its size is that of
    /// [`Self::size`].
    ///
    /// # Panics
    /// When a batch is in flight already.
    pub fn take_batch(&self) -> Arc<PageMap> {
        let state = &mut *self.state.borrow_mut();
        assert!(state.in_flight.is_none(), "one batch is in flight at a time");
        let batch = Arc::new(std::mem::take(&mut state.batch));
        state.in_flight = Some(Arc::clone(&batch));
        batch
    }

    /// The batch in flight is durable and `committed` shows it.
    pub fn committed(&self, committed: Snapshot) {
        let state = &mut *self.state.borrow_mut();
        state.committed = committed;
        for (number, page) in state.in_flight.take().iter().flat_map(|batch| batch.iter()) {
            state.cache.insert(*number, Arc::clone(page));
        }
    }

    /// The batch in flight was lost: back to `committed`, without the batch built on it.
    pub fn reset(&self, committed: Snapshot) {
        let state = &mut *self.state.borrow_mut();
        state.size = committed.state().records_pages;
        state.batch_size = state.size;
        state.message = PageMap::default();
        state.message_adds = false;
        state.message_pages_max = usize::MAX;
        state.batch = PageMap::default();
        state.in_flight = None;
        state.committed = committed;
    }
}

impl State {
    /// Page `number` as the running message sees it; `None` is all zero.
    fn page(&mut self, number: u64) -> Option<Arc<Page>> {
        if let Some(page) = self.message.get(&number) {
            return Some(Arc::clone(page));
        }
        self.page_below(number)
    }

    fn page_below(&mut self, number: u64) -> Option<Arc<Page>> {
        let changed = self
            .batch
            .get(&number)
            .or_else(|| self.in_flight.as_ref().and_then(|batch| batch.get(&number)))
            .or_else(|| self.cache.get(&number));
        if let Some(page) = changed {
            return Some(Arc::clone(page));
        }
        let page = self.committed.page(number).unwrap_or_else(|error: StorageError| error.unwind())?;
        self.cache.insert(number, Arc::clone(&page));
        Some(page)
    }

    /// The running message's own copy of page `number`.
    fn page_mut(&mut self, number: u64) -> &mut Page {
        if !self.message.contains_key(&number) {
            if self.message.len() >= self.message_pages_max {
                StorageError::TooManyPages(self.message_pages_max).unwind();
            }
            let below = self.page_below(number);
            self.message_adds |= below.is_none();
            let below = below.unwrap_or_else(|| Arc::new(ZERO_PAGE));
            self.message.insert(number, below);
        }
        // Copies at the first write, when a lower layer holds the page too.
        Arc::make_mut(self.message.get_mut(&number).expect("inserted above"))
    }
}

impl Memory for WriterPages {
    fn size(&self) -> u64 {
        self.state.borrow().size
    }

    fn grow(&self, pages: u64) -> i64 {
        let state = &mut *self.state.borrow_mut();
        let previous = state.size;
        match previous.checked_add(pages).filter(|size| size.checked_mul(WASM_PAGE_BYTES).is_some()) {
            Some(size) => {
                state.size = size;
                i64::try_from(previous).expect("a size in pages is below 2^48")
            }
            None => -1,
        }
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        let state = &mut *self.state.borrow_mut();
        check_bounds(state.size, offset, dst.len());
        let mut rest = dst;
        for piece in pieces(offset, rest.len()) {
            let (head, tail) = rest.split_at_mut(piece.len);
            match state.page(piece.page) {
                Some(page) => head.copy_from_slice(&page[piece.start..piece.start + piece.len]),
                None => head.fill(0),
            }
            rest = tail;
        }
    }

    fn write(&self, offset: u64, src: &[u8]) {
        let state = &mut *self.state.borrow_mut();
        check_bounds(state.size, offset, src.len());
        let mut rest = src;
        for piece in pieces(offset, rest.len()) {
            let (head, tail) = rest.split_at(piece.len);
            state.page_mut(piece.page)[piece.start..piece.start + piece.len].copy_from_slice(head);
            rest = tail;
        }
    }
}
