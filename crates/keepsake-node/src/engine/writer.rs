//! The one thread that executes messages.
//!
//! Owns the running program and the batch being assembled. Does not sync or commit (see
//! [`crate::engine::committer`]); going back after a fault is in [`recovery`].
//!
//! While batch k is on its way to disk, the writer executes batch k + 1 on top of it. As soon as the
//! committer is free the batch goes out, so a batch is as large as the disk makes it: group commit without
//! a timer. When batch k is rolled back, so is batch k + 1, and all their messages are answered alike.

mod chunks;
mod recovery;
mod room;

use crate::engine::application::{Application, Class, Writing};
use crate::engine::clock::Clock;
use crate::engine::committer::{CommitResult, Job, Shared, commit_bytes};
use crate::engine::guard::{Fault, Halt, guarded};
use crate::engine::mailbox::{Next, Ready, Taken, Work};
use crate::engine::message::{EngineError, RequestId, RequestStatus, Unfinished, resource_exhausted};
use crate::engine::options::EngineOptions;
use crate::storage::fault::StorageError;
use crate::storage::heap_memory::WriterHeap;
use crate::storage::pages::WriterPages;
use crate::storage::records::{Commit, Committed};
use crate::storage::requests::RecordedRequest;
use crate::storage::space::Room;
use chunks::RunChunk;
use ic_stable_structures::Memory;
use keepsake_service::{Call, Event, Principal};
use room::Admission;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// A status is kept at least this long after the message ran, for clients that poll: five minutes, as
/// long as an ingress message may live on the IC.
const STATUS_KEPT_NS: u64 = 300_000_000_000;
/// Pause before the records are opened again when that did not help.
const REPAIR_PAUSE: Duration = Duration::from_millis(100);
/// Pause before the next slice when housekeeping has more to do, so that messages get their turn.
const TICK_AGAIN: Duration = Duration::from_millis(20);

/// The writer's state; lives on its own thread.
pub(crate) struct Writer {
    shared: Shared,
    application: Arc<dyn Application>,
    limits: Limits,
    clock: Clock,
    jobs: Sender<Job>,
    results: Receiver<CommitResult>,
    pages: WriterPages,
    heap: WriterHeap,
    program: Box<dyn Writing>,
    batch: Vec<(RequestId, RecordedRequest)>,
    /// Messages that saw the batch and leave no record: answered with it.
    unrecorded: Vec<(RequestId, RecordedRequest)>,
    /// Chunks of the batch that came without an envelope.
    chunks: Vec<RunChunk>,
    batch_changed: bool,
    /// The paths of the site, where a message of the batch may have changed them.
    site: Option<Vec<String>>,
    in_flight: Option<InFlight>,
    /// Disk space when the batch began; asked for by the first message that needs to know.
    room: Option<Room>,
    /// The last commit that the writer knows to be durable; the committer may be one ahead.
    durable_epoch: u64,
    /// Reading failed: the records must be opened again before anything else runs.
    damaged: Option<StorageError>,
    /// Work that met the damage, or a full disk that pruning may help, while a commit was in flight; it runs again
    /// after that.
    retry: Option<Work>,
    tick_at: Instant,
    /// Free runs before this were looked at in this round.
    given_back_from: u64,
}

/// The batch that the committer has.
#[derive(Default)]
struct InFlight {
    ids: Vec<RequestId>,
    chunks: Vec<RunChunk>,
    /// Disk space that its commit may take.
    commit_bytes: u64,
}

#[derive(Clone, Copy)]
struct Limits {
    batch_messages_max: usize,
    batch_bytes_max: usize,
    tick_interval: Duration,
    gives_back_free_runs: bool,
}

impl Writer {
    /// Opens the program and commits what opening wrote.
    pub(crate) fn open(
        shared: Shared,
        application: Arc<dyn Application>,
        options: &EngineOptions,
        jobs: Sender<Job>,
        results: Receiver<CommitResult>,
    ) -> Result<Self, EngineError> {
        let snapshot = shared.records.snapshot()?;
        let durable_epoch = snapshot.state().epoch;
        let heap = WriterHeap::new(Arc::clone(&shared.heap), snapshot.state().heap_pages);
        let pages = WriterPages::new(snapshot, options.page_cache_bytes);
        let program = guarded(|| application.open(pages.clone(), heap.clone()))??;
        shared.site.set(&guarded(|| program.site())?);
        let mut writer = Self {
            shared,
            application,
            limits: Limits {
                batch_messages_max: options.batch_messages_max.max(1),
                batch_bytes_max: options.batch_bytes_max,
                tick_interval: options.tick_interval,
                gives_back_free_runs: options.gives_back_free_runs,
            },
            clock: options.clock.clone(),
            jobs,
            results,
            pages,
            heap,
            program,
            batch: Vec::new(),
            unrecorded: Vec::new(),
            chunks: Vec::new(),
            batch_changed: false,
            site: None,
            in_flight: None,
            room: None,
            durable_epoch,
            damaged: None,
            retry: None,
            tick_at: Instant::now() + options.tick_interval,
            given_back_from: 0,
        };
        writer.commit_opening()?;
        Ok(writer)
    }

