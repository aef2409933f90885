//! Capsules: containers of memories with members and counters. Owns what makes, names and ends one, and how many there may be.
//! Who becomes a member, and stays one, is in `capsule/members.rs`; who may what in [`crate::access`]; the order of a list in
//! `capsule/listing.rs`.

mod listing;
mod members;

pub use members::MemberView;

#[cfg(test)]
pub(crate) use listing::{Listing, listing_key};

use crate::access::{Denied, Role, Sight, require_somebody};
use crate::call::Call;
use crate::ids::CapsuleId;
use crate::limits::{PERSON_BYTES_MAX, TICK_SLICE};
use crate::people::{NameError, check_optional_name};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::{Exhausted, Usage};
use crate::store::Store;
pub use crate::tables::capsules::{CapsuleRecord, Given, Subject};
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
    /// The caller's role in it; of a link, [`Role::Guest`].
    pub role: Role,
    /// The caller made it, about itself.
    pub is_own: bool,
    /// The caller made it, or said yes to the role that somebody gave it.
    pub is_accepted: bool,
    /// The caller has a role of its own in it: it does not look only because all may, or by a link.
    pub is_member: bool,
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
    /// A name is too long, or is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name of an opaque person is too long.
    #[error("text_too_long: subject has {0} bytes, allowed {PERSON_BYTES_MAX}")]
    SubjectLength(usize),
    /// The host is by invitation.
    #[error("not_admitted: this host is by invitation; ask whoever runs it for a code, and redeem it")]
    NotAdmitted,
    /// The name of an opaque person is empty.
    #[error("subject_empty: a person's name has at least one byte")]
    SubjectEmpty,
    /// It would be left without an owner.
    #[error("last_owner: grant Owner to somebody else first, and let them accept it")]
    LastOwner,
    /// The anonymous principal can only read.
    #[error("role_not_for_anonymous: grant Guest to make a capsule public")]
    RoleNotForAnonymous,
    /// The key of a link can only look.
    #[error("role_not_for_link: this is the key of a link; give the role to a person")]
    RoleNotForLink,
}

