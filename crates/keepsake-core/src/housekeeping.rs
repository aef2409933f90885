//! The TTL tick: the only thing besides finish and abort that ends a session. Owns the queue of what is due and
//! works it off in bounded slices.
//!
//! ```text
//! key: time ns u64 | kind u8 (0 session, 1 blob, 2 capsule) | id u64
//! ```
//! An entry says "look at this not before"; the record decides. A session that was touched since goes back into
//! the queue under its new deadline, so a put never writes here. What goes before its time takes its entry along.

use crate::call::Call;
use crate::capsule::ItemKind;
use crate::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use crate::limits::{BITS_PAGES_PER_ROW, TICK_SLICE};
use crate::record::u64_be;
use crate::store::Store;
use crate::upload::{SessionRecord, SessionState};
use ic_stable_structures::Memory;

/// What an entry of the queue is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DueKind {
    Session = 0,
    Blob = 1,
    Capsule = 2,
}

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
    /// Works off what is due, at most [`TICK_SLICE`] rows, those of deleted capsules included.
    pub fn tick(&mut self, call: &Call) -> Tick {
        let mut done = Tick::default();
        let mut rows = TICK_SLICE;
        while rows > 0 {
            let Some(key) = self.next_due(call.now_ns) else { return done };
            self.due.remove(&key);
            rows -= 1;
            let id = u64_be(&key[9..]);
            match key[8] {
                0 => done.sessions_evicted += u32::from(self.session_due(call, SessionId(id), &mut rows)),
                1 => done.blobs_collected += u32::from(self.blob_due(call, BlobId(id))),
                _ => self.purge_capsule(call, CapsuleId(id), &mut rows),
            }
        }
        done.more = self.next_due(call.now_ns).is_some();
        done
    }

    /// When the next entry is due, ns; a host may sleep until then.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.due.first_key_value().map(|(key, ())| u64_be(&key[..8]))
    }

    pub(crate) fn add_due(&mut self, at_ns: u64, kind: DueKind, id: u64) {
        self.due.insert(due_key(at_ns, kind, id), ());
    }

    pub(crate) fn remove_due(&mut self, at_ns: u64, kind: DueKind, id: u64) {
        self.due.remove(&due_key(at_ns, kind, id));
    }

    fn next_due(&self, now_ns: u64) -> Option<[u8; 17]> {
        self.due.first_key_value().map(|(key, ())| key).filter(|key| u64_be(&key[..8]) < now_ns)
    }

    /// Evicts a pending session, or forgets an ended one, whose time has passed. True where one was evicted.
    fn session_due(&mut self, call: &Call, id: SessionId, rows: &mut u32) -> bool {
        let Some(mut session) = self.session(id) else { return false };
        if session.deadline_ns() >= call.now_ns {
            self.add_due(session.deadline_ns(), DueKind::Session, id.0);
            session.due_ns = Some(session.deadline_ns());
            self.sessions.put(&id.0, &session);
            return false;
        }
        let pending = session.state == SessionState::Pending;
        if pending {
            self.evict(call, id, &session, rows);
        }
        self.forget_session(id, &session);
        pending
    }

    /// Releases a session; a long one, with many pages of bits, counts as several rows.
    fn evict(&mut self, call: &Call, id: SessionId, session: &SessionRecord, rows: &mut u32) {
        let pages = self.release_session(call, id, session);
        let more_rows = u32::try_from(pages / BITS_PAGES_PER_ROW).expect("a session has at most 256 pages");
        *rows = rows.saturating_sub(more_rows);
    }

    /// Collects a blob that nothing refers to and whose time has passed.
    fn blob_due(&mut self, call: &Call, id: BlobId) -> bool {
        let Some(blob) = self.blob(id) else { return false };
        match blob.expires_ns {
            Some(at_ns) if blob.references == 0 && at_ns < call.now_ns => {
                self.drop_blob(call, id, &blob);
                true
            }
            Some(at_ns) if blob.references == 0 => {
                self.add_due(at_ns, DueKind::Blob, id.0);
                false
            }
            _ => false,
        }
    }

    /// At most `rows` items of a deleted capsule: nobody can see it any more; its space comes back.
    pub(crate) fn purge_capsule(&mut self, call: &Call, id: CapsuleId, rows: &mut u32) {
        while *rows > 0 {
            *rows -= 1;
            match self.first_item(id) {
                None => {
                    self.capsules.remove(&id.0);
                    return;
                }
                Some((ItemKind::Memory, memory)) => {
                    let record = self.memory(MemoryId(memory)).expect("an indexed memory has a record");
                    self.drop_memory(call, MemoryId(memory), &record, true);
                }
                Some((ItemKind::Blob, blob)) => {
                    let record = self.blob(BlobId(blob)).expect("an indexed blob has a record");
                    self.drop_blob(call, BlobId(blob), &record);
                }
                Some((ItemKind::Session, session)) => {
                    let record = self.session(SessionId(session)).expect("an indexed session has a record");
                    if record.state == SessionState::Pending {
                        self.evict(call, SessionId(session), &record, rows);
                    }
                    self.forget_session(SessionId(session), &record);
                }
            }
        }
        self.add_due(0, DueKind::Capsule, id.0);
    }
}

fn due_key(at_ns: u64, kind: DueKind, id: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&at_ns.to_be_bytes());
    key[8] = kind as u8;
    key[9..].copy_from_slice(&id.to_be_bytes());
    key
}
