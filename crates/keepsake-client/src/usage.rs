//! What is used of each limit, and what is left. Owns no rule.

use crate::client::{CallError, Client};
use crate::transport::Transport;
use keepsake_api::Usage;

impl<T: Transport> Client<T> {
    /// The caller's limits, those of a capsule where one is named, and the host's: what to look at after a
    /// `ResourceExhausted`, which does not say itself what is full.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn usage(&self, capsule_id: Option<&str>) -> Result<Usage, CallError> {
        self.query("usage", (capsule_id,)).await
    }
}