impl Refusal for CapsuleError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::Name(name) => name.kind(),
            Self::SubjectLength(_)
            | Self::SubjectEmpty
            | Self::RoleNotForAnonymous
            | Self::RoleNotForLink => RefusalKind::InvalidArgument,
            Self::LastOwner | Self::NotAdmitted => RefusalKind::Conflict,
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
        if !self.is_admitted(&call.caller) {
            return Err(CapsuleError::NotAdmitted);
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
            name: None,
            given: None,
            leaving_bytes: 0,
        };
        let id = self.capsules.add(&record);
        self.registry.set_maker(id, None, Some(&call.caller));
        self.set_member(id, &call.caller, &call.caller, Role::Owner, true);
        if own {
            self.idem.remember(own_key(&call.caller), [0; 32], id.0, Vec::new());
        }
        self.callers.update(&call.caller, |c| c.capsules_created += 1);
        Ok(CapsuleView { id, record, role: Role::Owner, is_own: own, is_accepted: true, is_member: true })
    }

    /// A capsule that the caller may read; none: the caller's own.
    ///
    /// # Errors
    /// [`Denied::NotFound`].
    pub fn capsule(&self, caller: &Principal, id: Option<CapsuleId>) -> Result<CapsuleView, Denied> {
        let own = || self.idem.get(&own_key(caller)).map(|known| CapsuleId(known.made));
        let id = id.or_else(own).ok_or(Denied::NotFound)?;
        if let Sight::Link { named: true, .. } = self.sight(id, caller)? {
            return Ok(self.part_of_capsule(caller, id));
        }
        let role = self.require(id, caller, Role::Guest)?;
        let record = self.capsules.get(id);
        let is_own = record.creator == *caller && record.subject == Subject::Principal(*caller);
        // That everybody may look makes nobody a member.
        let is_member = *caller != Principal::anonymous() && self.members.contains(id, caller);
        let is_accepted = !is_member || self.members.is_accepted(id, caller);
        Ok(CapsuleView { id, record, role, is_own, is_accepted, is_member })
    }

    /// A capsule as somebody sees it whose link names some memories of it.
    fn part_of_capsule(&self, link: &Principal, id: CapsuleId) -> CapsuleView {
        let record = self.capsules.get(id);
        let named = self
            .registry
            .covered_by(link, 0, u64::MAX)
            .filter(|memory| self.memories.capsule_of(*memory).is_some());
        let record = CapsuleRecord {
            memory_count: named.count() as u64,
            bytes_used: 0,
            bytes_in_flight: 0,
            inline_bytes: 0,
            leaving_bytes: 0,
            ..record
        };
        CapsuleView { id, record, role: Role::Guest, is_own: false, is_accepted: true, is_member: false }
    }

    /// Every capsule that the caller has a role in, at most
    /// [`CAPSULES_PER_CALLER_MAX`](crate::limits::CAPSULES_PER_CALLER_MAX): those it made first, then the others in the order
    /// of the grants. So nobody can push a capsule off the list by granting roles in others.
    pub fn capsule_list(&self, caller: &Principal) -> Vec<CapsuleView> {
        if *caller == Principal::anonymous() {
            return Vec::new();
        }
        let ids = match self.registry.link(caller) {
            Some(link) => vec![CapsuleId(link.capsule)],
            None => self.listed_capsules(caller),
        };
        ids.into_iter().filter_map(|id| self.capsule(caller, Some(id)).ok()).collect()
    }

    /// Calls a capsule by a name, or by none. Owners only.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn capsule_rename(
        &mut self,
        call: &Call,
        id: CapsuleId,
        name: Option<String>,
    ) -> Result<(), CapsuleError> {
        self.require_owner(call, id)?;
        check_optional_name("name", name.as_deref())?;
        self.capsules.update(id, |capsule| {
            capsule.name = name;
            capsule.updated_ns = call.now_ns;
        });
        Ok(())
    }

    /// Deletes a capsule: it and all in it are gone for everybody at once; the space comes back now for a small
    /// capsule, slice by slice for a large one. O(members) + one slice.
    ///
    /// # Errors
    /// [`CapsuleError`].
    pub fn capsule_delete(&mut self, call: &Call, id: CapsuleId) -> Result<(), CapsuleError> {
        self.require_owner(call, id)?;
        self.drop_capsule(call, id);
        Ok(())
    }

    /// As [`Self::capsule_delete`], whoever asks.
    pub(crate) fn drop_capsule(&mut self, call: &Call, id: CapsuleId) {
        let record = self.capsules.get(id);
        for member in self.members.of(id) {
            self.remove_member(id, &member.who);
        }
        self.close_ways_into(id);
        let key = own_key(&record.creator);
        if self.idem.get(&key).is_some_and(|known| known.made == id.0) {
            self.idem.forget(&key);
        }
        self.callers.update(&record.creator, |c| {
            c.capsules_created -= 1;
            c.leaving_bytes += record.leaving_bytes;
        });
        self.registry.set_maker(id, Some(&record.creator), None);
        let mut rows = call.rows(TICK_SLICE);
        self.purge_capsule(call, id, &mut rows);
    }

    /// Nobody comes in any more by an invitation, nor looks by a link. What is kept of links goes with the capsule's items, slice by
    /// slice.
    fn close_ways_into(&mut self, id: CapsuleId) {
        let invitations: Vec<_> = self.registry.invitations_of(Some(id)).collect();
        for invitation in invitations {
            self.forget_invitation(invitation);
        }
        for (key, link) in self.links_into(id) {
            self.close_link(&key, &link);
        }
    }

    pub(crate) fn require_owner(&self, call: &Call, id: CapsuleId) -> Result<(), Denied> {
        require_somebody(&call.caller)?;
        self.require(id, &call.caller, Role::Owner).map(drop)
    }

    /// The capsule that the caller made about itself and still owns.
    fn own_capsule(&self, call: &Call) -> Option<CapsuleView> {
        let id = CapsuleId(self.idem.get(&own_key(&call.caller))?.made);
        let view = self.capsule(&call.caller, Some(id)).ok()?;
        (view.role == Role::Owner).then_some(view)
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
