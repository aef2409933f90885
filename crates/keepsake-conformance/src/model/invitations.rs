//! What the model says of codes and links: what opens what, for how long, and how much a link shows. As in `uploads.rs`, each rule
//! answers first and changes the model only where the answer is `Ok`.

use super::state::{Bounds, Capsule, Invitation, KeyState, Link, MemoryState, Model, Opens, Person, Source};
use super::uploads::{conflict, invalid};
use candid::Principal;
use keepsake_client::api::{AssetType, Error, Role};

/// How long a code is known after it ended, ns.
const KNOWN_AFTER_NS: u64 = 7 * 24 * 3_600 * 1_000_000_000;

impl Invitation {
    pub(super) fn is_forgotten(&self, now_ns: u64) -> bool {
        self.expires_ns.is_some_and(|at_ns| at_ns + KNOWN_AFTER_NS < now_ns)
    }
}

impl Capsule {
    /// Somebody says yes to its role, if it did not before.
    pub(super) fn say_yes(&mut self, who: Principal, at: u64) {
        if self.accepted.insert(who) {
            self.said_yes.insert(who, at);
        }
    }
}

impl Link {
    pub(super) fn shows(&self, kind: AssetType) -> bool {
        self.originals || kind != AssetType::Original
    }
}

impl Model {
    /// Whether an invitation may be made so.
    pub(super) fn may_invite(uses: u32, expires_ns: Option<u64>, now_ns: u64) -> Result<(), Error> {
        if uses == 0 || uses > 1_000 {
            return Err(invalid("uses_out_of_range"));
        }
        in_time_to_come(expires_ns, now_ns)
    }

    pub(super) fn add_invitation(&mut self, invitation: Invitation) -> u64 {
        self.invited += 1;
        self.codes.push(invitation.code.clone());
        self.invitations.insert(self.invited, invitation);
        self.invited
    }

    pub(super) fn forget_invitation(&mut self, id: u64) {
        self.invitations.remove(&id);
        for person in self.persons.values_mut() {
            person.waiting.retain(|waiting| *waiting != id);
        }
    }

    pub(super) fn forget_invitations(&mut self, is_it: impl Fn(&Invitation) -> bool) {
        let ids: Vec<u64> =
            self.invitations.iter().filter(|(_, invitation)| is_it(invitation)).map(|(id, _)| *id).collect();
        for id in ids {
            self.forget_invitation(id);
        }
    }

    /// The invitation of a code, whether or not it is good still.
    pub(super) fn known_code(&self, code: &str) -> Option<u64> {
        let (id, invitation) = self.invitations.iter().find(|(_, invitation)| invitation.code == code)?;
        let maker = &invitation.creator;
        let holds = match &invitation.opens {
            Opens::Account(_) | Opens::Capsule(..) => self.maker(maker).is_some(),
            Opens::Host(_) => self.maker(maker).is_some_and(|maker| Self::is_controller(&maker)),
        };
        holds.then_some(*id)
    }

    pub(super) fn open_code(&self, code: &str, now_ns: u64) -> Result<u64, Error> {
        let id = self.known_code(code).ok_or_else(|| conflict("code_unknown"))?;
        let invitation = &self.invitations[&id];
        if invitation.expires_ns.is_some_and(|at_ns| at_ns <= now_ns) {
            return Err(conflict("code_expired"));
        }
        if invitation.uses >= invitation.uses_max { Err(conflict("code_used")) } else { Ok(id) }
    }

    /// The invitation that was redeemed, and the capsule that it is into.
    pub(super) fn redeem(
        &mut self,
        who: &Principal,
        code: &str,
        now_ns: u64,
    ) -> Result<(u64, Option<String>), Error> {
        Self::somebody(who)?;
        let id = self.known_code(code).ok_or_else(|| conflict("code_unknown"))?;
        match self.invitations[&id].opens.clone() {
            Opens::Capsule(capsule, role) => {
                let has = self.capsules[&capsule].members.get(who).copied();
                if has.is_some_and(|has| has <= role) {
                    self.grants += 1;
                    let capsule = self.capsules.get_mut(&capsule).expect("it has a member");
                    capsule.say_yes(*who, self.grants);
                } else {
                    self.open_code(code, now_ns)?;
                    self.give_role(&capsule, *who, role, true, now_ns);
                    self.use_up(id);
                }
                Ok((id, Some(capsule)))
            }
            Opens::Host(_) if self.person(who).admitted => Ok((id, None)),
            Opens::Host(quota_bytes) => {
                self.open_code(code, now_ns)?;
                let quota_bytes = quota_bytes.filter(|_| !self.is_let_in_by_itself(who));
                let person = self.persons.entry(*who).or_default();
                (person.admitted, person.quota_bytes) = (true, person.quota_bytes.or(quota_bytes));
                self.use_up(id);
                Ok((id, None))
            }
            Opens::Account(_) => {
                self.open_code(code, now_ns)?;
                Err(conflict("code_of_another_kind"))
            }
        }
    }

    pub(super) fn use_up(&mut self, id: u64) {
        self.invitations.get_mut(&id).expect("it was opened").uses += 1;
    }

    /// Takes an invitation back; true where a controller did.
    pub(super) fn revoke_invitation(&mut self, who: &Principal, id: u64) -> Result<bool, Error> {
        Self::somebody(who)?;
        let invitation = self.invitations.get(&id).ok_or(Error::NotFound)?;
        let of_host = matches!(invitation.opens, Opens::Host(_));
        match &invitation.opens {
            Opens::Capsule(capsule, _) => self.require(capsule, who, Role::Owner)?,
            Opens::Host(_) if Self::is_controller(who) => {}
            Opens::Account(account) if account == who => {}
            Opens::Host(_) | Opens::Account(_) => return Err(Error::NotFound),
        }
        self.forget_invitation(id);
        Ok(of_host)
    }

