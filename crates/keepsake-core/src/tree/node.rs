//! One node as bytes, in one piece whatever pages it lies in. Owns its form and the cutting and joining of nodes;
//! touches no memory.
//!
//! ```text
//! "BTN" 2 | inner u8 | entries u16 | first further page u64 | children u64 × (entries + 1), inner nodes only
//! keys, each of the tree's length | values, each its length u32 and its bytes
//! ```

use std::cmp::Ordering;
use std::ops::Range;

pub(super) const NODE_MAGIC: &[u8; 4] = b"BTN\x02";
/// Bytes before the children.
pub(super) const HEAD_BYTES: usize = 15;
/// Where the address of the first further page is.
pub(super) const NEXT_PAGE_AT: usize = 7;
/// Most entries of a node.
pub(super) const ENTRIES_MAX: usize = 11;
/// Fewest entries of a node other than the root.
pub(super) const ENTRIES_MIN: usize = 5;
const CHILD_BYTES: usize = 8;
const LEN_BYTES: usize = 4;

/// Bytes that a node's children and keys reach to, at most.
pub(super) const fn search_bytes(key_bytes: usize) -> usize {
    HEAD_BYTES + (ENTRIES_MAX + 1) * CHILD_BYTES + ENTRIES_MAX * key_bytes
}

/// A node, or the front of one.
pub(super) struct Node {
    /// Its first page.
    pub(super) address: u64,
    /// Its further pages, as far as they are known.
    pub(super) pages: Vec<u64>,
    /// The further page after those; 0 where there is none.
    pub(super) next_page: u64,
    /// What was read of it, or all of it once it was changed.
    pub(super) bytes: Vec<u8>,
    /// Not even its first page was read to the end.
    pub(super) front: bool,
    pub(super) key_bytes: usize,
}

/// The entries and children of a whole node, taken apart.
#[derive(Default)]
pub(super) struct Parts {
    children: Vec<u8>,
    keys: Vec<u8>,
    values: Vec<u8>,
    /// Where each value begins in `values`, its length first; then their end.
    starts: Vec<usize>,
}

/// An entry that goes from one node to another: its key, and its value with the length before it.
pub(super) struct Moved {
    pub(super) key: Vec<u8>,
    value: Vec<u8>,
}

impl Node {
    /// A node that is not written yet.
    pub(super) fn new(address: u64, key_bytes: usize, parts: &Parts) -> Self {
        let mut node =
            Self { address, pages: Vec::new(), next_page: 0, bytes: Vec::new(), front: false, key_bytes };
        node.fill(parts);
        node
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.bytes[4] == 0
    }

    pub(super) fn count(&self) -> usize {
        usize::from(u16::from_le_bytes([self.bytes[5], self.bytes[6]]))
    }

    fn keys_at(&self) -> usize {
        HEAD_BYTES + if self.is_leaf() { 0 } else { (self.count() + 1) * CHILD_BYTES }
    }

    /// The end of the keys: where the values begin.
    pub(super) fn values_at(&self) -> usize {
        self.keys_at() + self.count() * self.key_bytes
    }

    pub(super) fn child(&self, at: usize) -> u64 {
        u64_at(&self.bytes, HEAD_BYTES + at * CHILD_BYTES)
    }

    pub(super) fn key(&self, at: usize) -> &[u8] {
        let start = self.keys_at() + at * self.key_bytes;
        &self.bytes[start..start + self.key_bytes]
    }

