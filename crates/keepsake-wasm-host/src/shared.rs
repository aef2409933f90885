//! Stable memory as the memory of stable structures, so that native code reads and writes what a module does. Owns no page
//! of its own: handles share one [`StableMemory`].

use crate::stable::StableMemory;
use ic_stable_structures::Memory;
use std::cell::RefCell;
use std::rc::Rc;

/// A handle; clones see the same pages.
#[derive(Clone, Debug, Default)]
pub struct SharedStableMemory(Rc<RefCell<StableMemory>>);

impl SharedStableMemory {
    /// Over a copy of these pages.
    pub fn of(stable: &StableMemory) -> Self {
        Self(Rc::new(RefCell::new(stable.clone())))
    }

    /// A copy of the pages as they are now.
    pub fn stable(&self) -> StableMemory {
        self.0.borrow().clone()
    }

    /// Keeps what was written: a message ended.
    pub fn commit(&self) {
        self.0.borrow_mut().commit();
    }
}

impl Memory for SharedStableMemory {
    fn size(&self) -> u64 {
        self.0.borrow().wasm_pages()
    }

    fn grow(&self, pages: u64) -> i64 {
        let before = self.0.borrow_mut().grow(pages);
        before.map_or(-1, |pages| i64::try_from(pages).expect("500 GiB of pages"))
    }

    fn read(&self, offset: u64, into: &mut [u8]) {
        self.0.borrow().read(offset, into).expect("within the memory");
    }

    fn write(&self, offset: u64, from: &[u8]) {
        self.0.borrow_mut().write(offset, from).expect("within the memory");
    }
}
