//! The one thread that executes messages.
//!
//! Owns the running program, the batch being assembled and the rollback of messages and batches. Does not
//! sync or commit (see [`crate::engine::committer`]).
//!
//! While batch k is on its way to disk, the writer executes batch k + 1 on top of it. As soon as the
//! committer is free the batch goes out, so a batch is as large as the disk makes it: group commit without
//! a timer. When batch k is lost, so is batch k + 1, and all their messages are answered alike.

use crate::engine::application::{Application, Writing};
use crate::engine::clock::Clock;
use crate::engine::committer::{CommitResult, Job, Shared};
use crate::engine::mailbox::{Next, Ready};
use crate::engine::message::{
    EngineError, Rejection, RequestId, RequestStatus, Unfinished, UpdateMessage, resource_exhausted,
};
use crate::engine::options::EngineOptions;
use crate::storage::fault::{StorageError, panic_text};
use crate::storage::heap_memory::WriterHeap;
use crate::storage::pages::WriterPages;
use crate::storage::records::{Commit, Committed};
use crate::storage::requests::RecordedRequest;
use ic_stable_structures::Memory;
use keepsake_service::{Call, Event, Principal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// A status is kept at least this long after the message ran, for clients that poll: five minutes, as
/// long as an ingress message may live on the IC.
const STATUS_KEPT_NS: u64 = 300_000_000_000;
/// Pause before the next slice when housekeeping has more to do, so that messages get their turn.
const TICK_AGAIN: Duration = Duration::from_millis(20);

/// How a piece of guarded work went wrong.
enum Fault {
    Storage(StorageError),
    Panic(String),
}

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
    batch_changed: bool,
    in_flight: Option<Vec<RequestId>>,
    /// Reading failed: the records must be opened again before anything else runs.
    damaged: Option<StorageError>,
    tick_at: Instant,
}

