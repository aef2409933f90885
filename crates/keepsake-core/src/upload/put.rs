//! One chunk: checked, written straight into the blob heap, marked, hashed as far as the prefix reaches.
//! Owns the order of these steps: all checks come before the first change.

use super::{SessionRecord, SessionState, Store, UploadError};
use crate::call::Call;
use crate::heap::Extent;
use crate::ids::{BlobId, CapsuleId, SessionId};
use crate::limits::{CHUNK_BYTES_MAX, HASH_CATCH_UP_PUT_BYTES};
use crate::tables::blobs::BlobRecord;
use ic_stable_structures::Memory;

/// Stored bytes are read back in blocks of this size, so that the heap in use stays flat.
const BLOCK_BYTES: usize = 65_536;

impl<R: Memory, H: Memory> Store<R, H> {
    /// Takes one chunk. In any order, any number in parallel; the same bytes again are `Ok`.
    /// O(chunk), and up to [`HASH_CATCH_UP_PUT_BYTES`] of chunks that came early.
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn upload_put(
        &mut self,
        call: &Call,
        id: SessionId,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), UploadError> {
        let mut session = self.writable_session(call, id)?;
        check_bytes(&session, index, bytes)?;
        match session.state {
            SessionState::Aborted => return Err(crate::access::Denied::NotFound.into()),
            SessionState::Finished(blob) => return self.repeat_in_blob(&session, BlobId(blob), index, bytes),
            SessionState::Pending => {}
        }
        if self.sessions.has_chunk(id, index) {
            return self.repeat_chunk(call, id, session, index, bytes);
        }
        if let Some(fits) = session.length_misfit(index, bytes.len() as u64) {
            return Err(UploadError::ChunkLength { index, given: bytes.len() as u64, fits });
        }
        self.place(call, &mut session, index, bytes)?;
        let (extents, offset) = session.place_of(index);
        self.heap.write(extents, offset, bytes);
        self.sessions.mark_chunk(id, index);
        session.received += 1;
        session.bytes_received += bytes.len() as u64;
        let mut budget = HASH_CATCH_UP_PUT_BYTES;
        self.advance_hash(id, &mut session, Some((index, bytes)), &mut budget);
        session.touch(call.now_ns);
        self.sessions.put(id, &session);
        Ok(())
    }

    /// A chunk that is here already: harmless where it is the same, whatever got lost on the way back.
    fn repeat_chunk(
        &mut self,
        call: &Call,
        id: SessionId,
        mut session: SessionRecord,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), UploadError> {
        let (extents, offset) = session.place_of(index);
        if bytes.len() as u64 != u64::from(session.len_of(index)) || !self.holds(extents, offset, bytes) {
            return Err(UploadError::ChunkDiffers(index));
        }
        session.touch(call.now_ns);
        self.sessions.put(id, &session);
        Ok(())
    }

    /// A late duplicate, delivered after the finish.
    fn repeat_in_blob(
        &self,
        session: &SessionRecord,
        blob: BlobId,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), UploadError> {
        let offset = u64::from(index) * u64::from(session.chunk_len);
        let same_len = bytes.len() as u64 == u64::from(session.len_of(index));
        match self.blobs.get(blob) {
            Some(BlobRecord { extents, .. }) if same_len && self.holds(&extents, offset, bytes) => Ok(()),
            _ => Err(UploadError::Finished(blob)),
        }
    }

    /// Gives the chunk a place where it has none yet, within the quotas.
    fn place(
        &mut self,
        call: &Call,
        session: &mut SessionRecord,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), UploadError> {
        let len = u32::try_from(bytes.len()).expect("a chunk's length was checked");
        let tail = session.is_tail(index);
        let known = if tail { session.tail_len } else { session.chunk_len };
        if known == 0 {
            let want = if tail { u64::from(len) } else { u64::from(session.expected - 1) * u64::from(len) };
            let extents = self.reserve(call, session, want)?;
            let back = self.heap.back(&first_bytes(&extents, session, index, len));
            if back.is_err() {
                self.unreserve(session, &extents, want);
                return Err(UploadError::Exhausted);
            }
            if tail {
                (session.tail, session.tail_len) = (extents, len);
            } else {
                (session.body, session.chunk_len) = (extents, len);
            }
            return Ok(());
        }
        let (extents, offset) = session.place_of(index);
        let runs = crate::heap::extent::slice(extents, offset, bytes.len() as u64);
        self.heap.back(&runs).map_err(|_| UploadError::Exhausted)
    }

