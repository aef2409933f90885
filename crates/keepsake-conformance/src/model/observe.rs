//! Everything that a key can see, asked of the system and told by the model. Owns the comparison.

mod capsules;
pub(in crate::model) mod people;

use super::Subject;
use super::state::{Bounds, Link, MemoryState, Model, Session, SessionState, Source};
use super::step::Signer;
use super::uploads::sha256;
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use keepsake_client::api::{self, Answer, Error, Role};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use std::fmt::Debug;

/// Sends a query and reads its answer.
pub(super) fn ask<T: CandidType + DeserializeOwned>(
    subject: &mut impl Subject,
    who: Principal,
    method: &'static str,
    args: impl ArgumentEncoder,
) -> Result<T, String> {
    let arg = candid::encode_args(args).map_err(|e| e.to_string())?;
    let reply = subject.query(who, method, &arg).map_err(|e| format!("{method}: {e}"))?;
    candid::decode_one(&reply).map_err(|e| format!("{method}: {e}"))
}

/// Two answers mean the same: errors by variant and code, since their data is for people. Whoever was removed is told so in the
/// place of having no right.
pub(super) fn same<T: PartialEq>(left: &Answer<T>, right: &Answer<T>) -> bool {
    match (left, right) {
        (Ok(left), Ok(right)) => left == right,
        (Err(system), Err(Error::Unauthorized)) if system.code() == "device_removed" => true,
        (Err(left), Err(right)) => {
            std::mem::discriminant(left) == std::mem::discriminant(right) && left.code() == right.code()
        }
        _ => false,
    }
}

fn agree<T: PartialEq + Debug>(what: &str, system: &Answer<T>, model: &Answer<T>) -> Result<(), String> {
    if same(system, model) {
        Ok(())
    } else {
        Err(format!("{what}\n  system: {system:?}\n  model:  {model:?}"))
    }
}

fn equal<T: PartialEq + Debug>(what: &str, system: &T, model: &T) -> Result<(), String> {
    if system == model { Ok(()) } else { Err(format!("{what}\n  system: {system:?}\n  model:  {model:?}")) }
}

impl Model {
    /// Compares all that somebody sees who signs with `key`, of things that are there and of things that are not.
    pub(super) fn compare(&self, subject: &mut impl Subject, key: Principal) -> Result<(), String> {
        let bounds = subject.bounds();
        let who = Signer { key, account: self.acts_as(&key, subject.now_ns()) };
        self.compare_people(subject, who, &bounds)?;
        self.compare_capsules(subject, who)?;
        self.compare_sessions(subject, who, &bounds)?;
        self.compare_blobs(subject, who)?;
        self.compare_memories(subject, who)?;
        self.compare_contents(subject, who)?;
        self.compare_usage(subject, who)
    }

    fn compare_sessions(
        &self,
        subject: &mut impl Subject,
        Signer { key, account: who }: Signer,
        bounds: &Bounds,
    ) -> Result<(), String> {
        let listed: Answer<Vec<api::SessionInfo>> = ask(subject, key, "sessions_list", ())?;
        let listed =
            listed.map(|rows| rows.into_iter().map(|row| (row.session_id, row.received_chunks)).collect());
        // Whoever controls the host sees them all.
        let all = Self::is_controller(&who);
        let is_seen = |session: &Session| all || session.caller == who;
        let own: Vec<_> = self.sessions.iter().rev().filter(|(_, session)| is_seen(session)).collect();
        let shown = own.iter().filter(|(_, session)| session.state != SessionState::Aborted);
        let shown: Vec<_> = shown.map(|(id, s)| (**id, s.chunks.len().try_into().expect("small"))).collect();
        agree("sessions_list", &listed, &Ok(shown))?;
        let pending = || own.iter().filter(|(_, session)| session.is_pending());
        let finished = own.iter().filter(|(_, session)| matches!(session.state, SessionState::Finished(_)));
        let counters: Answer<api::SessionStats> = ask(subject, key, "sessions_stats", ())?;
        let expected = api::SessionStats {
            pending: pending().count() as u64,
            finished: finished.count() as u64,
            bytes_in_flight: own.iter().map(|(_, session)| session.charged()).sum(),
            oldest_last_seen: pending().map(|(_, session)| session.last_seen_ns).min(),
        };
        agree("sessions_stats", &counters, &Ok(expected))?;
        for id in self.sessions.keys().copied().chain([999_999]) {
            let status: Answer<api::UploadStatus> = ask(subject, key, "uploads_status", (id,))?;
            agree(&format!("uploads_status {id}"), &status, &self.status(&who, id, bounds))?;
        }
        let live: Vec<u64> = ask(subject, key, "_probe_sessions", ())?;
        let pending: Vec<u64> =
            self.sessions.iter().filter(|(_, s)| s.is_pending()).map(|(id, _)| *id).collect();
        equal("_probe_sessions", &live, &pending)
    }

