//! The sessions that an upload opened, so that it leaves none behind where nobody can go on with them: a file that
//! changed, or a host without room. Owns the list; the lanes open, the upload decides.

use super::UploadError;
use crate::client::{CallError, Client};
use crate::transport::Transport;
use keepsake_api::Error as Refusal;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::task::TaskTracker;

/// Sessions by their ids. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opened {
    ids: Arc<Mutex<BTreeSet<u64>>>,
    begins: TaskTracker,
}

impl Opened {
    /// Runs `begin` in a task of its own: a lane that is given up does not make its session forgotten.
    pub(crate) async fn begin(
        &self,
        begin: impl Future<Output = Result<u64, CallError>> + Send + 'static,
    ) -> Result<u64, CallError> {
        let ids = Arc::clone(&self.ids);
        let task = self.begins.spawn(async move {
            let id = begin.await?;
            ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
            Ok(id)
        });
        match task.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down: nobody polls this any more.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Gives all of them up, also one whose begin is still on its way.
    pub(crate) async fn abort<T: Transport>(&self, client: &Client<T>) {
        self.begins.close();
        self.begins.wait().await;
        let ids = std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner));
        for id in ids {
            match client.uploads_abort(id).await {
                Err(error) if !error.is_not_found() => {
                    tracing::warn!(session = id, %error, "cannot abort the session");
                }
                _ => {}
            }
        }
    }
}

/// Somebody ended the sessions before the publish, or took chunks and did not hand them on: begun once more, what is missing is sent.
/// Where it is the capsule that is gone, that says so.
pub(crate) fn lost_its_sessions(error: &UploadError) -> bool {
    match error {
        UploadError::Call(CallError::Refused { method: "uploads_publish", error }) => {
            *error == Refusal::NotFound || error.code() == "chunks_missing"
        }
        _ => false,
    }
}

/// What was sent is of no use to a later upload, or takes room where there is none, or whoever sent it may not go on.
pub(crate) fn leaves_nothing(error: &UploadError) -> bool {
    match error {
        UploadError::Changed { .. } => true,
        UploadError::File { reason, .. } => reason.kind() == io::ErrorKind::NotFound,
        UploadError::Call(CallError::Refused { error, .. }) => {
            matches!(error, Refusal::ResourceExhausted | Refusal::Unauthorized | Refusal::NotFound)
        }
        // It will be cut in another way, or never get through.
        UploadError::Call(error) => error.is_body_limit(),
        _ => false,
    }
}
