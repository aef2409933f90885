//! The service as a canister on the Internet Computer: a thin host over `ic-cdk`.
//!
//! Owns what only this host has: entry points, memory ids, the timer, the arguments of install and upgrade. Owns no
//! rule: each message goes to [`keepsake_service::Service`] as bytes and comes back as bytes. A message is a
//! transaction of the Internet Computer: it commits whole, or on a trap not at all. So there is no work at upgrade:
//! everything that lasts is in stable memory already, and there is no `pre_upgrade`.

mod entry;
pub mod host;
pub mod inspect;
pub mod install;
pub mod memory;
mod money;
pub mod timer;
