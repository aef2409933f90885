//! Bringing an original into the host's bucket: hash it, begin, ask what is there, send the other parts, have the host find them all.
//!
//! Owns the session's life up to the publish, as `lane.rs` does for chunks. Starts over once where the session turns out to be of no
//! use. Whether the bucket is for this client is `bucket/road.rs`, addresses `bucket/grants.rs`, one part `bucket/flight.rs`.

mod flight;
mod grants;
pub(crate) mod parts;
mod progress;
pub(crate) mod road;

use super::events::{EventSender, UploadEvent};
use super::hash::{Hashes, hex};
use super::lane::SessionDone;
use super::opened::Opened;
use super::source::OpenSource;
use super::window::Place;
use super::{ChunkCounts, UploadError, blocking};
use crate::client::{CallError, Client};
use crate::transport::Transport;
use flight::{Flight, Landed};
use grants::{Found, HostSide};
use keepsake_api::{AssetType, BeginOptions, BlobHosting, Error as Refusal, S3Lane};
use parts::PartCut;
use progress::PartsProgress;
use road::Hosting;
use serde_bytes::ByteBuf;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The bucket lost parts that it had taken: they are sent again so often.
const ROUNDS_MAX: u32 = 3;

/// An original for the bucket.
pub(super) struct BucketJob<T> {
    pub(super) client: Client<T>,
    pub(super) lane: S3Lane,
    pub(super) hosting: Hosting,
    /// By its content too: parts that are there are those of this file.
    pub(super) idem: String,
    pub(super) opened: Opened,
    pub(super) capsule_id: String,
    pub(super) mime_type: String,
    pub(super) source: Arc<OpenSource>,
    pub(super) cut: PartCut,
    pub(super) hashes: Arc<Hashes>,
    pub(super) window: Arc<Semaphore>,
    pub(super) events: Option<EventSender>,
}

/// The bucket is not for this client, and why: what was to go there goes to the host.
#[derive(Debug)]
pub(super) struct Shut(pub(super) String);

/// Why an original is not in the bucket.
#[derive(Debug)]
pub(super) enum NotSent {
    Shut(Shut),
    Failed(UploadError),
}

impl<E: Into<UploadError>> From<E> for NotSent {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// SHA-256 of a source and of its parts, told as they are made.
pub(super) async fn hashed(
    source: &Arc<OpenSource>,
    part_bytes: u64,
    cancel: &CancellationToken,
    events: Option<EventSender>,
) -> Result<Arc<Hashes>, UploadError> {
    let (source, cancel) = (Arc::clone(source), cancel.child_token());
    // Whoever lets go of this stops the reading.
    let stop = cancel.clone().drop_guard();
    let hashes = blocking(move || {
        source.hashes(part_bytes, &cancel, |bytes| {
            if let Some(events) = &events {
                events.send(UploadEvent::Hashed { bytes });
            }
        })
    });
    let hashes = hashes.await?;
    drop(stop);
    Ok(Arc::new(hashes))
}

impl<T: Transport> BucketJob<T> {
    /// Sends what the bucket lacks. Where that is not for this client, nothing is left of the session.
    pub(super) async fn run(mut self) -> Result<SessionDone, NotSent> {
        let mut is_again = false;
        loop {
            let (session_id, error) = match self.try_once().await {
                Ok(done) => return Ok(done),
                Err((session_id, error)) => (session_id, self.judged(error)),
            };
            let stale = if is_again { None } else { stale(&error) };
            if stale.is_some() || matches!(error, NotSent::Shut(_)) {
                self.give_up(session_id).await;
            }
            let Some(told) = stale else { return Err(self.explained(error).await) };
            self.emit(UploadEvent::SessionRestarted { asset: AssetType::Original, reason: told.told() });
            // Of a session that is gone the same key makes another; of one that is finished, or has other bytes, it does not.
            if !told.is_not_found() {
                self.idem = format!("{}-{}", self.idem, hex(&rand::random::<[u8; 8]>()));
            }
            is_again = true;
        }
    }

    /// A host that offered a bucket, and has none any more.
    fn judged(&self, error: NotSent) -> NotSent {
        match error {
            NotSent::Failed(UploadError::Call(call))
                if call.code() == Some("s3_not_configured") && self.hosting == Hosting::Auto =>
            {
                self.client.known_bucket.shut();
                NotSent::Shut(Shut(call.told()))
            }
            error => error,
        }
    }

    /// Where the bucket has other bytes than were hashed, the file may have others by now.
    async fn explained(&self, error: NotSent) -> NotSent {
        let differs = matches!(
            &error,
            NotSent::Failed(UploadError::Call(call)) if call.code() == Some("object_differs")
        );
        let (source, sha256) = (Arc::clone(&self.source), self.hashes.whole);
        if differs && let Err(changed) = blocking(move || source.check_unchanged(&sha256)).await {
            return NotSent::Failed(changed);
        }
        error
    }

    /// The error comes with the session that met it, if there was one.
    async fn try_once(&self) -> Result<SessionDone, (Option<u64>, NotSent)> {
        let session_id = self.begin().await.map_err(|error| (None, error.into()))?;
        self.bring(session_id).await.map_err(|error| (Some(session_id), error))
    }

    async fn begin(&self) -> Result<u64, CallError> {
        let options = BeginOptions {
            total_len: Some(self.cut.total_len()),
            sha256: Some(ByteBuf::from(self.hashes.whole)),
            mime_type: Some(self.mime_type.clone()),
            hosting: Some(BlobHosting::S3),
        };
        let (client, parts) = (self.client.clone(), self.cut.parts());
        let (capsule_id, idem) = (self.capsule_id.clone(), self.idem.clone());
        let begin = async move { client.uploads_begin(&capsule_id, parts, &idem, Some(options)).await };
        self.opened.begin(begin).await
    }

