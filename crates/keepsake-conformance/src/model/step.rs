//! One operation: the message that it stands for, what the system answers, whether the model agrees. Owns the
//! mapping from small numbers to callers, ids, bytes and keys.

use super::Subject;
use super::memories::{Making, NewAsset};
use super::observe::{number, same};
use super::operation::{Bytes, Claim, Operation};
use super::state::{Key, Model, Session, SessionState, Source};
use super::uploads::sha256;
use crate::samples;
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use keepsake_client::api::{self, Answer, AssetType, PersonRef, Role};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use std::fmt::Debug;

/// Four people and nobody.
pub(super) fn person(who: u8) -> Principal {
    if who >= 4 { Principal::anonymous() } else { Principal::self_authenticating([who + 1; 32]) }
}

/// Who can observe.
pub(super) const PEOPLE: u8 = 5;

const MIME: &str = "image/jpeg";

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
    who: Principal,
    method: &'static str,
    arg: Vec<u8>,
    reply: Vec<u8>,
}

impl<S: Subject> Stepper<'_, S> {
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
            Operation::Begin { who, capsule, key, announce } => {
                self.begin(person(who), capsule, key, announce)
            }
            Operation::Put { who, session, index, bytes } => {
                self.put(person(who), session, index.into(), bytes)
            }
            Operation::PutNext { session } => self.put_next(session),
            Operation::Finish { who, session, claim } => self.finish(person(who), session, claim),
            Operation::Abort { who, session } => self.abort(person(who), session),
            Operation::Publish { who, capsule, sessions, claim, key, inline } => {
                self.publish(person(who), capsule, sessions, claim, key, inline)
            }
            Operation::Create { who, capsule, blob, inline, key } => {
                self.create(person(who), capsule, blob, inline, key)
            }
            Operation::AddAsset { who, memory, blob, kind, key } => {
                self.add_asset(person(who), memory, blob, kind, key)
            }
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
        who: Principal,
        method: &'static str,
        args: impl ArgumentEncoder,
    ) -> Result<Answer<T>, String> {
        let arg = candid::encode_args(args).map_err(|e| e.to_string())?;
        let reply = self.subject.update(who, method, &arg).map_err(|e| format!("{method}: {e}"))?;
        let answer = candid::decode_one(&reply).map_err(|e| format!("{method}: {e}"));
        self.last = Some(Sent { who, method, arg, reply });
        answer
    }

    /// Delivers the last message again, to the letter. What made or kept something gives the first answer again.
    pub(super) fn deliver_again(&mut self) -> Step {
        let Some(Sent { who, method, arg, reply }) = self.last.take() else { return Ok(()) };
        let again = self.subject.update(who, method, &arg).map_err(|e| format!("{method} again: {e}"))?;
        let takes_away = ["delete", "remove", "cleanup"].iter().any(|word| method.contains(word));
        if takes_away || again == reply { Ok(()) } else { Err(format!("{method} again gave another answer")) }
    }

    fn capsule_at(&self, at: u8) -> String {
        let mut ids: Vec<_> = self.model.capsules.keys().collect();
        ids.sort_by_key(|id| number(id));
        ids.get(usize::from(at)).map_or_else(|| "capsule_999".to_owned(), |id| (*id).clone())
    }

    fn session_at(&self, at: u8) -> u64 {
        // The newest first: old ones are mostly finished.
        self.model.sessions.keys().rev().nth(at.into()).copied().unwrap_or(999_999)
    }

    fn blob_at(&self, at: u8) -> String {
        let mut ids: Vec<_> = self.model.blobs.keys().collect();
        ids.sort_by_key(|id| std::cmp::Reverse(number(id)));
        ids.get(usize::from(at)).map_or_else(|| "blob_999999".to_owned(), |id| (*id).clone())
    }

    fn memory_at(&self, at: u8) -> u64 {
        self.model.memories.keys().rev().nth(at.into()).copied().unwrap_or(999_999)
    }

    fn fresh(&mut self, id: &str) -> Step {
        if self.model.ids.insert(id.to_owned()) { Ok(()) } else { Err(format!("{id} was given out before")) }
    }

    fn capsule(&mut self, operation: Operation) -> Step {
        let now = self.now();
        match operation {
            Operation::CreateCapsule { who, subject } => self.create_capsule(person(who), subject, now),
            Operation::DeleteCapsule { who, capsule } => {
                let (who, id) = (person(who), self.capsule_at(capsule));
                let expected =
                    Model::somebody(&who).and_then(|()| self.model.require(&id, &who, Role::Owner));
                let answer = self.send::<()>(who, "capsules_delete", (&id,))?;
                agree("capsules_delete", &answer, &expected)?;
                if answer.is_ok() {
                    self.model.drop_capsule(&id);
                }
                Ok(())
            }
            Operation::Grant { who, capsule, to, role } => {
                let role = [Role::Owner, Role::Admin, Role::Member, Role::Guest][usize::from(role % 4)];
                let (who, to, id) = (person(who), person(to), self.capsule_at(capsule));
                let answer = self.send::<()>(who, "capsules_grant", (&id, to, role))?;
                agree("capsules_grant", &answer, &self.model.grant(&who, &id, to, Some(role), now))
            }
            Operation::Revoke { who, capsule, from } => {
                let (who, from, id) = (person(who), person(from), self.capsule_at(capsule));
                let answer = self.send::<()>(who, "capsules_revoke", (&id, from))?;
                agree("capsules_revoke", &answer, &self.model.grant(&who, &id, from, None, now))
            }
            Operation::Cleanup { who } => {
                let answer = self.send::<u32>(person(who), "sessions_cleanup_expired", ())?;
                let expected = Model::somebody(&person(who));
                let ttl = self.ttl();
                agree("sessions_cleanup_expired", &answer, &expected.map(|()| self.model.expire(now, ttl)))
            }
            other => unreachable!("not about capsules: {other:?}"),
        }
    }

    fn create_capsule(&mut self, who: Principal, subject: u8, now: u64) -> Step {
        let about = match subject {
            0 => None,
            1 => Some(PersonRef::Opaque("Grandmother".into())),
            _ => Some(PersonRef::Principal(person(3))),
        };
        let answer = self.send::<api::Capsule>(who, "capsules_create", (&about,))?;
        let about = about.unwrap_or(PersonRef::Principal(who));
        if about != PersonRef::Principal(who) {
            // By the interface this makes a new one each time: it is not delivered twice.
            self.last = None;
        }
        match (answer, Model::somebody(&who)) {
            (Err(error), Err(expected)) if error == expected => Ok(()),
            (Ok(capsule), Ok(())) => match self.model.own_capsule_about(&who, &about) {
                Some(known) if *known == capsule.id => Ok(()),
                Some(known) => Err(format!("capsules_create made {} although {known} is there", capsule.id)),
                None => {
                    self.fresh(&capsule.id)?;
                    self.model.create_capsule(&capsule.id, who, about, now);
                    Ok(())
                }
            },
            (answer, expected) => Err(format!("capsules_create: {answer:?}, model: {expected:?}")),
        }
    }

    fn begin(&mut self, who: Principal, capsule: u8, key: u8, announce: u8) -> Step {
        let (now, bounds, idem) = (self.now(), self.subject.bounds(), format!("key{key}"));
        let fresh = announced(self.capsule_at(capsule), who, idem.clone(), announce, now);
        let args = (&fresh.capsule, fresh.expected, &idem, Some(&fresh.options));
        let answer = self.send::<u64>(who, "uploads_begin", args)?;
        let expected = self.model.begin(&bounds, &who, &fresh, now);
        match (&answer, &expected) {
            (Ok(id), Ok(Some(known))) if id == known => Ok(()),
            (Ok(id), Ok(None)) => {
                self.fresh(&format!("session {id}"))?;
                self.model.sessions.insert(*id, fresh);
                Ok(())
            }
            (Err(error), Err(model)) => {
                agree::<()>("uploads_begin", &Err(error.clone()), &Err(model.clone()))
            }
            _ => Err(format!("uploads_begin: {answer:?}, model: {expected:?}")),
        }
    }

    fn put_next(&mut self, at: u8) -> Step {
        let pending: Vec<u64> =
            self.model.sessions.iter().rev().filter(|(_, s)| s.is_pending()).map(|(id, _)| *id).collect();
        let Some(id) = pending.get(usize::from(at) % pending.len().max(1)).copied() else { return Ok(()) };
        let session = &self.model.sessions[&id];
        let mut missing = (0..session.expected).filter(|index| !session.chunks.contains_key(index));
        let Some(index) = missing.next() else { return Ok(()) };
        let (who, bytes) = (session.caller, chunk(session, index, Bytes::Right));
        self.put_bytes(who, id, index, &bytes)
    }

    fn put(&mut self, who: Principal, session: u8, index: u32, kind: Bytes) -> Step {
        let id = self.session_at(session);
        let bytes = match self.model.sessions.get(&id) {
            Some(session) => chunk(session, index, kind),
            None => vec![1; 10],
        };
        self.put_bytes(who, id, index, &bytes)
    }

    fn put_bytes(&mut self, who: Principal, id: u64, index: u32, bytes: &[u8]) -> Step {
        let (now, bounds) = (self.now(), self.subject.bounds());
        let answer =
            self.send::<()>(who, "uploads_put_chunk", (id, index, serde_bytes::Bytes::new(bytes)))?;
        let before = self.model.sessions.get(&id).cloned();
        let want = before.as_ref().map_or(0, |session| Model::wanted(session, index, bytes.len() as u64));
        let full = self.model.heap_used() + want + 4_096 > bounds.heap_bytes_max / 2;
        let expected = self.model.put(&bounds, &who, id, index, bytes, now);
        if answer == Err(api::Error::ResourceExhausted) && expected.is_ok() && full {
            // How fragmented the heap is, the model does not know; that nothing changed, it does.
            drop(before.map(|session| self.model.sessions.insert(id, session)));
            return Ok(());
        }
        agree(&format!("uploads_put_chunk {id} {index}"), &answer, &expected)
    }

    fn finish(&mut self, who: Principal, session: u8, claim: Claim) -> Step {
        let (now, id) = (self.now(), self.session_at(session));
        let (hash, len) = self.claim(id, claim);
        let answer = self.send::<api::UploadFinishResult>(
            who,
            "uploads_finish",
            (id, ByteBuf::from(hash.clone()), len),
        )?;
        let expected = self.model.complete(&who, id, &hash, len);
        match (&answer, expected) {
            (Ok(done), Ok(known)) => {
                if known.as_ref().is_some_and(|known| *known != done.blob_id) {
                    return Err(format!("uploads_finish {id}: {} after {known:?}", done.blob_id));
                }
                if known.is_none() {
                    self.fresh(&done.blob_id)?;
                    let ttl = self.ttl();
                    self.model.seal(id, &done.blob_id, now, ttl);
                }
                let blob = &self.model.blobs[&done.blob_id];
                let facts = (done.size, done.expires_at, done.memory_id.clone());
                let told =
                    (blob.bytes.len() as u64, blob.expires_ns, blob.memory.clone().unwrap_or_default());
                if facts == told {
                    Ok(())
                } else {
                    Err(format!("uploads_finish: {facts:?}, model: {told:?}"))
                }
            }
            (Err(error), Err(model)) => {
                agree::<()>(&format!("uploads_finish {id}"), &Err(error.clone()), &Err(model))
            }
            (answer, expected) => Err(format!("uploads_finish {id}: {answer:?}, model: {expected:?}")),
        }
    }

    /// What a message claims of a session's file.
    fn claim(&self, id: u64, claim: Claim) -> (Vec<u8>, u64) {
        let bytes = self.model.sessions.get(&id).map(Session::bytes).unwrap_or_default();
        let len = bytes.len() as u64;
        match claim {
            Claim::Right => (sha256(&bytes), len),
            Claim::WrongHash => (sha256(b"something else"), len),
            Claim::WrongLength => (sha256(&bytes), len + 1),
            Claim::NoHash => (Vec::new(), len),
        }
    }

    fn abort(&mut self, who: Principal, session: u8) -> Step {
        let (now, id) = (self.now(), self.session_at(session));
        let answer = self.send::<()>(who, "uploads_abort", (id,))?;
        agree("uploads_abort", &answer, &self.model.abort(&who, id, now))
    }

    fn publish(
        &mut self,
        who: Principal,
        capsule: u8,
        sessions: [u8; 2],
        claim: Claim,
        key: u8,
        inline: u8,
    ) -> Step {
        let (now, bounds, capsule) = (self.now(), self.subject.bounds(), self.capsule_at(capsule));
        let kinds = [AssetType::Original, AssetType::Display];
        // The second number is often beyond the sessions that there are: then one session is published.
        let named = [Some(sessions[0]), Some(sessions[1]).filter(|at| *at < 8)];
        let claimed = named.iter().flatten().map(|at| {
            let id = self.session_at(*at);
            let (hash, len) = self.claim(id, claim);
            (id, hash, len)
        });
        let claimed: Vec<(u64, Vec<u8>, u64)> = claimed.collect();
        let bytes = inline_bytes(inline);
        let session = |(kind, (id, hash, len)): (&AssetType, &(u64, Vec<u8>, u64))| api::PublishSession {
            session_id: *id,
            sha256: ByteBuf::from(hash.clone()),
            total_len: *len,
            metadata: samples::asset(*kind, MIME),
        };
        let mut assets: Vec<NewAsset> =
            kinds.iter().zip(&claimed).map(|(kind, _)| (*kind, Source::Blob(String::new()))).collect();
        let inline_assets: Vec<_> =
            bytes.iter().map(|bytes| inline_input(AssetType::Placeholder, bytes)).collect();
        assets.extend(bytes.iter().map(|bytes| (AssetType::Placeholder, Source::Inline(bytes.clone()))));
        let idem = format!("key{key}");
        let request = api::PublishRequest {
            capsule_id: capsule.clone(),
            metadata: samples::memory("a walk"),
            sessions: kinds.iter().zip(&claimed).map(session).collect(),
            inline_assets,
            idem: idem.clone(),
        };
        let key: Key = ("publish", who, capsule.clone(), idem);
        let making = Making {
            key,
            arguments: format!("{:?}{:?}", request.sessions, request.inline_assets),
            assets: &assets,
        };
        let expected = self.model.may_publish(&bounds, &who, &capsule, &making, &claimed);
        let Making { key, arguments, .. } = making;
        let answer = self.send::<api::PublishResult>(who, "uploads_publish", (&request,))?;
        let told = answer.clone().map(|done| published_text(&done));
        match (&answer, expected) {
            (Ok(done), Ok(None)) => {
                self.fresh(&done.memory_id)?;
                for ((id, ..), (published, asset)) in claimed.iter().zip(done.assets.iter().zip(&mut assets))
                {
                    let blob = published.blob_id.clone().ok_or("a session became no blob")?;
                    if self.model.sessions[id].is_pending() {
                        self.fresh(&blob)?;
                        self.model.seal(*id, &blob, now, bounds.session_ttl_ns);
                    } else if self.model.sessions[id].state != SessionState::Finished(blob.clone()) {
                        return Err(format!("uploads_publish: session {id} is another blob than {blob}"));
                    }
                    asset.1 = Source::Blob(blob);
                }
                let id = number(&done.memory_id);
                self.model.make_memory(id, who, &capsule, samples::memory("a walk"), assets, now);
                self.model.answers.insert(key, (arguments, told.expect("it is Ok")));
                Ok(())
            }
            (_, expected) => agree("uploads_publish", &told, &expected.map(Option::unwrap_or_default)),
        }
    }

    fn create(&mut self, who: Principal, capsule: u8, blob: u8, inline: u8, key: u8) -> Step {
        let (now, bounds, capsule) = (self.now(), self.subject.bounds(), self.capsule_at(capsule));
        let blob = self.blob_at(blob);
        let bytes = inline_bytes(inline);
        let mut assets: Vec<NewAsset> = vec![(AssetType::Original, Source::Blob(blob.clone()))];
        assets.extend(bytes.iter().map(|bytes| (AssetType::Thumbnail, Source::Inline(bytes.clone()))));
        let blobs = vec![api::InternalBlobAssetInput {
            blob_id: blob,
            metadata: samples::asset(AssetType::Original, MIME),
        }];
        let inline: Vec<_> = bytes.iter().map(|bytes| inline_input(AssetType::Thumbnail, bytes)).collect();
        let idem = format!("key{key}");
        let method = "memories_create_with_internal_blobs_and_inline_assets";
        let making = Making {
            key: ("memory", who, capsule.clone(), idem.clone()),
            arguments: format!("{assets:?}"),
            assets: &assets,
        };
        let expected = self.model.may_create(&bounds, &who, &capsule, &making);
        let answer =
            self.send::<String>(who, method, (&capsule, samples::memory("a walk"), blobs, inline, idem))?;
        match (&answer, expected) {
            (Ok(id), Ok(None)) => {
                self.fresh(id)?;
                let (key, arguments) = (making.key.clone(), making.arguments.clone());
                self.model.make_memory(number(id), who, &capsule, samples::memory("a walk"), assets, now);
                self.model.answers.insert(key, (arguments, id.clone()));
                Ok(())
            }
            (_, expected) => agree(method, &answer, &expected.map(Option::unwrap_or_default)),
        }
    }

    fn add_asset(&mut self, who: Principal, memory: u8, blob: Option<u8>, kind: u8, key: u8) -> Step {
        let (now, bounds, id) = (self.now(), self.subject.bounds(), self.memory_at(memory));
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        let source = blob
            .map_or_else(|| Source::Inline(vec![kind as u8 + 1; 70]), |at| Source::Blob(self.blob_at(at)));
        let (text, idem) = (format!("mem_{id}"), format!("key{key}"));
        let capsule = self.model.memories.get(&id).map(|memory| memory.capsule.clone()).unwrap_or_default();
        let assets = [(kind, source.clone())];
        let making = Making {
            key: ("asset", who, capsule.clone(), idem.clone()),
            arguments: format!("{id} {assets:?}"),
            assets: &assets,
        };
        let expected = self.model.may_add(&bounds, &who, id, &making);
        let answer = match source.clone() {
            Source::Inline(bytes) => self.send::<String>(
                who,
                "memories_add_inline_asset",
                (text, inline_input(kind, &bytes), &idem),
            )?,
            Source::Blob(blob_id) => {
                let input = api::InternalBlobAssetInput { blob_id, metadata: samples::asset(kind, MIME) };
                self.send::<String>(who, "memories_add_asset", (text, input, &idem))?
            }
        };
        match (&answer, expected) {
            (Ok(asset), Ok(None)) => {
                let (known, arguments) = (making.key.clone(), making.arguments.clone());
                let mut memory = self.model.memories.remove(&id).expect("it is changeable");
                self.model.attach(id, &mut memory, (kind, source), Some((who, capsule.clone(), idem)));
                memory.updated_ns = now;
                let made = memory.assets.last().map(|asset| asset.id.clone());
                self.model.memories.insert(id, memory);
                self.model.capsules.get_mut(&capsule).expect("it is there").updated_ns = now;
                self.model.answers.insert(known, (arguments, asset.clone()));
                if made.as_ref() == Some(asset) { Ok(()) } else { Err(format!("{asset} is not {made:?}")) }
            }
            (_, expected) => agree("memories_add_asset", &answer, &expected.map(Option::unwrap_or_default)),
        }
    }

    fn change(&mut self, operation: Operation) -> Step {
        let (now, ttl) = (self.now(), self.ttl());
        match operation {
            Operation::RemoveAsset { who, memory, asset } => {
                let (who, id) = (person(who), self.memory_at(memory));
                let asset = format!("asset_{}", asset + 1);
                let text = format!("mem_{id}");
                let answer =
                    self.send::<api::AssetRemovalResult>(who, "asset_remove_by_id", (text, &asset))?;
                let expected = self.model.remove_asset(&who, id, &asset, now, ttl);
                agree("asset_remove_by_id", &answer.map(drop), &expected)
            }
            Operation::Update { who, memory, title } => self.update(person(who), memory, title, now),
            Operation::Delete { who, memory, assets } => {
                let (who, id) = (person(who), self.memory_at(memory));
                let expected = self.model.changeable(&who, id).map(drop);
                let answer = self.send::<()>(who, "memories_delete", (format!("mem_{id}"), assets))?;
                agree("memories_delete", &answer, &expected)?;
                if answer.is_ok() {
                    self.model.drop_memory(id, assets, now, ttl);
                }
                Ok(())
            }
            Operation::DeleteBulk { who, capsule, memories, assets } => {
                self.delete_bulk(person(who), capsule, memories, assets)
            }
            Operation::DeleteAll { who, capsule, assets } => self.delete_all(person(who), capsule, assets),
            Operation::DeleteBlob { who, blob } => {
                let (who, id) = (person(who), self.blob_at(blob));
                let answer = self.send::<String>(who, "blob_delete", (&id,))?;
                agree("blob_delete", &answer.map(drop), &self.model.delete_blob(&who, &id))
            }
            other => unreachable!("handled before: {other:?}"),
        }
    }

    fn update(&mut self, who: Principal, memory: u8, title: u8, now: u64) -> Step {
        let id = self.memory_at(memory);
        let data = api::MemoryUpdateData { title: Some(format!("title {title}")), ..Default::default() };
        let answer = self.send::<api::Memory>(who, "memories_update", (format!("mem_{id}"), &data))?;
        let expected = self.model.changeable(&who, id).map(drop);
        if expected.is_ok() {
            let memory = self.model.memories.get_mut(&id).expect("it is changeable");
            memory.metadata.title = data.title;
            memory.metadata.updated_at = now;
            memory.updated_ns = now;
            let capsule = memory.capsule.clone();
            self.model.capsules.get_mut(&capsule).expect("it is there").updated_ns = now;
        }
        agree("memories_update", &answer.map(drop), &expected)
    }

    fn delete_bulk(&mut self, who: Principal, capsule: u8, memories: [u8; 2], assets: bool) -> Step {
        let (now, ttl, capsule) = (self.now(), self.ttl(), self.capsule_at(capsule));
        let ids: Vec<u64> = memories.iter().map(|at| self.memory_at(*at)).collect();
        let texts: Vec<String> = ids.iter().map(|id| format!("mem_{id}")).collect();
        let answer =
            self.send::<api::BulkDeleteResult>(who, "memories_delete_bulk", (&capsule, texts, assets))?;
        let expected = Model::somebody(&who).and_then(|()| self.model.require(&capsule, &who, Role::Member));
        let expected = expected.map(|()| {
            let mut counts = (0, 0);
            for id in ids {
                let may = self.model.changeable(&who, id).is_ok_and(|memory| memory.capsule == capsule);
                if may {
                    self.model.drop_memory(id, assets, now, ttl);
                    counts.0 += 1;
                } else {
                    counts.1 += 1;
                }
            }
            counts
        });
        agree("memories_delete_bulk", &answer.map(|done| (done.deleted_count, done.failed_count)), &expected)
    }

    fn delete_all(&mut self, who: Principal, capsule: u8, assets: bool) -> Step {
        let (now, ttl, capsule) = (self.now(), self.ttl(), self.capsule_at(capsule));
        let answer = self.send::<api::BulkDeleteResult>(who, "memories_delete_all", (&capsule, assets))?;
        let expected = Model::somebody(&who).and_then(|()| self.model.require(&capsule, &who, Role::Admin));
        let expected = expected.map(|()| {
            let own = self.model.memories.iter().filter(|(_, memory)| memory.capsule == capsule);
            let ids: Vec<u64> = own.map(|(id, _)| *id).collect();
            for id in &ids {
                self.model.drop_memory(*id, assets, now, ttl);
            }
            u32::try_from(ids.len()).expect("a small world")
        });
        agree("memories_delete_all", &answer.map(|done| done.deleted_count), &expected)
    }
}

