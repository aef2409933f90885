//! The last step: one message that finishes all sessions and makes the memory.
//!
//! Owns the request and its repetition. The request is made once: sending it again says the same and gets
//! the first answer.

use super::derive::{DerivedAsset, LaneB};
use super::events::UploadEvent;
use super::idem::request_digest;
use super::lane::SessionDone;
use super::media::{AssetFacts, clip, memory_type};
use super::{ChunkCounts, Upload, UploadError, Uploaded};
use crate::client::{CallError, encode};
use crate::transport::Transport;
use keepsake_api::{
    AssetMetadata, AssetType, InlineAssetInput, MemoryMetadata, MemoryType, PublishRequest, PublishResult,
    PublishSession, UploadConfig,
};
use keepsake_derivatives::OriginalInfo;
use serde_bytes::ByteBuf;

/// In place of a time: the service's own clock decides. With a time of here no two requests would be the same, and whoever
/// sends one again would make another memory.
const BY_SERVICE: u64 = 0;

/// A publish that finds the hash behind is sent again at once, so often at most. Each message hashes a
/// bounded part; this many cover more than the largest file.
const HASH_PENDING_MAX: u32 = 100_000;

impl<T: Transport> Upload<T> {
    pub(super) async fn publish(
        &self,
        original: SessionDone,
        lane_b: LaneB,
    ) -> Result<Uploaded, UploadError> {
        self.options.emit(UploadEvent::Publishing);
        let limits = self.client.limits().await?;
        let request = self.request(&original, &lane_b, limits);
        let published = match self.publish_until_hashed(&request).await {
            Ok(published) => published,
            Err(error) => return Err(self.refused(error, &request).await),
        };
        self.options.emit(UploadEvent::Published { memory_id: published.memory_id.clone() });
        Ok(self.uploaded(published, &original, &lane_b))
    }

    async fn publish_until_hashed(&self, request: &PublishRequest) -> Result<PublishResult, CallError> {
        let mut repeated = 0;
        loop {
            match self.client.uploads_publish(request).await {
                Err(error) if error.code() == Some("hash_pending") && repeated < HASH_PENDING_MAX => {
                    repeated += 1;
                }
                result => return result,
            }
        }
    }

    /// Sessions that do not hold this file would refuse every later publish too: they are given up.
    async fn refused(&self, error: CallError, request: &PublishRequest) -> UploadError {
        if !matches!(error.code(), Some("sha256_differs" | "total_len_differs")) {
            return error.into();
        }
        for session in &request.sessions {
            if let Err(error) = self.client.uploads_abort(session.session_id).await {
                tracing::warn!(session = session.session_id, %error, "cannot abort the session");
            }
        }
        UploadError::Stale { name: self.source.name().to_owned(), reason: error.told() }
    }

    fn request(&self, original: &SessionDone, lane_b: &LaneB, limits: &UploadConfig) -> PublishRequest {
        let memory_type = match lane_b {
            LaneB::Made(_) => MemoryType::Image,
            LaneB::Skipped(_) => memory_type(&self.mime_type),
        };
        let info = match lane_b {
            LaneB::Made(made) => Some(&made.original),
            LaneB::Skipped(_) => None,
        };
        let mut sessions =
            vec![session(original, self.original_facts(original, info, limits).metadata(memory_type))];
        let mut inline_assets = Vec::new();
        if let LaneB::Made(made) = lane_b {
            for (done, asset) in [&made.display, &made.thumbnail] {
                sessions.push(session(done, self.derived_metadata(asset, limits)));
            }
            let metadata = self.derived_metadata(&made.placeholder, limits);
            inline_assets
                .push(InlineAssetInput { bytes: ByteBuf::from(made.placeholder.bytes.to_vec()), metadata });
        }
        let mut request = PublishRequest {
            capsule_id: self.capsule_id.clone(),
            metadata: self.memory_metadata(memory_type, limits),
            sessions,
            inline_assets,
            carried_assets: None,
            if_present: None,
            idem: String::new(),
        };
        let ids: Vec<u64> = request.sessions.iter().map(|session| session.session_id).collect();
        request.idem = self.key.publish(&request_digest(&encode((&request,))), &ids);
        request
    }

