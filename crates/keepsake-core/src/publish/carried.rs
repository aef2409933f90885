//! Files that come along with a publish: a small photo is one message. Owns their checks, their places in the heap and the
//! blobs that they become; what becomes of the memory is in `publish.rs`.

use super::PublishError;
use crate::call::Call;
use crate::charge;
use crate::heap::Extent;
use crate::ids::{CapsuleId, MemoryId};
use crate::limits::CARRIED_BYTES_MAX;
use crate::memory::{AssetMeta, AssetSource, NewAsset};
use crate::room::Exhausted;
use crate::store::Store;
use crate::tables::blobs::BlobRecord;
use crate::upload::{Rolling, Sealed};
use ic_stable_structures::Memory;
use minicbor::bytes::ByteArray;

/// A file that comes along, and the asset that it becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct CarriedAsset {
    /// What the asset is.
    pub meta: AssetMeta,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A file that comes along, hashed.
pub(super) struct Carried {
    pub(super) meta: AssetMeta,
    bytes: Vec<u8>,
    pub(super) sha256: [u8; 32],
}

impl Carried {
    /// What a fingerprint takes of it.
    pub(super) fn print(&self) -> (&AssetMeta, u64, ByteArray<32>) {
        (&self.meta, self.len(), self.sha256.into())
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The MIME type of its blob.
    fn mime_type(&self) -> Option<&str> {
        Some(self.meta.mime_type.as_str()).filter(|text| !text.is_empty())
    }
}

/// Hashes the files, once, after their lengths were checked.
pub(super) fn hashed(carried: Vec<CarriedAsset>) -> Result<Vec<Carried>, PublishError> {
    let together = carried.iter().map(|one| one.bytes.len()).sum();
    if together > CARRIED_BYTES_MAX as usize {
        return Err(PublishError::CarriedTooLarge(together));
    }
    if carried.iter().any(|one| one.bytes.is_empty()) {
        return Err(PublishError::CarriedEmpty);
    }
    let hashed = |CarriedAsset { meta, bytes }| {
        let mut hash = Rolling::new();
        hash.update(&bytes);
        Carried { meta, bytes, sha256: hash.digest() }
    };
    Ok(carried.into_iter().map(hashed).collect())
}

/// What the records of their blobs will cost, bytes.
pub(super) fn charge(carried: &[Carried]) -> u64 {
    carried.iter().map(|one| charge::of_new_blob(one.mime_type())).sum()
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// There is room for the files in the capsule, beside the inline assets, and in the heap as far as that is cheap to tell.
    pub(super) fn check_carried(
        &self,
        call: &Call,
        capsule: CapsuleId,
        carried: &[Carried],
        inline: &[NewAsset],
    ) -> Result<(), Exhausted> {
        if carried.is_empty() {
            return Ok(());
        }
        let bytes: u64 = carried.iter().map(Carried::len).sum();
        let beside: u64 = inline.iter().map(NewAsset::inline_bytes).sum();
        self.take_bytes(capsule, &self.capsules.get(capsule), bytes + beside)?;
        if self.heap.can_take(call, bytes) { Ok(()) } else { Err(self.heap_full(call)) }
    }

    /// Gives each file a place in the heap. An error takes nothing.
    pub(super) fn place_carried(
        &mut self,
        call: &Call,
        carried: &[Carried],
    ) -> Result<Vec<Vec<Extent>>, Exhausted> {
        let mut places: Vec<Vec<Extent>> = Vec::with_capacity(carried.len());
        for one in carried {
            let Ok(place) = self.heap.allocate(call, one.len()) else {
                self.heap.unallocate(&places.concat());
                return Err(Exhausted(self.heap_room()));
            };
            places.push(place);
        }
        if self.heap.back(&places.concat()).is_err() {
            self.heap.unallocate(&places.concat());
            return Err(Exhausted(self.host_room(call)));
        }
        Ok(places)
    }

    /// Writes a file to its place: a blob of the memory that is being made. Counted by what `sealed` says.
    pub(super) fn seal_carried(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        one: Carried,
        extents: Vec<Extent>,
        memory: MemoryId,
        sealed: &mut Sealed,
    ) -> (AssetMeta, AssetSource) {
        self.heap.write(&extents, 0, &one.bytes);
        let blob = BlobRecord {
            capsule: capsule.0,
            creator: call.caller,
            len: one.len(),
            sha256: one.sha256.into(),
            mime_type: one.mime_type().map(str::to_owned),
            created_ns: call.now_ns,
            expires_ns: None,
            references: 1,
            extents,
            memory: Some(memory.0),
            runs: None,
            object: None,
        };
        sealed.add_carried(&blob);
        let id = self.add_blob(&blob);
        (one.meta, AssetSource::Blob { blob: id.0, len: blob.len, sha256: blob.sha256 })
    }
}
