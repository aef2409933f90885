//! What a host has too little of. Owns the names of the limits of room and what is said of them; each rule compares for
//! itself.

use crate::call::Call;
use crate::heap::Heap;
use crate::refusal::{Refusal, RefusalKind};
use crate::tables::capsules::CapsuleRecord;
use ic_stable_structures::Memory;

/// A limit of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Pending sessions of one caller.
    SessionsPerCaller,
    /// Bytes of one caller's pending sessions.
    BytesInFlightPerCaller,
    /// Bytes of one capsule, those in flight included.
    CapsuleBytes,
    /// Bytes of the blob heap, as the operator set it.
    HeapBytes,
    /// What the host can still grow by: its disk, its memory, or what it can pay for.
    HostBytes,
}

impl Limit {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::SessionsPerCaller => "sessions_per_caller",
            Self::BytesInFlightPerCaller => "bytes_in_flight_per_caller",
            Self::CapsuleBytes => "capsule_bytes",
            Self::HeapBytes => "heap_bytes",
            Self::HostBytes => "host_bytes",
        }
    }
}

/// Which limit was met, what is used of it and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {used} used, {left} left", .limit.code())]
pub struct Shortage {
    /// The limit.
    pub limit: Limit,
    /// What is used; of the heap, its length with free parts.
    pub used: u64,
    /// What is left.
    pub left: u64,
}

impl Refusal for Shortage {
    fn kind(&self) -> RefusalKind {
        RefusalKind::ResourceExhausted
    }
}

impl Shortage {
    pub(crate) fn of(limit: Limit, used: u64, most: u64) -> Self {
        Self { limit, used, left: most.saturating_sub(used) }
    }

    pub(crate) fn in_flight(used: u64, most: u64) -> Self {
        Self::of(Limit::BytesInFlightPerCaller, used, most)
    }

    pub(crate) fn capsule(record: &CapsuleRecord, most: u64) -> Self {
        Self::of(Limit::CapsuleBytes, record.bytes_used + record.bytes_in_flight, most)
    }

    pub(crate) fn heap<R: Memory, H: Memory>(heap: &Heap<R, H>) -> Self {
        Self::of(Limit::HeapBytes, heap.end(), heap.limit_bytes())
    }

    /// The host refused to grow the heap.
    pub(crate) fn host(call: &Call) -> Self {
        Self { limit: Limit::HostBytes, used: 0, left: call.room_bytes }
    }
}
