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

use crate::ids::{AssetId, CapsuleId, MemoryId};
use crate::layout::{ALL_CERTIFIED, Counter, Field, Map, Part, Vm, part};
use crate::record::{halves16, key16, u64_be};
use crate::store::Store;
use ic_certification::hash_tree::{HashTree, fork, fork_hash, label, labeled_hash, pruned};
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
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

/// What changed since somebody asked. Not stored: whoever opens the store looks at the list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changes {
    queued: bool,
    root: bool,
}

/// The tree, the list, and the digests of pieces.
pub(crate) struct Certified<R: Memory> {
    nodes: Nodes<R>,
    list: Map<[u8; 9], u64, R>,
    pieces: Map<[u8; 16], Vec<u8>, R>,
    through: Counter<R>,
    form: Counter<R>,
    /// False on a host that proves nothing: then nothing is put on the list.
    is_kept: bool,
    /// The capsule on the list that had the last turn.
    turn: CapsuleId,
    changes: Changes,
}

/// What is left to certify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certification {
    /// Nothing.
    Done,
    /// Memories that did not change themselves: others made them public or private.
    Walk,
    /// Memories that changed, or pieces that somebody waits for.
    Changed,
}

impl<R: Memory> Certified<R> {
    pub(crate) fn open(manager: &MemoryManager<R>, is_kept: bool) -> Self {
        Self {
            is_kept,
            turn: CapsuleId(0),
            nodes: Nodes::open(part(manager, Part::Certified)),
            list: Map::init(part(manager, Part::Uncertified)),
            pieces: Map::open(part(manager, Part::Pieces)),
            through: Counter::open(manager, Field::CertifiedThrough),
            form: Counter::open(manager, Field::CertifiedForm),
            changes: Changes::default(),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.list.check_tree("what is to certify", wrong);
        self.pieces.check_tree("pieces", wrong);
    }

    /// Whether from now on what changes is put on the list.
    pub(crate) fn keep(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// Bytes of the pages that its lists take. The tree's nodes are not counted: they stay where memories were.
    pub(crate) fn bytes(&self) -> u64 {
        self.list.bytes() + self.pieces.bytes()
    }

    fn root(&self) -> Option<Digest> {
        self.nodes.node(0).digest(1)
    }

    /// As [`Store::certify`].
    pub(crate) fn certify(&mut self, id: MemoryId, subtree: Option<&Digest>) {
        let mut digest = subtree.map(|digest| labeled_hash(id.to_string().as_bytes(), digest));
        for (prefix, slot) in way_up(id.0) {
            let mut node = self.nodes.node(prefix);
            if node.digest(slot) == digest {
                return;
            }
            node.set(slot, digest);
            digest = node.digest(1);
            self.nodes.write(prefix, &node);
        }
        self.changes.root = true;
    }

    fn witness(&self, id: MemoryId, subtree: Witness) -> Option<Witness> {
        let name = id.to_string();
        let mut certified = Some(labeled_hash(name.as_bytes(), &subtree.digest()));
        let mut tree = label(name.as_str(), subtree);
        for (prefix, slot) in way_up(id.0) {
            let node = self.nodes.node(prefix);
            if node.digest(slot) != certified {
                return None;
            }
            tree = node.around(slot, tree);
            certified = node.digest(1);
        }
        Some(tree)
    }

    /// The number of the form that all of it has, or is to get: what is not on the list has it.
    pub(crate) fn form(&self) -> u64 {
        self.form.read()
    }

    pub(crate) fn set_form(&mut self, form: u64) {
        self.form.set(form);
    }

    /// What is beside the memories changed.
    pub(crate) fn root_changed(&mut self) {
        self.changes.root = true;
    }

    /// Puts a memory on the list: its assets changed.
    pub(crate) fn queue_memory(&mut self, id: MemoryId) {
        self.queue(MEMORY_TAG, id.0);
    }

    /// Puts all memories of a capsule on the list: who may read them changed.
    pub(crate) fn queue_capsule(&mut self, id: CapsuleId) {
        self.queue(CAPSULE_TAG, id.0);
    }

    /// Puts every memory on the list. What the tree has stays until each had its turn; it is of what was there, and a
    /// memory that is deleted leaves the tree on every host.
    pub(crate) fn look_at_all_again(&mut self) {
        self.through.set(0);
    }

    fn queue(&mut self, tag: u8, number: u64) {
        if !self.is_kept {
            return;
        }
        self.list.insert(key(tag, number), 0);
        self.changes.queued = true;
    }

    /// At most `most` memories that changed come off the list.
    fn take_changed(&mut self, most: usize) -> Vec<MemoryId> {
        let changed = key(MEMORY_TAG, 0)..=key(MEMORY_TAG, u64::MAX);
        let keys: Vec<_> = self.list.keys_range(changed).take(most).collect();
        for key in &keys {
            self.list.remove(key);
        }
        keys.iter().map(|key| MemoryId(u64_be(&key[1..]))).collect()
    }

    /// The capsule on the list whose turn it is, and the number of the memory that its memories were looked at through.
    /// They take turns, so that nobody who changes a capsule again and again keeps the others waiting.
    fn next_capsule(&mut self) -> Option<(CapsuleId, u64)> {
        let all = [key(CAPSULE_TAG, self.turn.0.saturating_add(1)), key(CAPSULE_TAG, 0)];
        let next = all.into_iter().find_map(|from| self.list.range(from..=key(CAPSULE_TAG, u64::MAX)).next());
        let (row, through) = next?;
        self.turn = CapsuleId(u64_be(&row[1..]));
        Some((self.turn, through))
    }

    fn is_listed(&self, tag: u8) -> bool {
        self.list.keys_range(key(tag, 0)..=key(tag, u64::MAX)).next().is_some()
    }

    /// Notes how far a capsule's memories were looked at; none: all of them.
    fn capsule_looked_at(&mut self, id: CapsuleId, through: Option<u64>) {
        match through {
            Some(through) => self.list.insert(key(CAPSULE_TAG, id.0), through),
            None => {
                self.list.remove(&key(CAPSULE_TAG, id.0));
            }
        }
    }

    /// Digests of an asset's first pieces, one after the other.
    pub(crate) fn pieces(&self, id: MemoryId, asset: AssetId) -> Vec<u8> {
        self.pieces.get(&key16(id.0, asset.0)).unwrap_or_default()
    }

    fn put_pieces(&mut self, id: MemoryId, asset: AssetId, digests: Vec<u8>) {
        self.pieces.insert(key16(id.0, asset.0), digests);
    }

    pub(crate) fn remove_pieces(&mut self, id: MemoryId, asset: AssetId) {
        self.pieces.remove(&key16(id.0, asset.0));
    }

    /// The assets that have digests of pieces.
    pub(crate) fn pieced(&self) -> impl Iterator<Item = (MemoryId, AssetId)> + '_ {
        self.pieces.keys().map(|key| {
            let (memory, asset) = halves16(&key);
            (MemoryId(memory), AssetId(asset))
        })
    }

    /// The first memory of which somebody wants pieces.
    fn first_wanted(&self) -> Option<MemoryId> {
        let wanted = key(PIECES_TAG, 0)..=key(PIECES_TAG, u64::MAX);
        self.list.keys_range(wanted).next().map(|row| MemoryId(u64_be(&row[1..])))
    }

    fn pieces_done(&mut self, id: MemoryId) {
        self.list.remove(&key(PIECES_TAG, id.0));
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The digest of the tree of all memories; none where it is empty. O(1).
    pub fn certified_root(&self) -> Option<Digest> {
        self.certified.root()
    }

    /// The root of the tree changed since the last call of this.
    pub fn take_root_changed(&mut self) -> bool {
        std::mem::take(&mut self.certified.changes.root)
    }

    /// Something was put on the list since the last call of this.
    pub fn take_queued(&mut self) -> bool {
        std::mem::take(&mut self.certified.changes.queued)
    }

    /// Certifies that the subtree of this memory has this digest, or that there is no such memory. O(digits).
    pub fn certify(&mut self, id: MemoryId, subtree: Option<&Digest>) {
        self.certified.certify(id, subtree);
    }

    /// Shows the memory's subtree within the whole tree. None where it is not what was certified. O(digits).
    pub fn witness(&self, id: MemoryId, subtree: Witness) -> Option<Witness> {
        self.certified.witness(id, subtree)
    }

    /// Takes at most `most` memories off the list: those that changed, then those that were made where there was no tree,
    /// then, with `walks`, those of capsules whose readers changed.
    pub fn take_uncertified(&mut self, most: usize, walks: bool) -> Vec<MemoryId> {
        let mut taken = self.certified.take_changed(most);
        if taken.len() < most {
            self.take_older(&mut taken, most);
        }
        while walks && taken.len() < most && self.take_of_capsule(&mut taken, most) {}
        taken
    }

    /// A capsule is on the list. O(log list).
    pub fn walk_waits(&self) -> bool {
        self.certified.is_listed(CAPSULE_TAG)
    }

    /// What is on the list. O(log list).
    pub fn uncertified(&self) -> Certification {
        let list = &self.certified;
        let older = list.through.read() != ALL_CERTIFIED;
        if older || [MEMORY_TAG, PIECES_TAG].into_iter().any(|tag| list.is_listed(tag)) {
            Certification::Changed
        } else if self.walk_waits() {
            Certification::Walk
        } else {
            Certification::Done
        }
    }

    /// False where no capsule is on the list.
    fn take_of_capsule(&mut self, taken: &mut Vec<MemoryId>, most: usize) -> bool {
        let Some((capsule, through)) = self.certified.next_capsule() else { return false };
        let wanted = most - taken.len();
        taken.extend(self.capsules.memories(capsule, through.saturating_add(1), u64::MAX).take(wanted));
        let through = taken.last().filter(|_| taken.len() == most).map(|last| last.0);
        self.certified.capsule_looked_at(capsule, through);
        true
    }

    fn take_older(&mut self, taken: &mut Vec<MemoryId>, most: usize) {
        let through = self.certified.through.read();
        if through == ALL_CERTIFIED {
            return;
        }
        let wanted = most - taken.len();
        taken.extend(self.memories.ids_after(through).take(wanted));
        let last = taken.last().filter(|_| taken.len() == most);
        self.certified.through.set(last.map_or(ALL_CERTIFIED, |id| id.0));
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
