//! The check of a whole store: every promise about what lies where, as a list of what is broken. Owns no repair.
//!
//! Reads everything once, O(records): for tests, `fsck` and operators; never part of a message.

mod bytes;
mod queue;
mod site;
#[cfg(test)]
mod tests;

pub use bytes::BytesReport;

use crate::capsule::{CapsuleRecord, ItemKind, item_key};
use crate::heap::GRANULE_BYTES;
use crate::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use crate::layout::Field;
use crate::memory::AssetSource;
use crate::record::{key16, principal_key, principal_of_key};
use crate::site::NO_CAPSULE;
use crate::store::{CallerRecord, Store};
use crate::upload::{Listed, SessionState};
use ic_stable_structures::Memory;
use std::collections::BTreeMap;

/// Totals of what was checked, and what is broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Capsules, also deleted ones that are not purged yet.
    pub capsules: u64,
    /// Memories.
    pub memories: u64,
    /// Blobs.
    pub blobs: u64,
    /// Sessions, ended ones too.
    pub sessions: u64,
    /// Bytes of the heap that extents take.
    pub allocated_bytes: u64,
    /// Bytes of the heap that are free or in limbo.
    pub idle_bytes: u64,
    /// What is broken, in words; empty in a sound store.
    pub violations: Vec<String>,
}

#[derive(Default)]
struct Tally {
    report: CheckReport,
    runs: Vec<(u64, u64, String)>,
    capsules: BTreeMap<u64, CapsuleRecord>,
    callers: BTreeMap<[u8; 30], CallerRecord>,
    references: BTreeMap<u64, u32>,
    items: u64,
    pending: u64,
    finished: u64,
    aborted: u64,
    in_flight: u64,
}

