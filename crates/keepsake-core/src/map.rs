//! Maps with types over [`crate::tree`]: keys of fixed length in the order of their bytes, values as they encode
//! themselves. Owns the types and nothing else.

use crate::record::{Record, encode};
use crate::tree::{Tree, Walk};
use ic_stable_structures::storable::Bound as Size;
use ic_stable_structures::{Memory, Storable};
use minicbor::Encode;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

/// Bytes of a page where values have no bound.
const PAGE_BYTES: u32 = 1_024;

/// A map in stable memory. What it writes and what it refuses to open is in `tree.rs`.
pub struct StableMap<K, V, M: Memory> {
    tree: Tree<M>,
    types: PhantomData<(K, V)>,
}

impl<K: Storable, V: Storable, M: Memory> StableMap<K, V, M> {
    /// Opens the map in `memory`; makes one where there is none.
    pub fn init(memory: M) -> Self {
        Self { tree: Tree::open(memory, key_bytes::<K>(), page_bytes::<K, V>()), types: PhantomData }
    }

    /// Opens the map in `memory`; where there is none, the first entry makes it. For a map that older stores do not
    /// have, so that reading one writes nothing.
    pub fn open(memory: M) -> Self {
        Self { tree: Tree::open_unmade(memory, key_bytes::<K>(), page_bytes::<K, V>()), types: PhantomData }
    }

    /// Entries in it. O(1).
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Bytes of the pages that it takes. O(1).
    pub(crate) fn bytes(&self) -> u64 {
        self.tree.bytes_in_use()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says in `wrong` what is broken in the map's tree. O(pages).
    pub fn check_tree(&self, name: &str, wrong: &mut Vec<String>) {
        self.tree.check(name, wrong);
    }

    /// The value under `key`. O(log n) page reads.
    pub fn get(&self, key: &K) -> Option<V> {
        self.tree.get(&key.to_bytes()).map(value)
    }

    /// The first bytes of what a value is stored as, at most `most`: enough of it to tell what it belongs to.
    pub(crate) fn get_front(&self, key: &K, most: usize) -> Option<Vec<u8>> {
        self.tree.get_front(&key.to_bytes(), most)
    }

    /// Whether there is a value under `key`. O(log n) page reads.
    pub fn contains_key(&self, key: &K) -> bool {
        self.tree.contains(&key.to_bytes())
    }

    /// Puts `value` under `key`, in place of any that is there.
    #[expect(clippy::needless_pass_by_value, reason = "a map takes its keys")]
    pub fn insert(&mut self, key: K, value: V) {
        self.tree.insert(&key.to_bytes(), &value.into_bytes());
    }

    /// True where there was something under `key`.
    pub fn remove(&mut self, key: &K) -> bool {
        self.tree.remove(&key.to_bytes())
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> Entries<'_, K, V, M> {
        self.range(..)
    }

    /// All keys, in order. Reads no value.
    pub fn keys(&self) -> Keys<'_, K, M> {
        self.keys_range(..)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = V> + '_ {
        self.iter().map(|(_, value)| value)
    }

    /// The entries whose keys are in a range, in order.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Entries<'_, K, V, M> {
        Entries { walk: self.walk(keys), types: PhantomData }
    }

    /// As [`Self::range`], but reads no value.
    pub fn keys_range(&self, keys: impl RangeBounds<K>) -> Keys<'_, K, M> {
        Keys { walk: self.walk(keys), types: PhantomData }
    }

    /// The entry with the first key. O(log n) page reads.
    pub fn first_key_value(&self) -> Option<(K, V)> {
        self.iter().next()
    }

    /// The entry with the last key. O(log n) page reads.
    pub fn last_key_value(&self) -> Option<(K, V)> {
        self.iter().next_back()
    }

    fn walk(&self, keys: impl RangeBounds<K>) -> Walk<'_, M> {
        let bytes = |bound: Bound<&K>| bound.map(|key| key.to_bytes().into_owned());
        self.tree.walk(bytes(keys.start_bound()), bytes(keys.end_bound()))
    }
}

impl<'a, K: Storable, V: Storable, M: Memory> IntoIterator for &'a StableMap<K, V, M> {
    type Item = (K, V);
    type IntoIter = Entries<'a, K, V, M>;

    fn into_iter(self) -> Entries<'a, K, V, M> {
        self.iter()
    }
}

impl<K: Storable, T: Encode<()>, M: Memory> StableMap<K, Record<T>, M> {
    /// Puts a record under `key`, in place of any that is there.
    pub(crate) fn put(&mut self, key: &K, record: &T) {
        self.tree.insert(&key.to_bytes(), &encode(record));
    }
}

/// Entries of a range.
pub struct Entries<'a, K, V, M: Memory> {
    walk: Walk<'a, M>,
    types: PhantomData<(K, V)>,
}

impl<K: Storable, V: Storable, M: Memory> Iterator for Entries<'_, K, V, M> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.walk.step(true).map(|(bytes, its)| (key(bytes), value(its)))
    }
}

impl<K: Storable, V: Storable, M: Memory> DoubleEndedIterator for Entries<'_, K, V, M> {
    fn next_back(&mut self) -> Option<(K, V)> {
        self.walk.step_back(true).map(|(bytes, its)| (key(bytes), value(its)))
    }
}

/// Keys of a range.
pub struct Keys<'a, K, M: Memory> {
    walk: Walk<'a, M>,
    types: PhantomData<K>,
}

impl<K: Storable, M: Memory> Iterator for Keys<'_, K, M> {
    type Item = K;

    fn next(&mut self) -> Option<K> {
        self.walk.step(false).map(|(bytes, _)| key(bytes))
    }
}

impl<K: Storable, M: Memory> DoubleEndedIterator for Keys<'_, K, M> {
    fn next_back(&mut self) -> Option<K> {
        self.walk.step_back(false).map(|(bytes, _)| key(bytes))
    }
}

fn key<K: Storable>(bytes: Vec<u8>) -> K {
    K::from_bytes(Cow::Owned(bytes))
}

fn value<V: Storable>(bytes: Vec<u8>) -> V {
    V::from_bytes(Cow::Owned(bytes))
}

fn key_bytes<K: Storable>() -> usize {
    assert!(K::BOUND.is_fixed_size(), "keys have one length");
    usize::try_from(K::BOUND.max_size()).expect("a key fits memory")
}

/// Three quarters of what a full node can take, where that is bounded: most nodes are not full.
const fn page_bytes<K: Storable, V: Storable>() -> u32 {
    match (K::BOUND, V::BOUND) {
        (Size::Bounded { max_size: key, .. }, Size::Bounded { max_size: value, .. }) => {
            (7 + 11 * (4 + key + 4 + value) + 12 * 8) * 3 / 4
        }
        _ => PAGE_BYTES,
    }
}
