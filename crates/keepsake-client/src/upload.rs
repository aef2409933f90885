//! Uploading one file: two lanes at once, then one publish.
//!
//! ```text
//!            ┌─ lane A  read → hash → chunks, several in flight ─────────┐
//!  source ───┤                                                           ├─► uploads_publish ─► memory
//!            └─ lane B  decode → display, thumbnail ─ chunks; placeholder┘
//! ```
//!
//! Where the host has a bucket, lane A of a large file goes there: hashed first, then in parts (`upload/bucket.rs`).
//! What fits the publish has no session and no chunks, it goes along: a small photo is one message (`upload/carried.rs`).
//!
//! Owns the order of things and the error. The parts are in `upload/…`: the source, the cut into
//! chunks, the sending of one session, lane B, the publish, events and idempotency keys.
//!
//! **Resume.** Nothing is written on this side. The idempotency key of each session follows from the file
//! (name, size, time, a sample of the content) or from the caller's own key, so the same upload finds its pending sessions again,
//! asks `uploads_status`, and sends only what is missing. The hash always covers the whole file.

pub(crate) mod bucket;
pub(crate) mod carried;
mod derive;
pub(crate) mod display;
pub mod events;
pub(crate) mod hash;
pub(crate) mod idem;
pub(crate) mod lane;
pub(crate) mod media;
mod name;
pub(crate) mod opened;
pub(crate) mod plan;
mod publish;
mod reader;
pub(crate) mod road;
pub(crate) mod sample;
pub mod source;
mod taken;
mod ticket;
mod to_bucket;
pub(crate) mod window;

pub use bucket::road::Hosting;
pub use events::{EventSender, EventStream, Lane, UploadEvent, upload_events};
pub use hash::hex;
pub use name::text_of;
pub use road::Road;
pub use source::Source;

use crate::client::{CallError, Client};
use crate::transport::Transport;
use bucket::{NotSent, Shut};
use carried::{Brought, carried_kinds, carried_max};
use derive::{Derived, LaneB, SentDerivatives};
use idem::{Identity, UploadKey};
use keepsake_api::{AssetType, IfPresent, LimitUse, PublishedAsset};
use lane::LaneJob;
use media::Media;
use opened::{Opened, leaves_nothing, lost_its_sessions};
use source::OpenSource;
use std::path::PathBuf;
use std::sync::Arc;
use taken::{Taken, taken};
use to_bucket::ToBucket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How to upload one file. Start from [`UploadOptions::default`].
#[derive(Clone, Debug)]
pub struct UploadOptions {
    /// The capsule that gets the memory; none: the caller's own, made when it is not there yet.
    pub capsule_id: Option<String>,
    /// Title of the memory; none: the file name.
    pub title: Option<String>,
    /// Tags of the memory.
    pub tags: Vec<String>,
    /// When the remembered thing happened, ns since 1970; none: when the picture was taken, as it says itself.
    pub date_of_memory_ns: Option<u64>,
    /// MIME type; none: told from the first bytes and the name.
    pub mime_type: Option<String>,
    /// What the upload is known by when it is resumed; none: name, time and a sample of the content.
    pub upload_key: Option<String>,
    /// Chunks of both lanes in flight at once, at most: a slow line gets fewer. Each takes about 6 MB of memory. Parts for a
    /// bucket count too; of all uploads of a client together four fly, and each takes 1 MB.
    pub chunks_in_flight_max: usize,
    /// Largest chunk to send, bytes; none, or more than the service takes: what the service takes.
    pub chunk_bytes_max: Option<u32>,
    /// Which way the chunks go.
    pub road: Road,
    /// Where the original goes: into the host's bucket, or to the host.
    pub hosting: Hosting,
    /// False: lane A alone.
    pub derive: bool,
    /// What to do where the capsule has a memory with the same original. A host that does not look makes another one.
    pub if_present: IfPresent,
    /// Where events go.
    pub events: Option<EventSender>,
    /// Stops the upload. What was sent stays there to be resumed.
    pub cancel: CancellationToken,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            capsule_id: None,
            title: None,
            tags: Vec::new(),
            date_of_memory_ns: None,
            mime_type: None,
            upload_key: None,
            chunks_in_flight_max: 8,
            chunk_bytes_max: None,
            road: Road::Auto,
            hosting: Hosting::Auto,
            derive: true,
            if_present: IfPresent::Duplicate,
            events: None,
            cancel: CancellationToken::new(),
        }
    }
}

impl UploadOptions {
    pub(crate) fn emit(&self, event: UploadEvent) {
        if let Some(events) = &self.events {
            events.send(event);
        }
    }
}

/// Chunks of one lane, or parts for the host's bucket. An asset that goes along in the publish counts as one that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Sent by this upload.
    pub sent: u32,
    /// There already, from an earlier upload that was interrupted.
    pub skipped: u32,
    /// Sent again after a passing fault.
    pub retried: u32,
}