impl Tally {
    fn wrong(&mut self, what: String) {
        self.report.violations.push(what);
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(what());
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Checks everything. O(records).
    pub fn check(&self) -> CheckReport {
        let mut tally = Tally::default();
        self.check_sessions(&mut tally);
        self.check_memories(&mut tally);
        self.check_site(&mut tally);
        self.check_blobs(&mut tally);
        self.check_capsules(&mut tally);
        self.check_callers(&mut tally);
        self.check_heap(&mut tally);
        self.check_due(&mut tally);
        self.check_idem(&mut tally);
        tally.report
    }

    fn check_sessions(&self, tally: &mut Tally) {
        for entry in self.sessions.iter() {
            let (id, session) = (entry.0, entry.1.0);
            tally.report.sessions += 1;
            let counted = tally.callers.entry(principal_key(&session.caller)).or_default();
            if session.state == SessionState::Pending {
                let reserved = session.reserved();
                counted.pending_sessions += 1;
                counted.bytes_in_flight += reserved;
                tally.pending += 1;
                tally.in_flight += reserved;
                tally.capsules.entry(session.capsule).or_insert_with(zero_capsule).bytes_in_flight +=
                    reserved;
                for extent in session.body.iter().chain(&session.tail) {
                    tally.runs.push((extent.offset, extent.allocated(), format!("session {id}")));
                }
            } else {
                if matches!(session.state, SessionState::Finished(_)) {
                    counted.finished_sessions += 1;
                    tally.finished += 1;
                } else if self.is_listed(SessionId(id), &session, Listed::Aborted) {
                    counted.aborted_sessions += 1;
                    tally.aborted += 1;
                }
                tally.expect(session.reserved() == 0, || format!("ended session {id} still holds extents"));
            }
            let listed = self.is_listed_rightly(SessionId(id), &session);
            tally.expect(listed, || format!("session {id} is not listed where its state says"));
            self.check_item(tally, session.capsule, ItemKind::Session, id);
        }
        let stray: Vec<_> = self.bits.sessions().filter(|id| !self.is_pending(*id)).collect();
        for id in stray {
            tally.wrong(format!("chunk bits of session {}, which is not pending", id.0));
        }
        let alive = tally.pending + tally.finished;
        let of_callers = self.sessions_of.len().saturating_sub(tally.aborted);
        for (what, listed) in [("callers", of_callers), ("states", self.sessions_by_state.len())] {
            tally.expect(alive == listed, || {
                format!("{alive} sessions pending or finished, {listed} listed under {what}")
            });
        }
    }

    fn is_pending(&self, id: SessionId) -> bool {
        self.session(id).is_some_and(|session| session.state == SessionState::Pending)
    }

    fn check_memories(&self, tally: &mut Tally) {
        let mut inline = 0;
        for entry in self.memories.iter() {
            let (id, memory) = (entry.0, entry.1.0);
            tally.report.memories += 1;
            tally.capsules.entry(memory.capsule).or_insert_with(zero_capsule).memory_count += 1;
            self.check_item(tally, memory.capsule, ItemKind::Memory, id);
            for asset in &memory.assets {
                match asset.source {
                    AssetSource::Inline { len, .. } => {
                        inline += 1;
                        let bytes = self.inline.get(&key16(id, asset.id));
                        let there = bytes.is_some_and(|bytes| bytes.len() as u64 == len);
                        tally.expect(there, || {
                            format!("{}: inline asset {} has not its bytes", MemoryId(id), asset.id)
                        });
                        let capsule = tally.capsules.entry(memory.capsule).or_insert_with(zero_capsule);
                        capsule.inline_bytes += len;
                        capsule.bytes_used += len;
                    }
                    AssetSource::Blob { blob, .. } => *tally.references.entry(blob).or_default() += 1,
                    AssetSource::External { .. } => {}
                }
            }
        }
        let stored = self.inline.len();
        tally.expect(stored == inline, || format!("{inline} inline assets, {stored} rows of inline bytes"));
        let counted = self.header.read(Field::MemoriesStored);
        let found = tally.report.memories;
        tally.expect(counted == found, || format!("header counts {counted} memories, there are {found}"));
    }

    fn check_blobs(&self, tally: &mut Tally) {
        for entry in self.blobs.iter() {
            let (id, blob) = (entry.0, entry.1.0);
            tally.report.blobs += 1;
            let referred = tally.references.remove(&id).unwrap_or(0);
            let stored = blob.references;
            tally.expect(stored == referred, || {
                format!("{} counts {stored} references, {referred} found", BlobId(id))
            });
            let extents: u64 = blob.extents.iter().map(|extent| extent.len).sum();
            tally.expect(extents == blob.len, || {
                format!("{} has {} bytes in {extents}", BlobId(id), blob.len)
            });
            let expires = blob.expires_ns.is_some();
            tally.expect(expires == (referred == 0), || {
                format!("{}: expiry and references disagree", BlobId(id))
            });
            if blob.capsule != NO_CAPSULE {
                tally.capsules.entry(blob.capsule).or_insert_with(zero_capsule).bytes_used += blob.len;
                self.check_item(tally, blob.capsule, ItemKind::Blob, id);
            }
            for extent in &blob.extents {
                tally.runs.push((extent.offset, extent.allocated(), BlobId(id).to_string()));
            }
        }
        for (blob, count) in std::mem::take(&mut tally.references) {
            tally.wrong(format!("{count} assets refer to {}, which is not there", BlobId(blob)));
        }
        let counted = self.header.read(Field::BlobsStored);
        let found = tally.report.blobs;
        tally.expect(counted == found, || format!("header counts {counted} blobs, there are {found}"));
    }

    fn check_item(&self, tally: &mut Tally, capsule: u64, kind: ItemKind, id: u64) {
        tally.items += 1;
        let listed = self.items.contains_key(&item_key(CapsuleId(capsule), kind, id));
        tally.expect(listed, || format!("{kind:?} {id} is not listed in its capsule {capsule}"));
    }

    fn check_capsules(&self, tally: &mut Tally) {
        let counted = std::mem::take(&mut tally.capsules);
        for entry in self.capsules.iter() {
            let (id, record) = (entry.0, entry.1.0);
            tally.report.capsules += 1;
            let found = counted.get(&id).cloned().unwrap_or_else(zero_capsule);
            for (what, stored, found) in [
                ("bytes_used", record.bytes_used, found.bytes_used),
                ("bytes_in_flight", record.bytes_in_flight, found.bytes_in_flight),
                ("inline_bytes", record.inline_bytes, found.inline_bytes),
                ("memory_count", record.memory_count, found.memory_count),
            ] {
                tally.expect(stored == found, || {
                    format!("{}: {what} is {stored}, found {found}", CapsuleId(id))
                });
            }
            for (member, _) in self.members_of(CapsuleId(id)) {
                let listed = self.capsule_ids_of(&member, usize::MAX).contains(&CapsuleId(id));
                tally.expect(listed, || format!("{} is not listed under its member {member}", CapsuleId(id)));
            }
        }
        for id in counted.keys().filter(|id| !self.capsules.contains_key(id)) {
            tally.wrong(format!("{} has items but no record", CapsuleId(*id)));
        }
        let (items, listed) = (tally.items, self.items.len());
        tally.expect(items == listed, || {
            format!("{items} memories, blobs and sessions, {listed} listed in capsules")
        });
        let (members, listed) = (self.members.len(), self.capsules_of.len());
        tally.expect(members == listed, || format!("{members} members, {listed} listed under principals"));
    }

    fn check_callers(&self, tally: &mut Tally) {
        let mut counted = std::mem::take(&mut tally.callers);
        for entry in self.callers.iter() {
            let (key, record) = (entry.0, entry.1.0);
            let found = counted.remove(&key).unwrap_or_default();
            let found = CallerRecord { capsules_created: record.capsules_created, ..found };
            tally.expect(record == found, || {
                format!("caller {}: counted {record:?}, found {found:?}", principal_of_key(&key))
            });
        }
        for (key, found) in counted.into_iter().filter(|(_, found)| *found != CallerRecord::default()) {
            tally.wrong(format!("caller {} has no record for {found:?}", principal_of_key(&key)));
        }
        for (what, field, found) in [
            ("pending sessions", Field::PendingSessions, tally.pending),
            ("finished sessions", Field::FinishedSessions, tally.finished),
            ("bytes in flight", Field::BytesInFlight, tally.in_flight),
        ] {
            let stored = self.header.read(field);
            tally.expect(stored == found, || format!("header counts {stored} {what}, found {found}"));
        }
    }

    /// Conservation: extents, free runs and limbo tile the heap, without gap or overlap.
    fn check_heap(&self, tally: &mut Tally) {
        tally.report.allocated_bytes = tally.runs.iter().map(|run| run.1).sum();
        for (offset, len) in self.heap.idle_runs() {
            tally.report.idle_bytes += len;
            tally.runs.push((offset, len, "an idle run".to_owned()));
        }
        let mut runs = std::mem::take(&mut tally.runs);
        runs.sort_unstable();
        let mut at = 0;
        for (offset, len, owner) in runs {
            tally.expect(offset.is_multiple_of(GRANULE_BYTES) && len.is_multiple_of(GRANULE_BYTES), || {
                format!("{owner} at {offset} shares a granule: its length is {len}")
            });
            tally.expect(offset >= at, || format!("{owner} at {offset} overlaps what ends at {at}"));
            tally.expect(offset <= at, || format!("nobody owns heap bytes {at}..{offset}"));
            at = at.max(offset + len);
        }
        let end = self.heap.usage().end;
        tally.expect(at == end, || format!("the heap ends at {end}, its runs at {at}"));
    }
}

fn zero_capsule() -> CapsuleRecord {
    CapsuleRecord {
        subject: crate::capsule::Subject::Opaque(String::new()),
        creator: ic_principal::Principal::anonymous(),
        created_ns: 0,
        updated_ns: 0,
        bytes_used: 0,
        bytes_in_flight: 0,
        inline_bytes: 0,
        memory_count: 0,
        owner_count: 0,
        member_count: 0,
    }
}
