//! The atomic road: one message finishes up to four sessions and makes the memory with all its assets. Owns the
//! order: everything is compared before anything is changed, so all of it appears together or none does.

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::charge::Texts;
use crate::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use crate::limits::{HASH_CATCH_UP_FINISH_BYTES, SESSIONS_PER_PUBLISH_MAX};
use crate::memory::{
    AssetKind, AssetMeta, AssetSource, MemoryError, MemoryMeta, MemoryRecord, NewAsset, NewMemory, Planned,
    check_assets, check_memory_meta,
};
use crate::refusal::{Refusal, RefusalKind};
use crate::store::Store;
use crate::tables::idem::{IdemError, Scope, fingerprint, idem_key};
use crate::upload::{Claim, Complete, Hashed, Progress, Sealed, SessionRecord, UploadError};
use ic_stable_structures::Memory;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// One session to finish, and the asset that it becomes.
#[derive(Encode, Clone, Debug, PartialEq)]
pub struct PublishSession {
    /// The session.
    #[n(0)]
    pub session: u64,
    /// SHA-256 of the whole file.
    #[n(1)]
    pub sha256: ByteVec,
    /// Length of the whole file, bytes.
    #[n(2)]
    pub total_len: u64,
    /// What the asset is.
    #[n(3)]
    pub meta: AssetMeta,
}

/// One asset of a published memory.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct PublishedAsset {
    /// Number within the memory.
    #[n(0)]
    pub id: u64,
    /// Its kind.
    #[n(1)]
    pub kind: AssetKind,
    /// Its blob; none where the bytes are inline.
    #[n(2)]
    pub blob: Option<u64>,
    /// Bytes.
    #[n(3)]
    pub len: u64,
    /// SHA-256 of them.
    #[n(4)]
    pub sha256: ByteArray<32>,
}

/// What a publish made.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The memory.
    #[n(0)]
    pub memory: u64,
    /// Its assets: those of the sessions first, in the order given.
    #[n(1)]
    pub assets: Vec<PublishedAsset>,
    /// Publish time, ns.
    #[n(2)]
    pub published_ns: u64,
}

/// Why a publish is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No such capsule for this caller, or too small a role.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The idempotency key.
    #[error(transparent)]
    Idem(#[from] IdemError),
    /// One of the sessions.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// No session, or too many.
    #[error("sessions_count: {0}, a publish takes 1..={SESSIONS_PER_PUBLISH_MAX}")]
    SessionsCount(usize),
    /// A session is named twice.
    #[error("session_repeated: {0}")]
    SessionRepeated(u64),
    /// A session was begun in another capsule.
    #[error("session_in_other_capsule: {0}")]
    SessionInOtherCapsule(u64),
}