    /// The link that somebody has to this capsule.
    pub(super) fn link_into(&self, capsule: &str, who: &Principal) -> Option<&Link> {
        self.link(who).filter(|link| link.capsule == capsule)
    }

    /// How much somebody sees of a capsule: all of it, or what the link shows.
    pub(super) fn sight(&self, capsule: &str, who: &Principal) -> Result<Option<&Link>, Error> {
        if self.own_role(capsule, who).is_some() {
            return Ok(None);
        }
        self.link_into(capsule, who).map(Some).ok_or(Error::NotFound)
    }

    /// How much somebody sees of a memory.
    pub(super) fn sight_of_memory(
        &self,
        id: u64,
        who: &Principal,
    ) -> Result<(&MemoryState, Option<&Link>), Error> {
        let memory = self.memories.get(&id).ok_or(Error::NotFound)?;
        let sight = self.sight(&memory.capsule, who)?;
        match sight.and_then(|link| link.named.as_ref()) {
            Some(named) if !named.contains(&id) => Err(Error::NotFound),
            _ => Ok((memory, sight)),
        }
    }

    /// Whether somebody may read a blob.
    pub(super) fn sees_blob(&self, id: &str, who: &Principal) -> Result<(), Error> {
        let blob = self.blobs.get(id).ok_or(Error::NotFound)?;
        match self.sight(&blob.capsule, who)? {
            None => Ok(()),
            Some(link) if link.named.is_none() && link.originals => Ok(()),
            Some(link) => {
                let published = blob.memory.as_ref().map(|memory| super::observe::number(memory));
                let (memory, _) = self.sight_of_memory(published.ok_or(Error::NotFound)?, who)?;
                let mut shown = memory.assets.iter().filter(|asset| link.shows(asset.kind));
                let found = shown.any(|asset| matches!(&asset.source, Source::Blob(blob) if blob == id));
                if found { Ok(()) } else { Err(Error::NotFound) }
            }
        }
    }

    pub(super) fn add_link(
        &mut self,
        who: &Principal,
        key: Principal,
        link: Link,
        now_ns: u64,
        bounds: &Bounds,
    ) -> Result<(), Error> {
        Self::somebody(who)?;
        self.require(&link.capsule, who, Role::Owner)?;
        in_time_to_come(link.expires_ns, now_ns)?;
        if key == Principal::anonymous() {
            return Err(invalid("link_key_malformed"));
        }
        let is_here = |id: &u64| self.memories.get(id).is_some_and(|memory| memory.capsule == link.capsule);
        if link.named.as_ref().is_some_and(|named| !named.iter().all(is_here)) {
            return Err(Error::NotFound);
        }
        if let Some(known) = self.link(&key) {
            let same = *known == Link { created_ns: known.created_ns, ..link };
            return if same { Ok(()) } else { Err(conflict("link_key_taken")) };
        }
        let is_person = self.person(&key) != Person::default();
        if self.keys.contains_key(&key) || is_person || self.knows(&key) {
            return Err(conflict("link_key_taken"));
        }
        self.records_allow(bounds, &link.capsule, super::usage::of_link(&link))?;
        self.keys.insert(key, KeyState::Link(link));
        Ok(())
    }

    pub(super) fn revoke_link(
        &mut self,
        who: &Principal,
        capsule: &str,
        key: &Principal,
    ) -> Result<(), Error> {
        Self::somebody(who)?;
        self.require(capsule, who, Role::Owner)?;
        if self.link_into(capsule, key).is_some() {
            self.keys.insert(*key, KeyState::EndedLink(capsule.to_owned()));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, who: &Principal, id: &str, now_ns: u64) -> Result<(), Error> {
        Self::somebody(who)?;
        let is_member = self.capsules.get(id).is_some_and(|capsule| capsule.members.contains_key(who));
        if !is_member {
            return Err(Error::NotFound);
        }
        if self.has_accepted(id, who) {
            self.keeps_an_owner(id, who, None)?;
        }
        self.end_ways_of(id, who);
        self.drop_role(id, who, now_ns);
        if self.capsules[id].members.is_empty() {
            self.drop_capsule(id);
        }
        Ok(())
    }

    pub(super) fn accept(&mut self, who: &Principal, id: &str) -> Result<(), Error> {
        Self::somebody(who)?;
        let capsule = self.capsules.get_mut(id).filter(|capsule| capsule.members.contains_key(who));
        let capsule = capsule.ok_or(Error::NotFound)?;
        self.grants += 1;
        capsule.say_yes(*who, self.grants);
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        who: &Principal,
        id: &str,
        name: Option<String>,
        now_ns: u64,
    ) -> Result<(), Error> {
        Self::somebody(who)?;
        self.require(id, who, Role::Owner)?;
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(invalid("name_empty"));
        }
        let capsule = self.capsules.get_mut(id).expect("it was required");
        (capsule.name, capsule.updated_ns) = (name, now_ns);
        Ok(())
    }
}

fn in_time_to_come(at_ns: Option<u64>, now_ns: u64) -> Result<(), Error> {
    if at_ns.is_some_and(|at_ns| at_ns <= now_ns) { Err(invalid("expires_in_the_past")) } else { Ok(()) }
}
