//! What the model says of keys and accounts: whose key stands for whom, who may come in, how a device joins and is removed, and what
//! it brings along. As in `uploads.rs`, each rule answers first and changes the model only where the answer is `Ok`.

use super::state::{Bounds, Capsule, Device, KeyState, Link, Model, Opens, Person};
use super::step::controller;
use super::uploads::conflict;
use candid::Principal;
use keepsake_client::api::{Error, PersonRef, Role, Standing};

const DEVICE_CODES_MAX: usize = 10;

impl Link {
    fn is_alive(&self, now_ns: u64) -> bool {
        self.expires_ns.is_none_or(|at_ns| now_ns < at_ns)
    }
}

/// The key that an account began with.
pub(super) fn first_device(account: Principal) -> Device {
    Device {
        account,
        name: String::new(),
        added_ns: 0,
        seen_day: 0,
        joined_by: None,
        removed: false,
        blocked: false,
    }
}

impl Model {
    /// Who acts, where this key signed a query.
    pub(super) fn acts_as(&self, key: &Principal, now_ns: u64) -> Principal {
        match self.keys.get(key) {
            None => *key,
            Some(KeyState::Device(device)) if device.removed || device.blocked => Principal::anonymous(),
            Some(KeyState::Device(device)) => device.account,
            Some(KeyState::Link(link)) if self.opens(link, now_ns) => *key,
            Some(KeyState::Link(_) | KeyState::EndedLink(_)) => Principal::anonymous(),
        }
    }

    /// Who acts, where it signed an update: a link only looks.
    pub(super) fn changes_as(&self, key: &Principal, now_ns: u64) -> Principal {
        match self.link(key) {
            Some(_) => Principal::anonymous(),
            None => self.acts_as(key, now_ns),
        }
    }

    pub(super) fn device(&self, key: &Principal) -> Option<&Device> {
        match self.keys.get(key)? {
            KeyState::Device(device) => Some(device),
            KeyState::Link(_) | KeyState::EndedLink(_) => None,
        }
    }

    pub(super) fn link(&self, key: &Principal) -> Option<&Link> {
        match self.keys.get(key)? {
            KeyState::Link(link) => Some(link),
            KeyState::Device(_) | KeyState::EndedLink(_) => None,
        }
    }

    /// The account of a key, whatever becomes of the key.
    pub(super) fn account_of(&self, who: &Principal) -> Principal {
        self.device(who).map_or(*who, |device| device.account)
    }

    /// Who speaks by what `who` made before; none where the key was removed from its account, or that is shut out.
    pub(super) fn maker(&self, who: &Principal) -> Option<Principal> {
        let device = self.device(who);
        let account = device.map_or(*who, |device| device.account);
        let is_gone = device.is_some_and(|device| device.removed) && account != *who;
        (!is_gone && !self.person(&account).blocked).then_some(account)
    }

    fn opens(&self, link: &Link, now_ns: u64) -> bool {
        link.is_alive(now_ns) && self.maker(&link.creator).is_some()
    }

    /// Ends what `who` made to let others into a capsule, of which it is no owner from now on.
    pub(super) fn end_ways_of(&mut self, id: &str, who: &Principal) {
        self.forget_invitations(|invitation| invitation.opens.is_into(id) && invitation.creator == *who);
        for key in self.keys.values_mut() {
            if matches!(key, KeyState::Link(link) if link.capsule == id && link.creator == *who) {
                *key = KeyState::EndedLink(id.to_owned());
            }
        }
    }

    /// What `who` made was made by this account.
    pub(super) fn is_person(&self, who: &Principal, account: &Principal) -> bool {
        who == account || self.account_of(who) == *account
    }

    pub(super) fn person(&self, account: &Principal) -> Person {
        self.persons.get(account).cloned().unwrap_or_default()
    }

    pub(super) fn is_controller(account: &Principal) -> bool {
        *account == controller()
    }

    /// Devices that were not removed, by principal.
    pub(super) fn living_devices(&self, account: &Principal) -> Vec<(Principal, Device)> {
        let living = |(key, state): (&Principal, &KeyState)| match state {
            KeyState::Device(device) if device.account == *account && !device.removed => {
                Some((*key, device.clone()))
            }
            _ => None,
        };
        let mut devices: Vec<_> = self.keys.iter().filter_map(living).collect();
        if !self.keys.contains_key(account) {
            devices.push((*account, first_device(*account)));
        }
        devices
    }