    /// The entry with this key, or the one before which it would be.
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        let keys = &self.bytes[self.keys_at()..self.values_at()];
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            match compare(&keys[middle * self.key_bytes..(middle + 1) * self.key_bytes], key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// The bytes of the value whose length is at `start`, where that length was read.
    pub(super) fn value_from(&self, start: usize) -> Range<usize> {
        let from = start + LEN_BYTES;
        from..from + u32_at(&self.bytes, start)
    }

    /// Where the length of value `at` is, of a whole node; that of the one after the last is the node's end.
    pub(super) fn start_of(&self, at: usize) -> usize {
        (0..at).fold(self.values_at(), |start, _| self.value_from(start).end)
    }

    /// Puts another value under an entry of a whole node. Gives back the first byte that changed.
    pub(super) fn replace(&mut self, at: usize, value: &[u8]) -> usize {
        let start = self.start_of(at);
        let old = self.value_from(start);
        if old.len() == value.len() {
            self.bytes[old].copy_from_slice(value);
            return start + LEN_BYTES;
        }
        let rest = self.bytes.split_off(old.end);
        self.bytes.truncate(start);
        push_value(&mut self.bytes, value);
        self.bytes.extend_from_slice(&rest);
        start
    }

    /// Puts another entry in the place of one of a whole node.
    pub(super) fn replace_entry(&mut self, at: usize, entry: &Moved) {
        let start = self.keys_at() + at * self.key_bytes;
        self.bytes[start..start + self.key_bytes].copy_from_slice(&entry.key);
        self.replace(at, &entry.value[LEN_BYTES..]);
    }

    /// Puts a new entry before entry `at` of a whole leaf. Gives back the first byte after the head that changed.
    pub(super) fn insert(&mut self, at: usize, key: &[u8], value: &[u8]) -> usize {
        let key_at = self.keys_at() + at * self.key_bytes;
        let (values_at, start) = (self.values_at(), self.start_of(at));
        let mut bytes = Vec::with_capacity(self.bytes.len() + key.len() + LEN_BYTES + value.len());
        bytes.extend_from_slice(&self.bytes[..key_at]);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&self.bytes[key_at..values_at]);
        bytes.extend_from_slice(&self.bytes[values_at..start]);
        push_value(&mut bytes, value);
        bytes.extend_from_slice(&self.bytes[start..]);
        self.bytes = bytes;
        self.set_count(self.count() + 1);
        key_at
    }

    /// Takes an entry out of a whole leaf. Gives it back, and the first byte after the head that changed.
    pub(super) fn remove(&mut self, at: usize) -> (Moved, usize) {
        let key_at = self.keys_at() + at * self.key_bytes;
        let start = self.start_of(at);
        let end = self.value_from(start).end;
        let value = self.bytes.drain(start..end).collect();
        let key = self.bytes.drain(key_at..key_at + self.key_bytes).collect();
        self.set_count(self.count() - 1);
        (Moved { key, value }, key_at)
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).expect("a node has few entries");
        self.bytes[5..7].copy_from_slice(&count.to_le_bytes());
    }

    /// A whole node, taken apart.
    pub(super) fn parts(&self) -> Parts {
        let (keys_at, values_at) = (self.keys_at(), self.values_at());
        let mut parts = Parts {
            children: self.bytes[HEAD_BYTES..keys_at].to_vec(),
            keys: self.bytes[keys_at..values_at].to_vec(),
            values: self.bytes[values_at..].to_vec(),
            starts: Vec::with_capacity(ENTRIES_MAX + 2),
        };
        let mut start = values_at;
        parts.starts.push(0);
        for _ in 0..self.count() {
            start = self.value_from(start).end;
            parts.starts.push(start - values_at);
        }
        parts
    }

    /// Makes it of other parts; its pages stay.
    pub(super) fn fill(&mut self, parts: &Parts) {
        let len = HEAD_BYTES + parts.children.len() + parts.keys.len() + parts.values.len();
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(NODE_MAGIC);
        bytes.push(u8::from(!parts.children.is_empty()));
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.pages.first().copied().unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(&parts.children);
        bytes.extend_from_slice(&parts.keys);
        bytes.extend_from_slice(&parts.values);
        self.bytes = bytes;
        self.set_count(parts.count());
    }
}

