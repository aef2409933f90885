//! The table of sessions: their records, which chunks of each are here, and which sessions there are by state, so that a
//! list never walks over those that ended. Owns these maps and the counters over them; what a session takes elsewhere
//! (heap, quotas, its key) belongs to `upload`.
//!
//! ```text
//! sessions               key: session u64                                              value: SessionRecord
//! received bits          see `sessions/bits.rs`
//! sessions of a caller   key: principal (1 length + 29) | state u8 | session u64
//! sessions by state      key: state u8 | session u64         state: 0 pending, 1 finished, 2 aborted
//! ```
//! An aborted session answers a repeated abort and nothing else: it is listed under its caller only, to be counted,
//! and not at all where an older program aborted it.

mod bits;
mod record;

pub use record::{SessionRecord, SessionState};

use crate::ids::SessionId;
use crate::layout::{Counter, Field, Map, Part, part};
use crate::record::{Record, principal_key, u64_be};
use bits::Bits;
use ic_principal::Principal;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;

/// The states that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Pending = 0,
    Finished = 1,
    Aborted = 2,
}

impl Listed {
    /// Where a session in this state is listed.
    pub(crate) fn of(state: SessionState) -> Self {
        match state {
            SessionState::Pending => Self::Pending,
            SessionState::Finished(_) => Self::Finished,
            SessionState::Aborted => Self::Aborted,
        }
    }
}

/// How many sessions there are, and what the pending ones are charged for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionTotals {
    pub(crate) pending: u64,
    pub(crate) finished: u64,
    pub(crate) bytes_in_flight: u64,
}

pub(crate) struct Sessions<R: Memory> {
    records: Map<u64, Record<SessionRecord>, R>,
    bits: Bits<R>,
    of_callers: Map<[u8; 39], (), R>,
    by_state: Map<[u8; 9], (), R>,
    next: Counter<R>,
    pending: Counter<R>,
    finished: Counter<R>,
    bytes_in_flight: Counter<R>,
}

