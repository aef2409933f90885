//! Who may do what. Owns the one rule that turns (capsule, caller, need) into yes, "not found" or "unauthorized". What a
//! role is needed for is said by each operation; roles are given in [`crate::capsule`].

use crate::ids::CapsuleId;
use crate::refusal::{Refusal, RefusalKind};
use crate::store::Store;
pub use crate::tables::members::Role;
use ic_principal::Principal;
use ic_stable_structures::Memory;

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
        self.members.role(capsule, caller).or_else(|| self.is_public(capsule).then_some(Role::Guest))
    }

    /// Everybody may read this capsule.
    pub fn is_public(&self, capsule: CapsuleId) -> bool {
        self.members.contains(capsule, &Principal::anonymous())
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
}
