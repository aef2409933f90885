//! Operations on a map of the tree, made of bytes: beside a plain map, and by turns with the program whose form the tree
//! keeps, over one memory. The body of the fuzz target `tree`; a property test drives it too.

use ic_stable_structures::{StableBTreeMap, Storable, VectorMemory};
use keepsake_core::map::StableMap;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Lengths of values: nodes of one page, of two, of some and of very many; and where a page of 1,024 bytes ends.
const LENGTHS: [usize; 12] = [0, 1, 7, 20, 60, 90, 200, 900, 1_009, 1_013, 3_000, 30_000];

/// Kinds of maps: lengths of keys, and whether values have a bound.
pub(crate) const KINDS: u8 = 9;

/// Runs the operations that `data` says, on a map of the kind that its first byte says. Panics where one of the three maps
/// says something else.
pub(crate) fn run(data: &[u8]) {
    let [kind, operations @ ..] = data else { return };
    match kind % KINDS {
        0 => World::<1, Vec<u8>>::run(operations),
        1 => World::<8, Vec<u8>>::run(operations),
        2 => World::<12, Vec<u8>>::run(operations),
        3 => World::<39, Vec<u8>>::run(operations),
        4 => World::<8, [u8; 16]>::run(operations),
        5 => World::<12, [u8; 16]>::run(operations),
        6 => World::<17, ()>::run(operations),
        7 => World::<39, ()>::run(operations),
        // The keys of a node take many pages.
        _ => World::<400, Vec<u8>>::run(operations),
    }
}

/// What a map of a test holds.
trait Value: Storable + Clone + Debug + PartialEq {
    fn make(byte: u8, len: usize) -> Self;
}

impl Value for () {
    fn make(_: u8, _: usize) {}
}

impl Value for [u8; 16] {
    fn make(byte: u8, len: usize) -> Self {
        u128::from_ne_bytes([byte; 16]).wrapping_add(len as u128).to_be_bytes()
    }
}

impl Value for Vec<u8> {
    fn make(byte: u8, len: usize) -> Self {
        vec![byte; len]
    }
}

/// Two bytes of it differ, the last one and one in the middle; so keys begin alike.
fn key<const KEY: usize>(number: u16) -> [u8; KEY] {
    let mut key = [0x5A; KEY];
    let [high, low] = number.to_be_bytes();
    key[(KEY - 1) / 2] = high;
    key[KEY - 1] = low;
    key
}

struct World<const KEY: usize, V: Value> {
    memory: VectorMemory,
    ours: StableMap<[u8; KEY], V, VectorMemory>,
    plain: BTreeMap<[u8; KEY], V>,
}

impl<const KEY: usize, V: Value> World<KEY, V> {
    fn run(operations: &[u8]) {
        let memory = VectorMemory::default();
        let (ours, plain) = (StableMap::open(memory.clone()), BTreeMap::new());
        let mut world = Self { memory, ours, plain };
        for operation in operations.as_chunks::<4>().0 {
            world.apply(*operation);
        }
        world.check();
        world.theirs(Self::check_theirs);
    }

    fn apply(&mut self, [what, high, low, more]: [u8; 4]) {
        // Few keys, so that operations meet, or many, so that trees are deep.
        let number = u16::from_be_bytes([if what & 1 == 0 { high & 1 } else { high }, low]);
        let key = key::<KEY>(number);
        let value = V::make(low, LENGTHS[usize::from(more) % LENGTHS.len()]);
        match what / 2 {
            0..64 => {
                self.ours.insert(key, value.clone());
                self.plain.insert(key, value);
            }
            64..84 => assert_eq!(self.ours.remove(&key), self.plain.remove(&key).is_some()),
            84..104 => self.remove_from(&key, usize::from(more) % 16),
            104..112 => {
                assert_eq!(self.ours.get(&key), self.plain.get(&key).cloned());
                assert_eq!(self.ours.contains_key(&key), self.plain.contains_key(&key));
            }
            112..118 => self.check_range(&key, usize::from(more)),
            118..122 => self.ours = StableMap::init(self.memory.clone()),
            122..125 => self.theirs(|theirs, plain| {
                theirs.insert(key, value.clone());
                plain.insert(key, value);
                assert_eq!(theirs.pop_first().map(|entry| entry.0), plain.pop_first().map(|entry| entry.0));
            }),
            _ => self.check(),
        }
    }

    /// Takes out so many entries from `key` on.
    fn remove_from(&mut self, key: &[u8; KEY], most: usize) {
        let there: Vec<_> = self.plain.range(*key..).take(most).map(|entry| *entry.0).collect();
        for key in there {
            assert!(self.ours.remove(&key));
            self.plain.remove(&key);
        }
    }

    fn check_range(&self, key: &[u8; KEY], most: usize) {
        let after = self.plain.range(*key..).take(most).map(|(key, value)| (*key, value.clone()));
        assert!(self.ours.range(key..).take(most).eq(after));
        let before = self.plain.range(..*key).rev().take(most).map(|entry| *entry.0);
        assert!(self.ours.keys_range(..key).rev().take(most).eq(before));
    }

    /// Lets the other program have the memory for a while.
    fn theirs(
        &mut self,
        work: impl FnOnce(&mut StableBTreeMap<[u8; KEY], V, VectorMemory>, &mut BTreeMap<[u8; KEY], V>),
    ) {
        work(&mut StableBTreeMap::init(self.memory.clone()), &mut self.plain);
        self.ours = StableMap::init(self.memory.clone());
    }

    fn check_theirs(
        theirs: &mut StableBTreeMap<[u8; KEY], V, VectorMemory>,
        plain: &mut BTreeMap<[u8; KEY], V>,
    ) {
        let all = plain.iter().map(|(key, value)| (*key, value.clone()));
        assert!(theirs.iter().map(|entry| entry.into_pair()).eq(all));
        assert_eq!(theirs.len(), plain.len() as u64);
    }

    /// The whole map, from both ends, and its tree.
    fn check(&self) {
        let mut wrong = Vec::new();
        self.ours.check_tree("a test", &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
        let all = self.plain.iter().map(|(key, value)| (*key, value.clone()));
        assert!(self.ours.iter().eq(all.clone()));
        assert!(self.ours.iter().rev().eq(all.rev()));
        assert_eq!(self.ours.len(), self.plain.len() as u64);
        let first = self.plain.first_key_value().map(|(key, value)| (*key, value.clone()));
        assert_eq!(self.ours.first_key_value(), first);
    }
}
