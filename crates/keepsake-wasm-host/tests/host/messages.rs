//! What a message is told and may do, by entry point.

use crate::toolbox::{canister, number, options, query, update, user};
use candid::Principal;
use keepsake_wasm_host::{Options, Rejection};

fn codes(answer: Result<Vec<u8>, Rejection>) -> (u8, &'static str) {
    let rejection = answer.unwrap_err();
    (rejection.code, rejection.error_code)
}

#[test]
fn the_argument_and_the_caller_are_shown() {
    let mut canister = canister(
        r#"(func (export "canister_query echo") (call $reply_bytes (i32.const 32768) (call $arg)))
        (func (export "canister_update caller")
          (call $caller_copy (i32.const 0) (i32.const 0) (call $caller_size))
          (call $reply_bytes (i32.const 0) (call $caller_size)))
        (func (export "canister_query beyond")
          (call $arg_copy (i32.const 0) (i32.const 1) (call $arg_size)))"#,
    );
    assert_eq!(canister.query(user(), "echo", b"bytes").unwrap(), b"bytes");
    assert_eq!(canister.query(user(), "echo", b"").unwrap(), b"");
    assert_eq!(update(&mut canister, "caller").unwrap(), user().as_slice());
    assert_eq!(codes(canister.query(user(), "beyond", b"bytes")), (5, "IC0504"));
}

#[test]
fn the_environment_is_shown() {
    let mut canister = canister(
        r#"(func (export "canister_query self")
          (call $self_copy (i32.const 0) (i32.const 0) (call $self_size))
          (call $reply_bytes (i32.const 0) (call $self_size)))
        (func (export "canister_query root")
          (call $root_key_copy (i32.const 0) (i32.const 0) (call $root_key_size))
          (call $reply_bytes (i32.const 0) (call $root_key_size)))
        (func (export "canister_query controls")
          (call $reply_number (i64.extend_i32_u (call $is_controller (i32.const 32768) (call $arg)))))
        (func (export "canister_query balance")
          (call $balance (i32.const 0)) (call $liquid (i32.const 16))
          (call $reply_bytes (i32.const 0) (i32.const 32)))
        (func (export "canister_query time") (call $reply_number (call $time)))
        (func (export "canister_query status") (call $reply_number (i64.extend_i32_u (call $status))))
        (func (export "canister_query replicated") (call $reply_number (i64.extend_i32_u (call $replicated))))"#,
    );
    let Options { canister_id, controllers, now_ns, .. } = options();
    assert_eq!(query(&mut canister, "self").unwrap(), canister_id.as_slice());
    assert_eq!(query(&mut canister, "root").unwrap(), canister.root_key());
    assert_eq!(number(canister.query(user(), "controls", controllers[0].as_slice())), 1);
    assert_eq!(number(canister.query(user(), "controls", user().as_slice())), 0);
    canister.set_controllers(vec![user()]);
    assert_eq!(number(canister.query(user(), "controls", user().as_slice())), 1);
    canister.set_cycles(1 << 100 | 7);
    let balances = query(&mut canister, "balance").unwrap();
    let (balance, liquid) = (1_u128 << 100 | 7, (1_u128 << 100 | 7) - canister.freezing_cycles());
    assert_eq!(balances, [balance.to_le_bytes(), liquid.to_le_bytes()].concat());
    assert_eq!(number(query(&mut canister, "time")), now_ns);
    canister.advance(5);
    assert_eq!(number(query(&mut canister, "time")), now_ns + 5);
    assert_eq!(number(query(&mut canister, "status")), 1);
    assert_eq!(number(query(&mut canister, "replicated")), 0);
    // A query called as an update is replicated.
    assert_eq!(number(update(&mut canister, "replicated")), 1);
}

#[test]
fn the_version_counts_changes_and_queries_are_none() {
    let mut canister = canister(
        r#"(func (export "canister_update version") (call $reply_number (call $version)))
        (func (export "canister_query look") (call $reply_number (call $version)))"#,
    );
    let first = number(update(&mut canister, "version"));
    assert_eq!(number(query(&mut canister, "look")), first + 1);
    assert_eq!(number(query(&mut canister, "look")), first + 1);
    assert_eq!(number(update(&mut canister, "version")), first + 1);
}

#[test]
fn a_canister_rejects_in_its_own_words() {
    let mut canister = canister(
        r#"(data (i32.const 0) "not today")
        (func (export "canister_update reject") (call $reject (i32.const 0) (i32.const 9)))"#,
    );
    let rejection = update(&mut canister, "reject").unwrap_err();
    assert_eq!(rejection, Rejection { code: 4, error_code: "IC0406", message: "not today".into() });
}

