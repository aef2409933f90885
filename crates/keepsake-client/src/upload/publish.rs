//! The last step: one message that finishes all sessions, takes along what has none, and makes the memory.
//!
//! Owns the request and its repetition. The request is made once: sending it again says the same and gets
//! the first answer.

use super::carried::{Brought, Way};
use super::derive::{DerivedAsset, LaneB};
use super::events::UploadEvent;
use super::idem::request_digest;
use super::media::{AssetFacts, clip, memory_type};
use super::{ChunkCounts, Upload, UploadError, Uploaded};
use crate::client::{CallError, encode};
use crate::transport::Transport;
use bytes::Bytes;
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
    pub(super) async fn publish(&self, original: Brought, lane_b: LaneB) -> Result<Uploaded, UploadError> {
        self.options.emit(UploadEvent::Publishing);
        let limits = self.client.limits().await?;
        let request = self.request(&original, &lane_b, limits);
        let published = match self.publish_until_hashed(&request).await {
            Ok(published) => published,
            Err(error) => return Err(self.refused(error, &request).await),
        };
        let already = published.already == Some(true);
        if !already {
            self.tell_carried(&original, &lane_b);
        }
        self.options.emit(UploadEvent::Published { memory_id: published.memory_id.clone(), already });
        Ok(self.uploaded(published, &original, &lane_b))
    }

    fn tell_carried(&self, original: &Brought, lane_b: &LaneB) {
        let derived = match lane_b {
            LaneB::Made(made) => vec![&made.display.0, &made.thumbnail.0],
            LaneB::Skipped(_) => Vec::new(),
        };
        let kinds = [AssetType::Original, AssetType::Display, AssetType::Thumbnail];
        for (asset, brought) in kinds.into_iter().zip(std::iter::once(original).chain(derived)) {
            if let Way::Carried(bytes) = &brought.way {
                self.options.emit(UploadEvent::Carried { asset, bytes: bytes.len() as u64 });
            }
        }
    }

    /// With a place on the line, as it may be as long as a chunk.
    async fn publish_until_hashed(&self, request: &PublishRequest) -> Result<PublishResult, CallError> {
        let mut place = self.client.window.enter().await;
        let mut repeated = 0;
        loop {
            place.set_out();
            match self.client.uploads_publish(request).await {
                Err(error) if error.code() == Some("hash_pending") && repeated < HASH_PENDING_MAX => {
                    repeated += 1;
                }
                result => {
                    place.arrived();
                    return result;
                }
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

    fn request(&self, original: &Brought, lane_b: &LaneB, limits: &UploadConfig) -> PublishRequest {
        let memory_type = match lane_b {
            LaneB::Made(_) => MemoryType::Image,
            LaneB::Skipped(_) => memory_type(&self.mime_type),
        };
        let info = match lane_b {
            LaneB::Made(made) => Some(&made.original),
            LaneB::Skipped(_) => None,
        };
        let mut parts = Parts::default();
        parts.add(original, self.original_facts(original, info, limits).metadata(memory_type));
        let mut inline_assets = Vec::new();
        if let LaneB::Made(made) = lane_b {
            for (brought, asset) in [&made.display, &made.thumbnail] {
                parts.add(brought, self.derived_metadata(asset, limits));
            }
            let metadata = self.derived_metadata(&made.placeholder, limits);
            inline_assets
                .push(InlineAssetInput { bytes: ByteBuf::from(made.placeholder.bytes.to_vec()), metadata });
        }
        let Parts { sessions, carried, bytes } = parts;
        let mut request = PublishRequest {
            capsule_id: self.capsule_id.clone(),
            metadata: self.memory_metadata(memory_type, limits),
            sessions,
            inline_assets,
            carried_assets: (!carried.is_empty()).then_some(carried),
            if_present: Some(self.options.if_present),
            idem: String::new(),
        };
        request.idem = self.idem(&request, limits);
        let carried = request.carried_assets.iter_mut().flatten();
        carried.zip(bytes).for_each(|(asset, bytes)| asset.bytes = ByteBuf::from(bytes.to_vec()));
        request
    }

    /// The key of a request that says the SHA-256 of what it carries, in place of the bytes. Where the host knows its files by
    /// their content, it is this upload's alone: the host tells twins, and another memory that is asked for is made.
    fn idem(&self, request: &PublishRequest, limits: &UploadConfig) -> String {
        let ids: Vec<u64> = request.sessions.iter().map(|session| session.session_id).collect();
        let drawn = limits.carried_bytes_max.map(|_| rand::random::<[u8; 16]>());
        self.key.publish(&request_digest(&encode((request,))), &ids, drawn.as_ref())
    }

    fn original_facts(
        &self,
        brought: &Brought,
        info: Option<&OriginalInfo>,
        limits: &UploadConfig,
    ) -> AssetFacts {
        AssetFacts {
            kind: AssetType::Original,
            name: clip(self.source.name(), limits.text_short_bytes_max),
            mime_type: self.mime_type.clone(),
            bytes: brought.total_len,
            sha256: brought.sha256,
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

    fn uploaded(&self, mut published: PublishResult, original: &Brought, lane_b: &LaneB) -> Uploaded {
        let (derived_chunks, derivatives_skipped) = match lane_b {
            LaneB::Made(made) => (sum(made.display.0.counts, made.thumbnail.0.counts), None),
            LaneB::Skipped(reason) => (ChunkCounts::default(), Some(reason.clone())),
        };
        published.assets.sort_by_key(|asset| asset.asset_type as u8);
        Uploaded {
            already: published.already == Some(true),
            memory_id: published.memory_id,
            capsule_id: self.capsule_id.clone(),
            assets: published.assets,
            pixels: pixels(lane_b),
            mime_type: self.mime_type.clone(),
            total_len: original.total_len,
            sha256: original.sha256,
            in_bucket: false,
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

/// The assets of a request, each in its list.
#[derive(Default)]
struct Parts {
    sessions: Vec<PublishSession>,
    /// Without their bytes.
    carried: Vec<InlineAssetInput>,
    bytes: Vec<Bytes>,
}

impl Parts {
    fn add(&mut self, brought: &Brought, metadata: AssetMetadata) {
        match &brought.way {
            Way::Session(session_id) => self.sessions.push(PublishSession {
                session_id: *session_id,
                sha256: ByteBuf::from(brought.sha256.to_vec()),
                total_len: brought.total_len,
                metadata,
            }),
            Way::Carried(bytes) => {
                self.carried.push(InlineAssetInput { bytes: ByteBuf::new(), metadata });
                self.bytes.push(bytes.clone());
            }
        }
    }
}

fn sum(a: ChunkCounts, b: ChunkCounts) -> ChunkCounts {
    ChunkCounts { sent: a.sent + b.sent, skipped: a.skipped + b.skipped, retried: a.retried + b.retried }
}
