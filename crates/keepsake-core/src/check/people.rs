//! The part of the check that looks at people: members against the counts of their capsules, and what the registry says against what
//! is there. What its rows promise each other, the registry checks itself. Owns no repair.

use super::Tally;
use crate::access::Role;
use crate::charge::{of_ended_link, of_link};
use crate::ids::{CapsuleId, InvitationId};
use crate::invitations::{InvitationRecord, Opens};
use crate::store::Store;
use crate::tables::registry::KeyRecord;
use ic_stable_structures::Memory;

impl<R: Memory, H: Memory> Store<R, H> {
    pub(super) fn check_people(&self, tally: &mut Tally) {
        self.check_members(tally);
        self.check_makers(tally);
        self.check_ways_in(tally);
        self.check_waiting(tally);
    }

    /// A capsule counts its members and its owners.
    fn check_members(&self, tally: &mut Tally) {
        for (id, capsule) in self.capsules.iter() {
            let members = self.members.of(id);
            // A deleted one that is not purged yet keeps its counts.
            if members.is_empty() {
                continue;
            }
            let owners = members.iter().filter(|member| member.role == Role::Owner).count();
            for (what, stored, found) in [
                ("member_count", capsule.member_count, members.len()),
                ("owner_count", capsule.owner_count, owners),
            ] {
                tally.expect(stored as usize == found, || format!("{id}: {what} is {stored}, found {found}"));
            }
        }
    }

    /// Whoever is noted as having made a capsule did, and it is there.
    fn check_makers(&self, tally: &mut Tally) {
        for (maker, id) in self.registry.makers() {
            let right = self.members.any(id) && self.capsules.get(id).creator == maker;
            tally.expect(right, || format!("{id} is noted as made by {maker}, and is not"));
        }
    }

    /// What an invitation leads into is there.
    fn check_ways_in(&self, tally: &mut Tally) {
        for (InvitationId(number), invitation) in self.registry.invitations() {
            let is_there = invitation.opens.role().is_none_or(|(capsule, _)| self.members.any(capsule));
            tally.expect(is_there, || format!("invitation {number} is into a capsule that is not there"));
        }
    }

    /// A link, and what is left of one, is into a capsule, or one that was deleted and is not purged yet. It is charged to that.
    pub(super) fn check_links(&self, tally: &mut Tally) {
        for (key, record) in self.registry.keys() {
            let (capsule, charged) = match record {
                KeyRecord::Device(_) => continue,
                KeyRecord::EndedLink(ended) => (ended.capsule, of_ended_link(&ended)),
                KeyRecord::Link(link) => {
                    let (charged, costs) = (link.charged, of_link(&link));
                    let right = charged == 0 || charged == costs;
                    tally.expect(right, || format!("link {key} is charged {charged}, and costs {costs}"));
                    (link.capsule, charged)
                }
            };
            let is_there = self.capsules.contains(CapsuleId(capsule));
            tally.expect(is_there, || format!("link {key} is into a capsule that is not there"));
            tally.capsule(capsule).record_bytes += charged;
        }
    }

    /// An account waits for the devices that were invited into it, and for no others.
    fn check_waiting(&self, tally: &mut Tally) {
        let mut found = 0;
        for (account, person) in self.registry.persons() {
            for number in person.waiting {
                let invitation = self.registry.invitation(InvitationId(number));
                let opens = invitation.map(|invitation| invitation.opens);
                let right = opens == Some(Opens::Account(account));
                tally.expect(right, || format!("{account} waits for invitation {number}, which is not its"));
                found += 1;
            }
        }
        let waits = |record: &InvitationRecord| {
            matches!(record.opens, Opens::Account(_)) && record.uses < record.uses_max
        };
        let made = self.registry.invitations().filter(|(_, record)| waits(record)).count();
        tally.expect(made == found, || format!("{made} devices are invited, {found} are waited for"));
    }
}
