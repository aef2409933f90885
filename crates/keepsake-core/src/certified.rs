//! The certified tree: a digest for each memory, kept so that one change costs O(digits of its number) and the root is
//! there at once. Owns the shape of the tree of memories and the list of those to look at again; what a memory's own
//! digest is made of, the service says.
//!
//! ```text
//! virtual memory 19: nodes          at p × 1,664: the node of the prefix p; 0: of the empty prefix
//! map 20: the list                  0xF0 | memory u64    -   look at this memory again
//!                                   0xF1 | capsule u64   look at its memories after this one, u64
//!                                   0xF2 | memory u64    -   hash the pieces of its large assets, see `pieces.rs`
//! ```
//! The labels `mem_1`, `mem_10`, `mem_2` … of a hash tree are sorted as texts, so this is a trie over decimal digits.
//! A node has twenty slots in the order of the texts, two for each digit `d`: the memory whose number is the prefix and `d`,
//! and the node of all longer numbers that begin so. Above the slots lies a binary tree of forks, numbered as a heap; a
//! fork with one side is that side. Digest `i` is at `i × 32` in its node, zeros where there is nothing:
//! ```text
//!                 1
//!         2               3
//!       …   …           …   …
//!     32 33 34 35 …      … 50 51
//! ```
//! Memories are numbered in sequence, so nodes lie close: 166 bytes for each memory. A change writes a few digests of one
//! node for each digit, and hashes at most five forks in each.
//! Source: [certification](https://docs.internetcomputer.org/references/ic-interface-spec/#certification).

mod pieces;

use crate::capsule::{ItemKind, item_key};
use crate::ids::{CapsuleId, MemoryId};
use crate::layout::{Field, Vm};
use crate::record::u64_be;
use crate::store::Store;
use ic_certification::hash_tree::{HashTree, fork, fork_hash, label, labeled_hash, pruned};
use ic_stable_structures::Memory;
pub use pieces::pieces_of;

/// A digest of a hash tree.
pub type Digest = [u8; 32];
/// A part of the tree that shows what a reader asked for, and digests of the rest.
pub type Witness = HashTree<Vec<u8>>;

const MEMORY_TAG: u8 = 0xF0;
const CAPSULE_TAG: u8 = 0xF1;
const PIECES_TAG: u8 = 0xF2;
/// First slot of a node.
const SLOTS: usize = 32;
const DIGEST_BYTES: usize = 32;
/// Digests of a node: what is above the slots, and two slots for each digit.
const NODE_DIGESTS: usize = SLOTS + 20;
const NODE_BYTES: usize = NODE_DIGESTS * DIGEST_BYTES;
const PAGE_BYTES: u64 = 65_536;
/// The value of [`Field::CertifiedThrough`] where every memory was looked at.
pub(crate) const ALL: u64 = u64::MAX;

/// What changed since somebody asked. Not stored: whoever opens the store looks at the list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changes {
    queued: bool,
    root: bool,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The digest of the tree of all memories; none where it is empty. O(1).
    pub fn certified_root(&self) -> Option<Digest> {
        self.certified.node(0).digest(1)
    }

    /// The root of the tree changed since the last call of this.
    pub fn take_root_changed(&mut self) -> bool {
        std::mem::take(&mut self.changes.root)
    }

    /// Something was put on the list since the last call of this.
    pub fn take_queued(&mut self) -> bool {
        std::mem::take(&mut self.changes.queued)
    }

    /// Certifies that the subtree of this memory has this digest, or that there is no such memory. O(digits).
    pub fn certify(&mut self, id: MemoryId, subtree: Option<&Digest>) {
        let mut digest = subtree.map(|digest| labeled_hash(id.to_string().as_bytes(), digest));
        for (prefix, slot) in way_up(id.0) {
            let mut node = self.certified.node(prefix);
            if node.digest(slot) == digest {
                return;
            }
            node.set(slot, digest);
            digest = node.digest(1);
            self.certified.write(prefix, &node);
        }
        self.changes.root = true;
    }

    /// Shows the memory's subtree within the whole tree. None where it is not what was certified. O(digits).
    pub fn witness(&self, id: MemoryId, subtree: Witness) -> Option<Witness> {
        let name = id.to_string();
        let mut certified = Some(labeled_hash(name.as_bytes(), &subtree.digest()));
        let mut tree = label(name.as_str(), subtree);
        for (prefix, slot) in way_up(id.0) {
            let node = self.certified.node(prefix);
            if node.digest(slot) != certified {
                return None;
            }
            tree = node.around(slot, tree);
            certified = node.digest(1);
        }
        Some(tree)
    }

    /// What is beside the memories changed.
    pub(crate) fn root_changed(&mut self) {
        self.changes.root = true;
    }

    /// Puts a memory on the list: its assets changed.
    pub(crate) fn queue_memory(&mut self, id: MemoryId) {
        self.uncertified.insert(key(MEMORY_TAG, id.0), 0);
        self.changes.queued = true;
    }

    /// Puts all memories of a capsule on the list: who may read them changed.
    pub(crate) fn queue_capsule(&mut self, id: CapsuleId) {
        self.uncertified.insert(key(CAPSULE_TAG, id.0), 0);
        self.changes.queued = true;
    }

    /// Takes at most `most` memories off the list: those that changed, then those of capsules whose readers changed,
    /// then those that were made before there was a tree.
    pub fn take_uncertified(&mut self, most: usize) -> Vec<MemoryId> {
        let changed = key(MEMORY_TAG, 0)..=key(MEMORY_TAG, u64::MAX);
        let keys: Vec<_> = self.uncertified.keys_range(changed).take(most).collect();
        for key in &keys {
            self.uncertified.remove(key);
        }
        let mut taken: Vec<_> = keys.iter().map(|key| MemoryId(u64_be(&key[1..]))).collect();
        while taken.len() < most && self.take_of_capsule(&mut taken, most) {}
        if taken.len() < most {
            self.take_older(&mut taken, most);
        }
        taken
    }

    /// There is something on the list.
    pub fn has_uncertified(&self) -> bool {
        let older = self.header.read(Field::CertifiedThrough) != ALL;
        older || !self.uncertified.is_empty()
    }

    /// False where no capsule is on the list.
    fn take_of_capsule(&mut self, taken: &mut Vec<MemoryId>, most: usize) -> bool {
        let range = key(CAPSULE_TAG, 0)..=key(CAPSULE_TAG, u64::MAX);
        let Some((row, after)) = self.uncertified.range(range).next() else {
            return false;
        };
        let capsule = CapsuleId(u64_be(&row[1..]));
        let first = item_key(capsule, ItemKind::Memory, after.saturating_add(1));
        let last = item_key(capsule, ItemKind::Memory, u64::MAX);
        let wanted = most - taken.len();
        taken.extend(self.items.keys_range(first..=last).take(wanted).map(|key| MemoryId(u64_be(&key[9..]))));
        if taken.len() == most {
            self.uncertified.insert(row, taken.last().map_or(0, |last| last.0));
        } else {
            self.uncertified.remove(&row);
        }
        true
    }

    fn take_older(&mut self, taken: &mut Vec<MemoryId>, most: usize) {
        let through = self.header.read(Field::CertifiedThrough);
        if through == ALL {
            return;
        }
        let wanted = most - taken.len();
        taken.extend(self.memories.keys_range(through + 1..).take(wanted).map(MemoryId));
        let through = if taken.len() == most { taken.last().map_or(ALL, |id| id.0) } else { ALL };
        self.header.set(Field::CertifiedThrough, through);
    }
}

