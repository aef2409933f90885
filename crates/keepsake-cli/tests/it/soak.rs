//! Parallel two-lane uploads against a node of their own: killed at random, crowded, and checked by `keepsake fsck`.
//!
//! The same against a bucket is in `soak/bucket.rs` and `soak/film.rs`.
//!
//! Small by default; `cargo xtask soak` runs the same tests for hours. Sizes come from the environment:
//! `KEEPSAKE_TORTURE_ROUNDS`, `KEEPSAKE_TORTURE_SEED`, `KEEPSAKE_CROWD_UPLOADS`, `KEEPSAKE_CROWD_KILLS`,
//! `KEEPSAKE_BUCKET_UPLOADS`, `KEEPSAKE_BUCKET_KILLS`, `KEEPSAKE_FILM_MIB`, and `KEEPSAKE_SOAK_SECONDS`, after which
//! all but the film take no new work; `KEEPSAKE_BIN` names another program than the one just built. Each prints its
//! seed, lines of progress, and one line `RESULT {json}`.

mod bucket;
mod bystander;
mod crowd;
mod customer;
mod film;
mod fsck;
mod ledger;
pub(crate) mod node;
mod people;
mod picture;
mod progress;
mod settle;
mod torture;
