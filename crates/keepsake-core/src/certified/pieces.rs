//! Digests of the pieces that a large asset is answered in. Owns their table and the hashing, in slices.
//!
//! One answer holds [`PIECE_BYTES`], and a gateway checks each piece of a longer asset by itself. Their hashes follow from
//! nothing that is stored, and most originals are never opened through a gateway: so they are made when somebody asks
//! for the first one, once, and an upload does not pay for them.
//! ```text
//! map 21   key: memory u64 | asset u64      value: SHA-256 of bytes 0..2,000,000 of the asset, of the next ones, …
//! ```

use super::{Digest, PIECES_TAG};
use crate::ids::{AssetId, BlobId, MemoryId};
use crate::limits::{PIECE_BYTES, PIECES_MAX};
use crate::rolling::Rolling;
use crate::store::Store;
use crate::tables::blobs::BlobRecord;
use crate::tables::memories::{AssetRecord, AssetSource};
use ic_stable_structures::Memory;

/// The heap is read in runs of this size, bytes.
const RUN_BYTES: usize = 65_536;

/// Pieces of an asset of this length that can be certified; none where one answer holds it.
pub fn pieces_of(len: u64) -> usize {
    if len <= PIECE_BYTES {
        return 0;
    }
    usize::try_from(len.div_ceil(PIECE_BYTES)).map_or(PIECES_MAX, |pieces| pieces.min(PIECES_MAX))
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The digests of an asset's first pieces, as many as are known.
    pub fn pieces(&self, id: MemoryId, asset: AssetId) -> Vec<Digest> {
        let bytes = self.certified.pieces(id, asset);
        bytes.chunks_exact(32).map(|digest| digest.try_into().expect("32 bytes")).collect()
    }

    /// Puts a memory on the list: somebody wants pieces of its large assets. O(log list).
    pub fn want_pieces(&mut self, id: MemoryId) {
        self.certified.queue(PIECES_TAG, id.0);
    }

    /// Hashes at most `most` pieces that somebody wants, and puts their memories on the list of those to look at again.
    /// Gives back how many. O(bytes of the pieces).
    pub fn hash_pieces(&mut self, most: usize) -> usize {
        let mut left = most;
        while left > 0 {
            let Some(id) = self.certified.first_wanted() else { break };
            let assets = self.memories.get(id).map_or_else(Vec::new, |record| record.assets);
            let before = left;
            let done = assets.iter().all(|asset| self.hash_pieces_of(id, asset, &mut left));
            if before > left {
                self.certified.queue_memory(id);
            }
            if !done {
                break;
            }
            self.certified.pieces_done(id);
        }
        most - left
    }

    /// False where there is more to hash than was left to do.
    fn hash_pieces_of(&mut self, id: MemoryId, asset: &AssetRecord, left: &mut usize) -> bool {
        let AssetSource::Blob { blob, len, .. } = asset.source else { return true };
        let mut digests = self.certified.pieces(id, AssetId(asset.id));
        let missing = pieces_of(len) - digests.len() / 32;
        let now = missing.min(*left);
        if now > 0 {
            let blob = self.blobs.get(BlobId(blob)).expect("a referenced blob is there");
            if blob.elsewhere().is_some() {
                return true;
            }
            for _ in 0..now {
                let at = (digests.len() / 32) as u64 * PIECE_BYTES;
                digests.extend(self.hash_piece(&blob, at, PIECE_BYTES.min(len - at)));
            }
            self.certified.put_pieces(id, AssetId(asset.id), digests);
            *left -= now;
        }
        now == missing
    }

    pub(crate) fn hash_piece(&self, blob: &BlobRecord, at: u64, len: u64) -> Digest {
        let extents = self.blob_runs(blob, at, len);
        let (mut hash, mut run, mut done) = (Rolling::new(), vec![0; RUN_BYTES], 0);
        while done < len {
            let now = usize::try_from(len - done).map_or(RUN_BYTES, |rest| rest.min(RUN_BYTES));
            self.heap.read(&extents, done, &mut run[..now]);
            hash.update(&run[..now]);
            done += now as u64;
        }
        hash.digest()
    }
}
