//! The fuzz targets' bodies, fed from a generator: cargo-fuzz needs a nightly toolchain, these need none.

use keepsake_conformance::fuzz;
use keepsake_service::endpoints::METHODS;

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    keepsake_conformance::samples::bytes(len, seed)
}

#[test]
fn model_runs_from_bytes_hold() {
    for seed in 1..=12 {
        fuzz::model(&bytes(seed, 900));
    }
}

#[test]
fn changed_arguments_break_nothing() {
    for seed in 1..=150 {
        fuzz::arguments(&bytes(seed, 64));
    }
}

#[test]
fn changed_messages_by_anybody_break_nothing() {
    for seed in 1..=60 {
        fuzz::signed(&bytes(seed, 64));
    }
}

#[test]
fn every_method_is_answered_by_who_signs() {
    let known = fuzz::methods();
    let missing: Vec<_> = METHODS.iter().filter(|method| !known.contains(method)).collect();
    assert!(missing.is_empty(), "no message of {missing:?}");
    fuzz::everything_by_everybody();
}

#[test]
fn a_stranger_leaves_nothing_where_the_host_is_by_invitation() {
    fuzz::a_stranger_leaves_nothing();
}

#[test]
fn changed_requests_show_nothing_private() {
    for seed in 1..=400 {
        fuzz::http(&bytes(seed, 200));
    }
}

#[test]
fn changed_tickets_open_nothing() {
    for seed in 1..=400 {
        fuzz::ticket(&bytes(seed, 60));
    }
}