    /// Devices that are not the last ones of their accounts.
    pub(super) fn spare_devices(&self) -> Vec<Principal> {
        let has_others = |key: &Principal| {
            let living = self.living_devices(&self.account_of(key));
            living.len() > 1 && living.iter().any(|(living, _)| living == key)
        };
        self.keys.keys().filter(|key| self.device(key).is_some() && has_others(key)).copied().collect()
    }

    /// A key that signs for an account: one of its devices, each in its turn.
    pub(super) fn key_for(&self, account: &Principal) -> Principal {
        let devices = self.living_devices(account);
        let turn = self.sent % (devices.len() as u64).max(1);
        devices.into_iter().nth(usize::try_from(turn).expect("few")).map_or(*account, |(key, _)| key)
    }

    /// Notes the day of a device's last upload.
    pub(super) fn note_seen(&mut self, key: &Principal, now_ns: u64) {
        if let Some(KeyState::Device(device)) = self.keys.get_mut(key)
            && !device.removed
        {
            device.seen_day = device.seen_day.max(now_ns / DAY_NS);
        }
    }

    fn has_made(&self, account: &Principal) -> bool {
        self.capsules.values().any(|capsule| capsule.creator == *account)
    }

    /// The account may make capsules.
    pub(super) fn is_admitted(&self, bounds: &Bounds, account: &Principal) -> bool {
        !bounds.invited || self.is_let_in_by_itself(account)
    }

    /// So it may where only who was invited comes in.
    pub(super) fn is_let_in_by_itself(&self, account: &Principal) -> bool {
        Self::is_controller(account) || self.has_made(account) || self.person(account).admitted
    }

    pub(super) fn knows(&self, account: &Principal) -> bool {
        let has_role = |capsule: &Capsule| capsule.members.contains_key(account);
        *account != Principal::anonymous()
            && (self.capsules.values().any(has_role)
                || self.has_made(account)
                || self.sessions.values().any(|session| session.caller == *account)
                || Self::is_controller(account)
                || self.person(account).admitted)
    }

    pub(super) fn let_in(&self, bounds: &Bounds, account: &Principal) -> Result<(), Error> {
        Self::somebody(account)?;
        if !bounds.invited || self.knows(account) { Ok(()) } else { Err(Error::Unauthorized) }
    }

    /// May make a capsule about `about`, or has it already.
    pub(super) fn may_make_capsule(
        &self,
        bounds: &Bounds,
        who: &Principal,
        about: &PersonRef,
    ) -> Result<(), Error> {
        Self::somebody(who)?;
        let may = self.own_capsule_about(who, about).is_some() || self.is_admitted(bounds, who);
        if may { Ok(()) } else { Err(conflict("not_admitted")) }
    }

    /// What the host thinks of a key.
    pub(super) fn standing(&self, bounds: &Bounds, key: &Principal, now_ns: u64) -> Standing {
        let account = match self.keys.get(key) {
            Some(KeyState::Device(device)) if device.blocked => return Standing::Blocked,
            Some(KeyState::Device(device)) if device.removed => return Standing::Removed,
            Some(KeyState::Link(link)) if self.opens(link, now_ns) => return Standing::Link,
            Some(KeyState::Link(_) | KeyState::EndedLink(_)) => return Standing::LinkExpired,
            Some(KeyState::Device(device)) => device.account,
            None => *key,
        };
        match account {
            _ if account == Principal::anonymous() => Standing::Anonymous,
            _ if self.is_admitted(bounds, &account) => Standing::Admitted,
            _ if self.knows(&account) => Standing::Known,
            _ => Standing::Stranger,
        }
    }

    /// The last codes are good, those before them are none any more.
    pub(super) fn wait_for_device(&mut self, account: Principal, invitation: u64) {
        let mut waiting = self.person(&account).waiting;
        while waiting.len() >= DEVICE_CODES_MAX {
            let oldest = waiting.remove(0);
            self.forget_invitation(oldest);
        }
        waiting.push(invitation);
        self.persons.entry(account).or_default().waiting = waiting;
    }

