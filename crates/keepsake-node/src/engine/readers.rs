//! Queries and asset requests, in parallel, each on the newest durable view.
//!
//! Owns their threads; changes nothing. Whose turn it is, and how many may wait, is the queue's.
//!
//! Each thread keeps the program that it opened over a commit and uses it again while that commit is the newest. A
//! thread that waits holds no view, so it keeps nothing from being reused.

use crate::admission::Peer;
use crate::engine::application::{Application, Reading};
use crate::engine::asset_stream::{BLOCK_BYTES, HeapPlan, PlannedBody, read_parts};
use crate::engine::clock::Clock;
use crate::engine::committer::Shared;
use crate::engine::fair_queue::FairQueue;
use crate::engine::guard::{Fault, guarded};
use crate::engine::message::{EngineError, Rejection};
use crate::storage::fault::StorageError;
use crate::storage::heap_memory::SnapshotHeap;
use crate::storage::snapshot::SnapshotMemory;
use crate::storage::views::View;
use keepsake_service::http::preview::Preview;
use keepsake_service::http::{AssetBody, AssetRequest, AssetResponse, BlobPlace, BlobRange, ObjectRange};
use keepsake_service::{Call, Principal, Reject, TicketKey, USAGE};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a reader tries, and the pause between, when the records are being opened again.
const ATTEMPTS: u32 = 4;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce(&mut Reader) + Send>;

/// Hands work to the reader threads. They end when this is dropped.
pub(crate) struct Readers {
    jobs: Arc<FairQueue<Job>>,
}

impl Readers {
    /// Starts `threads` threads; `waiting_max` jobs may wait.
    pub(crate) fn start(
        reader: impl Fn() -> Reader + Send + Clone + 'static,
        threads: usize,
        waiting_max: usize,
    ) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let readers = Self { jobs: Arc::new(FairQueue::new(waiting_max)) };
        let threads = (0..threads.max(1)).map(|_| {
            let (reader, jobs) = (reader.clone(), Arc::clone(&readers.jobs));
            let name = "keepsake-read".to_owned();
            std::thread::Builder::new().name(name).spawn(move || serve(reader(), &jobs))
        });
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        Ok((readers, threads))
    }

    /// Runs `work` on a reader thread, when it is the turn of `asker`.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] without a place, [`EngineError::Trapped`] when `work` panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        asker: Option<Peer>,
        work: impl FnOnce(&mut Reader) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        self.hand_over(asker, work)?.await.map_err(|_| EngineError::Trapped)
    }

    /// Hands `work` over; its answer comes when it was the turn of `asker` and a thread has run it.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] without a place. The answer never comes when `work` panicked.
    pub(crate) fn hand_over<T: Send + 'static>(
        &self,
        asker: Option<Peer>,
        work: impl FnOnce(&mut Reader) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, EngineError> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |reader| {
            // Nobody may wait for it any more.
            if !done.is_closed() {
                done.send(work(reader)).ok();
            }
        });
        self.jobs.push(asker, job)?;
        Ok(answer)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs.close();
    }
}

fn serve(mut reader: Reader, jobs: &FairQueue<Job>) {
    while let Some(job) = jobs.pop() {
        if let Err(fault) = guarded(|| job(&mut reader)) {
            tracing::error!(?fault, "a reader's work panicked");
            reader.opened = None;
        }
    }
}

/// One reader thread's means.
pub(crate) struct Reader {
    shared: Shared,
    application: Arc<dyn Application>,
    clock: Clock,
    opened: Option<Opened>,
}

struct Opened {
    epoch: u64,
    memory: SnapshotMemory,
    program: Box<dyn Reading>,
}

/// The answer to an asset request; what is large is still to be read.
pub(crate) struct Planned {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The commit that it was planned on.
    pub(crate) epoch: u64,
    pub(crate) body: PlannedBody,
}

/// What a query for bytes finds.
pub(crate) enum Looked {
    /// Its answer.
    Here(Vec<u8>),
    /// They are in the bucket.
    Elsewhere(ObjectRange),
}

/// Why a reader has no answer.
#[derive(Debug)]
enum ReadFault {
    Storage(StorageError),
    Trapped,
}

impl Reader {
    pub(crate) fn new(shared: Shared, application: Arc<dyn Application>, clock: Clock) -> Self {
        Self { shared, application, clock, opened: None }
    }

    /// Runs a query on the newest durable state.
    ///
    /// # Errors
    /// [`Rejection`] when there is no such query, its arguments do not decode, or the node cannot run it.
    pub(crate) fn query(
        &mut self,
        caller: Principal,
        method: &str,
        arg: &[u8],
    ) -> Result<Vec<u8>, Rejection> {
        // Three calls to the operating system, for the one query whose answer it is.
        let room = if method == USAGE { self.shared.space.room().ok() } else { None };
        let room_bytes = room.map_or(u64::MAX, |room| room.heap);
        let reply = |program: &dyn Reading, call: &Call| {
            program.query(&Call { room_bytes, ..*call }, method, arg).map(|reply| reply.bytes)
        };
        self.answer(caller, reply)
    }

