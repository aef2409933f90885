//! The canister's stable memory from outside: its two regions over a copy of the pages. Owns the copy.

use ic_stable_structures::Memory;
use keepsake_canister::memory::Regions;
use keepsake_service::Service;
use keepsake_wasm_host::StableMemory;
use std::cell::RefCell;
use std::rc::Rc;

/// Pages of the wasm host as the memory of stable structures.
#[derive(Clone, Default)]
pub(crate) struct Pages(Rc<RefCell<StableMemory>>);

impl Pages {
    pub(crate) fn of(stable: &StableMemory) -> Self {
        Self(Rc::new(RefCell::new(stable.clone())))
    }

    pub(crate) fn stable(&self) -> StableMemory {
        self.0.borrow().clone()
    }

    pub(crate) fn regions(&self) -> Regions<Self> {
        Regions::open(self.clone(), |_| true).expect("there is room")
    }
}

impl Memory for Pages {
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

/// What the store's own check finds broken in this stable memory; the check runs natively, over a copy.
pub(crate) fn violations(stable: &StableMemory) -> Vec<String> {
    let regions = Pages::of(stable).regions();
    let service = Service::open_snapshot(regions.records(), regions.heap()).expect("it holds a store");
    service.store().check().violations
}
