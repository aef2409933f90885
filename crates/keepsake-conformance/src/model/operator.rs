//! What the model says of whoever runs the host: who is shut out, what an account may take, what is removed and given. As in
//! `uploads.rs`, each rule answers first and changes the model only where the answer is `Ok`.

use super::people::first_device;
use super::state::{KeyState, Model};
use super::uploads::{conflict, invalid};
use candid::Principal;
use keepsake_client::api::{CapsuleGift, Error, Role};

impl Model {
    pub(super) fn require_controller(who: &Principal) -> Result<(), Error> {
        if Self::is_controller(who) { Ok(()) } else { Err(Error::Unauthorized) }
    }

    /// Whether this is, or was, the key of a link.
    pub(super) fn is_link(&self, key: &Principal) -> bool {
        matches!(self.keys.get(key), Some(KeyState::Link(_) | KeyState::EndedLink(_)))
    }

    fn person_to_change(&self, whom: &Principal) -> Result<Principal, Error> {
        if *whom == Principal::anonymous() || self.is_link(whom) {
            return Err(invalid("not_a_person"));
        }
        Ok(self.account_of(whom))
    }

    /// Shuts an account out, or lets it in again.
    pub(super) fn block(&mut self, who: &Principal, whom: &Principal, blocked: bool) -> Result<(), Error> {
        Self::require_controller(who)?;
        let account = self.person_to_change(whom)?;
        if blocked && Self::is_controller(&account) {
            return Err(conflict("block_of_controller"));
        }
        if blocked {
            self.keys.entry(account).or_insert_with(|| KeyState::Device(first_device(account)));
        }
        for (key, state) in &mut self.keys {
            match state {
                // What was removed is out already.
                KeyState::Device(device) if device.account == account => {
                    device.blocked = blocked && (!device.removed || *key == account);
                }
                _ => {}
            }
        }
        self.persons.entry(account).or_default().blocked = blocked;
        self.log.push((*who, if blocked { "block" } else { "unblock" }));
        Ok(())
    }

    pub(super) fn set_quota(
        &mut self,
        who: &Principal,
        whom: &Principal,
        quota_bytes: Option<u64>,
    ) -> Result<(), Error> {
        Self::require_controller(who)?;
        let account = self.person_to_change(whom)?;
        self.persons.entry(account).or_default().quota_bytes = quota_bytes;
        self.log.push((*who, "quota"));
        Ok(())
    }

    /// Bytes of all capsules that an account made, and how many they may be; none where it has no limit.
    pub(super) fn account_quota(&self, account: &Principal) -> Option<(u64, u64)> {
        let max = self.persons.get(account)?.quota_bytes?;
        let made = self.capsules.iter().filter(|(_, capsule)| capsule.creator == *account);
        Some((made.map(|(id, _)| self.bytes_used(id) + self.in_flight(id)).sum(), max))
    }

    pub(super) fn give(
        &mut self,
        who: &Principal,
        id: &str,
        to: &Principal,
        now_ns: u64,
    ) -> Result<(), Error> {
        Self::require_controller(who)?;
        let account = self.person_to_change(to)?;
        if !self.capsules.contains_key(id) {
            return Err(Error::NotFound);
        }
        let accepted = self.has_accepted(id, &account);
        self.give_role(id, account, Role::Owner, accepted, now_ns);
        let given = CapsuleGift { to: account, by: *who, at: now_ns };
        self.capsules.get_mut(id).expect("it is there").given = Some(given);
        self.log.push((*who, "give"));
        Ok(())
    }

    pub(super) fn evict(&mut self, who: &Principal, id: u64) -> Result<(), Error> {
        Self::require_controller(who)?;
        if self.sessions.get(&id).ok_or(Error::NotFound)?.is_pending() {
            self.sessions.remove(&id);
            self.log.push((*who, "evict"));
        }
        Ok(())
    }

    pub(super) fn may_remove_memory(&self, who: &Principal, id: u64) -> Result<(), Error> {
        Self::require_controller(who)?;
        self.memories.get(&id).map(drop).ok_or(Error::NotFound)
    }

    pub(super) fn remove_capsule(&mut self, who: &Principal, id: &str) -> Result<(), Error> {
        Self::require_controller(who)?;
        if !self.capsules.contains_key(id) {
            return Err(Error::NotFound);
        }
        self.drop_capsule(id);
        self.log.push((*who, "remove"));
        Ok(())
    }
}
