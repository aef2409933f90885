//! What the model says of blobs, memories and publish. As in `uploads.rs`, each rule answers first and changes the
//! model only where the answer is `Ok`.

use super::state::{Asset, Bounds, Key, MemoryState, Model, SessionState, Source};
use super::step::{ASSET_MIME, published_text};
use super::uploads::{conflict, invalid, sha256};
use super::usage;
use crate::samples;
use candid::Principal;
use keepsake_client::api::{AssetType, Error, MemoryMetadata, PublishResult, PublishedAsset, Role};

/// An asset to be made: its kind and its bytes.
pub(super) type NewAsset = (AssetType, Source);

/// What a message that makes something says of itself.
pub(super) struct Making<'a> {
    pub(super) key: Key,
    pub(super) arguments: String,
    pub(super) assets: &'a [NewAsset],
}

/// What a publish makes its memory of, beside inline assets.
pub(super) struct Publishing<'a> {
    /// Session, SHA-256, length.
    pub(super) sessions: &'a [(u64, Vec<u8>, u64)],
    /// Lengths of the files that come along.
    pub(super) carried: &'a [u64],
    /// The SHA-256 to look for first, where that is asked for.
    pub(super) original: Option<&'a [u8]>,
}

/// What a publish comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Published {
    /// A new memory.
    Made,
    /// The first answer again.
    Before(String),
    /// This memory was there.
    There(u64),
}

const ASSETS_MAX: usize = 4;
const CARRIED_BYTES_MAX: u64 = 1_800_000;
/// The title of every memory when it is made.
pub(super) const MADE_TITLE: &str = "a walk";

fn is_single(kind: AssetType) -> bool {
    kind <= AssetType::Placeholder
}

impl Model {
    /// The first answer to this key, where there is one.
    pub(super) fn recall(&self, key: &Key, arguments: &str) -> Result<Option<String>, Error> {
        match self.answers.get(key) {
            None => Ok(None),
            Some((known, answer)) if known == arguments => Ok(Some(answer.clone())),
            Some(_) => Err(conflict("idem_reused")),
        }
    }

    fn check_assets(there: &[Asset], new: &[NewAsset]) -> Result<(), Error> {
        let count = there.len() + new.len();
        if count == 0 || count > ASSETS_MAX {
            return Err(invalid("assets_count"));
        }
        let mut kinds: Vec<AssetType> = there.iter().map(|asset| asset.kind).collect();
        for (kind, source) in new {
            if is_single(*kind) && kinds.contains(kind) {
                return Err(conflict("asset_kind_taken"));
            }
            kinds.push(*kind);
            match source {
                Source::Inline(bytes) if bytes.is_empty() => return Err(invalid("inline_empty")),
                Source::Inline(bytes) if bytes.len() > 32_768 => return Err(invalid("inline_too_large")),
                _ => {}
            }
        }
        Ok(())
    }

    fn check_sources(
        &self,
        bounds: &Bounds,
        who: &Principal,
        capsule: &str,
        new: &[NewAsset],
    ) -> Result<(), Error> {
        let mut inline = 0;
        for (_, source) in new {
            match source {
                Source::Inline(bytes) => inline += bytes.len() as u64,
                Source::Blob(id) => {
                    let blob = self.blobs.get(id).ok_or(Error::NotFound)?;
                    self.require(&blob.capsule, who, Role::Guest)?;
                    if blob.capsule != capsule {
                        return Err(conflict("blob_in_other_capsule"));
                    }
                }
            }
        }
        let within = self.inline_used(capsule) + inline <= 1 << 30;
        if within && self.quota_allows(bounds, capsule, inline) {
            Ok(())
        } else {
            Err(Error::ResourceExhausted)
        }
    }

    /// `Ok(Some(answer))`: the first answer again; `Ok(None)`: a new memory.
    pub(super) fn may_create(
        &self,
        bounds: &Bounds,
        who: &Principal,
        capsule: &str,
        making: &Making<'_>,
    ) -> Result<Option<String>, Error> {
        Self::somebody(who)?;
        self.require(capsule, who, Role::Member)?;
        if let Some(answer) = self.recall(&making.key, &making.arguments)? {
            return Ok(Some(answer));
        }
        Self::check_assets(&[], making.assets)?;
        self.check_sources(bounds, who, capsule, making.assets)?;
        let charge = usage::of_memory(&samples::memory(MADE_TITLE), making.assets.len());
        self.records_allow(bounds, capsule, charge)?;
        Ok(None)
    }

