//! Memory and asset methods: thin, one per method of the interface. Owns no rule.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use keepsake_api::{
    AssetMetadata, AssetRemovalResult, BlobHosting, BlobRef, BulkDeleteResult, InlineAssetInput,
    InternalBlobAssetInput, Memory, MemoryAssetData, MemoryAssetsList, MemoryMetadata, MemoryPresenceResult,
    MemoryUpdateData, Page,
};
use serde_bytes::{ByteBuf, Bytes};

/// The one source of bytes of `memories_create`.
#[derive(Clone, Debug, PartialEq)]
pub enum BytesSource {
    /// In the message.
    Inline(Vec<u8>),
    /// A finished blob.
    Blob(BlobRef),
    /// Elsewhere.
    External {
        /// Where.
        location: BlobHosting,
        /// Key there.
        storage_key: String,
        /// Address there.
        url: Option<String>,
        /// Length, bytes.
        size: Option<u64>,
        /// SHA-256, 32 bytes.
        sha256: Option<Vec<u8>>,
    },
}

impl<T: Transport> Client<T> {
    /// Makes a memory with one asset.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_create(
        &self,
        capsule_id: &str,
        source: BytesSource,
        metadata: &AssetMetadata,
        idem: &str,
    ) -> Result<String, CallError> {
        let (mut inline, mut blob, mut location, mut storage_key) = (None, None, None, None);
        let (mut url, mut size, mut sha256) = (None, None, None);
        match source {
            BytesSource::Inline(bytes) => inline = Some(ByteBuf::from(bytes)),
            BytesSource::Blob(reference) => blob = Some(reference),
            BytesSource::External {
                location: at,
                storage_key: key,
                url: address,
                size: len,
                sha256: hash,
            } => {
                (location, storage_key, url, size) = (Some(at), Some(key), address, len);
                sha256 = hash.map(ByteBuf::from);
            }
        }
        let args = (capsule_id, inline, blob, location, storage_key, url, size, sha256, metadata, idem);
        self.update("memories_create", Delivery::Repeatable, args).await
    }

    /// Makes a memory of finished blobs.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_create_with_internal_blobs(
        &self,
        capsule_id: &str,
        metadata: &MemoryMetadata,
        assets: &[InternalBlobAssetInput],
        idem: &str,
    ) -> Result<String, CallError> {
        let args = (capsule_id, metadata, assets, idem);
        self.update("memories_create_with_internal_blobs", Delivery::Repeatable, args).await
    }

    /// Makes a memory of finished blobs and inline assets.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_create_with_internal_blobs_and_inline_assets(
        &self,
        capsule_id: &str,
        metadata: &MemoryMetadata,
        blobs: &[InternalBlobAssetInput],
        inline: &[InlineAssetInput],
        idem: &str,
    ) -> Result<String, CallError> {
        let method = "memories_create_with_internal_blobs_and_inline_assets";
        self.update(method, Delivery::Repeatable, (capsule_id, metadata, blobs, inline, idem)).await
    }

    /// Adds a finished blob to a memory; gives the asset's id.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_add_asset(
        &self,
        memory_id: &str,
        asset: &InternalBlobAssetInput,
        idem: &str,
    ) -> Result<String, CallError> {
        self.update("memories_add_asset", Delivery::Repeatable, (memory_id, asset, idem)).await
    }

    /// Adds an inline asset to a memory; gives the asset's id.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_add_inline_asset(
        &self,
        memory_id: &str,
        asset: &InlineAssetInput,
        idem: &str,
    ) -> Result<String, CallError> {
        self.update("memories_add_inline_asset", Delivery::Repeatable, (memory_id, asset, idem)).await
    }

    /// A memory with its assets.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_read(&self, memory_id: &str) -> Result<Memory, CallError> {
        self.query("memories_read", (memory_id,)).await
    }

    /// Asset number `index` of a memory, in the order of [`Self::memories_list_assets`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_read_asset(
        &self,
        memory_id: &str,
        index: u32,
    ) -> Result<MemoryAssetData, CallError> {
        self.query("memories_read_asset", (memory_id, index)).await
    }

    /// One asset by its id.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn asset_get_by_id(
        &self,
        memory_id: &str,
        asset_id: &str,
    ) -> Result<MemoryAssetData, CallError> {
        self.query("asset_get_by_id", (memory_id, asset_id)).await
    }

    /// One page, newest first. Pass `next_cursor` back for the next one.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_list(
        &self,
        capsule_id: &str,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page, CallError> {
        self.query("memories_list", (capsule_id, cursor, limit)).await
    }

    /// The same as [`Self::memories_list`], under its older name.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_list_by_capsule(
        &self,
        capsule_id: &str,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page, CallError> {
        self.query("memories_list_by_capsule", (capsule_id, cursor, limit)).await
    }

    /// The assets of a memory, by where their bytes are.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_list_assets(&self, memory_id: &str) -> Result<MemoryAssetsList, CallError> {
        self.query("memories_list_assets", (memory_id,)).await
    }

    /// Which of these memories are there for the caller.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_ping(&self, memory_ids: &[String]) -> Result<Vec<MemoryPresenceResult>, CallError> {
        self.query("memories_ping", (memory_ids,)).await
    }

    /// For each SHA-256, the oldest memory of a capsule whose original has it. At most 1,000.
    ///
    /// # Errors
    /// [`CallError`]; `contents_pending` where one that is not found may be there: ask again in some seconds.
    pub async fn memories_find(
        &self,
        capsule_id: &str,
        sha256: &[[u8; 32]],
    ) -> Result<Vec<Option<String>>, CallError> {
        let hashes: Vec<_> = sha256.iter().map(|hash| Bytes::new(hash)).collect();
        self.query("memories_find", (capsule_id, hashes)).await
    }

    /// Changes a memory; what is `None` stays as it is.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_update(
        &self,
        memory_id: &str,
        change: &MemoryUpdateData,
    ) -> Result<Memory, CallError> {
        self.update("memories_update", Delivery::Repeatable, (memory_id, change)).await
    }

    /// Deletes a memory, with its blobs where `delete_assets`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_delete(&self, memory_id: &str, delete_assets: bool) -> Result<(), CallError> {
        self.update("memories_delete", Delivery::Once, (memory_id, delete_assets)).await
    }

    /// Deletes many memories of one capsule, at most 1,000. A host with little room deletes some and leaves the last ones of
    /// the list, as many as `left_count` says: send those again.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_delete_bulk(
        &self,
        capsule_id: &str,
        memory_ids: &[String],
        delete_assets: bool,
    ) -> Result<BulkDeleteResult, CallError> {
        self.update("memories_delete_bulk", Delivery::Once, (capsule_id, memory_ids, delete_assets)).await
    }

    /// Deletes memories of a capsule, as many as one message can: `left_count` says how many are left to the next.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn memories_delete_all(
        &self,
        capsule_id: &str,
        delete_assets: bool,
    ) -> Result<BulkDeleteResult, CallError> {
        self.update("memories_delete_all", Delivery::Repeatable, (capsule_id, delete_assets)).await
    }

    /// Takes one asset from a memory.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn asset_remove_by_id(
        &self,
        memory_id: &str,
        asset_id: &str,
    ) -> Result<AssetRemovalResult, CallError> {
        self.update("asset_remove_by_id", Delivery::Once, (memory_id, asset_id)).await
    }
}
