//! The check of the bytes themselves: everything that has a SHA-256 is read again and hashed. Owns no repair.
//!
//! Reads the whole heap once, in pieces of a bounded size: O(bytes stored), for `fsck` and tests.

use crate::ids::{AssetId, BlobId};
use crate::store::Store;
use crate::tables::memories::AssetSource;
use crate::tables::runs::Place;
use crate::tables::sessions::SessionState;
use ic_stable_structures::Memory;
use sha2::{Digest, Sha256};

/// The heap is read in pieces of this size, bytes.
const PIECE_BYTES: usize = 1 << 20;

/// What was read, and what is not what it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BytesReport {
    /// Blobs hashed.
    pub blobs: u64,
    /// Blobs whose bytes are in the host's bucket, not looked at.
    pub elsewhere: u64,
    /// Inline assets hashed.
    pub inline_assets: u64,
    /// Pending sessions whose contiguous prefix was hashed.
    pub sessions: u64,
    /// Bytes hashed, all together.
    pub bytes: u64,
    /// What differs, in words; empty in a sound store.
    pub violations: Vec<String>,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The ids of all blobs, in order.
    pub fn blob_ids(&self) -> impl Iterator<Item = BlobId> + '_ {
        self.blobs.ids()
    }

    /// Hashes every blob, every inline asset, and of every pending session the prefix that its rolling hash has
    /// taken. Reads nothing where the tree of a map is broken. `progress` gets the bytes hashed so far. O(bytes stored);
    /// holds one piece of 1 MiB.
    pub fn check_bytes(&self, mut progress: impl FnMut(u64)) -> BytesReport {
        let (mut report, mut piece) = (BytesReport::default(), vec![0; PIECE_BYTES]);
        self.check_trees(&mut report.violations);
        if !report.violations.is_empty() {
            report.violations = vec!["no bytes are read: the records do not say where they are".to_owned()];
            return report;
        }
        for id in self.blob_ids() {
            let blob = self.blobs.get(id).expect("a listed blob has a record");
            if blob.elsewhere().is_some() {
                report.elsewhere += 1;
                continue;
            }
            report.blobs += 1;
            let found = self.hash_place(&blob.place(), blob.len, &mut piece);
            report.compare(found, &blob.sha256, blob.len, || id.to_string());
            progress(report.bytes);
        }
        self.check_inline_bytes(&mut report);
        self.check_pieces(&mut report);
        self.check_session_bytes(&mut report, &mut piece);
        progress(report.bytes);
        report
    }

    fn check_inline_bytes(&self, report: &mut BytesReport) {
        for (id, memory) in self.memories.iter() {
            for asset in &memory.assets {
                let AssetSource::Inline { sha256, .. } = &asset.source else { continue };
                let name = || format!("{id}: inline asset {}", asset.id);
                let bytes = self.memories.inline(id, AssetId(asset.id));
                report.inline_assets += 1;
                let len = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
                report.compare(bytes.map(|bytes| Sha256::digest(bytes).into()), sha256, len, name);
            }
        }
    }

    fn check_session_bytes(&self, report: &mut BytesReport, piece: &mut [u8]) {
        for (id, session) in self.sessions.iter() {
            if session.state != SessionState::Pending {
                continue;
            }
            report.sessions += 1;
            let len = session.hashed_bytes();
            let found = self.hash_place(&session.place(id), len, piece);
            let name = || format!("session {}: the first {} chunks", id.0, session.hashed);
            report.compare(found, &session.rolling.digest(), len, name);
        }
    }

    /// None where the file has no place for `len` bytes, or one beyond the memory.
    fn hash_place(&self, place: &Place, len: u64, piece: &mut [u8]) -> Option<[u8; 32]> {
        let (mut hash, mut at) = (Sha256::new(), 0);
        while at < len {
            let take = usize::try_from(len - at).unwrap_or(PIECE_BYTES).min(piece.len());
            let extents = self.runs.extents(place, at, take as u64);
            if !self.heap.covers(&extents, take as u64) {
                return None;
            }
            self.heap.read(&extents, 0, &mut piece[..take]);
            hash.update(&piece[..take]);
            at += take as u64;
        }
        Some(hash.finalize().into())
    }
}

impl BytesReport {
    fn compare(&mut self, found: Option<[u8; 32]>, expected: &[u8; 32], len: u64, name: impl Fn() -> String) {
        match found {
            Some(found) => {
                self.bytes += len;
                if found != *expected {
                    self.violations.push(format!("{} has not the bytes of its SHA-256", name()));
                }
            }
            None => self.violations.push(format!("{}: the bytes are not there", name())),
        }
    }
}
