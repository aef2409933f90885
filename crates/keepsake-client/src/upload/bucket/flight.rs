//! One part on its way, apart from its lane so that several run at once. Owns its attempts: until it arrives, must not be sent
//! again, or the bucket turns out not to be for this client.

use super::grants::HostSide;
use super::parts::PartCut;
use super::progress::PartsProgress;
use super::road::{Hosting, METHOD, Unanswered, bucket_error};
use super::{NotSent, Shut};
use crate::bucket::{BucketFault, PIECE_BYTES, PartBody, PartEnd, PutPartError, SignedRequest};
use crate::client::{CallError, Client};
use crate::retry::{Attempts, RetryPolicy, jitter};
use crate::transport::Transport;
use crate::upload::events::{EventSender, UploadEvent};
use crate::upload::hash::{Hashes, Sha, sha256};
use crate::upload::source::OpenSource;
use crate::upload::ticket::TICKETS_MAX;
use crate::upload::window::Place;
use crate::upload::{UploadError, blocking};
use bytes::Bytes;
use keepsake_api::AssetType;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Addresses that a bucket refuses though the host signed them just now.
const REFUSED_MAX: usize = TICKETS_MAX;

/// What all parts of a session have in common.
pub(super) struct Flight<T> {
    pub(super) client: Client<T>,
    pub(super) host: Arc<HostSide<T>>,
    pub(super) source: Arc<OpenSource>,
    pub(super) cut: PartCut,
    pub(super) hashes: Arc<Hashes>,
    pub(super) hosting: Hosting,
    pub(super) progress: PartsProgress,
    pub(super) events: Option<EventSender>,
}

/// A part that arrived.
pub(super) struct Landed {
    pub(super) number: u32,
    pub(super) failures: u32,
}

