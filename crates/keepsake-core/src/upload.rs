//! Upload sessions: metadata only, never bytes. Owns begin, status and abort; chunks are in `upload/put.rs`,
//! completion in `upload/finish.rs`, bytes that go to a bucket in `upload/elsewhere.rs`.
//!
//! A session knows counts, a bitset of received indices, what it is charged for, and a rolling SHA-256 over the
//! contiguous prefix. All chunks but the last have one length; they lie in runs that open as chunks arrive
//! (`upload/place.rs`). What a file announces counts for the quotas at once, and takes no heap.
//! A session ends by finish, by abort, or by the TTL tick, and by nothing else.

mod elsewhere;
mod finish;
mod list;
mod place;
mod put;

pub use elsewhere::{Attestation, part_bytes};
pub use finish::{Claim, Progress};
pub(crate) use finish::{Complete, Hashed, Sealed};
pub use list::{SessionView, SessionsStats, UploadStatus};

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::charge;
use crate::ids::{BlobId, CapsuleId, ObjectId, SessionId};
use crate::limits::{
    ABORTED_PER_CALLER_MAX, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN_BEYOND, CHUNKS_MAX, CHUNKS_MAX_WITH_TOTAL_LEN,
    OBJECT_BYTES_MAX, OBJECT_TEXT_BYTES_MAX, RUNS_SLICE, SESSION_TTL_NS, SESSIONS_PER_PUBLISH_MAX,
    TEXT_SHORT_BYTES_MAX,
};
use crate::refusal::{Refusal, RefusalKind};
pub use crate::rolling::Rolling;
use crate::room::{Exhausted, Usage};
use crate::store::Store;
use crate::tables::capsules::ItemKind;
use crate::tables::due::DueKind;
use crate::tables::idem::{IdemError, Scope, idem_key};
use crate::tables::sessions::Listed;
pub use crate::tables::sessions::{SessionRecord, SessionState};
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// Ended sessions that one message forgets: one more than it ends, so that what was there before gets less too.
const TRIMMED_MAX: usize = SESSIONS_PER_PUBLISH_MAX + 1;

/// What the client knows about a file before it sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeginOptions {
    /// Length of the whole file, bytes.
    pub total_len: Option<u64>,
    /// SHA-256 of the whole file.
    pub sha256: Option<Vec<u8>>,
    /// MIME type of the file.
    pub mime_type: Option<String>,
    /// Its bytes go to the host's bucket, by addresses that the host signs. Length and SHA-256 are needed then.
    pub elsewhere: bool,
}

