//! The TTL tick: the only thing besides finish and abort that ends a session. Works off the queue of what is due
//! (`tables/due.rs`) in bounded slices.
//!
//! An entry says "look at this not before"; the record decides. A session that was touched since goes back into
//! the queue under its new deadline, so a put never writes there. What goes before its time takes its entry along.

use crate::call::Call;
use crate::ids::{BlobId, CapsuleId, InvitationId, MemoryId, SessionId};
use crate::limits::{BITS_PAGES_PER_ROW, TICK_SLICE};
use crate::store::Store;
use crate::tables::capsules::ItemKind;
use crate::tables::due::{DueEntry, DueKind};
use crate::tables::sessions::{SessionRecord, SessionState};
use ic_stable_structures::Memory;

/// What one slice did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Pending sessions evicted.
    pub sessions_evicted: u32,
    /// Unreferenced blobs collected.
    pub blobs_collected: u32,
    /// More is due now.
    pub more: bool,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Works off what is due, at most [`TICK_SLICE`] or [`Call::rows_max`] rows, those of deleted capsules included, and a
    /// slice of freed bytes that waited for their readers. What rows are left count and index records of an older layout.
    pub fn tick(&mut self, call: &Call) -> Tick {
        let mut done = Tick { more: self.heap.settle(call), ..Tick::default() };
        // Two at least: the entry of a deleted capsule, and one item of it.
        let mut rows = call.rows(TICK_SLICE).max(2);
        while rows > 0 {
            let Some(DueEntry { at_ns, kind, id }) = self.due.first_before(call.now_ns) else { break };
            self.due.remove(at_ns, kind, id);
            rows -= 1;
            match kind {
                DueKind::Session => {
                    done.sessions_evicted += u32::from(self.session_due(call, SessionId(id), &mut rows));
                }
                DueKind::Blob => done.blobs_collected += u32::from(self.blob_due(call, BlobId(id))),
                DueKind::Capsule => self.purge_capsule(call, CapsuleId(id), &mut rows),
                DueKind::Invitation => self.forget_invitation(InvitationId(id)),
                DueKind::Links => {
                    if !self.forget_named(CapsuleId(id), &mut rows) {
                        self.due.add(at_ns, kind, id);
                    }
                }
                DueKind::Runs => {
                    let freed = self.free_runs(call, SessionId(id), rows as usize + 1);
                    rows =
                        rows.saturating_sub(u32::try_from(freed).expect("at most the rows that were left"));
                }
            }
        }
        done.more |= self.count_older(&mut rows);
        done.more |= self.index_older(&mut rows);
        done.more |= self.due.first_before(call.now_ns).is_some();
        done
    }

    /// When the next entry is due, ns; a host may sleep until then.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.due.first().map(|entry| entry.at_ns)
    }

    /// Evicts a pending session, or forgets an ended one, whose time has passed. True where one was evicted.
    fn session_due(&mut self, call: &Call, id: SessionId, rows: &mut u32) -> bool {
        let Some(mut session) = self.sessions.get(id) else { return false };
        if session.deadline_ns() >= call.now_ns {
            self.due.add(session.deadline_ns(), DueKind::Session, id.0);
            session.due_ns = Some(session.deadline_ns());
            self.sessions.put(id, &session);
            return false;
        }
        let pending = session.state == SessionState::Pending;
        if pending {
            self.evict(call, id, &session, rows);
        }
        self.remove_session(id, &session);
        pending
    }

    /// Discards a session; a long one, with many pages of bits, counts as several rows.
    fn evict(&mut self, call: &Call, id: SessionId, session: &SessionRecord, rows: &mut u32) {
        let pages = self.discard_session(call, id, session);
        let more_rows = u32::try_from(pages / BITS_PAGES_PER_ROW).expect("a session has at most 256 pages");
        *rows = rows.saturating_sub(more_rows);
    }

    /// Collects a blob that nothing refers to and whose time has passed.
    fn blob_due(&mut self, call: &Call, id: BlobId) -> bool {
        let Some(blob) = self.blobs.get(id) else { return false };
        match blob.expires_ns {
            Some(at_ns) if blob.references == 0 && at_ns < call.now_ns => {
                self.drop_blob(call, id, &blob);
                true
            }
            Some(at_ns) if blob.references == 0 => {
                self.due.add(at_ns, DueKind::Blob, id.0);
                false
            }
            _ => false,
        }
    }

    /// At most `rows` items of a deleted capsule, and then of its links' rows: nobody can see it any more; its space comes back.
    pub(crate) fn purge_capsule(&mut self, call: &Call, id: CapsuleId, rows: &mut u32) {
        while *rows > 0 {
            *rows -= 1;
            match self.capsules.first_item(id) {
                None => {
                    // They count their own.
                    *rows += 1;
                    if self.purge_links(id, rows) {
                        return self.forget_capsule(id);
                    }
                }
                Some((ItemKind::Memory, memory)) => {
                    let record = self.memories.get(MemoryId(memory)).expect("an indexed memory has a record");
                    self.drop_memory(call, MemoryId(memory), &record, true);
                }
                Some((ItemKind::Blob, blob)) => {
                    let record = self.blobs.get(BlobId(blob)).expect("an indexed blob has a record");
                    self.drop_blob(call, BlobId(blob), &record);
                }
                Some((ItemKind::Session, session)) => {
                    let record =
                        self.sessions.get(SessionId(session)).expect("an indexed session has a record");
                    if record.state == SessionState::Pending {
                        self.evict(call, SessionId(session), &record, rows);
                    }
                    self.remove_session(SessionId(session), &record);
                }
            }
        }
        self.due.add(0, DueKind::Capsule, id.0);
    }

    /// A deleted capsule's record goes last: it is charged for what may still be in the bucket.
    fn forget_capsule(&mut self, id: CapsuleId) {
        if self.capsules.get(id).leaving_bytes == 0 {
            self.capsules.remove(id);
        }
    }
}
