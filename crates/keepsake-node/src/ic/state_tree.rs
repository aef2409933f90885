//! The certified state as a hash tree: building it, its digests, and witnesses that reveal chosen paths.
//!
//! Owns hashing and pruning. Knows no path of the IC's state tree and no key.
//!
//! A [`Tree`] is immutable and keeps its digests, so a witness costs the revealed bytes plus one hash per fork.

use std::collections::BTreeMap;
use std::sync::Arc;

use ic_certification::hash_tree::{self, Hash, HashTree, empty, fork, label, leaf, pruned};

/// A node of the state: bytes, or labeled children.
#[derive(Debug)]
pub(crate) enum Tree {
    /// A value.
    Leaf(Vec<u8>),
    /// Labeled children.
    Branch(Branch),
}

/// Labeled children in ascending order of their labels.
#[derive(Debug)]
pub(crate) struct Branch {
    children: Vec<Child>,
    /// With a fence, nothing is claimed about labels before the first and after the last child: both ends are
    /// pruned nodes with this digest, of which no preimage is known.
    fence: Option<Hash>,
}

/// One labeled child with its digests.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    label: Vec<u8>,
    tree: Arc<Tree>,
    tree_digest: Hash,
    /// Digest of the labeled node.
    digest: Hash,
}

impl Child {
    /// Labels `tree`. Hashes all of it.
    pub(crate) fn new(label: impl Into<Vec<u8>>, tree: Tree) -> Self {
        let label = label.into();
        let tree_digest = tree.digest();
        let digest = hash_tree::labeled_hash(&label, &tree_digest);
        Self { label, tree: Arc::new(tree), tree_digest, digest }
    }

    /// A labeled value.
    pub(crate) fn leaf(label: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self::new(label, Tree::Leaf(value.into()))
    }
}

impl Tree {
    /// A branch over `children`, in any order.
    pub(crate) fn branch(children: Vec<Child>) -> Self {
        Self::Branch(Branch::new(children, None))
    }

    /// A branch that claims nothing about labels outside its first and last child.
    pub(crate) fn fenced(children: Vec<Child>, fence: Hash) -> Self {
        Self::Branch(Branch::new(children, Some(fence)))
    }

    /// Root hash.
    pub(crate) fn digest(&self) -> Hash {
        match self {
            Self::Leaf(value) => hash_tree::leaf_hash(value),
            Self::Branch(branch) => branch.digest(),
        }
    }

    /// The tree that reveals what `selection` names, proves absence where it names nothing, and prunes the rest.
    pub(crate) fn witness<'a>(&'a self, selection: &Selection) -> HashTree<&'a [u8]> {
        match self {
            Self::Leaf(value) => leaf(value.as_slice()),
            Self::Branch(branch) => branch.witness(selection),
        }
    }
}

/// How much of a child a witness shows.
#[derive(Clone, Copy)]
enum Show<'s> {
    Nothing,
    /// Only that it is there: the neighbour of an absent label.
    Label,
    Selected(&'s Selection),
}

impl Branch {
    fn new(mut children: Vec<Child>, fence: Option<Hash>) -> Self {
        children.sort_by(|a, b| a.label.cmp(&b.label));
        Self { children, fence }
    }

    fn digest(&self) -> Hash {
        let inner = range_digest(&self.children);
        match self.fence {
            None => inner,
            Some(fence) => hash_tree::fork_hash(&hash_tree::fork_hash(&fence, &inner), &fence),
        }
    }

    fn witness<'a>(&'a self, selection: &Selection) -> HashTree<&'a [u8]> {
        let shows = self.shows(selection);
        let inner = range_witness(&self.children, &shows);
        match self.fence {
            None => inner,
            Some(fence) => fork(fork(pruned(fence), inner), pruned(fence)),
        }
    }

    fn shows<'s>(&self, selection: &'s Selection) -> Vec<Show<'s>> {
        if selection.all {
            return vec![Show::Selected(&ALL); self.children.len()];
        }
        let mut shows = vec![Show::Nothing; self.children.len()];
        for (label, below) in &selection.below {
            match self.children.binary_search_by(|child| child.label.cmp(label)) {
                Ok(at) => shows[at] = Show::Selected(below),
                Err(at) => {
                    for neighbour in [at.checked_sub(1), Some(at)].into_iter().flatten() {
                        if let Some(show @ Show::Nothing) = shows.get_mut(neighbour) {
                            *show = Show::Label;
                        }
                    }
                }
            }
        }
        shows
    }
}

