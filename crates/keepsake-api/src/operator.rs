//! Wire types for whoever runs the host.

use crate::Admission;
use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};

/// What may be set while the host runs. As an argument, what is left out stays.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Who may come in. In an answer, what counts, whether or not anybody set it.
    pub admission: Option<Admission>,
    /// Blobs, inline assets and bytes in flight of one capsule, bytes.
    pub capsule_bytes_max: Option<u64>,
    /// Bytes of one caller's unfinished uploads.
    pub bytes_in_flight_per_caller_max: Option<u64>,
    /// Unfinished uploads of one caller.
    pub sessions_per_caller_max: Option<u32>,
    /// The blob heap, bytes.
    pub heap_bytes_max: Option<u64>,
    /// All records, bytes.
    pub record_bytes_max: Option<u64>,
    /// Records of one capsule's memories and blobs, bytes.
    pub capsule_record_bytes_max: Option<u64>,
}

/// What is set, and who controls the host.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// The settings; each is there.
    pub settings: Settings,
    /// Who may set them.
    pub controllers: Vec<Principal>,
}

/// One use of an operator's right.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number, for the next page.
    pub number: u64,
    /// When, ns since 1970.
    pub at: u64,
    /// Who.
    pub by: Principal,
    /// What: `set`, `evict`, `remove`, `block`, `unblock`, `quota`, `give`, `invite`, `uninvite`.
    pub action: String,
    /// To what or whom, and how.
    pub target: String,
}
