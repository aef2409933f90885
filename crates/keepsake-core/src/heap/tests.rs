//! The heap against its promise: conservation, no overlap, no early reuse.

use super::*;
use crate::Principal;
use crate::layout::{BUCKET_PAGES, Header};
use ic_stable_structures::VectorMemory;
use proptest::prelude::*;

type TestHeap = Heap<VectorMemory, VectorMemory>;

fn heap(limit_bytes: u64) -> TestHeap {
    let manager = MemoryManager::init_with_bucket_size(VectorMemory::default(), BUCKET_PAGES);
    Header::open(part(&manager, Part::Header)).format(&[0; 32]);
    Heap::open(&manager, VectorMemory::default(), limit_bytes)
}

fn call(epoch: u64, reusable_through: u64) -> Call {
    Call {
        caller: Principal::anonymous(),
        now_ns: 0,
        epoch,
        reusable_through,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn assert_conserved(heap: &TestHeap, live: &[Vec<Extent>]) {
    let usage = heap.usage();
    let used = live.iter().flatten().map(|e| (e.offset, e.allocated()));
    let mut all: Vec<_> = used.chain(heap.idle_runs()).collect();
    all.sort_unstable();
    let mut at = 0;
    for (offset, len) in &all {
        assert_eq!(*offset, at, "runs tile the heap without gap or overlap");
        at += len;
    }
    assert_eq!(at, usage.end);
    let free: Vec<_> = heap.by_address.iter().collect();
    for pair in free.windows(2) {
        assert!(pair[0].0 + pair[0].1 < pair[1].0, "free neighbours merge");
    }
    assert_eq!(heap.by_length.len(), heap.by_address.len());
}

#[test]
fn a_freed_run_is_not_taken_before_its_epoch_is_reusable() {
    let mut heap = heap(1 << 20);
    let first = heap.allocate(&call(1, 0), 4_096).unwrap();
    let _wall = heap.allocate(&call(1, 0), 4_096).unwrap();
    heap.free(&call(2, 1), &first);
    assert_ne!(heap.allocate(&call(3, 1), 4_096).unwrap(), first);
    assert_eq!(heap.allocate(&call(4, 2), 4_096).unwrap(), first);
}

#[test]
fn a_full_heap_takes_nothing() {
    let mut heap = heap(3 * 4_096);
    let all = heap.allocate(&call(0, u64::MAX), 3 * 4_096).unwrap();
    assert_eq!(heap.allocate(&call(0, u64::MAX), 1), Err(HeapFull));
    heap.free(&call(0, u64::MAX), &all);
    assert_eq!(heap.usage(), HeapUse::default());
}

#[test]
fn fragments_serve_when_no_run_is_long_enough() {
    let mut heap = heap(5 * 4_096);
    let now = call(0, u64::MAX);
    let pieces: Vec<_> = (0..5).map(|_| heap.allocate(&now, 4_096).unwrap()).collect();
    heap.free(&now, &pieces[1]);
    heap.free(&now, &pieces[3]);
    let split = heap.allocate(&now, 5_000).unwrap();
    assert_eq!(split.iter().map(|e| e.len).sum::<u64>(), 5_000);
    assert_eq!(split.len(), 2);
    heap.back(&split).unwrap();
    let data: Vec<u8> = (0..5_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    heap.write(&split, 0, &data);
    let mut back = vec![0; 3_000];
    heap.read(&split, 2_000, &mut back);
    assert_eq!(back, data[2_000..]);
    assert_conserved(&heap, &[pieces[0].clone(), pieces[2].clone(), pieces[4].clone(), split]);
}

#[test]
fn a_full_heap_goes_through_a_long_limbo_in_slices_and_gets_there() {
    let slice = LIMBO_SLICE * LIMBO_SLICES_PER_ALLOCATION;
    let pieces = slice as u64 + 10;
    let mut heap = heap(pieces * 8_192);
    let run = |heap: &mut TestHeap| heap.allocate(&call(1, 0), 4_096).unwrap();
    // Every second granule is freed, so that no two of them make a run long enough.
    let freed: Vec<_> = (0..pieces).map(|_| (run(&mut heap), run(&mut heap)).0).collect();
    for extents in &freed {
        heap.free(&call(2, 1), extents);
    }
    let last = freed.last().unwrap()[0];
    heap.free(&call(3, 2), &[Extent { offset: last.offset + 4_096, len: 4_096 }]);

    let all = pieces * 4_096;
    assert_eq!(heap.allocate(&call(4, 3), all), Err(HeapFull), "no run is as long as that");
    assert!(!heap.limbo.is_empty(), "one message goes through a bounded part of limbo");
    let found = loop {
        match heap.allocate(&call(5, 3), 8_000) {
            Ok(extents) => break extents,
            Err(HeapFull) => assert!(!heap.limbo.is_empty(), "trying again gets there"),
        }
    };
    assert_eq!(found.iter().map(|extent| extent.len).sum::<u64>(), 8_000);
}

#[derive(Clone, Debug)]
enum Operation {
    Allocate(u64),
    Free(usize),
    Settle,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (1..60_000_u64).prop_map(Operation::Allocate),
        3 => any::<usize>().prop_map(Operation::Free),
        1 => Just(Operation::Settle),
    ]
}

proptest! {
    #[test]
    fn every_granule_belongs_to_exactly_one_run(operations in prop::collection::vec(operation(), 1..200)) {
        let mut heap = heap(1 << 20);
        let mut live: Vec<Vec<Extent>> = Vec::new();
        let (mut epoch, mut reusable) = (1, 0);
        for operation in operations {
            match operation {
                Operation::Allocate(len) => {
                    if let Ok(extents) = heap.allocate(&call(epoch, reusable), len) {
                        prop_assert_eq!(extents.iter().map(|e| e.len).sum::<u64>(), len);
                        live.push(extents);
                    }
                }
                Operation::Free(at) if !live.is_empty() => {
                    let extents = live.swap_remove(at % live.len());
                    heap.free(&call(epoch, reusable), &extents);
                }
                Operation::Free(_) => {}
                Operation::Settle => { reusable = epoch; epoch += 1; }
            }
            assert_conserved(&heap, &live);
        }
        let last = call(epoch, u64::MAX);
        for extents in live.drain(..) { heap.free(&last, &extents); }
        while heap.release(&last, LIMBO_SLICE) {}
        prop_assert_eq!(heap.usage(), HeapUse::default());
    }
}
