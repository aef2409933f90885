//! Capsules: containers of memories with members and counters. Owns what makes, changes and ends one, who becomes a
//! member, and how many there may be. Who may what is in [`crate::access`], the order of a list in `capsule/listing.rs`.

mod listing;

#[cfg(test)]
pub(crate) use listing::{Listing, listing_key};

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::ids::CapsuleId;
use crate::limits::{PERSON_BYTES_MAX, TICK_SLICE};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::{Exhausted, Usage};
use crate::store::Store;
pub use crate::tables::capsules::{CapsuleRecord, Subject};
use crate::tables::idem::{Scope, key_of};
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// A capsule as a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapsuleView {
    /// Its id.
    pub id: CapsuleId,
    /// Its record.
    pub record: CapsuleRecord,
    /// The caller's role in it.
    pub role: Role,
}

/// Why an operation on capsules is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapsuleError {
    /// No role, or too small a one.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no room: the data say of what.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The name of an opaque person is too long.
    #[error("text_too_long: subject has {0} bytes, allowed {PERSON_BYTES_MAX}")]
    SubjectLength(usize),
    /// The name of an opaque person is empty.
    #[error("subject_empty: a person's name has at least one byte")]
    SubjectEmpty,
    /// It would be left without an owner.
    #[error("last_owner: grant Owner to somebody else first")]
    LastOwner,
    /// The anonymous principal can only read.
    #[error("role_not_for_anonymous: grant Guest to make a capsule public")]
    RoleNotForAnonymous,
}

