//! Runs of the model from a fuzzer's bytes. `cargo +nightly fuzz run model`; the body is in `keepsake_conformance::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keepsake_conformance::fuzz::model(data));
