//! Any history gives the tree of what is left, and every witness leads to its root.

use super::*;
use crate::store::Config;
use ic_certification::hash_tree::{HashTreeNode, SubtreeLookupResult, leaf};
use ic_stable_structures::VectorMemory;
use proptest::prelude::*;
use std::collections::BTreeMap;

type TestStore = Store<VectorMemory, VectorMemory>;

fn store() -> TestStore {
    let (records, heap) = (VectorMemory::default(), VectorMemory::default());
    Store::open(records, heap, &Config::default(), &[1; 32]).unwrap()
}

fn subtree(content: u8) -> Witness {
    leaf(vec![content])
}

/// The same tree, made from nothing: the numbers below a prefix, in the order of their texts.
fn rebuilt(memories: &BTreeMap<u64, u8>) -> Option<Digest> {
    let mut store = store();
    for (number, content) in memories.iter().rev() {
        store.certify(MemoryId(*number), Some(&subtree(*content).digest()));
    }
    store.certified_root()
}

fn labels(tree: &HashTreeNode<Vec<u8>>, into: &mut Vec<Vec<u8>>) {
    match tree {
        HashTreeNode::Fork(sides) => {
            labels(&sides.0, into);
            labels(&sides.1, into);
        }
        HashTreeNode::Labeled(label, _) => into.push(label.as_bytes().to_vec()),
        _ => {}
    }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..130_u64, 1 => 990..1_010_u64, 1 => 0..20_000_u64]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_witness_leads_to_the_root_and_to_nothing_else(
        changes in proptest::collection::vec((number(), proptest::option::weighted(0.7, any::<u8>())), 1..120)
    ) {
        let (mut store, mut model) = (store(), BTreeMap::new());
        for (number, content) in changes {
            let digest = content.map(|content| subtree(content).digest());
            store.certify(MemoryId(number), digest.as_ref());
            match content {
                Some(content) => model.insert(number, content),
                None => model.remove(&number),
            };
        }
        prop_assert_eq!(store.certified_root(), rebuilt(&model), "the history shows in the root");
        prop_assert_eq!(store.certified_root().is_none(), model.is_empty());
        for (number, content) in &model {
            let id = MemoryId(*number);
            let witness = store.witness(id, subtree(*content)).expect("it was certified");
            prop_assert_eq!(Some(witness.digest()), store.certified_root());
            let name = id.to_string();
            let found = witness.lookup_subtree([name.as_str()]);
            prop_assert_eq!(found, SubtreeLookupResult::Found(subtree(*content)));
            let mut shown = Vec::new();
            labels(witness.as_ref(), &mut shown);
            prop_assert_eq!(shown, vec![name.into_bytes()], "the others are pruned");
            prop_assert!(store.witness(id, subtree(content.wrapping_add(1))).is_none());
        }
    }
}

#[test]
fn labels_are_in_the_order_of_their_texts() {
    let mut store = store();
    let numbers = [1, 2, 9, 10, 11, 19, 20, 100, 101, 110, 199, 1_000];
    for number in numbers {
        store.certify(MemoryId(number), Some(&subtree(7).digest()));
    }
    // Two neighbours in one tree: left of the fork that parts them is the smaller text.
    let mut texts = numbers.map(|number| MemoryId(number).to_string());
    texts.sort_unstable();
    for pair in texts.windows(2) {
        let place = |text: &str| {
            let witness = store.witness(MemoryId::parse(text).unwrap(), subtree(7)).unwrap();
            let (mut path, mut at) = (Vec::new(), witness.as_ref().clone());
            while let HashTreeNode::Fork(sides) = at {
                let right = matches!(sides.0, HashTreeNode::Pruned(_));
                path.push(right);
                at = if right { sides.1 } else { sides.0 };
            }
            path
        };
        assert!(place(&pair[0]) < place(&pair[1]), "{pair:?}");
    }
}
