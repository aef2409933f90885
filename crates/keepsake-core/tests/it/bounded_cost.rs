//! What a message costs does not grow with what is stored: reads, writes and bytes on both memories are counted in a
//! small and in a large store. A lookup in a larger tree takes a few more steps, so costs may grow by the tree's
//! depth, never by the number of things. `--nocapture` prints the table; `KEEPSAKE_FULL=1` makes the large store of
//! memories 100,000 strong instead of 20,000.

use crate::counting_memory::{Cost, CountingMemory};
use crate::inputs::{
    HOUR_NS, START_NS, asset_meta, inline_asset, memory_meta, person, publish_session, sha256,
};
use crate::sparse_memory::SparseMemory;
use keepsake_core::access::Role;
use keepsake_core::ids::{CapsuleId, SessionId};
use keepsake_core::memory::AssetKind;
use keepsake_core::publish::{CarriedAsset, Publication};
use keepsake_core::upload::BeginOptions;
use keepsake_core::{Call, Config, Quotas, Store};
use std::cell::Cell;
use std::rc::Rc;

type Counted = CountingMemory<SparseMemory>;

const OWNER: u32 = 1;
const CONTROLLER: u32 = 2;
const CAPSULE: CapsuleId = CapsuleId(1);
/// The depth of a B-tree of 100,000 keys beside that of ten.
const FACTOR: u64 = 6;

/// How much there is.
#[derive(Clone, Copy, Debug)]
struct Amounts {
    memories: u32,
    open_sessions: u32,
    ended_sessions: u32,
    large_chunks: u32,
    free_runs: u32,
}

const SMALL: Amounts =
    Amounts { memories: 60, open_sessions: 10, ended_sessions: 10, large_chunks: 1, free_runs: 2 };

struct World {
    store: Store<Counted, Counted>,
    records: Counted,
    heap: Counted,
    now_ns: u64,
}

fn config() -> Config {
    let quotas = Quotas { sessions_per_caller_max: u32::MAX, ..Quotas::default() };
    Config { controllers: vec![person(CONTROLLER)], quotas, ..Config::default() }
}

impl World {
    fn new(amounts: Amounts) -> Self {
        let cost = Rc::new(Cell::new(Cost::default()));
        let memory = || CountingMemory { inner: SparseMemory::default(), cost: cost.clone() };
        let (records, heap) = (memory(), memory());
        let store = Store::open(records.clone(), heap.clone(), &config(), &[1; 32]).unwrap();
        let mut world = Self { store, records, heap, now_ns: START_NS };
        assert_eq!(world.store.capsule_create(&world.call(OWNER), None).unwrap().id, CAPSULE);
        world.fill(amounts);
        world
    }