    fn reserve(
        &mut self,
        call: &Call,
        session: &SessionRecord,
        want: u64,
    ) -> Result<Vec<Extent>, UploadError> {
        let caller = self.callers.get(&session.caller);
        let capsule = self.capsules.get(CapsuleId(session.capsule));
        let in_flight = caller.bytes_in_flight.saturating_add(want);
        if in_flight > self.config().quotas.bytes_in_flight_per_caller_max
            || !self.quota_allows(&capsule, want)
        {
            return Err(UploadError::Exhausted);
        }
        let extents = self.heap.allocate(call, want).map_err(|_| UploadError::Exhausted)?;
        self.callers.update(&session.caller, |c| c.bytes_in_flight += want);
        self.capsules.update(CapsuleId(session.capsule), |c| c.bytes_in_flight += want);
        self.sessions.reserve(want);
        Ok(extents)
    }

    fn unreserve(&mut self, session: &SessionRecord, extents: &[Extent], want: u64) {
        self.heap.unallocate(extents);
        self.callers.update(&session.caller, |c| c.bytes_in_flight -= want);
        self.capsules.update(CapsuleId(session.capsule), |c| c.bytes_in_flight -= want);
        self.sessions.unreserve(want);
    }

    /// Lets the hash take the fresh chunk where it is next, then chunks that came early, within `budget` bytes.
    pub(super) fn advance_hash(
        &self,
        id: SessionId,
        session: &mut SessionRecord,
        fresh: Option<(u32, &[u8])>,
        budget: &mut u64,
    ) {
        let fresh = fresh.filter(|(index, _)| *index == session.hashed);
        if fresh.is_none() && !self.next_is_here(id, session) {
            return;
        }
        let mut hash = session.rolling.clone();
        if let Some((_, bytes)) = fresh {
            hash.update(bytes);
            session.hashed += 1;
        }
        while self.next_is_here(id, session) && u64::from(session.len_of(session.hashed)) <= *budget {
            let len = session.len_of(session.hashed);
            let (extents, offset) = session.place_of(session.hashed);
            self.read_blocks(extents, offset, len.into(), |block| hash.update(block));
            *budget -= u64::from(len);
            session.hashed += 1;
        }
        session.rolling = hash;
    }

    fn next_is_here(&self, id: SessionId, session: &SessionRecord) -> bool {
        session.hashed < session.received && self.sessions.has_chunk(id, session.hashed)
    }

    fn holds(&self, extents: &[Extent], offset: u64, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let mut same = true;
        self.read_blocks(extents, offset, bytes.len() as u64, |block| {
            let (now, later) = rest.split_at(block.len());
            same &= now == block;
            rest = later;
        });
        same
    }

    fn read_blocks(&self, extents: &[Extent], offset: u64, len: u64, mut each: impl FnMut(&[u8])) {
        let mut block = vec![0; BLOCK_BYTES];
        let mut at = 0;
        while at < len {
            let take = usize::try_from(len - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            self.heap.read(extents, offset + at, &mut block[..take]);
            each(&block[..take]);
            at += take as u64;
        }
    }
}

/// The part of a fresh place that its first chunk is about to write.
fn first_bytes(extents: &[Extent], session: &SessionRecord, index: u32, len: u32) -> Vec<Extent> {
    let offset = if session.is_tail(index) { 0 } else { u64::from(index) * u64::from(len) };
    crate::heap::extent::slice(extents, offset, len.into())
}

fn check_bytes(session: &SessionRecord, index: u32, bytes: &[u8]) -> Result<(), UploadError> {
    if bytes.is_empty() {
        return Err(UploadError::ChunkEmpty);
    }
    if bytes.len() > CHUNK_BYTES_MAX as usize {
        return Err(UploadError::ChunkTooLarge(bytes.len()));
    }
    if index >= session.expected {
        return Err(UploadError::ChunkIndex { index, expected: session.expected });
    }
    Ok(())
}
