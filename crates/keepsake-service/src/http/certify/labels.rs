//! A hash tree by its labels, and the part of it that a reader needs. Owns the shape: labels in order, halved again and
//! again; and what has to be shown so that a label is seen to be there, or not to be there.
//! Source: [witnesses](https://docs.internetcomputer.org/references/ic-interface-spec/#certification).

use ic_certification::hash_tree::{HashTreeNode, empty, fork, fork_hash, label, labeled_hash, leaf, pruned};
use keepsake_core::certified::{Digest, Witness};
use std::collections::BTreeMap;

/// What is below a label.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// An empty leaf: the label says all.
    Leaf,
    /// Only its digest is known.
    Digest(Digest),
    /// More labels.
    Below(Labels),
}

/// A way down from some labels.
pub(super) type Way<'a> = [&'a [u8]];

/// Labels in their order, each with what is below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    nodes: BTreeMap<Vec<u8>, Node>,
    /// A label that stands alone: what is before it and after it are trees of their own, so that the digest of all follows
    /// from theirs.
    alone: Option<&'static [u8]>,
}

impl Labels {
    pub(super) fn around(alone: &'static [u8]) -> Self {
        Self { nodes: BTreeMap::new(), alone: Some(alone) }
    }

    pub(super) fn of<L: Into<Vec<u8>>>(nodes: impl IntoIterator<Item = (L, Node)>) -> Self {
        Self { nodes: nodes.into_iter().map(|(label, node)| (label.into(), node)).collect(), alone: None }
    }

    /// One label over others.
    pub(super) fn one(label: impl Into<Vec<u8>>, node: Node) -> Self {
        Self::of([(label, node)])
    }

    /// Puts a node under a label, where there is none yet.
    pub(super) fn add(&mut self, label: impl Into<Vec<u8>>, node: Node) {
        self.nodes.entry(label.into()).or_insert(node);
    }

    /// Puts a node at the end of a way; labels on the way are made where they are missing.
    pub(super) fn add_at(&mut self, way: &Way<'_>, node: Node) {
        let (first, rest) = way.split_first().expect("a way has a label");
        if rest.is_empty() {
            return self.add(*first, node);
        }
        let below = self.nodes.entry(first.to_vec()).or_insert_with(|| Node::Below(Self::default()));
        if let Node::Below(below) = below {
            below.add_at(rest, node);
        }
    }

    /// Puts a node at the end of a way in place of what is there.
    pub(super) fn set_at(&mut self, way: &Way<'_>, node: Node) {
        let (first, rest) = way.split_first().expect("a way has a label");
        match self.nodes.get_mut(*first) {
            Some(Node::Below(below)) if !rest.is_empty() => below.set_at(rest, node),
            _ => drop(self.nodes.insert(first.to_vec(), node)),
        }
    }

    /// There is something at the end of a way.
    pub(super) fn has(&self, way: &Way<'_>) -> bool {
        let Some((first, rest)) = way.split_first() else { return true };
        match self.nodes.get(*first) {
            Some(Node::Below(below)) => below.has(rest),
            found => found.is_some() && rest.is_empty(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn digest(&self) -> Digest {
        let [before, alone, after] = self.parts(|label, node| labeled_hash(label, &node.digest()));
        let halves = [halved(before, fork_digest), halved(alone, fork_digest), halved(after, fork_digest)];
        joined(halves, fork_digest).unwrap_or_else(|| empty::<Vec<u8>>().digest())
    }

    /// Digests of what is before and after the label that stands alone.
    pub(super) fn digests_beside(&self) -> [Option<Digest>; 2] {
        let [before, _, after] = self.parts(|label, node| labeled_hash(label, &node.digest()));
        [halved(before, fork_digest), halved(after, fork_digest)]
    }

    /// Shows what is at the end of each way, or that there is no such way; digests of the rest.
    pub(super) fn show(&self, ways: &[&Way<'_>]) -> Witness {
        let parts = self.parts(|label, node| self.show_label(label, node, ways));
        joined(parts.map(|part| halved(part, fork_shown)), fork_shown).unwrap_or_else(empty)
    }

    fn show_label(&self, name: &[u8], node: &Node, ways: &[&Way<'_>]) -> Witness {
        let ends_here = ways.iter().any(|way| way.is_empty());
        let below: Vec<&Way<'_>> =
            ways.iter().filter(|way| way.first() == Some(&name)).map(|way| &way[1..]).collect();
        if ends_here {
            label(name, node.show(&[&[]]))
        } else if !below.is_empty() {
            label(name, node.show(&below))
        } else if ways.iter().filter_map(|way| way.first()).any(|wanted| self.is_beside(name, wanted)) {
            label(name, pruned(node.digest()))
        } else {
            pruned(labeled_hash(name, &node.digest()))
        }
    }

    /// A label that is not there would be right beside this one.
    fn is_beside(&self, name: &[u8], wanted: &[u8]) -> bool {
        let last_before = || self.nodes.range(..wanted.to_vec()).next_back();
        let first_after = || self.nodes.range(wanted.to_vec()..).next();
        !self.nodes.contains_key(wanted)
            && [last_before(), first_after()].into_iter().flatten().any(|(label, _)| label == name)
    }

    fn parts<T>(&self, part: impl Fn(&[u8], &Node) -> T) -> [Vec<T>; 3] {
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for (label, node) in &self.nodes {
            let at = self.alone.map_or(0, |alone| match label.as_slice().cmp(alone) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => 1,
                std::cmp::Ordering::Greater => 2,
            });
            parts[at].push(part(label, node));
        }
        parts
    }
}

impl Node {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Leaf => leaf::<Vec<u8>, _>(Vec::new()).digest(),
            Self::Digest(digest) => *digest,
            Self::Below(labels) => labels.digest(),
        }
    }

    fn show(&self, ways: &[&Way<'_>]) -> Witness {
        match self {
            Self::Leaf => leaf(Vec::new()),
            Self::Digest(digest) => pruned(*digest),
            Self::Below(labels) => labels.show(ways),
        }
    }
}

/// What is left of two of anything, until one is left.
fn halved<T>(mut parts: Vec<T>, fork: fn(T, T) -> T) -> Option<T> {
    while parts.len() > 1 {
        let mut pairs = parts.into_iter();
        let mut next = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => fork(left, right),
                None => left,
            });
        }
        parts = next;
    }
    parts.pop()
}

