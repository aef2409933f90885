//! One chunk: checked, written straight into the blob heap, marked, hashed as far as the prefix reaches.
//! Owns the order of these steps: all checks come before the first change.

use super::{SessionRecord, SessionState, Store, UploadError};
use crate::call::Call;
use crate::ids::{BlobId, SessionId};
use crate::limits::{CHUNK_BYTES_MAX, HASH_CATCH_UP_PUT_BYTES};
use crate::tables::runs::Place;
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
            SessionState::Pending if session.object.is_some() => return Err(UploadError::Elsewhere),
            SessionState::Pending => {}
        }
        if self.sessions.has_chunk(id, index) {
            return self.repeat_chunk(call, id, session, index, bytes);
        }
        if let Some(fits) = session.length_misfit(index, bytes.len() as u64) {
            return Err(UploadError::ChunkLength { index, given: bytes.len() as u64, fits });
        }
        let len = u32::try_from(bytes.len()).expect("a chunk's length was checked");
        self.require_record_room(0)?;
        let extents = self.place(call, id, &mut session, index, len)?;
        self.heap.write(&extents, 0, bytes);
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
        let (place, offset) = (session.place(id), session.offset_of(index));
        if bytes.len() as u64 != u64::from(session.len_of(index)) || !self.holds(&place, offset, bytes) {
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
        let offset = session.offset_of(index);
        let same_len = bytes.len() as u64 == u64::from(session.len_of(index));
        match self.blobs.get(blob) {
            Some(record)
                if same_len && record.elsewhere().is_none() && self.holds(&record.place(), offset, bytes) =>
            {
                Ok(())
            }
            _ => Err(UploadError::Finished(blob)),
        }
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
            let offset = session.offset_of(session.hashed);
            self.read_blocks(&session.place(id), offset, len.into(), |block| hash.update(block));
            *budget -= u64::from(len);
            session.hashed += 1;
        }
        session.rolling = hash;
    }

    fn next_is_here(&self, id: SessionId, session: &SessionRecord) -> bool {
        session.hashed < session.received && self.sessions.has_chunk(id, session.hashed)
    }

    fn holds(&self, place: &Place, offset: u64, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let mut same = true;
        self.read_blocks(place, offset, bytes.len() as u64, |block| {
            let (now, later) = rest.split_at(block.len());
            same &= now == block;
            rest = later;
        });
        same
    }

    fn read_blocks(&self, place: &Place, offset: u64, len: u64, mut each: impl FnMut(&[u8])) {
        let extents = self.runs.extents(place, offset, len);
        let mut block = vec![0; BLOCK_BYTES];
        let mut at = 0;
        while at < len {
            let take = usize::try_from(len - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            self.heap.read(&extents, at, &mut block[..take]);
            each(&block[..take]);
            at += take as u64;
        }
    }
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
