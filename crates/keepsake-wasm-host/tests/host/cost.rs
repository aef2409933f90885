//! Counted cost: by hand for small pieces, and the same each time.

use crate::toolbox::{canister, number, query, update, user};
use keepsake_wasm_host::Instructions;

/// Costs of two methods that differ in one thing.
fn difference(body: &str) -> Instructions {
    let mut canister = canister(body);
    update(&mut canister, "without").unwrap();
    let without = canister.last_cost();
    update(&mut canister, "with").unwrap();
    let with = canister.last_cost();
    Instructions {
        wasm: with.wasm - without.wasm,
        system: with.system - without.system,
        copied_bytes: with.copied_bytes - without.copied_bytes,
        stable_bytes: with.stable_bytes - without.stable_bytes,
        sent_bytes: with.sent_bytes - without.sent_bytes,
        dirty_stable_pages: with.dirty_stable_pages - without.dirty_stable_pages,
        dirty_heap_pages: with.dirty_heap_pages - without.dirty_heap_pages,
    }
}

fn with(extra: &str) -> Instructions {
    difference(&format!(
        r#"(global $number (mut i64) (i64.const 1))
        (func $nothing)
        (func (export "canister_init") (drop (call $stable_grow (i64.const 4))))
        (func (export "canister_update without") (call $reply))
        (func (export "canister_update with") {extra} (call $reply))"#
    ))
}

#[test]
fn operators_have_the_weights_of_the_ic() {
    let wasm = |extra: &str| {
        let cost = with(extra);
        assert_eq!(cost.total(), cost.wasm, "{extra}");
        cost.wasm
    };
    assert_eq!(wasm("(drop (i32.const 1))"), 2);
    assert_eq!(wasm("(drop (i64.add (i64.const 1) (i64.const 2)))"), 4);
    assert_eq!(wasm("(drop (i64.div_u (i64.const 1) (i64.const 2)))"), 13);
    assert_eq!(wasm("(global.set $number (global.get $number))"), 4);
    assert_eq!(wasm("(call $nothing)"), 5);
    assert_eq!(wasm("(drop (i32.load (i32.const 0)))"), 3);
    assert_eq!(wasm("(drop (f64.div (f64.const 1) (f64.const 2)))"), 8);
    assert_eq!(
        wasm("(drop (i32x4.extract_lane 0 (i32x4.mul (v128.const i64x2 1 2) (v128.const i64x2 1 2))))"),
        6
    );
    assert_eq!(wasm("(if (i32.const 1) (then (nop) (nop)))"), 5);
    assert_eq!(wasm("(block (br_if 0 (i32.const 1)) (nop))"), 3);
}

#[test]
fn bulk_operators_cost_their_bytes() {
    let cost = with("(memory.copy (i32.const 0) (i32.const 32768) (i32.const 1000))");
    assert_eq!((cost.wasm, cost.dirty_heap_pages), (1_103, 0));
    let cost = with("(memory.fill (i32.const 0) (i32.const 7) (i32.const 8192))");
    assert_eq!((cost.wasm, cost.dirty_heap_pages), (8_295, 2));
    assert_eq!(cost.total(), 8_295 + 2_000);
}

#[test]
fn system_calls_cost_their_overhead_and_bytes() {
    let cost = with("(drop (call $time))");
    assert_eq!((cost.wasm, cost.system, cost.total()), (6, 500, 506));
    let cost = with("(call $append (i32.const 0) (i32.const 100))");
    assert_eq!((cost.system, cost.sent_bytes, cost.total()), (500, 100, 7 + 500 + 5_000));
    let cost = with("(drop (call $is_controller (i32.const 0) (i32.const 29)))");
    assert_eq!((cost.system, cost.copied_bytes), (1_000, 29));
}

#[test]
fn stable_memory_costs_its_bytes_and_each_page_once() {
    let write = "(call $stable_write (i64.const 4000) (i64.const 0) (i64.const 5000))";
    let cost = with(write);
    assert_eq!((cost.system, cost.stable_bytes, cost.dirty_stable_pages), (20, 5_000, 3));
    assert_eq!(cost.total(), 8 + 20 + 5_000 + 3_000);
    let cost = with(&write.repeat(2));
    assert_eq!((cost.stable_bytes, cost.dirty_stable_pages), (10_000, 3));
    let cost = with("(call $stable_read (i64.const 32768) (i64.const 0) (i64.const 5000))");
    assert_eq!((cost.stable_bytes, cost.dirty_stable_pages), (5_000, 0));
}

#[test]
fn the_argument_costs_its_bytes_to_copy() {
    let mut canister = canister(
        r#"(func (export "canister_update take") (drop (call $arg)) (call $reply))
        (func (export "canister_update leave") (call $reply))"#,
    );
    canister.update(user(), "take", &[1; 10_000]).unwrap();
    let cost = canister.last_cost();
    assert_eq!((cost.copied_bytes, cost.dirty_heap_pages), (10_000, 3));
    canister.update(user(), "leave", &[1; 10_000]).unwrap();
    assert_eq!(canister.last_cost().copied_bytes, 0);
}

#[test]
fn the_counter_shows_what_was_charged_so_far() {
    let mut canister = canister(
        r#"(func (export "canister_query counter")
          (call $stable_read (i64.const 0) (i64.const 0) (i64.const 0))
          (call $reply_number (call $counter (i32.const 0))))
        (func (export "canister_query other") (call $reply_number (call $counter (i32.const 9))))"#,
    );
    // 3 constants, a call with 20, a constant, a call with 200.
    assert_eq!(number(query(&mut canister, "counter")), 3 + 5 + 20 + 1 + 5 + 200);
    assert_eq!(query(&mut canister, "other").unwrap_err().error_code, "IC0504");
}

#[test]
fn the_same_work_costs_the_same_and_more_work_costs_more() {
    let body = r#"(func (export "canister_update work") (local $n i32)
        (local.set $n (call $arg))
        (block $done
          (loop $again
            (br_if $done (i32.eqz (local.get $n)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $again)))
        (call $reply))"#;
    let (mut one, mut two) = (canister(body), canister(body));
    let mut cost = |len: usize| {
        one.update(user(), "work", &vec![1; len]).unwrap();
        two.update(user(), "work", &vec![1; len]).unwrap();
        assert_eq!(one.last_cost(), two.last_cost());
        one.last_cost().wasm
    };
    let costs = [cost(1), cost(2), cost(3), cost(1_000)];
    assert_eq!(costs[1] - costs[0], costs[2] - costs[1]);
    assert_eq!(costs[3] - costs[0], 999 * (costs[1] - costs[0]));
    // A round: two gets, three for the test and its branch, a constant, a subtraction, a set, a branch.
    assert_eq!(costs[1] - costs[0], 10);
}

#[test]
fn a_message_without_end_ends_at_its_limit() {
    let mut canister = canister(
        r#"(func (export "canister_inspect_message") (loop $again (br $again)))
        (func (export "canister_update never") (call $reply))"#,
    );
    let rejection = update(&mut canister, "never").unwrap_err();
    assert_eq!((rejection.code, rejection.error_code), (5, "IC0522"));
    let cost = canister.last_inspection_cost().total();
    assert!((199_999_000..200_001_000).contains(&cost), "{cost}");
    assert_eq!(canister.last_cost().total(), 0);
}
