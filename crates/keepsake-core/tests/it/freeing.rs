//! What makes room takes little itself: deletions in slices as small as the host says, and the record pages that the
//! smallest of them changes. A node commits those pages on a full disk, where its reserve is all there is.

use crate::inputs::{HOUR_NS, START_NS, inline_asset, memory_meta, person};
use ic_stable_structures::{Memory, VectorMemory};
use keepsake_core::access::Role;
use keepsake_core::ids::{CapsuleId, MemoryId};
use keepsake_core::limits::{BULK_ITEMS_MAX, INLINE_BYTES_MAX, MEMBERS_PER_CAPSULE_MAX, TEXT_LONG_BYTES_MAX};
use keepsake_core::memory::{AssetKind, BulkDeleted};
use keepsake_core::{Call, Config, Store};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

const OWNER: u32 = 1;
const CAPSULE: CapsuleId = CapsuleId(1);
const KINDS: [AssetKind; 4] =
    [AssetKind::Original, AssetKind::Display, AssetKind::Thumbnail, AssetKind::Placeholder];
/// As a node cuts the records, bytes.
const PAGE_BYTES: u64 = 4_080;
/// Pages that the node's reserve of 32 MiB commits: two for each, and a few.
const RESERVE_PAGES: usize = 4_000;

/// Clones are the same memory, and know the pages that were written.
#[derive(Clone, Default)]
struct PagedMemory {
    inner: VectorMemory,
    changed: Rc<RefCell<HashSet<u64>>>,
}

impl Memory for PagedMemory {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn grow(&self, pages: u64) -> i64 {
        self.inner.grow(pages)
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        self.inner.read(offset, dst);
    }

    fn write(&self, offset: u64, src: &[u8]) {
        let end = offset + src.len() as u64;
        self.changed.borrow_mut().extend(offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES));
        self.inner.write(offset, src);
    }
}

struct World {
    store: Store<PagedMemory, VectorMemory>,
    records: PagedMemory,
}

fn call(who: u32, rows_max: u32) -> Call {
    let (caller, now_ns) = (person(who), START_NS);
    Call { caller, now_ns, epoch: 0, reusable_through: u64::MAX, room_bytes: u64::MAX, rows_max }
}

impl World {
    fn new() -> Self {
        let records = PagedMemory::default();
        let config = Config { uncertified: true, ..Config::default() };
        let store = Store::open(records.clone(), VectorMemory::default(), &config, &[1; 32]).unwrap();
        let mut world = Self { store, records };
        assert_eq!(world.store.capsule_create(&call(OWNER, u32::MAX), None).unwrap().id, CAPSULE);
        world
    }

    /// A memory with `text` wherever one may be long, and four inline assets.
    fn create(&mut self, key: usize, text: &str, inline_bytes: usize) -> MemoryId {
        let mut meta = memory_meta("m");
        meta.description = Some(text.into());
        meta.memory_notes = Some(text.into());
        let assets = KINDS.map(|kind| {
            let mut asset = inline_asset(kind, vec![7; inline_bytes]);
            asset.meta.exif_data = Some(text[..text.len() / 2].into());
            asset
        });
        let key = key.to_string();
        self.store.memory_create(&call(OWNER, 1), CAPSULE, meta, assets.to_vec(), &key).unwrap()
    }

    /// Pages that `message` changes.
    fn pages<T>(&mut self, message: impl FnOnce(&mut Store<PagedMemory, VectorMemory>) -> T) -> (usize, T) {
        self.records.changed.borrow_mut().clear();
        let answer = message(&mut self.store);
        (self.records.changed.borrow().len(), answer)
    }

    fn assert_empty(&self) {
        let check = self.store.check();
        assert_eq!((check.violations, check.memories), (Vec::new(), 0));
    }
}

fn bulk(deleted: u32, failed: u32, left: u64) -> BulkDeleted {
    BulkDeleted { deleted, failed, left }
}

#[test]
fn a_list_is_deleted_in_its_order_and_the_last_of_it_are_left_when_there_is_no_room_for_more() {
    let mut world = World::new();
    let made: Vec<_> = (0..7).map(|key| world.create(key, "t", 1).to_string()).collect();
    let mut ids = made.clone();
    ids.insert(1, "mem_99".into());
    let mut send = |ids: &[String]| {
        let done = world.store.memory_delete_bulk(&call(OWNER, 3), CAPSULE, ids, true).unwrap();
        (done, world.store.check().memories)
    };
    assert_eq!(send(&ids), (bulk(3, 1, 4), 4));
    assert_eq!(send(&ids[4..]), (bulk(3, 0, 1), 1));
    // As many as there is room for, and none left.
    assert_eq!(send(&ids[7..]), (bulk(1, 0, 0), 0));
    assert_eq!(send(&ids), (bulk(0, 8, 0), 0));
    world.assert_empty();
}

