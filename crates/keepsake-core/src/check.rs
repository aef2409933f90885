//! The check of a whole store: every promise about what lies where, as a list of what is broken. Each table checks what it
//! promises alone; here is what they promise each other. Owns no repair.
//!
//! Reads everything once, O(records): for tests, `fsck` and operators; never part of a message.

mod bytes;
mod contents;
mod objects;
mod people;
mod queue;
mod site;
#[cfg(test)]
mod tests;

pub use bytes::BytesReport;

use crate::heap::GRANULE_BYTES;
use crate::ids::{BlobId, CapsuleId, SessionId};
use crate::site::NO_CAPSULE;
use crate::store::Store;
use crate::tables::callers::CallerRecord;
use crate::tables::capsules::{CapsuleRecord, ItemKind};
use crate::tables::due::DueKind;
use crate::tables::memories::AssetSource;
use crate::tables::sessions::{Listed, SessionState};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Objects in the host's bucket, those to be removed too.
    pub objects: u64,
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
    callers: BTreeMap<Principal, CallerRecord>,
    references: BTreeMap<u64, u32>,
    /// What lies in runs: by session, who owns it, its chunks' length, and how much room or how many bytes.
    in_runs: BTreeMap<SessionId, (String, u32, u64)>,
    items: u64,
}

impl Tally {
    fn capsule(&mut self, id: u64) -> &mut CapsuleRecord {
        self.capsules.entry(id).or_insert_with(zero_capsule)
    }

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
    /// Checks everything. Where the tree of a map is broken, what lies in maps is not looked at: it may not be read to the
    /// end. O(records).
    pub fn check(&self) -> CheckReport {
        let mut tally = Tally::default();
        let wrong = &mut tally.report.violations;
        self.check_trees(wrong);
        if !wrong.is_empty() {
            return tally.report;
        }
        self.sessions.check(wrong);
        self.blobs.check(wrong);
        self.memories.check(wrong);
        self.members.check(wrong);
        self.registry.check(wrong);
        self.objects.check(wrong);
        self.check_sessions(&mut tally);
        self.check_memories(&mut tally);
        self.check_site(&mut tally);
        self.check_blobs(&mut tally);
        self.check_runs(&mut tally);
        self.check_links(&mut tally);
        self.check_objects(&mut tally);
        self.check_capsules(&mut tally);
        self.check_callers(&mut tally);
        self.check_heap(&mut tally);
        self.check_due(&mut tally);
        self.check_idem(&mut tally);
        self.check_contents(&mut tally);
        self.check_people(&mut tally);
        tally.report
    }

    /// Each map's tree by itself, whatever its entries say.
    fn check_trees(&self, wrong: &mut Vec<String>) {
        self.heap.check_trees(wrong);
        self.sessions.check_trees(wrong);
        self.runs.check_trees(wrong);
        self.due.check_trees(wrong);
        self.blobs.check_trees(wrong);
        self.capsules.check_trees(wrong);
        self.members.check_trees(wrong);
        self.memories.check_trees(wrong);
        self.contents.check_trees(wrong);
        self.idem.check_trees(wrong);
        self.callers.check_trees(wrong);
        self.certified.check_trees(wrong);
        self.site.check_trees(wrong);
        self.registry.check_trees(wrong);
        self.objects.check_trees(wrong);
    }

