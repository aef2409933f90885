//! Going back after a fault: one message, one batch and the batch built on it, or a failed read.
//!
//! Owns what is dropped and how the messages concerned are answered.

use super::chunks::RunChunk;
use super::{InFlight, STATUS_KEPT_NS, Writer};
use crate::engine::application::Class;
use crate::engine::committer::CommitResult;
use crate::engine::guard::{Fault, Halt, guarded};
use crate::engine::mailbox::{Taken, Work};
use crate::engine::message::{Rejection, RequestId, RequestStatus, resource_exhausted};
use crate::storage::fault::StorageError;
use keepsake_service::Call;

impl Writer {
    /// Rolls the message back and answers it.
    pub(super) fn rollback(&mut self, taken: Taken, call: &Call, fault: Fault) -> Result<(), Halt> {
        self.rollback_message();
        match fault {
            Fault::Panic(text) => {
                tracing::error!(method = %taken.message.method, panic = %text, "a message panicked and was rolled back");
                self.leave_trapped(&taken, call);
                self.reopen_program()
            }
            Fault::Storage(error) if error.is_full() => {
                tracing::warn!(method = %taken.message.method, %error, "a message was rolled back");
                self.leave_unrecorded(&taken, call, status_of(&error));
                self.reopen_program()
            }
            Fault::Storage(error) => {
                tracing::warn!(method = %taken.message.method, %error, "a message was rolled back");
                if self.in_flight.is_some() {
                    // A failing commit makes all reads fail; the message itself may be fine.
                    self.retry = Some(Work::Message(taken));
                } else {
                    self.finish_unrecorded(&taken.message.request_id, &status_of(&error));
                }
                self.damaged = Some(error);
                Ok(())
            }
        }
    }

    fn leave_trapped(&mut self, taken: &Taken, call: &Call) {
        let status = RequestStatus::Rejected(Rejection::trapped());
        if taken.is_recorded() && (taken.class == Class::Freeing || self.result_has_room(taken.class)) {
            self.record(taken, call, status);
        } else {
            self.leave_unrecorded(taken, call, status);
        }
    }

    fn finish_unrecorded(&self, id: &RequestId, status: &RequestStatus) {
        let keep_until_ns = self.clock.now_ns().saturating_add(STATUS_KEPT_NS);
        self.shared.mailbox.finish_unrecorded(id, status, keep_until_ns);
    }

    /// Rolls a slice of housekeeping back.
    pub(super) fn rollback_tick(&mut self, fault: Fault) -> Result<(), Halt> {
        self.rollback_message();
        match fault {
            Fault::Panic(text) => tracing::error!(panic = %text, "housekeeping panicked and was rolled back"),
            Fault::Storage(error) => {
                tracing::warn!(%error, "housekeeping was rolled back");
                self.damaged = Some(error).filter(|error| !error.is_full());
            }
        }
        if self.damaged.is_some() { Ok(()) } else { self.reopen_program() }
    }

    /// After a rollback the program's own memory may be ahead of its pages.
    pub(super) fn reopen_program(&mut self) -> Result<(), Halt> {
        match guarded(|| self.application.open(self.pages.clone(), self.heap.clone())) {
            Ok(Ok(program)) => {
                self.program = program;
                self.commit_message();
                Ok(())
            }
            Ok(Err(error)) => Err(Halt::Program(error.to_string())),
            Err(Fault::Storage(error)) => {
                self.rollback_message();
                self.damaged = Some(error);
                Ok(())
            }
            Err(Fault::Panic(text)) => Err(Halt::Program(text)),
        }
    }

    /// Acts on what became of the batch in flight.
    pub(super) fn finish_commit(&mut self) -> Result<(), Halt> {
        let result = self.results.recv().map_err(|_| Halt::CommitterEnded)?;
        let in_flight = self.in_flight.take().unwrap_or_default();
        match result {
            CommitResult::Durable => {
                self.durable_epoch += 1;
                self.room = None;
                match self.shared.records.snapshot() {
                    Ok(snapshot) => self.pages.committed(snapshot),
                    Err(error) => self.damaged = Some(error),
                }
                in_flight.chunks.into_iter().for_each(RunChunk::answer);
                Ok(())
            }
            CommitResult::RolledBack(error) => self.rollback_batches(in_flight, &error),
            CommitResult::Unknown(halt) => Err(halt),
        }
    }

    /// Opens the records again after a failed read; the batch on top of them is rolled back. Then does the
    /// work that waits to be tried again. No commit is in flight.
    pub(super) fn repair(&mut self) -> Result<(), Halt> {
        if let Some(error) = self.damaged.take() {
            let found = self.shared.reopen_records().map_err(Halt::Records)?.epoch;
            let expected = self.durable_epoch;
            if found != expected {
                return Err(Halt::WrongEpoch { expected, found });
            }
            self.rollback_batches(InFlight::default(), &error)?;
        }
        match self.retry.take() {
            Some(work) => self.execute(work),
            None => Ok(()),
        }
    }

    /// Goes back to the last durable commit and answers every message after it. The records are open.
    fn rollback_batches(&mut self, in_flight: InFlight, error: &StorageError) -> Result<(), Halt> {
        let InFlight { ids, mut chunks, .. } = in_flight;
        chunks.append(&mut self.chunks);
        let messages = ids.len() + self.batch.len() + self.unrecorded.len() + chunks.len();
        tracing::warn!(%error, messages, "messages were rolled back");
        let snapshot = self.shared.records.snapshot().map_err(Halt::Records)?;
        self.heap.reset(snapshot.state().heap_pages);
        self.pages.reset(snapshot);
        self.batch_changed = false;
        self.site = None;
        self.damaged = None;
        let status = status_of(error);
        self.room = None;
        let batch = std::mem::take(&mut self.batch);
        let unrecorded = std::mem::take(&mut self.unrecorded);
        for id in ids.iter().chain(batch.iter().chain(&unrecorded).map(|(id, _)| id)) {
            self.finish_unrecorded(id, &status);
        }
        for chunk in chunks {
            chunk.answer_instead(&status);
        }
        self.reopen_program()
    }
}

pub(super) fn status_of(error: &StorageError) -> RequestStatus {
    if error.is_full() {
        RequestStatus::Replied(resource_exhausted())
    } else {
        RequestStatus::Rejected(Rejection::storage_failed())
    }
}