    fn commit_opening(&mut self) -> Result<(), EngineError> {
        self.commit_message();
        self.start_commit();
        if self.in_flight.take().is_none() {
            return Ok(());
        }
        let ready = Ready { room: false, committing: true, tick_at: self.tick_at };
        let done = self.shared.mailbox.next(ready);
        debug_assert!(matches!(done, Next::CommitDone), "nothing else can happen without room");
        match self.results.recv() {
            Ok(CommitResult::Durable) => {
                self.durable_epoch += 1;
                self.pages.committed(self.shared.records.snapshot()?);
            }
            Ok(CommitResult::RolledBack(error)) => return Err(error.into()),
            Ok(CommitResult::Unknown(halt)) => return Err(EngineError::Stopped(halt.to_string().into())),
            Err(_) => return Err(EngineError::Stopped(Halt::CommitterEnded.to_string().into())),
        }
        Ok(())
    }

    /// Executes until told to stop.
    ///
    /// # Errors
    /// [`Halt`] when it stops because of a fault.
    pub(crate) fn run(mut self) -> Result<(), Halt> {
        loop {
            let ready =
                Ready { room: self.has_room(), committing: self.in_flight.is_some(), tick_at: self.tick_at };
            match self.shared.mailbox.next(ready) {
                Next::CommitDone => self.finish_commit()?,
                Next::Work(work) => self.execute(work)?,
                Next::Tick => self.tick()?,
                Next::Stop => return Ok(()),
            }
            if self.in_flight.is_none() {
                self.repair()?;
                self.start_commit();
            }
            // Reading failed again, right after the repair: nothing else would wake the writer.
            while self.in_flight.is_none() && self.damaged.is_some() {
                std::thread::sleep(REPAIR_PAUSE);
                self.repair()?;
                self.start_commit();
            }
        }
    }

    fn has_room(&self) -> bool {
        self.damaged.is_none()
            && self.retry.is_none()
            && self.batch.len() + self.unrecorded.len() + self.chunks.len() < self.limits.batch_messages_max
            && self.pages.batch_bytes() < self.limits.batch_bytes_max
    }

    fn call(&mut self, caller: Principal) -> Call {
        Call {
            caller,
            now_ns: self.clock.now_ns(),
            epoch: self.durable_epoch + 1 + u64::from(self.in_flight.is_some()),
            reusable_through: self.shared.epochs.reusable_through(),
            room_bytes: self.room().heap,
            rows_max: u32::MAX,
        }
    }

    fn execute(&mut self, work: Work) -> Result<(), Halt> {
        match work {
            Work::Message(taken) => self.execute_message(taken),
            Work::Chunk(queued) => self.execute_chunk(queued),
        }
    }

    fn execute_message(&mut self, taken: Taken) -> Result<(), Halt> {
        let call = self.call(taken.message.caller);
        if taken.message.ingress_expiry_ns < call.now_ns {
            self.shared.mailbox.fail(&taken.message.request_id, Unfinished::Expired);
            return Ok(());
        }
        if taken.may_be_recorded {
            match self.shared.records.request(&taken.message.request_id) {
                Ok(None) => {}
                Ok(Some(recorded)) => {
                    self.shared.mailbox.finish_again(&taken.message.request_id, &recorded.status);
                    return Ok(());
                }
                Err(error) => return self.rollback(taken, &call, Fault::Storage(error)),
            }
        }
        match self.admit(taken.class == Class::Update && taken.is_recorded()) {
            Admission::Run => self.run_message(taken, &call),
            Admission::Refuse => {
                self.leave_unrecorded(&taken, &call, RequestStatus::Replied(resource_exhausted()));
                Ok(())
            }
            Admission::Later => {
                self.retry = Some(Work::Message(taken));
                Ok(())
            }
        }
    }

    fn run_message(&mut self, taken: Taken, call: &Call) -> Result<(), Halt> {
        if taken.class == Class::Freeing {
            self.bound_freeing();
        }
        let message = &taken.message;
        let run = || {
            let reply = self.program.update(call, &message.method, &message.arg);
            (reply, self.program.site_after(&message.method))
        };
        match guarded(run) {
            Ok((Ok(reply), site)) => {
                let status = RequestStatus::Replied(reply.bytes);
                if !taken.is_recorded() {
                    self.leave_unrecorded(&taken, call, status);
                    return self.undo_unrecorded();
                }
                if !self.result_has_room(taken.class) {
                    let full = StorageError::Full("too little disk space is left for more records".into());
                    return self.rollback(taken, call, Fault::Storage(full));
                }
                reply.events.iter().for_each(log_event);
                self.commit_message();
                self.site = site.or(self.site.take());
                self.record(&taken, call, status);
            }
            Ok((Err(reject), _)) => {
                // It never reached a rule: there is nothing to keep, and it would end so again.
                self.rollback_message();
                self.leave_unrecorded(&taken, call, RequestStatus::Rejected(reject.into()));
            }
            Err(Fault::Storage(StorageError::TooManyPages(most))) => {
                return self.run_smaller(taken, call, most);
            }
            Err(fault) => return self.rollback(taken, call, fault),
        }
        Ok(())
    }