impl Parts {
    /// A leaf with one entry.
    pub(super) fn of_one(key: &[u8], value: &[u8]) -> Self {
        let mut values = Vec::with_capacity(LEN_BYTES + value.len());
        push_value(&mut values, value);
        Self { children: Vec::new(), keys: key.to_vec(), starts: vec![0, values.len()], values }
    }

    /// A root with one entry between two nodes.
    pub(super) fn of_two(left: u64, entry: Moved, right: u64) -> Self {
        let children = [left.to_le_bytes(), right.to_le_bytes()].concat();
        Self { children, keys: entry.key, starts: vec![0, entry.value.len()], values: entry.value }
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Puts an entry before entry `at`, and the node that follows it behind it.
    pub(super) fn insert(&mut self, at: usize, entry: &Moved, right: u64) {
        let start = self.starts[at];
        splice(&mut self.children, (at + 1) * CHILD_BYTES, &right.to_le_bytes());
        splice(&mut self.keys, at * entry.key.len(), &entry.key);
        splice(&mut self.values, start, &entry.value);
        self.starts.insert(at, start);
        self.starts[at + 1..].iter_mut().for_each(|start| *start += entry.value.len());
    }

    /// Takes out an entry and the node that follows it.
    pub(super) fn remove(&mut self, at: usize, key_bytes: usize) -> Moved {
        let (start, end) = (self.starts[at], self.starts[at + 1]);
        self.children.drain((at + 1) * CHILD_BYTES..(at + 2) * CHILD_BYTES);
        let key = self.keys.drain(at * key_bytes..(at + 1) * key_bytes).collect();
        let value: Vec<u8> = self.values.drain(start..end).collect();
        self.starts.remove(at);
        self.starts[at..].iter_mut().for_each(|start| *start -= value.len());
        Moved { key, value }
    }

    /// Puts `entry` and `right` behind it.
    pub(super) fn join(&mut self, entry: &Moved, right: &Self) {
        self.children.extend_from_slice(&right.children);
        self.keys.extend_from_slice(&entry.key);
        self.keys.extend_from_slice(&right.keys);
        self.values.extend_from_slice(&entry.value);
        let offset = self.values.len();
        self.values.extend_from_slice(&right.values);
        self.starts.extend(right.starts.iter().map(|start| start + offset));
    }

    /// Cuts it at entry `at`, which is in neither part.
    pub(super) fn split(mut self, at: usize, key_bytes: usize) -> (Self, Moved, Self) {
        let after = self.starts[at + 1];
        let right = Self {
            children: if self.children.is_empty() {
                Vec::new()
            } else {
                self.children.split_off((at + 1) * CHILD_BYTES)
            },
            keys: self.keys.split_off((at + 1) * key_bytes),
            values: self.values.split_off(after),
            starts: self.starts[at + 1..].iter().map(|start| start - after).collect(),
        };
        self.starts.truncate(at + 1);
        let entry =
            Moved { key: self.keys.split_off(at * key_bytes), value: self.values.split_off(self.starts[at]) };
        (self, entry, right)
    }
}

/// The order of two keys of one length. Eight bytes at a time: keys of neighbours begin alike.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let (ones, rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    for (one, other) in ones.iter().zip(others) {
        if u64::from_ne_bytes(*one) != u64::from_ne_bytes(*other) {
            return u64::from_be_bytes(*one).cmp(&u64::from_be_bytes(*other));
        }
    }
    rest.cmp(other_rest)
}

fn push_value(bytes: &mut Vec<u8>, value: &[u8]) {
    let len = u32::try_from(value.len()).expect("a value is below 4 GiB");
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(value);
}

fn splice(bytes: &mut Vec<u8>, at: usize, more: &[u8]) {
    let rest = bytes.split_off(at);
    bytes.extend_from_slice(more);
    bytes.extend_from_slice(&rest);
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    let len = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    usize::try_from(len).expect("a value fits memory")
}