impl Refusal for PublishError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Idem(idem) => idem.kind(),
            Self::Upload(error) => error.kind(),
            Self::Memory(error) => error.kind(),
            Self::SessionsCount(_) | Self::SessionRepeated(_) => RefusalKind::InvalidArgument,
            Self::SessionInOtherCapsule(_) => RefusalKind::Conflict,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Finishes the sessions and makes the memory. Repeated with the same key and arguments: the first answer.
    /// O(assets), and up to [`HASH_CATCH_UP_FINISH_BYTES`] of chunks that came out of order.
    ///
    /// # Errors
    /// [`PublishError`]; the sessions stay pending.
    pub fn publish(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        meta: MemoryMeta,
        sessions: Vec<PublishSession>,
        inline: Vec<NewAsset>,
        idem: &str,
    ) -> Result<Progress<Published>, PublishError> {
        require_somebody(&call.caller)?;
        self.require(capsule, &call.caller, Role::Member)?;
        let key = idem_key(Scope::Publish, &call.caller, capsule, idem)?;
        let print = fingerprint(&(&meta, &sessions, &inline));
        if let Some(known) = self.idem.recall(&key, &print)? {
            let first = minicbor::decode(&known.detail).expect("the first answer was stored whole");
            return Ok(Progress::Done(first));
        }
        check_sessions(&sessions)?;
        check_memory_meta(&meta)?;
        check_assets(&[], &planned(&sessions, &inline))?;
        self.check_sources(call, capsule, &inline)?;
        let mut texts = Texts::default();
        texts.add_memory(&meta);
        for session in &sessions {
            texts.add_asset(&session.meta);
        }
        for asset in &inline {
            texts.add_new_asset(asset);
        }
        self.check_texts(capsule, sessions.len() + inline.len(), texts)?;
        let complete = match self.complete_all(call, capsule, &sessions)? {
            Progress::Done(complete) => complete,
            Progress::Hashing { hashed, expected } => return Ok(Progress::Hashing { hashed, expected }),
        };

        let memory = self.memories.next_id();
        let (mut sealed, mut settled) = (Sealed::default(), Vec::with_capacity(sessions.len()));
        for (session, complete) in sessions.into_iter().zip(complete) {
            let source = match complete {
                Complete::Already(blob) => self.refer(blob, Some(memory.0)),
                Complete::Ready(ready) => {
                    let (blob, record) = self.seal(call, *ready, Some(memory), &mut sealed);
                    AssetSource::Blob { blob: blob.0, len: record.len, sha256: record.sha256 }
                }
            };
            settled.push((session.meta, source));
        }
        self.count_sealed(call, &sealed);
        let new = NewMemory { capsule, meta, settled, assets: inline, idem: key };
        let (memory, record) = self.add_memory(call, new, |c| sealed.count_in(c));
        let published = describe(call, memory, &record);
        let detail = minicbor::to_vec(&published).expect("encoding into a vector cannot fail");
        self.idem.remember(key, print, memory.0, detail);
        Ok(Progress::Done(published))
    }

    /// Compares every session, within one budget of hashing. Where that does not reach, keeps what was hashed.
    fn complete_all(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        sessions: &[PublishSession],
    ) -> Result<Progress<Vec<Complete>>, PublishError> {
        let mut budget = HASH_CATCH_UP_FINISH_BYTES;
        let (mut complete, mut partly) = (Vec::with_capacity(sessions.len()), Vec::new());
        for session in sessions {
            let id = SessionId(session.session);
            // Within the capsule, the caller's rights are known already.
            let own = |record: &SessionRecord| record.caller == call.caller && record.capsule == capsule.0;
            let Some(record) = self.sessions.get(id).filter(own) else {
                self.writable_session(call, id)?;
                return Err(PublishError::SessionInOtherCapsule(session.session));
            };
            let claim = Claim { sha256: &session.sha256, total_len: session.total_len };
            match self.check_complete(id, record, &claim, &mut budget)? {
                Hashed::Complete(one) => complete.push(one),
                Hashed::Part(id, record) => partly.push((id, record)),
            }
        }
        let mut progress = Progress::Done(complete);
        for (id, record) in partly {
            progress = self.keep_hash(id, &record);
        }
        Ok(progress)
    }

    /// The memory that a blob was published with.
    pub fn published_with(&self, blob: BlobId) -> Option<MemoryId> {
        self.blobs.get(blob).and_then(|record| record.memory).map(MemoryId)
    }
}

/// What a publish answers.
fn describe(call: &Call, id: MemoryId, record: &MemoryRecord) -> Published {
    let asset = |asset: &crate::memory::AssetRecord| {
        let (blob, len, sha256) = match asset.source {
            AssetSource::Blob { blob, len, sha256 } => (Some(blob), len, sha256),
            AssetSource::Inline { len, sha256 } => (None, len, sha256),
            AssetSource::External { .. } => unreachable!("a publish takes sessions and inline bytes"),
        };
        PublishedAsset { id: asset.id, kind: asset.meta.kind, blob, len, sha256 }
    };
    Published { memory: id.0, assets: record.assets.iter().map(asset).collect(), published_ns: call.now_ns }
}

fn check_sessions(sessions: &[PublishSession]) -> Result<(), PublishError> {
    if sessions.is_empty() || sessions.len() > SESSIONS_PER_PUBLISH_MAX {
        return Err(PublishError::SessionsCount(sessions.len()));
    }
    for (at, session) in sessions.iter().enumerate() {
        if sessions[..at].iter().any(|other| other.session == session.session) {
            return Err(PublishError::SessionRepeated(session.session));
        }
    }
    Ok(())
}

/// The assets as they will be, for the checks that look at all of them.
fn planned<'a>(sessions: &'a [PublishSession], inline: &'a [NewAsset]) -> Vec<Planned<'a>> {
    let uploaded = sessions.iter().map(|session| (&session.meta, None));
    uploaded.chain(inline.iter().map(NewAsset::planned)).collect()
}
