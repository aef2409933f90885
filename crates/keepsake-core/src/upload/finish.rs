//! Completion: a session that has everything becomes a blob. Owns the comparison and the change, apart, so that a
//! publish can compare several sessions before it changes anything, and so that a refusal changes nothing.

use super::{SessionRecord, SessionState, Store, UploadError, checked_sha256};
use crate::access::Denied;
use crate::call::Call;
use crate::charge;
use crate::ids::{BlobId, CapsuleId, MemoryId, ObjectId, SessionId};
use crate::limits::{BLOB_TTL_NS, FINISHED_PER_PENDING_MAX, HASH_CATCH_UP_FINISH_BYTES};
use crate::objects::Holder;
use crate::tables::blobs::{BlobRecord, BlobRuns};
use crate::tables::capsules::CapsuleRecord;
use crate::tables::sessions::Listed;
use ic_stable_structures::Memory;

/// What finish and publish compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// SHA-256 of the whole file.
    pub sha256: &'a [u8],
    /// Length of the whole file, bytes.
    pub total_len: u64,
}

/// How far a finish or a publish got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// It is done.
    Done(T),
    /// The hash still advances over chunks that came out of order: the same message again does the next part. Nothing that
    /// anybody sees has changed.
    Hashing {
        /// Chunks hashed.
        hashed: u32,
        /// Chunks in all.
        expected: u32,
    },
}

impl<T> Progress<T> {
    /// What was done; none while the hash advances.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Hashing { .. } => None,
        }
    }
}

/// A session that may become a blob, or is one already.
#[derive(Clone, Debug)]
pub(crate) enum Complete {
    Ready(Box<Ready>),
    Already(BlobId),
}

/// A session whose bytes are all here, and their SHA-256.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    id: SessionId,
    session: SessionRecord,
    sha256: [u8; 32],
}

/// A session whose claim may be true, hashed as far as the budget went.
#[derive(Clone, Debug)]
pub(crate) enum Hashed {
    /// To the end, and the claim is true.
    Complete(Complete),
    /// Not to the end, or to the end of another file than was claimed. To be stored, so that the next message goes on
    /// there and no byte is hashed twice.
    Part(SessionId, Box<SessionRecord>),
}

/// Sessions of one caller and one capsule, and files that came along, that became blobs in this message, to be counted
/// together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealed {
    sessions: Vec<SessionId>,
    charged_bytes: u64,
    received_bytes: u64,
    record_bytes: u64,
}

impl Sealed {
    /// A blob that no session was charged for before.
    pub(crate) fn add_carried(&mut self, blob: &BlobRecord) {
        self.received_bytes += blob.len;
        self.record_bytes += charge::of_blob(blob);
    }

