//! What the records of memories and blobs cost their capsule. Owns the prices, and the sums of texts that they are made of.
//!
//! ```text
//! a memory   512 bytes, 384 for each asset, and its texts: 4 for each and their lengths
//! a blob     512 bytes, and the length of its MIME type; 512 more where it has an object in the bucket
//! a link     512 bytes, 128 for each memory that it names, and the length of its label; once it ended, 256 bytes, and 128 for
//!            each of these memories until its row is gone
//! ```
//! That is never less than what the encoded record takes with its keys, its rows of indexes and the idempotency records that
//! live as long as it does, and everybody can count it from what was sent. Texts are all that a caller writes: of the
//! memory, of its assets, and where an external asset is.
//!
//! A capsule's `record_bytes` is what its links say that they are charged, which is nothing for those that were made before links
//! were charged, and the sum over its memories and blobs that are *counted*: those with a number from
//! `counted_from` of their table on. A new store counts all. In a store of a layout before 4 nothing is counted at first; the
//! tick goes down from the newest, a slice at a time, so that each record is counted once and the sum is exact at any time.

use crate::ids::{BlobId, CapsuleId, MemoryId};
use crate::memory::{NewAsset, NewSource};
use crate::site::NO_CAPSULE;
use crate::store::Store;
use crate::tables::blobs::BlobRecord;
use crate::tables::capsules::CapsuleRecord;
use crate::tables::memories::{AssetMeta, AssetSource, MemoryMeta, MemoryRecord};
use crate::tables::registry::{EndedLinkRecord, LinkRecord};
use ic_stable_structures::Memory;
use std::collections::BTreeMap;

const MEMORY_BYTES: u64 = 512;
const ASSET_BYTES: u64 = 384;
const BLOB_BYTES: u64 = 512;
/// Of an object in the bucket, with its longest version.
pub(crate) const OBJECT_BYTES: u64 = 512;
const LINK_BYTES: u64 = 512;
const ENDED_LINK_BYTES: u64 = 256;
const NAMED_BYTES: u64 = 128;
/// For the head of a text within a record.
const TEXT_BYTES: u64 = 4;

/// How the charge for a record changes; zeros while it is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recharge {
    pub(crate) was: u64,
    pub(crate) is: u64,
}

impl Recharge {
    pub(crate) fn count_in(self, capsule: &mut CapsuleRecord) {
        capsule.record_bytes = capsule.record_bytes + self.is - self.was;
    }
}

/// How many texts, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    count: u64,
    pub(crate) bytes: u64,
}

impl Texts {
    fn add(&mut self, text: &str) {
        self.count += 1;
        self.bytes += text.len() as u64;
    }

    fn add_some(&mut self, texts: &[&Option<String>]) {
        for text in texts.iter().filter_map(|text| text.as_deref()) {
            self.add(text);
        }
    }

    fn add_all(&mut self, texts: &[String]) {
        for text in texts {
            self.add(text);
        }
    }

    fn charge(self) -> u64 {
        TEXT_BYTES * self.count + self.bytes
    }

    /// Those of a memory beside its assets.
    pub(crate) fn add_memory(&mut self, meta: &MemoryMeta) {
        let MemoryMeta { title, description, location, memory_notes, parent_folder_id, created_by, .. } =
            meta;
        self.add_some(&[title, description, location, memory_notes, parent_folder_id, created_by]);
        self.add(&meta.content_type);
        self.add_all(&meta.tags);
        self.add_all(meta.people_in_memory.as_deref().unwrap_or_default());
    }

    /// Those of an asset beside its source.
    pub(crate) fn add_asset(&mut self, meta: &AssetMeta) {
        let AssetMeta { description, url, storage_key, bucket, asset_location, .. } = meta;
        let AssetMeta { processing_status, processing_error, color_space, exif_data, .. } = meta;
        self.add_some(&[description, url, storage_key, bucket, asset_location]);
        self.add_some(&[processing_status, processing_error, color_space, exif_data]);
        self.add(&meta.name);
        self.add(&meta.mime_type);
        self.add_all(&meta.tags);
    }

    /// Those that say where an external asset is.
    fn add_place(&mut self, storage_key: &str, url: Option<&String>) {
        self.add(storage_key);
        if let Some(url) = url {
            self.add(url);
        }
    }

