//! Disk space: which message may run, what may stay, and what the writer does for room in between.
//!
//! Owns these decisions; [`crate::storage::space`] knows the figures.

use super::Writer;
use crate::engine::application::Class;
use crate::engine::committer::{commit_bytes, freeing_bytes, freeing_pages, make_room};
use crate::engine::guard::{Fault, Halt, guarded};
use crate::engine::mailbox::{Taken, Work};
use crate::engine::message::{RequestStatus, resource_exhausted};
use crate::storage::fault::StorageError;
use crate::storage::page::PAGE_BYTES;
use crate::storage::requests::PRUNED_ROWS_MAX;
use crate::storage::space::Room;
use keepsake_service::Call;

/// A message that adds pages leaves this much, so that changing and moving what is there goes on.
const GROWTH_LEAVES_BYTES: u64 = 4 << 20;
/// Pages that one message which makes room may change, however large the disk is: they are in memory until they are durable.
const FREEING_PAGES_MAX: usize = (64 << 20) / PAGE_BYTES;
/// A row seldom changes fewer pages than these: so large is the first slice that is tried when more does not fit.
const PAGES_PER_ROW: usize = 16;
/// By how much each further slice is smaller.
const SLICE_PART: u32 = 4;
/// Free runs that are looked at in one round, whether they go back to the disk.
const FREE_RUNS_AT_ONCE: usize = 256;
/// Slices of pruning at once.
const PRUNING_SLICES_MAX: usize = 8;

/// What becomes of a message before it runs.
pub(super) enum Admission {
    Run,
    /// There is no room for what it may add.
    Refuse,
    /// There may be room when the commit in flight is done and expired answers are pruned.
    Later,
}

impl Writer {
    /// `adds`: it adds or changes something, and makes no room.
    pub(super) fn admit(&mut self, adds: bool) -> Admission {
        if !adds || self.fits(0) {
            return Admission::Run;
        }
        if !self.shared.mailbox.expire(self.clock.expiry_ns()) {
            return Admission::Refuse;
        }
        if self.in_flight.is_some() || self.batch_is_to_commit() {
            return Admission::Later;
        }
        self.prune();
        // After a failed read nothing may run before the repair, which answers what is in the batch.
        if self.damaged.is_none() && self.fits(0) { Admission::Run } else { Admission::Refuse }
    }

    /// Whether the disk has room for what the running message of `class` did.
    pub(super) fn result_has_room(&mut self, class: Class) -> bool {
        let leaves = if self.pages.message_adds_pages() { GROWTH_LEAVES_BYTES } else { 0 };
        class == Class::Freeing || self.fits(leaves)
    }

    /// Whether the batch with the running message, and one request more, can be committed and leaves `leaves_bytes`.
    fn fits(&mut self, leaves_bytes: u64) -> bool {
        let pages = self.pages.batch_pages() + self.pages.message_pages();
        let in_flight = self.in_flight.as_ref().map_or(0, |in_flight| in_flight.commit_bytes);
        let need = commit_bytes(pages, self.batch.len() + 1) + in_flight + leaves_bytes;
        self.room().records >= need
    }

    /// Lets what makes room, and runs now, change as many pages as can be committed with the batch before it.
    pub(super) fn bound_freeing(&mut self) {
        self.room = None;
        let in_flight = self.in_flight.as_ref().map_or(0, |in_flight| in_flight.commit_bytes / 2);
        let room = self.room().freeing.saturating_sub(in_flight);
        let pages = freeing_pages(room, self.batch.len() + 1).saturating_sub(self.pages.batch_pages());
        self.pages.bound_message(pages.min(FREEING_PAGES_MAX));
    }

    /// What `taken` frees changes more than the `pages_max` pages that can be committed: it runs again, after what came before it, then in
    /// smaller and smaller slices. How many rows fit only the pages tell: rows differ, and lie together or do not.
    pub(super) fn run_smaller(&mut self, taken: Taken, call: &Call, pages_max: usize) -> Result<(), Halt> {
        self.rollback_message();
        self.reopen_program()?;
        if self.damaged.is_some() || self.in_flight.is_some() || self.batch_is_to_commit() {
            self.retry = Some(Work::Message(taken));
            return Ok(());
        }
        if let Some(smaller) = smaller(call, pages_max) {
            return self.run_message(taken, &smaller);
        }
        tracing::warn!(method = %taken.message.method, "the disk has no room to make room: other programs took the reserve");
        self.leave_unrecorded(&taken, call, RequestStatus::Replied(resource_exhausted()));
        Ok(())
    }

