//! What the model says of capsules and uploads. Each rule takes the message, answers as the service must, and
//! changes the model where the answer is `Ok`.

use super::state::{Blob, Bounds, Capsule, Model, Session, SessionState};
use candid::Principal;
use keepsake_client::api::{BeginOptions, Error, PersonRef, Role};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

pub(super) fn invalid(code: &str) -> Error {
    Error::InvalidArgument(code.to_owned())
}

pub(super) fn conflict(code: &str) -> Error {
    Error::Conflict(code.to_owned())
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

impl Model {
    /// The caller's own capsule that a create returns, where it is there already.
    pub(super) fn own_capsule_about(&self, who: &Principal, subject: &PersonRef) -> Option<&String> {
        let id = self.own.get(who).filter(|_| *subject == PersonRef::Principal(*who))?;
        let owned = self.role(id, who) == Some(Role::Owner);
        Some(id).filter(|_| owned)
    }

    pub(super) fn create_capsule(&mut self, id: &str, who: Principal, subject: PersonRef, now_ns: u64) {
        let members = [(who, Role::Owner)].into();
        let grants = [(who, 0)].into();
        if subject == PersonRef::Principal(who) {
            self.own.insert(who, id.to_owned());
        }
        let capsule = Capsule {
            subject,
            creator: who,
            name: None,
            given: None,
            members,
            accepted: BTreeSet::from([who]),
            grants,
            said_yes: std::collections::BTreeMap::new(),
            created_ns: now_ns,
            updated_ns: now_ns,
        };
        self.capsules.insert(id.to_owned(), capsule);
    }

    pub(super) fn grant(
        &mut self,
        who: &Principal,
        id: &str,
        to: Principal,
        role: Option<Role>,
        now_ns: u64,
    ) -> Result<(), Error> {
        Self::somebody(who)?;
        self.require(id, who, Role::Owner)?;
        let to = self.account_of(&to);
        if role.is_some() && self.is_link(&to) {
            return Err(invalid("role_not_for_link"));
        }
        if to == Principal::anonymous() && role.is_some_and(|role| role != Role::Guest) {
            return Err(invalid("role_not_for_anonymous"));
        }
        self.keeps_an_owner(id, &to, role)?;
        if role != Some(Role::Owner) {
            self.end_ways_of(id, &to);
        }
        match role {
            Some(role) => {
                let accepted = to == *who || self.has_accepted(id, &to);
                self.give_role(id, to, role, accepted, now_ns);
            }
            None => self.drop_role(id, &to, now_ns),
        }
        Ok(())
    }

    /// Refuses where no owner would be left who said yes to it.
    pub(super) fn keeps_an_owner(&self, id: &str, of: &Principal, role: Option<Role>) -> Result<(), Error> {
        let members = &self.capsules[id].members;
        let owns = |(who, role): (&Principal, &Role)| {
            *role == Role::Owner && who != of && self.has_accepted(id, who) && !self.person(who).blocked
        };
        let loses = members.get(of) == Some(&Role::Owner) && role != Some(Role::Owner);
        if loses && !members.iter().any(owns) { Err(conflict("last_owner")) } else { Ok(()) }
    }

    pub(super) fn has_accepted(&self, id: &str, who: &Principal) -> bool {
        self.capsules[id].accepted.contains(who)
    }

    pub(super) fn give_role(&mut self, id: &str, to: Principal, role: Role, accepted: bool, now_ns: u64) {
        self.grants += 1;
        let capsule = self.capsules.get_mut(id).expect("a role implies a capsule");
        capsule.members.insert(to, role);
        if accepted {
            self.grants += 1;
            capsule.say_yes(to, self.grants);
        }
        capsule.grants.entry(to).or_insert(self.grants);
        capsule.updated_ns = now_ns;
    }

    /// Nothing happens where there is none.
    pub(super) fn drop_role(&mut self, id: &str, of: &Principal, now_ns: u64) {
        let capsule = self.capsules.get_mut(id).expect("a role implies a capsule");
        if capsule.members.remove(of).is_some() {
            capsule.accepted.remove(of);
            capsule.grants.remove(of);
            capsule.said_yes.remove(of);
            capsule.updated_ns = now_ns;
        }
    }

    /// `Ok(Some(id))`: the session that is there; `Ok(None)`: a new one.
    pub(super) fn begin(
        &mut self,
        bounds: &Bounds,
        who: &Principal,
        fresh: &Session,
        now_ns: u64,
    ) -> Result<Option<u64>, Error> {
        Self::somebody(who)?;
        self.require(&fresh.capsule, who, Role::Member)?;
        check_announced(fresh.expected, &fresh.options)?;
        let same = |session: &&mut Session| {
            session.is_pending()
                && session.caller == *who
                && session.capsule == fresh.capsule
                && session.idem == fresh.idem
        };
        let ids: Vec<u64> = self.sessions.keys().copied().collect();
        for id in ids {
            let Some(session) = self.sessions.get_mut(&id).filter(|session| same(session)) else { continue };
            if (session.expected, &session.options) != (fresh.expected, &fresh.options) {
                return Err(conflict("idem_reused"));
            }
            session.last_seen_ns = now_ns;
            return Ok(Some(id));
        }
        let total = fresh.options.total_len.unwrap_or(0);
        let room = self.pending_of(who) < bounds.sessions_per_caller_max as usize
            && self.caller_in_flight(who) + total <= bounds.bytes_in_flight_per_caller_max
            && total <= bounds.heap_bytes_max
            && (total == 0 || self.quota_allows(bounds, &fresh.capsule, total));
        let record = super::usage::of_blob(fresh.options.mime_type.as_ref());
        self.records_allow(bounds, &fresh.capsule, record)?;
        if room { Ok(None) } else { Err(Error::ResourceExhausted) }
    }

    /// To look at and to abort; whatever the caller's role is by now.
    pub(super) fn own_session(&self, who: &Principal, id: u64) -> Result<&Session, Error> {
        Self::somebody(who)?;
        self.sessions.get(&id).filter(|session| session.caller == *who).ok_or(Error::NotFound)
    }

    /// Whether chunks of it may be put by a ticket.
    pub(super) fn may_mint_ticket(&self, who: &Principal, id: u64) -> Result<(), Error> {
        let session = self.writable_session(who, id)?;
        if session.state == SessionState::Aborted { Err(Error::NotFound) } else { Ok(()) }
    }

    fn writable_session(&self, who: &Principal, id: u64) -> Result<&Session, Error> {
        let session = self.own_session(who, id)?;
        self.require(&session.capsule, who, Role::Member)?;
        Ok(session)
    }

    /// The answer to a put; the bytes are taken where it is `Ok`. The host may also say that its heap is full: then
    /// `heap_full` is asked.
    pub(super) fn put(
        &mut self,
        bounds: &Bounds,
        who: &Principal,
        id: u64,
        index: u32,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<(), Error> {
        let session = self.writable_session(who, id)?;
        if bytes.is_empty() {
            return Err(invalid("chunk_empty"));
        }
        if bytes.len() > 1_800_000 {
            return Err(invalid("chunk_too_large"));
        }
        if index >= session.expected {
            return Err(invalid("chunk_index_out_of_range"));
        }
        match &session.state {
            SessionState::Aborted => return Err(Error::NotFound),
            SessionState::Finished(blob) => {
                let same =
                    self.blobs.contains_key(blob) && session.chunks.get(&index).is_some_and(|c| c == bytes);
                return if same { Ok(()) } else { Err(conflict("session_finished")) };
            }
            SessionState::Pending => {}
        }
        if let Some(known) = session.chunks.get(&index) {
            if known != bytes {
                return Err(conflict("chunk_differs"));
            }
        } else {
            if !session.fits(index, bytes.len() as u64) {
                return Err(invalid("chunk_length_differs"));
            }
            let want = Self::wanted(session, bytes.len() as u64);
            let in_flight = self.caller_in_flight(who) + want;
            if want > 0
                && (in_flight > bounds.bytes_in_flight_per_caller_max
                    || !self.quota_allows(bounds, &session.capsule, want))
            {
                return Err(Error::ResourceExhausted);
            }
        }
        let session = self.sessions.get_mut(&id).expect("it was found above");
        session.chunks.insert(index, bytes.to_vec());
        session.last_seen_ns = now_ns;
        Ok(())
    }

    /// Bytes that the session is charged for a new chunk: what was announced is charged already.
    fn wanted(session: &Session, len: u64) -> u64 {
        if session.options.total_len.is_some() { 0 } else { len }
    }

    /// Whether the session can become a blob, or which one it is.
    pub(super) fn complete(
        &self,
        who: &Principal,
        id: u64,
        hash: &[u8],
        total_len: u64,
    ) -> Result<Option<String>, Error> {
        let session = self.writable_session(who, id)?;
        if hash.len() != 32 {
            return Err(invalid("sha256_length"));
        }
        match &session.state {
            SessionState::Aborted => return Err(Error::NotFound),
            SessionState::Finished(id) => {
                let blob = self.blobs.get(id).ok_or(Error::NotFound)?;
                return check_claim(&blob.bytes, hash, total_len).map(|()| Some(id.clone()));
            }
            SessionState::Pending => {}
        }
        if session.chunks.len() < session.expected as usize {
            return Err(invalid("chunks_missing"));
        }
        check_claim(&session.bytes(), hash, total_len)?;
        let announced = session.options.sha256.as_ref().is_none_or(|announced| announced[..] == *hash);
        if announced { Ok(None) } else { Err(invalid("sha256_differs")) }
    }

    pub(super) fn seal(&mut self, id: u64, blob: &str, now_ns: u64, ttl_ns: u64) {
        let session = self.sessions.get_mut(&id).expect("it was complete");
        session.state = SessionState::Finished(blob.to_owned());
        session.last_seen_ns = now_ns;
        let made = Blob {
            capsule: session.capsule.clone(),
            creator: session.caller,
            bytes: session.bytes(),
            chunks: session.expected.into(),
            mime_type: session.options.mime_type.clone(),
            created_ns: now_ns,
            expires_ns: Some(now_ns + ttl_ns),
            memory: None,
        };
        let capsule = session.capsule.clone();
        self.blobs.insert(blob.to_owned(), made);
        self.capsules.get_mut(&capsule).expect("a session's capsule is there").updated_ns = now_ns;
    }

    pub(super) fn abort(&mut self, who: &Principal, id: u64, now_ns: u64) -> Result<(), Error> {
        let state = self.own_session(who, id)?.state.clone();
        match state {
            SessionState::Aborted => Ok(()),
            SessionState::Finished(_) => Err(conflict("session_finished")),
            SessionState::Pending => {
                let session = self.sessions.get_mut(&id).expect("it was found above");
                session.state = SessionState::Aborted;
                session.last_seen_ns = now_ns;
                Ok(())
            }
        }
    }
}

fn check_announced(expected: u32, options: &BeginOptions) -> Result<(), Error> {
    let most = options.total_len.map_or(16_384, |len| (len / 65_536).clamp(16_384, 1 << 20));
    if expected == 0 || u64::from(expected) > most {
        return Err(invalid("expected_chunks_out_of_range"));
    }
    let cut = |len: u64| len >= u64::from(expected) && len <= u64::from(expected) * 1_800_000;
    if options.total_len.is_none_or(cut) { Ok(()) } else { Err(invalid("total_len_out_of_range")) }
}

fn check_claim(bytes: &[u8], hash: &[u8], total_len: u64) -> Result<(), Error> {
    if bytes.len() as u64 != total_len {
        return Err(invalid("total_len_differs"));
    }
    if sha256(bytes) == hash { Ok(()) } else { Err(invalid("sha256_differs")) }
}