/// What an upload made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The new memory, or the one that was there.
    pub memory_id: String,
    /// It was there, see [`UploadOptions::if_present`]: nothing was made.
    pub already: bool,
    /// The capsule that it is in.
    pub capsule_id: String,
    /// Its assets as the service stored them.
    pub assets: Vec<PublishedAsset>,
    /// Width and height of those assets that are pictures, pixels.
    pub pixels: Vec<(AssetType, (u32, u32))>,
    /// MIME type of the original.
    pub mime_type: String,
    /// Length of the original, bytes.
    pub total_len: u64,
    /// SHA-256 of the original.
    pub sha256: [u8; 32],
    /// The original went into the host's bucket.
    pub in_bucket: bool,
    /// Chunks of the original, or parts.
    pub original_chunks: ChunkCounts,
    /// Chunks of display and thumbnail.
    pub derived_chunks: ChunkCounts,
    /// Why there are no derivatives, where there are none.
    pub derivatives_skipped: Option<String>,
}

/// Why an upload did not make a memory. What was sent stays for a resume, unless the text says otherwise, the file changed
/// or is gone, or there is no room: then its sessions are given up.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// There is nothing to upload.
    #[error("{name:?} is empty: there is nothing to upload")]
    Empty {
        /// The file name.
        name: String,
    },
    /// The file is larger than the service's chunks can count.
    #[error("{name:?} is too large: {total_len} bytes would need more than {chunks_max} chunks")]
    TooLarge {
        /// The file name.
        name: String,
        /// Length, bytes.
        total_len: u64,
        /// The service's limit.
        chunks_max: u32,
    },
    /// The file is not what it was when the upload began.
    #[error("{name:?} changed during the upload: nothing was published; upload it again when it is at rest")]
    Changed {
        /// The file name.
        name: String,
    },
    /// What the service holds from an earlier upload is not this file; those sessions are given up.
    #[error(
        "{name:?}: an earlier, interrupted upload sent other bytes ({reason}); it is discarded: upload again"
    )]
    Stale {
        /// The file name.
        name: String,
        /// What the service said.
        reason: String,
    },
    /// The files that are to be sent do not fit: nothing was sent.
    #[error("{needed} bytes are to be sent, and {} has {} left", limit.code, limit.left)]
    NoRoom {
        /// What is to be sent, bytes.
        needed: u64,
        /// The limit that is in the way.
        limit: LimitUse,
    },
    /// The caller stopped it.
    #[error("the upload was stopped; run the same upload again to continue it")]
    Cancelled,
    /// The service refused, or cannot be reached.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl<T: Transport> Client<T> {
    /// Uploads one file by two lanes and publishes it as one memory.
    ///
    /// Holds about `chunks_in_flight_max` × 6 MB, and up to 104 MiB while lane B decodes; one
    /// image is decoded at a time per client. Dropping the future stops the upload; see
    /// [`UploadOptions::cancel`] too. What was sent is resumed by the same call later.
    ///
    /// # Errors
    /// [`UploadError`]. Nothing is published then.
    pub async fn upload(&self, source: Source, options: UploadOptions) -> Result<Uploaded, UploadError> {
        let cancel = options.cancel.clone();
        let run = Box::pin(self.upload_to_the_end(source, options));
        cancel.run_until_cancelled_owned(run).await.unwrap_or(Err(UploadError::Cancelled))
    }

    async fn upload_to_the_end(
        &self,
        source: Source,
        options: UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let (mut source, media) = open(source, options.mime_type.clone()).await?;
        let mime_type = media.mime_type;
        options.emit(UploadEvent::Started {
            name: source.name().to_owned(),
            total_len: source.len(),
            mime_type: mime_type.clone(),
        });
        let mut chunk_bytes = self.chunk_bytes(&options).await?;
        let capsule_id = match &options.capsule_id {
            Some(id) => id.clone(),
            None => self.own_capsule_id().await?,
        };
        let carried_max = self.carried_max(chunk_bytes).await?;
        let is_sampled = options.upload_key.is_none();
        let (source, sample) = blocking(move || {
            source.hold(carried_max)?;
            let sample = if is_sampled { sample_of(&mut source)? } else { Vec::new() };
            Ok::<_, UploadError>((Arc::new(source), sample))
        })
        .await?;
        let mut is_again = false;
        loop {
            let key_of = |chunk_bytes| {
                UploadKey::new(&Identity {
                    name: options.upload_key.as_deref().unwrap_or(source.name()),
                    sample: &sample,
                    len: source.len(),
                    modified_at_ms: source.modified_at_ns() / 1_000_000,
                    chunk_bytes,
                })
            };
            let to_bucket = self.to_bucket(&source, options.hosting, key_of).await?;
            let in_flight_max = options.chunks_in_flight_max.clamp(1, CHUNKS_IN_FLIGHT_LIMIT);
            let upload = Upload {
                client: self.clone(),
                window: Arc::new(Semaphore::new(in_flight_max)),
                options: options.clone(),
                source: Arc::clone(&source),
                mime_type: mime_type.clone(),
                misnamed: media.misnamed.clone(),
                capsule_id: capsule_id.clone(),
                key: key_of(u64::from(chunk_bytes)),
                to_bucket,
                chunk_bytes,
                carried_max: self.carried_max(chunk_bytes).await?,
                opened: Opened::default(),
            };
            let opened = upload.opened.clone();
            let result = upload.run().await;
            if result.as_ref().is_err_and(leaves_nothing) {
                opened.abort(self).await;
            }
            if !is_again && result.as_ref().is_err_and(lost_its_sessions) {
                is_again = true;
                continue;
            }
            let Some(smaller) = self.smaller_chunk(&result, chunk_bytes, source.len()).await? else {
                return result;
            };
            chunk_bytes = smaller;
        }
    }

    async fn chunk_bytes(&self, options: &UploadOptions) -> Result<u32, CallError> {
        let service_max = self.limits().await?.chunk_size.min(self.chunk_bytes_max());
        Ok(options.chunk_bytes_max.map_or(service_max, |wanted| wanted.clamp(1, service_max)))
    }

    /// A message that carries assets is no longer than one that carries a chunk.
    async fn carried_max(&self, chunk_bytes: u32) -> Result<u64, CallError> {
        Ok(carried_max(self.limits().await?.carried_bytes_max, chunk_bytes))
    }

    /// By what to cut the file anew, where a proxy let no chunk of `refused` bytes through. Later uploads begin with that.
    async fn smaller_chunk(
        &self,
        result: &Result<Uploaded, UploadError>,
        refused: u32,
        len: u64,
    ) -> Result<Option<u32>, CallError> {
        if !matches!(result, Err(UploadError::Call(error)) if error.is_body_limit()) {
            return Ok(None);
        }
        let smaller = plan::smaller(refused, len, self.limits().await?.chunks_per_session_max_with_total_len);
        if let Some(smaller) = smaller {
            tracing::info!(refused, smaller, "a proxy lets no such chunk through");
            self.cut_no_larger_than(smaller);
        }
        Ok(smaller)
    }
}