    fn status(&self, who: &Principal, id: u64, bounds: &Bounds) -> Answer<api::UploadStatus> {
        let session = self.own_session(who, id)?;
        let (state, missing) = match &session.state {
            SessionState::Aborted => return Err(Error::NotFound),
            SessionState::Finished(blob) => (api::SessionState::Finished(blob.clone()), Vec::new()),
            SessionState::Pending => (api::SessionState::Pending, missing(session)),
        };
        let body = session.body_len().map(|len| len.try_into().expect("a chunk's length"));
        Ok(api::UploadStatus {
            expected_chunks: session.expected,
            received_chunks: session.chunks.len().try_into().expect("small"),
            bytes_received: session.received_bytes(),
            chunk_size: body,
            missing,
            missing_truncated: false,
            expires_at: session.last_seen_ns + bounds.session_ttl_ns,
            state,
            capsule_id: session.capsule.clone(),
        })
    }

    fn compare_blobs(&self, subject: &mut impl Subject, who: Signer) -> Result<(), String> {
        let Signer { key, account: who } = who;
        for id in self.blobs.keys().chain([&"blob_999999".to_owned()]) {
            let meta: Answer<api::BlobMeta> = ask(subject, key, "blob_get_meta", (id,))?;
            agree(id, &meta, &self.blob_meta(&who, id))?;
            let bytes: Answer<ByteBuf> = ask(subject, key, "blob_read", (id,))?;
            agree(
                id,
                &bytes,
                &self.blob_meta(&who, id).map(|_| ByteBuf::from(self.blobs[id].bytes.clone())),
            )?;
        }
        Ok(())
    }

    fn blob_meta(&self, who: &Principal, id: &str) -> Answer<api::BlobMeta> {
        self.sees_blob(id, who)?;
        let blob = &self.blobs[id];
        Ok(api::BlobMeta {
            locator: id.to_owned(),
            size: blob.bytes.len() as u64,
            chunk_count: 1,
            chunk_size: 1_800_000,
            sha256: ByteBuf::from(sha256(&blob.bytes)),
            mime_type: blob.mime_type.clone(),
            capsule_id: blob.capsule.clone(),
            created_at: blob.created_ns,
            references: self.references(id),
            expires_at: blob.expires_ns,
        })
    }

    fn compare_memories(&self, subject: &mut impl Subject, who: Signer) -> Result<(), String> {
        let Signer { key, account: who } = who;
        let ids: Vec<u64> = self.memories.keys().copied().chain([999_999]).collect();
        for id in &ids {
            let text = format!("mem_{id}");
            let seen: Answer<api::Memory> = ask(subject, key, "memories_read", (&text,))?;
            agree(&text, &seen.map(|memory| facts(&memory)), &self.memory_view(&who, *id))?;
            let original = self
                .memories
                .get(id)
                .and_then(|memory| memory.assets.iter().find(|asset| asset.kind == api::AssetType::Original));
            let asset = original.map_or("asset_99", |asset| &asset.id);
            let seen: Answer<api::MemoryAssetData> = ask(subject, key, "asset_get_by_id", (&text, asset))?;
            agree(&format!("the original of {text}"), &seen.map(drop), &self.sees_original(&who, *id))?;
        }
        let texts: Vec<String> = ids.iter().take(1_000).map(|id| format!("mem_{id}")).collect();
        let there: Answer<Vec<api::MemoryPresenceResult>> = ask(subject, key, "memories_ping", (&texts,))?;
        let there = there.map(|rows| rows.iter().map(|row| row.metadata_present).collect::<Vec<_>>());
        let told = ids.iter().take(1_000).map(|id| self.sight_of_memory(*id, &who).is_ok()).collect();
        agree("memories_ping", &there, &Ok(told))
    }

