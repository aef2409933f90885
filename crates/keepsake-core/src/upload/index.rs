//! Which sessions there are, by state, so that a list never walks over those that ended. Owns the two indexes and
//! their walks; who may see what is said by the reads.
//!
//! ```text
//! sessions of a caller   key: principal (1 length + 29) | state u8 | session u64
//! sessions by state      key: state u8 | session u64         state: 0 pending, 1 finished, 2 aborted
//! ```
//! An aborted session answers a repeated abort and nothing else: it is listed under its caller only, to be counted,
//! and not at all where an older program aborted it.

use super::session::{SessionRecord, SessionState};
use crate::ids::SessionId;
use crate::record::{principal_key, u64_be};
use crate::store::Store;
use ic_principal::Principal;
use ic_stable_structures::Memory;

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

impl<R: Memory, H: Memory> Store<R, H> {
    /// Lists a session under its present state. To be undone with the same state before that changes.
    pub(crate) fn list_session(&mut self, id: SessionId, session: &SessionRecord) {
        let state = Listed::of(session.state);
        self.sessions_of.insert(session_of_key(&session.caller, state, id), ());
        if state != Listed::Aborted {
            self.sessions_by_state.insert(session_by_state_key(state, id), ());
        }
    }

    /// True where it was listed under its caller.
    pub(crate) fn unlist_session(&mut self, id: SessionId, session: &SessionRecord) -> bool {
        let state = Listed::of(session.state);
        if state != Listed::Aborted {
            self.sessions_by_state.remove(&session_by_state_key(state, id));
        }
        self.sessions_of.remove(&session_of_key(&session.caller, state, id))
    }

    /// Whether a session is listed under its caller in `state`. O(log sessions).
    pub(crate) fn is_listed(&self, id: SessionId, session: &SessionRecord, state: Listed) -> bool {
        self.sessions_of.contains_key(&session_of_key(&session.caller, state, id))
    }

    /// Whether a session is listed where its state says, and nowhere else. O(log sessions).
    pub(crate) fn is_listed_rightly(&self, id: SessionId, session: &SessionRecord) -> bool {
        [Listed::Pending, Listed::Finished].into_iter().all(|state| {
            let expected = Listed::of(session.state) == state;
            self.is_listed(id, session, state) == expected
                && self.sessions_by_state.contains_key(&session_by_state_key(state, id)) == expected
        })
    }

    /// A caller's sessions in one state, oldest first.
    pub(crate) fn sessions_of(
        &self,
        caller: &Principal,
        state: Listed,
    ) -> impl DoubleEndedIterator<Item = SessionId> + '_ {
        let first = session_of_key(caller, state, SessionId(0));
        let last = session_of_key(caller, state, SessionId(u64::MAX));
        self.sessions_of.keys_range(first..=last).map(|key| SessionId(u64_be(&key[31..])))
    }

    /// Everybody's sessions in one state, oldest first.
    pub(super) fn sessions_in(&self, state: Listed) -> impl DoubleEndedIterator<Item = SessionId> + '_ {
        let first = session_by_state_key(state, SessionId(0));
        let last = session_by_state_key(state, SessionId(u64::MAX));
        self.sessions_by_state.keys_range(first..=last).map(|key| SessionId(u64_be(&key[1..])))
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
