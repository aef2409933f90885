//! Operations on the map that records lie in, from a fuzzer's bytes. `cargo +nightly fuzz run tree`; the body is in the tests
//! of `keepsake-core`.

#![no_main]

#[path = "../../crates/keepsake-core/tests/support/map_operations.rs"]
mod map_operations;

libfuzzer_sys::fuzz_target!(|data: &[u8]| map_operations::run(data));