    /// A memory's original is there, and shown to somebody.
    pub(super) fn sees_original(&self, who: &Principal, id: u64) -> Result<(), Error> {
        let (memory, sight) = self.sight_of_memory(id, who)?;
        let is_there = memory.assets.iter().any(|asset| asset.kind == api::AssetType::Original);
        let is_shown = sight.is_none_or(|link| link.originals);
        if is_there && is_shown { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Of every file that is known, and of one that is not, who finds it where.
    fn compare_contents(&self, subject: &mut impl Subject, who: Signer) -> Result<(), String> {
        let Signer { key, account: who } = who;
        let originals = self.memories.values().filter_map(|memory| self.original(memory));
        let mut hashes: Vec<Vec<u8>> =
            originals.chain(self.blobs.values().map(|blob| sha256(&blob.bytes))).collect();
        hashes.push(sha256(b"a file that nobody sent"));
        hashes.sort();
        hashes.dedup();
        hashes.truncate(1_000);
        let asked: Vec<_> = hashes.iter().map(|hash| ByteBuf::from(hash.clone())).collect();
        for id in self.capsules.keys().chain([&"capsule_999".to_owned()]) {
            let seen: Answer<Vec<Option<String>>> = ask(subject, key, "memories_find", (id, &asked))?;
            let first = |hash: &Vec<u8>| self.first_with(id, hash).map(|id| format!("mem_{id}"));
            let told = self.require(id, &who, Role::Guest).map(|()| hashes.iter().map(first).collect());
            agree("memories_find", &seen, &told)?;
        }
        Ok(())
    }

    /// The SHA-256 of a memory's original.
    pub(super) fn original(&self, memory: &MemoryState) -> Option<Vec<u8>> {
        let original = memory.assets.iter().find(|asset| asset.kind == api::AssetType::Original)?;
        Some(match &original.source {
            Source::Inline(bytes) => sha256(bytes),
            Source::Blob(id) => sha256(&self.blobs[id].bytes),
        })
    }

    pub(super) fn memory_view(&self, who: &Principal, id: u64) -> Answer<MemoryFacts> {
        let (memory, sight) = self.sight_of_memory(id, who)?;
        Ok(self.memory_facts(memory, sight))
    }

    fn memory_facts(&self, memory: &MemoryState, sight: Option<&Link>) -> MemoryFacts {
        let mut assets: Vec<_> = memory
            .assets
            .iter()
            .filter(|asset| sight.is_none_or(|link| link.shows(asset.kind)))
            .map(|asset| match &asset.source {
                Source::Inline(bytes) => (asset.id.clone(), asset.kind, sha256(bytes), bytes.len() as u64),
                Source::Blob(id) => {
                    let bytes = &self.blobs[id].bytes;
                    (asset.id.clone(), asset.kind, sha256(bytes), bytes.len() as u64)
                }
            })
            .collect();
        assets.sort();
        MemoryFacts {
            capsule: memory.capsule.clone(),
            creator: memory.creator,
            metadata: memory.metadata.clone(),
            assets,
        }
    }
}

/// What matters of a memory, in one order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MemoryFacts {
    capsule: String,
    creator: Principal,
    metadata: api::MemoryMetadata,
    assets: Vec<(String, api::AssetType, Vec<u8>, u64)>,
}

pub(super) fn facts(memory: &api::Memory) -> MemoryFacts {
    let blob = |asset: &api::MemoryAssetBlobInternal| {
        let base = asset.metadata.base();
        let hash = asset.blob_ref.hash.clone().unwrap_or_default().into_vec();
        (asset.asset_id.clone(), base.asset_type, hash, asset.blob_ref.len)
    };
    let inline = |asset: &api::MemoryAssetInline| {
        let base = asset.metadata.base();
        (asset.asset_id.clone(), base.asset_type, sha256(&asset.bytes), base.bytes)
    };
    let blobs = memory.blob_internal_assets.iter().map(blob);
    let mut assets: Vec<_> = blobs.chain(memory.inline_assets.iter().map(inline)).collect();
    assets.sort();
    MemoryFacts {
        capsule: memory.capsule_id.clone(),
        creator: memory.creator,
        metadata: memory.metadata.clone(),
        assets,
    }
}

fn missing(session: &Session) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for index in (0..session.expected).filter(|index| !session.chunks.contains_key(index)) {
        match ranges.last_mut() {
            Some(range) if range.1 == index => range.1 += 1,
            _ => ranges.push((index, index + 1)),
        }
    }
    ranges
}

/// The number of an id.
pub(super) fn number(id: &str) -> u64 {
    id.rsplit('_').next().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
}
