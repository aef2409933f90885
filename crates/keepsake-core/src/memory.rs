//! Memories: the record of one photo, note, document, audio or video, with up to four assets. Owns creation and
//! change; records are in `tables/memories.rs`, checks in `memory/check.rs`, reads in `memory/read.rs`, deletion in
//! `memory/delete.rs`.

mod check;
mod delete;
mod read;

pub use crate::tables::memories::{
    AssetKind, AssetMeta, AssetRecord, AssetSource, Hosting, MediaType, MemoryMeta, MemoryRecord,
};
pub use check::{MemoryError, TextField, check_id};
pub use delete::BulkDeleted;
pub use read::{AssetBytes, AssetChoice, MemoryPage};

use check::check_text_bytes;
pub(crate) use check::{check_assets, check_bulk, check_memory_meta};

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::charge::{self, Recharge, Texts};
use crate::contents::original_of;
use crate::ids::{AssetId, BlobId, CapsuleId, MemoryId};
use crate::room::Usage;
use crate::store::Store;
use crate::tables::capsules::{CapsuleRecord, ItemKind};
use crate::tables::idem::{Scope, fingerprint, idem_key};
use ic_stable_structures::Memory;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

/// An asset to be made.
#[derive(Encode, Decode, Clone, Debug, PartialEq)]
pub struct NewAsset {
    /// What it is.
    #[n(0)]
    pub meta: AssetMeta,
    /// Where its bytes come from.
    #[n(1)]
    pub source: NewSource,
}

/// What the checks look at of an asset to be made: what it is, and its source where that is not a session.
pub(crate) type Planned<'a> = (&'a AssetMeta, Option<&'a NewSource>);

impl NewAsset {
    pub(crate) fn planned(&self) -> Planned<'_> {
        (&self.meta, Some(&self.source))
    }

    /// Bytes that come along with it.
    pub(crate) fn inline_bytes(&self) -> u64 {
        match &self.source {
            NewSource::Inline(bytes) => bytes.len() as u64,
            NewSource::Blob(_) | NewSource::External { .. } => 0,
        }
    }
}