    /// Counts them in their capsule.
    pub(crate) fn count_in(&self, capsule: &mut CapsuleRecord) {
        capsule.bytes_in_flight -= self.charged_bytes;
        capsule.bytes_used += self.received_bytes;
        capsule.record_bytes += self.record_bytes;
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Turns a complete session into a blob; never reads the file back in one go, never moves it. Repeated: the same
    /// blob. O(1), and up to [`HASH_CATCH_UP_FINISH_BYTES`] of chunks that came out of order.
    ///
    /// # Errors
    /// [`UploadError`]; the session stays pending.
    pub fn upload_finish(
        &mut self,
        call: &Call,
        id: SessionId,
        sha256: &[u8],
        total_len: u64,
    ) -> Result<Progress<(BlobId, BlobRecord)>, UploadError> {
        let mut budget = HASH_CATCH_UP_FINISH_BYTES;
        let session = self.writable_session(call, id)?;
        if session.state == SessionState::Pending {
            // Before the hash goes on: its work would be lost with the refusal.
            self.require_record_room(0)?;
        }
        match self.check_complete(id, session, &Claim { sha256, total_len }, &mut budget)? {
            Hashed::Complete(Complete::Already(blob)) => {
                let record = self.blobs.get(blob).ok_or(Denied::NotFound)?;
                Ok(Progress::Done((blob, record)))
            }
            Hashed::Complete(Complete::Ready(ready)) => {
                let capsule = CapsuleId(ready.session.capsule);
                let mut sealed = Sealed::default();
                let made = self.seal(call, *ready, None, &mut sealed);
                self.count_sealed(call, &sealed);
                self.capsules.update(capsule, |c| {
                    sealed.count_in(c);
                    c.updated_ns = call.now_ns;
                });
                Ok(Progress::Done(made))
            }
            Hashed::Part(id, session) => Ok(self.keep_hash(id, &session)),
        }
    }

    /// Stores how far the hash of a session got.
    pub(crate) fn keep_hash<T>(&mut self, id: SessionId, session: &SessionRecord) -> Progress<T> {
        self.sessions.put(id, session);
        Progress::Hashing { hashed: session.hashed, expected: session.expected }
    }

    /// Compares a writable session with what the caller says of it, after its hash went on within `budget`. Changes
    /// nothing that is stored.
    pub(crate) fn check_complete(
        &self,
        id: SessionId,
        mut session: SessionRecord,
        claim: &Claim<'_>,
        budget: &mut u64,
    ) -> Result<Hashed, UploadError> {
        let sha256 = checked_sha256(claim.sha256)?;
        match session.state {
            SessionState::Aborted => return Err(Denied::NotFound.into()),
            SessionState::Finished(blob) => return self.check_again(BlobId(blob), &sha256, claim.total_len),
            SessionState::Pending => {}
        }
        if session.object.is_some() && session.received == 0 {
            return Err(UploadError::ObjectPending);
        }
        check_counts(&session, claim.total_len)?;
        if session.sha256.is_some_and(|announced| *announced != sha256) {
            return Err(UploadError::Sha256Differs);
        }
        if session.object.is_some() {
            // The host hashed what is in the bucket, and found what was announced.
            return Ok(Hashed::Complete(Complete::Ready(Box::new(Ready { id, session, sha256 }))));
        }
        let before = session.hashed;
        self.advance_hash(id, &mut session, None, budget);
        if session.hashed < session.expected {
            return Ok(Hashed::Part(id, Box::new(session)));
        }
        if session.rolling.digest() != sha256 {
            // Work that is not kept could be asked for again and again: the same message refuses next time.
            let worked = session.hashed > before;
            let refused = Err(UploadError::Sha256Differs);
            return if worked { Ok(Hashed::Part(id, Box::new(session))) } else { refused };
        }
        Ok(Hashed::Complete(Complete::Ready(Box::new(Ready { id, session, sha256 }))))
    }

    fn check_again(&self, blob: BlobId, sha256: &[u8; 32], total_len: u64) -> Result<Hashed, UploadError> {
        let record = self.blobs.get(blob).ok_or(Denied::NotFound)?;
        if record.len != total_len {
            return Err(UploadError::TotalLenDiffers { received: record.len, given: total_len });
        }
        if *record.sha256 != *sha256 {
            return Err(UploadError::Sha256Differs);
        }
        Ok(Hashed::Complete(Complete::Already(blob)))
    }

    /// The change itself: blob and indexes in one go. The session was checked; [`Self::count_sealed`] comes after. An asset of the
    /// memory that it is `published_with` refers to it; without one it expires.
    pub(crate) fn seal(
        &mut self,
        call: &Call,
        ready: Ready,
        published_with: Option<MemoryId>,
        sealed: &mut Sealed,
    ) -> (BlobId, BlobRecord) {
        let Ready { id, mut session, sha256 } = ready;
        self.close_session(id, &session);
        sealed.sessions.push(id);
        sealed.charged_bytes += session.charged();
        sealed.received_bytes += session.bytes_received;
        let place = session.place(id);
        let blob = BlobRecord {
            capsule: session.capsule,
            creator: session.caller,
            len: session.bytes_received,
            sha256: sha256.into(),
            mime_type: session.mime_type.clone(),
            created_ns: call.now_ns,
            expires_ns: published_with.is_none().then(|| call.now_ns.saturating_add(BLOB_TTL_NS)),
            references: published_with.is_some().into(),
            extents: place.extents,
            memory: published_with.map(|memory| memory.0),
            runs: place.runs.map(|runs| BlobRuns { session: id.0, chunk_len: runs.chunk_len }),
            object: session.object,
        };
        sealed.record_bytes += charge::of_blob(&blob);
        let blob_id = self.add_blob(&blob);
        if let Some(object) = session.object {
            self.hand_object(ObjectId(object), Holder::Blob(blob_id.0));
        }
        session.give_up_place();
        self.sessions.keep_ended(id, &mut session, SessionState::Finished(blob_id.0), call.now_ns);
        (blob_id, blob)
    }

    /// Counts what [`Self::seal`] did in the caller's record, once for all sessions of the message. In their capsule:
    /// see [`Sealed::count_in`].
    pub(crate) fn count_sealed(&mut self, call: &Call, sealed: &Sealed) {
        let Sealed { sessions, charged_bytes, .. } = sealed;
        if sessions.is_empty() {
            return;
        }
        let (count, mut finished) = (sessions.len() as u64, 0);
        self.callers.update(&call.caller, |c| {
            c.pending_sessions -= u32::try_from(count).expect("at most four");
            c.bytes_in_flight -= charged_bytes;
            c.finished_sessions += count;
            finished = c.finished_sessions;
        });
        let most = FINISHED_PER_PENDING_MAX * u64::from(self.config().quotas.sessions_per_caller_max);
        let beyond = finished.saturating_sub(most);
        self.trim_ended(&call.caller, Listed::Finished, beyond, sessions);
    }
}

fn check_counts(session: &SessionRecord, total_len: u64) -> Result<(), UploadError> {
    if session.received < session.expected {
        return Err(UploadError::ChunksMissing { received: session.received, expected: session.expected });
    }
    if session.bytes_received != total_len {
        return Err(UploadError::TotalLenDiffers { received: session.bytes_received, given: total_len });
    }
    Ok(())
}