    /// As [`Self::may_create`], for a publish. The host may also say that its heap is full.
    pub(super) fn may_publish(
        &self,
        bounds: &Bounds,
        who: &Principal,
        capsule: &str,
        making: &Making<'_>,
        publishing: &Publishing<'_>,
    ) -> Result<Published, Error> {
        Self::somebody(who)?;
        self.require(capsule, who, Role::Member)?;
        let Publishing { sessions, carried, original } = publishing;
        if carried.iter().sum::<u64>() > CARRIED_BYTES_MAX {
            return Err(invalid("carried_too_large"));
        }
        if carried.contains(&0) {
            return Err(invalid("carried_empty"));
        }
        if let Some(answer) = self.recall(&making.key, &making.arguments)? {
            return Ok(Published::Before(answer));
        }
        if (sessions.is_empty() && carried.is_empty()) || sessions.len() > 4 {
            return Err(invalid("sessions_count"));
        }
        let repeated = |at: usize| sessions[..at].iter().any(|(id, ..)| *id == sessions[at].0);
        if (0..sessions.len()).any(repeated) {
            return Err(invalid("session_repeated"));
        }
        Self::check_assets(&[], making.assets)?;
        if let Some(there) = original.and_then(|original| self.first_with(capsule, original)) {
            for (id, ..) in *sessions {
                self.session_in(who, capsule, *id)?;
            }
            return Ok(Published::There(there));
        }
        let inline: Vec<_> =
            making.assets.iter().filter(|(_, source)| matches!(source, Source::Inline(_))).cloned().collect();
        self.check_sources(bounds, who, capsule, &inline)?;
        let inline = inline.iter().map(|(_, source)| source.inline_bytes()).sum::<u64>();
        let along = carried.iter().sum::<u64>();
        if along > 0 && !self.quota_allows(bounds, capsule, along + inline) {
            return Err(Error::ResourceExhausted);
        }
        let blobs = usage::of_blob(Some(&ASSET_MIME.to_owned())) * carried.len() as u64;
        let charge = usage::of_memory(&samples::memory(MADE_TITLE), making.assets.len()) + blobs;
        self.records_allow(bounds, capsule, charge)?;
        for (id, hash, len) in *sessions {
            self.session_in(who, capsule, *id)?;
            self.complete(who, *id, hash, *len)?;
        }
        Ok(Published::Made)
    }

    /// The caller's own session in this capsule.
    fn session_in(&self, who: &Principal, capsule: &str, id: u64) -> Result<(), Error> {
        let session = self.sessions.get(&id).filter(|session| session.caller == *who);
        let session = session.ok_or(Error::NotFound)?;
        self.require(&session.capsule, who, Role::Member)?;
        if session.capsule == capsule { Ok(()) } else { Err(conflict("session_in_other_capsule")) }
    }

    /// The oldest memory of a capsule with this original.
    pub(super) fn first_with(&self, capsule: &str, sha256: &[u8]) -> Option<u64> {
        let mut own = self.memories.iter().filter(|(_, memory)| memory.capsule == capsule);
        own.find(|(_, memory)| self.original(memory).as_deref() == Some(sha256)).map(|(id, _)| *id)
    }

    /// What a publish is told of a memory that was there.
    pub(super) fn there(&self, id: u64) -> String {
        let memory = &self.memories[&id];
        let asset = |asset: &Asset| {
            let (blob_id, bytes) = match &asset.source {
                Source::Inline(bytes) => (None, bytes),
                Source::Blob(id) => (Some(id.clone()), &self.blobs[id].bytes),
            };
            let (size, sha256) = (bytes.len() as u64, sha256(bytes).into());
            PublishedAsset { asset_id: asset.id.clone(), asset_type: asset.kind, blob_id, size, sha256 }
        };
        published_text(&PublishResult {
            memory_id: format!("mem_{id}"),
            assets: memory.assets.iter().map(asset).collect(),
            published_at: memory.metadata.created_at,
            already: Some(true),
        })
    }

    /// A session whose file is there already: pending no more.
    pub(super) fn give_up(&mut self, id: u64, now_ns: u64) {
        let session = self.sessions.get_mut(&id).expect("it was found before");
        if session.is_pending() {
            session.state = SessionState::Aborted;
            session.last_seen_ns = now_ns;
        }
    }

    pub(super) fn make_memory(
        &mut self,
        id: u64,
        who: Principal,
        capsule: &str,
        mut metadata: MemoryMetadata,
        assets: Vec<NewAsset>,
        now_ns: u64,
    ) {
        for time in [&mut metadata.created_at, &mut metadata.updated_at, &mut metadata.uploaded_at] {
            *time = if *time == 0 { now_ns } else { *time };
        }
        let mut memory = MemoryState {
            capsule: capsule.to_owned(),
            creator: who,
            metadata,
            assets: Vec::new(),
            next_asset: 1,
            updated_ns: now_ns,
        };
        for asset in assets {
            self.attach(id, &mut memory, asset, None);
        }
        self.memories.insert(id, memory);
        self.capsules.get_mut(capsule).expect("it was required").updated_ns = now_ns;
    }

    pub(super) fn attach(
        &mut self,
        id: u64,
        memory: &mut MemoryState,
        (kind, source): NewAsset,
        key: Option<(Principal, String, String)>,
    ) {
        if let Source::Blob(blob) = &source {
            let blob = self.blobs.get_mut(blob).expect("it was checked");
            blob.expires_ns = None;
            blob.memory.get_or_insert_with(|| format!("mem_{id}"));
        }
        let asset = Asset { id: format!("asset_{}", memory.next_asset), kind, source, key };
        memory.next_asset += 1;
        memory.assets.push(asset);
    }