    fn check_sessions(&self, tally: &mut Tally) {
        for (id, session) in self.sessions.iter() {
            tally.report.sessions += 1;
            let charged = session.charged();
            let counted = tally.callers.entry(session.caller).or_default();
            match session.state {
                SessionState::Pending => {
                    counted.pending_sessions += 1;
                    counted.bytes_in_flight += charged;
                    tally.capsule(session.capsule).bytes_in_flight += charged;
                    for extent in session.body.iter().chain(&session.tail) {
                        tally.runs.push((extent.offset, extent.allocated(), format!("session {}", id.0)));
                    }
                    let allowed = session.room_max();
                    let room = session.room;
                    tally.expect(room <= allowed, || {
                        format!("session {} has room for {room} chunks, at most {allowed} are allowed", id.0)
                    });
                    if session.room > 0 {
                        let room = u64::from(session.room) * u64::from(session.chunk_len);
                        let owner = (format!("session {}", id.0), session.chunk_len, room);
                        tally.in_runs.insert(id, owner);
                    }
                }
                SessionState::Finished(_) => counted.finished_sessions += 1,
                SessionState::Aborted => {
                    let listed = self.sessions.is_listed(id, &session, Listed::Aborted);
                    counted.aborted_sessions += u32::from(listed);
                }
            }
            let ended = session.state != SessionState::Pending;
            let holds = charged > 0 || session.room > 0;
            tally.expect(!ended || !holds, || format!("ended session {} still holds extents", id.0));
            self.check_item(tally, session.capsule, ItemKind::Session, id.0);
        }
    }

    fn check_memories(&self, tally: &mut Tally) {
        let counts = self.counts_records();
        for (id, memory) in self.memories.iter() {
            tally.report.memories += 1;
            let capsule = tally.capsule(memory.capsule);
            capsule.memory_count += 1;
            capsule.record_bytes += if counts { self.charged_for(id, &memory) } else { 0 };
            self.check_item(tally, memory.capsule, ItemKind::Memory, id.0);
            for asset in &memory.assets {
                match asset.source {
                    AssetSource::Inline { len, .. } => {
                        let capsule = tally.capsule(memory.capsule);
                        capsule.inline_bytes += len;
                        capsule.bytes_used += len;
                    }
                    AssetSource::Blob { blob, .. } => *tally.references.entry(blob).or_default() += 1,
                    AssetSource::External { .. } => {}
                }
            }
        }
    }

    fn check_blobs(&self, tally: &mut Tally) {
        let counts = self.counts_records();
        for (id, blob) in self.blobs.iter() {
            tally.report.blobs += 1;
            let referred = tally.references.remove(&id.0).unwrap_or(0);
            let stored = blob.references;
            tally.expect(stored == referred, || format!("{id} counts {stored} references, {referred} found"));
            let in_extents: u64 = blob.extents.iter().map(|extent| extent.len).sum();
            let whole = match (blob.runs, blob.elsewhere()) {
                (_, Some(_)) => true,
                (Some(_), None) => in_extents < blob.len,
                (None, None) => in_extents == blob.len,
            };
            tally.expect(whole, || format!("{id} has {} bytes in {in_extents}", blob.len));
            if let Some(runs) = blob.runs {
                let owner = (id.to_string(), runs.chunk_len, blob.len.saturating_sub(in_extents));
                let other = tally.in_runs.insert(SessionId(runs.session), owner);
                tally.expect(other.is_none(), || format!("{id} shares its runs"));
            }
            let expires = blob.expires_ns.is_some();
            tally.expect(expires == (referred == 0), || format!("{id}: expiry and references disagree"));
            if blob.capsule != NO_CAPSULE {
                let capsule = tally.capsule(blob.capsule);
                capsule.bytes_used += blob.len;
                capsule.record_bytes += if counts { self.charged_for_blob(id, &blob) } else { 0 };
                self.check_item(tally, blob.capsule, ItemKind::Blob, id.0);
            }
            for extent in &blob.extents {
                tally.runs.push((extent.offset, extent.allocated(), id.to_string()));
            }
        }
        for (blob, count) in std::mem::take(&mut tally.references) {
            tally.wrong(format!("{count} assets refer to {}, which is not there", BlobId(blob)));
        }
    }

