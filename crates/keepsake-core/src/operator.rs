//! What whoever runs the host may do: see and end sessions, remove what must not be here, shut people out, set limits, give a
//! capsule that nobody reaches to somebody. Owns these rights, and the log that each use of them leaves.

use crate::access::{Denied, Role};
use crate::call::Call;
use crate::ids::{CapsuleId, MemoryId, SessionId};
use crate::limits::{LOG_ENTRIES_MAX, LOG_PAGE_MAX};
use crate::people::{NameError, check_label};
use crate::refusal::{Refusal, RefusalKind};
use crate::store::{Admission, Config, Store, is_nobody};
use crate::tables::capsules::Given;
use crate::tables::registry::DeviceRecord;
pub use crate::tables::registry::LogRecord;
use crate::upload::SessionState;
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// What may be set while the host runs; what is none stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Who may come in.
    pub admission: Option<Admission>,
    /// Blobs, inline assets and bytes in flight of one capsule, bytes.
    pub capsule_bytes_max: Option<u64>,
    /// Bytes of one caller's pending sessions.
    pub bytes_in_flight_per_caller_max: Option<u64>,
    /// Pending sessions of one caller.
    pub sessions_per_caller_max: Option<u32>,
    /// The blob heap, bytes.
    pub heap_bytes_max: Option<u64>,
    /// All records, bytes.
    pub record_bytes_max: Option<u64>,
    /// Records of one capsule, bytes.
    pub capsule_record_bytes_max: Option<u64>,
}

/// Why an operator's wish is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// The caller is no controller, or there is no such thing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The reason is too long.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Controllers are not shut out by each other.
    #[error("block_of_controller: take it off the controllers first")]
    OfController,
    /// Nobody has this principal's key.
    #[error("not_a_person: nobody has the key of this principal; give the one of a person")]
    NotAPerson,
    /// The key of a link.
    #[error("not_a_person: this is the key of a link; give the principal of a person")]
    OfLink,
}

