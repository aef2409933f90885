//! The fuzz targets' bodies, fed from a generator: cargo-fuzz needs a nightly toolchain, these need none.

use keepsake_conformance::fuzz;

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
