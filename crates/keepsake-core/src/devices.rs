//! Devices: the keys by which a person reaches an account. Owns how one joins, what it brings along, how one is removed, and where
//! passkeys are found again. Which account a key stands for is found at the door ([`crate::door`]); the codes by which devices
//! join are invitations ([`crate::invitations`]).

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::capsule::{Subject, own_key};
use crate::ids::CapsuleId;
use crate::invitations::{CodeError, NewInvitation};
use crate::limits::{
    CAPSULES_BROUGHT_MAX, CREDENTIAL_ID_BYTES_MAX, DEVICE_CODE_TTL_NS, DEVICE_CODES_MAX,
    DEVICES_PER_ACCOUNT_MAX, PUBLIC_KEY_BYTES_MAX, REMOVED_PER_ACCOUNT_MAX,
};
use crate::people::{NameError, check_label, check_name};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::store::Store;
use crate::tables::registry::Opens;
pub use crate::tables::registry::{DeviceRecord, KeyRecord, PasskeyRecord};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use sha2::{Digest, Sha256};

/// A device as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// Its key's principal.
    pub key: Principal,
    /// Its record.
    pub record: DeviceRecord,
}

/// A passkey: where it is found again on a machine that only has its credential id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The authenticator's name for it.
    pub credential_id: Vec<u8>,
    /// Its public key, DER with the COSE key in it.
    pub public_key: Vec<u8>,
}

/// Why an operation on devices is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Nobody calls, or there is no such device.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The code opens nothing.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no room.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// It belongs to somebody already.
    #[error("device_taken: this key is a device of another account; remove it there first")]
    Taken,
    /// It was removed from another account.
    #[error(
        "device_removed: this key was removed from an account; it comes back by a new code from a device of that account"
    )]
    Removed,
    /// It is an operator's.
    #[error(
        "device_is_controller: this key controls the host, so its account stays its own; invite the other device from here"
    )]
    IsController,
    /// It uploads.
    #[error("device_busy: this key has {0} unfinished uploads; let them end or give them up, then join")]
    Busy(u32),
    /// It brings too much.
    #[error(
        "device_has_too_much: this key made or accepted more than {CAPSULES_BROUGHT_MAX} capsules; leave some"
    )]
    HasTooMuch,
    /// The account is full.
    #[error(
        "too_many_items: devices would be {0}, allowed {DEVICES_PER_ACCOUNT_MAX}; remove one that is not used"
    )]
    Devices(usize),
    /// Too many keys were removed from it.
    #[error(
        "too_many_items: removed devices would be {0}, allowed {REMOVED_PER_ACCOUNT_MAX}; let one of them come back instead"
    )]
    RemovedDevices(usize),
    /// Nothing would be left to sign with.
    #[error("last_device: nothing else could sign for this account; add another device first")]
    Last,
    /// No credential id.
    #[error("credential_id_length: {0} bytes, allowed 1..={CREDENTIAL_ID_BYTES_MAX}")]
    CredentialLength(usize),
    /// The public key is another's.
    #[error("public_key_differs: the public key is not the one that signed this message")]
    PublicKey,
    /// The host has not brought the secret yet.
    #[error("token_secret_pending: the host waits for its random secret; try again in a few seconds")]
    SecretPending,
    /// Another passkey has the name.
    #[error("credential_taken: another passkey is known by this credential id")]
    CredentialTaken,
}