fn key(tag: u8, number: u64) -> [u8; 9] {
    let mut key = [tag; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The nodes from a memory up to the root, each with the slot that leads to the memory.
fn way_up(number: u64) -> impl Iterator<Item = (u64, usize)> {
    let (mut rest, mut longer, mut done) = (number, false, false);
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let digit = usize::try_from(rest % 10).expect("a digit");
        let slot = SLOTS + 2 * digit + usize::from(longer);
        rest /= 10;
        (longer, done) = (true, rest == 0);
        Some((rest, slot))
    })
}

/// The nodes of the trie.
pub(crate) struct Nodes<R: Memory>(Vm<R>);

impl<R: Memory> Nodes<R> {
    pub(crate) fn open(memory: Vm<R>) -> Self {
        Self(memory)
    }

    /// The node of a prefix; an empty one where there is none yet.
    fn node(&self, prefix: u64) -> Node {
        let mut node = Node([0; NODE_BYTES]);
        let at = prefix * NODE_BYTES as u64;
        if at + NODE_BYTES as u64 <= self.0.size() * PAGE_BYTES {
            self.0.read(at, &mut node.0);
        }
        node
    }

    fn write(&mut self, prefix: u64, node: &Node) {
        let at = prefix * NODE_BYTES as u64;
        let pages = (at + NODE_BYTES as u64).div_ceil(PAGE_BYTES);
        let missing = pages.saturating_sub(self.0.size());
        assert!(missing == 0 || self.0.grow(missing) >= 0, "the host keeps room for the records");
        self.0.write(at, &node.0);
    }
}

/// A node of the trie.
struct Node([u8; NODE_BYTES]);

impl Node {
    fn digest(&self, at: usize) -> Option<Digest> {
        // No slot, no fork: the heap is not full on its right.
        let bytes = self.0.get(at * DIGEST_BYTES..(at + 1) * DIGEST_BYTES)?;
        let digest: Digest = bytes.try_into().expect("32 bytes");
        (digest != [0; DIGEST_BYTES]).then_some(digest)
    }

    fn put(&mut self, at: usize, digest: Option<Digest>) {
        let bytes = digest.unwrap_or_default();
        self.0[at * DIGEST_BYTES..(at + 1) * DIGEST_BYTES].copy_from_slice(&bytes);
    }

    fn set(&mut self, slot: usize, digest: Option<Digest>) {
        self.put(slot, digest);
        let mut at = slot / 2;
        while at > 0 {
            let fork = match (self.digest(2 * at), self.digest(2 * at + 1)) {
                (Some(left), Some(right)) => Some(fork_hash(&left, &right)),
                (left, right) => left.or(right),
            };
            self.put(at, fork);
            at /= 2;
        }
    }

    /// `tree` in its slot, and the digests of the others.
    fn around(&self, slot: usize, tree: Witness) -> Witness {
        let (mut tree, mut at) = (tree, slot);
        while at > 1 {
            tree = match self.digest(at ^ 1) {
                Some(other) if at % 2 == 0 => fork(tree, pruned(other)),
                Some(other) => fork(pruned(other), tree),
                None => tree,
            };
            at /= 2;
        }
        tree
    }
}

#[cfg(test)]
mod tests;