impl Refusal for CapsuleError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::SubjectLength(_) | Self::SubjectEmpty | Self::RoleNotForAnonymous => {
                RefusalKind::InvalidArgument
            }
            Self::LastOwner => RefusalKind::Conflict,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Makes a capsule about `subject`. None, or the caller: the caller's own capsule, made once and returned as it
    /// is after that; about anybody else, a new one each time.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn capsule_create(
        &mut self,
        call: &Call,
        subject: Option<Subject>,
    ) -> Result<CapsuleView, CapsuleError> {
        require_somebody(&call.caller)?;
        let subject = subject.unwrap_or(Subject::Principal(call.caller));
        check_subject(&subject)?;
        let own = subject == Subject::Principal(call.caller);
        if own && let Some(known) = self.own_capsule(call) {
            return Ok(known);
        }
        Usage::capsules(&self.callers.get(&call.caller)).take(1)?;
        self.require_record_room(0)?;
        let record = CapsuleRecord {
            subject,
            creator: call.caller,
            created_ns: call.now_ns,
            updated_ns: call.now_ns,
            bytes_used: 0,
            bytes_in_flight: 0,
            inline_bytes: 0,
            memory_count: 0,
            owner_count: 1,
            member_count: 1,
            record_bytes: 0,
        };
        let id = self.capsules.add(&record);
        self.set_member(id, &call.caller, &call.caller, Role::Owner);
        if own {
            self.idem.remember(own_key(&call.caller), [0; 32], id.0, Vec::new());
        }
        self.callers.update(&call.caller, |c| c.capsules_created += 1);
        Ok(CapsuleView { id, record, role: Role::Owner })
    }

    /// A capsule that the caller may read; none: the caller's own.
    ///
    /// # Errors
    /// [`Denied::NotFound`].
    pub fn capsule(&self, caller: &Principal, id: Option<CapsuleId>) -> Result<CapsuleView, Denied> {
        let own = || self.idem.get(&own_key(caller)).map(|known| CapsuleId(known.made));
        let id = id.or_else(own).ok_or(Denied::NotFound)?;
        let role = self.require(id, caller, Role::Guest)?;
        Ok(CapsuleView { id, record: self.capsules.get(id), role })
    }

    /// Every capsule that the caller has a role in, at most
    /// [`CAPSULES_PER_CALLER_MAX`](crate::limits::CAPSULES_PER_CALLER_MAX): those it made first, then the others in the order
    /// of the grants. So nobody can push a capsule off the list by granting roles in others.
    pub fn capsule_list(&self, caller: &Principal) -> Vec<CapsuleView> {
        if *caller == Principal::anonymous() {
            return Vec::new();
        }
        let ids = self.listed_capsules(caller);
        ids.into_iter().filter_map(|id| self.capsule(caller, Some(id)).ok()).collect()
    }

    /// The members of a capsule that the caller may read. Whoever reads it only because it is public learns no more
    /// than that: the members did not agree to be known to everybody.
    ///
    /// # Errors
    /// [`Denied::NotFound`].
    pub fn capsule_members(
        &self,
        caller: &Principal,
        id: CapsuleId,
    ) -> Result<Vec<(Principal, Role)>, Denied> {
        self.require(id, caller, Role::Guest)?;
        let mut members = self.members.of(id);
        let everybody = Principal::anonymous();
        if *caller == everybody || self.members.role(id, caller).is_none() {
            members.retain(|(who, _)| *who == everybody);
        }
        Ok(members)
    }

    /// Gives `who` a role, in place of any it has. Owners only.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn capsule_grant(
        &mut self,
        call: &Call,
        id: CapsuleId,
        who: &Principal,
        role: Role,
    ) -> Result<(), CapsuleError> {
        self.require_owner(call, id)?;
        if *who == Principal::anonymous() && role != Role::Guest {
            return Err(CapsuleError::RoleNotForAnonymous);
        }
        let mut record = self.capsules.get(id);
        let had = self.members.role(id, who);
        if had == Some(Role::Owner) && role != Role::Owner && record.owner_count == 1 {
            return Err(CapsuleError::LastOwner);
        }
        if had.is_none() {
            Usage::members(&record).take(1)?;
            self.require_record_room(0)?;
        }
        record.member_count += u32::from(had.is_none());
        record.owner_count += u32::from(role == Role::Owner);
        record.owner_count -= u32::from(had == Some(Role::Owner));
        record.updated_ns = call.now_ns;
        let creator = record.creator;
        self.capsules.put(id, &record);
        self.set_member(id, &creator, who, role);
        Ok(())
    }

    /// Takes `who`'s role away; nothing happens where there is none. Owners only.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn capsule_revoke(
        &mut self,
        call: &Call,
        id: CapsuleId,
        who: &Principal,
    ) -> Result<(), CapsuleError> {
        self.require_owner(call, id)?;
        let mut record = self.capsules.get(id);
        let Some(had) = self.members.role(id, who) else { return Ok(()) };
        if had == Role::Owner && record.owner_count == 1 {
            return Err(CapsuleError::LastOwner);
        }
        record.member_count -= 1;
        record.owner_count -= u32::from(had == Role::Owner);
        record.updated_ns = call.now_ns;
        self.capsules.put(id, &record);
        self.remove_member(id, who);
        Ok(())
    }

    /// Deletes a capsule: it and all in it are gone for everybody at once; the space comes back now for a small
    /// capsule, slice by slice for a large one. O(members) + one slice.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn capsule_delete(&mut self, call: &Call, id: CapsuleId) -> Result<(), CapsuleError> {
        self.require_owner(call, id)?;
        let record = self.capsules.get(id);
        for (who, _) in self.members.of(id) {
            self.remove_member(id, &who);
        }
        let key = own_key(&record.creator);
        if self.idem.get(&key).is_some_and(|known| known.made == id.0) {
            self.idem.forget(&key);
        }
        self.callers.update(&record.creator, |c| c.capsules_created -= 1);
        let mut rows = call.rows(TICK_SLICE);
        self.purge_capsule(call, id, &mut rows);
        Ok(())
    }

    fn require_owner(&self, call: &Call, id: CapsuleId) -> Result<(), Denied> {
        require_somebody(&call.caller)?;
        self.require(id, &call.caller, Role::Owner).map(drop)
    }

    /// The capsule that the caller made about itself and still owns.
    fn own_capsule(&self, call: &Call) -> Option<CapsuleView> {
        let id = CapsuleId(self.idem.get(&own_key(&call.caller))?.made);
        let view = self.capsule(&call.caller, Some(id)).ok()?;
        (view.role == Role::Owner).then_some(view)
    }

    /// Gives a role in a capsule that `creator` made.
    fn set_member(&mut self, capsule: CapsuleId, creator: &Principal, who: &Principal, role: Role) {
        if self.members.role(capsule, who).is_none() {
            self.list_capsule(who, capsule, creator);
        }
        self.members.set(capsule, who, role);
        self.readers_changed(capsule, who);
    }

    fn remove_member(&mut self, capsule: CapsuleId, who: &Principal) {
        self.members.remove(capsule, who);
        self.readers_changed(capsule, who);
        self.unlist_capsule(who, capsule);
    }

    /// Public answers may be kept by anybody, private ones by nobody, and what is certified says which.
    fn readers_changed(&mut self, capsule: CapsuleId, who: &Principal) {
        if *who == Principal::anonymous() {
            self.certified.queue_capsule(capsule);
        }
    }
}

pub(crate) fn own_key(caller: &Principal) -> [u8; 32] {
    key_of(Scope::OwnCapsule, caller, CapsuleId(0), b"")
}

fn check_subject(subject: &Subject) -> Result<(), CapsuleError> {
    match subject {
        Subject::Opaque(name) if name.is_empty() => Err(CapsuleError::SubjectEmpty),
        Subject::Opaque(name) if name.len() > PERSON_BYTES_MAX => {
            Err(CapsuleError::SubjectLength(name.len()))
        }
        _ => Ok(()),
    }
}
