//! What a host tells the core about one message. Owns the values that vary; owns no rule.

use ic_principal::Principal;

/// The context of one message: who calls, when, and what the host knows about readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The verified caller.
    pub caller: Principal,
    /// Host time, nanoseconds since 1970-01-01 UTC.
    pub now_ns: u64,
    /// The commit that this message will be part of. Extents freed now carry it. Never decreases.
    pub epoch: u64,
    /// Extents freed at or before this epoch may be overwritten: their freeing is durable and no reader
    /// can still see them. `u64::MAX` where messages are transactions over the heap too (the IC).
    pub reusable_through: u64,
    /// Bytes that the host can let the blob heap grow by; `u64::MAX` where it does not say.
    pub room_bytes: u64,
    /// Rows that a message may work off where it goes in slices: memories that it deletes, entries of housekeeping. One at
    /// least. `u32::MAX` where the bounds in [`crate::limits`] are enough; a host whose transaction has less room gives less.
    pub rows_max: u32,
}

impl Call {
    /// The rows of one slice, where the rule allows `most`.
    pub(crate) fn rows(&self, most: u32) -> u32 {
        most.min(self.rows_max).max(1)
    }
}
