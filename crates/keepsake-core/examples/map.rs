//! Times and counts the same operations on the map of records and on the one whose form it keeps, `ic-stable-structures`'
//! `StableBTreeMap`: what `tree.rs` gives as its reason. Prints a table; asserts nothing.
//!
//! Both lie where a store's maps lie, in a virtual memory of 2 MiB buckets, here over a plain vector: any host's memory
//! costs more for each call. `cargo xtask bench tree` runs it in a release build.

#[path = "../tests/support/counting_memory.rs"]
mod counting_memory;

use counting_memory::{Cost, CountingMemory};
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};
use ic_stable_structures::{StableBTreeMap, Storable, VectorMemory};
use keepsake_core::map::StableMap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

type Memory = CountingMemory<VirtualMemory<VectorMemory>>;

/// Entries of a map before it is measured.
const ENTRIES: u64 = 20_000;
/// Times that an operation is done, and pages of a listing that are read, all in so many slices: the fastest of them is the
/// time, whatever else the machine does.
const ROUNDS: u64 = 20_000;
const PAGES: u64 = 1_000;
const SLICES: u64 = 20;
/// Entries of a page.
const PAGE: usize = 50;

/// Either program's map.
trait Map<K, V> {
    fn open(memory: Memory) -> Self;
    fn get(&self, key: &K) -> Option<V>;
    fn insert(&mut self, key: K, value: V);
    fn remove(&mut self, key: &K) -> bool;
    /// Reads so many keys from one on.
    fn page(&self, from: K) -> usize;
}

impl<K: Storable + Ord + Clone, V: Storable> Map<K, V> for StableMap<K, V, Memory> {
    fn open(memory: Memory) -> Self {
        Self::init(memory)
    }

    fn get(&self, key: &K) -> Option<V> {
        self.get(key)
    }

    fn insert(&mut self, key: K, value: V) {
        self.insert(key, value);
    }

    fn remove(&mut self, key: &K) -> bool {
        self.remove(key)
    }

    fn page(&self, from: K) -> usize {
        self.keys_range(from..).take(PAGE).count()
    }
}

impl<K: Storable + Ord + Clone, V: Storable> Map<K, V> for StableBTreeMap<K, V, Memory> {
    fn open(memory: Memory) -> Self {
        Self::init(memory)
    }

    fn get(&self, key: &K) -> Option<V> {
        self.get(key)
    }

    fn insert(&mut self, key: K, value: V) {
        self.insert(key, value);
    }

    fn remove(&mut self, key: &K) -> bool {
        self.remove(key).is_some()
    }

    fn page(&self, from: K) -> usize {
        self.keys_range(from..).take(PAGE).count()
    }
}

/// What one operation took, on average.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    calls: u64,
    bytes: u64,
}

/// A number that is in no order, the same each time; all differ.
fn scatter(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

struct Measured<M> {
    map: M,
    memory: Memory,
    taken: Vec<(&'static str, Taken)>,
}

impl<M> Measured<M> {
    fn measure(&mut self, name: &'static str, rounds: u64, mut operation: impl FnMut(&mut M, u64)) {
        let (before, slice): (Cost, _) = (self.memory.cost.get(), rounds / SLICES);
        let mut fastest = Duration::MAX;
        for first in (0..rounds).step_by(usize::try_from(slice).expect("a slice is short")) {
            let begun = Instant::now();
            (first..first + slice).for_each(|round| operation(&mut self.map, round));
            fastest = fastest.min(begun.elapsed());
        }
        let cost = self.memory.cost.get() - before;
        let nanos = u64::try_from(fastest.as_nanos()).expect("some seconds") / slice;
        let (calls, bytes) = (cost.calls.div_ceil(rounds), cost.bytes.div_ceil(rounds));
        self.taken.push((name, Taken { time: Duration::from_nanos(nanos), calls, bytes }));
    }
}

fn run<K, V, M: Map<K, V>>(key: fn(u64) -> K, value: fn(u64) -> V) -> Vec<(&'static str, Taken)> {
    let manager = MemoryManager::init_with_bucket_size(VectorMemory::default(), 32);
    let memory = CountingMemory { inner: manager.get(MemoryId::new(0)), cost: Rc::default() };
    let map = M::open(CountingMemory { inner: manager.get(MemoryId::new(0)), cost: memory.cost.clone() });
    let mut measured = Measured { map, memory, taken: Vec::new() };
    for number in 0..ENTRIES {
        measured.map.insert(key(scatter(number)), value(number));
    }
    let there = |round: u64| key(scatter(round * 7_919 % ENTRIES));
    let new = |round: u64| key(scatter(ENTRIES + round));
    measured.measure("get", ROUNDS, |map, round| drop(black_box(map.get(&there(round)))));
    measured.measure("get, absent", ROUNDS, |map, round| drop(black_box(map.get(&new(round)))));
    measured.measure("replace", ROUNDS, |map, round| map.insert(there(round), value(round)));
    measured.measure("insert", ROUNDS, |map, round| map.insert(new(round), value(round)));
    measured.measure("remove", ROUNDS, |map, round| assert!(map.remove(&new(round))));
    measured.measure("page of 50 keys", PAGES, |map, round| {
        black_box(map.page(there(round)));
    });
    measured.taken
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn compare<K, V>(name: &str, key: fn(u64) -> K, value: fn(u64) -> V)
where
    K: Storable + Ord + Clone,
    V: Storable,
{
    let ours = run::<K, V, StableMap<K, V, Memory>>(key, value);
    let theirs = run::<K, V, StableBTreeMap<K, V, Memory>>(key, value);
    for ((operation, ours), (_, theirs)) in ours.into_iter().zip(theirs) {
        let micros = |taken: Taken| taken.time.as_nanos() as f64 / 1e3;
        println!(
            "{name:22} {operation:16} {:8.2} {:6} {:7}   {:8.2} {:6} {:7}   {:5.1} {:5.1}",
            micros(ours),
            ours.calls,
            ours.bytes,
            micros(theirs),
            theirs.calls,
            theirs.bytes,
            micros(theirs) / micros(ours),
            theirs.calls as f64 / ours.calls as f64,
        );
    }
}

fn main() {
    println!("maps of {ENTRIES} entries; time, calls of the memory and bytes of them, for one operation\n");
    println!(
        "{:22} {:16} {:>8} {:>6} {:>7}   {:>8} {:>6} {:>7}   {:>5} {:>5}",
        "", "", "OURS µs", "CALLS", "BYTES", "UPSTR µs", "CALLS", "BYTES", "TIME×", "CALLS×"
    );
    compare("u64 → 250 bytes", |number| number, |number| vec![number.to_le_bytes()[0]; 250]);
    compare(
        "u64 → 200 to 300 bytes",
        |number| number,
        |number| {
            let len = usize::from(number.wrapping_mul(37).to_le_bytes()[0]) % 100;
            vec![number.to_le_bytes()[0]; 200 + len]
        },
    );
    compare("16 bytes → nothing", |number| u128::from(number).to_be_bytes(), |_| ());
    compare(
        "39 bytes → nothing",
        |number| {
            let mut key = [0x5A; 39];
            key[31..].copy_from_slice(&number.to_be_bytes());
            key
        },
        |_| (),
    );
}
