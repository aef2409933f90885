//! Reads of memories: one, a page, an asset. Owns no change.

use super::check::{MemoryError, check_bulk, check_id};
use crate::access::{Denied, Sight};
use crate::charge;
use crate::ids::{AssetId, CapsuleId, MemoryId};
use crate::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, PAGE_RECORD_BYTES_MAX};
use crate::store::Store;
use crate::tables::memories::{AssetKind, AssetRecord, AssetSource, MemoryRecord};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use std::collections::BTreeMap;

/// One page of a list, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPage {
    /// The rows.
    pub items: Vec<(MemoryId, MemoryRecord)>,
    /// The last row's id, where there are more after it.
    pub next: Option<MemoryId>,
}

impl MemoryPage {
    /// A page with rows that others come after.
    fn before_others(items: Vec<(MemoryId, MemoryRecord)>) -> Self {
        Self { next: items.last().map(|(id, _)| *id), items }
    }
}

/// The memories of a list: all of a capsule, or those that a link names.
enum Either<A, N> {
    All(A),
    Named(N),
}

impl<A: Iterator<Item = MemoryId>, N: Iterator<Item = MemoryId>> Iterator for Either<A, N> {
    type Item = MemoryId;

    fn next(&mut self) -> Option<MemoryId> {
        match self {
            Self::All(ids) => ids.next(),
            Self::Named(ids) => ids.next(),
        }
    }
}

/// Which asset of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetChoice {
    /// By number within the memory.
    Id(AssetId),
    /// The one of this kind.
    Kind(AssetKind),
    /// By its place in the list.
    Index(u32),
}

/// An asset, with its bytes where they are inline.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetBytes {
    /// Its record.
    pub record: AssetRecord,
    /// Its bytes where they are inline.
    pub inline: Option<Vec<u8>>,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// A memory that the caller may read.
    ///
    /// # Errors
    /// [`Denied::NotFound`].
    pub fn memory_read(&self, caller: &Principal, id: MemoryId) -> Result<MemoryRecord, Denied> {
        let record = self.memories.get(id).ok_or(Denied::NotFound)?;
        Ok(self.seen(caller, id, record)?.1)
    }

    /// A memory, whoever asks: for HTTP, where a token decides.
    pub fn memory_read_unchecked(&self, id: MemoryId) -> Option<MemoryRecord> {
        self.memories.get(id)
    }

    /// Bytes of an inline asset.
    pub fn inline_bytes(&self, id: MemoryId, asset: AssetId) -> Option<Vec<u8>> {
        self.memories.inline(id, asset)
    }

    /// One asset of a memory that the caller may read.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn asset_read(
        &self,
        caller: &Principal,
        id: MemoryId,
        choice: AssetChoice,
    ) -> Result<AssetBytes, MemoryError> {
        let memory = self.memory_read(caller, id)?;
        self.asset_of(id, &memory, choice)
    }

    /// One asset of a memory whose reader was checked already.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn asset_of(
        &self,
        id: MemoryId,
        memory: &MemoryRecord,
        choice: AssetChoice,
    ) -> Result<AssetBytes, MemoryError> {
        let found = match choice {
            AssetChoice::Id(asset) => memory.assets.iter().find(|a| a.id == asset.0),
            AssetChoice::Kind(kind) => memory.assets.iter().find(|a| a.meta.kind == kind),
            AssetChoice::Index(index) => {
                let count = memory.assets.len();
                Some(memory.assets.get(index as usize).ok_or(MemoryError::AssetIndex { index, count })?)
            }
        };
        let record = found.ok_or(Denied::NotFound)?.clone();
        let inline = match record.source {
            AssetSource::Inline { .. } => self.inline_bytes(id, AssetId(record.id)),
            _ => None,
        };
        Ok(AssetBytes { record, inline })
    }

    /// One page of a capsule's memories, newest first: those made before the one that `after` names. New ones made
    /// meanwhile do not move the rest. A page ends before `limit` where its records would take more than
    /// [`PAGE_RECORD_BYTES_MAX`]; it has one row at least. O(limit · log memories).
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_page(
        &self,
        caller: &Principal,
        capsule: CapsuleId,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<MemoryPage, MemoryError> {
        let sight = self.sight(capsule, caller)?;
        let limit = match limit {
            Some(0) => return Err(MemoryError::Limit),
            Some(limit) => limit.min(PAGE_ITEMS_MAX) as usize,
            None => PAGE_ITEMS_DEFAULT as usize,
        };
        let end = match after {
            Some(cursor) => MemoryId::parse(cursor).ok_or(MemoryError::Cursor)?.0,
            None => u64::MAX,
        };
        let named = matches!(sight, Sight::Link { named: true, .. });
        let ids = if named {
            Either::Named(self.registry.covered_by(caller, 0, end).rev())
        } else {
            Either::All(self.capsules.memories(capsule, 0, end).rev())
        };
        let (mut items, mut bytes) = (Vec::new(), 0);
        for id in ids {
            if items.len() == limit {
                return Ok(MemoryPage::before_others(items));
            }
            // A link may name memories that are gone.
            let Some(mut record) = self.memories.get(id) else { continue };
            record.assets.retain(|asset| sight.shows(asset.meta.kind));
            bytes += charge::of_memory(&record);
            if bytes > PAGE_RECORD_BYTES_MAX && !items.is_empty() {
                return Ok(MemoryPage::before_others(items));
            }
            items.push((id, record));
        }
        Ok(MemoryPage { items, next: None })
    }

    /// For each id, whether there is such a memory and the caller may read it. No record is read but for its capsule,
    /// and each id is looked up once. O(ids · log memories).
    ///
    /// # Errors
    /// [`MemoryError::Items`] for too many ids, [`MemoryError::IdLength`] for what is too long to be one.
    pub fn memory_presence(&self, caller: &Principal, ids: &[String]) -> Result<Vec<bool>, MemoryError> {
        check_bulk("memory_ids", ids.len())?;
        ids.iter().try_for_each(|id| check_id("memory_ids", id))?;
        let (mut readable, mut found) = (BTreeMap::new(), BTreeMap::new());
        let mut sight =
            |capsule: CapsuleId| *readable.entry(capsule).or_insert_with(|| self.sight(capsule, caller).ok());
        let mut is_seen = |id: MemoryId| match self.memories.capsule_of(id).and_then(&mut sight) {
            Some(Sight::Link { named: true, .. }) => self.registry.covers(caller, id),
            sight => sight.is_some(),
        };
        let mut is_there = |id: MemoryId| *found.entry(id).or_insert_with(|| is_seen(id));
        Ok(ids.iter().map(|id| MemoryId::parse(id).is_some_and(&mut is_there)).collect())
    }
}