/// Where a new asset's bytes come from.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub enum NewSource {
    /// They come along.
    #[n(0)]
    Inline(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A finished blob of the same capsule.
    #[n(1)]
    Blob(#[n(0)] u64),
    /// They are elsewhere.
    #[n(2)]
    External {
        /// Where.
        #[n(0)]
        hosting: Hosting,
        /// Key there.
        #[n(1)]
        storage_key: String,
        /// Address there.
        #[n(2)]
        url: Option<String>,
        /// Length as the client says, bytes.
        #[n(3)]
        len: Option<u64>,
        /// SHA-256 as the client says.
        #[cbor(n(4), with = "minicbor::bytes")]
        sha256: Option<Vec<u8>>,
    },
}

/// A checked memory that is to be written.
pub(crate) struct NewMemory {
    pub(crate) capsule: CapsuleId,
    pub(crate) meta: MemoryMeta,
    /// Its first assets, whose bytes are where they stay already.
    pub(crate) settled: Vec<(AssetMeta, AssetSource)>,
    /// Its other assets.
    pub(crate) assets: Vec<NewAsset>,
    /// The key of the idempotency record that answers for its making.
    pub(crate) idem: [u8; 32],
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Makes a memory. Repeated with the same key and arguments: the first answer.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_create(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        meta: MemoryMeta,
        assets: Vec<NewAsset>,
        idem: &str,
    ) -> Result<MemoryId, MemoryError> {
        require_somebody(&call.caller)?;
        self.require(capsule, &call.caller, Role::Member)?;
        let key = idem_key(Scope::Memory, &call.caller, capsule, idem)?;
        let print = fingerprint(&(&meta, &assets));
        if let Some(known) = self.idem.recall(&key, &print)? {
            return Ok(MemoryId(known.made));
        }
        check_memory_meta(&meta)?;
        check_assets(&[], &assets.iter().map(NewAsset::planned).collect::<Vec<_>>())?;
        let mut texts = Texts::default();
        texts.add_memory(&meta);
        for asset in &assets {
            texts.add_new_asset(asset);
        }
        self.check_sources(call, capsule, &assets)?;
        self.check_texts(capsule, assets.len(), texts, 0)?;
        let new = NewMemory { capsule, meta, settled: Vec::new(), assets, idem: key };
        let (id, _) = self.add_memory(call, new, |_| ());
        self.idem.remember(key, print, id.0, Vec::new());
        Ok(id)
    }

    /// Adds an asset to a memory. Repeated with the same key and arguments: the first answer.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_add_asset(
        &mut self,
        call: &Call,
        id: MemoryId,
        asset: NewAsset,
        idem: &str,
    ) -> Result<AssetId, MemoryError> {
        let mut record = self.changeable(call, id)?;
        let capsule = CapsuleId(record.capsule);
        let key = idem_key(Scope::Asset, &call.caller, capsule, idem)?;
        let print = fingerprint(&(id.0, &asset));
        if let Some(known) = self.idem.recall(&key, &print)? {
            return Ok(AssetId(known.made));
        }
        check_assets(&record.assets, &[asset.planned()])?;
        self.check_sources(call, capsule, std::slice::from_ref(&asset))?;
        let mut texts = Texts::of_record(&record);
        texts.add_new_asset(&asset);
        let recharge = self.check_change(id, &record, record.assets.len() + 1, texts)?;
        let inline = asset.inline_bytes();
        let was = original_of(&record);
        let made = self.attach(id, &mut record, asset, Some(key));
        record.updated_ns = call.now_ns;
        self.original_changed(capsule, id, was, original_of(&record));
        self.memories.put(id, &record);
        self.certified.queue_memory(id);
        self.capsules.update(capsule, |c| {
            recharge.count_in(c);
            c.bytes_used += inline;
            c.inline_bytes += inline;
            c.updated_ns = call.now_ns;
        });
        self.idem.remember(key, print, made.0, Vec::new());
        Ok(made)
    }

    /// Replaces a memory's metadata by what `change` makes of it. A time of 0 says nothing, as when it is made: the
    /// one that is known stays.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_update(
        &mut self,
        call: &Call,
        id: MemoryId,
        change: impl FnOnce(&mut MemoryMeta),
    ) -> Result<MemoryRecord, MemoryError> {
        let mut record = self.changeable(call, id)?;
        let before = record.clone();
        change(&mut record.meta);
        check_memory_meta(&record.meta)?;
        let recharge = self.check_change(id, &before, record.assets.len(), Texts::of_record(&record))?;
        for (time, known) in [
            (&mut record.meta.created_at_ns, before.meta.created_at_ns),
            (&mut record.meta.uploaded_at_ns, before.meta.uploaded_at_ns),
        ] {
            *time = if *time == 0 { known } else { *time };
        }
        record.meta.updated_at_ns = call.now_ns;
        record.updated_ns = call.now_ns;
        self.memories.put(id, &record);
        self.capsules.update(CapsuleId(record.capsule), |c| {
            recharge.count_in(c);
            c.updated_ns = call.now_ns;
        });
        Ok(record)
    }

    /// A memory that the caller may change: an admin any, a member its own.
    pub(crate) fn changeable(&self, call: &Call, id: MemoryId) -> Result<MemoryRecord, Denied> {
        require_somebody(&call.caller)?;
        let record = self.memories.get(id).ok_or(Denied::NotFound)?;
        let is_its = self.is_person(&record.creator, &call.caller);
        let need = if is_its { Role::Member } else { Role::Admin };
        self.require(CapsuleId(record.capsule), &call.caller, need)?;
        Ok(record)
    }

    /// Blobs are there and of this capsule; inline bytes are within budget and quota.
    pub(crate) fn check_sources(
        &self,
        call: &Call,
        capsule: CapsuleId,
        assets: &[NewAsset],
    ) -> Result<(), MemoryError> {
        for asset in assets {
            if let NewSource::Blob(blob) = &asset.source {
                let record = self.blob_meta(&call.caller, BlobId(*blob))?;
                if record.capsule != capsule.0 {
                    return Err(MemoryError::BlobInOtherCapsule(BlobId(*blob)));
                }
            }
        }
        let inline: u64 = assets.iter().map(NewAsset::inline_bytes).sum();
        let record = self.capsules.get(capsule);
        Usage::inline_bytes(&record).take(inline)?;
        Ok(self.take_bytes(capsule, &record, inline)?)
    }

    /// A new memory with so many assets and these texts is within its bounds, and there is room for its record and for those
    /// of the blobs that come along, which cost `blobs`.
    pub(crate) fn check_texts(
        &self,
        capsule: CapsuleId,
        assets: usize,
        texts: Texts,
        blobs: u64,
    ) -> Result<(), MemoryError> {
        check_text_bytes(texts.bytes, 0)?;
        let charge = charge::of_parts(assets, texts) + blobs;
        self.capsule_records(&self.capsules.get(capsule)).take(charge)?;
        Ok(self.require_record_room(charge)?)
    }

    /// As [`Self::check_texts`], of a memory that is to change: what makes it smaller is always within. Says how its charge
    /// changes.
    fn check_change(
        &self,
        id: MemoryId,
        before: &MemoryRecord,
        assets: usize,
        texts: Texts,
    ) -> Result<Recharge, MemoryError> {
        check_text_bytes(texts.bytes, Texts::of_record(before).bytes)?;
        let (was, is) = (charge::of_memory(before), charge::of_parts(assets, texts));
        if is > was {
            self.capsule_records(&self.capsules.get(CapsuleId(before.capsule))).take(is - was)?;
            self.require_record_room(is - was)?;
        }
        Ok(if self.memories.is_counted(id) { Recharge { was, is } } else { Recharge::default() })
    }

    /// Writes a checked memory: record, index, references, counters. `count` changes its capsule's record too.
    pub(crate) fn add_memory(
        &mut self,
        call: &Call,
        new: NewMemory,
        count: impl FnOnce(&mut CapsuleRecord),
    ) -> (MemoryId, MemoryRecord) {
        let NewMemory { capsule, mut meta, settled, assets, idem } = new;
        let id = self.memories.next_id();
        for time in [&mut meta.created_at_ns, &mut meta.updated_at_ns, &mut meta.uploaded_at_ns] {
            *time = if *time == 0 { call.now_ns } else { *time };
        }
        let mut record = MemoryRecord {
            capsule: capsule.0,
            creator: call.caller,
            created_ns: call.now_ns,
            updated_ns: call.now_ns,
            meta,
            assets: Vec::new(),
            next_asset: 1,
            idem: idem.into(),
        };
        for (meta, source) in settled {
            push_asset(&mut record, meta, source, None);
        }
        let inline: u64 = assets.iter().map(NewAsset::inline_bytes).sum();
        for asset in assets {
            self.attach(id, &mut record, asset, None);
        }
        self.memories.add(&record);
        self.original_changed(capsule, id, None, original_of(&record));
        let charge = charge::of_memory(&record);
        self.certified.queue_memory(id);
        self.capsules.add_item(capsule, ItemKind::Memory, id.0);
        self.capsules.update(capsule, |c| {
            count(c);
            c.bytes_used += inline;
            c.inline_bytes += inline;
            c.memory_count += 1;
            c.record_bytes += charge;
            c.updated_ns = call.now_ns;
        });
        (id, record)
    }

    /// Adds one checked asset to a record that the caller stores.
    fn attach(
        &mut self,
        id: MemoryId,
        record: &mut MemoryRecord,
        asset: NewAsset,
        idem: Option<[u8; 32]>,
    ) -> AssetId {
        let next = AssetId(record.next_asset);
        let source = self.settle_source(id, next, asset.source);
        push_asset(record, asset.meta, source, idem)
    }

    /// Puts a new asset's bytes where they stay. Its caller counts them in the capsule.
    fn settle_source(&mut self, id: MemoryId, asset: AssetId, source: NewSource) -> AssetSource {
        match source {
            NewSource::Inline(bytes) => {
                let (len, sha256) = (bytes.len() as u64, Sha256::digest(&bytes));
                self.memories.put_inline(id, asset, bytes);
                AssetSource::Inline { len, sha256: <[u8; 32]>::from(sha256).into() }
            }
            NewSource::Blob(blob) => self.refer(BlobId(blob), Some(id.0)),
            NewSource::External { hosting, storage_key, url, len, sha256 } => {
                AssetSource::External { hosting, storage_key, url, len, sha256 }
            }
        }
    }
}

/// Puts an asset whose bytes are where they stay behind the others.
fn push_asset(
    record: &mut MemoryRecord,
    meta: AssetMeta,
    source: AssetSource,
    idem: Option<[u8; 32]>,
) -> AssetId {
    let id = AssetId(record.next_asset);
    record.next_asset += 1;
    record.assets.push(AssetRecord { id: id.0, meta, source, idem: idem.map(Into::into) });
    id
}
