//! Steps of upload sessions, and the files that their keys stand for.

use super::{Signer, Step, Stepper, agree, round};
use crate::model::Subject;
use crate::model::operation::{Bytes, Claim, ENTITLED};
use crate::model::state::{Session, SessionState};
use crate::model::uploads::sha256;
use candid::Principal;
use keepsake_client::api;
use serde_bytes::ByteBuf;

impl<S: Subject> Stepper<'_, S> {
    pub(super) fn begin(&mut self, who: u8, capsule: u8, key: u8, announce: u8) -> Step {
        let (now, bounds, idem) = (self.now(), self.subject.bounds(), format!("key{key}"));
        let capsule = self.capsule_at(capsule);
        let who = self.owner(who, &capsule);
        let fresh = announced(capsule, who.account, idem.clone(), announce, now);
        let args = (&fresh.capsule, fresh.expected, &idem, Some(&fresh.options));
        let answer = self.send::<u64>(who, "uploads_begin", args)?;
        let expected = self.model.begin(&bounds, &who.account, &fresh, now);
        let total = fresh.options.total_len.unwrap_or(0);
        if answer.is_ok() {
            self.model.note_seen(&who.key, now);
        }
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
            // What is announced must fit the heap as it is now.
            (Err(api::Error::ResourceExhausted), Ok(None)) if self.heap_may_be_full(total) => Ok(()),
            _ => Err(format!("uploads_begin: {answer:?}, model: {expected:?}")),
        }
    }

    /// How fragmented the heap is, the model does not know.
    pub(super) fn heap_may_be_full(&self, more: u64) -> bool {
        let bytes = self.model.heap_used() + 2 * more.next_multiple_of(4_096);
        bytes > self.subject.bounds().heap_bytes_max / 2
    }

    pub(super) fn put_next(&mut self, at: u8) -> Step {
        let pending: Vec<u64> =
            self.model.sessions.iter().rev().filter(|(_, s)| s.is_pending()).map(|(id, _)| *id).collect();
        let Some(id) = pending.get(usize::from(at) % pending.len().max(1)).copied() else { return Ok(()) };
        let session = &self.model.sessions[&id];
        let mut missing = (0..session.expected).filter(|index| !session.chunks.contains_key(index));
        let Some(index) = missing.next() else { return Ok(()) };
        let (who, bytes) = (self.device_of(&session.caller), chunk(session, index, Bytes::Right));
        self.put_bytes(who, id, index, &bytes)
    }

    pub(super) fn put(&mut self, who: Signer, session: u8, index: u32, kind: Bytes) -> Step {
        let id = self.session_at(session);
        let bytes = match self.model.sessions.get(&id) {
            Some(session) => chunk(session, index, kind),
            None => vec![1; 10],
        };
        self.put_bytes(who, id, index, &bytes)
    }

    fn put_bytes(&mut self, who: Signer, id: u64, index: u32, bytes: &[u8]) -> Step {
        let answer =
            self.send::<()>(who, "uploads_put_chunk", (id, index, serde_bytes::Bytes::new(bytes)))?;
        self.was_put(who, id, index, bytes, &answer)
    }

    /// Holds the answer to a chunk to the model, whatever road it came by.
    pub(super) fn was_put(
        &mut self,
        who: Signer,
        id: u64,
        index: u32,
        bytes: &[u8],
        answer: &api::Answer<()>,
    ) -> Step {
        let (now, bounds) = (self.now(), self.subject.bounds());
        let before = self.model.sessions.get(&id).cloned();
        let full = self.heap_may_be_full(bytes.len() as u64);
        let expected = self.model.put(&bounds, &who.account, id, index, bytes, now);
        if *answer == Err(api::Error::ResourceExhausted) && expected.is_ok() && full {
            // How fragmented the heap is, the model does not know; that nothing changed, it does.
            drop(before.map(|session| self.model.sessions.insert(id, session)));
            return Ok(());
        }
        agree(&format!("uploads_put_chunk {id} {index}"), answer, &expected)
    }

    /// The first chunk that a session misses, or its first one.
    pub(super) fn next_chunk(&self, id: u64) -> (u32, Vec<u8>) {
        let Some(session) = self.model.sessions.get(&id) else { return (0, vec![1; 10]) };
        let missing = (0..session.expected).find(|index| !session.chunks.contains_key(index));
        let index = missing.unwrap_or(0);
        (index, chunk(session, index, Bytes::Right))
    }

    pub(super) fn finish(&mut self, who: u8, session: u8, claim: Claim) -> Step {
        let (now, ready) = (self.now(), self.ready());
        // Half of those that are entitled finish what is ready.
        let whole =
            round(session, ready.into_iter()).filter(|_| who == ENTITLED && session.is_multiple_of(2));
        let id = whole.unwrap_or_else(|| self.session_at(session));
        let who = self.by(who, |model| model.sessions.get(&id).map(|session| session.caller));
        let (hash, len) = self.claim(id, claim);
        let answer = self.send::<api::UploadFinishResult>(
            who,
            "uploads_finish",
            (id, ByteBuf::from(hash.clone()), len),
        )?;
        let expected = self.model.complete(&who.account, id, &hash, len);
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
    pub(super) fn claim(&self, id: u64, claim: Claim) -> (Vec<u8>, u64) {
        let bytes = self.model.sessions.get(&id).map(Session::bytes).unwrap_or_default();
        let len = bytes.len() as u64;
        match claim {
            Claim::Right => (sha256(&bytes), len),
            Claim::WrongHash => (sha256(b"something else"), len),
            Claim::WrongLength => (sha256(&bytes), len + 1),
            Claim::NoHash => (Vec::new(), len),
        }
    }

    pub(super) fn abort(&mut self, who: Signer, session: u8) -> Step {
        let (now, id) = (self.now(), self.session_at(session));
        let answer = self.send::<()>(who, "uploads_abort", (id,))?;
        agree("uploads_abort", &answer, &self.model.abort(&who.account, id, now))
    }
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
        12 => {
            api::BeginOptions { sha256: Some(ByteBuf::from(sha256(b"another file"))), ..Default::default() }
        }
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
