//! Putting entries in and taking them out. Owns the balance: all leaves are equally deep, and every node but the root
//! has 5 to 11 entries.

use super::node::{ENTRIES_MAX, ENTRIES_MIN, HEAD_BYTES, Node, Parts};
use super::{NONE, Tree};
use ic_stable_structures::Memory;

/// The nodes from the root down to where something changes, each with the child that was taken.
type Way = Vec<(Node, usize)>;
/// As many as a tree of a hundred thousand entries has.
const LEVELS: usize = 8;

impl<M: Memory> Tree<M> {
    /// Puts a value under a key, in place of any that is there. O(log n) page reads; writes one node, and two for each
    /// one that was full.
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) {
        let mut way = Way::with_capacity(LEVELS);
        let mut address = self.root;
        while address != NONE {
            let mut node = self.load(address);
            match node.search(key) {
                Ok(at) => {
                    self.replace(node, at, value);
                    return self.let_all_go(way);
                }
                Err(at) if node.is_leaf() => {
                    self.read_whole(&mut node);
                    let from = node.insert(at, key, value);
                    self.grow(way, node, from);
                    self.set_len(self.len + 1);
                    return;
                }
                Err(at) => {
                    address = node.child(at);
                    way.push((node, at));
                }
            }
        }
        if self.memory.size() == 0 {
            self.format();
        }
        let root = self.take();
        self.save(&mut Node::new(root, self.key_bytes, &Parts::of_one(key, value)), 0);
        self.set_root(root);
        self.set_len(1);
    }

    fn replace(&mut self, mut node: Node, at: usize, value: &[u8]) {
        let old = self.value(&mut node, at);
        if old.len() == value.len() {
            node.bytes[old.clone()].copy_from_slice(value);
            self.write_part(&node, old);
        } else {
            self.read_whole(&mut node);
            let from = node.replace(at, value);
            self.save(&mut node, from);
        }
    }

    /// Writes a node that got one entry more, and splits it and those above it where they have too many.
    fn grow(&mut self, mut way: Way, mut node: Node, from: usize) {
        if node.count() <= ENTRIES_MAX {
            self.save(&mut node, from);
            return self.let_all_go(way);
        }
        let (left, entry, right) = node.parts().split(ENTRIES_MAX / 2 + 1, self.key_bytes);
        node.fill(&left);
        self.save(&mut node, 0);
        let sibling = self.take();
        self.save(&mut Node::new(sibling, self.key_bytes, &right), 0);
        if let Some((mut parent, at)) = way.pop() {
            self.read_whole(&mut parent);
            let mut parts = parent.parts();
            parts.insert(at, &entry, sibling);
            parent.fill(&parts);
            self.grow(way, parent, HEAD_BYTES);
        } else {
            let root = self.take();
            let parts = Parts::of_two(node.address, entry, sibling);
            self.save(&mut Node::new(root, self.key_bytes, &parts), 0);
            self.set_root(root);
        }
    }

    /// Takes a key and its value out. True where it was there. O(log n) page reads; writes one node, two where the key
    /// was in an inner one, and three for each one that had too few entries then.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let mut way = Way::with_capacity(LEVELS);
        let mut address = self.root;
        while address != NONE {
            let node = self.load(address);
            match node.search(key) {
                Ok(at) => {
                    self.remove_at(way, node, at);
                    self.set_len(self.len - 1);
                    return true;
                }
                Err(_) if node.is_leaf() => return false,
                Err(at) => {
                    address = node.child(at);
                    way.push((node, at));
                }
            }
        }
        false
    }

    fn remove_at(&mut self, mut way: Way, mut node: Node, at: usize) {
        if node.is_leaf() {
            self.read_whole(&mut node);
            let (_, from) = node.remove(at);
            self.shrink(way, node, from);
            return;
        }
        // The entry before it takes its place: the last one of the last leaf below.
        let (inner, mut address) = (way.len(), node.child(at));
        way.push((node, at));
        let mut leaf = loop {
            let below = self.load(address);
            if below.is_leaf() {
                break below;
            }
            let last = below.count();
            address = below.child(last);
            way.push((below, last));
        };
        self.read_whole(&mut leaf);
        let (entry, from) = leaf.remove(leaf.count() - 1);
        let node = &mut way[inner].0;
        self.read_whole(node);
        node.replace_entry(at, &entry);
        self.save(node, HEAD_BYTES);
        self.shrink(way, leaf, from);
    }

    /// Writes a whole node that has one entry less. Where it has too few, it takes from a sibling or becomes one with
    /// it, and so do those above it.
    fn shrink(&mut self, mut way: Way, mut node: Node, from: usize) {
        let Some((mut parent, at)) = way.pop() else {
            return self.shrink_root(node, from);
        };
        if node.count() >= ENTRIES_MIN {
            self.save(&mut node, from);
            self.let_go(parent);
            return self.let_all_go(way);
        }
        self.read_whole(&mut parent);
        let between = at.saturating_sub(1);
        let mut sibling = self.load(parent.child(if at == 0 { 1 } else { between }));
        self.read_whole(&mut sibling);
        let (mut left, mut right) = if at == 0 { (node, sibling) } else { (sibling, node) };
        let mut rest = parent.parts();
        let entry = rest.remove(between, self.key_bytes);
        let mut both = left.parts();
        both.join(&entry, &right.parts());
        if both.count() <= ENTRIES_MAX {
            left.fill(&both);
            self.save(&mut left, 0);
            self.discard(right);
            parent.fill(&rest);
            return self.shrink(way, parent, HEAD_BYTES);
        }
        let middle = both.count() / 2;
        let (front, entry, back) = both.split(middle, self.key_bytes);
        left.fill(&front);
        self.save(&mut left, 0);
        right.fill(&back);
        self.save(&mut right, 0);
        parent.replace_entry(between, &entry);
        self.save(&mut parent, HEAD_BYTES);
    }

    fn let_all_go(&self, way: Way) {
        for (node, _) in way {
            self.let_go(node);
        }
    }

    fn shrink_root(&mut self, mut root: Node, from: usize) {
        if root.count() > 0 {
            self.save(&mut root, from);
            return;
        }
        let below = if root.is_leaf() { NONE } else { root.child(0) };
        self.discard(root);
        self.set_root(below);
    }
}
