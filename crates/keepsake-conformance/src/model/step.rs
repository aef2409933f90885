//! One operation: the message that it stands for, what the system answers, whether the model agrees. Owns the
//! mapping from small numbers to callers, ids, bytes and keys.

use super::Subject;
use super::observe::{number, same};
use super::operation::{CONTROLLER, ENTITLED, NOWHERE, Operation};
use super::state::{Model, Session};
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use keepsake_client::agent::{BasicIdentity, Identity};
use keepsake_client::api::{self, Answer, PersonRef, Role};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use std::fmt::Debug;
use std::sync::LazyLock;

/// The MIME type of every asset.
pub(super) const ASSET_MIME: &str = "image/jpeg";

/// Four people with a key, and nobody.
pub const PEOPLE: u8 = 5;

/// All keys: those of people and nobody, three that are made devices, one that controls the host, three that are made links.
pub const KEYS: u8 = 12;

/// The Ed25519 key of a number, none for nobody: a host that verifies signatures signs with it.
pub fn key_of(who: u8) -> Option<[u8; 32]> {
    (who != PEOPLE - 1).then_some([who + 1; 32])
}

/// The principal of [`key_of`], the same on every host, so that a run is.
pub fn person(who: u8) -> Principal {
    static PRINCIPALS: LazyLock<Vec<Principal>> = LazyLock::new(|| {
        let of_key =
            |key: [u8; 32]| BasicIdentity::from_raw_key(&key).sender().expect("a key has a principal");
        (0..KEYS).map(|who| key_of(who).map_or(Principal::anonymous(), of_key)).collect()
    });
    PRINCIPALS[usize::from(who % KEYS)]
}

/// The public key of [`key_of`], Ed25519 in DER; of nobody, nothing.
pub fn public_key(who: u8) -> ByteBuf {
    let key = key_of(who % KEYS).and_then(|key| BasicIdentity::from_raw_key(&key).public_key());
    ByteBuf::from(key.unwrap_or_default())
}

/// The principal that controls the host.
pub fn controller() -> Principal {
    person(CONTROLLER)
}

/// A key, and the account that acts where it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signer {
    pub(super) key: Principal,
    pub(super) account: Principal,
}

mod memories;
mod people;
mod publish;
mod uploads;

pub(super) use publish::published_text;

/// The thing that a number stands for.
fn round<T>(at: u8, things: impl Iterator<Item = T>) -> Option<T> {
    let mut things: Vec<T> = things.collect();
    if at == NOWHERE || things.is_empty() {
        None
    } else {
        Some(things.swap_remove(usize::from(at) % things.len()))
    }
}

type Step = Result<(), String>;

/// A step under way.
pub(super) struct Stepper<'a, S> {
    pub(super) model: &'a mut Model,
    pub(super) subject: &'a mut S,
    /// The message that was sent last, and its reply.
    pub(super) last: Option<Sent>,
}

/// A message and its reply.
pub(super) struct Sent {
    key: Principal,
    method: &'static str,
    arg: Vec<u8>,
    reply: Vec<u8>,
}

