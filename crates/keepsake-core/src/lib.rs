//! Pure rules and stable layouts of Keepsake: blob heap, upload sessions, capsules, memories.
//!
//! Owns what a message does to the two memories (records, blob heap), and nothing else: no I/O, clock,
//! randomness, async or Candid. What varies comes in as a value ([`Call`]), what happened goes out as one.
//!
//! Start at [`Store`]: it opens the layouts and carries every operation.

pub mod access;
pub mod blob;
pub mod call;
pub mod capsule;
pub mod certified;
mod charge;
pub mod check;
pub mod contents;
pub mod devices;
pub mod door;
pub mod heap;
pub mod housekeeping;
pub mod ids;
pub mod invitations;
pub mod layout;
pub mod limits;
pub mod links;
pub mod map;
pub mod memory;
pub mod objects;
pub mod operator;
pub mod people;
pub mod publish;
mod record;
pub mod refusal;
mod rolling;
pub mod room;
pub mod site;
pub mod store;
mod tables;
pub mod ticket;
pub mod token;
mod tree;
pub mod upload;

pub use call::Call;
pub use ic_principal::Principal;
pub use refusal::{Refusal, RefusalKind};
pub use room::{Exhausted, Limit, Usage};
pub use store::{Admission, Config, Gate, OpenError, Quotas, RecordLimits, Store, Upkeep, is_nobody};
pub use tables::idem;