/// More in flight only queues in front of the transport, and costs memory.
pub(crate) const CHUNKS_IN_FLIGHT_LIMIT: usize = 32;

/// Enough of a file to tell its format.
const SNIFF_BYTES: u64 = 64;

async fn open(source: Source, mime_type: Option<String>) -> Result<(OpenSource, Media), UploadError> {
    blocking(move || {
        let source = source.open()?;
        let mut prefix = vec![0; usize::try_from(source.len().min(SNIFF_BYTES)).expect("at most 64")];
        source.read_at(0, &mut prefix)?;
        let media = match mime_type {
            Some(mime_type) => Media { mime_type, misnamed: None },
            None => Media::of(&prefix, source.name()),
        };
        Ok((source, media))
    })
    .await
}

/// The sample; the SHA-256 too, where that is the same. Blocks on the disk.
fn sample_of(source: &mut OpenSource) -> Result<Vec<u8>, UploadError> {
    let sample = sample::sample(source)?;
    if sample::is_whole(source) {
        source.know(sample);
    }
    Ok(sample.to_vec())
}

/// Runs `work` where it may block, and passes a panic on.
pub(crate) async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody polls this any more.
            Err(_) => std::future::pending().await,
        },
    }
}

/// One upload whose parameters are settled.
struct Upload<T> {
    client: Client<T>,
    options: UploadOptions,
    /// Bounds the chunks of both lanes in flight.
    window: Arc<Semaphore>,
    source: Arc<OpenSource>,
    mime_type: String,
    /// The MIME type that the name promises and the bytes do not keep.
    misnamed: Option<String>,
    capsule_id: String,
    key: UploadKey,
    /// None: the original goes to the host.
    to_bucket: Option<ToBucket>,
    chunk_bytes: u32,
    /// May go along in the publish, bytes.
    carried_max: u64,
    opened: Opened,
}

impl<T: Transport> Upload<T> {
    async fn run(mut self) -> Result<Uploaded, UploadError> {
        let is_along = self.to_bucket.is_none() && self.source.len() <= self.carried_max;
        let ((original, in_bucket), lane_b) = if is_along {
            // What goes along is known when all of them are there.
            let derived = self.derived().await?;
            let carried = self.carried(&derived);
            tokio::try_join!(self.original(&carried), self.lane_b(derived, &carried))?
        } else {
            let lane_b = async {
                let derived = self.derived().await?;
                let carried = self.carried(&derived);
                self.lane_b(derived, &carried).await
            };
            tokio::try_join!(self.original(&[]), lane_b)?
        };
        let (source, sha256) = (Arc::clone(&self.source), original.sha256);
        blocking(move || source.check_unchanged(&sha256)).await?;
        self.options.date_of_memory_ns = self.date().await?;
        Ok(Uploaded { in_bucket, ..self.publish(original, lane_b).await? })
    }