/// Why an operation on sessions is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// No such session for this caller, or too small a role.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The idempotency key.
    #[error(transparent)]
    Idem(#[from] IdemError),
    /// Too few or too many chunks.
    #[error("expected_chunks_out_of_range: {given}, allowed 1..={most}")]
    ExpectedChunks {
        /// As given.
        given: u32,
        /// The limit that applies.
        most: u32,
    },
    /// The length cannot be cut into that many chunks.
    #[error(
        "total_len_out_of_range: {total_len} bytes do not make {expected_chunks} chunks of 1..={CHUNK_BYTES_MAX}"
    )]
    TotalLen {
        /// As given.
        total_len: u64,
        /// As given.
        expected_chunks: u32,
    },
    /// Not 32 bytes.
    #[error("sha256_length: {0} bytes, a SHA-256 has 32")]
    Sha256Length(usize),
    /// The MIME type is too long.
    #[error("text_too_long: mime_type has {0} bytes, allowed {TEXT_SHORT_BYTES_MAX}")]
    MimeTypeLength(usize),
    /// There is no room: the data say of what.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// More bytes than a chunk may have.
    #[error("chunk_too_large: {0} > {CHUNK_BYTES_MAX}")]
    ChunkTooLarge(usize),
    /// No bytes.
    #[error("chunk_empty: a chunk has at least one byte")]
    ChunkEmpty,
    /// No such chunk.
    #[error("chunk_index_out_of_range: {index}, expected_chunks is {expected}")]
    ChunkIndex {
        /// As given.
        index: u32,
        /// Chunks announced at begin.
        expected: u32,
    },
    /// The chunk's length does not fit the others, or the total.
    #[error("chunk_length_differs: chunk {index} has {given} bytes, {fits}")]
    ChunkLength {
        /// As given.
        index: u32,
        /// Bytes given.
        given: u64,
        /// What would fit.
        fits: String,
    },
    /// Other bytes came for this index before.
    #[error("chunk_differs: other bytes were received for index {0}")]
    ChunkDiffers(u32),
    /// The session is a blob now.
    #[error("session_finished: it is {0} now")]
    Finished(BlobId),
    /// Not everything is here.
    #[error("chunks_missing: {received} of {expected} received")]
    ChunksMissing {
        /// Chunks received.
        received: u32,
        /// Chunks announced.
        expected: u32,
    },
    /// Not that many bytes.
    #[error("total_len_differs: {received} bytes received, {given} given")]
    TotalLenDiffers {
        /// Bytes received.
        received: u64,
        /// Bytes given.
        given: u64,
    },
    /// What goes to the bucket is announced with length and SHA-256.
    #[error("announcement_missing: a file that goes to the bucket is begun with its {0}")]
    NotAnnounced(&'static str),
    /// Nothing, or more than an object may have.
    #[error("object_length_out_of_range: {0} bytes, allowed 1..={OBJECT_BYTES_MAX}")]
    ObjectLength(u64),
    /// Another number of parts than its length makes.
    #[error("expected_chunks_out_of_range: {given}, it goes to the bucket in {parts} of {part_bytes} bytes")]
    ExpectedParts {
        /// As given.
        given: u32,
        /// Its parts.
        parts: u64,
        /// Bytes of each but the last.
        part_bytes: u64,
    },
    /// Its bytes come here.
    #[error("session_not_elsewhere: its bytes come here, in chunks")]
    NotElsewhere,
    /// Its bytes go to the bucket.
    #[error("session_elsewhere: its bytes go to the bucket, by addresses that the host signs")]
    Elsewhere,
    /// The host has not found its bytes in the bucket yet.
    #[error("object_pending: the host has not found all bytes in the bucket yet")]
    ObjectPending,
    /// What the host found is not what was announced.
    #[error("attested_differs: the object has another length or SHA-256 than what it was to have")]
    AttestedDiffers,
    /// A name that a bucket gave is too long.
    #[error("text_too_long: a bucket's name of parts has {0} bytes, allowed 1..={OBJECT_TEXT_BYTES_MAX}")]
    ObjectTextLength(usize),
    /// The host has not brought the secret yet.
    #[error("token_secret_pending: the host waits for its random secret; try again in a few seconds")]
    SecretPending,
    /// Not those bytes.
    #[error("sha256_differs: the bytes received have another SHA-256")]
    Sha256Differs,
}

