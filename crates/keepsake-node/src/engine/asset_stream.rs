//! The bytes of an asset on their way out. Owns reading the heap in blocks off the async threads; the plan
//! (who may see what, which headers) comes from the service.
//!
//! A stream keeps nothing from being reused while its reader takes its time. It holds a view for the read of one block
//! only. When there was a commit since, or all is sent that was planned, it asks the service where the rest of the blob
//! lies; a blob that is gone ends the stream with an error, so that nobody takes a part for the whole, and no other bytes
//! are ever sent. Where the blob moved into the host's bucket meanwhile, the rest comes from there.
//!
//! # Memory
//! A connection asks for a block when less than [`SMALL_BLOCK_BYTES`] of the one before are left, so it has two at most.
//! Some streams read large blocks, each one while the connection still has the one before: the first that come, as many as
//! [`read_ahead_max`](crate::engine::EngineOptions::read_ahead_max) says, until their last block is taken. All others read
//! small blocks when asked for them. So 1,024 streams hold at most
//!
//! ```text
//! 128 that read ahead:  3 × 256 KiB each    96 MiB, a third of it read ahead
//! 896 others:           2 ×  64 KiB each   112 MiB
//! ```

use crate::admission::Peer;
use crate::engine::message::EngineError;
use crate::engine::recent::Answer;
use crate::engine::{Engine, Inner, Reader};
use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::views::View;
use bytes::Bytes;
use futures_core::Stream;
use keepsake_service::http::{BlobPlace, BlobRange, HeapRange, ObjectRange};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// Bytes read at once by a stream that reads ahead: the hop to a blocking thread costs little.
pub(crate) const BLOCK_BYTES: u64 = 256 << 10;

/// Bytes read at once by the others. No less than a connection keeps before it asks for more.
pub(crate) const SMALL_BLOCK_BYTES: u64 = 64 << 10;

/// How often a stream asks where its bytes lie while the readers have too much to do, and the pause between.
const ATTEMPTS: u32 = 100;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(50);

/// The answer to an asset request.
#[derive(Debug)]
pub struct AssetStream {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case and their values; `content-length` is among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: AssetBytes,
    /// The bytes are in the host's bucket, and not in the body.
    pub bucket: Option<ObjectRange>,
}

impl AssetStream {
    pub(crate) fn of(answer: &Answer) -> Self {
        let inline = Some(answer.body.clone()).filter(|bytes| !bytes.is_empty());
        let body = AssetBytes { inline, rest: None, reading: None, ahead: None };
        Self { status: answer.status, headers: answer.headers.clone(), body, bucket: None }
    }
}

/// Bytes of an object in the host's bucket, a part at a time.
pub(crate) type Far = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Opens bytes of an object in the host's bucket.
pub(crate) type OpenFar =
    Arc<dyn Fn(ObjectRange) -> Pin<Box<dyn Future<Output = io::Result<Far>> + Send>> + Send + Sync>;

/// A stream of blocks. It ends with an error when the blob is deleted meanwhile. Poll it inside a tokio runtime.
#[derive(Debug)]
pub struct AssetBytes {
    inline: Option<Bytes>,
    rest: Option<Rest>,
    /// The next block, being read.
    reading: Option<JoinHandle<io::Result<(Bytes, Rest)>>>,
    /// It may read ahead; its blocks keep this too.
    ahead: Option<Arc<OwnedSemaphorePermit>>,
}

