//! Moves what is old from the heap into the bucket, one blob after the other. Owns the order, which loses nothing wherever it stops:
//! the object has a record before it is written, it is read back and hashed before the heap lets go, and whoever reads goes on.
//!
//! ```text
//! objects_move     the blob has an object; its bytes are here
//! PUT              the same bytes are there; again after a stop: the same object
//! GET, hashed      they are known to be there
//! objects_moved    the blob is there; its place in the heap is free once nobody reads it
//! ```

use super::{Known, Lane, LaneError};
use crate::engine::AssetBytes;
use keepsake_api::{Answer, Attestation, Error as ApiError, MovableBlobs, Object};
use keepsake_s3::{Bucket, Content, Error as S3Error, Key};
use keepsake_service::http::BlobRange;
use serde_bytes::ByteBuf;
use std::ops::Range;
use std::time::Duration;

/// Pause between two rounds over all blobs.
const PAUSE: Duration = Duration::from_secs(600);
/// Pause after a round that the bucket or the records ended.
const PAUSE_FAILED: Duration = Duration::from_secs(60);
const ANY_TYPE: &str = "application/octet-stream";

/// What one round moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Round {
    moved: u64,
    bytes: u64,
}

impl Lane {
    /// Moves blobs of `len_min` bytes and more that are older than `after`, for ever.
    pub(super) async fn move_for_ever(self, after: Duration, len_min: u64) {
        // Rounds are short where little time has to pass.
        let pause = PAUSE.min(after.max(Duration::from_secs(1)));
        loop {
            let mut round = Round::default();
            let done = self.move_older(after, len_min, &mut round).await;
            if round.moved > 0 {
                let Round { moved, bytes } = round;
                tracing::info!(moved, bytes, "originals moved from this disk into the bucket");
            }
            let pause = match self.counted(done) {
                Ok(()) => pause,
                Err(error) => {
                    tracing::warn!(%error, "what is old stays on this disk for now");
                    PAUSE_FAILED.min(pause)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// One round over all blobs.
    async fn move_older(&self, after: Duration, len_min: u64, round: &mut Round) -> Result<(), LaneError> {
        let after_ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let created_at = self.own.engine().now_ns().saturating_sub(after_ns);
        let mut first: Option<String> = None;
        loop {
            let answer: Answer<MovableBlobs> =
                self.own.ask("objects_movable", (first, created_at, len_min.max(1))).await?;
            let MovableBlobs { blobs, next } = answer?;
            for blob in blobs {
                let Some(bytes) = self.move_one(&blob).await? else { continue };
                round.moved += 1;
                round.bytes += bytes;
                self.counter.add(|counts| {
                    counts.moved += 1;
                    counts.moved_bytes += bytes;
                });
            }
            if next.is_none() {
                return Ok(());
            }
            first = next;
        }
    }

    /// Moves a blob: its bytes. None where it went meanwhile, or cannot be read here: others need not wait for it.
    async fn move_one(&self, blob: &str) -> Result<Option<u64>, LaneError> {
        let answer: Answer<Object> = self.own.ask("objects_move", (blob,)).await?;
        let object = match answer {
            Ok(object) => object,
            Err(ApiError::NotFound | ApiError::Conflict(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Known { bucket, .. } = self.known();
        let key = Key::new(object.key.clone()).map_err(S3Error::from)?;
        let found = match self.copy(&bucket, blob, &object, &key).await {
            Ok(found) => found,
            Err(error @ (LaneError::Away(_) | LaneError::Records(_))) => return Err(error),
            Err(error) => {
                tracing::warn!(blob, %error, "an original could not be moved: it stays on this disk");
                return self.counted(Err(error)).or(Ok(None));
            }
        };
        let version = found.version.clone();
        let moved: Answer<()> = self.own.ask("objects_moved", (blob, found)).await?;
        match moved {
            Ok(()) => Ok(Some(object.len)),
            // It was deleted while it was written. Its object was nobody's by then, and might not be looked at again.
            Err(ApiError::NotFound) => {
                bucket.delete(&key, version.as_deref()).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the object from the heap, and reads it back.
    async fn copy(
        &self,
        bucket: &Bucket,
        blob: &str,
        object: &Object,
        key: &Key,
    ) -> Result<Attestation, LaneError> {
        let records = |what: &str| LaneError::Records(format!("{blob} has {what}"));
        let sha256: [u8; 32] =
            object.sha256.as_slice().try_into().map_err(|_| records("a hash of another length"))?;
        let number = blob.strip_prefix("blob_").and_then(|number| number.parse().ok());
        let number: u64 = number.ok_or_else(|| records("no number"))?;
        let content = Content { len: object.len, sha256, md5: None };
        let engine = self.own.engine().clone();
        let open = move |range: Range<u64>| {
            let range = BlobRange { blob: number, offset: range.start, len: range.end - range.start };
            AssetBytes::of_blob(range, &engine)
        };
        let mime_type = object.mime_type.as_deref().unwrap_or(ANY_TYPE);
        let head = bucket.put(key, &content, mime_type, open).await?;
        let version = head.version_id;
        let read = bucket.hash_version(key, version.as_deref(), |_| ()).await?;
        self.counter.add(|counts| counts.read_bytes += read.len);
        if (read.len, read.sha256) != (object.len, sha256) {
            return Err(LaneError::Differs);
        }
        Ok(Attestation { len: read.len, sha256: ByteBuf::from(read.sha256), version })
    }
}