impl<S: Subject> Stepper<'_, S> {
    /// Where the host is by invitation, two come in before anything else, so that there is something to see.
    pub(super) fn open(&mut self) -> Step {
        if self.subject.bounds().invited { self.let_two_in() } else { Ok(()) }
    }

    /// Runs one operation on both.
    pub(super) fn run(&mut self, operation: Operation) -> Step {
        match operation {
            Operation::Wait { hours } => {
                self.subject.advance(u64::from(hours) * 3_600_000_000_000);
                Ok(())
            }
            Operation::Restart => {
                self.subject.restart();
                Ok(())
            }
            Operation::CreateCapsule { .. }
            | Operation::DeleteCapsule { .. }
            | Operation::Grant { .. }
            | Operation::Revoke { .. }
            | Operation::Cleanup { .. } => self.capsule(operation),
            Operation::Begin { who, capsule, key, announce } => self.begin(who, capsule, key, announce),
            Operation::Put { who, session, index, bytes } => {
                self.put(self.uploader(who, session), session, index.into(), bytes)
            }
            Operation::PutNext { session } => self.put_next(session),
            Operation::Finish { who, session, claim } => self.finish(who, session, claim),
            Operation::Abort { who, session } => self.abort(self.uploader(who, session), session),
            operation @ Operation::Publish { .. } => self.publish(operation),
            Operation::Create { who, capsule, blob, inline, key } => {
                self.create(who, capsule, blob, inline, key)
            }
            Operation::AddAsset { who, memory, blob, kind, key } => {
                self.add_asset(who, memory, blob, kind, key)
            }
            Operation::People(operation) => self.people(operation),
            other => self.change(other),
        }
    }

    fn now(&self) -> u64 {
        self.subject.now_ns()
    }

    fn ttl(&self) -> u64 {
        self.subject.bounds().session_ttl_ns
    }

    fn send<T: CandidType + DeserializeOwned>(
        &mut self,
        who: Signer,
        method: &'static str,
        args: impl ArgumentEncoder,
    ) -> Result<Answer<T>, String> {
        let arg = candid::encode_args(args).map_err(|e| e.to_string())?;
        self.model.sent += 1;
        let reply = self.subject.update(who.key, method, &arg).map_err(|e| format!("{method}: {e}"))?;
        let answer: Result<Answer<T>, String> =
            candid::decode_one(&reply).map_err(|e| format!("{method}: {e}"));
        if let Ok(answer) = &answer {
            self.count(method, answer);
        }
        let answer = answer.and_then(|answer| self.without_reason(who, method, answer));
        self.last = Some(Sent { key: who.key, method, arg, reply });
        answer
    }

    /// A key that was removed is told so where others are told that they have no right; how it joins again has rules of its own.
    fn without_reason<T>(&self, who: Signer, method: &str, answer: Answer<T>) -> Result<Answer<T>, String> {
        let is_removed = self.model.device(&who.key).is_some_and(|device| device.removed && !device.blocked);
        match answer {
            Err(error) if is_removed && error.code() == "device_removed" && method != "devices_join" => {
                Ok(Err(api::Error::Unauthorized))
            }
            Err(api::Error::Unauthorized) if is_removed => {
                Err(format!("{method}: a removed key is not told so"))
            }
            answer => Ok(answer),
        }
    }

    /// Notes what a message was answered.
    fn count<T>(&mut self, method: &str, answer: &Answer<T>) {
        let outcome = format!("{method}: {}", answer.as_ref().err().map_or("ok", code));
        *self.model.outcomes.entry(outcome).or_default() += 1;
    }

    /// Delivers the last message again, to the letter. What made or kept something gives the first
    /// answer again; who takes something away, a right of their own too, may be told that it is gone. What a controller did
    /// leaves its entry in the log each time.
    pub(super) fn deliver_again(&mut self) -> Step {
        let Some(Sent { key, method, arg, reply }) = self.last.take() else { return Ok(()) };
        let again = self.subject.update(key, method, &arg).map_err(|e| format!("{method} again: {e}"))?;
        let is_done =
            |reply: &[u8]| candid::decode_one::<Answer<candid::Reserved>>(reply).is_ok_and(|a| a.is_ok());
        if let Some(action) = logged(method)
            && is_done(&again)
        {
            self.model.log.push((key, action));
        }
        let takes_away = ["delete", "remove", "cleanup", "grant", "revoke", "leave", "evict"]
            .iter()
            .any(|word| method.contains(word));
        if takes_away || again == reply { Ok(()) } else { Err(format!("{method} again gave another answer")) }
    }

    fn capsule_at(&self, at: u8) -> String {
        let mut ids: Vec<_> = self.model.capsules.keys().collect();
        ids.sort_by_key(|id| number(id));
        round(at, ids.into_iter().take(4)).cloned().unwrap_or_else(|| "capsule_999".to_owned())
    }

    fn session_at(&self, at: u8) -> u64 {
        // The newest first: old ones are mostly finished.
        round(at, self.model.sessions.keys().rev().take(8)).copied().unwrap_or(999_999)
    }

    fn blob_at(&self, at: u8) -> String {
        let mut ids: Vec<_> = self.model.blobs.keys().collect();
        ids.sort_by_key(|id| std::cmp::Reverse(number(id)));
        round(at, ids.into_iter().take(8)).cloned().unwrap_or_else(|| "blob_999999".to_owned())
    }

    fn memory_at(&self, at: u8) -> u64 {
        round(at, self.model.memories.keys().rev().take(8)).copied().unwrap_or(999_999)
    }

    /// Sessions that have all their chunks, the newest first.
    fn ready(&self) -> Vec<u64> {
        let whole = |s: &Session| s.is_pending() && s.chunks.len() == s.expected as usize;
        self.model.sessions.iter().rev().filter(|(_, s)| whole(s)).map(|(id, _)| *id).collect()
    }

    fn signer(&self, key: Principal) -> Signer {
        Signer { key, account: self.model.changes_as(&key, self.now()) }
    }

    /// One of an account's devices.
    fn device_of(&self, account: &Principal) -> Signer {
        self.signer(self.model.key_for(account))
    }

    fn by(&self, who: u8, entitled: impl FnOnce(&Model) -> Option<Principal>) -> Signer {
        if who == ENTITLED {
            self.device_of(&entitled(self.model).unwrap_or(person(0)))
        } else {
            self.signer(person(who))
        }
    }

    fn uploader(&self, who: u8, session: u8) -> Signer {
        let id = self.session_at(session);
        self.by(who, |model| model.sessions.get(&id).map(|session| session.caller))
    }

    fn owner(&self, who: u8, capsule: &str) -> Signer {
        self.by(who, |model| model.owner(capsule))
    }

    fn owner_of_memory(&self, who: u8, memory: u64) -> Signer {
        self.by(who, |model| model.owner(&model.memories.get(&memory)?.capsule))
    }

    fn fresh(&mut self, id: &str) -> Step {
        if self.model.ids.insert(id.to_owned()) { Ok(()) } else { Err(format!("{id} was given out before")) }
    }

    fn capsule(&mut self, operation: Operation) -> Step {
        let now = self.now();
        match operation {
            Operation::CreateCapsule { who, subject } => {
                self.create_capsule(self.signer(person(who)), subject, now)
            }
            Operation::DeleteCapsule { who, capsule } => {
                let id = self.capsule_at(capsule);
                let who = self.owner(who, &id);
                let expected = Model::somebody(&who.account)
                    .and_then(|()| self.model.require(&id, &who.account, Role::Owner));
                let answer = self.send::<()>(who, "capsules_delete", (&id,))?;
                agree("capsules_delete", &answer, &expected)?;
                if answer.is_ok() {
                    self.model.drop_capsule(&id);
                }
                Ok(())
            }
            Operation::Grant { who, capsule, to, role } => {
                let role = [Role::Owner, Role::Admin, Role::Member, Role::Guest][usize::from(role % 4)];
                let (to, id) = (person(to), self.capsule_at(capsule));
                let who = self.owner(who, &id);
                let answer = self.send::<()>(who, "capsules_grant", (&id, to, role))?;
                agree("capsules_grant", &answer, &self.model.grant(&who.account, &id, to, Some(role), now))
            }
            Operation::Revoke { who, capsule, from } => {
                let (from, id) = (person(from), self.capsule_at(capsule));
                let who = self.owner(who, &id);
                let answer = self.send::<()>(who, "capsules_revoke", (&id, from))?;
                agree("capsules_revoke", &answer, &self.model.grant(&who.account, &id, from, None, now))
            }
            Operation::Cleanup { who } => {
                let who = self.signer(person(who));
                let answer = self.send::<u32>(who, "sessions_cleanup_expired", ())?;
                let expected = self.model.let_in(&self.subject.bounds(), &who.account);
                let ttl = self.ttl();
                agree("sessions_cleanup_expired", &answer, &expected.map(|()| self.model.expire(now, ttl)))
            }
            other => unreachable!("not about capsules: {other:?}"),
        }
    }

    fn create_capsule(&mut self, who: Signer, subject: u8, now: u64) -> Step {
        let about = match subject {
            0 => None,
            1 => Some(PersonRef::Opaque("Grandmother".into())),
            _ => Some(PersonRef::Principal(person(3))),
        };
        let bounds = self.subject.bounds();
        let answer = self.send::<api::Capsule>(who, "capsules_create", (&about,))?;
        let about = about.unwrap_or(PersonRef::Principal(who.account));
        if about != PersonRef::Principal(who.account) {
            // By the interface this makes a new one each time: it is not delivered twice.
            self.last = None;
        }
        match (answer, self.model.may_make_capsule(&bounds, &who.account, &about)) {
            (Ok(capsule), Ok(())) => match self.model.own_capsule_about(&who.account, &about) {
                Some(known) if *known == capsule.id => Ok(()),
                Some(known) => Err(format!("capsules_create made {} although {known} is there", capsule.id)),
                None => {
                    self.fresh(&capsule.id)?;
                    self.model.create_capsule(&capsule.id, who.account, about, now);
                    Ok(())
                }
            },
            (answer, expected) => agree("capsules_create", &answer.map(drop), &expected),
        }
    }
}

/// What a controller's message is called in the log, of those that do again what they did.
fn logged(method: &str) -> Option<&'static str> {
    Some(match method {
        "admin_block" => "block",
        "admin_unblock" => "unblock",
        "admin_quota" => "quota",
        "admin_give" => "give",
        _ => return None,
    })
}

/// What an error is told apart by.
fn code(error: &api::Error) -> &str {
    match error {
        api::Error::InvalidArgument(text) | api::Error::Conflict(text) => {
            text.split(':').next().unwrap_or_default()
        }
        api::Error::NotFound => "NotFound",
        api::Error::Unauthorized => "Unauthorized",
        api::Error::ResourceExhausted => "ResourceExhausted",
        api::Error::NotImplemented(_) => "NotImplemented",
        api::Error::Internal(_) => "Internal",
    }
}

fn agree<T: PartialEq + Debug>(what: &str, system: &Answer<T>, model: &Answer<T>) -> Step {
    if same(system, model) { Ok(()) } else { Err(format!("{what}: {system:?}, model: {model:?}")) }
}