/// A block in memory.
struct Block {
    bytes: Vec<u8>,
    _ahead: Option<Arc<OwnedSemaphorePermit>>,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes of a body.
#[derive(Debug)]
pub(crate) enum PlannedBody {
    Bytes(Vec<u8>),
    Bucket(ObjectRange),
    Heap(HeapPlan),
}

/// Bytes of a blob, and where the first of them lie in one commit.
#[derive(Debug)]
pub(crate) struct HeapPlan {
    pub(crate) blob: BlobRange,
    pub(crate) runs: VecDeque<HeapRange>,
    /// The commit.
    pub(crate) epoch: u64,
}

/// What is still to be read.
struct Rest {
    /// Streams end with the engine; they do not keep it.
    engine: Weak<Inner>,
    asker: Option<Peer>,
    plan: HeapPlan,
    open_far: Option<OpenFar>,
    /// It moved into the bucket: the rest of it. Nobody locks it; whoever has a stream may be asked about it by several threads.
    far: Option<Mutex<Far>>,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rest").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl AssetBytes {
    /// Nothing to send.
    pub(crate) fn none() -> Self {
        Self { inline: None, rest: None, reading: None, ahead: None }
    }

    pub(crate) fn of_heap(plan: HeapPlan, engine: &Engine) -> Self {
        let engine_of = Arc::downgrade(&engine.inner);
        let rest = Rest { engine: engine_of, asker: engine.asker, plan, open_far: None, far: None };
        Self { inline: None, rest: Some(rest), reading: None, ahead: None }
    }

    /// A stretch of a blob, wherever it lies by then.
    pub(crate) fn of_blob(blob: BlobRange, engine: &Engine) -> Self {
        Self::of_heap(HeapPlan { blob, runs: VecDeque::new(), epoch: 0 }, engine)
    }

    /// Goes on there where its blob moves into the bucket.
    pub(crate) fn or_from(mut self, open_far: OpenFar) -> Self {
        if let Some(rest) = &mut self.rest {
            rest.open_far = Some(open_far);
        }
        self
    }

    /// All of the body where that is in memory already; the stream is empty then.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        self.inline.take()
    }

    fn read_next(&mut self) {
        let Some(rest) = self.rest.take().filter(|rest| rest.plan.blob.len > 0) else { return };
        self.reading = Some(tokio::spawn(rest.read(self.ahead.clone())));
    }

    /// A block is read or ready that nobody has asked for or taken yet.
    #[cfg(test)]
    pub(crate) fn is_ahead(&self) -> bool {
        self.reading.is_some()
    }

    /// Whether it may read ahead; from then on until it ends.
    fn may_read_ahead(&mut self) -> bool {
        if self.ahead.is_none() {
            self.ahead = self.rest.as_ref().and_then(Rest::read_ahead).map(Arc::new);
        }
        self.ahead.is_some()
    }
}

impl HeapPlan {
    /// Takes the first `len` bytes, or fewer where no more are planned.
    fn take(&mut self, len: u64) -> Vec<HeapRange> {
        let planned = self.runs.iter().map(|run| run.len).sum();
        let mut len = len.min(planned);
        self.blob.offset += len;
        self.blob.len -= len;
        let mut taken = Vec::new();
        while len > 0 {
            let run = self.runs.front_mut().expect("runs cover what is planned");
            let part = HeapRange { offset: run.offset, len: run.len.min(len) };
            run.offset += part.len;
            run.len -= part.len;
            len -= part.len;
            if run.len == 0 {
                self.runs.pop_front();
            }
            taken.push(part);
        }
        taken
    }
}

impl Rest {
    /// Reads the next block.
    async fn read(mut self, ahead: Option<Arc<OwnedSemaphorePermit>>) -> io::Result<(Bytes, Self)> {
        let block_bytes = if ahead.is_some() { BLOCK_BYTES } else { SMALL_BLOCK_BYTES };
        if self.far.is_some() {
            return self.read_far().await;
        }
        let Some(view) = self.view().await? else { return self.read_far().await };
        let heap = self.engine()?.shared.heap.clone();
        let parts = self.plan.take(self.plan.blob.len.min(block_bytes));
        if parts.is_empty() {
            return Err(io::Error::other("the rest of the blob has no place"));
        }
        let block = tokio::task::spawn_blocking(move || {
            let bytes = read_parts(&heap, &parts);
            // Until here nothing that it read could be reused.
            drop(view);
            bytes
        });
        let block = block.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok((Bytes::from_owner(Block { bytes: block, _ahead: ahead }), self))
    }

