//! The native host's engine: update messages one after the other, durable before the reply; queries and
//! assets in parallel on snapshots.
//!
//! Owns the order of things and the threads. Does not own HTTP, signatures or ingress checks, nor any rule
//! of the service.
//!
//! ```text
//! update ─▶ mailbox ─▶ writer thread ──batch──▶ commit thread ─▶ heap sync, redb commit ─▶ replies
//!            (bounded)  executes batch k+1        while batch k is on its way
//! query, asset ─▶ reader threads ─▶ view of the newest durable commit
//! ```

pub mod asset_stream;
pub mod clock;
pub mod message;
pub mod options;
pub mod own;

mod answers;
mod application;
mod committer;
mod fair_queue;
pub(crate) mod guard;
pub mod ledger;
mod mailbox;
mod readers;
mod recent;
mod site;
mod writer;

#[cfg(test)]
mod tests;

pub use asset_stream::{AssetBytes, AssetStream};
pub use clock::{Clock, ClockState};
pub use ledger::AnswerLimits;
pub use message::{ChunkMessage, EngineError, Rejection, RequestId, RequestStatus, UpdateMessage};
pub use options::EngineOptions;
pub(crate) use readers::{Looked, Reader};

use crate::admission::Peer;
use crate::data_dir::{self, DataDir};
use crate::storage::epochs::Epochs;
use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::records::Records;
use crate::storage::reserve::Reserve;
use crate::storage::space::{self, Space};
use crate::storage::views::Views;
pub(crate) use application::PUT_ROAD;
use application::{Application, Class, Keepsake};
use asset_stream::PlannedBody;
use committer::Shared;
use guard::{Fault, Halt, guarded};
use keepsake_service::Principal;
use keepsake_service::http::AssetRequest;
use keepsake_service::http::preview::Preview;
use mailbox::{Mailbox, QueueLimits};
use readers::{Planned, Readers};
use recent::{Answer, Recent};
use site::SitePaths;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, watch};
use writer::Writer;

/// The engine. Cheap to clone; the last clone to go stops the threads and unlocks the directory, dropping
/// what is queued: call [`Self::shutdown`] first to finish it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    /// For whom it reads; none where no peer's bound applies.
    asker: Option<Peer>,
}

pub(crate) struct Inner {
    /// Taken when the engine goes: that ends their threads.
    readers: Option<Readers>,
    shared: Shared,
    recent: Recent,
    /// Streams of assets that may read ahead.
    read_ahead: Arc<Semaphore>,
    application: Arc<dyn Application>,
    clock: Clock,
    threads: Mutex<Threads>,
    // Unlocked last, when the threads are gone.
    dir: DataDir,
}

struct Threads {
    writers: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Opens the store in `dir`, making it when the directory is new.
    ///
    /// # Errors
    /// [`EngineError::Open`] when the store is of a later version, [`EngineError::Storage`] on I/O errors.
    pub fn open(dir: DataDir, options: EngineOptions) -> Result<Self, EngineError> {
        let mut token_secret = [0; 32];
        getrandom::fill(&mut token_secret).map_err(std::io::Error::from)?;
        let application = Keepsake::new(&options, token_secret);
        Self::open_with(dir, options, Arc::new(application))
    }

    fn open_with(
        dir: DataDir,
        options: EngineOptions,
        application: Arc<dyn Application>,
    ) -> Result<Self, EngineError> {
        space::make_room_to_open(
            &HeapFile::open(&dir.heap_path(), 0)?,
            &Reserve::open(&dir.reserve_path(), options.freeing_reserve_bytes)?,
        )?;
        let records = Records::open(&dir.records_path(), options.records_cache_bytes)?;
        Self::open_on(dir, records, options, application)
    }

    fn open_on(
        dir: DataDir,
        records: Records,
        options: EngineOptions,
        application: Arc<dyn Application>,
    ) -> Result<Self, EngineError> {
        survive_the_file_size_limit()?;
        let heap = Arc::new(HeapFile::open(&dir.heap_path(), options.reserve_bytes)?);
        let reserve = Reserve::open(&dir.reserve_path(), options.freeing_reserve_bytes)?;
        data_dir::sync_dir(dir.path())?;
        let epochs = Epochs::new(records.snapshot()?.state().epoch);
        let records = Arc::new(records);
        let (for_space, path) = (Arc::clone(&records), dir.records_path());
        let space = Space::new(Arc::clone(&heap), for_space, path, reserve, options.freeing_reserve_bytes);
        let limits = QueueLimits { messages_max: options.queue_messages_max, answers: options.answers };
        let mailbox = Arc::new(Mailbox::new(limits));
        let durable = epochs.durable();
        let views = Views::new(Arc::clone(&records), epochs.clone(), durable, options.readers_cache_bytes);
        let (space, views) = (Arc::new(space), Arc::new(views));
        let site = Arc::new(SitePaths::default());
        let shared = Shared { records, heap, space, epochs, views, mailbox, site };
        committer::tidy(&shared, options.clock.expiry_ns())?;
        let clock = options.clock.clone();
        let reader = {
            let (shared, application, clock) = (shared.clone(), Arc::clone(&application), clock.clone());
            move || Reader::new(shared.clone(), Arc::clone(&application), clock.clone())
        };
        let read_ahead = Arc::new(Semaphore::new(options.read_ahead_max));
        let (readers, reader_threads) =
            Readers::start(reader, options.queries_running_max, options.queries_max)?;
        let writers = start_threads(&shared, Arc::clone(&application), options)?;
        let readers = Some(readers);
        let threads = Mutex::new(Threads { writers, readers: reader_threads });
        let recent = Recent::default();
        let inner = Inner { readers, shared, recent, read_ahead, application, clock, threads, dir };
        Ok(Self { inner: Arc::new(inner), asker: None })
    }

