//! What a host holds: the service over its two memories. Owns opening, dispatch and the tick.

use crate::http::{AssetRequest, AssetResponse};
use ic_stable_structures::Memory;
use keepsake_core::{Call, Principal};

/// What a host decides when it makes or opens a store.
#[derive(Clone, Debug)]
pub struct Install {
    /// The text of this service's canister id, bound into HTTP tokens.
    pub canister_id: Principal,
    /// Principals that may see every session.
    pub controllers: Vec<Principal>,
    /// Secret of the HTTP tokens, from the host's secure randomness; used only when the store is new.
    pub token_secret: [u8; 32],
    /// Upper bound of the blob heap, bytes.
    pub heap_bytes_max: u64,
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The records memory holds something else.
    #[error("the records are not a Keepsake store: {0}")]
    NotAStore(String),
    /// Written by a later version.
    #[error("the store has layout version {found}, this program reads up to {supported}: use a newer program")]
    NewerLayout {
        /// Version found.
        found: u32,
        /// Newest version understood.
        supported: u32,
    },
}

/// Kind of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes state; ordered and durable.
    Update,
    /// Reads a snapshot.
    Query,
}

/// Something worth a log line, by a host that logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session began.
    SessionBegun(u64),
    /// A chunk arrived.
    ChunkPut(u64),
    /// A session was finished.
    SessionFinished(u64),
}

/// The Candid reply of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Candid-encoded results.
    pub bytes: Vec<u8>,
    /// What happened, for the host's log.
    pub events: Vec<Event>,
}

/// A message that never reached a rule: unknown method, wrong kind, not Candid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// IC reject code: 3 destination invalid (no such method), 5 canister error (arguments do not decode).
    pub code: u8,
    /// IC error code such as `IC0536`.
    pub error_code: &'static str,
    /// What to do about it.
    pub message: String,
}

/// What one slice of housekeeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Sessions evicted because their TTL ran out.
    pub sessions_evicted: u32,
    /// Unreferenced blobs collected.
    pub blobs_collected: u32,
    /// More is due now: tick again.
    pub more: bool,
}

/// The service over its two memories.
pub struct Service<R: Memory, H: Memory> {
    _records: R,
    _heap: H,
}

impl<R: Memory, H: Memory> Service<R, H> {
    /// Opens the store in `records`, making it when the memory is empty. May write.
    ///
    /// # Errors
    /// [`OpenError`] when the memory holds something else or a newer layout.
    pub fn open(_records: R, _heap: H, _install: &Install) -> Result<Self, OpenError> {
        todo!()
    }

    /// Opens an existing store to read; never writes to either memory. Cheap: O(1).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_snapshot(_records: R, _heap: H) -> Result<Self, OpenError> {
        todo!()
    }

    /// Runs an update message.
    ///
    /// # Errors
    /// [`Reject`] when there is no such update method or the arguments do not decode.
    pub fn update(&mut self, _call: &Call, _method: &str, _arg: &[u8]) -> Result<Reply, Reject> {
        todo!()
    }

    /// Runs a query message.
    ///
    /// # Errors
    /// [`Reject`] when there is no such query method or the arguments do not decode.
    pub fn query(&self, _call: &Call, _method: &str, _arg: &[u8]) -> Result<Reply, Reject> {
        todo!()
    }

    /// One bounded slice of housekeeping: expired sessions, unreferenced blobs, deleted capsules.
    pub fn tick(&mut self, _call: &Call) -> Tick {
        todo!()
    }

    /// Plans the answer to `GET|HEAD /asset/…`. The caller of `call` is not used: tokens decide.
    pub fn asset(&self, _call: &Call, _request: &AssetRequest) -> AssetResponse {
        todo!()
    }

    /// The kind of `method`, if there is such a method.
    pub fn kind(_method: &str) -> Option<Kind> {
        todo!()
    }
}
