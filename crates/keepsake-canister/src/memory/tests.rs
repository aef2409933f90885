//! The two regions over a memory that ends somewhere.

use super::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Gives no more than so many pages.
#[derive(Clone)]
struct FullMemory {
    bytes: Rc<RefCell<Vec<u8>>>,
    pages_max: Rc<Cell<u64>>,
}

impl FullMemory {
    fn new(pages_max: u64) -> Self {
        Self { bytes: Rc::default(), pages_max: Rc::new(Cell::new(pages_max)) }
    }
}

impl Memory for FullMemory {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn grow(&self, pages: u64) -> i64 {
        if self.size() + pages > self.pages_max.get() { -1 } else { self.bytes.grow(pages) }
    }

    fn read(&self, offset: u64, into: &mut [u8]) {
        self.bytes.read(offset, into);
    }

    fn write(&self, offset: u64, from: &[u8]) {
        self.bytes.write(offset, from);
    }
}

const BUCKET: u64 = BUCKET_PAGES as u64;

fn always() -> u64 {
    u64::MAX
}

#[test]
fn both_regions_keep_their_bytes_when_they_are_opened_again() {
    let memory = FullMemory::new(u64::MAX);
    let regions = Regions::open(memory.clone(), always).unwrap();
    let (records, heap) = (regions.records(), regions.heap());
    assert_eq!((records.size(), heap.size()), (0, 0), "a new store finds empty memories");
    assert_eq!((records.grow(1), heap.grow(3)), (0, 0));
    records.write(5, b"records");
    heap.write(5, b"heap");
    assert_eq!(heap.grow(BUCKET), 3);
    let again = Regions::open(memory, always).unwrap();
    let mut bytes = [0; 7];
    again.records().read(5, &mut bytes);
    assert_eq!(&bytes, b"records");
    again.heap().read(5, &mut bytes[..4]);
    assert_eq!((&bytes[..4], again.heap().size()), (&b"heap"[..], 3 + BUCKET));
}

#[test]
fn a_heap_that_cannot_grow_says_so_and_changes_nothing() {
    let memory = FullMemory::new(1 + BUCKET);
    let regions = Regions::open(memory.clone(), always).unwrap();
    let heap = regions.heap();
    assert_eq!(heap.grow(BUCKET), 0, "all that there is");
    let before = memory.bytes.borrow().clone();
    assert_eq!(heap.grow(1), -1);
    assert_eq!(*memory.bytes.borrow(), before);
    memory.pages_max.set(1 + 2 * BUCKET);
    assert_eq!(heap.grow(1), i64::from(BUCKET_PAGES));
}

#[test]
fn growth_that_is_not_affordable_is_refused() {
    fn never() -> u64 {
        0
    }
    let memory = FullMemory::new(u64::MAX);
    assert!(Regions::open(memory.clone(), never).is_none());
    assert_eq!(memory.size(), 0);
    Regions::open(memory.clone(), always).unwrap();
    let regions = Regions::open(memory, never).expect("opening what is there needs nothing more");
    assert_eq!(regions.heap().grow(BUCKET), -1);
}

#[test]
fn the_room_of_the_heap_is_what_the_canister_can_pay_for_in_whole_buckets() {
    fn two_buckets_and_a_bit() -> u64 {
        2 * BUCKET + 5
    }
    let memory = FullMemory::new(u64::MAX);
    let regions = Regions::open(memory, two_buckets_and_a_bit).unwrap();
    assert_eq!(regions.heap_room_bytes(), 2 * BUCKET * PAGE_BYTES);
    assert_eq!(regions.heap().grow(10), 0);
    let room = regions.heap_room_bytes();
    assert_eq!(room, (3 * BUCKET - 10) * PAGE_BYTES);
    assert_eq!(regions.heap().grow(room / PAGE_BYTES), 10, "so much it grows");
}

#[test]
fn the_records_have_room_in_hand_whatever_a_message_takes() {
    let memory = FullMemory::new(1 + 3 * BUCKET);
    let regions = Regions::open(memory, always).unwrap();
    let inner = MemoryManager::init_with_bucket_size(regions.records(), 32);
    for id in 0..12 {
        assert!(regions.reserve());
        assert_eq!(used_pages(&regions.records()) + SPARE_PAGES, regions.records().size());
        assert!(inner.get(MemoryId::new(id)).grow(32) >= 0);
    }
    for id in 0..11 {
        assert!(!regions.reserve(), "the system gives no more");
        assert!(inner.get(MemoryId::new(id)).grow(32) >= 0, "what is in hand is there still");
    }
}
