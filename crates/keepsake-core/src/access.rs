//! Who may do what. Owns roles and the one rule that turns (capsule, caller, need) into yes, "not found" or
//! "unauthorized". Members are stored here; what a role is needed for is said by each operation.
//!
//! ```text
//! members       key: capsule u64 | principal (1 length + 29)    value: role u8 (0 owner … 3 guest)
//! capsules_of   key: principal (1 length + 29) | capsule u64
//! ```

use crate::ids::CapsuleId;
use crate::record::{principal_key, principal_of_key, u64_be};
use crate::refusal::{Refusal, RefusalKind};
use crate::store::Store;
use ic_principal::Principal;
use ic_stable_structures::Memory;

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

impl Role {
    fn from_byte(byte: u8) -> Self {
        match byte {
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

/// Why a caller may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The thing is not there, or the caller may not know that it is.
    #[error("not_found")]
    NotFound,
    /// The caller may know of it but not do this.
    #[error("unauthorized")]
    Unauthorized,
}

impl Refusal for Denied {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::NotFound => RefusalKind::NotFound,
            Self::Unauthorized => RefusalKind::Unauthorized,
        }
    }
}

/// Every update needs somebody: the anonymous principal may only read what is public.
pub(crate) fn require_somebody(caller: &Principal) -> Result<(), Denied> {
    if *caller == Principal::anonymous() { Err(Denied::Unauthorized) } else { Ok(()) }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The caller's role in a capsule. A capsule whose guest is the anonymous principal is public: everybody is
    /// at least its guest. O(log members).
    pub fn role_of(&self, capsule: CapsuleId, caller: &Principal) -> Option<Role> {
        self.granted_role(capsule, caller).or_else(|| self.is_public(capsule).then_some(Role::Guest))
    }

    /// The role that was granted to `who` by name.
    pub(crate) fn granted_role(&self, capsule: CapsuleId, who: &Principal) -> Option<Role> {
        self.members.get(&member_key(capsule, who)).map(Role::from_byte)
    }

    /// Everybody may read this capsule.
    pub fn is_public(&self, capsule: CapsuleId) -> bool {
        self.members.contains_key(&member_key(capsule, &Principal::anonymous()))
    }

    /// Refuses unless the caller's role includes `need`.
    ///
    /// # Errors
    /// [`Denied::NotFound`] without any role, [`Denied::Unauthorized`] with too small a one.
    pub fn require(&self, capsule: CapsuleId, caller: &Principal, need: Role) -> Result<Role, Denied> {
        match self.role_of(capsule, caller) {
            None => Err(Denied::NotFound),
            Some(role) if role.includes(need) => Ok(role),
            Some(_) => Err(Denied::Unauthorized),
        }
    }

    /// Gives a role in a capsule that `creator` made.
    pub(crate) fn set_member(
        &mut self,
        capsule: CapsuleId,
        creator: &Principal,
        who: &Principal,
        role: Role,
    ) {
        if self.granted_role(capsule, who).is_none() {
            self.list_capsule(who, capsule, creator);
        }
        self.members.insert(member_key(capsule, who), role as u8);
        self.readers_changed(capsule, who);
        self.capsules_of.insert(capsule_of_key(who, capsule), ());
    }

    pub(crate) fn remove_member(&mut self, capsule: CapsuleId, who: &Principal) {
        self.members.remove(&member_key(capsule, who));
        self.readers_changed(capsule, who);
        self.capsules_of.remove(&capsule_of_key(who, capsule));
        self.unlist_capsule(who, capsule);
    }

    /// Public answers may be kept by anybody, private ones by nobody, and what is certified says which.
    fn readers_changed(&mut self, capsule: CapsuleId, who: &Principal) {
        if *who == Principal::anonymous() {
            self.queue_capsule(capsule);
        }
    }

    /// Anybody has a role here: the capsule was not deleted. O(log members).
    pub(crate) fn has_members(&self, capsule: CapsuleId) -> bool {
        let from = member_key(capsule, &Principal::management_canister());
        self.members.keys_range(from..).next().is_some_and(|key| key[..8] == from[..8])
    }

    /// Everybody with a role of their own, by principal.
    pub(crate) fn members_of(&self, capsule: CapsuleId) -> Vec<(Principal, Role)> {
        let mut from = [0; 38];
        from[..8].copy_from_slice(&capsule.0.to_be_bytes());
        self.members
            .range(from..)
            .take_while(|(key, _)| key[..8] == from[..8])
            .map(|(key, role)| (principal_of_key(&key[8..]), Role::from_byte(role)))
            .collect()
    }

    /// The capsules that `who` has a role of its own in, by id, at most `most`.
    pub(crate) fn capsule_ids_of(&self, who: &Principal, most: usize) -> Vec<CapsuleId> {
        let from = capsule_of_key(who, CapsuleId(0));
        self.capsules_of
            .keys_range(from..)
            .take_while(|key| key[..30] == from[..30])
            .take(most)
            .map(|key| CapsuleId(u64_be(&key[30..])))
            .collect()
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