impl<R: Memory> Sessions<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            records: Map::init(part(manager, Part::Sessions)),
            bits: Bits::open(part(manager, Part::SessionBits)),
            of_callers: Map::init(part(manager, Part::SessionsOf)),
            by_state: Map::init(part(manager, Part::SessionsByState)),
            next: Counter::open(manager, Field::NextSession),
            pending: Counter::open(manager, Field::PendingSessions),
            finished: Counter::open(manager, Field::FinishedSessions),
            bytes_in_flight: Counter::open(manager, Field::BytesInFlight),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.records.check_tree("sessions", wrong);
        self.of_callers.check_tree("sessions of callers", wrong);
        self.by_state.check_tree("sessions by state", wrong);
        self.bits.check_trees(wrong);
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<SessionRecord> {
        self.records.get(&id.0).map(|record| record.0)
    }

    /// Stores a session whose state is the stored one.
    pub(crate) fn put(&mut self, id: SessionId, session: &SessionRecord) {
        self.records.put(&id.0, session);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, SessionRecord)> + '_ {
        self.records.iter().map(|(id, record)| (SessionId(id), record.0))
    }

    /// A new pending session, under the next number.
    pub(crate) fn add(&mut self, session: &SessionRecord) -> SessionId {
        let id = SessionId(self.next.next());
        self.list(id, session);
        self.records.put(&id.0, session);
        self.pending.add(1);
        self.bytes_in_flight.add(session.charged());
        id
    }

    /// A pending session is charged for more bytes than before.
    pub(crate) fn charge(&mut self, more: u64) {
        self.bytes_in_flight.add(more);
    }

    /// A pending session is pending no more: its bits and its part of the counters go. Then [`Self::keep_ended`] or
    /// [`Self::remove`]. Says how many pages of bits went.
    pub(crate) fn end_pending(&mut self, id: SessionId, session: &SessionRecord) -> usize {
        self.pending.sub(1);
        self.bytes_in_flight.sub(session.charged());
        self.bits.clear(id, session.expected)
    }

    /// Keeps the record of a session that ended in `state`, so that it answers repeated messages.
    pub(crate) fn keep_ended(
        &mut self,
        id: SessionId,
        session: &mut SessionRecord,
        state: SessionState,
        now_ns: u64,
    ) {
        self.unlist(id, session);
        (session.state, session.last_seen_ns) = (state, now_ns);
        self.list(id, session);
        self.finished.add(u64::from(matches!(state, SessionState::Finished(_))));
        self.records.put(&id.0, session);
    }

    /// Removes the record of a session that ended. True where it was listed under its caller.
    pub(crate) fn remove(&mut self, id: SessionId, session: &SessionRecord) -> bool {
        self.finished.sub(u64::from(matches!(session.state, SessionState::Finished(_))));
        self.records.remove(&id.0);
        self.unlist(id, session)
    }

    /// Whether a pending session has this chunk.
    pub(crate) fn has_chunk(&self, id: SessionId, index: u32) -> bool {
        self.bits.contains(id, index)
    }

    /// Marks a chunk of a pending session as received.
    pub(crate) fn mark_chunk(&mut self, id: SessionId, index: u32) {
        self.bits.insert(id, index);
    }

    /// The first missing ranges, half-open, at most `most`, and whether there are more. O(expected / 4,096 pages).
    pub(crate) fn missing(&self, id: SessionId, expected: u32, most: usize) -> (Vec<(u32, u32)>, bool) {
        self.bits.missing(id, expected, most)
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.bytes() + self.bits.bytes() + self.of_callers.bytes() + self.by_state.bytes()
    }

    pub(crate) fn totals(&self) -> SessionTotals {
        SessionTotals {
            pending: self.pending.read(),
            finished: self.finished.read(),
            bytes_in_flight: self.bytes_in_flight.read(),
        }
    }

    /// The number that no session has yet.
    pub(crate) fn next_id(&self) -> SessionId {
        SessionId(self.next.read())
    }

    /// A caller's sessions in one state, oldest first.
    pub(crate) fn of_caller(
        &self,
        caller: &Principal,
        state: Listed,
    ) -> impl DoubleEndedIterator<Item = SessionId> + '_ {
        let first = session_of_key(caller, state, SessionId(0));
        let last = session_of_key(caller, state, SessionId(u64::MAX));
        self.of_callers.keys_range(first..=last).map(|key| SessionId(u64_be(&key[31..])))
    }

    /// Everybody's sessions in one state, oldest first.
    pub(crate) fn in_state(&self, state: Listed) -> impl DoubleEndedIterator<Item = SessionId> + '_ {
        let first = session_by_state_key(state, SessionId(0));
        let last = session_by_state_key(state, SessionId(u64::MAX));
        self.by_state.keys_range(first..=last).map(|key| SessionId(u64_be(&key[1..])))
    }

    /// Whether a session is listed under its caller in `state`. O(log sessions).
    pub(crate) fn is_listed(&self, id: SessionId, session: &SessionRecord, state: Listed) -> bool {
        self.of_callers.contains_key(&session_of_key(&session.caller, state, id))
    }

    /// What is broken within the table, in words. O(sessions).
    pub(crate) fn check(&self, wrong: &mut Vec<String>) {
        let (mut found, mut aborted) = (SessionTotals::default(), 0);
        for (id, session) in self.iter() {
            match session.state {
                SessionState::Pending => {
                    found.pending += 1;
                    found.bytes_in_flight += session.charged();
                }
                SessionState::Finished(_) => found.finished += 1,
                SessionState::Aborted => aborted += u64::from(self.is_listed(id, &session, Listed::Aborted)),
            }
            if !self.is_listed_rightly(id, &session) {
                wrong.push(format!("session {} is not listed where its state says", id.0));
            }
        }
        let pending = |id| self.get(id).is_some_and(|session| session.state == SessionState::Pending);
        let stray = self.bits.sessions().filter(|id| !pending(*id));
        wrong.extend(stray.map(|id| format!("chunk bits of session {}, which is not pending", id.0)));
        let alive = found.pending + found.finished;
        let of_callers = self.of_callers.len().saturating_sub(aborted);
        for (what, listed) in [("callers", of_callers), ("states", self.by_state.len())] {
            if alive != listed {
                let line = format!("{alive} sessions pending or finished, {listed} listed under {what}");
                wrong.push(line);
            }
        }
        let stored = self.totals();
        if stored != found {
            wrong.push(format!("the header counts {stored:?} of sessions, found {found:?}"));
        }
    }

    /// Lists a session under its present state. To be undone with the same state before that changes.
    fn list(&mut self, id: SessionId, session: &SessionRecord) {
        let state = Listed::of(session.state);
        self.of_callers.insert(session_of_key(&session.caller, state, id), ());
        if state != Listed::Aborted {
            self.by_state.insert(session_by_state_key(state, id), ());
        }
    }

    /// True where it was listed under its caller.
    fn unlist(&mut self, id: SessionId, session: &SessionRecord) -> bool {
        let state = Listed::of(session.state);
        if state != Listed::Aborted {
            self.by_state.remove(&session_by_state_key(state, id));
        }
        self.of_callers.remove(&session_of_key(&session.caller, state, id))
    }

    /// Whether a session is listed where its state says, and nowhere else. O(log sessions).
    fn is_listed_rightly(&self, id: SessionId, session: &SessionRecord) -> bool {
        [Listed::Pending, Listed::Finished].into_iter().all(|state| {
            let expected = Listed::of(session.state) == state;
            self.is_listed(id, session, state) == expected
                && self.by_state.contains_key(&session_by_state_key(state, id)) == expected
        })
    }
}

fn session_of_key(caller: &Principal, state: Listed, id: SessionId) -> [u8; 39] {
    let mut key = [0; 39];
    key[..30].copy_from_slice(&principal_key(caller));
    key[30..].copy_from_slice(&session_by_state_key(state, id));
    key
}

fn session_by_state_key(state: Listed, id: SessionId) -> [u8; 9] {
    let mut key = [0; 9];
    key[0] = state as u8;
    key[1..].copy_from_slice(&id.0.to_be_bytes());
    key
}