    pub(crate) fn add_new_asset(&mut self, asset: &NewAsset) {
        self.add_asset(&asset.meta);
        if let NewSource::External { storage_key, url, .. } = &asset.source {
            self.add_place(storage_key, url.as_ref());
        }
    }

    pub(crate) fn of_record(record: &MemoryRecord) -> Self {
        let mut texts = Self::default();
        texts.add_memory(&record.meta);
        for asset in &record.assets {
            texts.add_asset(&asset.meta);
            if let AssetSource::External { storage_key, url, .. } = &asset.source {
                texts.add_place(storage_key, url.as_ref());
            }
        }
        texts
    }
}

/// What a memory with so many assets and these texts costs, bytes.
pub(crate) fn of_parts(assets: usize, texts: Texts) -> u64 {
    MEMORY_BYTES + ASSET_BYTES * assets as u64 + texts.charge()
}

/// What a memory costs, bytes.
pub(crate) fn of_memory(record: &MemoryRecord) -> u64 {
    of_parts(record.assets.len(), Texts::of_record(record))
}

/// What a blob with this MIME type costs, bytes.
pub(crate) fn of_new_blob(mime_type: Option<&str>) -> u64 {
    BLOB_BYTES + mime_type.map_or(0, |text| text.len() as u64)
}

/// What a blob costs, bytes.
pub(crate) fn of_blob(record: &BlobRecord) -> u64 {
    of_new_blob(record.mime_type.as_deref()) + record.object.map_or(0, |_| OBJECT_BYTES)
}

/// What a link costs, bytes.
pub(crate) fn of_link(link: &LinkRecord) -> u64 {
    LINK_BYTES + of_named(link.named.unwrap_or(0)) + link.label.len() as u64
}

/// What is left of a link that ended costs, bytes: never more than the link did.
pub(crate) fn of_ended_link(link: &EndedLinkRecord) -> u64 {
    ENDED_LINK_BYTES + of_named(link.named)
}

