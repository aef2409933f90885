//! Which files are in a capsule already? Owns the question, as often as the service needs it; the service knows its memories by
//! the SHA-256 of their originals. Uploads nothing.

use crate::client::{CallError, Client};
use crate::transport::Transport;
use std::time::{Duration, Instant};

/// Hashes of one question: the service takes no more.
const HASHES_MAX: usize = 1_000;

/// Between two questions while the service still goes through older memories.
const PENDING_PAUSE: Duration = Duration::from_secs(1);

impl<T: Transport> Client<T> {
    /// For each SHA-256 of a file, the oldest memory of the capsule whose original it is. None of a host that does not know
    /// its files by their content. A host that still goes through its memories is waited for, as one that is away.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn find_originals(
        &self,
        capsule_id: &str,
        sha256: &[[u8; 32]],
    ) -> Result<Vec<Option<String>>, CallError> {
        // Both came with the same version.
        if self.limits().await?.carried_bytes_max.is_none() {
            return Ok(vec![None; sha256.len()]);
        }
        let mut found = Vec::with_capacity(sha256.len());
        for hashes in sha256.chunks(HASHES_MAX) {
            found.extend(self.find_when_known(capsule_id, hashes).await?);
        }
        Ok(found)
    }

    async fn find_when_known(
        &self,
        capsule_id: &str,
        sha256: &[[u8; 32]],
    ) -> Result<Vec<Option<String>>, CallError> {
        let began = Instant::now();
        loop {
            match self.memories_find(capsule_id, sha256).await {
                Err(error)
                    if error.code() == Some("contents_pending")
                        && began.elapsed() < self.retry_policy().unreachable_max =>
                {
                    tokio::time::sleep(PENDING_PAUSE).await;
                }
                result => return result,
            }
        }
    }
}
