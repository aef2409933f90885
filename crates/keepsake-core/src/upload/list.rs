//! What callers and operators see of sessions. Owns reads only.

use super::{SessionRecord, SessionState, Store, UploadError};
use crate::access::Denied;
use crate::call::Call;
use crate::ids::{CapsuleId, SessionId};
use crate::limits::{MISSING_RANGES_MAX, PAGE_RECORD_BYTES_MAX, SESSIONS_LISTED_MAX, SESSIONS_PROBED_MAX};
use crate::tables::sessions::Listed;
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// A row of a list without its texts, bytes: a thousand ordinary ones fit.
const ROW_BYTES: u64 = 512;

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
    /// Where the caller's session stands, whatever the caller's role is by now. O(pages of its bitset).
    ///
    /// # Errors
    /// [`UploadError::Denied`].
    pub fn upload_status(&self, call: &Call, id: SessionId) -> Result<UploadStatus, UploadError> {
        let record = self.own_session(call, id)?;
        let (missing, missing_truncated) = match record.state {
            SessionState::Aborted => return Err(Denied::NotFound.into()),
            SessionState::Finished(_) => (Vec::new(), false),
            // The bucket knows which parts it has.
            SessionState::Pending if record.object.is_some() && record.received > 0 => (Vec::new(), false),
            SessionState::Pending => self.sessions.missing(id, record.expected, MISSING_RANGES_MAX),
        };
        Ok(UploadStatus { record, missing, missing_truncated })
    }

    /// The caller's sessions, or all for a controller; newest first, at most [`SESSIONS_LISTED_MAX`], and fewer where their
    /// keys and types are so long that they would take more than [`PAGE_RECORD_BYTES_MAX`]. O(rows).
    pub fn session_list(&self, caller: &Principal) -> Vec<SessionView> {
        let ids = if self.is_controller(caller) {
            newest(self.sessions.in_state(Listed::Pending), self.sessions.in_state(Listed::Finished))
        } else {
            newest(
                self.sessions.of_caller(caller, Listed::Pending),
                self.sessions.of_caller(caller, Listed::Finished),
            )
        };
        let view =
            |id| SessionView { id, record: self.sessions.get(id).expect("a listed session has a record") };
        let there = |view: &SessionView| self.members.any(CapsuleId(view.record.capsule));
        let mut bytes = 0;
        let fits = |view: &SessionView| {
            let texts = view.record.idem.len() + view.record.mime_type.as_ref().map_or(0, String::len);
            bytes += ROW_BYTES + texts as u64;
            bytes <= PAGE_RECORD_BYTES_MAX
        };
        ids.into_iter().map(view).filter(there).take_while(fits).collect()
    }

    /// The ids of live (pending) sessions, oldest first, at most [`SESSIONS_PROBED_MAX`]. O(rows).
    pub fn session_ids(&self) -> Vec<SessionId> {
        self.sessions.in_state(Listed::Pending).take(SESSIONS_PROBED_MAX).collect()
    }

    /// Counters over the caller's sessions, or all for a controller. The oldest `last_seen` is that of the
    /// [`SESSIONS_LISTED_MAX`] pending sessions that were begun first; a caller has no more than that by default.
    pub fn session_stats(&self, caller: &Principal) -> SessionsStats {
        if self.is_controller(caller) {
            let totals = self.sessions.totals();
            return SessionsStats {
                pending: totals.pending,
                finished: totals.finished,
                bytes_in_flight: totals.bytes_in_flight,
                oldest_last_seen_ns: self.oldest_last_seen_ns(self.sessions.in_state(Listed::Pending)),
            };
        }
        let record = self.callers.get(caller);
        SessionsStats {
            pending: record.pending_sessions.into(),
            finished: record.finished_sessions,
            bytes_in_flight: record.bytes_in_flight,
            oldest_last_seen_ns: self.oldest_last_seen_ns(self.sessions.of_caller(caller, Listed::Pending)),
        }
    }

    fn oldest_last_seen_ns(&self, pending: impl Iterator<Item = SessionId>) -> Option<u64> {
        let records = pending.take(SESSIONS_LISTED_MAX).filter_map(|id| self.sessions.get(id));
        records.map(|session| session.last_seen_ns).min()
    }
}

/// The newest of two lists that are each in the order of ids, newest first.
fn newest(
    pending: impl DoubleEndedIterator<Item = SessionId>,
    finished: impl DoubleEndedIterator<Item = SessionId>,
) -> Vec<SessionId> {
    let rows = pending.rev().take(SESSIONS_LISTED_MAX).chain(finished.rev().take(SESSIONS_LISTED_MAX));
    let mut ids: Vec<_> = rows.collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(SESSIONS_LISTED_MAX);
    ids
}
