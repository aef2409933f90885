//! Bringing one asset into one session: begin, ask what is there, send the rest.
//!
//! Owns the session's life up to the publish, and the retries of its chunks. Starts over once where the
//! session turns out to hold other bytes, or to be gone.

use super::events::{EventSender, UploadEvent};
use super::hash::{Sha, hex};
use super::opened::Opened;
use super::plan::{Cut, Missing};
use super::reader::{Chunk, Reader, read_again};
use super::road::{METHOD, Missed, Road, SessionRoad};
use super::source::OpenSource;
use super::window::Place;
use super::{ChunkCounts, UploadError, blocking};
use crate::client::{CallError, Client, decode_answer, encode};
use crate::retry::{Attempts, jitter};
use crate::transport::{Transport, TransportError};
use bytes::Bytes;
use keepsake_api::{AssetType, BeginOptions};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// One asset to send.
pub(crate) struct LaneJob<T> {
    pub(crate) client: Client<T>,
    pub(crate) kind: AssetType,
    pub(crate) idem: String,
    pub(crate) opened: Opened,
    pub(crate) capsule_id: String,
    pub(crate) mime_type: String,
    pub(crate) source: Arc<OpenSource>,
    pub(crate) chunk_bytes: u32,
    pub(crate) window: Arc<Semaphore>,
    pub(crate) road: Road,
    pub(crate) events: Option<EventSender>,
}

/// A session that holds all of its asset.
#[derive(Clone, Debug)]
pub(crate) struct SessionDone {
    pub(crate) session_id: u64,
    pub(crate) sha256: Sha,
    pub(crate) total_len: u64,
    pub(crate) counts: ChunkCounts,
}

impl<T: Transport> LaneJob<T> {
    /// Sends what is missing and gives the hash of the whole.
    pub(crate) async fn run(mut self) -> Result<SessionDone, UploadError> {
        let cut = self.cut().await?;
        match self.try_once(&cut).await {
            Err((session_id, UploadError::Call(error))) if is_stale(&error) => {
                self.give_up(session_id, &error).await?;
                if !error.is_not_found() {
                    // Another file that looks the same may be on its way elsewhere, by the same key.
                    self.idem = format!("{}-{}", self.idem, hex(&rand::random::<[u8; 8]>()));
                }
                self.try_once(&cut).await.map_err(|(_, error)| error)
            }
            result => result.map_err(|(_, error)| error),
        }
    }

    async fn cut(&self) -> Result<Cut, UploadError> {
        let total_len = self.source.len();
        let chunks_max = self.client.limits().await?.chunks_per_session_max_with_total_len;
        Cut::new(total_len, self.chunk_bytes).filter(|cut| cut.chunks() <= chunks_max).ok_or_else(|| {
            UploadError::TooLarge { name: self.source.name().to_owned(), total_len, chunks_max }
        })
    }

    /// The error comes with the session that met it, if there was one.
    async fn try_once(&self, cut: &Cut) -> Result<SessionDone, (Option<u64>, UploadError)> {
        let session_id = self.begin(cut).await.map_err(|error| (None, error.into()))?;
        let missing = self.ask(session_id, cut).await.map_err(|error| (Some(session_id), error.into()))?;
        self.send(session_id, cut, missing).await.map_err(|error| (Some(session_id), error))
    }

    async fn begin(&self, cut: &Cut) -> Result<u64, CallError> {
        let options = BeginOptions {
            total_len: Some(cut.total_len()),
            sha256: None,
            mime_type: Some(self.mime_type.clone()),
            hosting: None,
        };
        let (client, chunks) = (self.client.clone(), cut.chunks());
        let (capsule_id, idem) = (self.capsule_id.clone(), self.idem.clone());
        let begin = async move { client.uploads_begin(&capsule_id, chunks, &idem, Some(options)).await };
        self.opened.begin(begin).await
    }

    async fn ask(&self, session_id: u64, cut: &Cut) -> Result<Missing, CallError> {
        let status = self.client.uploads_status(session_id).await?;
        let missing = Missing::new(&status, cut);
        self.emit(UploadEvent::SessionOpened {
            asset: self.kind,
            session_id,
            chunks_total: cut.chunks(),
            chunks_present: missing.present(),
            bytes_total: cut.total_len(),
            bytes_present: missing.bytes_present(cut),
            in_bucket: false,
        });
        Ok(missing)
    }

    async fn send(&self, session_id: u64, cut: &Cut, missing: Missing) -> Result<SessionDone, UploadError> {
        let mut counts = ChunkCounts { skipped: missing.present(), ..ChunkCounts::default() };
        let reader = Reader {
            source: Arc::clone(&self.source),
            cut: *cut,
            missing,
            kind: self.kind,
            events: self.events.clone(),
        };
        let road = SessionRoad::of(&self.client, self.road, session_id).await?.map(Arc::new);
        let (mut chunks, hash) = reader.start();
        let send_all = async move {
            let mut flying = JoinSet::new();
            while let Some((places, chunk)) = self.next(&mut chunks).await {
                flying.spawn(self.flight(session_id, *cut, road.clone()).put(chunk, places));
                while let Some(landed) = flying.try_join_next() {
                    self.land(landed, &mut counts)?;
                }
            }
            while let Some(landed) = flying.join_next().await {
                self.land(landed, &mut counts)?;
            }
            Ok::<_, UploadError>(counts)
        };
        // An error on either side drops the other: the reader stops, the chunks in flight are let go.
        let (sha256, counts) = tokio::try_join!(hash, send_all)?;
        Ok(SessionDone { session_id, sha256, total_len: cut.total_len(), counts })
    }

