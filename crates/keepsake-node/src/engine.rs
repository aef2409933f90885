//! The native host's engine: update messages one after the other, durable before the reply; queries and
//! assets in parallel on snapshots.
//!
//! Owns the order of things and the threads. Does not own HTTP, signatures or ingress checks, nor any rule
//! of the service.
//!
//! ```text
//! update ─▶ mailbox ─▶ writer thread ──batch──▶ commit thread ─▶ heap sync, redb commit ─▶ replies
//!            (bounded)  executes batch k+1        while batch k is on its way
//! query, asset ─▶ blocking threads ─▶ newest durable snapshot
//! ```

pub mod asset_stream;
pub mod clock;
pub mod message;
pub mod options;

mod application;
mod committer;
pub(crate) mod guard;
mod mailbox;
mod readers;
mod writer;

#[cfg(test)]
mod tests;

pub use asset_stream::{AssetBytes, AssetStream};
pub use clock::Clock;
pub use message::{EngineError, Rejection, RequestId, RequestStatus, UpdateMessage};
pub use options::EngineOptions;

use crate::data_dir::{self, DataDir};
use crate::storage::epochs::Epochs;
use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::records::Records;
use application::{Application, Keepsake};
use committer::Shared;
use guard::{Fault, Halt, guarded};
use keepsake_service::http::AssetRequest;
use keepsake_service::{Install, Principal};
use mailbox::{Mailbox, QueueLimits};
use readers::Readers;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::Semaphore;
use writer::Writer;

/// The engine. Cheap to clone; the last clone to go stops the threads and unlocks the directory, dropping
/// what is queued: call [`Self::shutdown`] first to finish it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    clock: Clock,
    threads: Mutex<Vec<JoinHandle<()>>>,
    // Unlocked last, when the threads are gone.
    dir: DataDir,
}

impl Engine {
    /// Opens the store in `dir`, making it when the directory is new.
    ///
    /// # Errors
    /// [`EngineError::Open`] when the store is of a later version, [`EngineError::Storage`] on I/O errors.
    pub fn open(dir: DataDir, options: EngineOptions) -> Result<Self, EngineError> {
        let mut token_secret = [0; 32];
        getrandom::fill(&mut token_secret).map_err(std::io::Error::from)?;
        let install = Install {
            canister_id: options.canister_id,
            controllers: options.controllers.clone(),
            token_secret,
            heap_bytes_max: options.heap_bytes_max,
            quotas: options.quotas,
        };
        Self::open_with(dir, options, Arc::new(Keepsake { install }))
    }

    fn open_with(
        dir: DataDir,
        options: EngineOptions,
        application: Arc<dyn Application>,
    ) -> Result<Self, EngineError> {
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
        let heap = HeapFile::open(&dir.heap_path(), options.reserve_bytes)?;
        data_dir::sync_dir(dir.path())?;
        let epochs = Epochs::new(records.snapshot()?.state().epoch);
        let limits =
            QueueLimits { messages_max: options.queue_messages_max, bytes_max: options.queue_bytes_max };
        let shared = Shared {
            records: Arc::new(records),
            heap: Arc::new(heap),
            epochs,
            mailbox: Arc::new(Mailbox::new(limits)),
        };
        let readers = Readers {
            shared: shared.clone(),
            application: Arc::clone(&application),
            clock: options.clock.clone(),
            admitted: Arc::new(Semaphore::new(options.queries_max)),
            running: Arc::new(Semaphore::new(options.queries_running_max)),
        };
        let clock = options.clock.clone();
        let threads = start_threads(&shared, application, options)?;
        Ok(Self { inner: Arc::new(Inner { readers, clock, threads: Mutex::new(threads), dir }) })
    }

    /// Executes `message` and resolves when its outcome is durable. A message whose request id is known,
    /// on its way or recorded, is not executed again: its own outcome comes back. Dropping the future
    /// does not take the message back.
    ///
    /// # Errors
    /// [`EngineError`] when the message was not taken or did not run.
    pub async fn update(&self, message: UpdateMessage) -> Result<RequestStatus, EngineError> {
        let mut outcome = self.mailbox().submit(message)?;
        let finished = outcome.wait_for(Option::is_some).await.map_err(|_| EngineError::ShuttingDown)?;
        match &*finished {
            Some(Ok(status)) => Ok(status.clone()),
            Some(Err(unfinished)) => Err(unfinished.clone().into()),
            None => unreachable!("waited for an outcome"),
        }
    }

    /// Queues `message` without waiting; [`Self::request_status`] tells how it goes.
    ///
    /// # Errors
    /// [`EngineError`] when the message is not taken.
    pub fn submit(&self, message: UpdateMessage) -> Result<(), EngineError> {
        self.mailbox().submit(message).map(drop)
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
        let recorded = self.inner.readers.shared.records.request(id)?;
        // What finished between the two looks is recorded; what did not is unknown.
        Ok(recorded.map(|request| (request.caller, request.status)))
    }

    /// Runs a query on the newest durable state.
    ///
    /// # Errors
    /// [`Rejection`] when there is no such query, its arguments do not decode, or the node cannot run it.
    pub async fn query(&self, caller: Principal, method: String, arg: Vec<u8>) -> Result<Vec<u8>, Rejection> {
        self.inner.readers.query(caller, method, arg).await
    }

    /// Answers a request for an asset; the body streams from disk.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read. A refusal by the service is an answer, not an error.
    pub async fn asset(&self, request: AssetRequest) -> Result<AssetStream, EngineError> {
        self.inner.readers.asset(request).await
    }

    /// Finishes the queue, refuses new messages and returns when everything is on disk. Queries go on
    /// until the engine is dropped.
    pub async fn shutdown(&self) {
        self.mailbox().drain();
        let inner = Arc::clone(&self.inner);
        // Joining blocks for as long as the queue takes.
        tokio::task::spawn_blocking(move || inner.join()).await.ok();
    }

    /// The engine's time, ns since 1970; never goes backwards.
    pub fn now_ns(&self) -> u64 {
        self.inner.clock.now_ns()
    }

    /// The data directory, for the other files in it.
    pub fn dir(&self) -> &DataDir {
        &self.inner.dir
    }

    fn mailbox(&self) -> &Mailbox {
        &self.inner.readers.shared.mailbox
    }
}

impl Inner {
    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            thread.join().ok();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.shared.mailbox.abandon();
        self.join();
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
