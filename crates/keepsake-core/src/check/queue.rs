//! The part of the check that looks at what things leave elsewhere: entries in the queue of what is due, and
//! idempotency records. Owns no repair.
//!
//! Older programs left entries of things that went before their time; those do nothing when their time comes, and are
//! no violation.

use super::Tally;
use crate::capsule::{Subject, listing_key, own_key};
use crate::housekeeping::DueKind;
use crate::idem::{Scope, idem_key};
use crate::ids::{BlobId, CapsuleId, MemoryId};
use crate::layout::Field;
use crate::record::{principal_of_key, u64_be};
use crate::store::Store;
use crate::upload::SessionState;
use ic_principal::Principal;
use ic_stable_structures::Memory;
use std::collections::{BTreeMap, BTreeSet};

/// The times of a thing's entries.
type Queue = BTreeMap<(u8, u64), Vec<u64>>;

impl<R: Memory, H: Memory> Store<R, H> {
    /// Whatever ends by time has its entry, and no entry is about what cannot be due.
    pub(super) fn check_due(&self, tally: &mut Tally) {
        let mut queue = Queue::new();
        for key in self.due.keys() {
            queue.entry((key[8], u64_be(&key[9..]))).or_default().push(u64_be(&key[..8]));
        }
        self.check_due_sessions(tally, &mut queue);
        self.check_due_blobs(tally, &mut queue);
        self.check_due_capsules(tally, &mut queue);
        for (kind, id) in queue.keys() {
            let next = match kind {
                0 => self.header.read(Field::NextSession),
                1 => self.header.read(Field::NextBlob),
                _ => 0,
            };
            tally
                .expect(*id < next, || format!("an entry is due for number {id} of kind {kind}, never made"));
        }
    }

    fn check_due_sessions(&self, tally: &mut Tally, queue: &mut Queue) {
        for entry in self.sessions.iter() {
            let (id, session) = (entry.0, entry.1.0);
            let times = queue.remove(&(DueKind::Session as u8, id)).unwrap_or_default();
            let right = match session.due_ns {
                Some(at_ns) => times == [at_ns] && at_ns <= session.deadline_ns(),
                None => times.iter().any(|at_ns| *at_ns <= session.deadline_ns()),
            };
            tally.expect(right, || format!("session {id} is due at {times:?}, not at its time"));
        }
    }

    fn check_due_blobs(&self, tally: &mut Tally, queue: &mut Queue) {
        for entry in self.blobs.iter() {
            let (id, blob) = (entry.0, entry.1.0);
            let times = queue.remove(&(DueKind::Blob as u8, id)).unwrap_or_default();
            let right = blob.expires_ns.is_none_or(|at_ns| times.contains(&at_ns));
            tally.expect(right, || format!("{} is due at {times:?}, not when it expires", BlobId(id)));
        }
    }

    /// A deleted capsule waits for its purge; no other is due.
    fn check_due_capsules(&self, tally: &mut Tally, queue: &mut Queue) {
        for entry in self.capsules.iter() {
            let id = CapsuleId(entry.0);
            let due = queue.remove(&(DueKind::Capsule as u8, id.0)).is_some();
            tally.expect(due != self.has_members(id), || format!("{id}: members and its purge disagree"));
        }
    }

    /// Each idempotency record answers for something that is there, and names it.
    pub(super) fn check_idem(&self, tally: &mut Tally) {
        let mut answers = 0;
        for entry in self.sessions.iter().filter(|entry| entry.1.0.state == SessionState::Pending) {
            let (id, session) = (entry.0, entry.1.0);
            let key = idem_key(Scope::Begin, &session.caller, CapsuleId(session.capsule), &session.idem);
            let right = key.is_ok_and(|key| self.answers_with(&key, id));
            tally.expect(right, || format!("session {id}: its key does not name it"));
            answers += 1;
        }
        for entry in self.memories.iter() {
            let (id, memory) = (entry.0, entry.1.0);
            let right = self.answers_with(&memory.idem, id);
            tally.expect(right, || format!("{}: its key does not name it", MemoryId(id)));
            answers += 1;
            for (asset, key) in memory.assets.iter().filter_map(|asset| Some((asset.id, asset.idem?))) {
                let right = self.answers_with(&key, asset);
                tally
                    .expect(right, || format!("{}: the key of asset {asset} does not name it", MemoryId(id)));
                answers += 1;
            }
        }
        answers += self.check_own_capsules(tally) + self.check_listings(tally);
        let stored = self.idem.len();
        tally
            .expect(stored == answers, || format!("{stored} idempotency records, {answers} things answered"));
    }

    fn answers_with(&self, key: &[u8; 32], made: u64) -> bool {
        self.idem.get(key).is_some_and(|row| row.0.made == made)
    }

    fn check_own_capsules(&self, tally: &mut Tally) -> u64 {
        let mut own: BTreeMap<Principal, BTreeSet<u64>> = BTreeMap::new();
        for entry in self.capsules.iter() {
            let record = entry.1.0;
            if record.subject == Subject::Principal(record.creator) {
                own.entry(record.creator).or_default().insert(entry.0);
            }
        }
        let mut answers = 0;
        for (creator, ids) in own {
            let Some(row) = self.idem.get(&own_key(&creator)) else { continue };
            tally.expect(ids.contains(&row.0.made), || {
                format!("the own capsule of {creator} is {}, which is none", row.0.made)
            });
            answers += 1;
        }
        answers
    }

    /// A listing names each capsule once, and only those that its principal has a role in.
    fn check_listings(&self, tally: &mut Tally) -> u64 {
        let principals: BTreeSet<_> =
            self.capsules_of.keys().map(|key| principal_of_key(&key[..30])).collect();
        let mut answers = 0;
        for who in principals.iter().filter(|who| self.idem.contains_key(&listing_key(who))) {
            answers += 1;
            let listing = self.listing(who).unwrap_or_default();
            let mut seen = BTreeSet::new();
            let made = listing.made.iter().map(|id| (id, true));
            for (id, made) in made.chain(listing.granted.iter().map(|id| (id, false))) {
                let id = CapsuleId(*id);
                let right = self.granted_role(id, who).is_some()
                    && (self.capsule_record(id).creator == *who) == made
                    && seen.insert(id);
                tally.expect(right, || format!("{id} is not listed rightly for {who}"));
            }
        }
        answers
    }
}