    /// A place in the upload's window and the line's first, then the chunk for it: so no more chunks are held than may fly.
    async fn next(
        &self,
        chunks: &mut tokio::sync::mpsc::Receiver<Chunk>,
    ) -> Option<((OwnedSemaphorePermit, Place), Chunk)> {
        let permit = Arc::clone(&self.window).acquire_owned().await.expect("the window is never closed");
        let place = self.client.window.enter().await;
        Some(((permit, place), chunks.recv().await?))
    }

    fn land(
        &self,
        landed: Result<Result<Landed, UploadError>, tokio::task::JoinError>,
        counts: &mut ChunkCounts,
    ) -> Result<(), UploadError> {
        let landed = match landed {
            Ok(landed) => landed?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(UploadError::Cancelled),
            },
        };
        counts.sent += 1;
        counts.retried += landed.failures;
        self.emit(UploadEvent::ChunkSent { asset: self.kind, index: landed.index, bytes: landed.bytes });
        Ok(())
    }

    fn flight(&self, session_id: u64, cut: Cut, road: Option<Arc<SessionRoad>>) -> Flight<T> {
        Flight {
            client: self.client.clone(),
            source: Arc::clone(&self.source),
            kind: self.kind,
            events: self.events.clone(),
            session_id,
            cut,
            road,
        }
    }

    async fn give_up(&self, session_id: Option<u64>, error: &CallError) -> Result<(), UploadError> {
        self.emit(UploadEvent::SessionRestarted { asset: self.kind, reason: error.told() });
        match session_id {
            Some(id) if !error.is_not_found() => Ok(self.client.uploads_abort(id).await?),
            _ => Ok(()),
        }
    }

    fn emit(&self, event: UploadEvent) {
        if let Some(events) = &self.events {
            events.send(event);
        }
    }
}

/// The session holds other bytes than this file, or is gone: a new one helps.
fn is_stale(error: &CallError) -> bool {
    match error {
        CallError::Refused { method: METHOD | "uploads_status" | "mint_upload_ticket", error } => matches!(
            (error, error.code()),
            (keepsake_api::Error::NotFound, _)
                | (_, "chunk_differs" | "chunk_length_differs" | "session_finished")
        ),
        _ => false,
    }
}

/// One chunk on its way, apart from the lane so that several run at once.
struct Flight<T> {
    client: Client<T>,
    source: Arc<OpenSource>,
    kind: AssetType,
    events: Option<EventSender>,
    session_id: u64,
    cut: Cut,
    /// None: in envelopes.
    road: Option<Arc<SessionRoad>>,
}

/// A chunk that arrived.
struct Landed {
    index: u32,
    bytes: u32,
    failures: u32,
}

impl<T: Transport> Flight<T> {
    /// Sends until it arrives or must not be sent again. The bytes are read again for each new
    /// attempt instead of being held: eight held copies are 14 MB.
    async fn put(
        self,
        chunk: Chunk,
        (_permit, mut place): (OwnedSemaphorePermit, Place),
    ) -> Result<Landed, UploadError> {
        let Chunk { index, bytes } = chunk;
        let len = u32::try_from(bytes.len()).expect("a chunk's length has 32 bits");
        let (mut bytes, mut attempts) = (Some(bytes), Attempts::default());
        loop {
            let bytes = match bytes.take() {
                Some(bytes) => bytes,
                None => self.read_again(index).await?,
            };
            place.set_out();
            match self.send(index, bytes).await {
                Ok(()) => {
                    place.arrived();
                    return Ok(Landed { index, bytes: len, failures: attempts.failures() });
                }
                Err(CallError::Transport { method: METHOD, error }) => {
                    if error.is_slow() {
                        place.late();
                    }
                    self.pause(index, &mut attempts, error).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Once, by the way that the session's chunks go.
    async fn send(&self, index: u32, bytes: Bytes) -> Result<(), CallError> {
        let bytes = match &self.road {
            Some(road) => match road.put(&self.client, index, bytes).await {
                Ok(()) => return Ok(()),
                Err(Missed::Call(error)) => return Err(error),
                Err(Missed::TakeEnvelope(bytes)) => bytes,
            },
            None => bytes,
        };
        let arg = encode((self.session_id, index, serde_bytes::Bytes::new(&bytes)));
        drop(bytes);
        let reply = self.client.transport().update(METHOD, arg).await;
        let reply = reply.map_err(|error| CallError::Transport { method: METHOD, error })?;
        decode_answer(METHOD, &reply)
    }

    async fn read_again(&self, index: u32) -> Result<Bytes, UploadError> {
        let (source, cut) = (Arc::clone(&self.source), self.cut);
        blocking(move || read_again(&source, &cut, index)).await
    }

    async fn pause(
        &self,
        index: u32,
        attempts: &mut Attempts,
        error: TransportError,
    ) -> Result<(), UploadError> {
        let policy = self.client.retry_policy();
        let Some(pause) = attempts.pause_after(policy, &error, Instant::now(), jitter()) else {
            return Err(CallError::Transport { method: METHOD, error }.into());
        };
        if let Some(events) = &self.events {
            events.send(UploadEvent::ChunkRetried {
                asset: self.kind,
                index,
                failures: attempts.failures(),
                pause,
                reason: error.to_string(),
            });
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
