//! The canister's stable memory from outside: its two regions over a copy of the pages. Owns the copy.

use keepsake_canister::memory::Regions;
use keepsake_service::Service;
use keepsake_wasm_host::{SharedStableMemory, StableMemory};

/// The two regions in these pages.
pub(crate) fn regions(pages: SharedStableMemory) -> Regions<SharedStableMemory> {
    Regions::open(pages, || u64::MAX).expect("there is room")
}

/// What the store's own check finds broken in this stable memory; the check runs natively, over a copy.
pub(crate) fn violations(stable: &StableMemory) -> Vec<String> {
    let regions = regions(SharedStableMemory::of(stable));
    let service = Service::open_snapshot(regions.records(), regions.heap()).expect("it holds a store");
    service.store().check().violations
}
