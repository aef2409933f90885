//! Which file is it: the memories of a capsule by the SHA-256 of their originals. Owns what counts as an original, the answer
//! to "is this file here", and how the index is kept true; its rows are in `tables/contents.rs`.
//!
//! A memory's *original* is its asset of that kind, where its bytes are here, as a blob or inline: those have the hash that
//! they have. What lies elsewhere has the hash that somebody said, so it does not count; nor does a memory without an
//! original. Every road that adds or removes an asset changes the index in the same message.
//!
//! In a store of a layout before 5 nothing is indexed at first; the tick goes down from the newest, a slice at a time. Until it
//! is done, [`Store::memories_find`] answers only what it can know: that a file is here, not that it is not.

use crate::access::Role;
use crate::ids::{CapsuleId, MemoryId};
use crate::memory::{MemoryError, MemoryRecord};
use crate::store::Store;
use crate::tables::memories::{AssetKind, AssetSource};
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// The SHA-256 of a memory's original, where its bytes are here.
pub(crate) fn original_of(record: &MemoryRecord) -> Option<[u8; 32]> {
    let original = record.assets.iter().find(|asset| asset.meta.kind == AssetKind::Original)?;
    match &original.source {
        AssetSource::Inline { sha256, .. } | AssetSource::Blob { sha256, .. } => Some(**sha256),
        AssetSource::External { .. } => None,
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// For each SHA-256, the oldest memory of a capsule that has it as its original. O(hashes · log memories).
    ///
    /// # Errors
    /// [`MemoryError`]; [`MemoryError::ContentsPending`] where one is not found and older memories are not indexed yet.
    pub fn memories_find(
        &self,
        caller: &Principal,
        capsule: CapsuleId,
        hashes: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Option<MemoryId>>, MemoryError> {
        self.require(capsule, caller, Role::Guest)?;
        crate::memory::check_bulk("sha256", hashes.len())?;
        let hash = |bytes: &[u8]| bytes.try_into().map_err(|_| MemoryError::Sha256Length(bytes.len()));
        let hashes = hashes.iter().map(|bytes| hash(bytes.as_ref())).collect::<Result<Vec<[u8; 32]>, _>>()?;
        let found: Vec<_> = hashes.iter().map(|sha256| self.contents.first(capsule, sha256)).collect();
        if found.contains(&None) && !self.indexes_all() {
            return Err(MemoryError::ContentsPending);
        }
        Ok(found)
    }

    /// A store of an older layout that is only read has no index.
    fn indexes_all(&self) -> bool {
        self.has_contents() && self.contents.reaches_all()
    }

    pub(crate) fn has_contents(&self) -> bool {
        self.header.version() >= Some(5)
    }

    /// A memory's original was one and is another now; none where it has none, or is not there.
    pub(crate) fn original_changed(
        &mut self,
        capsule: CapsuleId,
        id: MemoryId,
        was: Option<[u8; 32]>,
        is: Option<[u8; 32]>,
    ) {
        if was == is || !self.contents.reaches(id) {
            return;
        }
        if let Some(sha256) = was {
            self.contents.remove(capsule, &sha256, id);
        }
        if let Some(sha256) = is {
            self.contents.add(capsule, &sha256, id);
        }
    }

    /// From now on no memory is indexed that is there.
    pub(crate) fn index_none(&mut self) {
        let next = self.memories.next_id();
        self.contents.reach(Some(next));
    }

    /// Indexes memories of an older layout, newest first, at most `rows` of them. True where some are left.
    pub(crate) fn index_older(&mut self, rows: &mut u32) -> bool {
        while *rows > 0 && !self.contents.reaches_all() {
            let newest = self.memories.newest_before(self.contents.reached());
            self.contents.reach(newest.as_ref().map(|(id, _)| *id));
            let Some((id, record)) = newest else { break };
            self.original_changed(CapsuleId(record.capsule), id, None, original_of(&record));
            *rows -= 1;
        }
        !self.contents.reaches_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TICK_SLICE;
    use crate::memory::{AssetMeta, MediaType, MemoryMeta, NewAsset, NewSource};
    use crate::{Call, Config};
    use ic_stable_structures::VectorMemory;
    use sha2::{Digest, Sha256};

    const CAPSULE: CapsuleId = CapsuleId(1);

    fn call() -> Call {
        let caller = Principal::self_authenticating([1]);
        Call {
            caller,
            now_ns: 1_000_000,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }

    fn file(number: u32) -> Vec<u8> {
        number.to_le_bytes().to_vec()
    }

    fn create(store: &mut Store<VectorMemory, VectorMemory>, number: u32) -> MemoryId {
        let meta = AssetMeta {
            media: MediaType::Note,
            name: String::new(),
            mime_type: String::new(),
            description: None,
            tags: Vec::new(),
            kind: AssetKind::Original,
            width: None,
            height: None,
            url: None,
            storage_key: None,
            bucket: None,
            asset_location: None,
            processing_status: None,
            processing_error: None,
            created_at_ns: 1,
            updated_at_ns: 1,
            deleted_at_ns: None,
            dpi: None,
            color_space: None,
            exif_data: None,
            compression_ratio: None,
            orientation: None,
        };
        let asset = NewAsset { meta, source: NewSource::Inline(file(number)) };
        let meta = MemoryMeta {
            title: None,
            description: None,
            tags: Vec::new(),
            content_type: String::new(),
            memory_type: MediaType::Note,
            date_of_memory_ns: None,
            file_created_at_ns: None,
            people_in_memory: None,
            location: None,
            memory_notes: None,
            parent_folder_id: None,
            created_by: None,
            created_at_ns: 0,
            updated_at_ns: 0,
            uploaded_at_ns: 0,
        };
        let key = format!("k{number} {}", store.memory_count());
        store.memory_create(&call(), CAPSULE, meta, vec![asset], &key).unwrap()
    }

    /// A store of so many memories as a program of layout 4 would have left it.
    fn older(memories: u32) -> Store<VectorMemory, VectorMemory> {
        let (records, heap) = (VectorMemory::default(), VectorMemory::default());
        let config = Config { uncertified: true, ..Config::default() };
        let mut store = Store::open(records, heap, &config, &[7; 32]).unwrap();
        assert_eq!(store.capsule_create(&call(), None).unwrap().id, CAPSULE);
        for number in 0..memories {
            let id = create(&mut store, number);
            store.original_changed(CAPSULE, id, Some(Sha256::digest(file(number)).into()), None);
        }
        store.index_none();
        store
    }

    fn find(
        store: &Store<VectorMemory, VectorMemory>,
        numbers: &[u32],
    ) -> Result<Vec<Option<MemoryId>>, MemoryError> {
        let hashes: Vec<_> = numbers.iter().map(|number| Sha256::digest(file(*number))).collect();
        store.memories_find(&call().caller, CAPSULE, &hashes)
    }

    #[track_caller]
    fn assert_sound(store: &Store<VectorMemory, VectorMemory>) {
        assert_eq!(store.check().violations, Vec::<String>::new());
    }

    #[test]
    fn older_memories_are_indexed_in_slices_the_newest_first() {
        let memories = 2 * TICK_SLICE + 50;
        let mut store = older(memories);
        assert_eq!(store.contents.len(), 0);
        assert_sound(&store);
        for rows in [TICK_SLICE, 2 * TICK_SLICE] {
            assert!(store.tick(&call()).more);
            assert_eq!(store.contents.len(), rows.into());
            assert_eq!(find(&store, &[memories - 1]), Ok(vec![Some(MemoryId(memories.into()))]));
            assert_eq!(find(&store, &[memories - 1, 0]), Err(MemoryError::ContentsPending));
            assert_sound(&store);
        }
        assert!(!store.tick(&call()).more);
        assert_eq!(find(&store, &[0, memories]), Ok(vec![Some(MemoryId(1)), None]));
        assert_sound(&store);
        assert!(!store.tick(&call()).more);
        assert_eq!(store.contents.len(), memories.into());
    }

    #[test]
    fn what_happens_meanwhile_is_indexed_once() {
        let mut store = older(5);
        let newer = create(&mut store, 2);
        assert_eq!(find(&store, &[2]), Ok(vec![Some(newer)]), "the older one is not seen yet");
        store.memory_delete(&call(), MemoryId(1), true).unwrap();
        store.memory_delete(&call(), MemoryId(5), true).unwrap();
        assert_sound(&store);
        while store.tick(&call()).more {}
        assert_eq!(
            find(&store, &[0, 1, 2, 3, 4]).unwrap(),
            [None, Some(MemoryId(2)), Some(MemoryId(3)), Some(MemoryId(4)), None]
        );
        assert_sound(&store);
        while store.memory_delete_all(&call(), CAPSULE, true).unwrap().left > 0 {}
        assert_eq!(store.contents.len(), 0);
    }

    #[test]
    fn a_row_that_is_missing_or_too_many_is_found_by_the_check() {
        let mut store = older(3);
        while store.tick(&call()).more {}
        let sha256 = Sha256::digest(file(1)).into();
        store.contents.remove(CAPSULE, &sha256, MemoryId(2));
        let violations = store.check().violations;
        assert!(violations.iter().any(|text| text.contains("mem_2: its original")), "{violations:?}");
        store.contents.add(CAPSULE, &sha256, MemoryId(2));
        assert_sound(&store);
        store.contents.add(CAPSULE, &[9; 32], MemoryId(2));
        let violations = store.check().violations;
        assert!(violations.iter().any(|text| text.contains("3 originals, 4 rows")), "{violations:?}");
    }
}