    /// Takes what comes next from the bucket.
    async fn read_far(mut self) -> io::Result<(Bytes, Self)> {
        let ended = || io::Error::new(io::ErrorKind::UnexpectedEof, "the object ended early");
        let far = self.far.as_mut().ok_or_else(ended)?;
        let far = far.get_mut().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::future::poll_fn(|context| far.as_mut().poll_next(context)).await;
        let bytes = bytes.ok_or_else(ended)??;
        let len = bytes.len() as u64;
        self.plan.blob.len = self.plan.blob.len.checked_sub(len).ok_or_else(ended)?;
        self.plan.blob.offset += len;
        Ok((bytes, self))
    }

    /// The newest view, in which the plan holds; none where the rest is to come from the bucket.
    async fn view(&mut self) -> io::Result<Option<Arc<View>>> {
        let view = self.engine()?.shared.views.newest().map_err(io::Error::other)?;
        if view.state().epoch == self.plan.epoch && !self.plan.runs.is_empty() {
            return Ok(Some(view));
        }
        drop(view);
        let (place, view) = self.ask().await?;
        let gone = || io::Error::new(io::ErrorKind::NotFound, "the blob was deleted while it was sent");
        match place.ok_or_else(gone)? {
            BlobPlace::Heap(runs) => self.plan.runs = runs.into(),
            BlobPlace::Bucket(object) => {
                drop(view);
                let unreachable = || io::Error::other("the rest of the blob is in a bucket");
                let open = self.open_far.clone().ok_or_else(unreachable)?;
                self.far = Some(Mutex::new(open(object).await?));
                return Ok(None);
            }
        }
        self.plan.epoch = view.state().epoch;
        Ok(Some(view))
    }

    /// Where the rest lies in the newest view, which keeps it there.
    async fn ask(&mut self) -> io::Result<(Option<BlobPlace>, Arc<View>)> {
        let blob = self.plan.blob;
        for _ in 0..ATTEMPTS {
            // The engine is not held while the answer is on its way.
            let work = move |reader: &mut Reader| reader.place(&blob);
            let asked = self.engine()?.readers().hand_over(self.asker, work);
            match asked {
                Ok(answer) => {
                    let answer = answer.await.map_err(|_| io::Error::other(EngineError::Trapped))?;
                    return answer.map_err(io::Error::other);
                }
                Err(EngineError::Overloaded) => tokio::time::sleep(ATTEMPT_PAUSE).await,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Err(io::Error::other(EngineError::Overloaded))
    }

    fn read_ahead(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.engine.upgrade()?.read_ahead).try_acquire_owned().ok()
    }

    fn engine(&self) -> io::Result<Arc<Inner>> {
        self.engine.upgrade().ok_or_else(|| io::Error::other(EngineError::ShuttingDown))
    }
}

/// Reads runs of the heap, one behind the other.
///
/// # Errors
/// I/O errors.
pub(crate) fn read_parts(heap: &HeapFile, parts: &[HeapRange]) -> Result<Vec<u8>, StorageError> {
    let len = |len: u64| usize::try_from(len).expect("a block is small");
    let mut bytes = vec![0; len(parts.iter().map(|part| part.len).sum())];
    let mut rest = &mut bytes[..];
    for part in parts {
        let (now, later) = rest.split_at_mut(len(part.len));
        heap.read(part.offset, now)?;
        rest = later;
    }
    Ok(bytes)
}

impl Stream for AssetBytes {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(bytes) = this.inline.take() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        if this.reading.is_none() {
            this.may_read_ahead();
            this.read_next();
        }
        let Some(reading) = &mut this.reading else { return Poll::Ready(None) };
        let read = std::task::ready!(Pin::new(reading).poll(context));
        this.reading = None;
        Poll::Ready(Some(read.unwrap_or_else(|error| Err(io::Error::other(error))).map(|(block, rest)| {
            this.rest = Some(rest);
            if this.may_read_ahead() {
                this.read_next();
            }
            block
        })))
    }
}