    fn original_facts(
        &self,
        done: &SessionDone,
        info: Option<&OriginalInfo>,
        limits: &UploadConfig,
    ) -> AssetFacts {
        AssetFacts {
            kind: AssetType::Original,
            name: clip(self.source.name(), limits.text_short_bytes_max),
            mime_type: self.mime_type.clone(),
            bytes: done.total_len,
            sha256: done.sha256,
            size: info.map(|info| (info.width, info.height)),
            orientation: info.map(|info| info.orientation),
        }
    }

    fn derived_metadata(&self, asset: &DerivedAsset, limits: &UploadConfig) -> AssetMetadata {
        let facts = AssetFacts {
            kind: asset.kind,
            name: clip(self.source.name(), limits.text_short_bytes_max),
            mime_type: asset.mime_type.to_owned(),
            bytes: asset.bytes.len() as u64,
            sha256: asset.sha256,
            size: Some((asset.width, asset.height)),
            // The orientation is applied to the pixels.
            orientation: Some(1),
        };
        facts.metadata(MemoryType::Image)
    }

    fn memory_metadata(&self, memory_type: MemoryType, limits: &UploadConfig) -> MemoryMetadata {
        let title = self.options.title.as_deref().unwrap_or(self.source.name());
        let modified_at_ns = self.source.modified_at_ns();
        MemoryMetadata {
            title: Some(clip(title, limits.text_short_bytes_max)),
            description: None,
            tags: self.options.tags.clone(),
            content_type: self.mime_type.clone(),
            memory_type,
            date_of_memory: self.options.date_of_memory_ns,
            file_created_at: (modified_at_ns != 0).then_some(modified_at_ns),
            people_in_memory: None,
            location: None,
            memory_notes: None,
            parent_folder_id: None,
            created_by: None,
            created_at: BY_SERVICE,
            updated_at: BY_SERVICE,
            uploaded_at: BY_SERVICE,
        }
    }

    fn uploaded(&self, published: PublishResult, original: &SessionDone, lane_b: &LaneB) -> Uploaded {
        let (derived_chunks, derivatives_skipped) = match lane_b {
            LaneB::Made(made) => (sum(made.display.0.counts, made.thumbnail.0.counts), None),
            LaneB::Skipped(reason) => (ChunkCounts::default(), Some(reason.clone())),
        };
        Uploaded {
            memory_id: published.memory_id,
            capsule_id: self.capsule_id.clone(),
            assets: published.assets,
            pixels: pixels(lane_b),
            mime_type: self.mime_type.clone(),
            total_len: original.total_len,
            sha256: original.sha256,
            original_chunks: original.counts,
            derived_chunks,
            derivatives_skipped,
        }
    }
}

fn pixels(lane_b: &LaneB) -> Vec<(AssetType, (u32, u32))> {
    let LaneB::Made(made) = lane_b else { return Vec::new() };
    let derived = [&made.display.1, &made.thumbnail.1, &made.placeholder];
    let derived = derived.map(|asset| (asset.kind, (asset.width, asset.height)));
    let original = (AssetType::Original, (made.original.width, made.original.height));
    std::iter::once(original).chain(derived).collect()
}

fn session(done: &SessionDone, metadata: AssetMetadata) -> PublishSession {
    PublishSession {
        session_id: done.session_id,
        sha256: ByteBuf::from(done.sha256.to_vec()),
        total_len: done.total_len,
        metadata,
    }
}

fn sum(a: ChunkCounts, b: ChunkCounts) -> ChunkCounts {
    ChunkCounts { sent: a.sent + b.sent, skipped: a.skipped + b.skipped, retried: a.retried + b.retried }
}
