//! Pure rules and stable layouts of Keepsake: blob heap, upload sessions, capsules, memories.
//!
//! Owns what a message does to the two memories; owns no I/O, clock, randomness, async or Candid.

pub mod call;

pub use call::Call;
pub use ic_principal::Principal;
