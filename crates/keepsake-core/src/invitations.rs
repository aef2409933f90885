//! Invitations: codes that let somebody in. Owns how a code is made and looked up, what redeeming one gives, and who may list and
//! end them. A device's code is redeemed in [`crate::devices`].
//!
//! A code has 127 bits:
//! ```text
//! the first 16 bytes of HMAC-SHA256( "code" | number u64 | who makes it (30) | now ns u64 ) under the store's secret
//! ```
//! The first bit is 0: written in base64, a code never begins with `-`, so that no program takes it for an option. Only its SHA-256
//! is kept, so nobody who reads the store later learns one. A million guesses find one of a thousand open codes with a chance of
//! 1 in 2^97; so guesses are not counted.

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::capsule::{CapsuleError, CapsuleView};
use crate::ids::{CapsuleId, InvitationId};
use crate::limits::{
    CODE_KNOWN_AFTER_NS, INVITATION_USES_MAX, INVITATIONS_ONTO_HOST_MAX, INVITATIONS_PER_CAPSULE_MAX,
};
use crate::people::{NameError, check_label};
use crate::record::principal_key;
use crate::refusal::{Refusal, RefusalKind};
use crate::room::{Exhausted, Usage};
use crate::store::Store;
use crate::tables::due::DueKind;
pub use crate::tables::registry::{InvitationRecord, Opens};
use hmac::{Hmac, KeyInit, Mac};
use ic_stable_structures::Memory;
use sha2::{Digest, Sha256};

/// Without the first bit, the first character in base64 is a letter.
const FIRST_BYTE_OF_A_CODE: u8 = 0x7f;

/// Why a code opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// There is none like it, or it was taken back.
    #[error("code_unknown: nobody made this code, or it was taken back; ask for another one")]
    Unknown,
    /// It was redeemed as often as it may be.
    #[error("code_used: this code was used already; ask for another one")]
    Used,
    /// Its time ran out.
    #[error("code_expired: the time of this code ran out; ask for another one")]
    Expired,
    /// It opens something else.
    #[error(
        "code_of_another_kind: a device's code is for devices_join, an invitation's for invitations_redeem"
    )]
    OtherKind,
}

impl Refusal for CodeError {
    fn kind(&self) -> RefusalKind {
        RefusalKind::Conflict
    }
}

/// Why an operation on invitations is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// No role, or too small a one.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The code opens nothing.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The label is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no room.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The role cannot be given.
    #[error(transparent)]
    Capsule(#[from] CapsuleError),
    /// Too few or too many uses.
    #[error("uses_out_of_range: {0}, allowed 1..={INVITATION_USES_MAX}")]
    Uses(u32),
    /// It would end before it begins.
    #[error("expires_in_the_past: {0} ns; give a time to come, or none")]
    Past(u64),
    /// Too many invitations.
    #[error("too_many_items: invitations has {0}, allowed {1}; take back those that are not needed")]
    Count(usize, usize),
    /// The host has not brought the secret yet.
    #[error("token_secret_pending: the host waits for its random secret; try again in a few seconds")]
    SecretPending,
}

impl Refusal for InvitationError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Code(code) => code.kind(),
            Self::Name(name) => name.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::Capsule(capsule) => capsule.kind(),
            Self::Uses(_) | Self::Past(_) | Self::Count(..) => RefusalKind::InvalidArgument,
            Self::SecretPending => RefusalKind::Conflict,
        }
    }
}

impl From<InvitationError> for crate::devices::DeviceError {
    fn from(error: InvitationError) -> Self {
        match error {
            InvitationError::Exhausted(exhausted) => exhausted.into(),
            InvitationError::Name(name) => name.into(),
            InvitationError::Denied(denied) => denied.into(),
            InvitationError::SecretPending => Self::SecretPending,
            other => unreachable!("an invitation of a device is within its bounds: {other}"),
        }
    }
}

/// An invitation to be made.
pub(crate) struct NewInvitation {
    pub(crate) opens: Opens,
    pub(crate) uses: u32,
    pub(crate) expires_ns: Option<u64>,
    pub(crate) label: String,
}

/// An invitation as those see it who may end it, or who hold its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationView {
    /// Its number.
    pub id: InvitationId,
    /// Its record.
    pub record: InvitationRecord,
}

