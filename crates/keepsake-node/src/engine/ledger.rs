//! Who has how many recorded answers, so that a message is refused before it runs when there is no place for its own.
//!
//! Owns the counts and the bounds; the rows themselves are in [`crate::storage::requests`].

use crate::engine::message::EngineError;
use crate::storage::requests::{ROW_BYTES, RequestId, Row};
use keepsake_service::Principal;
use std::collections::{HashMap, HashSet};

/// Bounds of recorded answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Rows in all.
    pub rows_max: u64,
    /// Bytes in all.
    pub bytes_max: u64,
    /// Rows of one caller.
    pub caller_rows_max: u64,
    /// Bytes of one caller.
    pub caller_bytes_max: u64,
}

impl Default for AnswerLimits {
    /// A row is kept for five minutes or a little longer: 3,400 messages a second by all, 850 by one caller.
    fn default() -> Self {
        Self { rows_max: 1 << 20, bytes_max: 384 << 20, caller_rows_max: 1 << 18, caller_bytes_max: 96 << 20 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    rows: u64,
    bytes: u64,
}

impl Use {
    fn add(&mut self, bytes: u64) {
        self.rows += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// An eighth is kept for messages that make room.
    fn has_place(self, rows_max: u64, bytes_max: u64, is_freeing: bool) -> bool {
        let kept = if is_freeing { 0 } else { 8 };
        let less = |max: u64| max - max.checked_div(kept).unwrap_or(0);
        self.rows < less(rows_max) && self.bytes < less(bytes_max)
    }
}

/// The counts. Rows are the recorded ones and those of messages on their way.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: AnswerLimits,
    all: Use,
    callers: HashMap<Principal, Use>,
    /// Eight bytes of each recorded id. Ids are hashes: a stranger that has the same costs one look at the records.
    recorded: HashSet<u64>,
}

impl Ledger {
    pub(crate) fn new(limits: AnswerLimits) -> Self {
        Self { limits, all: Use::default(), callers: HashMap::new(), recorded: HashSet::new() }
    }

    /// Takes a place for the answer of a message that is about to run.
    ///
    /// # Errors
    /// [`EngineError::TooManyAnswers`] at the caller's own bound, [`EngineError::Overloaded`] at that of all.
    pub(crate) fn reserve(&mut self, caller: Principal, is_freeing: bool) -> Result<(), EngineError> {
        let limits = self.limits;
        let own = self.callers.get(&caller).copied().unwrap_or_default();
        if !own.has_place(limits.caller_rows_max, limits.caller_bytes_max, is_freeing) {
            return Err(EngineError::TooManyAnswers);
        }
        if !self.all.has_place(limits.rows_max, limits.bytes_max, is_freeing) {
            return Err(EngineError::Overloaded);
        }
        self.add(caller, ROW_BYTES);
        Ok(())
    }

    /// Gives back a place that [`Self::reserve`] took: the answer is not recorded.
    pub(crate) fn release(&mut self, caller: Principal) {
        self.remove(caller, ROW_BYTES);
    }

    /// An answer is recorded, in a place that [`Self::reserve`] took.
    pub(crate) fn recorded(&mut self, row: &Row) {
        self.release(row.caller);
        self.insert(row);
    }

    /// A row was found in the records.
    pub(crate) fn insert(&mut self, row: &Row) {
        self.add(row.caller, row.bytes);
        self.recorded.insert(prefix(&row.id));
    }

    /// A row is gone.
    pub(crate) fn pruned(&mut self, row: &Row) {
        self.remove(row.caller, row.bytes);
        self.recorded.remove(&prefix(&row.id));
    }

    /// Whether `id` may be recorded; where not, it is not.
    pub(crate) fn may_hold(&self, id: &RequestId) -> bool {
        self.recorded.contains(&prefix(id))
    }

    /// Rows in all.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> u64 {
        self.all.rows
    }

    fn add(&mut self, caller: Principal, bytes: u64) {
        self.all.add(bytes);
        self.callers.entry(caller).or_default().add(bytes);
    }

    fn remove(&mut self, caller: Principal, bytes: u64) {
        self.all.remove(bytes);
        if let Some(own) = self.callers.get_mut(&caller) {
            own.remove(bytes);
            if own.rows == 0 {
                self.callers.remove(&caller);
            }
        }
    }
}

fn prefix(id: &RequestId) -> u64 {
    u64::from_le_bytes(*id.first_chunk().expect("an id has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(n: u8) -> Principal {
        Principal::self_authenticating([n; 32])
    }

    fn row(n: u8, caller: Principal) -> Row {
        Row { id: [n; 32], caller, bytes: ROW_BYTES + 10 }
    }

    fn ledger() -> Ledger {
        Ledger::new(AnswerLimits {
            rows_max: 32,
            bytes_max: u64::MAX,
            caller_rows_max: 16,
            caller_bytes_max: u64::MAX,
        })
    }

    #[test]
    fn one_caller_is_stopped_before_others_and_may_still_free() {
        let mut ledger = ledger();
        for _ in 0..14 {
            ledger.reserve(caller(1), false).unwrap();
        }
        assert!(matches!(ledger.reserve(caller(1), false), Err(EngineError::TooManyAnswers)));
        ledger.reserve(caller(1), true).unwrap();
        ledger.reserve(caller(1), true).unwrap();
        assert!(matches!(ledger.reserve(caller(1), true), Err(EngineError::TooManyAnswers)));
        for _ in 0..12 {
            ledger.reserve(caller(2), false).unwrap();
        }
        assert!(matches!(ledger.reserve(caller(3), false), Err(EngineError::Overloaded)));
        ledger.reserve(caller(3), true).unwrap();
    }

    #[test]
    fn places_come_back_when_answers_are_not_recorded_and_when_rows_are_pruned() {
        let mut ledger = ledger();
        ledger.reserve(caller(1), false).unwrap();
        ledger.reserve(caller(1), false).unwrap();
        ledger.recorded(&row(1, caller(1)));
        ledger.release(caller(1));
        assert_eq!(ledger.all, Use { rows: 1, bytes: ROW_BYTES + 10 });
        assert!(ledger.may_hold(&[1; 32]) && !ledger.may_hold(&[2; 32]));
        ledger.pruned(&row(1, caller(1)));
        assert_eq!((ledger.all, ledger.callers.len()), (Use::default(), 0));
        assert!(!ledger.may_hold(&[1; 32]));
    }
}
