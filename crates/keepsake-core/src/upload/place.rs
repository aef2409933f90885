//! Where a chunk goes. Bytes get their place as they arrive, so that nobody takes more of the heap than about twice what
//! it sent. Owns the choice of the place and what the session is charged for it.
//!
//! A chunk goes where a run has room for it. Else a run opens there, or the run before it grows, with room for the chunk and
//! for some that will likely follow: as many as keep the session's room within twice what it has received, at most
//! [`ROOM_BYTES_MAX`] at once, and never past the next run or the end.
//! ```text
//! in order          ├─ one run, that grows: 2, 6, 14, 30 … chunks of room ─────┤
//! in reverse        ├┤├┤├┤├┤├┤  one run a chunk
//! ```
//! Chunks shorter than a granule share it: a run then begins at a multiple of as many chunks as a granule holds. The last
//! chunk of a file has an extent of its own, in the session's record.
//!
//! Invariant: for each session, granules taken ≤ 2 × granules of the chunks received, each counted by itself, + one chunk.

use super::{SessionRecord, Store, UploadError};
use crate::call::Call;
use crate::heap::{Extent, GRANULE_BYTES};
use crate::ids::{CapsuleId, SessionId};
use crate::limits::ROOM_BYTES_MAX;
use crate::room::{Exhausted, Usage};
use crate::tables::runs::Run;
use ic_stable_structures::Memory;

/// A place for a chunk that is not yet taken in records.
struct Found {
    /// Where the chunk goes.
    at: Vec<Extent>,
    /// What was taken of the heap for it.
    taken: Vec<Extent>,
    /// The run to store, new or longer than before.
    run: Option<Run>,
}

/// What a run may have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    /// The chunk that it begins with, the new one or one that shares its granule.
    first: u32,
    /// Chunks at least.
    least: u32,
    /// Chunks at most.
    most: u32,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Gives a new chunk its place and charges the session for it. An error changes nothing.
    pub(super) fn place(
        &mut self,
        call: &Call,
        id: SessionId,
        session: &mut SessionRecord,
        index: u32,
        len: u32,
    ) -> Result<Vec<Extent>, UploadError> {
        let charged = session.charged();
        let more = (session.bytes_received + u64::from(len)).saturating_sub(charged);
        self.check_charge(session, more)?;
        let found = self.find_place(call, id, session, index, len)?;
        if self.heap.back(&found.at).is_err() {
            self.heap.unallocate(&found.taken);
            return Err(Exhausted(self.host_room(call)).into());
        }
        session.charged = Some(charged + more);
        self.charge(session, more);
        if session.is_tail(index) {
            (session.tail, session.tail_len) = (found.taken, len);
        } else {
            session.chunk_len = len;
        }
        if let Some(run) = &found.run {
            let before = self.runs.at_or_before(id, run.first).filter(|before| before.first == run.first);
            session.room += run.end(len) - before.map_or(run.first, |before| before.end(len));
            self.runs.put(id, run);
        }
        Ok(found.at)
    }

    fn find_place(
        &mut self,
        call: &Call,
        id: SessionId,
        session: &SessionRecord,
        index: u32,
        len: u32,
    ) -> Result<Found, UploadError> {
        if session.is_tail(index) {
            let taken = self.heap.allocate(call, len.into()).map_err(|_| Exhausted(self.heap_room()))?;
            return Ok(Found { at: taken.clone(), taken, run: None });
        }
        if !session.body.is_empty() {
            let offset = u64::from(index) * u64::from(len);
            let at = crate::heap::extent::slice(&session.body, offset, len.into());
            return Ok(Found { at, taken: Vec::new(), run: None });
        }
        if let Some(run) = self.runs.covering(id, index, len) {
            return Ok(Found { at: vec![run.chunk(index, len)], taken: Vec::new(), run: None });
        }
        let next = self.runs.next_after(id, index);
        let room = room_for(session, index, len, next);
        let before = self.runs.at_or_before(id, room.first).filter(|run| run.end(len) == room.first);
        let longer = before.and_then(|run| self.lengthen(call, run, room, len));
        let (run, taken) = match longer {
            Some(longer) => longer,
            None => self.open_run(call, room, len).ok_or_else(|| Exhausted(self.heap_room()))?,
        };
        Ok(Found { at: vec![run.chunk(index, len)], taken: vec![taken], run: Some(run) })
    }

    /// The run with more room, and what was taken of the heap for it; none where others lie behind it.
    fn lengthen(&mut self, call: &Call, run: Run, room: Room, len: u32) -> Option<(Run, Extent)> {
        let end = run.extent.offset + run.extent.allocated();
        [room.most, room.least].into_iter().find_map(|chunks| {
            let extent = Extent { len: run.extent.len + bytes(chunks, len), ..run.extent };
            let taken = Extent { offset: end, len: extent.allocated() - run.extent.allocated() };
            self.heap.allocate_at(call, taken).then_some((Run { extent, ..run }, taken))
        })
    }

    fn open_run(&mut self, call: &Call, room: Room, len: u32) -> Option<(Run, Extent)> {
        let extent = self.heap.allocate_whole(call, bytes(room.most, len), bytes(room.least, len)).ok()?;
        Some((Run { first: room.first, extent }, extent))
    }

    /// There is room for `more` bytes in flight within the quotas.
    pub(super) fn check_charge(&self, session: &SessionRecord, more: u64) -> Result<(), UploadError> {
        if more == 0 {
            return Ok(());
        }
        let quotas = &self.config().quotas;
        Usage::in_flight(&self.callers.get(&session.caller), quotas).take(more)?;
        let capsule = CapsuleId(session.capsule);
        Ok(self.take_bytes(capsule, &self.capsules.get(capsule), more)?)
    }

    /// Counts more bytes in flight, which the session's record says already.
    pub(super) fn charge(&mut self, session: &SessionRecord, more: u64) {
        if more > 0 {
            self.callers.update(&session.caller, |c| c.bytes_in_flight += more);
            self.capsules.update(CapsuleId(session.capsule), |c| c.bytes_in_flight += more);
            self.sessions.charge(more);
        }
    }
}

/// How much room a run gets that opens for chunk `index`. `next` is where the next run begins.
fn room_for(session: &SessionRecord, index: u32, len: u32, next: Option<u32>) -> Room {
    let together = u32::try_from(GRANULE_BYTES / u64::from(len)).expect("a granule is short").max(1);
    let first = index - index % together;
    let until = next.unwrap_or(session.expected - 1);
    let least = together.min(until - first);
    let received = session.body_bytes() + u64::from(len);
    let taken = bytes(session.room, len) + bytes(least, len);
    let further = (2 * received).saturating_sub(taken);
    let further = further.min(ROOM_BYTES_MAX.saturating_sub(bytes(least, len))) / u64::from(len);
    let further = u32::try_from(further).unwrap_or(u32::MAX) / together * together;
    Room { first, least, most: least.saturating_add(further).min(until - first) }
}

fn bytes(chunks: u32, chunk_len: u32) -> u64 {
    u64::from(chunks) * u64::from(chunk_len)
}