    /// Each run belongs to a pending session, a blob, or to what the tick is to free; together they hold what that needs.
    fn check_runs(&self, tally: &mut Tally) {
        let due = self.due.iter().filter(|due| due.kind == DueKind::Runs);
        let gone: BTreeSet<u64> = due.map(|due| due.id).collect();
        let mut held: BTreeMap<SessionId, (u64, u32)> = BTreeMap::new();
        for (session, run) in self.runs.iter() {
            let (mut owner, mut chunk_len) = (format!("session {}, which is gone", session.0), None);
            match tally.in_runs.get(&session) {
                Some((name, len, _)) => (owner, chunk_len) = (name.clone(), Some(*len)),
                None => tally.expect(gone.contains(&session.0), || format!("runs of {owner} are not due")),
            }
            if let Some(chunk_len) = chunk_len {
                let (bytes, end) = held.entry(session).or_default();
                let sound = run.first >= *end && run.extent.len.is_multiple_of(chunk_len.into());
                tally.expect(sound, || format!("{owner}: the run at chunk {} is none", run.first));
                *bytes += run.extent.len;
                *end = run.end(chunk_len);
            }
            tally.runs.push((run.extent.offset, run.extent.allocated(), owner));
        }
        for (session, (owner, _, needed)) in std::mem::take(&mut tally.in_runs) {
            let held = held.get(&session).map_or(0, |held| held.0);
            tally.expect(held == needed, || format!("{owner} needs {needed} bytes of runs, has {held}"));
        }
    }

    /// A store of an older layout that is only read has no counts of records yet.
    fn counts_records(&self) -> bool {
        self.header.version() >= Some(4)
    }

    fn check_item(&self, tally: &mut Tally, capsule: u64, kind: ItemKind, id: u64) {
        tally.items += 1;
        let listed = self.capsules.has_item(CapsuleId(capsule), kind, id);
        tally.expect(listed, || format!("{kind:?} {id} is not listed in its capsule {capsule}"));
    }

    fn check_capsules(&self, tally: &mut Tally) {
        let counted = std::mem::take(&mut tally.capsules);
        for (id, record) in self.capsules.iter() {
            tally.report.capsules += 1;
            let found = counted.get(&id.0).cloned().unwrap_or_else(zero_capsule);
            for (what, stored, found) in [
                ("bytes_used", record.bytes_used, found.bytes_used),
                ("bytes_in_flight", record.bytes_in_flight, found.bytes_in_flight),
                ("inline_bytes", record.inline_bytes, found.inline_bytes),
                ("memory_count", record.memory_count, found.memory_count),
                ("record_bytes", record.record_bytes, found.record_bytes),
                ("leaving_bytes", record.leaving_bytes, found.leaving_bytes),
            ] {
                tally.expect(stored == found, || format!("{id}: {what} is {stored}, found {found}"));
            }
            if !self.members.any(id) && found.leaving_bytes > 0 {
                tally.callers.entry(record.creator).or_default().leaving_bytes += found.leaving_bytes;
            }
        }
        for id in counted.keys().map(|id| CapsuleId(*id)).filter(|id| !self.capsules.contains(*id)) {
            tally.wrong(format!("{id} has items but no record"));
        }
        let (items, listed) = (tally.items, self.capsules.item_count());
        tally.expect(items == listed, || {
            format!("{items} memories, blobs and sessions, {listed} listed in capsules")
        });
    }

    fn check_callers(&self, tally: &mut Tally) {
        let mut counted = std::mem::take(&mut tally.callers);
        for (caller, record) in self.callers.iter() {
            let found = counted.remove(&caller).unwrap_or_default();
            let found = CallerRecord { capsules_created: record.capsules_created, ..found };
            tally.expect(record == found, || format!("caller {caller}: counted {record:?}, found {found:?}"));
        }
        for (caller, found) in counted.into_iter().filter(|(_, found)| *found != CallerRecord::default()) {
            tally.wrong(format!("caller {caller} has no record for {found:?}"));
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
        creator: Principal::anonymous(),
        created_ns: 0,
        updated_ns: 0,
        bytes_used: 0,
        bytes_in_flight: 0,
        inline_bytes: 0,
        memory_count: 0,
        owner_count: 0,
        member_count: 0,
        record_bytes: 0,
        name: None,
        given: None,
        leaving_bytes: 0,
    }
}