    fn call(&self, who: u32) -> Call {
        Call {
            caller: person(who),
            now_ns: self.now_ns,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }

    fn fill(&mut self, amounts: Amounts) {
        for n in 0..amounts.memories {
            let asset = vec![inline_asset(AssetKind::Original, vec![7; 40])];
            let call = self.call(OWNER);
            self.store.memory_create(&call, CAPSULE, memory_meta("m"), asset, &format!("m{n}")).unwrap();
        }
        for n in 0..amounts.open_sessions {
            let who = 100 + n / 10;
            let capsule = self.store.capsule_create(&self.call(who), None).unwrap().id;
            let id = self.begin(who, capsule, 2, &format!("open {n}"));
            self.put(who, id, 0, &[1; 100]);
        }
        for n in 0..amounts.ended_sessions {
            let id = self.begin(OWNER, CAPSULE, 1, &format!("ended {n}"));
            self.put(OWNER, id, 0, &[2; 50]);
            match n % 2 {
                0 => self.abort(id),
                _ => self.finish(id, &[2; 50]),
            }
        }
        // All but the first, so that nothing is hashed; of zeros, which the memory does not keep.
        let id = self.begin(OWNER, CAPSULE, amounts.large_chunks + 2, "large");
        let chunk = vec![0; 1_800_000];
        (1..=amounts.large_chunks).for_each(|index| self.put(OWNER, id, index, &chunk));
        let holes = (0..2 * amounts.free_runs).map(|n| {
            let id = self.begin(OWNER, CAPSULE, 1, &format!("hole {n}"));
            self.put(OWNER, id, 0, &[4; 9_000]);
            id
        });
        let holes: Vec<_> = holes.collect();
        holes.into_iter().step_by(2).for_each(|id| self.abort(id));
    }

    fn begin(&mut self, who: u32, capsule: CapsuleId, expected: u32, idem: &str) -> SessionId {
        let call = self.call(who);
        self.store.upload_begin(&call, capsule, expected, idem, BeginOptions::default()).unwrap()
    }

    fn put(&mut self, who: u32, id: SessionId, index: u32, bytes: &[u8]) {
        let call = self.call(who);
        self.store.upload_put(&call, id, index, bytes).unwrap();
    }

    fn abort(&mut self, id: SessionId) {
        let call = self.call(OWNER);
        self.store.upload_abort(&call, id).unwrap();
    }

    fn finish(&mut self, id: SessionId, bytes: &[u8]) {
        let call = self.call(OWNER);
        self.store.upload_finish(&call, id, &sha256(bytes), bytes.len() as u64).unwrap().done().unwrap();
    }

    fn publish(&mut self, id: SessionId, bytes: &[u8]) {
        let sessions = [publish_session(id, AssetKind::Original, bytes)];
        let inline = vec![inline_asset(AssetKind::Placeholder, vec![5; 300])];
        let call = self.call(OWNER);
        self.store
            .publish(
                &call,
                CAPSULE,
                Publication::new(memory_meta("p"), sessions.to_vec(), inline),
                "measured",
            )
            .unwrap()
            .done()
            .unwrap();
    }

    fn publish_along(&mut self, bytes: &[u8]) {
        let carried = vec![CarriedAsset { meta: asset_meta(AssetKind::Original), bytes: bytes.to_vec() }];
        let publication = Publication::new(memory_meta("p"), Vec::new(), Vec::new());
        let call = self.call(OWNER);
        self.store
            .publish(&call, CAPSULE, Publication { carried, ..publication }, "along")
            .unwrap()
            .done()
            .unwrap();
    }

    fn measure<T>(&mut self, operation: impl FnOnce(&mut Self) -> T) -> (Cost, T) {
        let cost = self.records.cost.clone();
        let before = cost.get();
        let answer = operation(self);
        (cost.get() - before, answer)
    }

    /// Every message that a client sends, once, and a restart.
    fn costs(&mut self) -> Vec<(&'static str, Cost)> {
        let (begin, id) = self.measure(|w| w.begin(OWNER, CAPSULE, 2, "measured"));
        let (first_put, ()) = self.measure(|w| w.put(OWNER, id, 1, &[6; 1_000]));
        let (put, ()) = self.measure(|w| w.put(OWNER, id, 0, &[6; 1_000]));
        let (status, _) = self.measure(|w| w.store.upload_status(&w.call(OWNER), id).unwrap());
        let (finish, ()) = self.measure(|w| w.finish(id, &[6; 2_000]));
        let other = self.begin(OWNER, CAPSULE, 2, "aborted");
        self.put(OWNER, other, 0, &[6; 1_000]);
        let (abort, ()) = self.measure(|w| w.abort(other));
        let third = self.begin(OWNER, CAPSULE, 1, "published");
        self.put(OWNER, third, 0, &[6; 3_000]);
        let (publish, ()) = self.measure(|w| w.publish(third, &[6; 3_000]));
        let (along, ()) = self.measure(|w| w.publish_along(&[8; 3_000]));
        let find = |w: &mut Self| w.store.memories_find(&person(OWNER), CAPSULE, &[sha256(&[8; 3_000])]);
        let (find, found) = self.measure(find);
        assert!(found.unwrap()[0].is_some());
        let page = |w: &mut Self| w.store.memory_page(&person(OWNER), CAPSULE, None, Some(50)).unwrap();
        let (page, rows) = self.measure(page);
        assert_eq!(rows.items.len(), 50);
        let (tick, _) = self.measure(|w| w.store.tick(&w.call(OWNER)));
        let (restart, ()) = self.measure(|w| {
            w.store = Store::open(w.records.clone(), w.heap.clone(), &config(), &[1; 32]).unwrap();
        });
        vec![
            ("begin", begin),
            ("put into a new place", first_put),
            ("put", put),
            ("status", status),
            ("finish", finish),
            ("abort", abort),
            ("publish", publish),
            ("publish of what comes along", along),
            ("find", find),
            ("list page of 50", page),
            ("tick, nothing due", tick),
            ("restart", restart),
        ]
    }
}

/// Prints both columns and holds the second to the first times `factor`.
fn compare(what: &str, small: &[(&'static str, Cost)], large: &[(&'static str, Cost)], factor: u64) {
    println!("\n{what:<44} {:>8} {:>10}   {:>8} {:>10}", "calls", "bytes", "calls", "bytes");
    for ((name, small), (_, large)) in small.iter().zip(large) {
        println!(
            "  {name:<42} {:>8} {:>10}   {:>8} {:>10}",
            small.calls, small.bytes, large.calls, large.bytes
        );
    }
    for ((name, small), (_, large)) in small.iter().zip(large) {
        assert!(large.calls <= factor * small.calls.max(8), "{what}, {name}: {small:?}, then {large:?}");
        assert!(large.bytes <= factor * small.bytes.max(4_096), "{what}, {name}: {small:?}, then {large:?}");
    }
}

fn assert_flat(what: &str, large: Amounts) {
    let (small, large) = (World::new(SMALL).costs(), World::new(large).costs());
    compare(what, &small, &large, FACTOR);
}

#[test]
fn no_message_costs_more_beside_many_memories() {
    let many = if std::env::var_os("KEEPSAKE_FULL").is_some() { 100_000 } else { 20_000 };
    assert_flat(&format!("memories: 60, then {many}"), Amounts { memories: many, ..SMALL });
}

#[test]
fn no_message_costs_more_beside_many_open_sessions() {
    assert_flat("open sessions: 10, then 10,000", Amounts { open_sessions: 10_000, ..SMALL });
}

#[test]
fn no_message_costs_more_beside_many_ended_sessions() {
    assert_flat("ended sessions: 10, then 10,000", Amounts { ended_sessions: 10_000, ..SMALL });
}

#[test]
fn no_message_costs_more_beside_10_gb() {
    let large = Amounts { large_chunks: 6_000, ..SMALL };
    let (small, mut large) = (World::new(SMALL).costs(), World::new(large));
    assert!(large.store.heap().usage().end > 10 << 30);
    compare("heap taken: 2 MB, then 10 GB", &small, &large.costs(), FACTOR);
}

#[test]
fn no_message_costs_more_in_a_fragmented_heap() {
    assert_flat("free runs in the heap: 2, then 2,000", Amounts { free_runs: 2_000, ..SMALL });
}

#[test]
fn lists_of_sessions_cost_their_rows_whatever_has_ended() {
    let lists = |world: &mut World| {
        let (own, _) = world.measure(|w| w.store.session_list(&person(OWNER)));
        let (all, _) = world.measure(|w| w.store.session_list(&person(CONTROLLER)));
        let (ids, _) = world.measure(|w| w.store.session_ids());
        let (own_stats, _) = world.measure(|w| w.store.session_stats(&person(OWNER)));
        let (stats, _) = world.measure(|w| w.store.session_stats(&person(CONTROLLER)));
        vec![
            ("sessions_list, own", own),
            ("sessions_list, controller", all),
            ("_probe_sessions", ids),
            ("sessions_stats, own", own_stats),
            ("sessions_stats, controller", stats),
        ]
    };
    let mut small = World::new(Amounts { ended_sessions: 2_000, ..SMALL });
    let mut large = World::new(Amounts { ended_sessions: 20_000, ..SMALL });
    compare("sessions ended: 2,000, then 20,000", &lists(&mut small), &lists(&mut large), 2);

    let mut crowded = World::new(Amounts { open_sessions: 10_000, ..SMALL });
    let stats = ["sessions_stats, own", "sessions_stats, controller"];
    let found = lists(&mut crowded).into_iter().filter(|(name, _)| stats.contains(name));
    for (name, cost) in found {
        println!("  {name}, 10,000 open: {cost:?}");
        assert!(cost.calls < 100_000, "{name}: {cost:?}");
    }
}

#[test]
fn one_slice_of_the_tick_costs_the_same_whatever_is_due() {
    let slice = |sessions: u32| {
        let mut world = World::new(Amounts { open_sessions: sessions, ..SMALL });
        world.now_ns += 30 * HOUR_NS;
        let (cost, done) = world.measure(|w| w.store.tick(&w.call(OWNER)));
        assert!(done.more);
        vec![("tick, one slice", cost)]
    };
    compare("sessions due: 400, then 10,000", &slice(400), &slice(10_000), 2);
}

#[test]
fn one_slice_of_many_deleted_capsules_is_one_slice() {
    let slice = |capsules: u32| {
        let mut world = World::new(SMALL);
        for who in 1_000..1_000 + capsules {
            let capsule = world.store.capsule_create(&world.call(who), None).unwrap().id;
            for n in 0..410 {
                world.begin(who, capsule, 1, &format!("s{n}"));
            }
            let call = world.call(who);
            world.store.capsule_delete(&call, capsule).unwrap();
        }
        let (cost, done) = world.measure(|w| w.store.tick(&w.call(OWNER)));
        assert!(done.more);
        vec![("tick, one slice", cost)]
    };
    compare("capsules of 410 sessions to purge: 1, then 40", &slice(1), &slice(40), 2);
}

#[test]
fn a_large_capsule_is_deleted_in_slices() {
    let delete = |members: u32, memories: u32| {
        let mut world = World::new(Amounts { memories, ..SMALL });
        for who in 0..members {
            let call = world.call(OWNER);
            world.store.capsule_grant(&call, CAPSULE, &person(5_000 + who), Role::Guest).unwrap();
        }
        let (cost, ()) = world.measure(|w| w.store.capsule_delete(&w.call(OWNER), CAPSULE).unwrap());
        vec![("capsules_delete", cost)]
    };
    compare("memories of the capsule: 400, then 4,000", &delete(10, 400), &delete(10, 4_000), 2);
    // The members must lose their roles in the same message; a capsule has at most 1,000.
    compare("members of the capsule: 10, then 999", &delete(10, 400), &delete(999, 400), 10);
}

#[test]
fn the_end_of_the_longest_session_is_bounded() {
    let end = |chunks: u32, abort: bool| {
        let mut world = World::new(SMALL);
        let call = world.call(OWNER);
        let total_len = Some(u64::from(chunks) * 65_536);
        let options = BeginOptions { total_len, ..BeginOptions::default() };
        let id = world.store.upload_begin(&call, CAPSULE, chunks, "long", options).unwrap();
        // A chunk on every page of the bitset.
        (0..chunks).step_by(4_096).for_each(|index| world.put(OWNER, id, index, &vec![8; 65_536]));
        if abort {
            return world.measure(|w| w.abort(id)).0;
        }
        world.now_ns += 30 * HOUR_NS;
        world.measure(|w| w.store.tick(&w.call(OWNER))).0
    };
    let costs = |chunks| vec![("abort", end(chunks, true)), ("eviction", end(chunks, false))];
    // 256 pages of bits at most, so a bounded multiple of one page's cost: 33,000 calls and 4 MB, once.
    compare("chunks of the session: 4,096, then 16,384", &costs(4_096), &costs(16_384), 4);
    compare("chunks of the session: 4,096, then 1,048,576", &costs(4_096), &costs(1 << 20), 300);
}

#[test]
fn a_slice_ends_early_after_long_sessions() {
    let mut world = World::new(SMALL);
    let chunks = 1 << 20;
    let options = BeginOptions { total_len: Some(u64::from(chunks) * 65_536), ..BeginOptions::default() };
    for who in 100..107 {
        let call = world.call(who);
        let capsule = world.store.capsule_create(&call, None).unwrap().id;
        let id = world.store.upload_begin(&call, capsule, chunks, "long", options.clone()).unwrap();
        (0..chunks).step_by(4_096).for_each(|index| world.put(who, id, index, &vec![8; 65_536]));
    }
    world.now_ns += 30 * HOUR_NS;
    let pending = world.store.session_ids().len();
    let (cost, done) = world.measure(|w| w.store.tick(&w.call(OWNER)));
    println!("  tick, one slice with seven sessions of 1,048,576 chunks: {cost:?}");
    assert!(done.more, "256 pages of bits each are more than one slice");
    while world.store.tick(&world.call(OWNER)).more {}
    assert!(pending > 7 && world.store.session_ids().is_empty());
}
