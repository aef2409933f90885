//! What survives a message, a failed message, a query, an upgrade; certificates and timers.

use crate::toolbox::{canister, module, number, options, query, update, user};
use candid::Principal;
use ic_cbor::CertificateToCbor;
use ic_certificate_verification::VerifyCertificate;
use ic_certification::{Certificate, LookupResult};
use keepsake_wasm_host::{Canister, Options, Rejection, StableMemory};

/// Changes all that a message can change, and tells it.
const EVERYTHING: &str = r#"
    (data (i32.const 0) "certified by me")
    (global $other (mut i64) (i64.const 5))
    (func $change
      (i32.store (i32.const 4000) (i32.add (i32.load (i32.const 4000)) (i32.const 1)))
      (global.set $other (i64.add (global.get $other) (i64.const 1)))
      (global.set $stack (i32.const 77))
      (drop (memory.grow (i32.const 1)))
      (i32.store (i32.const 70000) (i32.const 9))
      (drop (call $stable_grow (i64.const 1)))
      (call $stable_write (i64.const 10) (i64.const 4000) (i64.const 4))
      (call $certify (i32.const 0) (i32.const 15))
      (drop (call $timer_set (i64.const 4000000000000000000)))
      (global.set $stack (i32.const 65536)))
    (func (export "canister_update change") (call $change) (call $reply))
    (func (export "canister_update change_and_trap") (call $change) (global.set $stack (i32.const 9)) (unreachable))
    (func (export "canister_update change_and_fail") (call $change) (call $trap (i32.const 0) (i32.const 9)))
    (func (export "canister_update spoil_and_trap")
      (i32.store (i32.const 4000) (i32.const 99)) (global.set $other (i64.const 99)) (global.set $stack (i32.const 9))
      (unreachable))
    (func (export "canister_query grow_and_write")
      (i32.store (i32.const 4000) (i32.const 99))
      (global.set $other (i64.const 99))
      (drop (memory.grow (i32.const 1)))
      (drop (call $stable_grow (i64.const 1)))
      (call $stable_write (i64.const 0) (i64.const 4000) (i64.const 4))
      (call $reply_number (global.get $other)))
    (func (export "canister_query look")
      (i64.store (i32.const 8) (i64.extend_i32_u (i32.load (i32.const 4000))))
      (i64.store (i32.const 16) (global.get $other))
      (i64.store (i32.const 24) (i64.extend_i32_u (global.get $stack)))
      (i64.store (i32.const 32) (i64.extend_i32_u (memory.size)))
      (i64.store (i32.const 40) (call $stable_size))
      (call $reply_bytes (i32.const 8) (i32.const 40)))"#;

/// Counter in the heap, another global, stack pointer, heap pages, stable pages.
fn look(canister: &mut Canister) -> Vec<u64> {
    let bytes = query(canister, "look").unwrap();
    bytes.chunks(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap())).collect()
}

