//! Deletion of memories and assets. Owns giving back what they took: references, inline bytes, keys, counters.

use super::check::{MemoryError, check_bulk};
use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::charge::Recharge;
use crate::contents::original_of;
use crate::ids::{AssetId, BlobId, CapsuleId, MemoryId};
use crate::limits::{ASSETS_PER_MEMORY_MAX, DELETE_ALL_RUNS, DELETE_ALL_SLICE, PIECE_BYTES};
use crate::store::Store;
use crate::tables::capsules::ItemKind;
use crate::tables::memories::{AssetRecord, AssetSource, MemoryRecord};
use ic_stable_structures::Memory;

/// What a bulk delete did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkDeleted {
    /// Deleted.
    pub deleted: u32,
    /// Not found, or not the caller's to delete.
    pub failed: u32,
    /// Left for the next message. Of a list these are its last ones.
    pub left: u64,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Deletes a memory; its blobs go with it where `delete_assets` and nothing else refers to them, else they
    /// expire.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_delete(
        &mut self,
        call: &Call,
        id: MemoryId,
        delete_assets: bool,
    ) -> Result<(), MemoryError> {
        let record = self.changeable(call, id)?;
        self.drop_memory(call, id, &record, delete_assets);
        Ok(())
    }

    /// Deletes those of `ids` that are in the capsule and that the caller may delete, in their order. Once it has deleted
    /// [`Call::rows_max`], it leaves the others.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_delete_bulk(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        ids: &[String],
        delete_assets: bool,
    ) -> Result<BulkDeleted, MemoryError> {
        require_somebody(&call.caller)?;
        self.require(capsule, &call.caller, Role::Member)?;
        check_bulk("memory_ids", ids.len())?;
        let mut done = BulkDeleted::default();
        for (at, text) in ids.iter().enumerate() {
            if done.deleted == call.rows(u32::MAX) {
                return Ok(BulkDeleted { left: (ids.len() - at) as u64, ..done });
            }
            let found = MemoryId::parse(text).and_then(|id| Some((id, self.changeable(call, id).ok()?)));
            match found.filter(|(_, record)| record.capsule == capsule.0) {
                Some((id, record)) => {
                    self.drop_memory(call, id, &record, delete_assets);
                    done.deleted += 1;
                }
                None => done.failed += 1,
            }
        }
        Ok(done)
    }

    /// Deletes all memories of a capsule, at most [`DELETE_ALL_SLICE`] or [`Call::rows_max`] in one message, and none more
    /// once it has freed [`DELETE_ALL_RUNS`]. Admins.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn memory_delete_all(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        delete_assets: bool,
    ) -> Result<BulkDeleted, MemoryError> {
        require_somebody(&call.caller)?;
        self.require(capsule, &call.caller, Role::Admin)?;
        let (mut done, runs) = (BulkDeleted::default(), self.runs.count());
        while let Some(id) = self.oldest_memory(capsule) {
            let freed = runs - self.runs.count();
            if done.deleted == call.rows(DELETE_ALL_SLICE) || freed >= DELETE_ALL_RUNS {
                return Ok(BulkDeleted { left: self.capsules.get(capsule).memory_count, ..done });
            }
            let record = self.memories.get(id).expect("an indexed memory has a record");
            self.drop_memory(call, id, &record, delete_assets);
            done.deleted += 1;
        }
        Ok(done)
    }

    /// Removes one asset; the last one stays until the memory goes.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn asset_remove(&mut self, call: &Call, id: MemoryId, asset: AssetId) -> Result<(), MemoryError> {
        let mut record = self.changeable(call, id)?;
        let at = record.assets.iter().position(|a| a.id == asset.0).ok_or(Denied::NotFound)?;
        if record.assets.len() == 1 {
            return Err(MemoryError::AssetsCount(0));
        }
        debug_assert!(record.assets.len() <= ASSETS_PER_MEMORY_MAX);
        let (was, had) = (self.charged_for(id, &record), original_of(&record));
        let gone = record.assets.remove(at);
        let charge = Recharge { was, is: self.charged_for(id, &record) };
        let capsule = CapsuleId(record.capsule);
        record.updated_ns = call.now_ns;
        self.memories.put(id, &record);
        self.certified.queue_memory(id);
        self.original_changed(capsule, id, had, original_of(&record));
        self.detach(call, id, capsule, &gone, true);
        self.capsules.update(capsule, |c| {
            charge.count_in(c);
            c.updated_ns = call.now_ns;
        });
        Ok(())
    }

    pub(crate) fn drop_memory(
        &mut self,
        call: &Call,
        id: MemoryId,
        record: &MemoryRecord,
        delete_assets: bool,
    ) {
        let capsule = CapsuleId(record.capsule);
        for asset in &record.assets {
            self.detach(call, id, capsule, asset, delete_assets);
        }
        let charge = self.charged_for(id, record);
        self.idem.forget(&record.idem);
        self.original_changed(capsule, id, original_of(record), None);
        self.memories.remove(id);
        self.certified.certify(id, None);
        self.capsules.remove_item(capsule, ItemKind::Memory, id.0);
        self.capsules.update(capsule, |c| {
            c.memory_count -= 1;
            c.record_bytes -= charge;
            c.updated_ns = call.now_ns;
        });
    }

    fn detach(&mut self, call: &Call, id: MemoryId, capsule: CapsuleId, asset: &AssetRecord, delete: bool) {
        if let Some(key) = &asset.idem {
            self.idem.forget(key);
        }
        match asset.source {
            AssetSource::Inline { len, .. } => {
                self.memories.remove_inline(id, AssetId(asset.id));
                self.capsules.update(capsule, |c| {
                    c.bytes_used -= len;
                    c.inline_bytes -= len;
                });
            }
            AssetSource::Blob { blob, len, .. } => {
                if len > PIECE_BYTES {
                    self.certified.remove_pieces(id, AssetId(asset.id));
                }
                self.unrefer(call, BlobId(blob), id, delete);
            }
            AssetSource::External { .. } => {}
        }
    }

    fn oldest_memory(&self, capsule: CapsuleId) -> Option<MemoryId> {
        self.capsules.memories(capsule, 0, u64::MAX).next()
    }
}