    /// Executes `message` and resolves when its outcome is durable. A message whose request id is known,
    /// on its way or recorded, is not executed again: its own outcome comes back. Dropping the future
    /// does not take the message back.
    ///
    /// # Errors
    /// [`EngineError`] when the message was not taken or did not run.
    pub async fn update(&self, message: UpdateMessage) -> Result<RequestStatus, EngineError> {
        let mut outcome = self.accept(message)?;
        let finished = outcome.wait_for(Option::is_some).await.map_err(|_| EngineError::ShuttingDown)?;
        match &*finished {
            Some(Ok(status)) => Ok(status.clone()),
            Some(Err(unfinished)) => Err(unfinished.clone().into()),
            None => unreachable!("waited for an outcome"),
        }
    }

    /// Takes a chunk and resolves when it is durable: the answer is that of `uploads_put_chunk`, and no request id is
    /// recorded. Dropping the future does not take it back.
    ///
    /// # Errors
    /// [`EngineError`] when it was not taken or did not run. It may have run all the same when the node is going down.
    pub async fn put(&self, chunk: ChunkMessage) -> Result<RequestStatus, EngineError> {
        let outcome = self.mailbox().submit_chunk(chunk)?;
        outcome.await.map_err(|_| self.mailbox().why_unfinished())
    }

    /// Queues `message` without waiting; [`Self::request_status`] tells how it goes.
    ///
    /// # Errors
    /// [`EngineError`] when the message is not taken.
    pub fn submit(&self, message: UpdateMessage) -> Result<(), EngineError> {
        self.accept(message).map(drop)
    }

    fn accept(&self, message: UpdateMessage) -> Result<watch::Receiver<mailbox::Outcome>, EngineError> {
        if let Some(refused) = self.inner.application.refuse(&message.method, message.arg.len()) {
            return Err(EngineError::Refused(refused.into()));
        }
        let class = self.inner.application.class(&message.method);
        if class == Class::Query && message.caller == Principal::anonymous() {
            return Err(EngineError::Refused(Rejection::anonymous_update()));
        }
        self.mailbox().submit(message, class)
    }

    /// Who sent message `id` and how far it is; `None` when it is unknown or was forgotten after its
    /// expiry. May read the disk for a moment.
    ///
    /// # Errors
    /// [`EngineError::Storage`] on I/O errors.
    pub fn request_status(&self, id: &RequestId) -> Result<Option<(Principal, RequestStatus)>, EngineError> {
        if let Some(found) = self.mailbox().status(id) {
            return Ok(Some(found));
        }
        let recorded = self.inner.shared.records.request(id)?;
        // What finished between the two looks is recorded; what did not is unknown.
        Ok(recorded.map(|request| (request.caller, request.status)))
    }

    /// The same engine, which reads for `asker`: peers have their turns, however much one of them asks.
    pub(crate) fn asked_by(&self, asker: Option<Peer>) -> Self {
        Self { inner: Arc::clone(&self.inner), asker }
    }

    /// Runs a query on the newest durable state.
    ///
    /// # Errors
    /// [`Rejection`] when there is no such query, its arguments do not decode, or the node cannot run it.
    pub async fn query(&self, caller: Principal, method: String, arg: Vec<u8>) -> Result<Vec<u8>, Rejection> {
        match self.read(move |reader| reader.query(caller, &method, &arg)).await {
            Ok(answer) => answer,
            Err(EngineError::Overloaded) => Err(Rejection::overloaded()),
            Err(_) => Err(Rejection::trapped()),
        }
    }