/// What a code gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// The invitation.
    pub invitation: InvitationView,
    /// The capsule, where it is into one.
    pub capsule: Option<CapsuleView>,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Makes a code that gives `role` in a capsule to whoever redeems it, so many times. Owners only.
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn invitation_create(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        role: Role,
        uses: u32,
        expires_ns: Option<u64>,
        label: &str,
    ) -> Result<(InvitationId, [u8; 16]), InvitationError> {
        self.require_owner(call, capsule)?;
        let open = self.registry.invitations_of(Some(capsule)).count();
        if open >= INVITATIONS_PER_CAPSULE_MAX {
            return Err(InvitationError::Count(open, INVITATIONS_PER_CAPSULE_MAX));
        }
        let opens = Opens::Capsule { capsule: capsule.0, role: role as u8 };
        self.add_invitation(call, NewInvitation { opens, uses, expires_ns, label: label.to_owned() })
    }

    /// Makes a code that lets whoever redeems it make capsules, of so many bytes all together. Controllers only.
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn invitation_onto_host(
        &mut self,
        call: &Call,
        uses: u32,
        expires_ns: Option<u64>,
        label: &str,
        quota_bytes: Option<u64>,
    ) -> Result<(InvitationId, [u8; 16]), InvitationError> {
        self.require_controller(call)?;
        let open = self.invitations_onto_host().count();
        if open >= INVITATIONS_ONTO_HOST_MAX {
            return Err(InvitationError::Count(open, INVITATIONS_ONTO_HOST_MAX));
        }
        let opens = Opens::Host { quota_bytes };
        let made =
            self.add_invitation(call, NewInvitation { opens, uses, expires_ns, label: label.to_owned() })?;
        self.log(call, "invite", format!("{uses} uses, {label:?}"));
        Ok(made)
    }

    /// The invitations into a capsule, by number.
    pub(crate) fn invitations_into(&self, capsule: CapsuleId) -> Vec<(InvitationId, InvitationRecord)> {
        let record = |id| self.registry.invitation(id).expect("an invitation that is listed has a record");
        self.registry.invitations_of(Some(capsule)).map(|id| (id, record(id))).collect()
    }

    pub(crate) fn add_invitation(
        &mut self,
        call: &Call,
        new: NewInvitation,
    ) -> Result<(InvitationId, [u8; 16]), InvitationError> {
        let NewInvitation { opens, uses, expires_ns, label } = new;
        check_label("label", &label)?;
        if uses == 0 || uses > INVITATION_USES_MAX {
            return Err(InvitationError::Uses(uses));
        }
        if let Some(at_ns) = expires_ns.filter(|at_ns| *at_ns <= call.now_ns) {
            return Err(InvitationError::Past(at_ns));
        }
        if !self.has_token_secret() {
            return Err(InvitationError::SecretPending);
        }
        self.require_record_room(0)?;
        let code = self.new_code(call);
        let record = InvitationRecord {
            code_sha256: <[u8; 32]>::from(Sha256::digest(code)).into(),
            opens,
            creator: call.caller,
            created_ns: call.now_ns,
            expires_ns,
            uses_max: uses,
            uses: 0,
            label,
        };
        let id = self.registry.add_invitation(&record);
        if let Some(at_ns) = forgotten_ns(&record) {
            self.due.add(at_ns, DueKind::Invitation, id.0);
        }
        Ok((id, code))
    }

    fn new_code(&self, call: &Call) -> [u8; 16] {
        let secret = self.header.token_secret();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("HMAC takes a key of any length");
        mac.update(b"code");
        mac.update(&self.registry.next_invitation().0.to_be_bytes());
        mac.update(&principal_key(&call.caller));
        mac.update(&call.now_ns.to_be_bytes());
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        let mut code: [u8; 16] = *tag.first_chunk().expect("a tag has 32 bytes");
        code[0] &= FIRST_BYTE_OF_A_CODE;
        code
    }

    /// The invitation of a code that is good now.
    pub(crate) fn open_code(
        &self,
        call: &Call,
        code: &[u8; 16],
    ) -> Result<(InvitationId, InvitationRecord), CodeError> {
        let (id, record) = self.known_code(code).ok_or(CodeError::Unknown)?;
        if record.expires_ns.is_some_and(|at_ns| at_ns <= call.now_ns) {
            return Err(CodeError::Expired);
        }
        if record.uses >= record.uses_max {
            return Err(CodeError::Used);
        }
        Ok((id, record))
    }

    /// Whether this code opens something now: for a host that turns guesses away before it pays for them.
    ///
    /// # Errors
    /// [`CodeError`], why it does not.
    pub fn opens_something(&self, call: &Call, code: &[u8; 16]) -> Result<(), CodeError> {
        self.open_code(call, code).map(drop)
    }

    /// The invitation of a code, whether or not it is good still. It opens nothing while its maker may not give what it gives:
    /// has no such role, or is shut out.
    fn known_code(&self, code: &[u8; 16]) -> Option<(InvitationId, InvitationRecord)> {
        let found = self.registry.invitation_by_code(&Sha256::digest(code).into())?;
        let maker = &found.1.creator;
        let holds = match &found.1.opens {
            Opens::Capsule { capsule, .. } => self.may_still_let_in(maker, CapsuleId(*capsule)),
            Opens::Host { .. } => self.maker(maker).is_some_and(|maker| self.is_controller(&maker)),
            Opens::Account(_) => self.maker(maker).is_some(),
        };
        holds.then_some(found)
    }

    /// What a code opens, for whoever holds it.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn invitation_read(&self, call: &Call, code: &[u8; 16]) -> Result<InvitationView, CodeError> {
        let (id, record) = self.open_code(call, code)?;
        Ok(InvitationView { id, record })
    }

    /// Gives the caller what a code opens. A role is never made smaller. Whoever has it already uses nothing up, so a repeated
    /// message is answered as the first.
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn invitation_redeem(&mut self, call: &Call, code: &[u8; 16]) -> Result<Redeemed, InvitationError> {
        require_somebody(&call.caller)?;
        let (id, mut record) = self.known_code(code).ok_or(CodeError::Unknown)?;
        if let Some(view) = self.has_redeemed(call, &record) {
            return Ok(Redeemed { invitation: InvitationView { id, record }, capsule: view });
        }
        self.open_code(call, code)?;
        self.require_record_room(0)?;
        match &record.opens {
            Opens::Account(_) => return Err(CodeError::OtherKind.into()),
            Opens::Host { quota_bytes } => {
                // Whoever makes capsules without a limit already loses nothing by a code.
                let limit = quota_bytes.filter(|_| !self.is_let_in_by_itself(&call.caller));
                self.registry.update_person(&call.caller, |person| {
                    (person.admitted, person.quota_bytes) = (true, person.quota_bytes.or(limit));
                });
            }
            Opens::Capsule { .. } => {
                let (capsule, role) = record.opens.role().expect("it is into a capsule");
                if self.members.role(capsule, &call.caller).is_none() {
                    Usage::members(&self.capsules.get(capsule)).take(1)?;
                }
                self.give_role(call, capsule, &call.caller, role, true);
            }
        }
        record.uses += 1;
        self.registry.put_invitation(id, &record);
        let capsule = record.opens.role().map(|(id, _)| self.capsule(&call.caller, Some(id))).transpose()?;
        Ok(Redeemed { invitation: InvitationView { id, record }, capsule })
    }

    /// The caller has what the code gives; a role that was given and not accepted is accepted by it.
    #[expect(clippy::option_option, reason = "whether it has it, and the capsule that it has it in")]
    fn has_redeemed(&mut self, call: &Call, record: &InvitationRecord) -> Option<Option<CapsuleView>> {
        match &record.opens {
            Opens::Account(_) => None,
            Opens::Host { .. } => self.registry.person(&call.caller).admitted.then_some(None),
            Opens::Capsule { .. } => {
                let (capsule, role) = record.opens.role()?;
                let has = self.members.role(capsule, &call.caller).filter(|has| has.includes(role))?;
                self.members.set(capsule, &call.caller, has, true);
                self.list_accepted(&call.caller, capsule);
                Some(self.capsule(&call.caller, Some(capsule)).ok())
            }
        }
    }

    /// The invitations into a capsule, for its owners; without one, those onto the host, for controllers. By number.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn invitation_list(
        &self,
        call: &Call,
        capsule: Option<CapsuleId>,
    ) -> Result<Vec<InvitationView>, Denied> {
        match capsule {
            Some(capsule) => self.require_owner(call, capsule)?,
            None => self.require_controller(call)?,
        }
        let view = |id| {
            let record = self.registry.invitation(id).expect("an invitation that is listed has a record");
            InvitationView { id, record }
        };
        Ok(match capsule {
            Some(_) => self.registry.invitations_of(capsule).map(view).collect(),
            None => self.invitations_onto_host().map(view).collect(),
        })
    }

    fn invitations_onto_host(&self) -> impl Iterator<Item = InvitationId> + '_ {
        let is_onto_host = |id: &InvitationId| {
            matches!(self.registry.invitation(*id), Some(InvitationRecord { opens: Opens::Host { .. }, .. }))
        };
        self.registry.invitations_of(None).filter(is_onto_host)
    }

    /// Takes an invitation back: its code opens nothing from now on. What it gave stays. Owners of its capsule, controllers, and
    /// the account that a device's code is for.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn invitation_revoke(&mut self, call: &Call, id: InvitationId) -> Result<(), Denied> {
        require_somebody(&call.caller)?;
        let invitation = self.registry.invitation(id).ok_or(Denied::NotFound)?;
        match &invitation.opens {
            Opens::Capsule { capsule, .. } => self.require_owner(call, CapsuleId(*capsule))?,
            Opens::Host { .. } if self.is_controller(&call.caller) => {
                self.log(call, "uninvite", format!("{:?}", invitation.label));
            }
            Opens::Account(account) if *account == call.caller => {}
            Opens::Host { .. } | Opens::Account(_) => return Err(Denied::NotFound),
        }
        self.forget_invitation(id);
        Ok(())
    }

    /// Nothing happens where it is gone already.
    pub(crate) fn forget_invitation(&mut self, id: InvitationId) {
        let Some(invitation) = self.registry.invitation(id) else { return };
        if let Some(at_ns) = forgotten_ns(&invitation) {
            self.due.remove(at_ns, DueKind::Invitation, id.0);
        }
        if let Opens::Account(account) = invitation.opens {
            self.registry.update_person(&account, |person| person.waiting.retain(|waiting| *waiting != id.0));
        }
        self.registry.remove_invitation(id);
    }
}

/// When the code is forgotten, some time after it ended.
pub(crate) fn forgotten_ns(invitation: &InvitationRecord) -> Option<u64> {
    invitation.expires_ns.map(|at_ns| at_ns.saturating_add(CODE_KNOWN_AFTER_NS))
}
