//! Where callers, writer and committer meet: the queue, the messages on their way and who waits for them.
//!
//! Owns admission (bounds, duplicates, shutdown); executes nothing and touches no file.

use crate::engine::message::{EngineError, RequestId, RequestStatus, Unfinished, UpdateMessage};
use crate::storage::requests::RecordedRequest;
use keepsake_service::Principal;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// How a message that was taken ended; `None` while it is on its way.
pub(crate) type Outcome = Option<Result<RequestStatus, Unfinished>>;

/// Answers that could not be recorded are remembered in memory, this many.
const UNRECORDED_MAX: usize = 1024;

struct Pending {
    caller: Principal,
    outcome: watch::Sender<Outcome>,
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
    queue: VecDeque<UpdateMessage>,
    queue_bytes: usize,
    /// Everything taken and not yet finished: queued, in the batch, in flight.
    pending: HashMap<RequestId, Pending>,
    unrecorded: HashMap<RequestId, (Principal, RequestStatus)>,
    unrecorded_order: VecDeque<RequestId>,
    commit_done: bool,
}

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) messages_max: usize,
    pub(crate) bytes_max: usize,
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

/// What the writer should do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// The commit in flight ended.
    CommitDone,
    Message(UpdateMessage),
    Tick,
    Stop,
}

impl Mailbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let state = State {
            phase: Phase::Open,
            queue: VecDeque::new(),
            queue_bytes: 0,
            pending: HashMap::new(),
            unrecorded: HashMap::new(),
            unrecorded_order: VecDeque::new(),
            commit_done: false,
        };
        Self { limits, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Queues `message`, or joins the same message that is on its way.
    pub(crate) fn submit(&self, message: UpdateMessage) -> Result<watch::Receiver<Outcome>, EngineError> {
        let state = &mut *self.lock();
        match &state.phase {
            Phase::Open => {}
            Phase::Draining | Phase::Abandoned => return Err(EngineError::ShuttingDown),
            Phase::Stopped(why) => return Err(EngineError::Stopped(Arc::clone(why))),
        }
        if let Some(pending) = state.pending.get(&message.request_id) {
            return Ok(pending.outcome.subscribe());
        }
        if let Some((_, status)) = state.unrecorded.get(&message.request_id) {
            return Ok(watch::channel(Some(Ok(status.clone()))).1);
        }
        // One message is always taken, so that no legal size is refused for ever.
        let bytes = state.queue_bytes.saturating_add(message.arg.len());
        let full = state.queue.len() >= self.limits.messages_max || bytes > self.limits.bytes_max;
        if full && !state.queue.is_empty() {
            return Err(EngineError::Overloaded);
        }
        let (sender, receiver) = watch::channel(None);
        state.pending.insert(message.request_id, Pending { caller: message.caller, outcome: sender });
        state.queue_bytes = bytes;
        state.queue.push_back(message);
        self.changed.notify_all();
        Ok(receiver)
    }

    /// The status of a message that is on its way or could not be recorded.
    pub(crate) fn status(&self, id: &RequestId) -> Option<(Principal, RequestStatus)> {
        let state = self.lock();
        let pending = state.pending.get(id).map(|pending| (pending.caller, RequestStatus::Processing));
        pending.or_else(|| state.unrecorded.get(id).cloned())
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
                if let Some(message) = state.queue.pop_front() {
                    state.queue_bytes -= message.arg.len();
                    return Next::Message(message);
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

    /// The committer finished, one way or the other.
    pub(crate) fn commit_done(&self) {
        self.lock().commit_done = true;
        self.changed.notify_all();
    }

    /// Answers messages that are recorded durably.
    pub(crate) fn finish<'a>(&self, requests: impl IntoIterator<Item = &'a (RequestId, RecordedRequest)>) {
        let state = &mut *self.lock();
        for (id, request) in requests {
            if let Some(pending) = state.pending.remove(id) {
                pending.outcome.send_replace(Some(Ok(request.status.clone())));
            }
        }
    }

    /// Answers a message that left no trace, and remembers the answer while memory allows.
    pub(crate) fn finish_unrecorded(&self, id: &RequestId, status: &RequestStatus) {
        let state = &mut *self.lock();
        let Some(pending) = state.pending.remove(id) else { return };
        state.unrecorded.insert(*id, (pending.caller, status.clone()));
        state.unrecorded_order.push_back(*id);
        if state.unrecorded_order.len() > UNRECORDED_MAX
            && let Some(oldest) = state.unrecorded_order.pop_front()
        {
            state.unrecorded.remove(&oldest);
        }
        pending.outcome.send_replace(Some(Ok(status.clone())));
    }

    /// Answers a message that did not run.
    pub(crate) fn fail(&self, id: &RequestId, why: Unfinished) {
        if let Some(pending) = self.lock().pending.remove(id) {
            pending.outcome.send_replace(Some(Err(why)));
        }
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
        state.queue_bytes = 0;
        for (_, pending) in state.pending.drain() {
            pending.outcome.send_replace(Some(Err(unfinished.clone())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
