//! Who has how many recorded answers, so that a message is refused before it runs when there is no place for its own.
//!
//! Owns the counts and the bounds; the rows themselves are in [`crate::storage::requests`]. Only rows are refused. Keys are
//! free, so bytes must not: a few callers with long answers would stop everybody. A long answer that has no room is recorded
//! as done instead.

use crate::engine::message::EngineError;
use crate::storage::requests::{LONG_ANSWER_BYTES_MAX, RequestId, Row, SHORT_ANSWER_BYTES_MAX};
use keepsake_service::Principal;
use std::collections::{HashMap, HashSet};

/// Bounds of recorded answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Rows in all.
    pub rows_max: u64,
    /// Rows of one caller.
    pub caller_rows_max: u64,
    /// Bytes of all long answers.
    pub long_bytes_max: u64,
    /// Bytes of one caller's long answers.
    pub caller_long_bytes_max: u64,
}

impl Default for AnswerLimits {
    /// A row is kept for five minutes or a little longer: 3,400 messages a second by all, 850 by one caller. With short
    /// answers alone the rows come to 512 MiB at most.
    fn default() -> Self {
        Self {
            rows_max: 1 << 20,
            caller_rows_max: 1 << 18,
            long_bytes_max: 128 << 20,
            caller_long_bytes_max: 16 << 20,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Use {
    rows: u64,
    long_bytes: u64,
}

impl Use {
    fn add(&mut self, long_bytes: u64) {
        self.rows += 1;
        self.long_bytes += long_bytes;
    }

    fn remove(&mut self, long_bytes: u64) {
        self.rows = self.rows.saturating_sub(1);
        self.long_bytes = self.long_bytes.saturating_sub(long_bytes);
    }

    /// An eighth is kept for messages that make room.
    fn has_place(self, rows_max: u64, is_freeing: bool) -> bool {
        self.rows < if is_freeing { rows_max } else { rows_max - rows_max / 8 }
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
        let own = self.callers.get(&caller).copied().unwrap_or_default();
        if !own.has_place(self.limits.caller_rows_max, is_freeing) {
            return Err(EngineError::TooManyAnswers);
        }
        if !self.all.has_place(self.limits.rows_max, is_freeing) {
            return Err(EngineError::Overloaded);
        }
        self.add(caller, 0);
        Ok(())
    }

    /// Takes room for an answer of `len` bytes in a place that [`Self::reserve`] took, and says how many it counts for: a
    /// short one for none. `None` where only that the message was executed can be recorded.
    pub(crate) fn take_room(&mut self, caller: Principal, len: usize) -> Option<u64> {
        if len <= SHORT_ANSWER_BYTES_MAX {
            return Some(0);
        }
        let (bytes, limits) = (len as u64, self.limits);
        let own = self.callers.get_mut(&caller)?;
        let has_room = len <= LONG_ANSWER_BYTES_MAX
            && own.long_bytes + bytes <= limits.caller_long_bytes_max
            && self.all.long_bytes + bytes <= limits.long_bytes_max;
        if !has_room {
            return None;
        }
        own.long_bytes += bytes;
        self.all.long_bytes += bytes;
        Some(bytes)
    }

    /// Gives back a place that [`Self::reserve`] took, with the room that its answer took: it is not recorded.
    pub(crate) fn release(&mut self, caller: Principal, long_bytes: u64) {
        self.remove(caller, long_bytes);
    }

    /// An answer is recorded, in the place and room that were taken for it.
    pub(crate) fn recorded(&mut self, row: &Row) {
        self.release(row.caller, row.long_bytes());
        self.insert(row);
    }

    /// A row was found in the records.
    pub(crate) fn insert(&mut self, row: &Row) {
        self.add(row.caller, row.long_bytes());
        self.recorded.insert(prefix(&row.id));
    }

    /// A row is gone.
    pub(crate) fn pruned(&mut self, row: &Row) {
        self.remove(row.caller, row.long_bytes());
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

    fn add(&mut self, caller: Principal, long_bytes: u64) {
        self.all.add(long_bytes);
        self.callers.entry(caller).or_default().add(long_bytes);
    }

    fn remove(&mut self, caller: Principal, long_bytes: u64) {
        self.all.remove(long_bytes);
        if let Some(own) = self.callers.get_mut(&caller) {
            own.remove(long_bytes);
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

    fn row(n: u8, caller: Principal, answer_bytes: usize) -> Row {
        Row { id: [n; 32], caller, answer_bytes }
    }

    fn ledger() -> Ledger {
        Ledger::new(AnswerLimits {
            rows_max: 32,
            caller_rows_max: 16,
            long_bytes_max: 40_000,
            caller_long_bytes_max: 20_000,
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
        assert_eq!(ledger.take_room(caller(1), 1_000), Some(1_000));
        assert_eq!(ledger.take_room(caller(1), 2_000), Some(2_000));
        ledger.recorded(&row(1, caller(1), 1_000));
        ledger.release(caller(1), 2_000);
        assert_eq!(ledger.all, Use { rows: 1, long_bytes: 1_000 });
        assert!(ledger.may_hold(&[1; 32]) && !ledger.may_hold(&[2; 32]));
        ledger.pruned(&row(1, caller(1), 1_000));
        assert_eq!((ledger.all, ledger.callers.len()), (Use::default(), 0));
        assert!(!ledger.may_hold(&[1; 32]));
    }

    #[test]
    fn long_answers_have_a_room_of_their_own_and_stop_nobody() {
        let mut ledger = ledger();
        let mut take = |n: u8, len: usize| {
            ledger.reserve(caller(n), false).unwrap();
            ledger.take_room(caller(n), len)
        };
        assert_eq!(take(1, LONG_ANSWER_BYTES_MAX), Some(16 << 10));
        assert_eq!(take(1, LONG_ANSWER_BYTES_MAX), None, "the caller's own room is used up");
        assert_eq!(take(2, LONG_ANSWER_BYTES_MAX + 1), None, "too long for anybody");
        assert_eq!(take(2, LONG_ANSWER_BYTES_MAX), Some(16 << 10));
        assert_eq!(take(3, LONG_ANSWER_BYTES_MAX), None, "the room of all is used up");
        assert_eq!(take(3, 7_000), Some(7_000));
        assert_eq!(take(1, SHORT_ANSWER_BYTES_MAX), Some(0), "short ones need none");
        assert_eq!(ledger.all, Use { rows: 7, long_bytes: (32 << 10) + 7_000 });
    }
}