fn stable_bytes(canister: &Canister) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(canister.stable_bytes()).unwrap()];
    canister.stable().read(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_message_that_fails_leaves_nothing() {
    let mut canister = canister(EVERYTHING);
    for round in 0..2_u64 {
        let before = (look(&mut canister), stable_bytes(&canister), canister.certified_data().to_vec());
        assert_eq!(before.0, [round, 5 + round, 65536, 1 + round, round]);
        let timer = canister.timer_at_ns();
        let rejection = update(&mut canister, "change_and_trap").unwrap_err();
        assert_eq!((rejection.code, rejection.error_code), (5, "IC0502"));
        let rejection = update(&mut canister, "change_and_fail").unwrap_err();
        assert_eq!((rejection.code, rejection.error_code), (5, "IC0503"));
        assert!(rejection.message.contains("certified"), "{rejection}");
        let after = (look(&mut canister), stable_bytes(&canister), canister.certified_data().to_vec());
        assert_eq!((after, canister.timer_at_ns()), (before, timer));
        update(&mut canister, "change").unwrap();
    }
    assert_eq!(look(&mut canister), [2, 7, 65536, 3, 2]);
    assert_eq!(canister.certified_data(), b"certified by me");
    assert_eq!(canister.timer_at_ns(), Some(4_000_000_000_000_000_000));
    assert_eq!(stable_bytes(&canister)[10..14], 2_u32.to_le_bytes());
}

#[test]
fn a_message_that_fails_without_growing_leaves_nothing() {
    let mut canister = canister(EVERYTHING);
    update(&mut canister, "change").unwrap();
    let before = look(&mut canister);
    assert_eq!(update(&mut canister, "spoil_and_trap").unwrap_err().error_code, "IC0502");
    assert_eq!(look(&mut canister), before);
}

#[test]
fn a_query_sees_its_own_changes_and_leaves_none() {
    let mut canister = canister(EVERYTHING);
    update(&mut canister, "change").unwrap();
    let before = (look(&mut canister), stable_bytes(&canister));
    assert_eq!(number(query(&mut canister, "grow_and_write")), 99);
    // Called as an update, a query leaves none either.
    assert_eq!(number(update(&mut canister, "grow_and_write")), 99);
    assert_eq!((look(&mut canister), stable_bytes(&canister)), before);
}

#[test]
fn forks_share_nothing() {
    let mut one = canister(EVERYTHING);
    update(&mut one, "change").unwrap();
    let mut two = one.fork();
    update(&mut two, "change").unwrap();
    assert_eq!(look(&mut one), [1, 6, 65536, 2, 1]);
    assert_eq!(look(&mut two), [2, 7, 65536, 3, 2]);
    assert_eq!(stable_bytes(&one)[10], 1);
}

#[test]
fn an_upgrade_keeps_stable_memory_and_certified_data_and_drops_the_rest() {
    let mut canister = canister(EVERYTHING);
    update(&mut canister, "change").unwrap();
    canister.upgrade(b"").unwrap();
    assert_eq!(look(&mut canister), [0, 5, 65536, 1, 1]);
    assert_eq!(stable_bytes(&canister)[10], 1);
    assert_eq!(canister.certified_data(), b"certified by me");
    assert_eq!(canister.timer_at_ns(), None);
}

#[test]
fn an_upgrade_that_fails_changes_nothing() {
    let mut canister =
        canister(&(EVERYTHING.to_owned() + r#"(func (export "canister_pre_upgrade") (call $change))"#));
    update(&mut canister, "change").unwrap();
    let bad = module(r#"(func (export "canister_post_upgrade") (unreachable))"#);
    let before = (look(&mut canister), stable_bytes(&canister), canister.timer_at_ns());
    let error = canister.upgrade_to(&bad, b"").unwrap_err();
    assert!(error.to_string().contains("canister_post_upgrade"), "{error}");
    assert_eq!((look(&mut canister), stable_bytes(&canister), canister.timer_at_ns()), before);
    // And one that goes well runs the old module's last words first.
    canister.upgrade(b"").unwrap();
    assert_eq!(stable_bytes(&canister)[10], 2);
}

#[test]
fn post_upgrade_gets_its_argument_and_the_old_memory() {
    let mut old = canister(EVERYTHING);
    update(&mut old, "change").unwrap();
    let new = module(
        r#"(func (export "canister_post_upgrade")
          (call $stable_write (i64.const 0) (i64.const 32768) (i64.extend_i32_u (call $arg))))
        (func (export "canister_query stable")
          (call $stable_read (i64.const 0) (i64.const 0) (i64.const 14))
          (call $reply_bytes (i32.const 0) (i32.const 14)))"#,
    );
    let stable = old.stable().clone();
    old.upgrade_to(&new, b"new").unwrap();
    assert_eq!(query(&mut old, "stable").unwrap(), b"new\0\0\0\0\0\0\0\x01\0\0\0");
    let mut adopted = Canister::adopt(&new, stable, b"other", &options()).unwrap();
    assert_eq!(query(&mut adopted, "stable").unwrap(), b"other\0\0\0\0\0\x01\0\0\0");
    assert!(Canister::adopt(&new, StableMemory::new(), b"x", &options()).is_err(), "out of bounds");
}

const CERTIFICATE: &str = r#"
    (func (export "canister_update set") (call $certify (i32.const 32768) (call $arg)) (call $reply))
    (func (export "canister_query present") (call $reply_number (i64.extend_i32_u (call $certificate_present))))
    (func (export "canister_query certificate")
      (call $certificate_copy (i32.const 0) (i32.const 0) (call $certificate_size))
      (call $reply_bytes (i32.const 0) (call $certificate_size)))"#;

/// Decodes and verifies as an agent does.
fn verified(canister: &Canister, bytes: &[u8]) -> Certificate {
    let certificate: Certificate = serde_cbor::from_slice(bytes).unwrap();
    let message = [b"\x0Dic-state-root".as_slice(), &certificate.tree.digest()].concat();
    let key = &canister.root_key()[37..];
    ic_verify_bls_signature::verify_bls_signature(&certificate.signature, &message, key).unwrap();
    assert!(certificate.delegation.is_none());
    certificate
}

#[test]
fn queries_get_a_certificate_of_the_certified_data() {
    let mut canister = canister(CERTIFICATE);
    for data in [b"".as_slice(), b"first", &[7; 32]] {
        canister.update(user(), "set", data).unwrap();
        canister.advance(1);
        let bytes = query(&mut canister, "certificate").unwrap();
        let certificate = verified(&canister, &bytes);
        let id = canister.id();
        let path: [&[u8]; 3] = [b"canister", id.as_slice(), b"certified_data"];
        assert_eq!(certificate.tree.lookup_path(path), LookupResult::Found(data));
        let LookupResult::Found(mut time) = certificate.tree.lookup_path([b"time"]) else { panic!() };
        assert_eq!(leb128::read::unsigned(&mut time).unwrap(), canister.now_ns());
    }
    assert_eq!(canister.update(user(), "set", &[0; 33]).unwrap_err().error_code, "IC0504");
    assert_eq!(number(query(&mut canister, "present")), 1);
    assert_eq!(number(update(&mut canister, "present")), 0);
}

#[test]
fn the_gateways_verifier_takes_the_certificate_for_its_key_and_time_only() {
    let (mut one, mut other) = (canister(CERTIFICATE), canister(CERTIFICATE));
    one.update(user(), "set", b"data").unwrap();
    let bytes = query(&mut one, "certificate").unwrap();
    let verify = |canister: &Canister| {
        let now_ns = canister.now_ns().into();
        <Certificate as CertificateToCbor>::from_cbor(&bytes)
            .unwrap()
            .verify(canister.id().as_slice(), canister.root_key(), &now_ns, &1_000)
            .is_ok()
    };
    assert!(verify(&one) && verify(&other), "the same seed has the same key");
    other.advance(2_000);
    assert!(!verify(&other), "too old");
    let options = Options { seed: 2, ..options() };
    assert!(!verify(&Canister::install(&module(""), b"", &options).unwrap()), "another key");
}

const TIMER: &str = r#"
    (func (export "canister_update set") (drop (call $arg))
      (call $reply_number (call $timer_set (i64.load (i32.const 32768)))))
    (func (export "canister_global_timer")
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (if (i32.load (i32.const 4)) (then (drop (call $timer_set (i64.add (call $time) (i64.const 5)))))
      ))
    (func (export "canister_update repeat") (i32.store (i32.const 4) (i32.const 1)) (call $reply))
    (func (export "canister_query runs") (call $reply_number (i64.extend_i32_u (i32.load (i32.const 0)))))"#;

fn set(canister: &mut Canister, at_ns: u64) -> u64 {
    number(canister.update(user(), "set", &at_ns.to_le_bytes()))
}

#[test]
fn the_timer_runs_once_when_it_is_due() {
    let mut canister = canister(TIMER);
    let now_ns = canister.now_ns();
    assert_eq!(set(&mut canister, now_ns + 100), 0);
    assert_eq!(set(&mut canister, now_ns + 50), now_ns + 100);
    assert_eq!(canister.advance(49), 0);
    assert_eq!(canister.timer_at_ns(), Some(now_ns + 50));
    assert_eq!(canister.advance(1), 1);
    assert_eq!(canister.advance(1_000), 0);
    assert_eq!((number(query(&mut canister, "runs")), canister.timer_at_ns()), (1, None));
    set(&mut canister, now_ns + 5_000);
    set(&mut canister, 0);
    assert_eq!(canister.advance(10_000), 0);
    set(&mut canister, now_ns + 20_000);
    canister.stall(1_000_000);
    assert_eq!(number(query(&mut canister, "runs")), 1, "no round came");
    assert_eq!(canister.advance(0), 1);
}

#[test]
fn a_timer_that_sets_itself_runs_once_a_round() {
    let mut canister = canister(TIMER);
    update(&mut canister, "repeat").unwrap();
    let now_ns = canister.now_ns();
    set(&mut canister, now_ns);
    assert_eq!(canister.advance(0), 1);
    assert_eq!(canister.advance(10_000_000_000), 10);
    assert_eq!(canister.now_ns(), now_ns + 10_000_000_000);
}

#[test]
fn a_timer_that_fails_is_told_and_off() {
    let mut canister = canister(
        r#"(func (export "canister_update set") (drop (call $timer_set (call $time))) (call $reply))
        (func (export "canister_global_timer") (i32.store (i32.const 0) (i32.const 1)) (unreachable))
        (func (export "canister_query runs") (call $reply_number (i64.load (i32.const 0))))"#,
    );
    update(&mut canister, "set").unwrap();
    assert_eq!(canister.advance(1), 1);
    assert!(canister.printed()[0].contains("IC0502"));
    assert_eq!((number(query(&mut canister, "runs")), canister.timer_at_ns()), (0, None));
}

#[test]
fn a_rejection_reads_well() {
    let rejection = Rejection { code: 5, error_code: "IC0503", message: "why".into() };
    assert_eq!(rejection.to_string(), "IC0503 (reject code 5): why");
    assert_eq!(Principal::management_canister().to_text(), "aaaaa-aa");
}

#[test]
fn a_message_ends_at_the_instruction_that_a_test_chooses_and_leaves_nothing() {
    let mut canister = canister(EVERYTHING);
    update(&mut canister, "change").unwrap();
    let mut whole = canister.fork();
    update(&mut whole, "change").unwrap();
    let counted = whole.last_cost().counted();
    let (before, seen) = (canister.stable().clone(), look(&mut canister));
    for instructions in 0..counted {
        canister.set_instructions_max(Some(instructions));
        let rejection = update(&mut canister, "change").unwrap_err();
        assert_eq!((rejection.code, rejection.error_code), (5, "IC0522"), "after {instructions}");
        assert_eq!(canister.stable().first_difference(&before), None, "after {instructions}");
        assert_eq!(look(&mut canister), seen, "after {instructions}: a query has its own limit");
    }
    canister.set_instructions_max(Some(counted));
    update(&mut canister, "change").unwrap();
    assert_eq!(canister.last_cost(), whole.last_cost());
    assert_eq!(look(&mut canister), look(&mut whole));
}

#[test]
fn a_system_without_memory_gives_no_stable_page() {
    let mut canister = canister(
        r#"(func (export "canister_update grow") (call $reply_number (call $stable_grow (i64.const 2))))"#,
    );
    canister.set_stable_pages_max(3);
    assert_eq!(number(update(&mut canister, "grow")), 0);
    assert_eq!(number(update(&mut canister, "grow")), u64::MAX, "4 of 3 pages");
    assert_eq!(canister.stable_bytes(), 2 * 65_536);
    canister.set_stable_pages_max(4);
    assert_eq!(number(update(&mut canister, "grow")), 2);
}