    fn record(&mut self, taken: &Taken, call: &Call, status: RequestStatus) {
        let (id, mut request) = answer(taken, call, status);
        request.as_done = !self.shared.mailbox.take_room(&id, request.answer_bytes());
        self.batch.push((id, request));
    }

    /// Answers with the batch that the message saw, and keeps no durable record.
    fn leave_unrecorded(&mut self, taken: &Taken, call: &Call, status: RequestStatus) {
        self.unrecorded.push(answer(taken, call, status));
    }

    /// A message without a record may run twice: whatever it changed is dropped.
    fn undo_unrecorded(&mut self) -> Result<(), Halt> {
        let changed = self.pages.message_pages() > 0;
        self.rollback_message();
        if changed { self.reopen_program() } else { Ok(()) }
    }

    fn commit_message(&mut self) {
        self.batch_changed |= self.pages.commit_message();
        self.batch_changed |= self.heap.commit_message();
    }

    fn rollback_message(&self) {
        self.pages.rollback_message();
        self.heap.rollback_message();
    }

    fn tick(&mut self) -> Result<(), Halt> {
        self.tick_at = Instant::now() + self.limits.tick_interval;
        self.tend_disk();
        if self.damaged.is_some() {
            return Ok(());
        }
        let mut call = Call { now_ns: self.clock.expiry_ns(), ..self.call(Principal::anonymous()) };
        let tick = loop {
            self.bound_freeing();
            match guarded(|| self.program.tick(&call)) {
                Ok(tick) => break tick,
                Err(Fault::Storage(StorageError::TooManyPages(most))) => {
                    match self.smaller_tick(&call, most)? {
                        Some(smaller) => call = smaller,
                        None => return Ok(()),
                    }
                }
                Err(fault) => return self.rollback_tick(fault),
            }
        };
        self.commit_message();
        if tick.sessions_evicted + tick.blobs_collected > 0 {
            tracing::info!(tick.sessions_evicted, tick.blobs_collected, "housekeeping");
        }
        if tick.more {
            self.tick_at = Instant::now() + TICK_AGAIN;
        }
        Ok(())
    }

    /// Sends the batch to the committer, if there is one to send.
    fn start_commit(&mut self) {
        let unrecorded = std::mem::take(&mut self.unrecorded);
        let chunks = std::mem::take(&mut self.chunks);
        self.room = None;
        if self.batch.is_empty() && !self.batch_changed {
            // All that they saw is durable.
            for (id, request) in unrecorded {
                self.shared.mailbox.finish_unrecorded(&id, &request.status, request.keep_until_ns);
            }
            chunks.into_iter().for_each(RunChunk::answer);
            return;
        }
        let requests = std::mem::take(&mut self.batch);
        self.batch_changed = false;
        self.in_flight = Some(InFlight {
            ids: requests.iter().chain(&unrecorded).map(|(id, _)| *id).collect(),
            chunks,
            commit_bytes: commit_bytes(self.pages.batch_pages(), requests.len()),
        });
        let state = Committed {
            epoch: self.durable_epoch + 1,
            records_pages: self.pages.size(),
            heap_pages: self.heap.size(),
        };
        let commit =
            Commit { state, pages: self.pages.take_batch(), requests, now_ns: self.clock.expiry_ns() };
        let (heap_wrote, site) = (self.heap.take_wrote(), self.site.take());
        let job = Job { commit, unrecorded, heap_wrote, site };
        self.jobs.send(job).expect("the commit thread lives as long as the writer");
    }
}

impl From<Fault> for EngineError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Storage(error) => error.into(),
            Fault::Panic(text) => Self::Stopped(text.into()),
        }
    }
}

fn answer(taken: &Taken, call: &Call, status: RequestStatus) -> (RequestId, RecordedRequest) {
    let message = &taken.message;
    let keep_until_ns = message.ingress_expiry_ns.max(call.now_ns.saturating_add(STATUS_KEPT_NS));
    (message.request_id, RecordedRequest { keep_until_ns, caller: message.caller, status, as_done: false })
}

fn log_event(event: &Event) {
    if let Event::ChunkPut(_) = event {
        tracing::debug!(?event, "session");
    } else {
        tracing::info!(?event, "session");
    }
}