/// What is before, the label that stands alone, what is after.
fn joined<T>([before, alone, after]: [Option<T>; 3], fork: fn(T, T) -> T) -> Option<T> {
    either(before, either(alone, after, fork), fork)
}

fn either<T>(left: Option<T>, right: Option<T>, fork: fn(T, T) -> T) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(fork(left, right)),
        (left, right) => left.or(right),
    }
}

/// The digest of all, from those of what is before and after the label that stands alone.
pub(super) fn digest_around(before: Option<Digest>, alone: Digest, after: Option<Digest>) -> Digest {
    joined([before, Some(alone), after], fork_digest).expect("one stands alone")
}

fn fork_digest(left: Digest, right: Digest) -> Digest {
    fork_hash(&left, &right)
}

/// Two digests that nobody needs are one.
fn fork_shown(left: Witness, right: Witness) -> Witness {
    match (left.as_ref(), right.as_ref()) {
        (HashTreeNode::Pruned(left), HashTreeNode::Pruned(right)) => pruned(fork_hash(left, right)),
        _ => fork(left, right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ic_certification::{LookupResult, SubtreeLookupResult};

    fn labels(names: &[&str], alone: Option<&'static [u8]>) -> Labels {
        let leaves = names.iter().map(|name| (*name, Node::Below(Labels::one("<$>", Node::Leaf))));
        Labels { alone, ..Labels::of(leaves) }
    }

    const NAMES: [&str; 7] = ["", "<*>", "asset", "b", "index.html", "sw.js", "z"];

    #[test]
    fn a_part_has_the_digest_of_all_and_shows_what_is_wanted() {
        for count in 1..=NAMES.len() {
            for alone in [None, Some(b"asset".as_slice())] {
                let labels = labels(&NAMES[..count], alone);
                for name in &NAMES[..count] {
                    let shown = labels.show(&[&[name.as_bytes(), b"<$>"]]);
                    assert_eq!(shown.digest(), labels.digest(), "{name} of {count}");
                    let found = shown.lookup_subtree([name.as_bytes(), b"<$>"].iter());
                    assert!(matches!(found, SubtreeLookupResult::Found(_)), "{name} of {count}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_seen_not_to_be_there() {
        let labels = labels(&NAMES, Some(b"asset"));
        for way in [[b"a".as_slice(), b"<$>"], [b"index.htm", b"<$>"], [b"zz", b"<$>"], [b"b", b"<*>"]] {
            let shown = labels.show(&[&way]);
            assert_eq!(shown.digest(), labels.digest());
            assert_eq!(shown.lookup_path(way.iter()), LookupResult::Absent, "{way:?}");
        }
        let shown = labels.show(&[&[b"b", b"<$>"]]);
        assert_eq!(shown.lookup_path([b"sw.js".as_slice()].iter()), LookupResult::Unknown);
    }

    #[test]
    fn what_nobody_needs_is_one_digest() {
        let many: Vec<String> = (0..1_000).map(|at| format!("{at:04}")).collect();
        let many = labels(&many.iter().map(String::as_str).collect::<Vec<_>>(), None);
        let shown = format!("{:?}", many.show(&[&[b"0500"]]));
        assert!(shown.matches("Pruned").count() <= 11, "{shown}");
    }
}