    pub(super) fn changeable(&self, who: &Principal, id: u64) -> Result<&MemoryState, Error> {
        Self::somebody(who)?;
        let memory = self.memories.get(&id).ok_or(Error::NotFound)?;
        let need = if self.is_person(&memory.creator, who) { Role::Member } else { Role::Admin };
        self.require(&memory.capsule, who, need).map(|()| memory)
    }

    /// A memory's metadata after an update, where that may be.
    pub(super) fn changed(
        &self,
        bounds: &Bounds,
        who: &Principal,
        id: u64,
        whole: Option<MemoryMetadata>,
        title: Option<String>,
    ) -> Result<MemoryMetadata, Error> {
        let memory = self.changeable(who, id)?;
        let before = &memory.metadata;
        let (created_at, uploaded_at) = (before.created_at, before.uploaded_at);
        let whole = whole.map(|whole| MemoryMetadata { created_at, uploaded_at, ..whole });
        let after = MemoryMetadata { title, ..whole.unwrap_or_else(|| before.clone()) };
        let cost = |metadata| usage::of_memory(metadata, memory.assets.len());
        self.records_allow(bounds, &memory.capsule, cost(&after).saturating_sub(cost(before)))?;
        Ok(after)
    }

    pub(super) fn may_add(
        &self,
        bounds: &Bounds,
        who: &Principal,
        id: u64,
        making: &Making<'_>,
    ) -> Result<Option<String>, Error> {
        let memory = self.changeable(who, id)?;
        if let Some(answer) = self.recall(&making.key, &making.arguments)? {
            return Ok(Some(answer));
        }
        Self::check_assets(&memory.assets, making.assets)?;
        self.check_sources(bounds, who, &memory.capsule, making.assets)?;
        self.records_allow(bounds, &memory.capsule, usage::of_asset())?;
        Ok(None)
    }

    pub(super) fn remove_asset(
        &mut self,
        who: &Principal,
        id: u64,
        asset: &str,
        now_ns: u64,
        ttl_ns: u64,
    ) -> Result<(), Error> {
        let memory = self.changeable(who, id)?;
        let at = memory.assets.iter().position(|known| known.id == asset).ok_or(Error::NotFound)?;
        if memory.assets.len() == 1 {
            return Err(invalid("assets_count"));
        }
        let memory = self.memories.get_mut(&id).expect("it was found above");
        let gone = memory.assets.remove(at);
        memory.updated_ns = now_ns;
        let capsule = memory.capsule.clone();
        self.detach(id, &gone, true, now_ns, ttl_ns);
        self.capsules.get_mut(&capsule).expect("a memory's capsule is there").updated_ns = now_ns;
        Ok(())
    }

    fn detach(&mut self, id: u64, asset: &Asset, delete: bool, now_ns: u64, ttl_ns: u64) {
        if let Some((who, capsule, key)) = &asset.key {
            self.answers.remove(&("asset", *who, capsule.clone(), key.clone()));
        }
        let Source::Blob(blob_id) = &asset.source else { return };
        let left = self.references(blob_id);
        let blob = self.blobs.get_mut(blob_id).expect("a referenced blob is there");
        if blob.memory.as_deref() == Some(&format!("mem_{id}")) {
            blob.memory = None;
        }
        if left > 0 {
            return;
        }
        if delete {
            self.blobs.remove(blob_id);
        } else {
            blob.expires_ns = Some(now_ns + ttl_ns);
        }
    }

    /// Takes a memory away; whether it may go was asked before.
    pub(super) fn drop_memory(&mut self, id: u64, delete: bool, now_ns: u64, ttl_ns: u64) {
        let mut memory = self.memories.remove(&id).expect("it was found before");
        // The assets go one by one, so that a blob shared within the memory counts down.
        while !memory.assets.is_empty() {
            let gone = memory.assets.remove(0);
            let rest = memory.clone();
            self.memories.insert(id, rest);
            self.detach(id, &gone, delete, now_ns, ttl_ns);
            self.memories.remove(&id);
        }
        let made = format!("mem_{id}");
        self.answers.retain(|(scope, ..), (_, answer)| {
            !matches!(*scope, "memory" | "publish") || answer.split_whitespace().next() != Some(&made)
        });
        self.capsules.get_mut(&memory.capsule).expect("a memory's capsule is there").updated_ns = now_ns;
    }

    pub(super) fn delete_blob(&mut self, who: &Principal, id: &str) -> Result<(), Error> {
        Self::somebody(who)?;
        let blob = self.blobs.get(id).ok_or(Error::NotFound)?;
        self.require(&blob.capsule, who, Role::Guest)?;
        let need = if self.is_person(&blob.creator, who) { Role::Member } else { Role::Admin };
        self.require(&blob.capsule, who, need)?;
        if self.references(id) > 0 {
            return Err(conflict("blob_referenced"));
        }
        self.blobs.remove(id);
        Ok(())
    }
}