const KINDS: [AssetType; 7] = [
    AssetType::Original,
    AssetType::Display,
    AssetType::Thumbnail,
    AssetType::Placeholder,
    AssetType::Preview,
    AssetType::Derivative,
    AssetType::Metadata,
];

fn agree<T: PartialEq + Debug>(what: &str, system: &Answer<T>, model: &Answer<T>) -> Step {
    if same(system, model) { Ok(()) } else { Err(format!("{what}: {system:?}, model: {model:?}")) }
}

/// A session that was announced: its key and `announce` decide its shape.
fn announced(capsule: String, caller: Principal, idem: String, announce: u8, now_ns: u64) -> Session {
    let expected = match announce {
        0 => 0,
        1 => 20_000,
        other => u32::from(other % 5) + 1,
    };
    let mut session = Session {
        capsule,
        caller,
        idem,
        expected,
        options: api::BeginOptions::default(),
        chunks: std::collections::BTreeMap::new(),
        last_seen_ns: now_ns,
        state: SessionState::Pending,
    };
    let whole: Vec<u8> =
        (0..expected.min(6)).flat_map(|index| chunk(&session, index, Bytes::Right)).collect();
    session.options = match announce {
        5..=7 => api::BeginOptions { total_len: Some(whole.len() as u64), ..Default::default() },
        8 => api::BeginOptions { sha256: Some(ByteBuf::from(sha256(&whole))), ..Default::default() },
        9 => api::BeginOptions { total_len: Some(whole.len() as u64 + 1), ..Default::default() },
        10 => api::BeginOptions { total_len: Some(1 << 40), ..Default::default() },
        11 => api::BeginOptions { mime_type: Some("image/png".into()), ..Default::default() },
        _ => api::BeginOptions::default(),
    };
    session
}