#[derive(Clone, Copy)]
struct Limits {
    batch_messages_max: usize,
    batch_bytes_max: usize,
    tick_interval: Duration,
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
        let heap = WriterHeap::new(Arc::clone(&shared.heap), snapshot.state().heap_pages);
        let pages = WriterPages::new(snapshot, options.page_cache_bytes);
        let program = match guarded(|| application.open(pages.clone(), heap.clone())) {
            Ok(program) => program?,
            Err(Fault::Storage(error)) => return Err(error.into()),
            Err(Fault::Panic(text)) => return Err(EngineError::Stopped(text.into())),
        };
        let mut writer = Self {
            shared,
            application,
            limits: Limits {
                batch_messages_max: options.batch_messages_max.max(1),
                batch_bytes_max: options.batch_bytes_max,
                tick_interval: options.tick_interval,
            },
            clock: options.clock.clone(),
            jobs,
            results,
            pages,
            heap,
            program,
            batch: Vec::new(),
            batch_changed: false,
            in_flight: None,
            damaged: None,
            tick_at: Instant::now() + options.tick_interval,
        };
        writer.commit_opening()?;
        Ok(writer)
    }

    fn commit_opening(&mut self) -> Result<(), EngineError> {
        self.keep();
        self.hand_over();
        if self.in_flight.take().is_none() {
            return Ok(());
        }
        let ready = Ready { room: false, committing: true, tick_at: self.tick_at };
        let done = self.shared.mailbox.next(ready);
        debug_assert!(matches!(done, Next::CommitDone), "nothing else can happen without room");
        match self.results.recv() {
            Ok(CommitResult::Durable) => self.pages.committed(self.shared.records.snapshot()?),
            Ok(CommitResult::Lost(error)) => return Err(error.into()),
            Ok(CommitResult::Unknown(why)) => return Err(EngineError::Stopped(why.into())),
            Err(_) => return Err(EngineError::Stopped("the commit thread ended".into())),
        }
        Ok(())
    }

    /// Executes until told to stop; says why when it stops because of a fault.
    pub(crate) fn run(mut self) -> Result<(), String> {
        loop {
            let ready =
                Ready { room: self.has_room(), committing: self.in_flight.is_some(), tick_at: self.tick_at };
            match self.shared.mailbox.next(ready) {
                Next::CommitDone => self.absorb()?,
                Next::Message(message) => self.execute(message)?,
                Next::Tick => self.tick()?,
                Next::Stop => return Ok(()),
            }
            if self.in_flight.is_none() {
                self.repair()?;
                self.hand_over();
            }
        }
    }

    fn has_room(&self) -> bool {
        self.damaged.is_none()
            && self.batch.len() < self.limits.batch_messages_max
            && self.pages.batch_bytes() < self.limits.batch_bytes_max
    }

    fn call(&self, caller: Principal) -> Call {
        let durable = self.shared.epochs.durable();
        Call {
            caller,
            now_ns: self.clock.now_ns(),
            epoch: durable + 1 + u64::from(self.in_flight.is_some()),
            reusable_through: self.shared.epochs.reusable_through(),
        }
    }

    fn execute(&mut self, message: UpdateMessage) -> Result<(), String> {
        let call = self.call(message.caller);
        if message.ingress_expiry_ns < call.now_ns {
            self.shared.mailbox.give_up(&message.request_id, Unfinished::Expired);
            return Ok(());
        }
        match self.shared.records.request(&message.request_id) {
            Ok(None) => {}
            Ok(Some(recorded)) => {
                self.shared.mailbox.finish(&[(message.request_id, recorded)]);
                return Ok(());
            }
            Err(error) => return self.answer_fault(&message, &call, Fault::Storage(error)),
        }
        let UpdateMessage { method, arg, .. } = &message;
        match guarded(|| self.program.update(&call, method, arg)) {
            Ok(Ok(reply)) => {
                log_events(&reply.events);
                self.keep();
                self.record(&message, &call, RequestStatus::Replied(reply.bytes));
            }
            Ok(Err(reject)) => {
                // It never reached a rule, so there is nothing to keep.
                self.forget();
                self.record(&message, &call, RequestStatus::Rejected(reject.into()));
            }
            Err(fault) => return self.answer_fault(&message, &call, fault),
        }
        Ok(())
    }

    /// Rolls the message back and answers it.
    fn answer_fault(&mut self, message: &UpdateMessage, call: &Call, fault: Fault) -> Result<(), String> {
        let status = match fault {
            Fault::Panic(text) => {
                tracing::error!(method = %message.method, panic = %text, "a message panicked and was rolled back");
                RequestStatus::Rejected(Rejection::trapped())
            }
            Fault::Storage(error) => {
                tracing::warn!(method = %message.method, %error, "a message was rolled back");
                let status = status_of(&error);
                if !error.is_full() {
                    self.damaged = Some(error);
                }
                status
            }
        };
        self.forget();
        if self.damaged.is_some() {
            self.shared.mailbox.finish_unrecorded(&message.request_id, &status);
            return Ok(());
        }
        self.record(message, call, status);
        self.reopen_program()
    }

    fn record(&mut self, message: &UpdateMessage, call: &Call, status: RequestStatus) {
        let keep_until_ns = message.ingress_expiry_ns.max(call.now_ns.saturating_add(STATUS_KEPT_NS));
        let request = RecordedRequest { keep_until_ns, caller: message.caller, status };
        self.batch.push((message.request_id, request));
    }

    fn keep(&mut self) {
        self.batch_changed |= self.pages.keep_message();
        self.batch_changed |= self.heap.keep_message();
    }

    fn forget(&self) {
        self.pages.drop_message();
        self.heap.drop_message();
    }

    fn tick(&mut self) -> Result<(), String> {
        let call = self.call(Principal::anonymous());
        match guarded(|| self.program.tick(&call)) {
            Ok(tick) => {
                self.keep();
                if tick.sessions_evicted + tick.blobs_collected > 0 {
                    tracing::info!(tick.sessions_evicted, tick.blobs_collected, "housekeeping");
                }
                let pause = if tick.more { TICK_AGAIN } else { self.limits.tick_interval };
                self.tick_at = Instant::now() + pause;
                Ok(())
            }
            Err(fault) => {
                self.tick_at = Instant::now() + self.limits.tick_interval;
                self.forget();
                match fault {
                    Fault::Panic(text) => {
                        tracing::error!(panic = %text, "housekeeping panicked and was rolled back")
                    }
                    Fault::Storage(error) => {
                        tracing::warn!(%error, "housekeeping was rolled back");
                        self.damaged = Some(error).filter(|error| !error.is_full());
                    }
                }
                if self.damaged.is_some() { Ok(()) } else { self.reopen_program() }
            }
        }
    }

    /// After a rollback the program's own memory may be ahead of its pages.
    fn reopen_program(&mut self) -> Result<(), String> {
        match guarded(|| self.application.open(self.pages.clone(), self.heap.clone())) {
            Ok(Ok(program)) => {
                self.program = program;
                self.keep();
                Ok(())
            }
            Ok(Err(error)) => Err(format!("the store does not open after a rollback: {error}")),
            Err(Fault::Storage(error)) => {
                self.forget();
                self.damaged = Some(error);
                Ok(())
            }
            Err(Fault::Panic(text)) => Err(format!("the store does not open after a rollback: {text}")),
        }
    }

    /// Sends the batch to the committer, if there is one to send.
    fn hand_over(&mut self) {
        if self.batch.is_empty() && !self.batch_changed {
            return;
        }
        let requests = std::mem::take(&mut self.batch);
        self.batch_changed = false;
        self.in_flight = Some(requests.iter().map(|(id, _)| *id).collect());
        let state = Committed {
            epoch: self.shared.epochs.durable() + 1,
            records_pages: self.pages.size(),
            heap_pages: self.heap.size(),
        };
        let commit = Commit { state, pages: self.pages.take_batch(), requests, now_ns: self.clock.now_ns() };
        let job = Job { commit, heap_wrote: self.heap.take_wrote() };
        self.jobs.send(job).expect("the commit thread lives as long as the writer");
    }

    /// Takes in what became of the batch in flight.
    fn absorb(&mut self) -> Result<(), String> {
        let result = self.results.recv().map_err(|_| "the commit thread ended".to_owned())?;
        let in_flight = self.in_flight.take().unwrap_or_default();
        match result {
            CommitResult::Durable => match self.shared.records.snapshot() {
                Ok(snapshot) => self.pages.committed(snapshot),
                Err(error) => self.damaged = Some(error),
            },
            CommitResult::Lost(error) => self.lose(&in_flight, &error)?,
            CommitResult::Unknown(why) => return Err(why),
        }
        Ok(())
    }

    /// Opens the records again after a failed read; the batch on top of it is lost.
    fn repair(&mut self) -> Result<(), String> {
        let Some(error) = self.damaged.take() else { return Ok(()) };
        let found = self.shared.records.reopen().map_err(|error| error.to_string())?;
        let durable = self.shared.epochs.durable();
        if found.epoch != durable {
            return Err(format!("the records went from commit {durable} to {}", found.epoch));
        }
        self.lose(&[], &error)
    }

    /// Goes back to the last durable commit and answers every message after it.
    fn lose(&mut self, in_flight: &[RequestId], error: &StorageError) -> Result<(), String> {
        tracing::warn!(%error, messages = in_flight.len() + self.batch.len(), "messages were rolled back");
        let snapshot = self.shared.records.snapshot().map_err(|error| error.to_string())?;
        self.heap.reset(snapshot.state().heap_pages);
        self.pages.reset(snapshot);
        self.batch_changed = false;
        let status = status_of(error);
        let batch = std::mem::take(&mut self.batch);
        for id in in_flight.iter().chain(batch.iter().map(|(id, _)| id)) {
            self.shared.mailbox.finish_unrecorded(id, &status);
        }
        self.reopen_program()
    }
}

fn status_of(error: &StorageError) -> RequestStatus {
    if error.is_full() {
        RequestStatus::Replied(resource_exhausted())
    } else {
        RequestStatus::Rejected(Rejection::storage_failed())
    }
}

/// Runs `work`, which may unwind. Safe to go on after: the caller drops the overlay and the program.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| match StorageError::caught(payload) {
        Ok(error) => Fault::Storage(error),
        Err(payload) => Fault::Panic(panic_text(&*payload).to_owned()),
    })
}

fn log_events(events: &[Event]) {
    for event in events {
        match event {
            Event::ChunkPut(_) => tracing::debug!(?event, "session"),
            _ => tracing::info!(?event, "session"),
        }
    }
}
