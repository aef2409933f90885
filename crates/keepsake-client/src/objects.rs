//! Methods of objects in a host's bucket, for whoever keeps the bucket's keys. Thin, one per method of the interface. Owns no rule.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use keepsake_api::{Attestation, MovableBlobs, Object, ObjectGrant};

impl<T: Transport> Client<T> {
    /// What may be signed for the session that an upload ticket is for.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn uploads_grant(&self, ticket: &str) -> Result<ObjectGrant, CallError> {
        self.update("uploads_grant", Delivery::Repeatable, (ticket,)).await
    }

    /// The same for a look at the bucket: nothing may be signed by it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn uploads_granted(&self, ticket: &str) -> Result<ObjectGrant, CallError> {
        self.query("uploads_granted", (ticket,)).await
    }

    /// Keeps the bucket's name for the parts of a session; the first one stays, and is given back.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn uploads_multipart(&self, session_id: u64, upload_id: &str) -> Result<String, CallError> {
        self.update("uploads_multipart", Delivery::Repeatable, (session_id, upload_id)).await
    }

    /// All bytes of a session are in the bucket: what was found there.
    ///
    /// # Errors
    /// [`CallError`]; `attested_differs` where that is not what was announced.
    pub async fn uploads_attest(&self, session_id: u64, found: &Attestation) -> Result<(), CallError> {
        self.update("uploads_attest", Delivery::Repeatable, (session_id, found)).await
    }

    /// All objects from a number on, at most 1,000.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn objects_list(&self, first: Option<u64>) -> Result<Vec<Object>, CallError> {
        self.query("objects_list", (first,)).await
    }

    /// Objects that are nobody's and may be removed now.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn objects_removable(&self) -> Result<Vec<Object>, CallError> {
        self.query("objects_removable", ()).await
    }

    /// These are gone from the bucket. Says how many are forgotten.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn objects_removed(&self, ids: &[u64]) -> Result<u64, CallError> {
        self.update("objects_removed", Delivery::Repeatable, (ids,)).await
    }

    /// Blobs from one on whose bytes could go to the bucket: made at or before `created_at`, with `len_min` bytes or more.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn objects_movable(
        &self,
        first: Option<&str>,
        created_at: u64,
        len_min: u64,
    ) -> Result<MovableBlobs, CallError> {
        self.query("objects_movable", (first, created_at, len_min)).await
    }

    /// A blob gets an object, before that is written.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn objects_move(&self, blob_id: &str) -> Result<Object, CallError> {
        self.update("objects_move", Delivery::Repeatable, (blob_id,)).await
    }

    /// A blob's bytes are in its object now: what was found there.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn objects_moved(&self, blob_id: &str, found: &Attestation) -> Result<(), CallError> {
        self.update("objects_moved", Delivery::Repeatable, (blob_id, found)).await
    }
}