/// What so many memories cost that a link names, bytes.
pub(crate) fn of_named(memories: u32) -> u64 {
    NAMED_BYTES * u64::from(memories)
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Counts records of an older layout, newest first, at most `rows` of them. True where some are left.
    pub(crate) fn count_older(&mut self, rows: &mut u32) -> bool {
        if self.memories.counts_all() && self.blobs.counts_all() {
            return false;
        }
        let mut charges = BTreeMap::new();
        while *rows > 0
            && let Some((capsule, charge)) = self.count_next()
        {
            *charges.entry(capsule).or_insert(0) += charge;
            *rows -= 1;
        }
        charges.remove(&CapsuleId(NO_CAPSULE));
        for (capsule, charge) in charges {
            self.capsules.update(capsule, |c| c.record_bytes += charge);
        }
        !(self.memories.counts_all() && self.blobs.counts_all())
    }

    /// The newest record that is not counted counts from now on: its capsule and what it costs. None where all are.
    fn count_next(&mut self) -> Option<(CapsuleId, u64)> {
        if !self.memories.counts_all()
            && let Some(record) = self.memories.count_next()
        {
            return Some((CapsuleId(record.capsule), of_memory(&record)));
        }
        let record = self.blobs.count_next()?;
        Some((CapsuleId(record.capsule), of_blob(&record)))
    }

    /// What a stored memory costs its capsule as it is; nothing while it is not counted.
    pub(crate) fn charged_for(&self, id: MemoryId, record: &MemoryRecord) -> u64 {
        if self.memories.is_counted(id) { of_memory(record) } else { 0 }
    }

    /// What a stored blob costs its capsule; nothing while it is not counted.
    pub(crate) fn charged_for_blob(&self, id: BlobId, record: &BlobRecord) -> u64 {
        if self.blobs.is_counted(id) { of_blob(record) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::encode;
    use crate::tables::idem::IdemRecord;
    use crate::tables::memories::{AssetKind, AssetRecord, Hosting, MediaType};
    use crate::tables::registry::KeyRecord;
    use ic_principal::Principal;

    const MOST: u64 = u64::MAX;

    fn memory_meta(text: &str) -> MemoryMeta {
        let some = || Some(text.to_owned());
        MemoryMeta {
            title: some(),
            description: some(),
            tags: vec![text.to_owned(); 64],
            content_type: text.to_owned(),
            memory_type: MediaType::Image,
            date_of_memory_ns: Some(MOST),
            file_created_at_ns: Some(MOST),
            people_in_memory: Some(vec![text.to_owned(); 64]),
            location: some(),
            memory_notes: some(),
            parent_folder_id: some(),
            created_by: some(),
            created_at_ns: MOST,
            updated_at_ns: MOST,
            uploaded_at_ns: MOST,
        }
    }

    fn asset(text: &str) -> AssetRecord {
        let some = || Some(text.to_owned());
        let meta = AssetMeta {
            media: MediaType::Video,
            name: text.to_owned(),
            mime_type: text.to_owned(),
            description: some(),
            tags: vec![text.to_owned(); 64],
            kind: AssetKind::Metadata,
            width: Some(u32::MAX),
            height: Some(u32::MAX),
            url: some(),
            storage_key: some(),
            bucket: some(),
            asset_location: some(),
            processing_status: some(),
            processing_error: some(),
            created_at_ns: MOST,
            updated_at_ns: MOST,
            deleted_at_ns: Some(MOST),
            dpi: Some(u32::MAX),
            color_space: some(),
            exif_data: some(),
            compression_ratio: Some(0.3),
            orientation: Some(255),
        };
        let (storage_key, sha256) = (text.to_owned(), Some(vec![7; 32]));
        let source = AssetSource::External {
            hosting: Hosting::Neon,
            storage_key,
            url: some(),
            len: Some(MOST),
            sha256,
        };
        AssetRecord { id: MOST, meta, source, idem: Some([7; 32].into()) }
    }

    fn record(text: &str, assets: usize) -> MemoryRecord {
        MemoryRecord {
            capsule: MOST,
            creator: Principal::self_authenticating([1]),
            created_ns: MOST,
            updated_ns: MOST,
            meta: memory_meta(text),
            assets: vec![asset(text); assets],
            next_asset: MOST,
            idem: [7; 32].into(),
        }
    }

    /// An idempotency record with its key; a publish keeps up to 66 bytes for each asset.
    fn idem(detail: usize) -> u64 {
        32 + encode(&IdemRecord { fingerprint: [7; 32], made: MOST, detail: vec![7; detail] }).len() as u64
    }

    #[test]
    fn a_charge_is_never_less_than_what_is_kept() {
        for text in ["", "t", &"t".repeat(23), &"t".repeat(24), &"t".repeat(300), &"t".repeat(70_000)] {
            for assets in 1..=4 {
                let record = record(text, assets);
                // The record with its key, its rows among the capsule's items and in the index of contents, its own key and
                // that of each asset.
                let kept = encode(&record).len() as u64
                    + 8
                    + 17
                    + 48
                    + idem(20 + 66 * assets)
                    + idem(0) * assets as u64;
                let charge = of_memory(&record);
                assert!(kept <= charge, "{assets} assets with texts of {}: {kept} > {charge}", text.len());
            }
        }
    }

    #[test]
    fn every_text_is_counted() {
        let (short, long) = (record("", 2), record("t", 2));
        let texts = 8 + 128 - 1 + 2 * (11 + 64 + 2);
        assert_eq!(of_memory(&long) - of_memory(&short), texts);
        assert_eq!(Texts::of_record(&long).bytes, texts);
    }

    #[test]
    fn a_link_is_charged_for_all_that_is_kept_of_it() {
        for (named, label) in [(None, 0), (Some(1), 256), (Some(1_000), 0), (Some(1_000), 256)] {
            let link = LinkRecord {
                capsule: MOST,
                creator: Principal::self_authenticating([1]),
                created_ns: MOST,
                expires_ns: Some(MOST),
                named,
                originals: true,
                password: true,
                label: "t".repeat(label),
                preview: true,
                charged: MOST,
            };
            // Its record, its row among the capsule's links, and one for each memory: their keys have 61 bytes.
            let rows = 2 + u64::from(named.unwrap_or(0));
            let kept = encode(&KeyRecord::Link(link.clone())).len() as u64 + 61 * rows;
            assert!(kept <= of_link(&link), "{named:?}, {label}: {kept} > {}", of_link(&link));
            // Once it ended, its row among those is another, and there may be one among those that name memories still.
            let ended = EndedLinkRecord { capsule: MOST, named: named.unwrap_or(0) };
            let rows = 3 + u64::from(ended.named);
            let kept = encode(&KeyRecord::EndedLink(ended)).len() as u64 + 61 * rows;
            assert!(kept <= of_ended_link(&ended) && of_ended_link(&ended) <= of_link(&link), "{named:?}");
        }
    }
}
