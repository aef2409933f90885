//! The core under broken memories: a crash at every change of a scenario, commits that are lost, torn heap writes,
//! and storage that does not grow. What a host restores is modelled here as the hosts do it:
//! - the IC: a message that traps leaves neither memory changed;
//! - the node: records go back to the last durable commit, the heap file keeps what was written.

use crate::fault_memory::{CrashMemory, Crashed, FailingMemory, Fuse};
use crate::inputs::person;
use crate::scenario::{Answers, SCENARIO, Seen, now_ns};
use crate::sparse_memory::{Image, SparseMemory};
use keepsake_core::{Call, Config, RefusalKind, Store};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// How a host commits.
#[derive(Clone, Copy, Debug)]
struct Host {
    /// Messages of one commit.
    batch: usize,
    /// Newest commits that may not be durable yet.
    lag: usize,
    /// A message that crashes leaves the heap as it was too.
    heap_rolls_back: bool,
}

const IC: Host = Host { batch: 1, lag: 0, heap_rolls_back: true };
const NODE_ONE_BY_ONE: Host = Host { batch: 1, lag: 2, heap_rolls_back: false };
const NODE_IN_BATCHES: Host = Host { batch: 3, lag: 1, heap_rolls_back: false };

/// After every crash the restored store is looked at; after every so many it goes on to the end of the scenario.
const GOES_ON_EVERY: u64 = 4;

impl Host {
    /// The commit that message `nth` belongs to, from 1.
    fn epoch(self, nth: usize) -> usize {
        nth / self.batch + 1
    }

