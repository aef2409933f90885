//! Reads of memories: one, a page, an asset. Owns no change.

use super::check::{MemoryError, check_bulk, check_id};
use crate::access::{Denied, Role};
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
        self.require(CapsuleId(record.capsule), caller, Role::Guest)?;
        Ok(record)
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
        self.require(capsule, caller, Role::Guest)?;
        let limit = match limit {
            Some(0) => return Err(MemoryError::Limit),
            Some(limit) => limit.min(PAGE_ITEMS_MAX) as usize,
            None => PAGE_ITEMS_DEFAULT as usize,
        };
        let end = match after {
            Some(cursor) => MemoryId::parse(cursor).ok_or(MemoryError::Cursor)?.0,
            None => u64::MAX,
        };
        let (mut items, mut bytes) = (Vec::new(), 0);
        for id in self.capsules.memories(capsule, 0, end).rev() {
            if items.len() == limit {
                return Ok(MemoryPage::before_others(items));
            }
            let record = self.memories.get(id).expect("an indexed memory has a record");
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
        let mut may_read = |capsule: CapsuleId| {
            *readable.entry(capsule).or_insert_with(|| self.require(capsule, caller, Role::Guest).is_ok())
        };
        let mut is_there = |id: MemoryId| {
            *found.entry(id).or_insert_with(|| self.memories.capsule_of(id).is_some_and(&mut may_read))
        };
        Ok(ids.iter().map(|id| MemoryId::parse(id).is_some_and(&mut is_there)).collect())
    }
}