impl Refusal for UploadError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Idem(idem) => idem.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::ChunkDiffers(_)
            | Self::Finished(_)
            | Self::NotElsewhere
            | Self::Elsewhere
            | Self::ObjectPending
            | Self::SecretPending => RefusalKind::Conflict,
            _ => RefusalKind::InvalidArgument,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Opens a session, or returns the pending one that the same caller opened with the same key and arguments.
    /// Takes no heap. O(1).
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn upload_begin(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        expected: u32,
        idem: &str,
        options: BeginOptions,
    ) -> Result<SessionId, UploadError> {
        require_somebody(&call.caller)?;
        self.require(capsule, &call.caller, Role::Member)?;
        let key = idem_key(Scope::Begin, &call.caller, capsule, idem)?;
        let mut session = new_session(call, capsule, expected, idem, options)?;
        if let Some(known) = self.idem.get(&key) {
            return self.begin_again(call, SessionId(known.made), &session);
        }
        self.check_room(call, &session)?;
        let id = self.sessions.next_id();
        if session.object.is_some() {
            session.object = Some(self.object_of_new(call, &session, id).0);
        }
        let id = self.sessions.add(&session);
        self.idem.remember(key, [0; 32], id.0, Vec::new());
        self.due.add(session.deadline_ns(), DueKind::Session, id.0);
        self.capsules.add_item(capsule, ItemKind::Session, id.0);
        let charged = session.charged();
        self.callers.update(&call.caller, |c| {
            c.pending_sessions += 1;
            c.bytes_in_flight += charged;
        });
        if charged > 0 {
            self.capsules.update(capsule, |c| c.bytes_in_flight += charged);
        }
        Ok(id)
    }

    fn begin_again(
        &mut self,
        call: &Call,
        id: SessionId,
        again: &SessionRecord,
    ) -> Result<SessionId, UploadError> {
        let mut session = self.sessions.get(id).expect("a begin's key lives as long as its pending session");
        if !session.announces_same(again) {
            return Err(IdemError::Reused.into());
        }
        session.touch(call.now_ns);
        self.sessions.put(id, &session);
        Ok(id)
    }

    /// Quotas for what is announced, and whether the host can hold it now.
    fn check_room(&self, call: &Call, session: &SessionRecord) -> Result<(), UploadError> {
        Usage::sessions(&self.callers.get(&call.caller), &self.config().quotas).take(1)?;
        let announced = session.charged();
        self.check_charge(session, announced)?;
        // The blob to be: whoever has no room for its record need not send its bytes.
        let object = session.object.map_or(0, |_| charge::OBJECT_BYTES);
        let record = charge::of_new_blob(session.mime_type.as_deref()) + object;
        self.capsule_records(&self.capsules.get(CapsuleId(session.capsule))).take(record)?;
        self.require_record_room(record)?;
        if session.object.is_some() {
            return if self.has_token_secret() { Ok(()) } else { Err(UploadError::SecretPending) };
        }
        if announced > self.heap.limit_bytes() {
            return Err(Exhausted(self.heap_room()).into());
        }
        if self.heap.can_take(call, announced) { Ok(()) } else { Err(self.heap_full(call).into()) }
    }

    /// Why the heap takes no more: its own limit, or the host's.
    pub(crate) fn heap_full(&self, call: &Call) -> Exhausted {
        let own = self.heap_room();
        Exhausted(if own.left() <= call.room_bytes { own } else { self.host_room(call) })
    }

    /// Ends a pending session and frees all that it took, whatever the caller's role is by now. Again: `Ok`, for the
    /// newest [`ABORTED_PER_CALLER_MAX`] of the caller's. O(pages of its bitset).
    ///
    /// # Errors
    /// [`UploadError::Finished`] where it is a blob already, else [`UploadError::Denied`].
    pub fn upload_abort(&mut self, call: &Call, id: SessionId) -> Result<(), UploadError> {
        let mut session = self.own_session(call, id)?;
        match session.state {
            SessionState::Aborted => return Ok(()),
            SessionState::Finished(blob) => return Err(UploadError::Finished(BlobId(blob))),
            SessionState::Pending => {}
        }
        self.discard_session(call, id, &session);
        session.give_up_place();
        (session.received, session.bytes_received) = (0, 0);
        self.sessions.keep_ended(id, &mut session, SessionState::Aborted, call.now_ns);
        let mut aborted = 0;
        self.callers.update(&call.caller, |c| {
            c.aborted_sessions += 1;
            aborted = c.aborted_sessions;
        });
        let beyond = aborted.saturating_sub(ABORTED_PER_CALLER_MAX);
        self.trim_ended(&call.caller, Listed::Aborted, beyond.into(), &[id]);
        Ok(())
    }

    /// Ends a pending session whose bytes nobody wants: gives back all that it took. Its record stays with the caller.
    /// Says how many pages of bits went.
    pub(crate) fn discard_session(&mut self, call: &Call, id: SessionId, session: &SessionRecord) -> usize {
        if let Some(object) = session.object {
            self.give_up_object(call, ObjectId(object), session.received > 0);
        }
        self.heap.free(call, &session.body);
        self.heap.free(call, &session.tail);
        if session.room > 0 {
            self.free_runs(call, id, RUNS_SLICE);
        }
        let pages = self.close_session(id, session);
        let charged = session.charged();
        self.callers.update(&session.caller, |c| {
            c.pending_sessions -= 1;
            c.bytes_in_flight -= charged;
        });
        self.capsules.update(CapsuleId(session.capsule), |c| c.bytes_in_flight -= charged);
        pages
    }

    /// Frees runs of a session that is gone with its blob, at most `most`, and leaves the others to the tick. Says how
    /// many. O(most · log runs).
    pub(crate) fn free_runs(&mut self, call: &Call, id: SessionId, most: usize) -> usize {
        let runs = self.runs.take(id, most);
        for run in &runs {
            self.heap.free(call, &[run.extent]);
        }
        if self.runs.at_or_before(id, u32::MAX).is_some() {
            self.due.add(0, DueKind::Runs, id.0);
        }
        runs.len()
    }

    /// Ends a pending session: its key, its bits and its part of the table's counters go, its bytes stay where they are.
    /// Counts nothing in its caller and its capsule. Says how many pages of bits went.
    fn close_session(&mut self, id: SessionId, session: &SessionRecord) -> usize {
        let key = idem_key(Scope::Begin, &session.caller, CapsuleId(session.capsule), &session.idem);
        self.idem.forget(&key.expect("a stored key was checked at begin"));
        self.sessions.end_pending(id, session)
    }

    /// Forgets as many of a caller's ended sessions as are `beyond` what is kept, those that were begun first, but none
    /// that ended just now.
    fn trim_ended(&mut self, caller: &Principal, state: Listed, beyond: u64, just_now: &[SessionId]) {
        let beyond = usize::try_from(beyond).unwrap_or(usize::MAX);
        let first = self.sessions.of_caller(caller, state).filter(|id| !just_now.contains(id));
        let first: Vec<_> = first.take(beyond.min(TRIMMED_MAX)).collect();
        for id in first {
            let session = self.sessions.get(id).expect("a listed session has a record");
            self.remove_session(id, &session);
        }
    }

    /// Removes an ended session's record.
    pub(crate) fn remove_session(&mut self, id: SessionId, session: &SessionRecord) {
        let listed = self.sessions.remove(id, session);
        match session.state {
            SessionState::Finished(_) => {
                self.callers.update(&session.caller, |c| c.finished_sessions -= 1);
            }
            // Those of before they were listed are not counted either.
            SessionState::Aborted if listed => {
                self.callers.update(&session.caller, |c| c.aborted_sessions -= 1);
            }
            SessionState::Aborted | SessionState::Pending => {}
        }
        if let Some(at_ns) = session.due_ns {
            self.due.remove(at_ns, DueKind::Session, id.0);
        }
        self.capsules.remove_item(CapsuleId(session.capsule), ItemKind::Session, id.0);
    }

    /// The caller's own session, to look at or to abort: it takes from the caller's quotas, so that stays possible
    /// without any role. Gone with its capsule.
    pub(crate) fn own_session(&self, call: &Call, id: SessionId) -> Result<SessionRecord, Denied> {
        require_somebody(&call.caller)?;
        let session = self.sessions.get(id).filter(|s| s.caller == call.caller).ok_or(Denied::NotFound)?;
        if self.members.any(CapsuleId(session.capsule)) { Ok(session) } else { Err(Denied::NotFound) }
    }

    /// The caller's own session, in a capsule where it may still upload.
    pub(crate) fn writable_session(&self, call: &Call, id: SessionId) -> Result<SessionRecord, Denied> {
        let session = self.own_session(call, id)?;
        self.require(CapsuleId(session.capsule), &call.caller, Role::Member)?;
        Ok(session)
    }
}

