//! The tree beside the one whose form it keeps, and beside a plain map.

use crate::map::StableMap;
use ic_stable_structures::{StableBTreeMap, Storable, VectorMemory};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Key = [u8; 3];

/// What is done to both.
#[derive(Clone, Debug)]
enum Operation {
    /// Puts so many bytes under a key.
    Insert(u16, usize),
    /// Takes a key out.
    Remove(u16),
    /// Takes the n-th key that there is out.
    RemoveThere(u16),
    /// Opens the map again, by this program or by the other.
    Open,
}

fn operations(keys: u16, bytes: usize) -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        12 => (0..keys, 0..bytes).prop_map(|(key, len)| Operation::Insert(key, len)),
        4 => (0..keys).prop_map(Operation::Remove),
        4 => any::<u16>().prop_map(Operation::RemoveThere),
        1 => Just(Operation::Open),
    ];
    prop::collection::vec(operation, 1..400)
}

fn key(number: u16) -> Key {
    let [high, low] = number.to_be_bytes();
    [high, low, low ^ 0x5A]
}

fn value(number: u16, len: usize) -> Vec<u8> {
    vec![number.to_le_bytes()[0] ^ len.to_le_bytes()[0]; len]
}

/// Either program's map over the same memory.
enum Map {
    Ours(StableMap<Key, Vec<u8>, VectorMemory>),
    Theirs(StableBTreeMap<Key, Vec<u8>, VectorMemory>),
}

impl Map {
    fn insert(&mut self, key: Key, value: Vec<u8>) {
        match self {
            Self::Ours(map) => map.insert(key, value),
            Self::Theirs(map) => drop(map.insert(key, value)),
        }
    }

    fn remove(&mut self, key: Key) -> bool {
        match self {
            Self::Ours(map) => map.remove(&key),
            Self::Theirs(map) => map.remove(&key).is_some(),
        }
    }

    /// Opens it with the other program.
    fn turn(self, memory: &VectorMemory) -> Self {
        match self {
            Self::Ours(_) => Self::Theirs(StableBTreeMap::init(memory.clone())),
            Self::Theirs(_) => Self::Ours(StableMap::init(memory.clone())),
        }
    }
}

fn run(operations: &[Operation]) -> (VectorMemory, BTreeMap<Key, Vec<u8>>) {
    let memory = VectorMemory::default();
    let mut plain = BTreeMap::new();
    let mut map = Map::Ours(StableMap::init(memory.clone()));
    for operation in operations {
        match operation {
            Operation::Insert(number, len) => {
                map.insert(key(*number), value(*number, *len));
                plain.insert(key(*number), value(*number, *len));
            }
            Operation::Remove(number) => {
                assert_eq!(map.remove(key(*number)), plain.remove(&key(*number)).is_some());
            }
            Operation::RemoveThere(number) => {
                let at = usize::from(*number) % plain.len().max(1);
                if let Some(there) = plain.keys().nth(at).copied() {
                    assert!(map.remove(there));
                    plain.remove(&there);
                }
            }
            Operation::Open => map = map.turn(&memory),
        }
    }
    (memory, plain)
}

/// What the check finds.
fn broken<K: Storable, V: Storable>(map: &StableMap<K, V, VectorMemory>) -> Vec<String> {
    let mut wrong = Vec::new();
    map.check_tree("a test", &mut wrong);
    wrong
}