    /// The context of message `nth` on a host that started with `durable` commits on disk.
    fn call(self, nth: usize, durable: usize) -> Call {
        let reusable = durable.max((self.epoch(nth) - 1).saturating_sub(self.lag));
        let reusable_through = if self.heap_rolls_back { u64::MAX } else { reusable as u64 };
        Call {
            caller: person(0),
            now_ns: now_ns(nth),
            epoch: self.epoch(nth) as u64,
            reusable_through,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }

    /// The messages that may be the first ones lost in a power cut during message `nth`: commits begin there.
    fn restart_points(self, nth: usize) -> impl Iterator<Item = usize> {
        let newest = self.epoch(nth) - 1;
        (newest.saturating_sub(self.lag)..=newest).map(move |commit| commit * self.batch)
    }
}

/// A store before some message.
#[derive(Clone)]
struct Moment {
    records: Image,
    heap: Image,
    known: Answers,
    seen: Seen,
}

fn config() -> Config {
    Config { heap_bytes_max: 256 * 1_024, ..Config::default() }
}

fn open(records: &Image, heap: &Image) -> (Store<SparseMemory, SparseMemory>, SparseMemory, SparseMemory) {
    let (records, heap) = (SparseMemory::of(records.clone()), SparseMemory::of(heap.clone()));
    (Store::open(records.clone(), heap.clone(), &config(), &[1; 32]).unwrap(), records, heap)
}

/// The scenario without a fault: the store before each message, and after the last.
fn undisturbed(host: Host) -> Vec<Moment> {
    let (mut store, records, heap) = open(&Image::default(), &Image::default());
    let mut known = Answers::default();
    let mut moments = Vec::new();
    for (nth, message) in SCENARIO.iter().enumerate() {
        let seen = known.look(&store, now_ns(nth));
        moments.push(Moment { records: records.image(), heap: heap.image(), known: known.clone(), seen });
        message.send(&mut store, &host.call(nth, 0), &mut known).unwrap();
        assert_eq!(store.check().violations, Vec::<String>::new(), "after {message:?}");
    }
    let seen = known.look(&store, now_ns(SCENARIO.len() - 1));
    moments.push(Moment { records: records.image(), heap: heap.image(), known, seen });
    moments
}

/// What lies in the heap after message `nth` crashed at its `change`-th change; none where it has no so many.
fn crash(host: Host, before: &Moment, nth: usize, durable: usize, change: u64, torn: bool) -> Option<Image> {
    let fuse = Fuse::default();
    let heap = SparseMemory::of(before.heap.clone());
    let over = |inner| CrashMemory { inner, fuse: fuse.clone(), torn };
    let records = over(SparseMemory::of(before.records.clone()));
    let mut store = Store::open(records, over(heap.clone()), &config(), &[1; 32]).unwrap();
    fuse.set(change);
    let mut known = before.known.clone();
    let sent = AssertUnwindSafe(|| SCENARIO[nth].send(&mut store, &host.call(nth, durable), &mut known));
    match catch_unwind(sent) {
        Ok(answer) => {
            assert_eq!(answer, Ok(()));
            None
        }
        Err(panic) => {
            assert!(panic.is::<Crashed>(), "only the fault crashes");
            Some(heap.image())
        }
    }
}

/// The restored store is that of the moment: sound, and byte for byte.
fn assert_restored(moment: &Moment, heap: &Image, nth: usize) {
    let (mut store, ..) = open(&moment.records, heap);
    assert_eq!(store.check().violations, Vec::<String>::new());
    assert_eq!(moment.known.look(&store, now_ns(nth)), moment.seen);
    moment.known.resend_received(&mut store, now_ns(nth));
}

/// From a restored store to the end of the scenario: all is as if nothing had happened.
fn assert_goes_on(host: Host, moment: &Moment, heap: &Image, from: usize, last: &Moment) {
    let (mut store, ..) = open(&moment.records, heap);
    let mut known = moment.known.clone();
    let durable = host.epoch(from) - 1;
    for (nth, message) in SCENARIO.iter().enumerate().skip(from) {
        assert_eq!(message.send(&mut store, &host.call(nth, durable), &mut known), Ok(()), "{message:?}");
    }
    assert_eq!(store.check().violations, Vec::<String>::new());
    assert_eq!(known.look(&store, now_ns(SCENARIO.len() - 1)), last.seen);
}

/// Crashes at every change of every message. Returns how many.
fn crash_everywhere(host: Host, torn: bool) -> u64 {
    let moments = undisturbed(host);
    let (last, befores) = moments.split_last().unwrap();
    let mut crashes = 0;
    for (nth, before) in befores.iter().enumerate() {
        for change in 1.. {
            let Some(heap) = crash(host, before, nth, 0, change, torn) else { break };
            crashes += 1;
            let heap = if host.heap_rolls_back { &before.heap } else { &heap };
            assert_restored(before, heap, nth);
            // A power cut at the same moment loses commits that were not durable yet.
            let points: Vec<_> = host.restart_points(nth).collect();
            for point in points.iter().filter(|point| **point != nth) {
                assert_restored(&moments[*point], heap, *point);
            }
            if change % GOES_ON_EVERY == 1 {
                let point = points[usize::try_from(change / GOES_ON_EVERY).unwrap() % points.len()];
                assert_goes_on(host, &moments[point], heap, point, last);
            }
        }
    }
    crashes
}

#[test]
fn a_trap_at_any_change_leaves_nothing_behind() {
    let crashes = crash_everywhere(IC, false);
    assert!(crashes > 400, "{crashes} crashes");
    println!("{crashes} crashes survived");
}

#[test]
fn a_crash_at_any_change_and_lost_commits_lose_no_committed_byte() {
    let crashes = crash_everywhere(NODE_ONE_BY_ONE, false);
    assert!(crashes > 400, "{crashes} crashes");
    println!("{crashes} crashes survived");
}

#[test]
fn torn_heap_writes_and_lost_batches_lose_no_committed_byte() {
    let crashes = crash_everywhere(NODE_IN_BATCHES, true);
    assert!(crashes > 400, "{crashes} crashes");
    println!("{crashes} crashes survived");
}

type Full = FailingMemory<SparseMemory>;

fn failing(image: &Image, left: &Rc<Cell<u64>>) -> Full {
    FailingMemory { inner: SparseMemory::of(image.clone()), left: left.clone() }
}

#[test]
fn a_heap_that_does_not_grow_refuses_and_changes_nothing() {
    let moments = undisturbed(IC);
    let (last, befores) = moments.split_last().unwrap();
    let mut refused = 0;
    for (nth, before) in befores.iter().enumerate() {
        // The heap file as it was cut to its used part: every put into a new place must grow it.
        let used = { open(&before.records, &before.heap).0.heap().usage().end.div_ceil(65_536) };
        let heap = Image { size: used, ..before.heap.clone() };
        let left = Rc::new(Cell::new(0));
        let (records, heap) = (SparseMemory::of(before.records.clone()), failing(&heap, &left));
        let mut store = Store::open(records.clone(), heap.clone(), &config(), &[1; 32]).unwrap();
        let mut known = before.known.clone();
        let usage = store.heap().usage();
        match SCENARIO[nth].send(&mut store, &IC.call(nth, 0), &mut known) {
            Ok(()) => continue,
            Err(refusal) => assert_eq!(refusal, RefusalKind::ResourceExhausted, "{:?}", SCENARIO[nth]),
        }
        refused += 1;
        assert_eq!(store.check().violations, Vec::<String>::new());
        assert_eq!(before.known.look(&store, now_ns(nth)), before.seen);
        assert_eq!(store.heap().usage(), usage);
        left.set(u64::MAX);
        assert_goes_on(
            IC,
            &Moment { records: records.image(), ..before.clone() },
            &heap.inner.image(),
            nth,
            last,
        );
    }
    assert!(refused >= 1, "{refused} messages were refused");
}

#[test]
fn records_that_do_not_grow_stop_a_message_whole() {
    let mut stopped = 0;
    // Each memory takes a page of the records map and 30 KiB inline: buckets of 2 MiB fill, at different messages.
    for growths in 0..27 {
        let left = Rc::new(Cell::new(growths));
        let (records, heap) = (failing(&Image::default(), &left), SparseMemory::default());
        let call = Call { now_ns: now_ns(0), ..IC.call(0, 0) };
        let opening = AssertUnwindSafe(|| {
            let mut store = Store::open(records.clone(), heap.clone(), &config(), &[1; 32]).unwrap();
            let capsule = store.capsule_create(&call, None).unwrap().id;
            (store, capsule)
        });
        let Ok((mut store, capsule)) = catch_unwind(opening) else {
            stopped += 1;
            continue;
        };
        let mut made = 0;
        for attempt in 0..300 {
            let before = records.inner.image();
            let asset =
                crate::inputs::inline_asset(keepsake_core::memory::AssetKind::Original, vec![7; 30_000]);
            let meta = crate::inputs::memory_meta("m");
            let sent = AssertUnwindSafe(|| {
                store.memory_create(&call, capsule, meta, vec![asset], &format!("key {attempt}"))
            });
            if let Ok(answer) = catch_unwind(sent) {
                answer.unwrap();
                made += 1;
                continue;
            }
            stopped += 1;
            records.inner.restore(&before);
            store = Store::open(records.clone(), heap.clone(), &config(), &[1; 32]).unwrap();
            assert_eq!(store.check().violations, Vec::<String>::new());
            assert_eq!(store.memory_count(), made, "all that was answered, and nothing else");
            left.set(left.get() + 1);
        }
    }
    assert!(stopped > 20, "{stopped} messages were stopped");
}
