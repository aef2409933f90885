//! Parallel two-lane uploads against a node of their own: killed at random, crowded, and checked by `keepsake fsck`.
//!
//! Small by default; `cargo xtask soak` runs the same tests for hours. Sizes come from the environment:
//! `KEEPSAKE_TORTURE_ROUNDS`, `KEEPSAKE_TORTURE_SEED`, `KEEPSAKE_CROWD_UPLOADS`, `KEEPSAKE_CROWD_KILLS`, and
//! `KEEPSAKE_SOAK_SECONDS`, after which neither takes new work; `KEEPSAKE_BIN` names another program than the one
//! just built. Each prints its seed, lines of progress, and one line
//! `RESULT {json}`.

mod bystander;
mod crowd;
mod customer;
mod fsck;
mod ledger;
pub(crate) mod node;
mod people;
mod picture;
mod progress;
mod settle;
mod torture;
