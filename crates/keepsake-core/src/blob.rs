//! Blobs: finished, immutable bytes with a length and a SHA-256. Owns reads, references and deletion; records are in
//! `tables/blobs.rs`, the bytes are the heap's.

use crate::access::{Denied, Role, Sight, require_somebody};
use crate::call::Call;
use crate::heap::Extent;
use crate::ids::{BlobId, CapsuleId, MemoryId, ObjectId, SessionId};
use crate::limits::{BLOB_TTL_NS, CHUNK_BYTES_MAX, RESPONSE_BYTES_MAX, RUNS_SLICE};
use crate::objects::ObjectRange;
use crate::refusal::{Refusal, RefusalKind};
use crate::store::Store;
pub use crate::tables::blobs::{BlobRecord, BlobRuns};
use crate::tables::capsules::ItemKind;
use crate::tables::due::DueKind;
use crate::tables::memories::AssetSource;
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// Some bytes of a blob that the caller may read: where they are, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPart {
    extents: Vec<Extent>,
    len: u64,
    /// They are in the host's bucket, and nothing of them is here.
    pub elsewhere: Option<ObjectRange>,
}

impl BlobPart {
    /// Bytes in it; at most [`RESPONSE_BYTES_MAX`].
    pub fn len(&self) -> usize {
        usize::try_from(self.len).expect("an answer fits memory")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Why an operation on blobs is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// No such blob for this caller, or too small a role.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// More than one answer holds.
    #[error("blob_too_large: {0} > {RESPONSE_BYTES_MAX}; read it with blob_read_chunk")]
    TooLarge(u64),
    /// No such chunk.
    #[error("chunk_index_beyond_end: {index}, chunk_count is {count}")]
    ChunkIndex {
        /// As given.
        index: u32,
        /// Chunks of the blob.
        count: u32,
    },
    /// The range starts beyond the end.
    #[error("range_beyond_end: offset {offset} > size {size}")]
    RangeBeyondEnd {
        /// As given.
        offset: u64,
        /// Bytes of the blob.
        size: u64,
    },
    /// More than one answer holds.
    #[error("range_too_large: {0} > {RESPONSE_BYTES_MAX}")]
    RangeTooLarge(u32),
    /// A memory refers to it.
    #[error("blob_referenced: {0} assets refer to it; remove them first")]
    Referenced(u32),
}

impl Refusal for BlobError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Referenced(_) => RefusalKind::Conflict,
            _ => RefusalKind::InvalidArgument,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// A blob that the caller may read.
    ///
    /// # Errors
    /// [`Denied::NotFound`].
    pub fn blob_meta(&self, caller: &Principal, id: BlobId) -> Result<BlobRecord, Denied> {
        let blob = self.blobs.get(id).ok_or(Denied::NotFound)?;
        match self.sight(CapsuleId(blob.capsule), caller)? {
            Sight::All | Sight::Link { named: false, originals: true } => Ok(blob),
            Sight::Link { .. } if self.shows_blob(caller, id, &blob) => Ok(blob),
            Sight::Link { .. } => Err(Denied::NotFound),
        }
    }

    /// The memory that the blob was published with shows it to whoever has this link.
    fn shows_blob(&self, link: &Principal, id: BlobId, blob: &BlobRecord) -> bool {
        let memory = blob.memory.and_then(|memory| self.memory_read(link, MemoryId(memory)).ok());
        let is_it = |source: &AssetSource| matches!(source, AssetSource::Blob { blob, .. } if *blob == id.0);
        memory.is_some_and(|memory| memory.assets.iter().any(|asset| is_it(&asset.source)))
    }

