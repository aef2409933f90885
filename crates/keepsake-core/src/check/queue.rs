//! The part of the check that looks at what things leave elsewhere: entries in the queue of what is due, and
//! idempotency records. Owns no repair.
//!
//! Older programs left entries of things that went before their time; those do nothing when their time comes, and are
//! no violation.

use super::Tally;
use crate::capsule::{Subject, own_key};
use crate::ids::CapsuleId;
use crate::invitations::forgotten_ns;
use crate::store::Store;
use crate::tables::due::DueKind;
use crate::tables::idem::{Scope, idem_key};
use crate::tables::sessions::SessionState;
use ic_principal::Principal;
use ic_stable_structures::Memory;
use std::collections::{BTreeMap, BTreeSet};

/// The times of a thing's entries.
type Queue = BTreeMap<(DueKind, u64), Vec<u64>>;

impl<R: Memory, H: Memory> Store<R, H> {
    /// Whatever ends by time has its entry, and no entry is about what cannot be due.
    pub(super) fn check_due(&self, tally: &mut Tally) {
        let mut queue = Queue::new();
        for entry in self.due.iter() {
            queue.entry((entry.kind, entry.id)).or_default().push(entry.at_ns);
        }
        self.check_due_sessions(tally, &mut queue);
        self.check_due_blobs(tally, &mut queue);
        self.check_due_capsules(tally, &mut queue);
        self.check_due_invitations(tally, &mut queue);
        // Of a capsule that went before its time came, it does nothing.
        queue.retain(|(kind, _), _| *kind != DueKind::Links);
        for (kind, id) in queue.keys() {
            let next = match kind {
                DueKind::Session | DueKind::Runs => self.sessions.next_id().0,
                DueKind::Blob => self.blobs.next_id().0,
                DueKind::Capsule | DueKind::Links => 0,
                DueKind::Invitation => self.registry.next_invitation().0,
            };
            tally.expect(*id < next, || {
                format!("an entry is due for number {id} of kind {kind:?}, never made")
            });
        }
    }

    fn check_due_sessions(&self, tally: &mut Tally, queue: &mut Queue) {
        for (id, session) in self.sessions.iter() {
            let times = queue.remove(&(DueKind::Session, id.0)).unwrap_or_default();
            let right = match session.due_ns {
                Some(at_ns) => times == [at_ns] && at_ns <= session.deadline_ns(),
                None => times.iter().any(|at_ns| *at_ns <= session.deadline_ns()),
            };
            tally.expect(right, || format!("session {} is due at {times:?}, not at its time", id.0));
        }
    }

    fn check_due_blobs(&self, tally: &mut Tally, queue: &mut Queue) {
        for (id, blob) in self.blobs.iter() {
            let times = queue.remove(&(DueKind::Blob, id.0)).unwrap_or_default();
            let right = blob.expires_ns.is_none_or(|at_ns| times.contains(&at_ns));
            tally.expect(right, || format!("{id} is due at {times:?}, not when it expires"));
        }
    }

    /// A deleted capsule waits for its purge, or for its objects to be gone; no other is due.
    fn check_due_capsules(&self, tally: &mut Tally, queue: &mut Queue) {
        for (id, capsule) in self.capsules.iter() {
            let due = queue.remove(&(DueKind::Capsule, id.0)).is_some();
            let is_purged = self.capsules.first_item(id).is_none() && capsule.leaving_bytes > 0;
            let right = due != self.members.any(id) || is_purged && !due;
            tally.expect(right, || format!("{id}: members and its purge disagree"));
            let links_due = queue.remove(&(DueKind::Links, id.0)).is_some();
            let right = due || links_due || self.registry.ended_with_names(id).is_none();
            tally.expect(right, || format!("{id}: what links named that ended is not due"));
        }
    }

    /// An invitation that ends has its entry, and nothing else has one.
    fn check_due_invitations(&self, tally: &mut Tally, queue: &mut Queue) {
        for (id, invitation) in self.registry.invitations() {
            let times = queue.remove(&(DueKind::Invitation, id.0)).unwrap_or_default();
            let right = times.iter().copied().eq(forgotten_ns(&invitation));
            tally.expect(right, || {
                format!("invitation {} is due at {times:?}, not when it is forgotten", id.0)
            });
        }
        for (_, number) in queue.keys().filter(|(kind, _)| *kind == DueKind::Invitation) {
            tally.wrong(format!("an entry is due for invitation {number}, which is not there"));
        }
    }

    /// Each idempotency record answers for something that is there, and names it.
    pub(super) fn check_idem(&self, tally: &mut Tally) {
        let mut answers = 0;
        for (id, session) in self.sessions.iter().filter(|entry| entry.1.state == SessionState::Pending) {
            let key = idem_key(Scope::Begin, &session.caller, CapsuleId(session.capsule), &session.idem);
            let right = key.is_ok_and(|key| self.answers_with(&key, id.0));
            tally.expect(right, || format!("session {}: its key does not name it", id.0));
            answers += 1;
        }
        for (id, memory) in self.memories.iter() {
            let right = self.answers_with(&memory.idem, id.0);
            tally.expect(right, || format!("{id}: its key does not name it"));
            answers += 1;
            for (asset, key) in memory.assets.iter().filter_map(|asset| Some((asset.id, asset.idem?))) {
                let right = self.answers_with(&key, asset);
                tally.expect(right, || format!("{id}: the key of asset {asset} does not name it"));
                answers += 1;
            }
        }
        answers += self.check_own_capsules(tally) + self.check_listings(tally);
        let stored = self.idem.len();
        tally
            .expect(stored == answers, || format!("{stored} idempotency records, {answers} things answered"));
    }

    fn answers_with(&self, key: &[u8; 32], made: u64) -> bool {
        self.idem.get(key).is_some_and(|row| row.made == made)
    }

    fn check_own_capsules(&self, tally: &mut Tally) -> u64 {
        let mut own: BTreeMap<Principal, BTreeSet<u64>> = BTreeMap::new();
        for (id, record) in self.capsules.iter() {
            if record.subject == Subject::Principal(record.creator) {
                own.entry(record.creator).or_default().insert(id.0);
            }
        }
        let mut answers = 0;
        for (creator, ids) in own {
            let Some(row) = self.idem.get(&own_key(&creator)) else { continue };
            tally.expect(ids.contains(&row.made), || {
                format!("the own capsule of {creator} is {}, which is none", row.made)
            });
            answers += 1;
        }
        answers
    }

    /// A listing names each capsule once, and only those that its principal has a role in.
    fn check_listings(&self, tally: &mut Tally) -> u64 {
        let mut answers = 0;
        for who in &self.members.principals() {
            let Some(listing) = self.listing(who) else { continue };
            answers += 1;
            let mut seen = BTreeSet::new();
            let made = listing.made.iter().map(|id| (id, true));
            let others = listing.granted.iter().chain(&listing.accepted).map(|id| (id, false));
            for (id, made) in made.chain(others) {
                let id = CapsuleId(*id);
                let right = self.members.role(id, who).is_some()
                    && (self.capsules.get(id).creator == *who) == made
                    && seen.insert(id);
                tally.expect(right, || format!("{id} is not listed rightly for {who}"));
            }
        }
        answers
    }
}
