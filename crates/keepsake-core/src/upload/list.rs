//! What callers and operators see of sessions. Owns reads only.

use super::session::{SessionRecord, SessionState};
use super::{Store, UploadError, session_of_key};
use crate::access::Denied;
use crate::call::Call;
use crate::ids::SessionId;
use crate::layout::Field;
use crate::limits::{MISSING_RANGES_MAX, SESSION_TTL_NS, SESSIONS_LISTED_MAX, SESSIONS_PROBED_MAX};
use crate::record::u64_be;
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Its record.
    pub record: SessionRecord,
}

/// What is there and what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadStatus {
    /// The session's record.
    pub record: SessionRecord,
    /// The first missing ranges, half-open.
    pub missing: Vec<(u32, u32)>,
    /// There are more.
    pub missing_truncated: bool,
}

/// Counters over the sessions that a caller may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionsStats {
    /// Sessions that take chunks.
    pub pending: u64,
    /// Sessions that became blobs and still answer.
    pub finished: u64,
    /// Bytes reserved by the pending ones.
    pub bytes_in_flight: u64,
    /// The longest untouched pending session's last message, ns.
    pub oldest_last_seen_ns: Option<u64>,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Where the caller's session stands. O(pages of its bitset).
    ///
    /// # Errors
    /// [`UploadError::Denied`].
    pub fn upload_status(&self, call: &Call, id: SessionId) -> Result<UploadStatus, UploadError> {
        let record = self.own_session(call, id)?;
        let (missing, missing_truncated) = match record.state {
            SessionState::Aborted => return Err(Denied::NotFound.into()),
            SessionState::Finished(_) => (Vec::new(), false),
            SessionState::Pending => self.bits.missing(id, record.expected, MISSING_RANGES_MAX),
        };
        Ok(UploadStatus { record, missing, missing_truncated })
    }

    /// The caller's sessions, or all for a controller; newest first, at most [`SESSIONS_LISTED_MAX`].
    pub fn session_list(&self, caller: &Principal) -> Vec<SessionView> {
        let view =
            |id: u64| self.session(SessionId(id)).map(|record| SessionView { id: SessionId(id), record });
        let alive = |view: &SessionView| view.record.state != SessionState::Aborted;
        if self.is_controller(caller) {
            return self
                .sessions
                .keys()
                .rev()
                .filter_map(view)
                .filter(alive)
                .take(SESSIONS_LISTED_MAX)
                .collect();
        }
        self.own_session_ids(caller).filter_map(view).filter(alive).take(SESSIONS_LISTED_MAX).collect()
    }

    /// The ids of live (pending) sessions, at most [`SESSIONS_PROBED_MAX`].
    pub fn session_ids(&self) -> Vec<SessionId> {
        let pending = self.sessions.iter().filter(|entry| entry.value().0.state == SessionState::Pending);
        pending.map(|entry| SessionId(*entry.key())).take(SESSIONS_PROBED_MAX).collect()
    }

    /// Counters over the caller's sessions, or all for a controller.
    pub fn session_stats(&self, caller: &Principal) -> SessionsStats {
        if self.is_controller(caller) {
            return SessionsStats {
                pending: self.header.read(Field::PendingSessions),
                finished: self.header.read(Field::FinishedSessions),
                bytes_in_flight: self.header.read(Field::BytesInFlight),
                oldest_last_seen_ns: self.oldest_last_seen_ns(),
            };
        }
        let record = self.caller_record(caller);
        let pending = self.own_session_ids(caller).filter_map(|id| self.session(SessionId(id)));
        let pending =
            pending.filter(|s| s.state == SessionState::Pending).take(record.pending_sessions as usize);
        SessionsStats {
            pending: record.pending_sessions.into(),
            finished: record.finished_sessions,
            bytes_in_flight: record.bytes_in_flight,
            oldest_last_seen_ns: pending.map(|s| s.last_seen_ns).min(),
        }
    }

    fn own_session_ids(&self, caller: &Principal) -> impl Iterator<Item = u64> + '_ {
        let range = session_of_key(caller, SessionId(0))..=session_of_key(caller, SessionId(u64::MAX));
        self.sessions_of.keys_range(range).rev().map(|key| u64_be(&key[30..]))
    }

    /// Due entries are in the order of deadlines that can only have moved on, so the walk ends early.
    fn oldest_last_seen_ns(&self) -> Option<u64> {
        let mut oldest: Option<u64> = None;
        for (at_ns, session) in self.due_sessions() {
            if oldest.is_some_and(|found| found.saturating_add(SESSION_TTL_NS) <= at_ns) {
                break;
            }
            let pending = self.session(session).filter(|s| s.state == SessionState::Pending);
            oldest = oldest.into_iter().chain(pending.map(|s| s.last_seen_ns)).min();
        }
        oldest
    }
}