fn range_digest(children: &[Child]) -> Hash {
    match children {
        [] => empty::<Vec<u8>>().digest(),
        [child] => child.digest,
        _ => {
            let (left, right) = children.split_at(children.len() / 2);
            hash_tree::fork_hash(&range_digest(left), &range_digest(right))
        }
    }
}

fn range_witness<'a>(children: &'a [Child], shows: &[Show<'_>]) -> HashTree<&'a [u8]> {
    if !children.is_empty() && shows.iter().all(|show| matches!(show, Show::Nothing)) {
        return pruned(range_digest(children));
    }
    match (children, shows) {
        ([], _) => empty(),
        ([child], [Show::Selected(below)]) => label(child.label.as_slice(), child.tree.witness(below)),
        ([child], _) => label(child.label.as_slice(), pruned::<&[u8], _>(child.tree_digest)),
        _ => {
            let middle = children.len() / 2;
            let (left, right) = children.split_at(middle);
            let (shows_left, shows_right) = shows.split_at(middle);
            fork(range_witness(left, shows_left), range_witness(right, shows_right))
        }
    }
}

/// The paths that a witness reveals, as a trie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    all: bool,
    below: BTreeMap<Vec<u8>, Selection>,
}

/// Everything below.
static ALL: Selection = Selection { all: true, below: BTreeMap::new() };

impl Selection {
    /// Adds everything under `path`.
    pub(crate) fn add<L: AsRef<[u8]>>(&mut self, path: &[L]) {
        if self.all {
            return;
        }
        match path.split_first() {
            None => *self = ALL.clone(),
            Some((first, rest)) => self.below.entry(first.as_ref().to_vec()).or_default().add(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ic_certification::LookupResult;

    fn sample() -> Tree {
        Tree::branch(vec![
            Child::leaf("time", "now"),
            Child::new("a", Tree::branch(vec![Child::leaf("x", "1"), Child::leaf("y", "2")])),
            Child::leaf("c", "3"),
            Child::leaf("e", "4"),
            Child::new("empty", Tree::branch(vec![])),
        ])
    }

    fn select(paths: &[&[&str]]) -> Selection {
        let mut selection = Selection::default();
        for path in paths {
            selection.add(path);
        }
        selection
    }

    #[test]
    fn every_witness_has_the_digest_of_the_tree() {
        let tree = sample();
        for paths in [
            &[][..],
            &[&["time"][..]],
            &[&["a"][..], &["e"]],
            &[&["a", "x"][..]],
            &[&["a", "z"][..], &["nothing"]],
            &[&["empty", "z"][..]],
            &[&["c", "deeper"][..]],
            &[&[][..]],
        ] {
            assert_eq!(tree.witness(&select(paths)).digest(), tree.digest(), "{paths:?}");
        }
    }

    #[test]
    fn a_witness_reveals_what_is_selected_and_nothing_else() {
        let tree = sample();
        let witness = tree.witness(&select(&[&["a", "x"], &["time"]]));
        assert_eq!(witness.lookup_path(["a", "x"]), LookupResult::Found(b"1"));
        assert_eq!(witness.lookup_path(["time"]), LookupResult::Found(b"now"));
        assert_eq!(witness.lookup_path(["a", "y"]), LookupResult::Unknown);
        assert_eq!(witness.lookup_path(["c"]), LookupResult::Unknown);
    }

    #[test]
    fn absence_is_proven_without_revealing_neighbours() {
        let tree = sample();
        let witness = tree.witness(&select(&[&["d"], &["a", "zz"], &["zz"]]));
        assert_eq!(witness.lookup_path(["d"]), LookupResult::Absent);
        assert_eq!(witness.lookup_path(["a", "zz"]), LookupResult::Absent);
        assert_eq!(witness.lookup_path(["zz"]), LookupResult::Absent);
        assert_eq!(witness.lookup_path(["c"]), LookupResult::Unknown);
    }

    #[test]
    fn a_fence_leaves_other_labels_unknown() {
        let tree = Tree::fenced(vec![Child::leaf("f", "1"), Child::leaf("k", "2")], [7; 32]);
        let witness = tree.witness(&select(&[&["f"]]));
        assert_eq!(witness.digest(), tree.digest());
        assert_eq!(witness.lookup_path(["f"]), LookupResult::Found(b"1"));
        for other in ["a", "g", "k", "z"] {
            assert_eq!(witness.lookup_path([other]), LookupResult::Unknown, "{other}");
        }
    }
}
