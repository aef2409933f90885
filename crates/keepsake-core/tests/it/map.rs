//! The map of records beside a plain one and beside the program whose form its tree keeps, with keys and values of many
//! lengths. The operations are those of the fuzz target `tree`.

use crate::map_operations::{KINDS, run};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn keys_and_values_of_every_length_are_kept(
        kind in any::<u8>(), operations in prop::collection::vec(any::<[u8; 4]>(), 0..500),
    ) {
        run(&[&[kind][..], operations.as_flattened()].concat());
    }
}

/// As deep as a tree of some thousand entries is, for each kind of maps.
#[test]
fn large_maps_are_kept() {
    const INSERT: u8 = 1;
    const REMOVE: u8 = 129;
    for kind in 0..KINDS {
        let mut operations = vec![kind];
        for nth in 0..10_000_u16 {
            let (what, number) = if nth % 5 == 4 { (REMOVE, nth / 2) } else { (INSERT, nth) };
            let [high, low] = number.wrapping_mul(40_503).to_be_bytes();
            operations.extend([what, high, low, 0]);
        }
        run(&operations);
    }
}
