//! The table of members: who has which role in which capsule. Owns the two maps, one for each way to ask, and keeps them
//! equal; what a role is needed for is said by each operation.
//!
//! ```text
//! members       key: capsule u64 | principal (1 length + 29)    value: role u8 (0 owner … 3 guest; 0x80: not accepted)
//! capsules_of   key: principal (1 length + 29) | capsule u64
//! ```

use crate::ids::CapsuleId;
use crate::layout::{Map, Part, part};
use crate::record::{principal_key, principal_of_key, u64_be};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use std::collections::BTreeSet;

/// What a member may do. Each may do all that the ones after it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Also grants roles and deletes the capsule.
    Owner = 0,
    /// Also updates and deletes any memory in the capsule.
    Admin = 1,
    /// Also uploads and creates; updates and deletes what it made itself.
    Member = 2,
    /// Reads.
    Guest = 3,
}

/// Of a role's byte: somebody else gave it, and its holder did not say yes.
const UNACCEPTED: u8 = 0x80;

impl Role {
    pub(crate) fn from_byte(byte: u8) -> Self {
        match byte & !UNACCEPTED {
            0 => Self::Owner,
            1 => Self::Admin,
            2 => Self::Member,
            3 => Self::Guest,
            other => unreachable!("a stored role is 0..=3, not {other}"),
        }
    }

    /// This role includes what `need` may do.
    pub fn includes(self, need: Self) -> bool {
        self <= need
    }
}

/// A member of a capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its account.
    pub who: Principal,
    /// Its role.
    pub role: Role,
    /// It made the capsule, or said yes to the role.
    pub is_accepted: bool,
}

pub(crate) struct Members<R: Memory> {
    roles: Map<[u8; 38], u8, R>,
    capsules_of: Map<[u8; 38], (), R>,
}

impl<R: Memory> Members<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            roles: Map::init(part(manager, Part::Members)),
            capsules_of: Map::init(part(manager, Part::CapsulesOf)),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.roles.check_tree("members", wrong);
        self.capsules_of.check_tree("capsules of principals", wrong);
    }

    /// The role that was granted to `who` by name. O(log members).
    pub(crate) fn role(&self, capsule: CapsuleId, who: &Principal) -> Option<Role> {
        self.roles.get(&member_key(capsule, who)).map(Role::from_byte)
    }

    /// Whether `who` accepted the role that it has, or made the capsule.
    pub(crate) fn is_accepted(&self, capsule: CapsuleId, who: &Principal) -> bool {
        self.roles.get(&member_key(capsule, who)).is_some_and(|byte| byte & UNACCEPTED == 0)
    }

    pub(crate) fn contains(&self, capsule: CapsuleId, who: &Principal) -> bool {
        self.roles.contains_key(&member_key(capsule, who))
    }

    /// Gives a role, in place of any that there is.
    pub(crate) fn set(&mut self, capsule: CapsuleId, who: &Principal, role: Role, accepted: bool) {
        let mark = if accepted { 0 } else { UNACCEPTED };
        self.roles.insert(member_key(capsule, who), role as u8 | mark);
        self.capsules_of.insert(capsule_of_key(who, capsule), ());
    }

    pub(crate) fn remove(&mut self, capsule: CapsuleId, who: &Principal) {
        self.roles.remove(&member_key(capsule, who));
        self.capsules_of.remove(&capsule_of_key(who, capsule));
    }

    /// Anybody has a role there. O(log members).
    pub(crate) fn any(&self, capsule: CapsuleId) -> bool {
        let from = member_key(capsule, &Principal::management_canister());
        self.roles.keys_range(from..).next().is_some_and(|key| key[..8] == from[..8])
    }

    /// Everybody with a role of their own, by principal. O(members).
    pub(crate) fn of(&self, capsule: CapsuleId) -> Vec<MemberView> {
        let mut from = [0; 38];
        from[..8].copy_from_slice(&capsule.0.to_be_bytes());
        self.roles
            .range(from..)
            .take_while(|(key, _)| key[..8] == from[..8])
            .map(|(key, byte)| MemberView {
                who: principal_of_key(&key[8..]),
                role: Role::from_byte(byte),
                is_accepted: byte & UNACCEPTED == 0,
            })
            .collect()
    }

    /// The capsules that `who` has a role of its own in, by id, at most `most`.
    pub(crate) fn capsules_of(&self, who: &Principal, most: usize) -> Vec<CapsuleId> {
        let from = capsule_of_key(who, CapsuleId(0));
        self.capsules_of
            .keys_range(from..)
            .take_while(|key| key[..30] == from[..30])
            .take(most)
            .map(|key| CapsuleId(u64_be(&key[30..])))
            .collect()
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.roles.bytes() + self.capsules_of.bytes()
    }

    /// Everybody with a role somewhere. O(members).
    pub(crate) fn principals(&self) -> BTreeSet<Principal> {
        self.capsules_of.keys().map(|key| principal_of_key(&key[..30])).collect()
    }

    /// What is broken within the table, in words. O(members).
    pub(crate) fn check(&self, wrong: &mut Vec<String>) {
        for key in self.roles.keys() {
            let (capsule, who) = (CapsuleId(u64_be(&key[..8])), principal_of_key(&key[8..]));
            if !self.capsules_of.contains_key(&capsule_of_key(&who, capsule)) {
                wrong.push(format!("{capsule} is not listed under its member {who}"));
            }
        }
        let (members, listed) = (self.roles.len(), self.capsules_of.len());
        if members != listed {
            wrong.push(format!("{members} members, {listed} listed under principals"));
        }
    }
}

fn member_key(capsule: CapsuleId, who: &Principal) -> [u8; 38] {
    let mut key = [0; 38];
    key[..8].copy_from_slice(&capsule.0.to_be_bytes());
    key[8..].copy_from_slice(&principal_key(who));
    key
}

fn capsule_of_key(who: &Principal, capsule: CapsuleId) -> [u8; 38] {
    let mut key = [0; 38];
    key[..30].copy_from_slice(&principal_key(who));
    key[30..].copy_from_slice(&capsule.0.to_be_bytes());
    key
}
