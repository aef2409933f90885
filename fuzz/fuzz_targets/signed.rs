//! Messages signed by anybody, changed by a fuzzer. `cargo +nightly fuzz run signed`; the body is in `keepsake_conformance::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keepsake_conformance::fuzz::signed(data));