    /// As [`Self::query`], of one that asks for bytes: where they lie in the bucket, if they do. Both are of one view, as the bytes
    /// may move there between two.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub(crate) fn query_for_bytes(
        &mut self,
        caller: Principal,
        method: &str,
        arg: &[u8],
    ) -> Result<Looked, Rejection> {
        let look = |program: &dyn Reading, call: &Call| match program.elsewhere(call, method, arg) {
            Some(object) => Ok(Looked::Elsewhere(object)),
            None => program.query(call, method, arg).map(|reply| Looked::Here(reply.bytes)),
        };
        self.answer(caller, look)
    }

    /// Runs what answers a query.
    fn answer<T>(
        &mut self,
        caller: Principal,
        work: impl Fn(&dyn Reading, &Call) -> Result<T, Reject>,
    ) -> Result<T, Rejection> {
        match self.read(caller, work) {
            Ok((answer, _)) => answer.map_err(Into::into),
            Err(ReadFault::Storage(_)) => Err(Rejection::storage_failed()),
            Err(ReadFault::Trapped) => Err(Rejection::trapped()),
        }
    }

    /// Plans the answer to `request`, and reads it at once where it is small.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub(crate) fn asset(&mut self, request: &AssetRequest) -> Result<Planned, EngineError> {
        let (answer, view) =
            self.read(Principal::anonymous(), |program, call| program.asset(call, request))?;
        let AssetResponse { status, headers, body } = answer;
        let epoch = view.state().epoch;
        let body = match body {
            AssetBody::Bytes(bytes) => PlannedBody::Bytes(bytes),
            AssetBody::Bucket(object) => PlannedBody::Bucket(object),
            // A body of one block is read in the hop that planned it.
            AssetBody::Heap { blob, runs } if blob.len <= BLOCK_BYTES => {
                PlannedBody::Bytes(read_parts(&self.shared.heap, &runs)?)
            }
            AssetBody::Heap { blob, runs } => PlannedBody::Heap(HeapPlan { blob, runs: runs.into(), epoch }),
        };
        Ok(Planned { status, headers, epoch, body })
    }

    /// What the link at this path of an address tells.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub(crate) fn preview(&mut self, path: &str) -> Result<Option<Preview>, EngineError> {
        Ok(self.read(Principal::anonymous(), |program, call| program.preview(call, path))?.0)
    }

    /// Who may see every session.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub(crate) fn controllers(&mut self) -> Result<Vec<Principal>, EngineError> {
        Ok(self.read(Principal::anonymous(), |program, _| program.controllers())?.0)
    }

    /// Opens upload tickets, as long as the store is there.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub(crate) fn ticket_key(&mut self) -> Result<Option<TicketKey>, EngineError> {
        Ok(self.read(Principal::anonymous(), |program, _| program.ticket_key())?.0)
    }

    /// Where a stretch of a blob lies in the newest view, which keeps it there; none when the blob is gone.
    ///
    /// # Errors
    /// [`EngineError`] when the node cannot read.
    pub(crate) fn place(&mut self, range: &BlobRange) -> Result<(Option<BlobPlace>, Arc<View>), EngineError> {
        Ok(self.read(Principal::anonymous(), |program, _| program.place(range))?)
    }

    /// Runs `work`, and again when the records were closed meanwhile: a failed commit opens them anew. The view keeps
    /// the extents that the answer names.
    fn read<T>(
        &mut self,
        caller: Principal,
        work: impl Fn(&dyn Reading, &Call) -> T,
    ) -> Result<(T, Arc<View>), ReadFault> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = guarded(|| self.read_now(caller, &work)).unwrap_or_else(|fault| Err(fault.into()));
            match &self.opened {
                Some(opened) if answer.is_ok() => opened.memory.detach(),
                _ => self.opened = None,
            }
            match answer {
                Err(ReadFault::Storage(error)) if attempt < ATTEMPTS => {
                    tracing::debug!(%error, "a query reads again");
                    std::thread::sleep(ATTEMPT_PAUSE);
                }
                Err(ReadFault::Storage(error)) => {
                    tracing::warn!(%error, "a query could not read");
                    return Err(ReadFault::Storage(error));
                }
                answer => return answer,
            }
        }
    }

    fn read_now<T>(
        &mut self,
        caller: Principal,
        work: &impl Fn(&dyn Reading, &Call) -> T,
    ) -> Result<(T, Arc<View>), ReadFault> {
        let view = self.shared.views.newest().map_err(ReadFault::Storage)?;
        let epoch = view.state().epoch;
        let opened = match self.opened.take().filter(|opened| opened.epoch == epoch) {
            Some(opened) => {
                opened.memory.attach(&view);
                opened
            }
            None => self.open(&view)?,
        };
        let opened = self.opened.insert(opened);
        let now_ns = self.clock.now_ns();
        let call =
            Call { caller, now_ns, epoch, reusable_through: 0, room_bytes: u64::MAX, rows_max: u32::MAX };
        Ok((work(&*opened.program, &call), view))
    }

    fn open(&self, view: &Arc<View>) -> Result<Opened, ReadFault> {
        let state = view.state();
        let memory = SnapshotMemory::new(Arc::clone(view));
        let heap = SnapshotHeap::new(Arc::clone(&self.shared.heap), state.heap_pages);
        let program = self
            .application
            .open_snapshot(memory.clone(), heap)
            .map_err(|error| ReadFault::Storage(StorageError::Damaged(error.to_string())))?;
        Ok(Opened { epoch: state.epoch, memory, program })
    }
}

impl From<ReadFault> for EngineError {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Storage(error) => error.into(),
            ReadFault::Trapped => Self::Trapped,
        }
    }
}

impl From<Fault> for ReadFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Storage(error) => Self::Storage(error),
            Fault::Panic(text) => {
                tracing::error!(panic = %text, "a query panicked");
                Self::Trapped
            }
        }
    }
}