#[test]
fn replies_are_given_once_and_are_bounded() {
    let mut canister = canister(
        r#"(func (export "canister_update twice") (call $reply) (call $reply))
        (func $grow (drop (memory.grow (i32.const 63))))
        (func (export "canister_update largest") (call $grow)
          (call $reply_bytes (i32.const 0) (i32.const 2097152)))
        (func (export "canister_update larger") (call $grow)
          (call $append (i32.const 0) (i32.const 1)) (call $append (i32.const 0) (i32.const 2097152)))
        (func (export "canister_query largest_query") (call $grow)
          (call $reply_bytes (i32.const 0) (i32.const 3145728)))"#,
    );
    assert_eq!(codes(update(&mut canister, "twice")), (5, "IC0504"));
    assert_eq!(update(&mut canister, "largest").unwrap().len(), 2 << 20);
    assert_eq!(codes(update(&mut canister, "larger")), (5, "IC0504"));
    assert_eq!(query(&mut canister, "largest_query").unwrap().len(), 3 << 20);
}

#[test]
fn inspection_decides_what_comes_in_and_changes_nothing() {
    let mut canister = canister(
        r#"(func (export "canister_inspect_message")
          (i32.store (i32.const 100) (i32.const 1))
          (call $method_copy (i32.const 0) (i32.const 0) (call $method_size))
          (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 120)) (then (unreachable)))
          (if (i32.eq (call $arg_size) (i32.const 2)) (then (call $accept))))
        (func (export "canister_update see")
          (call $reply_number (i64.extend_i32_u (i32.load (i32.const 100)))))
        (func (export "canister_update xsee") (call $reply))"#,
    );
    assert_eq!(codes(canister.update(user(), "see", b"")), (4, "IC0406"));
    assert_eq!(codes(canister.update(user(), "xsee", b"ok")), (5, "IC0502"));
    assert_eq!(number(canister.update(user(), "see", b"ok")), 0);
    assert_eq!(
        number(canister.call_uninspected(user(), "see", b"")),
        0,
        "nobody inspects what another canister calls"
    );
}

#[test]
fn a_call_that_is_not_allowed_here_ends_the_message() {
    let mut canister = canister(
        r#"(func $certify_it (call $certify (i32.const 0) (i32.const 4)))
        (func (export "canister_query certify") (call $certify_it) (call $reply))
        (func (export "canister_update certify_well") (call $certify_it) (call $reply))
        (func (export "canister_update accept") (call $accept))
        (func (export "canister_update certificate") (drop (call $certificate_size)))
        (func (export "canister_query rejected") (drop (call $reject_code)))
        (func (export "canister_query timer") (drop (call $timer_set (i64.const 1))))
        (func (export "canister_query call") (drop (call $call_perform)))"#,
    );
    update(&mut canister, "certify_well").unwrap();
    for method in ["certify", "rejected", "timer", "call"] {
        let rejection = query(&mut canister, method).unwrap_err();
        assert_eq!(rejection.error_code, "IC0504", "{method}");
        assert!(rejection.message.contains("Query"), "{rejection}");
    }
    for method in ["accept", "certificate"] {
        assert_eq!(codes(update(&mut canister, method)), (5, "IC0504"), "{method}");
    }
}

#[test]
fn what_is_printed_is_kept_for_the_test() {
    let mut canister = canister(
        r#"(data (i32.const 0) "hello")
        (func (export "canister_query print") (call $print (i32.const 0) (i32.const 5)) (call $reply))"#,
    );
    query(&mut canister, "print").unwrap();
    assert_eq!(canister.printed(), ["hello"]);
    assert_eq!(canister.printed(), Vec::<String>::new());
}

#[test]
fn addresses_outside_the_heap_end_the_message() {
    let mut canister = canister(
        r#"(func (export "canister_query high") (call $append (i32.const -1) (i32.const 2)))
        (func (export "canister_query long") (call $stable_read (i64.const 0) (i64.const 0) (i64.const -1)))
        (func (export "canister_query load") (drop (i32.load (i32.const 65536))))"#,
    );
    assert_eq!(codes(query(&mut canister, "high")), (5, "IC0504"));
    assert_eq!(codes(query(&mut canister, "long")), (5, "IC0504"));
    assert_eq!(codes(query(&mut canister, "load")), (5, "IC0502"));
}

#[test]
fn the_anonymous_caller_is_one_byte() {
    let mut canister = canister(
        r#"(func (export "canister_query size") (call $reply_number (i64.extend_i32_u (call $caller_size))))"#,
    );
    assert_eq!(number(canister.query(Principal::anonymous(), "size", b"")), 1);
}
