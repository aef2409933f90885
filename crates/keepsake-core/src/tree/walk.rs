//! Walks over a range of keys, from both ends. Owns the way down to where each end stands; a walk reads each page once.

use super::node::Node;
use super::{NONE, Tree};
use ic_stable_structures::Memory;
use std::ops::Bound;

/// A walk over the entries of a range, in the order of their keys.
pub(crate) struct Walk<'a, M: Memory> {
    tree: &'a Tree<M>,
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    /// Each node down to the next entry, with that entry's place in it: what is below its left is done.
    front: Option<Vec<(Node, usize)>>,
    /// The same from behind: the next entry is the one before that place, and what is below its right is done.
    back: Option<Vec<(Node, usize)>>,
}

impl<M: Memory> Tree<M> {
    /// The entries between two bounds.
    pub(crate) fn walk(&self, lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>>) -> Walk<'_, M> {
        Walk { tree: self, lower, upper, front: None, back: None }
    }

    /// The way to the first entry that is not before `lower`.
    fn seek(&self, lower: &Bound<Vec<u8>>) -> Vec<(Node, usize)> {
        let mut way = Vec::new();
        let mut address = self.root;
        while address != NONE {
            let node = self.load(address);
            let (at, deeper) = match lower {
                Bound::Unbounded => (0, true),
                Bound::Included(key) => node.search(key).map_or_else(|at| (at, true), |at| (at, false)),
                Bound::Excluded(key) => (node.search(key).map_or_else(|at| at, |at| at + 1), true),
            };
            address = if deeper && !node.is_leaf() { node.child(at) } else { NONE };
            way.push((node, at));
        }
        way
    }

    /// The way to behind the last entry that is not beyond `upper`.
    fn seek_back(&self, upper: &Bound<Vec<u8>>) -> Vec<(Node, usize)> {
        let mut way = Vec::new();
        let mut address = self.root;
        while address != NONE {
            let node = self.load(address);
            let (at, deeper) = match upper {
                Bound::Unbounded => (node.count(), true),
                Bound::Included(key) => node.search(key).map_or_else(|at| (at, true), |at| (at + 1, false)),
                Bound::Excluded(key) => (node.search(key).unwrap_or_else(|at| at), true),
            };
            address = if deeper && !node.is_leaf() { node.child(at) } else { NONE };
            way.push((node, at));
        }
        way
    }

    /// Puts the way down from `address` to its first or last leaf on `way`.
    fn descend(&self, way: &mut Vec<(Node, usize)>, mut address: u64, last: bool) {
        while address != NONE {
            let node = self.load(address);
            let at = if last { node.count() } else { 0 };
            address = if node.is_leaf() { NONE } else { node.child(at) };
            way.push((node, at));
        }
    }
}

impl<M: Memory> Walk<'_, M> {
    /// The next key, and its value where `read` says so.
    pub(crate) fn step(&mut self, read: bool) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut way = self.front.take().unwrap_or_else(|| self.tree.seek(&self.lower));
        while way.last().is_some_and(|(node, at)| *at == node.count()) {
            way.pop();
        }
        let (node, at) = way.last_mut()?;
        let key = node.key(*at).to_vec();
        let within = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= *upper,
            Bound::Excluded(upper) => key < *upper,
        };
        if !within {
            self.front = Some(Vec::new());
            return None;
        }
        let value = if read { self.tree.read_value(node, *at) } else { Vec::new() };
        *at += 1;
        let below = if node.is_leaf() { NONE } else { node.child(*at) };
        self.tree.descend(&mut way, below, false);
        self.front = Some(way);
        self.lower = Bound::Excluded(key.clone());
        Some((key, value))
    }

    /// The same from behind.
    pub(crate) fn step_back(&mut self, read: bool) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut way = self.back.take().unwrap_or_else(|| self.tree.seek_back(&self.upper));
        while way.last().is_some_and(|(_, at)| *at == 0) {
            way.pop();
        }
        let (node, at) = way.last_mut()?;
        let key = node.key(*at - 1).to_vec();
        let within = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => key >= *lower,
            Bound::Excluded(lower) => key > *lower,
        };
        if !within {
            self.back = Some(Vec::new());
            return None;
        }
        *at -= 1;
        let value = if read { self.tree.read_value(node, *at) } else { Vec::new() };
        let below = if node.is_leaf() { NONE } else { node.child(*at) };
        self.tree.descend(&mut way, below, true);
        self.back = Some(way);
        self.upper = Bound::Excluded(key.clone());
        Some((key, value))
    }
}

impl<M: Memory> Tree<M> {
    fn read_value(&self, node: &mut Node, at: usize) -> Vec<u8> {
        let value = self.value(node, at);
        node.bytes[value].to_vec()
    }
}
