//! What is used of each limit, and what is left. Owns the shape; the codes are in [`crate::codes`].

use candid::CandidType;
use serde::{Deserialize, Serialize};

/// The answer of `usage`: what to look at after a `ResourceExhausted`, and before a large upload.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The caller's limits, then those of the capsule where one was named, then the host's. Of the host, others than
    /// controllers see only what is left to them: `used` is 0 and `max` is `left`.
    pub limits: Vec<LimitUse>,
}

/// One limit.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct LimitUse {
    /// Its stable code, in the table of codes.
    pub code: String,
    /// What is used: bytes where the code says so, else a count.
    pub used: u64,
    /// What can be used.
    pub max: u64,
    /// What is left.
    pub left: u64,
}
