//! Reading a durable state while commits go on. Owns the read-only records memory; writes nothing.

use crate::storage::fault::StorageError;
use crate::storage::page::{PAGE_BYTES, Page, PageMap, check_bounds, pieces};
use crate::storage::records::{Committed, META, PAGES};
use crate::storage::views::View;
use ic_stable_structures::Memory;
use redb::{ReadOnlyTable, ReadTransaction};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// The pages of one commit. While it lives, redb keeps them.
pub struct Snapshot {
    state: Committed,
    pages: ReadOnlyTable<u64, &'static [u8; PAGE_BYTES]>,
}

impl Snapshot {
    pub(crate) fn new(transaction: &ReadTransaction) -> Result<Self, StorageError> {
        let meta = transaction.open_table(META)?;
        let number =
            |key| -> Result<u64, StorageError> { Ok(meta.get(key)?.map_or(0, |found| found.value())) };
        let state = Committed {
            epoch: number("epoch")?,
            records_pages: number("records_pages")?,
            heap_pages: number("heap_pages")?,
        };
        Ok(Self { state, pages: transaction.open_table(PAGES)? })
    }

    /// Epoch and memory sizes of this commit.
    pub fn state(&self) -> Committed {
        self.state
    }

    /// Page `number`, if it was ever written.
    ///
    /// # Errors
    /// [`StorageError`] on I/O errors, and after the records file was re-opened.
    pub fn page(&self, number: u64) -> Result<Option<Arc<Page>>, StorageError> {
        Ok(self.pages.get(number)?.map(|found| Arc::new(*found.value())))
    }
}

/// Pages that one reader keeps at hand; a query touches few pages many times.
const LOCAL_PAGES_MAX: usize = 256;

/// The records memory of one commit. Clones share their pages. Writing panics.
#[derive(Clone)]
pub struct SnapshotMemory {
    size: u64,
    /// `None` while the reader waits: it keeps its pages, but holds nothing back.
    view: Rc<RefCell<Option<Arc<View>>>>,
    local: Rc<RefCell<PageMap>>,
}

impl SnapshotMemory {
    /// The memory that `view` shows.
    pub fn new(view: Arc<View>) -> Self {
        Self {
            size: view.state().records_pages,
            view: Rc::new(RefCell::new(Some(view))),
            local: Rc::default(),
        }
    }

    /// Lets go of the view. Reading panics until [`Self::attach`].
    pub fn detach(&self) {
        self.view.borrow_mut().take();
    }

    /// Reads from `view` again, which must be of the same commit.
    pub fn attach(&self, view: &Arc<View>) {
        debug_assert_eq!(view.state().records_pages, self.size, "a view of another commit");
        self.view.replace(Some(Arc::clone(view)));
    }

    fn page(&self, number: u64) -> Option<Arc<Page>> {
        if let Some(page) = self.local.borrow().get(&number) {
            return Some(Arc::clone(page));
        }
        let view = self.view.borrow();
        let view = view.as_ref().expect("a reader reads between attach and detach");
        let page = view.page(number).unwrap_or_else(|error| error.unwind())?;
        let mut local = self.local.borrow_mut();
        if local.len() >= LOCAL_PAGES_MAX {
            local.clear();
        }
        local.insert(number, Arc::clone(&page));
        Some(page)
    }
}

impl Memory for SnapshotMemory {
    fn size(&self) -> u64 {
        self.size
    }

    fn grow(&self, _pages: u64) -> i64 {
        panic!("a snapshot is read-only: grow")
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        check_bounds(self.size(), offset, dst.len());
        let mut rest = dst;
        for piece in pieces(offset, rest.len()) {
            let (head, tail) = rest.split_at_mut(piece.len);
            match self.page(piece.page) {
                Some(page) => head.copy_from_slice(&page[piece.start..piece.start + piece.len]),
                None => head.fill(0),
            }
            rest = tail;
        }
    }

    fn write(&self, _offset: u64, _src: &[u8]) {
        panic!("a snapshot is read-only: write")
    }
}