    /// A key joins an account by a code.
    pub(super) fn join(
        &mut self,
        key: &Principal,
        code: &str,
        name: &str,
        now_ns: u64,
    ) -> Result<Principal, Error> {
        Self::somebody(key)?;
        match self.keys.get(key) {
            Some(KeyState::Link(_) | KeyState::EndedLink(_)) => return Err(Error::Unauthorized),
            Some(KeyState::Device(device)) if device.blocked => return Err(Error::Unauthorized),
            _ => {}
        }
        let known = self.device(key).filter(|device| !device.removed && !device.blocked);
        if let Some(device) = known.filter(|device| device.joined_by.as_deref() == Some(code)) {
            return Ok(device.account);
        }
        let id = self.open_code(code, now_ns)?;
        let invitation = self.invitations[&id].clone();
        let Opens::Account(account) = invitation.opens else { return Err(conflict("code_of_another_kind")) };
        if self.living_devices(&account).iter().any(|(living, _)| living == key) {
            return Ok(account);
        }
        self.may_join(key, &account)?;
        self.keys.entry(account).or_insert_with(|| KeyState::Device(first_device(account)));
        self.bring_along(key, account, now_ns);
        let device = Device {
            account,
            name: if name.is_empty() { invitation.label } else { name.to_owned() },
            added_ns: now_ns,
            seen_day: 0,
            joined_by: Some(code.to_owned()),
            removed: false,
            blocked: false,
        };
        self.keys.insert(*key, KeyState::Device(device));
        self.use_up(id);
        self.persons.entry(account).or_default().waiting.retain(|waiting| *waiting != id);
        Ok(account)
    }

    fn may_join(&self, key: &Principal, account: &Principal) -> Result<(), Error> {
        match self.device(key) {
            Some(device) if device.removed && device.account != *account => {
                return Err(conflict("device_removed"));
            }
            Some(device) if !device.removed && device.account != *key => {
                return Err(conflict("device_taken"));
            }
            _ => {}
        }
        if key != account && Self::is_controller(key) {
            return Err(conflict("device_is_controller"));
        }
        if key != account && self.pending_of(key) > 0 {
            return Err(conflict("device_busy"));
        }
        Ok(())
    }

    /// Roles, capsules that it made, its own capsule and its devices become the account's.
    fn bring_along(&mut self, key: &Principal, account: Principal, now_ns: u64) {
        if *key == account {
            return;
        }
        let has_no_limit = self.is_let_in_by_itself(&account) && self.person(&account).quota_bytes.is_none();
        let mut ids: Vec<String> = self.capsules.keys().cloned().collect();
        ids.retain(|id| self.capsules[id].members.contains_key(key));
        ids.sort_by_key(|id| super::observe::number(id));
        for id in ids {
            self.bring_capsule(&id, key, account, now_ns);
        }
        if let Some(own) = self.own.remove(key)
            && self.capsules[&own].creator == account
        {
            self.own.entry(account).or_insert(own);
        }
        for state in self.keys.values_mut() {
            match state {
                KeyState::Device(device) if device.account == *key => device.account = account,
                KeyState::Link(link) if link.creator == *key => link.creator = account,
                _ => {}
            }
        }
        for invitation in self.invitations.values_mut().filter(|invitation| invitation.creator == *key) {
            invitation.creator = account;
        }
        let person = self.persons.remove(key).unwrap_or_default();
        for waiting in person.waiting {
            self.forget_invitation(waiting);
        }
        let its = self.persons.entry(account).or_default();
        its.admitted |= person.admitted;
        its.quota_bytes = its.quota_bytes.or(person.quota_bytes.filter(|_| !has_no_limit));
    }

    fn bring_capsule(&mut self, id: &str, key: &Principal, account: Principal, now_ns: u64) {
        let accepted = self.has_accepted(id, key) || self.has_accepted(id, &account);
        let members = &self.capsules[id].members;
        let (brought, has): (Role, _) = (members[key], members.get(&account).copied());
        self.drop_role(id, key, now_ns);
        let capsule = self.capsules.get_mut(id).expect("it has a member");
        if capsule.creator == *key {
            capsule.creator = account;
            if capsule.subject == PersonRef::Principal(*key) {
                capsule.subject = PersonRef::Principal(account);
            }
            // It is listed among those that the account made.
            self.drop_role(id, &account, now_ns);
        }
        self.give_role(id, account, has.map_or(brought, |has| has.min(brought)), accepted, now_ns);
    }

    pub(super) fn remove_device(&mut self, account: &Principal, key: &Principal) -> Result<(), Error> {
        Self::somebody(account)?;
        let living = self.living_devices(account);
        let found = living.iter().find(|(living, _)| living == key).ok_or(Error::NotFound)?;
        if living.len() == 1 {
            return Err(conflict("last_device"));
        }
        // It is never an account by itself, and codes that it may have made are none.
        let removed = Device { removed: true, joined_by: None, ..found.1.clone() };
        self.keys.insert(*key, KeyState::Device(removed));
        for waiting in self.person(account).waiting {
            self.forget_invitation(waiting);
        }
        Ok(())
    }
}

/// Nanoseconds of a day.
pub(super) const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;
