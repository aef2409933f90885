//! Upload methods: thin, one per method of the interface. Owns no rule; the two lanes over them are
//! in [`crate::upload`].

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use keepsake_api::{
    BeginOptions, PublishRequest, PublishResult, SessionInfo, SessionStats, UploadConfig, UploadFinishResult,
    UploadStatus,
};
use serde_bytes::Bytes;

impl<T: Transport> Client<T> {
    /// Every limit that a client needs. [`Client::limits`] remembers it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn upload_config(&self) -> Result<UploadConfig, CallError> {
        self.query_bare("upload_config", ()).await
    }

    /// Opens a session, or finds the pending one of the same caller, capsule and `idem`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn uploads_begin(
        &self,
        capsule_id: &str,
        expected_chunks: u32,
        idem: &str,
        options: Option<BeginOptions>,
    ) -> Result<u64, CallError> {
        self.update("uploads_begin", Delivery::Repeatable, (capsule_id, expected_chunks, idem, options)).await
    }

    /// Stores one chunk. The same bytes again: `Ok`.
    ///
    /// # Errors
    /// [`CallError`]; `chunk_differs` where other bytes are there for this index.
    pub async fn uploads_put_chunk(
        &self,
        session_id: u64,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), CallError> {
        let args = (session_id, index, Bytes::new(bytes));
        self.update("uploads_put_chunk", Delivery::Repeatable, args).await
    }

    /// A ticket by which chunks of the session come without envelopes for `ttl_secs`, see
    /// [`Transport::put_chunk`]. Whoever has it can send them: it belongs into no address and no log.
    ///
    /// # Errors
    /// [`CallError`]; `no_put_road` where the host takes chunks in envelopes only.
    pub async fn mint_upload_ticket(&self, session_id: u64, ttl_secs: u32) -> Result<String, CallError> {
        self.query("mint_upload_ticket", (session_id, ttl_secs)).await
    }

    /// What is there and what is missing.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn uploads_status(&self, session_id: u64) -> Result<UploadStatus, CallError> {
        self.query("uploads_status", (session_id,)).await
    }

    /// Makes the session a blob.
    ///
    /// # Errors
    /// [`CallError`]; `hash_pending` means: call again at once.
    pub async fn uploads_finish(
        &self,
        session_id: u64,
        sha256: &[u8],
        total_len: u64,
    ) -> Result<UploadFinishResult, CallError> {
        let args = (session_id, Bytes::new(sha256), total_len);
        self.update("uploads_finish", Delivery::Repeatable, args).await
    }

    /// Gives the session up and frees what it holds. Again: `Ok`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn uploads_abort(&self, session_id: u64) -> Result<(), CallError> {
        self.update("uploads_abort", Delivery::Repeatable, (session_id,)).await
    }

    /// Finishes one to four sessions and makes the memory with all its assets, or does nothing.
    ///
    /// # Errors
    /// [`CallError`]; `hash_pending` means: call again at once.
    pub async fn uploads_publish(&self, request: &PublishRequest) -> Result<PublishResult, CallError> {
        self.update("uploads_publish", Delivery::Repeatable, (request,)).await
    }

    /// The caller's own sessions.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn sessions_list(&self) -> Result<Vec<SessionInfo>, CallError> {
        self.query("sessions_list", ()).await
    }

    /// Counters over the sessions that the caller may see.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn sessions_stats(&self) -> Result<SessionStats, CallError> {
        self.query("sessions_stats", ()).await
    }

    /// Evicts sessions whose time ran out; says how many.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn sessions_cleanup_expired(&self) -> Result<u32, CallError> {
        self.update("sessions_cleanup_expired", Delivery::Repeatable, ()).await
    }

    /// The ids of all live sessions, for tests and operators.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn probe_sessions(&self) -> Result<Vec<u64>, CallError> {
        self.query_bare("_probe_sessions", ()).await
    }
}
