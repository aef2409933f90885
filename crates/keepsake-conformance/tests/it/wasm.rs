//! The canister's real module in the wasm host: the exam, runs held to the model with upgrades between the messages,
//! traps in the middle of each update, a store of an older layout, and a system that gives no more memory.
//!
//! The module is `$KEEPSAKE_WASM`, else `target/canister/keepsake.wasm.gz`; `cargo xtask build canister` makes it, and
//! `cargo xtask test` makes it first. Without one these tests fail and say so.

mod burden;
mod exam;
mod full;
mod host;
mod many_runs;
mod model;
mod module;
mod older_store;
mod placement;
mod region;
mod sha256;
mod traps;
mod turned_away;
