//! Removes objects that are nobody's any more, and forgets them once they are gone. Owns the rhythm, and what is looked at: parts
//! that were never put together go too, whoever began them.

use super::{Lane, LaneError};
use keepsake_api::{Answer, Object};
use keepsake_s3::{Bucket, Error as S3Error, Key};
use std::time::Duration;

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// Pause after one that the bucket refused or did not answer.
const PAUSE_REFUSED: Duration = Duration::from_secs(300);

impl Lane {
    /// Removes what is due, for ever.
    pub(crate) async fn remove_for_ever(self) {
        loop {
            let pause = match self.counted(self.remove_due().await) {
                Ok(0) => PAUSE,
                Ok(removed) => {
                    tracing::info!(removed, "objects that were nobody's are gone from the bucket");
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(%error, "what is nobody's stays in the bucket for now");
                    PAUSE_REFUSED
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// One round: as many as one answer names. Says how many are gone.
    ///
    /// # Errors
    /// [`LaneError`]; what was removed by then is forgotten.
    pub(crate) async fn remove_due(&self) -> Result<u64, LaneError> {
        let due: Answer<Vec<Object>> = self.own.ask("objects_removable", ()).await?;
        let bucket = self.bucket();
        let (mut gone, mut failed) = (Vec::new(), None);
        for object in due? {
            match remove(&bucket, &object).await {
                Ok(()) => gone.push(object.object_id),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut forgotten = 0;
        if !gone.is_empty() {
            let answer: Answer<u64> = self.own.ask("objects_removed", (gone,)).await?;
            forgotten = answer?;
            self.counter.add(|counts| counts.removed += forgotten);
        }
        failed.map_or(Ok(forgotten), |error| Err(error.into()))
    }
}

async fn remove(bucket: &Bucket, object: &Object) -> Result<(), S3Error> {
    let key = Key::new(object.key.clone())?;
    let mut next = None;
    loop {
        let page = bucket.list_multipart(&object.key, next.as_ref()).await?;
        for unfinished in page.uploads.iter().filter(|unfinished| unfinished.key == object.key) {
            bucket.abort(&key, &unfinished.upload_id).await?;
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    bucket.delete(&key, object.version.as_deref()).await
}
