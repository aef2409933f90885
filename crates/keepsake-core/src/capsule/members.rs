//! Members of capsules: who gets a role, says yes to it, loses it, leaves. Owns these rules and what follows from a change; the
//! maps are in `tables/members.rs`.

use super::CapsuleError;
use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::ids::CapsuleId;
use crate::invitations::InvitationRecord;
use crate::links::LinkRecord;
use crate::room::Usage;
use crate::store::Store;
use ic_principal::Principal;
use ic_stable_structures::Memory;

pub use crate::tables::members::MemberView;

impl<R: Memory, H: Memory> Store<R, H> {
    /// The members of a capsule that the caller may read. Whoever reads it only because it is public learns no more
    /// than that: the members did not agree to be known to everybody.
    ///
    /// # Errors
    /// [`Denied::NotFound`].
    pub fn capsule_members(&self, caller: &Principal, id: CapsuleId) -> Result<Vec<MemberView>, Denied> {
        self.sight(id, caller)?;
        let mut members = self.members.of(id);
        let everybody = Principal::anonymous();
        if *caller == everybody || self.members.role(id, caller).is_none() {
            members.retain(|member| member.who == everybody);
        }
        Ok(members)
    }

    /// Gives `who` a role, in place of any it has; of a device, its account. It counts at once, and is marked as not accepted
    /// until whoever got it says so. Owners only.
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
        let (key, who) = (who, &self.account_of(who));
        if self.registry.is_link(who) {
            return Err(CapsuleError::RoleNotForLink);
        }
        if *who == Principal::anonymous() && role != Role::Guest {
            return Err(CapsuleError::RoleNotForAnonymous);
        }
        let record = self.capsules.get(id);
        let had = self.members.role(id, who);
        if had == Some(Role::Owner) && role != Role::Owner && !self.has_another_owner(id, who) {
            return Err(CapsuleError::LastOwner);
        }
        if had.is_none() {
            Usage::members(&record).take(1)?;
            self.require_record_room(0)?;
        }
        if had == Some(Role::Owner) && role != Role::Owner {
            self.end_ways_of(call, id, who);
        }
        // Whoever gives a role to itself says yes to it.
        let accepted = self.members.is_accepted(id, who) || *who == call.caller;
        self.give_role(call, id, who, role, accepted);
        if key != who {
            if role == Role::Owner {
                self.bring_ways(id, key, who);
            }
            self.drop_left_behind(call, id, key);
        }
        Ok(())
    }

    /// Takes away what stayed behind here when a key became a device: its role, and the ways in that it made.
    fn drop_left_behind(&mut self, call: &Call, id: CapsuleId, key: &Principal) {
        self.end_ways_of(call, id, key);
        self.drop_role(call, id, key);
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
        let account = self.account_of(who);
        self.end_role(call, id, &account)?;
        if account != *who {
            self.drop_left_behind(call, id, who);
        }
        Ok(())
    }

    /// Ends the caller's own role. An owner who was made one and never said yes may leave though there is no other; a capsule
    /// that nobody is left in goes.
    ///
    /// # Errors
    /// [`CapsuleError`]: without a role, there is no such capsule.
    pub fn capsule_leave(&mut self, call: &Call, id: CapsuleId) -> Result<(), CapsuleError> {
        require_somebody(&call.caller)?;
        if !self.members.contains(id, &call.caller) {
            return Err(Denied::NotFound.into());
        }
        if self.members.is_accepted(id, &call.caller) {
            return self.end_role(call, id, &call.caller);
        }
        self.end_ways_of(call, id, &call.caller);
        self.drop_role(call, id, &call.caller);
        if !self.members.any(id) {
            self.drop_capsule(call, id);
        }
        Ok(())
    }

    /// Says yes to the role that somebody gave the caller. It counted before; now the capsule is among the caller's own.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn capsule_accept(&mut self, call: &Call, id: CapsuleId) -> Result<(), Denied> {
        require_somebody(&call.caller)?;
        let role = self.members.role(id, &call.caller).ok_or(Denied::NotFound)?;
        self.members.set(id, &call.caller, role, true);
        self.list_accepted(&call.caller, id);
        Ok(())
    }

    /// Whether somebody besides `who` is an owner, said yes to it, and is not shut out: others may leave it as easily as they were
    /// made one, or reach nothing. O(members).
    fn has_another_owner(&self, id: CapsuleId, who: &Principal) -> bool {
        let owns = |member: &MemberView| {
            member.role == Role::Owner
                && member.is_accepted
                && member.who != *who
                && self.maker(&member.who).is_some()
        };
        self.members.of(id).iter().any(owns)
    }

    fn end_role(&mut self, call: &Call, id: CapsuleId, who: &Principal) -> Result<(), CapsuleError> {
        let is_owner = self.members.role(id, who) == Some(Role::Owner);
        if is_owner && !self.has_another_owner(id, who) {
            return Err(CapsuleError::LastOwner);
        }
        if is_owner {
            self.end_ways_of(call, id, who);
        }
        self.drop_role(call, id, who);
        Ok(())
    }

    /// Ends the invitations and links into a capsule that somebody made who is no owner of it from now on.
    fn end_ways_of(&mut self, call: &Call, id: CapsuleId, who: &Principal) {
        for (invitation, record) in self.invitations_into(id) {
            if self.is_person(&record.creator, who) {
                self.forget_invitation(invitation);
            }
        }
        let mut links = self.links_into(id);
        links.retain(|(_, link)| self.is_person(&link.creator, who));
        self.end_links(call, id, &links);
    }

    /// What a key made that becomes a device of an account is the account's from now on: it does not end with the device.
    pub(crate) fn bring_ways(&mut self, id: CapsuleId, key: &Principal, account: &Principal) {
        for (invitation, record) in self.invitations_into(id) {
            if self.is_person(&record.creator, key) {
                self.registry.put_invitation(invitation, &InvitationRecord { creator: *account, ..record });
            }
        }
        for (link, record) in self.links_into(id) {
            if self.is_person(&record.creator, key) {
                self.registry.put_link(&link, &LinkRecord { creator: *account, ..record });
            }
        }
    }

    /// Takes a role away; nothing happens where there is none.
    pub(crate) fn drop_role(&mut self, call: &Call, id: CapsuleId, who: &Principal) {
        let Some(had) = self.members.role(id, who) else { return };
        self.capsules.update(id, |capsule| {
            capsule.member_count -= 1;
            capsule.owner_count -= u32::from(had == Role::Owner);
            capsule.updated_ns = call.now_ns;
        });
        self.remove_member(id, who);
    }

    /// Gives a role whose rules were looked at, in place of any that there is.
    pub(crate) fn give_role(
        &mut self,
        call: &Call,
        id: CapsuleId,
        who: &Principal,
        role: Role,
        accepted: bool,
    ) {
        let had = self.members.role(id, who);
        let mut record = self.capsules.get(id);
        record.member_count += u32::from(had.is_none());
        record.owner_count += u32::from(role == Role::Owner);
        record.owner_count -= u32::from(had == Some(Role::Owner));
        record.updated_ns = call.now_ns;
        let creator = record.creator;
        self.capsules.put(id, &record);
        self.set_member(id, &creator, who, role, accepted);
    }

    /// Gives a role in a capsule that `creator` made.
    pub(crate) fn set_member(
        &mut self,
        capsule: CapsuleId,
        creator: &Principal,
        who: &Principal,
        role: Role,
        accepted: bool,
    ) {
        if self.members.role(capsule, who).is_none() {
            self.list_capsule(who, capsule, creator);
        }
        self.members.set(capsule, who, role, accepted);
        if accepted {
            self.list_accepted(who, capsule);
        }
        self.readers_changed(capsule, who);
    }

    pub(crate) fn remove_member(&mut self, capsule: CapsuleId, who: &Principal) {
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