impl Refusal for OperatorError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Name(name) => name.kind(),
            Self::OfController => RefusalKind::Conflict,
            Self::NotAPerson | Self::OfLink => RefusalKind::InvalidArgument,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    pub(crate) fn require_controller(&self, call: &Call) -> Result<(), Denied> {
        if self.is_controller(&call.caller) { Ok(()) } else { Err(Denied::Unauthorized) }
    }

    /// Notes a use of an operator's right.
    pub(crate) fn log(&mut self, call: &Call, action: &str, target: String) {
        let entry = LogRecord { at_ns: call.now_ns, by: call.caller, action: action.to_owned(), target };
        self.registry.add_log(&entry, LOG_ENTRIES_MAX);
    }

    /// What is set now. Controllers only.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn operator_settings(&self, call: &Call) -> Result<&Config, Denied> {
        self.require_controller(call)?;
        Ok(self.config())
    }

    /// Sets limits and who may come in, from now on. What is there already stays, also beyond a smaller limit.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn operator_set(&mut self, call: &Call, settings: &Settings) -> Result<(), Denied> {
        self.require_controller(call)?;
        let given = *settings;
        if given == Settings::default() {
            return Ok(());
        }
        self.reconfigure(|config| given.over(config));
        self.log(call, "set", format!("{given:?}"));
        Ok(())
    }

    /// Ends anybody's pending session; its bytes come back now, or slice by slice.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_evict(&mut self, call: &Call, id: SessionId) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        let session = self.sessions.get(id).ok_or(Denied::NotFound)?;
        if session.state == SessionState::Pending {
            self.discard_session(call, id, &session);
            self.remove_session(id, &session);
            self.log(call, "evict", format!("session {} of {}", id.0, session.caller));
        }
        Ok(())
    }

    /// Removes anybody's memory, with the blobs that nothing else refers to.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_remove_memory(&mut self, call: &Call, id: MemoryId) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        let record = self.memories.get(id).ok_or(Denied::NotFound)?;
        let (capsule, creator) = (CapsuleId(record.capsule), record.creator);
        self.drop_memory(call, id, &record, true);
        self.log(call, "remove", format!("{id} of {capsule}, made by {creator}"));
        Ok(())
    }

    /// Removes anybody's capsule, with all in it.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_remove_capsule(&mut self, call: &Call, id: CapsuleId) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        let record = self.living_capsule(id).ok_or(Denied::NotFound)?;
        self.drop_capsule(call, id);
        self.log(call, "remove", format!("{id}, made by {}", record.creator));
        Ok(())
    }

    /// Shuts a person out, by any of its devices: nothing of what it has is touched, and it reaches none of it. `reason` is told
    /// to controllers alone.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_block(
        &mut self,
        call: &Call,
        who: &Principal,
        reason: &str,
    ) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        check_label("reason", reason)?;
        let account = self.person_to_change(who)?;
        let controls = |key: &Principal| self.is_controller(key);
        if controls(&account) || self.registry.devices_of(&account).iter().any(|(key, _)| controls(key)) {
            return Err(OperatorError::OfController);
        }
        self.set_blocked(&account, true);
        self.registry.update_person(&account, |person| person.blocked = Some(reason.to_owned()));
        self.log(call, "block", format!("{account}, {reason:?}"));
        Ok(())
    }

    /// Lets a person in again.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_unblock(&mut self, call: &Call, who: &Principal) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        let account = self.person_to_change(who)?;
        self.set_blocked(&account, false);
        self.registry.update_person(&account, |person| person.blocked = None);
        self.log(call, "unblock", account.to_string());
        Ok(())
    }

    /// Every device of an account says whether it is blocked, so that the door asks once.
    fn set_blocked(&mut self, account: &Principal, blocked: bool) {
        if blocked && self.registry.device(account).is_none() {
            self.registry.put_device(account, &crate::devices::first_device(account));
        }
        for (key, device) in self.registry.devices_of(account) {
            self.registry.put_device(&key, &DeviceRecord { blocked, ..device });
        }
    }

    /// How many bytes all capsules may have that a person makes; none: no limit of its own.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_quota(
        &mut self,
        call: &Call,
        who: &Principal,
        quota_bytes: Option<u64>,
    ) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        let account = self.person_to_change(who)?;
        self.registry.update_person(&account, |person| person.quota_bytes = quota_bytes);
        self.log(call, "quota", format!("{account}, {quota_bytes:?}"));
        Ok(())
    }

    /// Makes a person an owner of a capsule, which its members see. For capsules that nobody reaches any more.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub fn operator_give(
        &mut self,
        call: &Call,
        id: CapsuleId,
        who: &Principal,
    ) -> Result<(), OperatorError> {
        self.require_controller(call)?;
        let account = self.person_to_change(who)?;
        self.living_capsule(id).ok_or(Denied::NotFound)?;
        let accepted = self.members.is_accepted(id, &account);
        self.give_role(call, id, &account, Role::Owner, accepted);
        let given = Given { to: account, by: call.caller, at_ns: call.now_ns };
        self.capsules.update(id, |capsule| capsule.given = Some(given));
        self.log(call, "give", format!("{id} to {account}"));
        Ok(())
    }

    /// The log of operators before entry `before`, newest first, at most [`LOG_PAGE_MAX`] entries. Controllers only.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn operator_log(&self, call: &Call, before: Option<u64>) -> Result<Vec<(u64, LogRecord)>, Denied> {
        self.require_controller(call)?;
        Ok(self.registry.log(before.unwrap_or(u64::MAX)).take(LOG_PAGE_MAX).collect())
    }

    fn person_to_change(&self, who: &Principal) -> Result<Principal, OperatorError> {
        if is_nobody(who) {
            return Err(OperatorError::NotAPerson);
        }
        if self.registry.is_link(who) {
            return Err(OperatorError::OfLink);
        }
        Ok(self.account_of(who))
    }

    /// A capsule that was not deleted.
    fn living_capsule(&self, id: CapsuleId) -> Option<crate::capsule::CapsuleRecord> {
        self.members.any(id).then(|| self.capsules.get(id))
    }
}

impl Settings {
    /// Changes what is given.
    fn over(self, config: &mut Config) {
        config.admission = self.admission.or(config.admission);
        let (quotas, records) = (&mut config.quotas, &mut config.records);
        for (given, now) in [
            (self.capsule_bytes_max, &mut quotas.capsule_bytes_max),
            (self.bytes_in_flight_per_caller_max, &mut quotas.bytes_in_flight_per_caller_max),
            (self.heap_bytes_max, &mut config.heap_bytes_max),
            (self.record_bytes_max, &mut records.record_bytes_max),
            (self.capsule_record_bytes_max, &mut records.capsule_record_bytes_max),
        ] {
            *now = given.unwrap_or(*now);
        }
        let sessions = &mut config.quotas.sessions_per_caller_max;
        *sessions = self.sessions_per_caller_max.unwrap_or(*sessions);
    }
}
