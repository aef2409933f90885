//! The atomic road: one message finishes up to four sessions, takes up to four files that came along in it, and makes the
//! memory with all its assets. Owns the order: everything is compared before anything is changed, so all of it appears
//! together or none does. The files that come along are in `publish/carried.rs`, the memory that is there already in
//! `publish/present.rs`.

mod carried;
mod present;

pub use carried::CarriedAsset;
pub use present::IfPresent;

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::charge::Texts;
use crate::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use crate::limits::{CARRIED_BYTES_MAX, HASH_CATCH_UP_FINISH_BYTES, SESSIONS_PER_PUBLISH_MAX};
use crate::memory::{
    AssetKind, AssetMeta, AssetSource, MemoryError, MemoryMeta, MemoryRecord, NewAsset, NewMemory, Planned,
    check_assets, check_memory_meta,
};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::store::Store;
use crate::tables::idem::{IdemError, Scope, fingerprint, idem_key};
use crate::upload::{Claim, Complete, Hashed, Progress, Sealed, SessionRecord, UploadError};
use carried::Carried;
use ic_stable_structures::Memory;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// What a publish makes a memory of.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// What the memory is.
    pub meta: MemoryMeta,
    /// Sessions to finish, at most four; none only where files come along.
    pub sessions: Vec<PublishSession>,
    /// Files that come along and become blobs.
    pub carried: Vec<CarriedAsset>,
    /// Assets whose bytes come along and stay in the records.
    pub inline: Vec<NewAsset>,
    /// What to do where the capsule has a memory with this original.
    pub if_present: IfPresent,
}

impl Publication {
    /// Of sessions and inline assets, whatever is there already.
    pub fn new(meta: MemoryMeta, sessions: Vec<PublishSession>, inline: Vec<NewAsset>) -> Self {
        Self { meta, sessions, carried: Vec::new(), inline, if_present: IfPresent::Duplicate }
    }
}

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

/// What a publish made, or found.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The memory.
    #[n(0)]
    pub memory: u64,
    /// Its assets in the order given: those of the sessions, the files that came along, those that are inline.
    #[n(1)]
    pub assets: Vec<PublishedAsset>,
    /// Publish time, ns.
    #[n(2)]
    pub published_ns: u64,
    /// The memory was there: nothing was made. No such answer is stored.
    #[cbor(skip)]
    pub already: bool,
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
    /// There is no room: the data say of what.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// No session and no file that comes along, or too many sessions.
    #[error(
        "sessions_count: {0}, a publish takes 1..={SESSIONS_PER_PUBLISH_MAX}, or none where files come along"
    )]
    SessionsCount(usize),
    /// The files that come along have too many bytes together.
    #[error("carried_too_large: {0} > {CARRIED_BYTES_MAX}; upload the largest by a session")]
    CarriedTooLarge(usize),
    /// A file that comes along has no bytes.
    #[error("carried_empty: a file that comes along has at least one byte")]
    CarriedEmpty,
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
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::SessionsCount(_)
            | Self::SessionRepeated(_)
            | Self::CarriedTooLarge(_)
            | Self::CarriedEmpty => RefusalKind::InvalidArgument,
            Self::SessionInOtherCapsule(_) => RefusalKind::Conflict,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Finishes the sessions and makes the memory. Repeated with the same key and arguments: the first answer. With
    /// [`IfPresent::Return`] and a file that is there: gives the sessions up and answers with that memory.
    /// O(assets + bytes that come along), and up to [`HASH_CATCH_UP_FINISH_BYTES`] of chunks that came out of order.
    ///
    /// # Errors
    /// [`PublishError`]; the sessions stay pending.
    pub fn publish(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        publication: Publication,
        idem: &str,
    ) -> Result<Progress<Published>, PublishError> {
        require_somebody(&call.caller)?;
        self.require(capsule, &call.caller, Role::Member)?;
        let key = idem_key(Scope::Publish, &call.caller, capsule, idem)?;
        let Publication { meta, sessions, carried, inline, if_present } = publication;
        let carried = carried::hashed(carried)?;
        let print = print(&meta, &sessions, &carried, &inline, if_present);
        if let Some(known) = self.idem.recall(&key, &print)? {
            let first = minicbor::decode(&known.detail).expect("the first answer was stored whole");
            return Ok(Progress::Done(first));
        }
        check_sessions(&sessions, &carried)?;
        check_memory_meta(&meta)?;
        check_assets(&[], &planned(&sessions, &carried, &inline))?;
        if if_present == IfPresent::Return
            && let Some(present) = self.present(capsule, &sessions, &carried, &inline)
        {
            return self.return_present(call, capsule, present, &sessions).map(Progress::Done);
        }
        self.check_sources(call, capsule, &inline)?;
        self.check_carried(call, capsule, &carried, &inline)?;
        let (assets, texts) = texts(&meta, &sessions, &carried, &inline);
        self.check_texts(capsule, assets, texts, carried::charge(&carried))?;
        let complete = match self.complete_all(call, capsule, &sessions)? {
            Progress::Done(complete) => complete,
            Progress::Hashing { hashed, expected } => return Ok(Progress::Hashing { hashed, expected }),
        };
        let places = self.place_carried(call, &carried)?;

        let memory = self.memories.next_id();
        let (mut sealed, mut settled) = (Sealed::default(), Vec::with_capacity(assets));
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
        for (one, extents) in carried.into_iter().zip(places) {
            settled.push(self.seal_carried(call, capsule, one, extents, memory, &mut sealed));
        }
        self.count_sealed(call, &sealed);
        let new = NewMemory { capsule, meta, settled, assets: inline, idem: key };
        let (memory, record) = self.add_memory(call, new, |c| sealed.count_in(c));
        let published = describe(memory, &record);
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
            let record = self.session_in(call, capsule, id)?;
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

    /// A session that the caller began in this capsule, where it may upload.
    fn session_in(
        &self,
        call: &Call,
        capsule: CapsuleId,
        id: SessionId,
    ) -> Result<SessionRecord, PublishError> {
        // Within the capsule, the caller's rights are known already.
        let own = |record: &SessionRecord| record.caller == call.caller && record.capsule == capsule.0;
        if let Some(record) = self.sessions.get(id).filter(own) {
            return Ok(record);
        }
        self.writable_session(call, id).map_err(UploadError::from)?;
        Err(PublishError::SessionInOtherCapsule(id.0))
    }

    /// The memory that a blob was published with.
    pub fn published_with(&self, blob: BlobId) -> Option<MemoryId> {
        self.blobs.get(blob).and_then(|record| record.memory).map(MemoryId)
    }
}

