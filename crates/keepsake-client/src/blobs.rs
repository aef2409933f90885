//! Blob methods: thin, one per method of the interface. Owns no rule; whole blobs are read by
//! [`crate::download`].

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use keepsake_api::BlobMeta;
use serde_bytes::ByteBuf;

impl<T: Transport> Client<T> {
    /// What is known of a blob without reading it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn blob_get_meta(&self, locator: &str) -> Result<BlobMeta, CallError> {
        self.query("blob_get_meta", (locator,)).await
    }

    /// A whole small blob.
    ///
    /// # Errors
    /// [`CallError`]; `blob_too_large` above the limit of one answer.
    pub async fn blob_read(&self, locator: &str) -> Result<Vec<u8>, CallError> {
        self.query::<_, ByteBuf>("blob_read", (locator,)).await.map(ByteBuf::into_vec)
    }

    /// Chunk `index` of `0..chunk_count`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn blob_read_chunk(&self, locator: &str, index: u32) -> Result<Vec<u8>, CallError> {
        self.query::<_, ByteBuf>("blob_read_chunk", (locator, index)).await.map(ByteBuf::into_vec)
    }

    /// `len` bytes from `offset`, clipped at the end.
    ///
    /// # Errors
    /// [`CallError`]; `range_beyond_end` where `offset` is beyond the end.
    pub async fn blob_read_range(&self, locator: &str, offset: u64, len: u32) -> Result<Vec<u8>, CallError> {
        self.query::<_, ByteBuf>("blob_read_range", (locator, offset, len)).await.map(ByteBuf::into_vec)
    }

    /// Deletes a blob that no memory refers to.
    ///
    /// # Errors
    /// [`CallError`]; `blob_referenced` while a memory refers to it.
    pub async fn blob_delete(&self, locator: &str) -> Result<String, CallError> {
        self.update("blob_delete", Delivery::Once, (locator,)).await
    }
}
