//! Steps of people: devices, invitations, links, and what a controller does.

use super::{Signer, Step, Stepper, agree, person, public_key, round};
use crate::model::Subject;
use crate::model::observe::ask;
use crate::model::observe::people::without_path;
use crate::model::operation::{CONTROLLER, ENTITLED, NOWHERE, PeopleOperation};
use crate::model::state::{Invitation, Link, Model, Opens, Ticket, Token};
use candid::Principal;
use keepsake_client::api::{self, Answer, Role};

/// Of each, as many are looked at as they were made last.
const KEPT: usize = 4;
/// Life of a token or a ticket.
const LIFE_SECS: u32 = 86_400;
/// A code that nobody made.
const UNKNOWN_CODE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Guest];

impl<S: Subject> Stepper<'_, S> {
    /// Two people are invited onto the host and make capsules from then on.
    pub(super) fn let_two_in(&mut self) -> Step {
        self.invite_onto_host(CONTROLLER, 2, 0, 0)?;
        (0..2).try_for_each(|who| self.redeem(who, 0))
    }

    pub(super) fn people(&mut self, operation: PeopleOperation) -> Step {
        match operation {
            PeopleOperation::InviteDevice { who } => self.invite_device(who),
            PeopleOperation::Join { key, code } => self.join(key, code),
            PeopleOperation::RemoveDevice { who, key } => self.remove_device(who, key),
            PeopleOperation::Invite { who, capsule, role, uses, hours } => {
                self.invite(who, capsule, role, uses, hours)
            }
            PeopleOperation::InviteOntoHost { who, uses, hours, quota } => {
                self.invite_onto_host(who, uses, hours, quota)
            }
            PeopleOperation::Redeem { who, code } => self.redeem(who, code),
            PeopleOperation::RevokeInvitation { who, invitation } => self.revoke_invitation(who, invitation),
            PeopleOperation::Leave { .. }
            | PeopleOperation::Accept { .. }
            | PeopleOperation::Rename { .. } => self.membership(operation),
            PeopleOperation::Link { who, capsule, key, memories, originals, hours, preview } => {
                self.link((who, capsule, key), memories, (originals, preview), hours)
            }
            PeopleOperation::RevokeLink { who, capsule, key } => {
                let (id, key) = (self.capsule_at(capsule), person(key));
                let who = self.owner(who, &id);
                let answer = self.send::<()>(who, "links_revoke", (&id, key))?;
                agree("links_revoke", &answer, &self.model.revoke_link(&who.account, &id, &key))
            }
            PeopleOperation::MintToken { who, memory } => self.mint_token(who, memory),
            PeopleOperation::MintTicket { who, session } => self.mint_ticket(who, session),
            PeopleOperation::PutByTicket { ticket } => self.put_by_ticket(ticket),
            other => self.operate(other),
        }
    }

    /// One of the codes that there were, the newest first, or another text.
    fn code_at(&self, at: u8, is_wanted: impl Fn(&Opens) -> bool) -> String {
        let known = |code: &&String| {
            let mut invitations = self.model.invitations.values();
            invitations.find(|invitation| invitation.code == **code).map(|invitation| &invitation.opens)
        };
        let newest = self.model.codes.iter().rev();
        // One in eight is any code, of the other kind or used up.
        let good = |code: &&String| self.model.open_code(code, self.now()).is_ok();
        let found = if at.is_multiple_of(8) && at > 0 {
            round(at / 8, newest.take(8))
        } else {
            round(at, newest.filter(|code| good(code) && known(code).is_some_and(&is_wanted)).take(4))
        };
        found.cloned().unwrap_or_else(|| UNKNOWN_CODE.to_owned())
    }

    /// When something ends that lasts so long.
    fn end(&self, hours: u8) -> Option<u64> {
        match hours {
            0 => None,
            ENTITLED => Some(self.now()),
            hours => Some(self.now() + u64::from(hours) * 3_600_000_000_000),
        }
    }

    /// A code that the system told; the message would make another one each time, so it is not delivered twice.
    fn invited(
        &mut self,
        code: &str,
        opens: Opens,
        who: Signer,
        (uses_max, expires_ns, label): (u32, Option<u64>, &str),
    ) -> Result<u64, String> {
        self.last = None;
        self.fresh(code)?;
        Ok(self.model.add_invitation(Invitation {
            code: code.to_owned(),
            opens,
            creator: who.account,
            created_ns: self.now(),
            expires_ns,
            uses_max,
            uses: 0,
            label: label.to_owned(),
        }))
    }

    fn invite_device(&mut self, who: u8) -> Step {
        let (who, bounds) = (self.signer(person(who)), self.subject.bounds());
        let answer = self.send::<String>(who, "devices_invite", ("the phone",))?;
        let expected = self.model.let_in(&bounds, &who.account);
        if let (Ok(code), Ok(())) = (&answer, &expected) {
            let expires_ns = self.now() + 15 * 60 * 1_000_000_000;
            let opens = Opens::Account(who.account);
            let id = self.invited(code, opens, who, (1, Some(expires_ns), "the phone"))?;
            self.model.wait_for_device(who.account, id);
        }
        agree("devices_invite", &answer.map(drop), &expected)
    }

    fn join(&mut self, key: u8, code: u8) -> Step {
        let name = if code.is_multiple_of(3) { "" } else { "the tablet" };
        let code = self.code_at(code, |opens| matches!(opens, Opens::Account(_)));
        let (who, now) = (self.signer(person(key)), self.now());
        let answer = self.send::<Principal>(who, "devices_join", (&code, name, None::<api::Passkey>))?;
        agree("devices_join", &answer, &self.model.join(&who.key, &code, name, now))
    }

    fn remove_device(&mut self, who: u8, key: u8) -> Step {
        // Whoever is entitled has another device.
        let spare = self.model.spare_devices();
        let spare = round(key, spare.into_iter()).filter(|_| who == ENTITLED);
        let key = spare.unwrap_or_else(|| person(key));
        let who = self.by(who, |model| Some(model.account_of(&key)));
        let answer = self.send::<()>(who, "devices_remove", (key,))?;
        agree("devices_remove", &answer, &self.model.remove_device(&who.account, &key))
    }

    fn invite(&mut self, who: u8, capsule: u8, role: u8, uses: u8, hours: u8) -> Step {
        let (now, id, role) = (self.now(), self.capsule_at(capsule), ROLES[usize::from(role % 4)]);
        let (who, uses, expires_ns) = (self.owner(who, &id), u32::from(uses), self.end(hours));
        let args = (&id, role, uses, expires_ns, Some("family"));
        let answer = self.send::<String>(who, "invitations_create", args)?;
        let expected = Model::somebody(&who.account)
            .and_then(|()| self.model.require(&id, &who.account, Role::Owner))
            .and_then(|()| Model::may_invite(uses, expires_ns, now));
        if let (Ok(code), Ok(())) = (&answer, &expected) {
            self.invited(code, Opens::Capsule(id, role), who, (uses, expires_ns, "family"))?;
        }
        agree("invitations_create", &answer.map(drop), &expected)
    }

    fn invite_onto_host(&mut self, who: u8, uses: u8, hours: u8, quota: u8) -> Step {
        let (who, now) = (self.by(who, |_| None), self.now());
        let (uses, expires_ns) = (u32::from(uses), self.end(hours));
        let quota_bytes = [None, Some(15_000), Some(100_000)][usize::from(quota % 3)];
        let args = (uses, expires_ns, None::<String>, quota_bytes);
        let answer = self.send::<String>(who, "admin_invite", args)?;
        let expected =
            Model::require_controller(&who.account).and_then(|()| Model::may_invite(uses, expires_ns, now));
        if let (Ok(code), Ok(())) = (&answer, &expected) {
            self.invited(code, Opens::Host(quota_bytes), who, (uses, expires_ns, ""))?;
            self.model.log.push((who.account, "invite"));
        }
        agree("admin_invite", &answer.map(drop), &expected)
    }

    fn redeem(&mut self, who: u8, code: u8) -> Step {
        let code = self.code_at(code, |opens| !matches!(opens, Opens::Account(_)));
        let (who, now) = (self.signer(person(who)), self.now());
        let answer = self.send::<api::Redeemed>(who, "invitations_redeem", (&code,))?;
        let expected = self.model.redeem(&who.account, &code, now).map(|(id, capsule)| api::Redeemed {
            invitation: self.model.invitation_view(id),
            capsule: capsule.map(|id| self.model.header(&who.account, &id).expect("it is a member")),
        });
        agree("invitations_redeem", &answer, &expected)
    }

    fn revoke_invitation(&mut self, who: u8, at: u8) -> Step {
        let id = round(at, self.model.invitations.keys().copied()).unwrap_or(999_999);
        let who = self.by(who, |model| Some(model.invitations.get(&id)?.creator));
        let answer = self.send::<()>(who, "invitations_revoke", (id,))?;
        let expected = self.model.revoke_invitation(&who.account, id);
        if expected == Ok(true) {
            self.model.log.push((who.account, "uninvite"));
        }
        agree("invitations_revoke", &answer, &expected.map(drop))
    }

    /// Somebody who said yes to nothing yet, where there is one, or any of the members.
    fn member(&self, who: u8, id: &str) -> Signer {
        let of = |model: &Model| {
            let capsule = model.capsules.get(id)?;
            let mut members = capsule.members.keys().filter(|member| **member != Principal::anonymous());
            let waits = members.clone().find(|member| !capsule.accepted.contains(*member));
            waits.or_else(|| members.next_back()).copied()
        };
        self.by(who, of)
    }

    fn membership(&mut self, operation: PeopleOperation) -> Step {
        let now = self.now();
        match operation {
            PeopleOperation::Leave { who, capsule } => {
                let id = self.capsule_at(capsule);
                let who = self.member(who, &id);
                let answer = self.send::<()>(who, "capsules_leave", (&id,))?;
                agree("capsules_leave", &answer, &self.model.leave(&who.account, &id, now))
            }
            PeopleOperation::Accept { who, capsule } => {
                let id = self.capsule_at(capsule);
                let who = self.member(who, &id);
                let answer = self.send::<()>(who, "capsules_accept", (&id,))?;
                agree("capsules_accept", &answer, &self.model.accept(&who.account, &id))
            }
            PeopleOperation::Rename { who, capsule, name } => {
                let id = self.capsule_at(capsule);
                let who = self.owner(who, &id);
                let name = [None, Some(" "), Some("Summer"), Some("Winter")][usize::from(name % 4)];
                let answer = self.send::<()>(who, "capsules_rename", (&id, name))?;
                let expected = self.model.rename(&who.account, &id, name.map(str::to_owned), now);
                agree("capsules_rename", &answer, &expected)
            }
            other => unreachable!("not about membership: {other:?}"),
        }
    }

    fn link(
        &mut self,
        (who, capsule, key): (u8, u8, u8),
        memories: Option<[u8; 2]>,
        (originals, preview): (bool, bool),
        hours: u8,
    ) -> Step {
        let (public_key, key) = (public_key(key), person(key));
        let (now, id) = (self.now(), self.capsule_at(capsule));
        let (who, expires_ns) = (self.owner(who, &id), self.end(hours));
        let memories = memories.map(|both| both.map(|at| self.memory_in(&id, at)));
        let options = api::LinkOptions {
            memories: memories.map(|both| both.iter().map(|id| format!("mem_{id}")).collect()),
            expires_at: expires_ns,
            download: Some(originals),
            password: None,
            label: None,
            preview: Some(preview),
        };
        let answer =
            self.send::<api::Link>(who, "links_create", (&id, public_key, Some(options)))?.map(without_path);
        let link = Link {
            capsule: id,
            creator: who.account,
            created_ns: now,
            expires_ns,
            named: memories.map(|both| both.into_iter().collect()),
            originals,
            preview,
        };
        let expected = self.model.add_link(&who.account, key, link, now, &self.subject.bounds());
        agree("links_create", &answer, &expected.map(|()| self.model.link_view(&key)))
    }

    /// A memory of this capsule, mostly.
    fn memory_in(&self, capsule: &str, at: u8) -> u64 {
        let own = self.model.memories.iter().rev().filter(|(_, memory)| memory.capsule == capsule);
        if at == NOWHERE - 1 {
            return self.memory_at(at);
        }
        round(at, own.map(|(id, _)| *id).take(8)).unwrap_or(999_999)
    }

    fn operate(&mut self, operation: PeopleOperation) -> Step {
        let (now, ttl) = (self.now(), self.ttl());
        match operation {
            PeopleOperation::Block { who, whom, back } => {
                let (who, whom) = (self.by(who, |_| None), person(whom));
                let (method, answer) = if back {
                    ("admin_unblock", self.send::<()>(who, "admin_unblock", (whom,))?)
                } else {
                    ("admin_block", self.send::<()>(who, "admin_block", (whom, Some("spam")))?)
                };
                agree(method, &answer, &self.model.block(&who.account, &whom, !back))
            }
            PeopleOperation::Quota { who, whom, bytes } => {
                let (who, whom) = (self.by(who, |_| None), person(whom));
                let bytes = [None, Some(0), Some(20_000), Some(200_000)][usize::from(bytes % 4)];
                let answer = self.send::<()>(who, "admin_quota", (whom, bytes))?;
                agree("admin_quota", &answer, &self.model.set_quota(&who.account, &whom, bytes))
            }
            PeopleOperation::Give { who, capsule, to } => {
                let (who, id, to) = (self.by(who, |_| None), self.capsule_at(capsule), person(to));
                let answer = self.send::<()>(who, "admin_give", (&id, to))?;
                agree("admin_give", &answer, &self.model.give(&who.account, &id, &to, now))
            }
            PeopleOperation::Evict { who, session } => {
                let (who, id) = (self.by(who, |_| None), self.session_at(session));
                let answer = self.send::<()>(who, "admin_evict", (id,))?;
                agree("admin_evict", &answer, &self.model.evict(&who.account, id))
            }
            PeopleOperation::RemoveMemory { who, memory } => {
                let (who, id) = (self.by(who, |_| None), self.memory_at(memory));
                let answer = self.send::<()>(who, "admin_remove", (format!("mem_{id}"),))?;
                let expected = self.model.may_remove_memory(&who.account, id);
                if expected.is_ok() {
                    self.model.drop_memory(id, true, now, ttl);
                    self.model.log.push((who.account, "remove"));
                }
                agree("admin_remove", &answer, &expected)
            }
            PeopleOperation::RemoveCapsule { who, capsule } => {
                let (who, id) = (self.by(who, |_| None), self.capsule_at(capsule));
                let answer = self.send::<()>(who, "admin_remove", (&id,))?;
                agree("admin_remove", &answer, &self.model.remove_capsule(&who.account, &id))
            }
            other => unreachable!("not an operator's: {other:?}"),
        }
    }

    /// A token that is looked at from now on, whatever becomes of the key that minted it.
    fn mint_token(&mut self, who: u8, memory: u8) -> Step {
        let (id, now) = (self.memory_at(memory), self.now());
        let key = self.owner_of_memory(who, id).key;
        let args = (format!("mem_{id}"), Vec::<String>::new(), None::<Vec<String>>, LIFE_SECS);
        let answer: Answer<String> = ask(self.subject, key, "mint_http_token", args)?;
        let expected = self.model.sight_of_memory(id, &self.model.acts_as(&key, now)).map(drop);
        if let Ok(text) = &answer {
            let token = Token { key, memory: id, expires_ns: end_of_life(now), text: text.clone() };
            self.model.tokens.push(token);
            let beyond = self.model.tokens.len().saturating_sub(KEPT);
            self.model.tokens.drain(..beyond);
        }
        agree("mint_http_token", &answer.map(drop), &expected)
    }

    /// A ticket to put chunks by, whatever becomes of the key that minted it.
    fn mint_ticket(&mut self, who: u8, session: u8) -> Step {
        let (id, now) = (self.session_at(session), self.now());
        let who = self.uploader(who, session);
        let answer: Answer<String> = ask(self.subject, who.key, "mint_upload_ticket", (id, LIFE_SECS))?;
        if matches!(answer, Err(api::Error::NotImplemented(_))) {
            // On this host there is no such road.
            return Ok(());
        }
        if let Ok(text) = &answer {
            let ticket =
                Ticket { key: who.key, session: id, expires_ns: end_of_life(now), text: text.clone() };
            self.model.tickets.push(ticket);
            let beyond = self.model.tickets.len().saturating_sub(KEPT);
            self.model.tickets.drain(..beyond);
        }
        // Asked by a query: a link is itself.
        let account = self.model.acts_as(&who.key, now);
        agree("mint_upload_ticket", &answer.map(drop), &self.model.may_mint_ticket(&account, id))
    }

    /// A chunk by a ticket of before.
    fn put_by_ticket(&mut self, at: u8) -> Step {
        let now = self.now();
        let alive = self.model.tickets.iter().rev().filter(|ticket| now < ticket.expires_ns);
        let Some(Ticket { key, session, text, .. }) = round(at, alive).cloned() else { return Ok(()) };
        let who = self.signer(key);
        let (index, bytes) = self.next_chunk(session);
        let put = self.subject.put(&text, session, index, &bytes).map_err(|e| format!("put: {e}"))?;
        // On this host there is no such road.
        let Some(reply) = put else { return Ok(()) };
        let answer: Answer<()> = candid::decode_one(&reply).map_err(|e| format!("put: {e}"))?;
        self.count("put", &answer);
        self.was_put(who, session, index, &bytes, &answer)
    }
}

/// A token's time is in whole seconds.
fn end_of_life(now_ns: u64) -> u64 {
    (now_ns / 1_000_000_000 + u64::from(LIFE_SECS)) * 1_000_000_000
}