/// What a publish answers of a memory: the assets whose bytes are here.
fn describe(id: MemoryId, record: &MemoryRecord) -> Published {
    let asset = |asset: &crate::memory::AssetRecord| {
        let (blob, len, sha256) = match asset.source {
            AssetSource::Blob { blob, len, sha256 } => (Some(blob), len, sha256),
            AssetSource::Inline { len, sha256 } => (None, len, sha256),
            AssetSource::External { .. } => return None,
        };
        Some(PublishedAsset { id: asset.id, kind: asset.meta.kind, blob, len, sha256 })
    };
    let assets = record.assets.iter().filter_map(asset).collect();
    Published { memory: id.0, assets, published_ns: record.created_ns, already: false }
}

/// The fingerprint of the arguments. Files that come along count by their SHA-256; where all is as it could be before, it is
/// what older programs made of it.
fn print(
    meta: &MemoryMeta,
    sessions: &[PublishSession],
    carried: &[Carried],
    inline: &[NewAsset],
    if_present: IfPresent,
) -> [u8; 32] {
    if carried.is_empty() && if_present == IfPresent::Duplicate {
        return fingerprint(&(meta, sessions, inline));
    }
    let carried: Vec<_> = carried.iter().map(Carried::print).collect();
    fingerprint(&(meta, sessions, inline, carried, if_present))
}

fn check_sessions(sessions: &[PublishSession], carried: &[Carried]) -> Result<(), PublishError> {
    if (sessions.is_empty() && carried.is_empty()) || sessions.len() > SESSIONS_PER_PUBLISH_MAX {
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
fn planned<'a>(
    sessions: &'a [PublishSession],
    carried: &'a [Carried],
    inline: &'a [NewAsset],
) -> Vec<Planned<'a>> {
    let uploaded = sessions.iter().map(|session| (&session.meta, None));
    let carried = carried.iter().map(|one| (&one.meta, None));
    uploaded.chain(carried).chain(inline.iter().map(NewAsset::planned)).collect()
}

/// How many assets the memory will have, and all its texts.
fn texts(
    meta: &MemoryMeta,
    sessions: &[PublishSession],
    carried: &[Carried],
    inline: &[NewAsset],
) -> (usize, Texts) {
    let mut texts = Texts::default();
    texts.add_memory(meta);
    for session in sessions {
        texts.add_asset(&session.meta);
    }
    for one in carried {
        texts.add_asset(&one.meta);
    }
    for asset in inline {
        texts.add_new_asset(asset);
    }
    (sessions.len() + carried.len() + inline.len(), texts)
}
