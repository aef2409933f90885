//! Calls that a canister makes: `raw_rand`, itself, others; what its callbacks are told and may do.

use crate::toolbox::{canister, number, query, update};
use keepsake_wasm_host::Canister;

/// Calls what is named at 16 (its length at 12), of the callee in the first byte's many bytes at 0.
const CALLER: &str = r#"
    (table funcref (elem $reply_all $reply_code $fail $clean $answer_late))
    (data (i32.const 16) "raw_rand")
    (data (i32.const 32) "sign")
    (data (i32.const 48) "inner")
    (data (i32.const 64) "nobody")
    (func $reply_all (param i32) (call $reply_bytes (i32.const 32768) (call $arg)))
    (func $reply_code (param i32)
      (call $reject_copy (i32.const 1000) (i32.const 0) (call $reject_size))
      (call $reply_number (i64.extend_i32_u (i32.add (call $reject_code) (local.get 0)))))
    (func $fail (param i32) (i32.store (i32.const 512) (i32.const 1)) (unreachable))
    (func $clean (param i32) (i32.store (i32.const 516) (local.get 0)))
    (func $answer_late (param i32) (call $reply))
    (func $start (param $callee_len i32) (param $name i32) (param $len i32) (param $on_reply i32)
      (if (local.get $callee_len)
        (then (call $self_copy (i32.const 256) (i32.const 0) (local.get $callee_len))))
      (call $call_new (i32.const 256) (local.get $callee_len) (local.get $name) (local.get $len)
        (local.get $on_reply) (i32.const 1) (i32.const 1) (i32.const 1000))
      (call $call_on_cleanup (i32.const 3) (i32.const 42))
      (call $call_best_effort (i32.const 30))
      (call $call_cycles (i64.const 0) (i64.const 0))
      (call $call_append (i32.const 16) (i32.const 3))
      (i32.store (i32.const 520) (i32.const 1))
      (drop (call $call_perform)))
    (func (export "canister_update random") (call $start (i32.const 0) (i32.const 16) (i32.const 8) (i32.const 0)))
    (func (export "canister_update sign") (call $start (i32.const 0) (i32.const 32) (i32.const 4) (i32.const 0)))
    (func (export "canister_update outer") (call $start (call $self_size) (i32.const 48) (i32.const 5) (i32.const 0)))
    (func (export "canister_update endless") (call $start (call $self_size) (i32.const 80) (i32.const 7) (i32.const 0)))
    (data (i32.const 80) "endless")
    (func (export "canister_update absent") (call $start (call $self_size) (i32.const 64) (i32.const 6) (i32.const 0)))
    (func (export "canister_update failing") (call $start (i32.const 0) (i32.const 16) (i32.const 8) (i32.const 2)))
    (func (export "canister_update early") (call $start (i32.const 0) (i32.const 16) (i32.const 8) (i32.const 4))
      (call $reply_number (i64.const 7)))
    (func (export "canister_update dropped") (call $start (i32.const 0) (i32.const 16) (i32.const 8) (i32.const 0))
      (unreachable))
    (func (export "canister_update no_call") (drop (call $call_perform)))
    (func (export "canister_update inner")
      (i32.store (i32.const 0) (i32.load (i32.const 520)))
      (call $append (i32.const 0) (i32.const 1)) (call $append (i32.const 32768) (call $arg)) (call $reply))
    (func (export "canister_query look") (call $reply_number (i64.load (i32.const 512))))
    (func (export "canister_query counter") (call $reply_number (call $counter (i32.const 1))))"#;

/// (a trapping callback's write, what the clean-up was given)
fn look(canister: &mut Canister) -> (u64, u64) {
    let both = number(query(canister, "look"));
    (both & 0xffff_ffff, both >> 32)
}

#[test]
fn raw_rand_gives_other_bytes_each_time_and_the_same_to_the_same_seed() {
    let (mut one, mut two) = (canister(CALLER), canister(CALLER));
    let first: Vec<u8> = candid::decode_one(&update(&mut one, "random").unwrap()).unwrap();
    let second: Vec<u8> = candid::decode_one(&update(&mut one, "random").unwrap()).unwrap();
    assert_eq!((first.len(), second.len()), (32, 32));
    assert_ne!(first, second);
    let again: Vec<u8> = candid::decode_one(&update(&mut two, "random").unwrap()).unwrap();
    assert_eq!(first, again);
}

#[test]
fn a_call_to_elsewhere_is_rejected_to_its_callback() {
    let mut canister = canister(CALLER);
    // Reject code 3, and the environment of 1000.
    assert_eq!(number(update(&mut canister, "sign")), 1_003);
}

#[test]
fn a_canister_calls_itself_after_its_message_was_committed() {
    let mut canister = canister(CALLER);
    assert_eq!(update(&mut canister, "outer").unwrap(), b"\x01raw");
    assert_eq!(number(update(&mut canister, "absent")), 1_005);
}

#[test]
fn calls_without_end_are_rejected_in_the_end() {
    let mut canister = canister(CALLER);
    // The innermost is told 2; each caller of it replies with its bytes.
    assert_eq!(number(update(&mut canister, "endless")), 1_002);
}

#[test]
fn a_callback_that_fails_is_taken_back_and_cleaned_up() {
    let mut canister = canister(CALLER);
    let rejection = update(&mut canister, "failing").unwrap_err();
    assert_eq!((rejection.code, rejection.error_code), (5, "IC0502"));
    assert_eq!(look(&mut canister), (0, 42));
}

#[test]
fn an_answer_given_early_stands_and_a_second_one_fails() {
    let mut canister = canister(CALLER);
    assert_eq!(number(update(&mut canister, "early")), 7);
    assert_eq!(look(&mut canister), (0, 42));
}

#[test]
fn a_message_that_fails_calls_nobody() {
    let mut one = canister(CALLER);
    assert_eq!(update(&mut one, "dropped").unwrap_err().error_code, "IC0502");
    assert_eq!(update(&mut one, "no_call").unwrap_err().error_code, "IC0504");
    // The next number is still the first.
    assert_eq!(update(&mut one, "random").unwrap(), update(&mut canister(CALLER), "random").unwrap());
}
