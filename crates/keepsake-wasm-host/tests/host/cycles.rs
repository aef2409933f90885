//! Cycles: what memory costs, and what happens where the balance does not reach for it.

use crate::toolbox::{module, number, options, query, update, user};
use keepsake_wasm_host::{Canister, Options, Subnet, WASM_PAGE_BYTES};

const DAY_SECS: u64 = 24 * 3_600;

/// Grows its stable memory by a GiB, and tells its size.
fn grower(nodes: u32) -> Canister {
    let body = r#"
        (func (export "canister_init") (drop (call $stable_grow (i64.const 1))))
        (func (export "canister_update grow")
          (drop (call $stable_grow (i64.const 16384))) (call $reply_number (call $stable_size)))
        (func (export "canister_query size") (call $reply_number (call $stable_size)))
        (func (export "canister_query balance")
          (call $balance (i32.const 0)) (call $liquid (i32.const 16)) (call $reply_bytes (i32.const 0) (i32.const 32)))"#;
    let subnet = Subnet { nodes, ..Subnet::default() };
    let options = Options { subnet, freezing_threshold_secs: 90 * DAY_SECS, ..options() };
    Canister::install(&module(body), b"", &options).unwrap()
}

#[test]
fn memory_that_would_freeze_the_canister_traps_and_a_cycle_more_gets_it() {
    for (nodes, gib_cycles) in [(13, 127_000 * 90 * 86_400), (34, 127_000 * 90 * 86_400 * 34 / 13)] {
        let mut canister = grower(nodes);
        let needed = canister.freezing_cycles() + gib_cycles;
        canister.set_cycles(needed - 2);
        let refused = update(&mut canister, "grow").unwrap_err();
        assert_eq!((refused.code, refused.error_code), (5, "IC0532"), "{nodes} nodes: {refused}");
        assert_eq!(number(query(&mut canister, "size")), 1, "{nodes} nodes: nothing changed");
        canister.set_cycles(needed + 2);
        assert_eq!(number(update(&mut canister, "grow")), 16_385, "{nodes} nodes");
        assert!(canister.cycles() - canister.freezing_cycles() < 5, "{nodes} nodes");
        assert_eq!(canister.secs_to_freezing(), 0, "{nodes} nodes");
    }
}

#[test]
fn what_is_liquid_is_above_the_freezing_threshold() {
    let mut canister = grower(13);
    let bytes = canister.memory_bytes();
    assert!(bytes > 2 * WASM_PAGE_BYTES, "a heap, a page of stable memory, and the module: {bytes}");
    let frozen = canister.subnet().storage(bytes, 90 * DAY_SECS);
    assert_eq!(canister.freezing_cycles(), frozen);
    canister.set_cycles(2 * frozen);
    let balances = query(&mut canister, "balance").unwrap();
    assert_eq!(balances, [(2 * frozen).to_le_bytes(), frozen.to_le_bytes()].concat());
    let days = canister.secs_to_freezing().div_ceil(DAY_SECS);
    assert_eq!(days, 90, "as long again as the threshold");
}

#[test]
fn a_frozen_canister_answers_queries_only() {
    let mut canister = grower(13);
    let frozen = canister.freezing_cycles();
    canister.set_cycles(frozen - 1);
    assert_eq!(update(&mut canister, "grow").unwrap_err().error_code, "IC0207");
    assert_eq!(canister.call_uninspected(user(), "grow", b"").unwrap_err().code, 2);
    assert_eq!(number(query(&mut canister, "size")), 1);
    canister.set_cycles(2 * frozen + (1 << 50));
    assert_eq!(number(update(&mut canister, "grow")), 16_385);
}