    /// All of a small blob.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn blob_read(&self, caller: &Principal, id: BlobId) -> Result<BlobPart, BlobError> {
        let blob = self.blob_meta(caller, id)?;
        if blob.len > RESPONSE_BYTES_MAX.into() {
            return Err(BlobError::TooLarge(blob.len));
        }
        Ok(self.part(&blob, 0, blob.len))
    }

    /// Chunk `index` of [`BlobRecord::chunk_count`]; concatenated they are the blob.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn blob_chunk(&self, caller: &Principal, id: BlobId, index: u32) -> Result<BlobPart, BlobError> {
        let blob = self.blob_meta(caller, id)?;
        let count = blob.chunk_count();
        if index >= count {
            return Err(BlobError::ChunkIndex { index, count });
        }
        Ok(self.part(&blob, u64::from(index) * u64::from(CHUNK_BYTES_MAX), CHUNK_BYTES_MAX.into()))
    }

    /// `len` bytes from `offset`, fewer at the end.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn blob_range(
        &self,
        caller: &Principal,
        id: BlobId,
        offset: u64,
        len: u32,
    ) -> Result<BlobPart, BlobError> {
        let blob = self.blob_meta(caller, id)?;
        if offset > blob.len {
            return Err(BlobError::RangeBeyondEnd { offset, size: blob.len });
        }
        if u64::from(len).min(blob.len - offset) > RESPONSE_BYTES_MAX.into() {
            return Err(BlobError::RangeTooLarge(len));
        }
        Ok(self.part(&blob, offset, len.into()))
    }

    fn part(&self, blob: &BlobRecord, offset: u64, len: u64) -> BlobPart {
        let len = len.min(blob.len - offset);
        match self.object_range(blob, offset, len) {
            None => BlobPart { extents: self.blob_runs(blob, offset, len), len, elsewhere: None },
            elsewhere => BlobPart { extents: Vec::new(), len, elsewhere },
        }
    }

    /// Reads a part and puts it behind what `into` holds: a host's answer takes the bytes where they go out from.
    /// O(part).
    pub fn blob_append(&self, part: &BlobPart, into: &mut Vec<u8>) {
        let front = into.len();
        into.resize(front + part.len(), 0);
        self.heap.read(&part.extents, 0, &mut into[front..]);
    }

    /// Reads a part. O(part).
    pub fn blob_bytes(&self, part: &BlobPart) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.blob_append(part, &mut bytes);
        bytes
    }

    /// Deletes a blob that no memory refers to. Its uploader, or an admin.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn blob_delete(&mut self, call: &Call, id: BlobId) -> Result<(), BlobError> {
        require_somebody(&call.caller)?;
        let blob = self.blob_meta(&call.caller, id)?;
        let is_its = self.is_person(&blob.creator, &call.caller);
        let need = if is_its { Role::Member } else { Role::Admin };
        self.require(CapsuleId(blob.capsule), &call.caller, need)?;
        if blob.references > 0 {
            return Err(BlobError::Referenced(blob.references));
        }
        self.drop_blob(call, id, &blob);
        Ok(())
    }

    /// The heap runs of `offset..offset + len` of a blob, for hosts that read the heap themselves. O(runs within the
    /// range).
    pub fn blob_runs(&self, blob: &BlobRecord, offset: u64, len: u64) -> Vec<Extent> {
        self.runs.extents(&blob.place(), offset, len)
    }

    /// A blob, whoever asks: for HTTP, where a token decides.
    pub fn blob_unchecked(&self, id: BlobId) -> Option<BlobRecord> {
        self.blobs.get(id)
    }

    pub(crate) fn add_blob(&mut self, blob: &BlobRecord) -> BlobId {
        let id = self.blobs.add(blob);
        self.capsules.add_item(CapsuleId(blob.capsule), ItemKind::Blob, id.0);
        if let Some(at_ns) = blob.expires_ns {
            self.due.add(at_ns, DueKind::Blob, id.0);
        }
        id
    }

    /// One more asset refers to the blob: it does not expire. Gives back the asset's source.
    pub(crate) fn refer(&mut self, id: BlobId, published_with: Option<u64>) -> AssetSource {
        let mut blob = self.blobs.get(id).expect("an asset's blob was checked");
        self.remove_blob_due(id, &blob);
        blob.references += 1;
        blob.expires_ns = None;
        blob.memory = blob.memory.or(published_with);
        self.blobs.put(id, &blob);
        AssetSource::Blob { blob: id.0, len: blob.len, sha256: blob.sha256 }
    }

    /// One asset of `memory` less refers to the blob: the last one takes it along, or leaves it to expire.
    pub(crate) fn unrefer(&mut self, call: &Call, id: BlobId, memory: MemoryId, delete: bool) {
        let mut blob = self.blobs.get(id).expect("a referenced blob is there");
        blob.references -= 1;
        blob.memory = blob.memory.filter(|published_with| *published_with != memory.0);
        if blob.references > 0 {
            self.blobs.put(id, &blob);
        } else if delete {
            self.drop_blob(call, id, &blob);
        } else {
            let at_ns = call.now_ns.saturating_add(BLOB_TTL_NS);
            blob.expires_ns = Some(at_ns);
            self.blobs.put(id, &blob);
            self.due.add(at_ns, DueKind::Blob, id.0);
        }
    }

    pub(crate) fn remove_blob_due(&mut self, id: BlobId, blob: &BlobRecord) {
        if let Some(at_ns) = blob.expires_ns {
            self.due.remove(at_ns, DueKind::Blob, id.0);
        }
    }

    pub(crate) fn drop_blob(&mut self, call: &Call, id: BlobId, blob: &BlobRecord) {
        let capsule = CapsuleId(blob.capsule);
        self.forget_blob(call, id, blob);
        self.remove_blob_due(id, blob);
        self.capsules.remove_item(capsule, ItemKind::Blob, id.0);
        let charge = self.charged_for_blob(id, blob);
        self.capsules.update(capsule, |c| {
            c.bytes_used -= blob.len;
            c.record_bytes -= charge;
        });
    }

    /// Frees its bytes and its record, which nothing names any more. Of many runs the tick frees the last.
    pub(crate) fn forget_blob(&mut self, call: &Call, id: BlobId, blob: &BlobRecord) {
        self.free_place(call, blob);
        if let Some(object) = blob.object {
            self.leave_object(call, ObjectId(object));
        }
        self.blobs.remove(id);
    }

    /// Frees what it takes of the heap.
    pub(crate) fn free_place(&mut self, call: &Call, blob: &BlobRecord) {
        self.heap.free(call, &blob.extents);
        if let Some(runs) = blob.runs {
            self.free_runs(call, SessionId(runs.session), RUNS_SLICE);
        }
    }
}