    async fn bring(&self, session_id: u64) -> Result<SessionDone, NotSent> {
        let host =
            HostSide::new(self.client.clone(), self.lane.clone(), Arc::clone(&self.hashes), session_id);
        let (host, mut counts) = (Arc::new(host), ChunkCounts::default());
        for round in 1.. {
            let present = host.parts().await?;
            let missing = self.cut.missing(&present);
            let there = self.cut.parts() - u32::try_from(missing.len()).unwrap_or(u32::MAX);
            if there > 0 {
                self.client.known_bucket.answered();
            }
            if round == 1 {
                counts.skipped = there;
                self.tell_opened(session_id, &missing);
            }
            self.send(&host, &missing, &mut counts).await?;
            if present.is_found || self.is_found(&host, round).await? {
                break;
            }
        }
        let (sha256, total_len) = (self.hashes.whole, self.cut.total_len());
        Ok(SessionDone { session_id, sha256, total_len, counts })
    }

    fn tell_opened(&self, session_id: u64, missing: &[u32]) {
        let lacking: u64 = missing.iter().map(|number| self.cut.len(*number)).sum();
        self.emit(UploadEvent::SessionOpened {
            asset: AssetType::Original,
            session_id,
            chunks_total: self.cut.parts(),
            chunks_present: self.cut.parts() - u32::try_from(missing.len()).unwrap_or(u32::MAX),
            bytes_total: self.cut.total_len(),
            bytes_present: self.cut.total_len() - lacking,
            in_bucket: true,
        });
    }

    /// Waits until the host has looked. False: the bucket lacks parts after all.
    async fn is_found(&self, host: &HostSide<T>, round: u32) -> Result<bool, CallError> {
        loop {
            match host.finish().await {
                Ok(Found::Yes) => return Ok(true),
                Ok(Found::Verifying { hashed, again_after }) => {
                    if let Some(bytes) = hashed {
                        self.emit(UploadEvent::Verifying { bytes });
                    }
                    tokio::time::sleep(again_after).await;
                }
                Err(error)
                    if matches!(error.code(), Some("parts_missing" | "object_missing"))
                        && round < ROUNDS_MAX =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn send(
        &self,
        host: &Arc<HostSide<T>>,
        missing: &[u32],
        counts: &mut ChunkCounts,
    ) -> Result<(), NotSent> {
        let flight = Arc::new(Flight {
            client: self.client.clone(),
            host: Arc::clone(host),
            source: Arc::clone(&self.source),
            cut: self.cut,
            hashes: Arc::clone(&self.hashes),
            hosting: self.hosting,
            progress: PartsProgress::new(&self.cut, missing, self.events.clone()),
            events: self.events.clone(),
        });
        let mut flying = JoinSet::new();
        for (at, number) in missing.iter().enumerate() {
            let places = self.places(&mut flying, counts).await?;
            let behind: Vec<_> = missing[at + 1..].iter().copied().take(PARTS_AHEAD).collect();
            flying.spawn(Arc::clone(&flight).put(*number, behind, places));
        }
        while let Some(landed) = flying.join_next().await {
            self.land(landed, counts)?;
        }
        Ok(())
    }

    /// A place in the upload's window and the line's. One that failed meanwhile ends the others.
    async fn places(
        &self,
        flying: &mut JoinSet<Result<Landed, NotSent>>,
        counts: &mut ChunkCounts,
    ) -> Result<(OwnedSemaphorePermit, Place), NotSent> {
        let places = async {
            let permit = Arc::clone(&self.window).acquire_owned().await.expect("the window is never closed");
            (permit, self.client.bucket_window.enter().await)
        };
        tokio::pin!(places);
        loop {
            tokio::select! {
                biased;
                Some(landed) = flying.join_next() => self.land(landed, counts)?,
                places = &mut places => return Ok(places),
            }
        }
    }

    fn land(
        &self,
        landed: Result<Result<Landed, NotSent>, tokio::task::JoinError>,
        counts: &mut ChunkCounts,
    ) -> Result<(), NotSent> {
        let landed = match landed {
            Ok(landed) => landed?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(UploadError::Cancelled.into()),
            },
        };
        counts.sent += 1;
        counts.retried += landed.failures;
        let bytes = self.cut.len(landed.number);
        self.emit(UploadEvent::PartSent { number: landed.number, bytes });
        Ok(())
    }

    async fn give_up(&self, session_id: Option<u64>) {
        let Some(id) = session_id else { return };
        match self.client.uploads_abort(id).await {
            Err(error) if !error.is_not_found() => {
                tracing::warn!(session = id, %error, "cannot abort the session");
            }
            _ => {}
        }
    }

    fn emit(&self, event: UploadEvent) {
        if let Some(events) = &self.events {
            events.send(event);
        }
    }
}

/// Parts that are named behind the one that goes: more are never asked for at once.
const PARTS_AHEAD: usize = 3;

/// The session is gone, or is of no use: a new one helps.
fn stale(error: &NotSent) -> Option<CallError> {
    let NotSent::Failed(UploadError::Call(call)) = error else { return None };
    let CallError::Refused { method, error } = call else { return None };
    let is_stale = *error == Refusal::NotFound
        || matches!(error.code(), "session_finished" | "object_differs" | "object_gone");
    (is_stale && *method != "uploads_begin").then(|| call.clone())
}
