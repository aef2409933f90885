//! The canister's real module in the wasm host: the exam, and runs held to the model with upgrades between the messages.
//!
//! The module is `$KEEPSAKE_WASM`, else `target/canister/keepsake.wasm.gz`; `cargo xtask build canister` makes it, and
//! `cargo xtask test` makes it first. Without one these tests fail and say so.

mod exam;
mod host;
mod model;
mod module;
mod region;
