//! Chunks that came without an envelope: as updates, but for their answers.
//!
//! Owns how they run and how they are answered. Nothing of them is recorded, as the same chunk again is harmless: their
//! senders wait for the commit, and where it does not come, they send again.

use super::recovery::status_of;
use super::room::Admission;
use super::{Writer, log_event};
use crate::engine::application::Class;
use crate::engine::guard::{Fault, Halt, guarded};
use crate::engine::mailbox::{QueuedChunk, Work};
use crate::engine::message::{Rejection, RequestStatus, resource_exhausted};
use crate::storage::fault::StorageError;
use keepsake_service::Call;
use tokio::sync::oneshot;

/// A chunk that has run, and waits for the commit.
pub(super) struct RunChunk {
    outcome: oneshot::Sender<RequestStatus>,
    status: RequestStatus,
}

impl RunChunk {
    /// Its commit is durable, or it needed none.
    pub(super) fn answer(self) {
        // Its sender may have gone.
        self.outcome.send(self.status).ok();
    }

    /// Its commit was rolled back.
    pub(super) fn answer_instead(self, status: &RequestStatus) {
        self.outcome.send(status.clone()).ok();
    }
}

impl Writer {
    pub(super) fn execute_chunk(&mut self, queued: QueuedChunk) -> Result<(), Halt> {
        let call = self.call(queued.chunk.caller);
        match self.admit(true) {
            Admission::Run => self.run_chunk(queued, &call),
            Admission::Refuse => {
                self.leave_chunk(queued, RequestStatus::Replied(resource_exhausted()));
                Ok(())
            }
            Admission::Later => {
                self.retry = Some(Work::Chunk(queued));
                Ok(())
            }
        }
    }

    fn run_chunk(&mut self, queued: QueuedChunk, call: &Call) -> Result<(), Halt> {
        match guarded(|| self.program.put(call, &queued.chunk)) {
            Ok(reply) => {
                if !self.result_has_room(Class::Update) {
                    let full = StorageError::Full("too little disk space is left for more records".into());
                    return self.rollback_chunk(queued, Fault::Storage(full));
                }
                reply.events.iter().for_each(log_event);
                self.commit_message();
                self.leave_chunk(queued, RequestStatus::Replied(reply.bytes));
                Ok(())
            }
            Err(fault) => self.rollback_chunk(queued, fault),
        }
    }

    /// Answers with the batch that the chunk saw. What its bytes take is given back now.
    fn leave_chunk(&mut self, queued: QueuedChunk, status: RequestStatus) {
        self.chunks.push(RunChunk { outcome: queued.outcome, status });
    }

    fn rollback_chunk(&mut self, queued: QueuedChunk, fault: Fault) -> Result<(), Halt> {
        self.rollback_message();
        match fault {
            Fault::Panic(text) => {
                tracing::error!(panic = %text, "a chunk panicked and was rolled back");
                self.leave_chunk(queued, RequestStatus::Rejected(Rejection::trapped()));
                self.reopen_program()
            }
            Fault::Storage(error) if error.is_full() => {
                tracing::warn!(%error, "a chunk was rolled back");
                self.leave_chunk(queued, status_of(&error));
                self.reopen_program()
            }
            Fault::Storage(error) => {
                tracing::warn!(%error, "a chunk was rolled back");
                if self.in_flight.is_some() {
                    // A failing commit makes all reads fail; the chunk itself may be fine.
                    self.retry = Some(Work::Chunk(queued));
                } else {
                    queued.outcome.send(status_of(&error)).ok();
                }
                self.damaged = Some(error);
                Ok(())
            }
        }
    }
}