impl Refusal for DeviceError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Code(code) => code.kind(),
            Self::Name(name) => name.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::Devices(_) | Self::RemovedDevices(_) | Self::CredentialLength(_) | Self::PublicKey => {
                RefusalKind::InvalidArgument
            }
            _ => RefusalKind::Conflict,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Makes a code by which one more device joins the caller's account, once, within 15 minutes. `name` is what the account
    /// calls the device that it is meant for; it may be empty. Of codes that were not used, the last
    /// [`DEVICE_CODES_MAX`] are good.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn devices_invite(&mut self, call: &Call, name: &str) -> Result<[u8; 16], DeviceError> {
        self.require_let_in(&call.caller)?;
        check_label("name", name)?;
        let invitation = NewInvitation {
            opens: Opens::Account(call.caller),
            uses: 1,
            expires_ns: Some(call.now_ns.saturating_add(DEVICE_CODE_TTL_NS)),
            label: name.to_owned(),
        };
        let (id, code) = self.add_invitation(call, invitation)?;
        let mut waiting = self.registry.person(&call.caller).waiting;
        while waiting.len() >= DEVICE_CODES_MAX {
            self.forget_invitation(crate::ids::InvitationId(waiting.remove(0)));
        }
        waiting.push(id.0);
        self.registry.update_person(&call.caller, |person| person.waiting = waiting);
        Ok(code)
    }

    /// The key that signed becomes a device of the account that `code` is for, and brings along what it has: its capsules, its
    /// roles, what it made to let others in and its own devices are the account's from then on. Of roles that others gave it and it
    /// did not accept, those beyond [`CAPSULES_BROUGHT_MAX`] capsules in all stay behind. Repeated: the same account.
    ///
    /// `call` is as it came, before the door: what joins is the key and not its account.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn devices_join(
        &mut self,
        call: &Call,
        code: &[u8; 16],
        name: &str,
        passkey: Option<&Passkey>,
    ) -> Result<Principal, DeviceError> {
        let key = call.caller;
        require_somebody(&key)?;
        match self.registry.key(&key) {
            Some(KeyRecord::Link(_) | KeyRecord::EndedLink(_)) => return Err(Denied::Unauthorized.into()),
            Some(KeyRecord::Device(device)) if device.blocked => return Err(Denied::Unauthorized.into()),
            _ => {}
        }
        check_label("name", name)?;
        let sha256: [u8; 32] = Sha256::digest(code).into();
        if let Some(known) = self.joined_by(&key, &sha256) {
            return Ok(known);
        }
        let (id, mut invitation) = self.open_code(call, code)?;
        let Opens::Account(account) = invitation.opens else {
            return Err(CodeError::OtherKind.into());
        };
        if self.living_devices(&account).iter().any(|device| device.key == key) {
            return Ok(account);
        }
        self.check_joins(&key, &account)?;
        let credential = passkey.map(|passkey| self.check_passkey(&key, passkey)).transpose()?;
        self.require_record_room(0)?;

        self.name_first_device(&account);
        self.bring_along(call, &key, &account);
        let name = if name.is_empty() { invitation.label.clone() } else { name.to_owned() };
        // A passkey that the key registered before stays found by its credential id, and goes with the device.
        let before = self.registry.device(&key).and_then(|device| device.credential);
        if let Some(other) = before.filter(|before| credential.is_some_and(|its| **before != its)) {
            self.registry.remove_passkey(&other);
        }
        let device = DeviceRecord {
            account,
            name,
            added_ns: call.now_ns,
            seen_day: 0,
            joined_by: Some(sha256.into()),
            credential: credential.map(Into::into).or(before),
            removed: false,
            blocked: false,
        };
        self.registry.put_device(&key, &device);
        if let (Some(sha256), Some(passkey)) = (credential, passkey) {
            self.keep_passkey(&key, &sha256, passkey);
        }
        // It is known until some time after its end, so that whoever comes second is told that it was used.
        invitation.uses += 1;
        self.registry.put_invitation(id, &invitation);
        self.registry.update_person(&account, |person| person.waiting.retain(|waiting| *waiting != id.0));
        Ok(account)
    }

    /// The account that this key joined by this code.
    fn joined_by(&self, key: &Principal, code_sha256: &[u8; 32]) -> Option<Principal> {
        let device = self.registry.device(key).filter(|device| !device.removed && !device.blocked)?;
        device.joined_by.is_some_and(|by| *by == *code_sha256).then_some(device.account)
    }

    fn check_joins(&self, key: &Principal, account: &Principal) -> Result<(), DeviceError> {
        match self.registry.device(key) {
            // Else who stole a device that was removed could take the account with it, or begin anew with it elsewhere.
            Some(device) if device.removed && device.account != *account => return Err(DeviceError::Removed),
            Some(device) if !device.removed && device.account != *key => return Err(DeviceError::Taken),
            _ => {}
        }
        if key != account && self.is_controller(key) {
            return Err(DeviceError::IsController);
        }
        let caller = self.callers.get(key);
        if key != account && caller.pending_sessions > 0 {
            return Err(DeviceError::Busy(caller.pending_sessions));
        }
        if self.own_capsules_count(key) > CAPSULES_BROUGHT_MAX {
            return Err(DeviceError::HasTooMuch);
        }
        let alive = |who: &Principal| self.living_devices(who).len();
        let devices = if key == account { alive(account) } else { alive(account) + alive(key) };
        if devices > DEVICES_PER_ACCOUNT_MAX {
            return Err(DeviceError::Devices(devices));
        }
        self.check_removed(key, account)
    }

    /// Every key that was removed stays known, so no new one joins where many were. One of them may come back.
    fn check_removed(&self, key: &Principal, account: &Principal) -> Result<(), DeviceError> {
        let of = |who: &Principal| self.registry.removed_count(who);
        let comes_back = self.registry.device(key).is_some_and(|device| device.removed);
        let removed = of(account) + if key == account { 0 } else { of(key) };
        if !comes_back && removed >= REMOVED_PER_ACCOUNT_MAX {
            return Err(DeviceError::RemovedDevices(removed));
        }
        Ok(())
    }

    /// What a key has becomes its account's.
    fn bring_along(&mut self, call: &Call, key: &Principal, account: &Principal) {
        if key == account {
            return;
        }
        let has_no_limit =
            self.is_let_in_by_itself(account) && self.registry.person(account).quota_bytes.is_none();
        for id in self.listed_capsules(key) {
            self.bring_capsule(call, key, account, id);
        }
        let (from, to) = (own_key(key), own_key(account));
        if let Some(own) = self.idem.get(&from) {
            self.idem.forget(&from);
            // Where the key lost its role, the capsule stays as it is, and is nobody's own.
            let brought = self.capsules.get(CapsuleId(own.made)).creator == *account;
            if brought && self.idem.get(&to).is_none() {
                self.idem.remember(to, own.fingerprint, own.made, own.detail);
            }
        }
        for (other, device) in self.registry.devices_of(key) {
            if other != *key {
                self.registry.put_device(&other, &DeviceRecord { account: *account, ..device });
            }
        }
        for (other, device) in self.registry.removed_from(key) {
            self.registry.put_device(&other, &DeviceRecord { account: *account, ..device });
        }
        for (person, name) in self.registry.names_of(key) {
            if self.registry.name(account, &person).is_none() {
                self.registry.set_name(account, &person, &name);
            }
            self.registry.set_name(key, &person, &crate::people::NameRecord::default());
        }
        let person = self.registry.person(key);
        for waiting in &person.waiting {
            self.forget_invitation(crate::ids::InvitationId(*waiting));
        }
        self.registry.update_person(key, |person| *person = crate::people::PersonRecord::default());
        self.registry.update_person(account, |its| {
            its.admitted |= person.admitted;
            // Who was let in with a limit has it still; who had none before gets none by another key.
            its.quota_bytes = its.quota_bytes.or(person.quota_bytes.filter(|_| !has_no_limit));
            its.name = its.name.take().or(person.name);
            its.colour = its.colour.or(person.colour);
        });
    }

    /// The account gets the key's role where it is the larger one, and is who made the capsule where the key was.
    fn bring_capsule(&mut self, call: &Call, key: &Principal, account: &Principal, id: CapsuleId) {
        let brought =
            self.members.role(id, key).expect("a capsule that is listed for a key has it as a member");
        let accepted = self.members.is_accepted(id, key) || self.members.is_accepted(id, account);
        let role = self.members.role(id, account).map_or(brought, |has: Role| has.min(brought));
        if brought == Role::Owner {
            self.bring_ways(id, key, account);
        }
        self.drop_role(call, id, key);
        let made = self.capsules.get(id).creator == *key;
        if made {
            self.capsules.update(id, |capsule| {
                capsule.creator = *account;
                if capsule.subject == Subject::Principal(*key) {
                    capsule.subject = Subject::Principal(*account);
                }
            });
            self.registry.set_maker(id, Some(key), Some(account));
            self.callers.update(key, |caller| caller.capsules_created -= 1);
            self.callers.update(account, |caller| caller.capsules_created += 1);
            // It is listed among those that the account made.
            self.drop_role(call, id, account);
        }
        self.give_role(call, id, account, role, accepted);
    }

    /// The account's first key has a record from the second device on.
    fn name_first_device(&mut self, account: &Principal) {
        if self.registry.device(account).is_none() {
            self.registry.put_device(account, &first_device(account));
        }
    }

    /// The devices of the caller's account, by principal; the account's first key too, where it was not removed.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn devices_list(&self, caller: &Principal) -> Result<Vec<DeviceView>, Denied> {
        require_somebody(caller)?;
        Ok(self.living_devices(caller))
    }

    fn living_devices(&self, account: &Principal) -> Vec<DeviceView> {
        let mut devices: Vec<_> = self
            .registry
            .devices_of(account)
            .into_iter()
            .filter(|(_, record)| !record.removed)
            .map(|(key, record)| DeviceView { key, record })
            .collect();
        if self.registry.key(account).is_none() {
            devices.push(DeviceView { key: *account, record: first_device(account) });
        }
        devices
    }

    /// Calls a device of the caller's account by another name.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn devices_rename(&mut self, call: &Call, key: &Principal, name: &str) -> Result<(), DeviceError> {
        self.require_let_in(&call.caller)?;
        check_name("name", name)?;
        let device = self.own_device(call, key)?;
        self.require_record_room(0)?;
        self.registry.put_device(key, &DeviceRecord { name: name.to_owned(), ..device });
        Ok(())
    }

    /// Shuts a device out of the caller's account, at once and on every road. The one that calls may be it. It is remembered as
    /// removed, so that it is nobody from now on; codes of the account for devices end, as it may have made one, and only a code
    /// that is made afterwards lets it come back.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn devices_remove(&mut self, call: &Call, key: &Principal) -> Result<(), DeviceError> {
        let device = self.own_device(call, key)?;
        if self.living_devices(&call.caller).len() == 1 {
            return Err(DeviceError::Last);
        }
        if let Some(credential) = &device.credential {
            self.registry.remove_passkey(credential);
        }
        let removed =
            DeviceRecord { removed: true, name: String::new(), joined_by: None, credential: None, ..device };
        self.registry.put_device(key, &removed);
        for waiting in self.registry.person(&call.caller).waiting {
            self.forget_invitation(crate::ids::InvitationId(waiting));
        }
        Ok(())
    }

    fn own_device(&self, call: &Call, key: &Principal) -> Result<DeviceRecord, Denied> {
        require_somebody(&call.caller)?;
        let found = self.living_devices(&call.caller).into_iter().find(|device| device.key == *key);
        found.map(|device| device.record).ok_or(Denied::NotFound)
    }

    /// Keeps the public key of the passkey that signed, so that [`Self::passkey_find`] finds it by its credential id.
    ///
    /// `call` is as it came, before the door.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn passkey_register(&mut self, call: &Call, passkey: &Passkey) -> Result<(), DeviceError> {
        let account = self.enter_to_change(call).caller;
        self.require_let_in(&account)?;
        let sha256 = self.check_passkey(&call.caller, passkey)?;
        self.require_record_room(0)?;
        if self.registry.device(&call.caller).is_none() {
            self.registry.put_device(&call.caller, &first_device(&account));
        }
        let device = self.registry.device(&call.caller).expect("it has a record now");
        if let Some(before) = device.credential.filter(|before| **before != sha256) {
            self.registry.remove_passkey(&before);
        }
        self.registry.put_device(&call.caller, &DeviceRecord { credential: Some(sha256.into()), ..device });
        self.keep_passkey(&call.caller, &sha256, passkey);
        Ok(())
    }

    /// The public key of a passkey: for a machine that knows only the credential id. Whoever asks: it is no secret.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn passkey_find(&self, credential_id: &[u8]) -> Result<Vec<u8>, DeviceError> {
        let sha256 = credential_sha256(credential_id)?;
        Ok(self.registry.passkey(&sha256).ok_or(Denied::NotFound)?.public_key)
    }

    /// The public key is that of the key that signed, and nobody else has the credential id.
    fn check_passkey(&self, key: &Principal, passkey: &Passkey) -> Result<[u8; 32], DeviceError> {
        let sha256 = credential_sha256(&passkey.credential_id)?;
        let too_long = passkey.public_key.len() > PUBLIC_KEY_BYTES_MAX;
        if too_long || Principal::self_authenticating(&passkey.public_key) != *key {
            return Err(DeviceError::PublicKey);
        }
        match self.registry.passkey(&sha256) {
            Some(known) if known.principal != *key => Err(DeviceError::CredentialTaken),
            _ => Ok(sha256),
        }
    }

    fn keep_passkey(&mut self, key: &Principal, credential_sha256: &[u8; 32], passkey: &Passkey) {
        let record = PasskeyRecord { principal: *key, public_key: passkey.public_key.clone() };
        self.registry.put_passkey(credential_sha256, &record);
    }
}

fn credential_sha256(credential_id: &[u8]) -> Result<[u8; 32], DeviceError> {
    match credential_id.len() {
        0 => Err(DeviceError::CredentialLength(0)),
        len if len > CREDENTIAL_ID_BYTES_MAX => Err(DeviceError::CredentialLength(len)),
        _ => Ok(Sha256::digest(credential_id).into()),
    }
}

/// The record of a key that its account began with.
pub(crate) fn first_device(account: &Principal) -> DeviceRecord {
    DeviceRecord {
        account: *account,
        name: String::new(),
        added_ns: 0,
        seen_day: 0,
        joined_by: None,
        credential: None,
        removed: false,
        blocked: false,
    }
}
