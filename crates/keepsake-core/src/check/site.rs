//! The part of the check that looks at what browsers are shown: the site, and the digests of pieces of large assets. Owns
//! no repair.

use super::{BytesReport, Tally};
use crate::certified::{Digest, pieces_of};
use crate::ids::{AssetId, BlobId, MemoryId};
use crate::limits::PIECE_BYTES;
use crate::site::NO_CAPSULE;
use crate::store::Store;
use crate::tables::memories::AssetSource;
use ic_stable_structures::Memory;

impl<R: Memory, H: Memory> Store<R, H> {
    /// The site's files are in order, and their blobs are its own; digests of pieces belong to an asset that has them.
    pub(super) fn check_site(&self, tally: &mut Tally) {
        let files = self.site().files;
        tally.expect(files.is_sorted_by(|a, b| a.path < b.path), || {
            "the site's paths are not in order".into()
        });
        for file in &files {
            *tally.references.entry(file.blob).or_default() += 1;
            let right = self.blobs.get(BlobId(file.blob)).is_some_and(|blob| {
                (blob.capsule, blob.len, blob.sha256) == (NO_CAPSULE, file.len, file.sha256)
            });
            tally.expect(right, || format!("{} of the site is not {}", file.path, BlobId(file.blob)));
        }
        for (memory, asset) in self.certified.pieced() {
            let name = format!("{memory}, {asset}");
            let digests = self.certified.pieces(memory, asset);
            let most = self.pieced(memory, asset).map_or(0, |(_, len)| pieces_of(len));
            let right = digests.len().is_multiple_of(32) && digests.len() / 32 <= most && !digests.is_empty();
            tally.expect(right, || format!("{name} has {} bytes of digests of {most} pieces", digests.len()));
        }
    }

    pub(super) fn check_pieces(&self, report: &mut BytesReport) {
        for (memory, asset) in self.certified.pieced() {
            let Some((blob, len)) = self.pieced(memory, asset) else { continue };
            let found = |at: u64| -> Digest { self.hash_piece(&blob, at, PIECE_BYTES.min(len - at)) };
            for (at, digest) in (0_u64..).zip(self.pieces(memory, asset)) {
                if self.heap.covers(&self.blob_runs(&blob, 0, len), len) && found(at * PIECE_BYTES) != digest
                {
                    report.violations.push(format!("{memory}, {asset}: piece {at} has another digest"));
                }
            }
        }
    }

    /// The blob of an asset, and its length.
    fn pieced(&self, memory: MemoryId, asset: AssetId) -> Option<(crate::blob::BlobRecord, u64)> {
        let record = self.memories.get(memory)?;
        let asset = record.assets.iter().find(|its| its.id == asset.0)?;
        let AssetSource::Blob { blob, len, .. } = asset.source else { return None };
        Some((self.blobs.get(BlobId(blob))?, len))
    }
}
