//! The original of one upload on the lane of the host's bucket, if it is to go there. Owns how it is cut and hashed before anything is
//! sent, and what the lane needs of the upload.

use super::bucket::parts::{PartCut, part_bytes};
use super::bucket::road::Hosting;
use super::bucket::{self, BucketJob, NotSent};
use super::carried::Brought;
use super::idem::UploadKey;
use super::source::{OpenSource, Source};
use super::{Upload, UploadError};
use crate::client::{CallError, Client};
use crate::transport::Transport;
use keepsake_api::{AssetType, S3Lane};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The way of an original into the host's bucket.
pub(super) struct ToBucket {
    lane: S3Lane,
    cut: PartCut,
    /// By the cut into parts.
    key: UploadKey,
}

impl<T: Transport> Client<T> {
    /// Where and how the original goes into the host's bucket; none: it goes to the host.
    pub(super) async fn to_bucket(
        &self,
        source: &OpenSource,
        hosting: Hosting,
        key_of: impl Fn(u64) -> UploadKey,
    ) -> Result<Option<ToBucket>, UploadError> {
        let offered = self.offered_lane().await?;
        let Some(lane) = self.known_bucket.lane_for(offered, source.len(), hosting)? else {
            return Ok(None);
        };
        let part_bytes = part_bytes(source.len(), lane);
        let cut = PartCut::new(source.len(), part_bytes).filter(|cut| cut.parts() <= lane.parts_max);
        let cut = cut.ok_or_else(|| UploadError::TooLarge {
            name: source.name().to_owned(),
            total_len: source.len(),
            chunks_max: lane.parts_max,
        })?;
        Ok(Some(ToBucket { lane: lane.clone(), cut, key: key_of(part_bytes) }))
    }

    /// What the host offers, if this client has a way there.
    async fn offered_lane(&self) -> Result<Option<&S3Lane>, CallError> {
        let offered = self.limits().await?.s3.as_ref();
        Ok(offered.filter(|_| self.transport().reaches_buckets()))
    }

    /// As [`Source::hashed`]: where the original would go into the host's bucket in several parts, by those too, so that it is read
    /// once.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn hashed(
        &self,
        source: Source,
        hosting: Hosting,
        cancel: &CancellationToken,
    ) -> Result<Source, UploadError> {
        let (offered, known) = (self.offered_lane().await?.cloned(), Arc::clone(&self.known_bucket));
        let part_bytes = move |len| {
            let lane = known.lane_for(offered.as_ref(), len, hosting).ok().flatten()?;
            Some(part_bytes(len, lane))
        };
        source.hashed_by(part_bytes, cancel).await
    }
}

impl<T: Transport> Upload<T> {
    /// Lane A by the bucket.
    pub(super) async fn bring_to_bucket(
        &self,
        ToBucket { lane, cut, key }: &ToBucket,
    ) -> Result<Brought, NotSent> {
        let events = &self.options.events;
        let hashes =
            bucket::hashed(&self.source, cut.part_bytes(), &self.options.cancel, events.clone()).await?;
        let job = BucketJob {
            client: self.client.clone(),
            lane: lane.clone(),
            hosting: self.options.hosting,
            idem: key.session(AssetType::Original, Some(&hashes.whole)),
            opened: self.opened.clone(),
            capsule_id: self.capsule_id.clone(),
            mime_type: self.mime_type.clone(),
            source: Arc::clone(&self.source),
            cut: *cut,
            hashes,
            window: Arc::clone(&self.window),
            events: events.clone(),
        };
        Ok(job.run().await?.into())
    }
}
