//! Where callers, writer and committer meet: the queue, the messages on their way and who waits for them.
//!
//! Owns the bound of the queue, duplicates and shutdown; executes nothing and touches no file.

use crate::engine::answers::Answers;
use crate::engine::application::Class;
use crate::engine::ledger::{AnswerLimits, Ledger};
use crate::engine::message::{
    ChunkMessage, EngineError, RequestId, RequestStatus, Unfinished, UpdateMessage,
};
use crate::storage::requests::{Pruned, RecordedRequest, Row};
use keepsake_service::Principal;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// How a message that was taken ended; `None` while it is on its way.
pub(crate) type Outcome = Option<Result<RequestStatus, Unfinished>>;

struct Pending {
    caller: Principal,
    /// It has a place among the recorded answers.
    is_recorded: bool,
    /// What its answer has taken of the room for long ones.
    long_bytes: u64,
    outcome: watch::Sender<Outcome>,
}

enum Queued {
    Message(UpdateMessage, Class),
    Chunk(QueuedChunk),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Finish the queue, then stop.
    Draining,
    /// Stop now; what is not durable never happened.
    Abandoned,
    Stopped(Arc<str>),
}

struct State {
    phase: Phase,
    queue: VecDeque<Queued>,
    /// Everything taken and not yet finished: queued, in the batch, in flight.
    pending: HashMap<RequestId, Pending>,
    /// Answers that nobody records.
    answers: Answers,
    /// Places of those that are recorded.
    ledger: Ledger,
    /// Until when the oldest recorded answer is kept, ns since 1970; `None` where there is none.
    oldest_ns: Option<u64>,
    commit_done: bool,
}

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) messages_max: usize,
    pub(crate) answers: AnswerLimits,
}

/// The meeting place. Shared by reference between threads.
pub(crate) struct Mailbox {
    limits: QueueLimits,
    state: Mutex<State>,
    changed: Condvar,
}

/// What the writer can do now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The batch has room for a message.
    pub(crate) room: bool,
    /// A commit is in flight.
    pub(crate) committing: bool,
    /// When housekeeping is due.
    pub(crate) tick_at: Instant,
}

/// A message whose turn it is.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) message: UpdateMessage,
    pub(crate) class: Class,
    /// Its id may be among the recorded ones.
    pub(crate) may_be_recorded: bool,
}

/// A chunk that waits for its turn, and who waits for it: nobody else asks how it ended. Where it does not run, this is
/// dropped.
#[derive(Debug)]
pub(crate) struct QueuedChunk {
    pub(crate) chunk: ChunkMessage,
    pub(crate) outcome: oneshot::Sender<RequestStatus>,
}

/// What the writer executes.
#[derive(Debug)]
pub(crate) enum Work {
    Message(Taken),
    Chunk(QueuedChunk),
}

impl Taken {
    /// Whether its answer is recorded: it may change something, and somebody sent it.
    pub(crate) fn is_recorded(&self) -> bool {
        is_recorded(self.class, &self.message.caller)
    }
}

fn is_recorded(class: Class, caller: &Principal) -> bool {
    matches!(class, Class::Update | Class::Freeing) && *caller != Principal::anonymous()
}

/// What the writer should do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// The commit in flight ended.
    CommitDone,
    Work(Work),
    Tick,
    Stop,
}

impl Phase {
    /// Why nothing more is taken, if so.
    fn takes_nothing(&self) -> Option<EngineError> {
        match self {
            Self::Open => None,
            Self::Draining | Self::Abandoned => Some(EngineError::ShuttingDown),
            Self::Stopped(why) => Some(EngineError::Stopped(Arc::clone(why))),
        }
    }
}

impl State {
    /// A message that ends without a record of its own gives its place back.
    fn take_pending(&mut self, id: &RequestId) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        if pending.is_recorded {
            self.ledger.release(pending.caller, pending.long_bytes);
        }
        Some(pending)
    }
}

