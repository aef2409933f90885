//! Runs a canister's wasm module in tests: messages, roll back, stable memory, timers, upgrades, counted cost.
//!
//! Owns the part of the Internet Computer that a single canister sees: the system calls, the order of messages, what
//! a failed one leaves (nothing) and what each costs. It is no replica: there is no consensus, no other canister, and it is
//! for tests only. No cycles are charged, but a canister whose balance is too low for its memory is frozen.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use keepsake_wasm_host::{Canister, CanisterModule, Options};
//!
//! let module = CanisterModule::compile(&std::fs::read("keepsake.wasm.gz")?)?;
//! let mut canister = Canister::install(&module, b"DIDL\0\0", &Options::default())?;
//! let reply = canister.query(candid::Principal::anonymous(), "upload_config", b"DIDL\0\0")?;
//! println!("{} bytes for {} instructions", reply.len(), canister.last_cost().total());
//! # Ok(())
//! # }
//! ```
//!
//! - *A module runs only if all that it imports is offered.* Anything else is an error that names it.
//! - *A message happens whole or not at all*: heap, globals, stable memory, certified data and timer.
//! - *The same seed and the same messages give the same run*, cost included. The clock moves by
//!   [`Canister::advance`] only.
//! - *Limits are the IC's*: instructions per message, sizes of replies, where a system call may be used.

mod canister;
mod certificate;
mod cost;
mod cycles;
mod error;
mod ic0;
mod instance;
mod module;
mod shared;
mod stable;
mod system;
mod weights;

pub use canister::{Canister, Options};
pub use cost::{DIRTY_PAGE_INSTRUCTIONS, Instructions, PAGE_BYTES, SENT_BYTE_INSTRUCTIONS};
pub use cycles::Subnet;
pub use error::{HostError, Rejection};
pub use module::CanisterModule;
pub use shared::SharedStableMemory;
pub use stable::{OutOfBounds, StableMemory, WASM_PAGE_BYTES};