#[test]
fn all_memories_go_in_slices_as_small_as_the_host_says() {
    let mut world = World::new();
    for key in 0..7 {
        world.create(key, "t", 1);
    }
    let mut slices = Vec::new();
    while slices.last().is_none_or(|done: &BulkDeleted| done.left > 0) {
        slices.push(world.store.memory_delete_all(&call(OWNER, 3), CAPSULE, true).unwrap());
    }
    assert_eq!(slices, [bulk(3, 0, 4), bulk(3, 0, 1), bulk(1, 0, 0)]);
    world.create(7, "t", 1);
    let none = world.store.memory_delete_all(&call(OWNER, 0), CAPSULE, true).unwrap();
    assert_eq!(none, bulk(1, 0, 0), "one at least");
    world.assert_empty();
}

#[test]
fn a_deleted_capsule_goes_in_slices_as_small_as_the_host_says() {
    for rows_max in [1, 2, 3] {
        let mut world = World::new();
        for key in 0..9 {
            world.create(key, "t", 1);
        }
        world.store.capsule_delete(&call(OWNER, rows_max), CAPSULE).unwrap();
        assert_eq!(world.store.check().memories, 9 - u64::from(rows_max));
        let mut ticks = 1;
        while world.store.tick(&call(OWNER, rows_max)).more {
            ticks += 1;
            assert!(ticks < 20, "slices of {rows_max} do not end");
        }
        assert!(ticks >= 3, "{ticks} slices of {rows_max}");
        world.assert_empty();
    }
}

/// The largest memories that there can be, in an order that makes nodes of trees take from each other and become one.
#[test]
fn the_smallest_slice_of_the_largest_memories_changes_pages_that_a_reserve_holds() {
    const MEMORIES: usize = 200;
    let text = "t".repeat(TEXT_LONG_BYTES_MAX - 100);
    let mut world = World::new();
    let made: Vec<_> = (0..MEMORIES).map(|key| world.create(key, &text, INLINE_BYTES_MAX as usize)).collect();
    let mut most = [0; 3];
    // 77 and 200 have no common factor: each comes once.
    let order: Vec<_> = (0..MEMORIES).map(|at| made[at * 77 % MEMORIES]).collect();
    for id in &order[..100] {
        let (pages, done) = world.pages(|store| store.memory_delete(&call(OWNER, 1), *id, true));
        done.unwrap();
        most[0] = pages.max(most[0]);
    }
    for id in &order[100..150] {
        let ids = vec![id.to_string(); BULK_ITEMS_MAX];
        let (pages, done) =
            world.pages(|store| store.memory_delete_bulk(&call(OWNER, 1), CAPSULE, &ids, true).unwrap());
        assert_eq!((done.deleted, done.left), (1, BULK_ITEMS_MAX as u64 - 1));
        most[1] = pages.max(most[1]);
    }
    world.store.capsule_delete(&call(OWNER, 1), CAPSULE).unwrap();
    loop {
        let (pages, tick) = world.pages(|store| store.tick(&call(OWNER, 1)));
        most[2] = pages.max(most[2]);
        if !tick.more {
            break;
        }
    }
    world.assert_empty();
    println!("pages that one delete changes, one of a list, one slice of housekeeping: {most:?}");
    // A tree of many more memories is a few levels deeper, and each level may take from its neighbour.
    assert!(most.iter().all(|pages| *pages < RESERVE_PAGES / 3), "{most:?} pages");
}

#[test]
fn deleting_a_capsule_of_many_members_changes_pages_that_a_reserve_holds() {
    let mut world = World::new();
    // The members of each capsule lie between those of others, in the index by person too.
    let capsules: Vec<_> = (0..5)
        .map(|n| {
            world.store.capsule_create(&call(2 + n, u32::MAX), None).map(|made| (2 + n, made.id)).unwrap()
        })
        .collect();
    for member in 1..MEMBERS_PER_CAPSULE_MAX {
        for (owner, id) in &capsules {
            let who = person(1_000 + member * 10 + owner);
            world.store.capsule_grant(&call(*owner, u32::MAX), *id, &who, Role::Member).unwrap();
        }
    }
    let (owner, id) = capsules[0];
    let (pages, done) = world.pages(|store| store.capsule_delete(&call(owner, 1), id));
    done.unwrap();
    println!("pages that the deletion of a capsule with {MEMBERS_PER_CAPSULE_MAX} members changes: {pages}");
    assert!(pages < RESERVE_PAGES, "{pages} pages");
    while world.store.tick(&call(OWNER, 1)).more {}
    let late = Call { now_ns: START_NS + 50 * HOUR_NS, ..call(OWNER, 1) };
    world.store.tick(&late);
    assert_eq!(world.store.check().violations, Vec::<String>::new());
}