impl<T: Transport> Flight<T> {
    /// Sends part `number`, and asks with its address for those of the parts `behind` it.
    pub(super) async fn put(
        self: Arc<Self>,
        number: u32,
        behind: Vec<u32>,
        (_permit, mut place): (OwnedSemaphorePermit, Place),
    ) -> Result<Landed, NotSent> {
        let mut attempts = Attempts::default();
        loop {
            place.set_out();
            match self.send_once(number, &behind).await {
                Ok(()) => {
                    let bytes = self.cut.len(number);
                    place.arrived_with(bytes);
                    self.progress.arrived(number, bytes);
                    return Ok(Landed { number, failures: attempts.failures() });
                }
                Err(NotSent::Failed(UploadError::Call(CallError::Transport { method: METHOD, error }))) => {
                    self.progress.failed(number);
                    if error.is_slow() {
                        place.late();
                    }
                    let policy = self.client.retry_policy();
                    let Some(pause) = attempts.pause_after(policy, &error, Instant::now(), jitter()) else {
                        return Err(CallError::Transport { method: METHOD, error }.into());
                    };
                    if attempts.failures() > 1 {
                        // The bucket may close a line in place of saying that the address is over.
                        self.host.forget(number).await;
                    }
                    if let Some(events) = &self.events {
                        events.send(UploadEvent::ChunkRetried {
                            asset: AssetType::Original,
                            index: number - 1,
                            failures: attempts.failures(),
                            pause,
                            reason: error.to_string(),
                        });
                    }
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Once, with an address that the bucket takes.
    async fn send_once(&self, number: u32, behind: &[u32]) -> Result<(), NotSent> {
        let (known, mut refused) = (&self.client.known_bucket, None);
        for _ in 0..REFUSED_MAX {
            let Some(request) = self.host.address(number, behind).await? else { return Ok(()) };
            let from = Instant::now();
            let end = match self.send_to(&request).await? {
                Err(PutPartError::Unanswered(reason)) => {
                    return Err(self.unanswered(&request, &reason, from).await);
                }
                Err(PutPartError::Broken(fault)) => return Err(bucket_error(fault).into()),
                Err(PutPartError::Unreadable) => {
                    let name = self.source.name().to_owned();
                    return Err(NotSent::Failed(UploadError::Changed { name }));
                }
                Ok(end) => end,
            };
            known.answered();
            match end {
                PartEnd::Stored => {
                    self.host.forget(number).await;
                    return Ok(());
                }
                PartEnd::Failed(fault) => return Err(bucket_error(fault).into()),
                PartEnd::Differs(why) => {
                    // Either the file changed since it was hashed, or the line changed what it carried.
                    self.check(number).await?;
                    refused = Some((request, why));
                }
                PartEnd::Refused(why) => refused = Some((request, why)),
            }
            self.host.forget(number).await;
        }
        let (url, why) = refused.map(|(request, why)| (request.url, why)).unzip();
        Err(bucket_error(BucketFault::refused(url.as_ref(), number, &why.unwrap_or_default())).into())
    }

    async fn unanswered(&self, request: &SignedRequest, reason: &str, from: Instant) -> NotSent {
        let once = self.client.clone().with_retry(RetryPolicy::never());
        let reaches = async { self.host.parts_by(&once).await.is_ok() };
        let met = (&request.url, reason);
        match self.client.known_bucket.unanswered(met, from, self.hosting, reaches).await {
            Unanswered::Away(fault) => bucket_error(fault).into(),
            Unanswered::Shut(fault) => NotSent::Shut(Shut(fault.to_string())),
        }
    }

    /// The bytes are read anew for each attempt, while they go out. The outer error is that of the file.
    async fn send_to(&self, request: &SignedRequest) -> Result<Result<PartEnd, PutPartError>, UploadError> {
        let (number, progress) = (request.number, self.progress.clone());
        let len = self.cut.len(number);
        let (sender, body) = PartBody::new(len, Box::new(move |bytes| progress.within(number, bytes)));
        let (source, offset) = (Arc::clone(&self.source), self.cut.offset(number));
        let failed = Arc::new(Mutex::new(None));
        let failure = Arc::clone(&failed);
        // It ends with the body, whether that was sent or let go.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&source, offset, len, &sender) {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        let end = self.client.transport().put_part(request, body).await;
        match failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(end),
        }
    }

    /// Fails where the part is another one than when it was hashed.
    async fn check(&self, number: u32) -> Result<(), UploadError> {
        let (source, cut) = (Arc::clone(&self.source), self.cut);
        let hashed = usize::try_from(number - 1).ok().and_then(|at| self.hashes.parts.get(at).copied());
        let found = blocking(move || hash(&source, cut.offset(number), cut.len(number))).await?;
        if Some(found) == hashed {
            return Ok(());
        }
        Err(UploadError::Changed { name: self.source.name().to_owned() })
    }
}

/// Blocks on the disk, and until the pieces are taken.
fn read(source: &OpenSource, offset: u64, len: u64, sender: &mpsc::Sender<Bytes>) -> Result<(), UploadError> {
    each_piece(source, offset, len, |piece| sender.blocking_send(piece.into()).is_ok())
}

fn hash(source: &OpenSource, offset: u64, len: u64) -> Result<Sha, UploadError> {
    if let (0, Some(whole)) = (offset, source.whole().filter(|whole| whole.len() as u64 == len)) {
        return Ok(sha256(whole));
    }
    let mut hasher = Sha256::new();
    each_piece(source, offset, len, |piece| {
        hasher.update(&piece);
        true
    })?;
    Ok(hasher.finalize().into())
}

fn each_piece(
    source: &OpenSource,
    offset: u64,
    len: u64,
    mut take: impl FnMut(Vec<u8>) -> bool,
) -> Result<(), UploadError> {
    let mut at = 0;
    while at < len {
        let size = usize::try_from((len - at).min(PIECE_BYTES as u64)).expect("a piece fits memory");
        let mut piece = vec![0; size];
        source.read_at(offset + at, &mut piece)?;
        at += size as u64;
        if !take(piece) {
            break;
        }
    }
    Ok(())
}