impl Mailbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let state = State {
            phase: Phase::Open,
            queue: VecDeque::new(),
            pending: HashMap::new(),
            answers: Answers::default(),
            ledger: Ledger::new(limits.answers),
            oldest_ns: None,
            commit_done: false,
        };
        Self { limits, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Queues `message`, or joins the same message that is on its way.
    ///
    /// # Errors
    /// [`EngineError`] when there is no room for it or its answer, or the engine stops.
    pub(crate) fn submit(
        &self,
        message: UpdateMessage,
        class: Class,
    ) -> Result<watch::Receiver<Outcome>, EngineError> {
        let state = &mut *self.lock();
        if let Some(why) = state.phase.takes_nothing() {
            return Err(why);
        }
        if let Some(pending) = state.pending.get(&message.request_id) {
            return Ok(pending.outcome.subscribe());
        }
        if let Some((_, status)) = state.answers.find(&message.request_id) {
            return Ok(watch::channel(Some(Ok(status))).1);
        }
        self.require_place(state)?;
        let is_recorded = is_recorded(class, &message.caller);
        if is_recorded && !state.ledger.may_hold(&message.request_id) {
            state.ledger.reserve(message.caller, class == Class::Freeing)?;
        } else if is_recorded {
            // Most likely a replay, which takes no place of its own.
            state.ledger.reserve(message.caller, true)?;
        }
        let (outcome, receiver) = watch::channel(None);
        let pending = Pending { caller: message.caller, is_recorded, long_bytes: 0, outcome };
        state.pending.insert(message.request_id, pending);
        state.queue.push_back(Queued::Message(message, class));
        self.changed.notify_all();
        Ok(receiver)
    }

    /// Queues a chunk. Where it does not run, the answer never comes: [`Self::why_unfinished`] says why.
    ///
    /// # Errors
    /// [`EngineError`] when there is no room for it, or the engine stops.
    pub(crate) fn submit_chunk(
        &self,
        chunk: ChunkMessage,
    ) -> Result<oneshot::Receiver<RequestStatus>, EngineError> {
        let state = &mut *self.lock();
        if let Some(why) = state.phase.takes_nothing() {
            return Err(why);
        }
        self.require_place(state)?;
        let (outcome, receiver) = oneshot::channel();
        state.queue.push_back(Queued::Chunk(QueuedChunk { chunk, outcome }));
        self.changed.notify_all();
        Ok(receiver)
    }

    /// Why a chunk that was queued was not answered.
    pub(crate) fn why_unfinished(&self) -> EngineError {
        self.lock().phase.takes_nothing().unwrap_or(EngineError::ShuttingDown)
    }

    fn require_place(&self, state: &State) -> Result<(), EngineError> {
        let is_full = state.queue.len() >= self.limits.messages_max.max(1);
        if is_full { Err(EngineError::Overloaded) } else { Ok(()) }
    }

    /// The status of a message that is on its way or could not be recorded.
    pub(crate) fn status(&self, id: &RequestId) -> Option<(Principal, RequestStatus)> {
        let state = self.lock();
        let pending = state.pending.get(id).map(|pending| (pending.caller, RequestStatus::Processing));
        pending.or_else(|| state.answers.find(id))
    }

    /// Waits until the writer has something to do.
    pub(crate) fn next(&self, ready: Ready) -> Next {
        let mut state = self.lock();
        loop {
            if std::mem::take(&mut state.commit_done) {
                return Next::CommitDone;
            }
            let may_run = match state.phase {
                Phase::Open => true,
                Phase::Draining => !state.queue.is_empty(),
                Phase::Abandoned | Phase::Stopped(_) => false,
            };
            if !may_run && !ready.committing {
                return Next::Stop;
            }
            let now = Instant::now();
            if may_run && ready.room {
                if state.phase == Phase::Open && ready.tick_at <= now {
                    return Next::Tick;
                }
                match state.queue.pop_front() {
                    Some(Queued::Message(message, class)) => {
                        let may_be_recorded = state.ledger.may_hold(&message.request_id);
                        return Next::Work(Work::Message(Taken { message, class, may_be_recorded }));
                    }
                    Some(Queued::Chunk(queued)) => return Next::Work(Work::Chunk(queued)),
                    None => {}
                }
            }
            let until_tick = ready.tick_at.saturating_duration_since(now);
            state = if may_run && ready.room && state.phase == Phase::Open {
                self.changed.wait_timeout(state, until_tick).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// Takes room for the answer of a message that is about to be recorded. False where there is none: then only that it was
    /// executed is.
    pub(crate) fn take_room(&self, id: &RequestId, answer_bytes: usize) -> bool {
        let state = &mut *self.lock();
        let Some(pending) = state.pending.get_mut(id) else { return false };
        let taken = state.ledger.take_room(pending.caller, answer_bytes);
        pending.long_bytes += taken.unwrap_or_default();
        taken.is_some()
    }

    /// The committer finished, one way or the other.
    pub(crate) fn commit_done(&self) {
        self.lock().commit_done = true;
        self.changed.notify_all();
    }

    /// Answers messages that were recorded durably just now.
    pub(crate) fn finish<'a>(&self, requests: impl IntoIterator<Item = &'a (RequestId, RecordedRequest)>) {
        let state = &mut *self.lock();
        for (id, request) in requests {
            let row = request.row(*id);
            state.oldest_ns = Some(
                state.oldest_ns.map_or(request.keep_until_ns, |oldest| oldest.min(request.keep_until_ns)),
            );
            match state.pending.remove(id) {
                Some(pending) => {
                    state.ledger.recorded(&row);
                    pending.outcome.send_replace(Some(Ok(request.status.clone())));
                }
                None => state.ledger.insert(&row),
            }
            if request.as_done {
                let (status, until) = (request.status.clone(), request.keep_until_ns);
                state.answers.insert(*id, request.caller, status, until);
            }
        }
    }

    /// Answers a message that was recorded when it was sent before.
    pub(crate) fn finish_again(&self, id: &RequestId, status: &RequestStatus) {
        let state = &mut *self.lock();
        if let Some(pending) = state.take_pending(id) {
            pending.outcome.send_replace(Some(Ok(status.clone())));
        }
    }

    /// Answers a message that left no trace, and keeps the answer in memory for those who poll.
    pub(crate) fn finish_unrecorded(&self, id: &RequestId, status: &RequestStatus, keep_until_ns: u64) {
        let state = &mut *self.lock();
        let Some(pending) = state.take_pending(id) else { return };
        state.answers.insert(*id, pending.caller, status.clone(), keep_until_ns);
        pending.outcome.send_replace(Some(Ok(status.clone())));
    }

    /// These rows were found in the records.
    pub(crate) fn found(&self, rows: impl IntoIterator<Item = Row>, oldest_ns: Option<u64>) {
        let state = &mut *self.lock();
        rows.into_iter().for_each(|row| state.ledger.insert(&row));
        state.oldest_ns = oldest_ns;
    }

    /// These rows are gone from the records.
    pub(crate) fn pruned(&self, pruned: &Pruned) {
        let state = &mut *self.lock();
        pruned.rows.iter().for_each(|row| state.ledger.pruned(row));
        state.oldest_ns = pruned.next_ns;
    }

    /// Lets go of the answers in memory that expired, and says whether recorded ones have.
    pub(crate) fn expire(&self, now_ns: u64) -> bool {
        let state = &mut *self.lock();
        state.answers.expire(now_ns);
        state.oldest_ns.is_some_and(|oldest_ns| oldest_ns < now_ns)
    }

    /// Answers a message that did not run.
    pub(crate) fn fail(&self, id: &RequestId, why: Unfinished) {
        if let Some(pending) = self.lock().take_pending(id) {
            pending.outcome.send_replace(Some(Err(why)));
        }
    }

    /// Recorded answers, and places of those on their way.
    #[cfg(test)]
    pub(crate) fn recorded_rows(&self) -> u64 {
        self.lock().ledger.rows()
    }

    /// Whether the engine is on its way down.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().phase != Phase::Open
    }

    /// Takes no more messages; the writer stops when the queue is empty.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Draining;
        }
        self.changed.notify_all();
    }

    /// Takes no more messages; the writer stops after the commit in flight.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Stopped(_)) {
            state.phase = Phase::Abandoned;
        }
        self.changed.notify_all();
    }

    /// Writing ended for good: nothing that waits will be answered otherwise.
    pub(crate) fn stopped(&self, why: Option<&str>) {
        let state = &mut *self.lock();
        let unfinished = match why {
            Some(why) => {
                state.phase = Phase::Stopped(why.into());
                Unfinished::Stopped(why.into())
            }
            None => Unfinished::ShuttingDown,
        };
        state.queue.clear();
        for (_, pending) in state.pending.drain() {
            pending.outcome.send_replace(Some(Err(unfinished.clone())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
