//! Candid wire types, error codes and `keepsake.did`.
//!
//! Owns what crosses the wire: the shape of every argument and result, and the stable error codes.
//! Owns no rule: what is allowed is decided by the core. Depends on `candid` and `serde` only.

pub mod blobs;
pub mod capsules;
pub mod codes;
pub mod error;
pub mod http;
pub mod invitations;
pub mod memories;
pub mod objects;
pub mod operator;
pub mod people;
pub mod site;
pub mod uploads;
pub mod usage;

pub use blobs::*;
pub use candid::Principal;
pub use capsules::*;
pub use error::Error;
pub use http::*;
pub use invitations::*;
pub use memories::*;
pub use objects::*;
pub use operator::*;
pub use people::*;
pub use site::*;
pub use uploads::*;
pub use usage::*;

/// The answer of every fallible method: `variant { Ok : T; Err : Error }` on the wire.
pub type Answer<T> = Result<T, Error>;

/// The checked-in service description. A test holds it equal to what the endpoint table exports.
pub const DID: &str = include_str!("../keepsake.did");