    /// As [`Self::run_smaller`] for housekeeping, which waits for nothing; none where it has to.
    pub(super) fn smaller_tick(&mut self, call: &Call, pages_max: usize) -> Result<Option<Call>, Halt> {
        self.rollback_message();
        self.reopen_program()?;
        Ok(smaller(call, pages_max).filter(|_| self.damaged.is_none()))
    }

    fn batch_is_to_commit(&self) -> bool {
        !self.batch.is_empty() || self.batch_changed
    }

    /// The room when the batch began.
    pub(super) fn room(&mut self) -> Room {
        if let Some(room) = self.room {
            return room;
        }
        let room = self.shared.space.room().unwrap_or_else(|error| {
            tracing::warn!(%error, "the free disk space is unknown");
            Room { heap: u64::MAX, records: u64::MAX, freeing: u64::MAX }
        });
        self.room = Some(room);
        room
    }

    /// What is done for room between messages: expired answers, the heap's end, the reserve.
    pub(super) fn tend_disk(&mut self) {
        let expired = self.shared.mailbox.expire(self.clock.expiry_ns());
        if self.in_flight.is_some() || self.batch_is_to_commit() {
            // Each commit prunes too.
            return;
        }
        if expired {
            self.prune();
        }
        self.shared.heap.give_back_beyond(self.program.heap_end());
        self.give_back_free_runs();
        self.shared.space.refill_reserve();
        self.room = None;
    }

    /// A slice of the free runs, as everything is committed: nothing uses them, and nobody sees them.
    fn give_back_free_runs(&mut self) {
        if !self.limits.gives_back_free_runs || self.damaged.is_some() {
            return;
        }
        match guarded(|| self.program.free_runs(self.given_back_from, FREE_RUNS_AT_ONCE)) {
            Ok(runs) => {
                let last = runs.last().filter(|_| runs.len() == FREE_RUNS_AT_ONCE);
                self.given_back_from = last.map_or(0, |run| run.offset + 1);
                self.shared.heap.give_back(&runs);
            }
            Err(Fault::Storage(error)) => self.damaged = Some(error),
            Err(Fault::Panic(text)) => tracing::error!(panic = %text, "the free runs cannot be read"),
        }
    }

    /// Prunes expired answers in transactions of their own. No commit is in flight.
    fn prune(&mut self) {
        self.room = None;
        let now_ns = self.clock.expiry_ns();
        for _ in 0..PRUNING_SLICES_MAX {
            // A smaller slice needs less room.
            let rows_max = (self.room().freeing / freeing_bytes(0, 1)).clamp(16, PRUNED_ROWS_MAX as u64);
            let rows_max = usize::try_from(rows_max).expect("clamped");
            let pruned = make_room(&self.shared, freeing_bytes(0, rows_max))
                .and_then(|()| self.shared.records.prune(now_ns, rows_max));
            self.room = None;
            match pruned {
                Ok(pruned) => {
                    self.shared.mailbox.pruned(&pruned);
                    if pruned.rows.len() < rows_max {
                        return;
                    }
                }
                Err(error) => return self.pruning_failed(error),
            }
        }
    }

    fn pruning_failed(&mut self, error: StorageError) {
        tracing::warn!(%error, "expired answers could not be pruned");
        self.damaged = Some(error);
    }
}

/// `call` with a smaller slice, as it changed more than `pages_max` pages; none when it has the smallest.
fn smaller(call: &Call, pages_max: usize) -> Option<Call> {
    let first = u32::try_from(pages_max / PAGES_PER_ROW).unwrap_or(u32::MAX).max(1);
    let rows_max = (call.rows_max / SLICE_PART).min(first);
    (rows_max > 0).then_some(Call { rows_max, ..*call })
}