fn new_session(
    call: &Call,
    capsule: CapsuleId,
    expected: u32,
    idem: &str,
    options: BeginOptions,
) -> Result<SessionRecord, UploadError> {
    if options.elsewhere {
        elsewhere::check_announced(expected, &options)?;
    } else {
        check_expected(expected, options.total_len)?;
    }
    if let Some(mime_type) = options.mime_type.as_ref().filter(|text| text.len() > TEXT_SHORT_BYTES_MAX) {
        return Err(UploadError::MimeTypeLength(mime_type.len()));
    }
    let sha256 = options.sha256.map(|bytes| checked_sha256(&bytes)).transpose()?;
    Ok(SessionRecord {
        capsule: capsule.0,
        caller: call.caller,
        idem: idem.to_owned(),
        expected,
        total_len: options.total_len,
        sha256: sha256.map(Into::into),
        mime_type: options.mime_type,
        created_ns: call.now_ns,
        last_seen_ns: call.now_ns,
        state: SessionState::Pending,
        chunk_len: 0,
        tail_len: 0,
        received: 0,
        bytes_received: 0,
        body: Vec::new(),
        tail: Vec::new(),
        hashed: 0,
        rolling: Rolling::new(),
        due_ns: Some(call.now_ns.saturating_add(SESSION_TTL_NS)),
        room: 0,
        charged: Some(options.total_len.unwrap_or(0)),
        // Its number comes with the session's own.
        object: options.elsewhere.then_some(0),
    })
}

fn check_expected(expected: u32, total_len: Option<u64>) -> Result<(), UploadError> {
    let most = match total_len {
        None => CHUNKS_MAX,
        Some(len) => u32::try_from(len / CHUNK_BYTES_MIN_BEYOND)
            .unwrap_or(u32::MAX)
            .clamp(CHUNKS_MAX, CHUNKS_MAX_WITH_TOTAL_LEN),
    };
    if expected == 0 || expected > most {
        return Err(UploadError::ExpectedChunks { given: expected, most });
    }
    match total_len {
        Some(total_len)
            if total_len < u64::from(expected)
                || total_len > u64::from(expected) * u64::from(CHUNK_BYTES_MAX) =>
        {
            Err(UploadError::TotalLen { total_len, expected_chunks: expected })
        }
        _ => Ok(()),
    }
}

pub(crate) fn checked_sha256(bytes: &[u8]) -> Result<[u8; 32], UploadError> {
    bytes.try_into().map_err(|_| UploadError::Sha256Length(bytes.len()))
}