    /// Runs `work` on a reader thread: one hop for all that a request needs. It may use the processor for a while.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] when too many wait, [`EngineError::Trapped`] when `work` panicked.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        self.inner.readers().run(self.asker, work).await
    }

    /// Who may see every session, as the store was told. Reads the disk for a moment: for the start, which waits in no queue.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub(crate) fn controllers(&self) -> Result<Vec<Principal>, EngineError> {
        let Inner { shared, application, clock, .. } = &*self.inner;
        Reader::new(shared.clone(), Arc::clone(application), clock.clone()).controllers()
    }

    /// Answers a request for an asset; the body streams from disk.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read. A refusal by the service is an answer, not an error.
    pub async fn asset(&self, request: AssetRequest) -> Result<AssetStream, EngineError> {
        if let Some(answer) = self.inner.recent.find(self.inner.shared.epochs.durable(), &request) {
            return Ok(AssetStream::of(&answer));
        }
        let (planned, request) = self.read(move |reader| (reader.asset(&request), request)).await?;
        let Planned { status, headers, epoch, body } = planned?;
        let plan = match body {
            PlannedBody::Heap(plan) => plan,
            PlannedBody::Bucket(object) => {
                return Ok(AssetStream { status, headers, body: AssetBytes::none(), bucket: Some(object) });
            }
            PlannedBody::Bytes(bytes) => {
                let answer = Arc::new(Answer { status, headers, body: bytes.into() });
                let stream = AssetStream::of(&answer);
                if Recent::may_keep(&request, status, &answer.headers) {
                    self.inner.recent.keep(epoch, request, answer);
                }
                return Ok(stream);
            }
        };
        Ok(AssetStream { status, headers, body: AssetBytes::of_heap(plan, self), bucket: None })
    }

    /// What the link at this path of an address tells those who have not opened it, if anything.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub async fn preview(&self, path: String) -> Result<Option<Preview>, EngineError> {
        self.read(move |reader| reader.preview(&path)).await?
    }

    /// The site has a file for this path of an address, as of the newest durable commit. Needs no reader: [`Self::asset`]
    /// gives the file.
    pub fn has_page(&self, path: &str) -> bool {
        self.inner.shared.site.has(path)
    }

    /// Finishes the queue, refuses new messages and returns when everything is on disk. Queries go on
    /// until the engine is dropped.
    pub async fn shutdown(&self) {
        self.mailbox().drain();
        let inner = Arc::clone(&self.inner);
        // Joining blocks for as long as the queue takes.
        tokio::task::spawn_blocking(move || inner.join_writers()).await.ok();
    }

    /// What the engine makes of this computer's clock.
    pub fn clock(&self) -> ClockState {
        self.inner.clock.state()
    }

    /// The engine's time, ns since 1970.
    pub fn now_ns(&self) -> u64 {
        self.inner.clock.now_ns()
    }

    /// The data directory, for the other files in it.
    pub fn dir(&self) -> &DataDir {
        &self.inner.dir
    }

    fn mailbox(&self) -> &Mailbox {
        &self.inner.shared.mailbox
    }
}

impl Inner {
    fn readers(&self) -> &Readers {
        self.readers.as_ref().expect("taken in drop only")
    }

    /// Waits for the threads that write; readers go on.
    fn join_writers(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).writers.drain(..).collect();
        join(threads);
    }
}

/// A thread that drops the engine itself cannot wait for its own end.
fn join(threads: Vec<JoinHandle<()>>) {
    let this = std::thread::current().id();
    for thread in threads.into_iter().filter(|thread| thread.thread().id() != this) {
        thread.join().ok();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.mailbox.abandon();
        self.readers = None;
        self.join_writers();
        let readers =
            std::mem::take(&mut self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).readers);
        join(readers);
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("dir", &self.inner.dir.path()).finish_non_exhaustive()
    }
}

/// Starts the committer and the writer, and waits until the writer has opened the store.
fn start_threads(
    shared: &Shared,
    application: Arc<dyn Application>,
    options: EngineOptions,
) -> Result<Vec<JoinHandle<()>>, EngineError> {
    let (jobs, results, committer) = committer::start(shared.clone())?;
    let (opened_sender, opened) = mpsc::channel();
    let shared = shared.clone();
    let writer = std::thread::Builder::new().name("keepsake-write".into()).spawn(move || {
        let mailbox = Arc::clone(&shared.mailbox);
        // The program is made here because it never leaves this thread.
        match Writer::open(shared, application, &options, jobs, results) {
            Err(error) => drop(opened_sender.send(Err(error))),
            Ok(writer) => {
                opened_sender.send(Ok(())).ok();
                let ended = guarded(|| writer.run()).unwrap_or_else(|fault| {
                    Err(match fault {
                        Fault::Storage(error) => Halt::Records(error),
                        Fault::Panic(text) => Halt::Panic(text),
                    })
                });
                let why = ended.err().map(|halt| halt.to_string());
                if let Some(why) = &why {
                    tracing::error!(%why, "writing stopped: restart the node");
                }
                mailbox.stopped(why.as_deref());
            }
        }
    })?;
    let opened =
        opened.recv().unwrap_or_else(|_| Err(EngineError::Stopped("the writer thread ended".into())));
    opened.map(|()| vec![writer, committer])
}

/// Without a handler the kernel ends a process that writes beyond its file size limit; with one the
/// write fails, and the message with it.
fn survive_the_file_size_limit() -> Result<(), StorageError> {
    let signal = rustix::process::Signal::XFSZ.as_raw();
    signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    Ok(())
}