    fn carried(&self, derived: &Result<Derived, String>) -> Vec<AssetType> {
        let mut assets = Vec::new();
        if self.to_bucket.is_none() {
            assets.push((AssetType::Original, self.source.len()));
        }
        if let Ok(Derived { display, thumbnail, .. }) = derived {
            assets.extend([display, thumbnail].map(|asset| (asset.kind, asset.bytes.len() as u64)));
        }
        carried_kinds(&assets, self.carried_max)
    }

    /// Lane A, and whether it went into the host's bucket.
    async fn original(&self, carried: &[AssetType]) -> Result<(Brought, bool), UploadError> {
        if let Some(to_bucket) = &self.to_bucket {
            match self.bring_to_bucket(to_bucket).await {
                Ok(brought) => return Ok((brought, true)),
                Err(NotSent::Failed(error)) => return Err(error),
                Err(NotSent::Shut(Shut(reason))) => {
                    tracing::info!(reason, "the original goes to the host itself");
                    self.options.emit(UploadEvent::BucketShut { reason });
                }
            }
        }
        let source = Arc::clone(&self.source);
        let brought = self.bring(AssetType::Original, source, &self.mime_type, None, carried).await?;
        Ok((brought, false))
    }

    /// The date of the memory, if there is one.
    async fn date(&self) -> Result<Option<u64>, UploadError> {
        if self.source.is_older_than_1970() {
            self.options.emit(UploadEvent::DateLeftOut { date: "the file's own time".to_owned() });
        }
        if self.options.date_of_memory_ns.is_some() || !self.mime_type.starts_with("image/") {
            return Ok(self.options.date_of_memory_ns);
        }
        let source = Arc::clone(&self.source);
        Ok(match blocking(move || taken(&source)).await? {
            Some(Taken::At(at_ns)) => Some(at_ns),
            Some(Taken::Outside(date)) => {
                self.options.emit(UploadEvent::DateLeftOut { date });
                None
            }
            None => None,
        })
    }

    /// The smaller versions, or why there are none.
    async fn derived(&self) -> Result<Result<Derived, String>, UploadError> {
        let derived = self.derive().await?;
        if let Err(reason) = &derived {
            self.options.emit(UploadEvent::DerivativesSkipped { reason: reason.clone() });
        }
        Ok(derived)
    }

    async fn lane_b(
        &self,
        derived: Result<Derived, String>,
        carried: &[AssetType],
    ) -> Result<LaneB, UploadError> {
        let Derived { original, display, thumbnail, placeholder } = match derived {
            Ok(derived) => derived,
            Err(reason) => return Ok(LaneB::Skipped(reason)),
        };
        let bring = |asset: &derive::DerivedAsset| {
            let source = OpenSource::of_bytes(self.source.name(), asset.bytes.clone(), Some(asset.sha256));
            self.bring(asset.kind, Arc::new(source), asset.mime_type, Some(asset.sha256), carried)
        };
        let (in_display, in_thumbnail) = tokio::try_join!(bring(&display), bring(&thumbnail))?;
        Ok(LaneB::Made(Box::new(SentDerivatives {
            original,
            display: (in_display, display),
            thumbnail: (in_thumbnail, thumbnail),
            placeholder,
        })))
    }

    /// Brings an asset to where the publish can name it: nowhere yet, where it goes along.
    async fn bring(
        &self,
        kind: AssetType,
        source: Arc<OpenSource>,
        mime_type: &str,
        content: Option<hash::Sha>,
        carried: &[AssetType],
    ) -> Result<Brought, UploadError> {
        let along = if carried.contains(&kind) { Brought::carried(&source) } else { None };
        match along {
            Some(along) => Ok(along),
            None => Ok(self.job(kind, source, mime_type, content.as_ref()).run().await?.into()),
        }
    }

    fn job(
        &self,
        kind: AssetType,
        source: Arc<OpenSource>,
        mime_type: &str,
        content: Option<&hash::Sha>,
    ) -> LaneJob<T> {
        LaneJob {
            client: self.client.clone(),
            kind,
            idem: self.key.session(kind, content),
            opened: self.opened.clone(),
            capsule_id: self.capsule_id.clone(),
            mime_type: mime_type.to_owned(),
            source,
            chunk_bytes: self.chunk_bytes,
            window: Arc::clone(&self.window),
            road: self.options.road,
            events: self.options.events.clone(),
        }
    }
}
