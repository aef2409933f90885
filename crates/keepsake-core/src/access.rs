//! Who may do what. Owns the one rule that turns (capsule, caller, need) into yes, "not found" or "unauthorized". What a
//! role is needed for is said by each operation; roles are given in [`crate::capsule`]. Whose key stands for whom was found at
//! the door, see [`crate::door`]: a caller here is an account, a link that is alive, or nobody.

use crate::ids::{CapsuleId, MemoryId};
use crate::memory::{AssetKind, MemoryRecord};
use crate::refusal::{Refusal, RefusalKind};
use crate::store::Store;
pub use crate::tables::members::Role;
use crate::tables::registry::LinkRecord;
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

/// How much of a capsule somebody sees who may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of it.
    All,
    /// What a link covers.
    Link {
        /// Only the memories that it names.
        named: bool,
        /// Originals too.
        originals: bool,
    },
}

impl Sight {
    /// Whether an asset of this kind may be seen.
    pub(crate) fn shows(self, kind: AssetKind) -> bool {
        !matches!(self, Self::Link { originals: false, .. }) || kind != AssetKind::Original
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The caller's role in a capsule. A capsule whose guest is the anonymous principal is public: everybody is
    /// at least its guest. So is whoever has a link to all of it; a link to some memories gives no role. O(log members).
    pub fn role_of(&self, capsule: CapsuleId, caller: &Principal) -> Option<Role> {
        let whole = || self.link_into(capsule, caller).is_some_and(|link| link.named.is_none());
        let looks = || self.is_public(capsule) || whole();
        self.members.role(capsule, caller).or_else(|| looks().then_some(Role::Guest))
    }

    /// The link that the caller has to this capsule.
    pub(crate) fn link_into(&self, capsule: CapsuleId, caller: &Principal) -> Option<LinkRecord> {
        self.registry.link(caller).filter(|link| link.capsule == capsule.0)
    }

    /// How much of a capsule the caller sees.
    pub(crate) fn sight(&self, capsule: CapsuleId, caller: &Principal) -> Result<Sight, Denied> {
        if self.members.contains(capsule, caller) {
            return Ok(Sight::All);
        }
        let of_link =
            |link: LinkRecord| Sight::Link { named: link.named.is_some(), originals: link.originals };
        match self.link_into(capsule, caller).map(of_link) {
            // That all of it may be looked at is not asked of whom a link shows all.
            Some(all @ Sight::Link { named: false, originals: true }) => Ok(all),
            _ if self.is_public(capsule) => Ok(Sight::All),
            part => part.ok_or(Denied::NotFound),
        }
    }

    /// How much of a memory the caller sees.
    pub(crate) fn sight_of_memory(
        &self,
        capsule: CapsuleId,
        id: MemoryId,
        caller: &Principal,
    ) -> Result<Sight, Denied> {
        match self.sight(capsule, caller)? {
            Sight::Link { named: true, .. } if !self.registry.covers(caller, id) => Err(Denied::NotFound),
            sight => Ok(sight),
        }
    }

    /// A memory as the caller sees it, without the assets that it may not see.
    pub(crate) fn seen(
        &self,
        caller: &Principal,
        id: MemoryId,
        mut record: MemoryRecord,
    ) -> Result<(Sight, MemoryRecord), Denied> {
        let sight = self.sight_of_memory(CapsuleId(record.capsule), id, caller)?;
        record.assets.retain(|asset| sight.shows(asset.meta.kind));
        Ok((sight, record))
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