/// Every read of either program says what the plain map says.
fn check(memory: &VectorMemory, plain: &BTreeMap<Key, Vec<u8>>, from: Key, to: Key) {
    let theirs: StableBTreeMap<Key, Vec<u8>, _> = StableBTreeMap::init(memory.clone());
    let ours: StableMap<Key, Vec<u8>, _> = StableMap::init(memory.clone());
    assert_eq!(broken(&ours), Vec::<String>::new());
    let all: Vec<_> = plain.iter().map(|(key, value)| (*key, value.clone())).collect();
    assert_eq!(theirs.iter().map(|entry| entry.into_pair()).collect::<Vec<_>>(), all);
    assert_eq!(ours.iter().collect::<Vec<_>>(), all);
    assert_eq!(ours.values().collect::<Vec<_>>(), plain.values().cloned().collect::<Vec<_>>());
    assert_eq!((ours.len(), theirs.len()), (all.len() as u64, all.len() as u64));
    assert_eq!(ours.is_empty(), all.is_empty());
    assert_eq!((ours.first_key_value(), ours.last_key_value()), (all.first().cloned(), all.last().cloned()));
    assert!(ours.iter().rev().eq(all.iter().rev().cloned()));
    for (key, value) in plain {
        assert_eq!(ours.get(key).as_ref(), Some(value));
    }
    for key in [from, to] {
        assert_eq!(ours.get(&key), plain.get(&key).cloned());
        assert_eq!(ours.contains_key(&key), plain.contains_key(&key));
    }
    if from <= to {
        let keys = |range: Vec<(&Key, _)>| range.into_iter().map(|(key, _)| *key).collect::<Vec<_>>();
        let expected: Vec<_> = keys(plain.range(from..to).collect());
        assert_eq!(ours.keys_range(from..to).collect::<Vec<_>>(), expected);
        let mut expected: Vec<_> = keys(plain.range(from..=to).collect());
        assert_eq!(from_both_ends(ours.keys_range(from..=to)), expected);
        expected.reverse();
        assert_eq!(ours.range(from..=to).rev().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    }
}

/// What a walk gives where its two ends meet in the middle.
fn from_both_ends(mut keys: impl DoubleEndedIterator<Item = Key>) -> Vec<Key> {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    while let Some(key) = keys.next() {
        front.push(key);
        let Some(key) = keys.next_back() else { break };
        back.push(key);
    }
    assert_eq!((keys.next(), keys.next_back()), (None, None));
    front.extend(back.into_iter().rev());
    front
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_tree_and_the_map_whose_form_it_keeps_read_and_change_each_other(
        operations in operations(300, 40), from in 0_u16..300, to in 0_u16..300,
    ) {
        let (memory, plain) = run(&operations);
        check(&memory, &plain, key(from), key(to));
    }

    #[test]
    fn nodes_of_many_pages_are_read_and_changed_by_both(
        operations in operations(60, 3_000), from in 0_u16..60, to in 0_u16..60,
    ) {
        let (memory, plain) = run(&operations);
        check(&memory, &plain, key(from), key(to));
    }
}

#[test]
fn a_deep_tree_is_read_by_both_while_it_grows_and_shrinks() {
    let memory = VectorMemory::default();
    let mut map: StableMap<u64, u64, _> = StableMap::init(memory.clone());
    // 7,919 is prime: every number comes once, and in no order.
    let numbers = || (0..7_919_u64).map(|n| n * 4_001 % 7_919);
    numbers().for_each(|number| map.insert(number, number * 3));
    for (nth, number) in numbers().enumerate() {
        if nth % 1_000 == 0 {
            let theirs: StableBTreeMap<u64, u64, _> = StableBTreeMap::init(memory.clone());
            assert!(theirs.iter().map(|entry| entry.into_pair()).eq(map.iter()));
            assert_eq!(map.len(), 7_919 - nth as u64);
            assert_eq!(broken(&map), Vec::<String>::new());
        }
        assert_eq!(map.get(&number), Some(number * 3));
        assert!(map.remove(&number) && !map.remove(&number));
    }
    assert!(map.is_empty());
}

#[test]
fn a_tree_that_was_emptied_takes_no_more_room_when_it_is_filled_again() {
    let memory = VectorMemory::default();
    let mut map: StableMap<u64, Vec<u8>, _> = StableMap::init(memory.clone());
    let mut bytes = Vec::new();
    for _ in 0..4 {
        (0..500).for_each(|number| map.insert(number, vec![7; 900]));
        (0..500).for_each(|number| assert!(map.remove(&number)));
        assert!(map.is_empty());
        assert_eq!(broken(&map), Vec::<String>::new());
        bytes.push(memory.borrow().len());
    }
    assert_eq!(bytes[0], bytes[3]);
    assert_eq!(map.first_key_value(), None);
}

#[test]
fn pages_are_as_long_as_those_of_the_other_program() {
    fn page<K: ic_stable_structures::Storable + Ord + Clone, V: ic_stable_structures::Storable>() {
        let (ours, theirs) = (VectorMemory::default(), VectorMemory::default());
        StableMap::<K, V, _>::init(ours.clone());
        StableBTreeMap::<K, V, _>::init(theirs.clone());
        assert_eq!(*ours.borrow(), *theirs.borrow());
    }
    page::<u64, Vec<u8>>();
    page::<u64, u64>();
    page::<[u8; 16], ()>();
    page::<[u8; 39], ()>();
    page::<[u8; 16], [u8; 512]>();
}