/// The bytes of a chunk: those of the file that the session's key stands for, or others.
fn chunk(session: &Session, index: u32, kind: Bytes) -> Vec<u8> {
    let seed = session.idem.bytes().last().unwrap_or(b'0') - b'0';
    let body = usize::from(seed) * 1_301 + 40;
    let len = if index + 1 == session.expected { body - usize::from(seed) * 7 } else { body };
    let fill =
        u8::try_from(index % 200).expect("below 200").wrapping_add(seed.wrapping_mul(31)).wrapping_add(1);
    match kind {
        Bytes::Right => vec![fill; len],
        Bytes::Other => vec![fill ^ 0x80; len],
        Bytes::Shorter => vec![fill; len - 1],
        Bytes::Longer => vec![fill; len + 1],
        Bytes::Empty => Vec::new(),
        Bytes::Oversized => vec![fill; 1_800_001],
    }
}

fn inline_bytes(choice: u8) -> Option<Vec<u8>> {
    match choice {
        0 => Some(Vec::new()),
        1 => Some(vec![1; 32_769]),
        2 => Some(vec![2; 300]),
        3 => Some(vec![3; 9_000]),
        _ => None,
    }
}

fn inline_input(kind: AssetType, bytes: &[u8]) -> api::InlineAssetInput {
    api::InlineAssetInput { bytes: ByteBuf::from(bytes.to_vec()), metadata: samples::asset(kind, MIME) }
}

fn published_text(done: &api::PublishResult) -> String {
    format!("{} {:?} {}", done.memory_id, done.assets, done.published_at)
}
