//! Handlers of the site. Owns their mapping only.

use super::{Query, Update};
use crate::http::certify;
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{Answer, SiteFile, SiteFileInput};
use keepsake_core::ids::BlobId;
use keepsake_core::site::NewSiteFile;
use serde_bytes::ByteBuf;

pub(super) fn set<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (files,): (Vec<SiteFileInput>,),
) -> Answer<()> {
    let file = |file: SiteFileInput| {
        // Whoever is no controller hears nothing of what is there.
        let blob = ids::blob(&file.blob_id).unwrap_or(BlobId(u64::MAX));
        NewSiteFile { path: file.path, blob, mime_type: file.mime_type }
    };
    let files = files.into_iter().map(file).collect();
    update.store.site_set(update.call, files, certify::site::seal).map_err(refuse)
}

pub(super) fn list<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Vec<SiteFile> {
    let files = query.store.site().files.into_iter();
    let file = files.map(|file| SiteFile {
        path: file.path,
        blob_id: BlobId(file.blob).to_string(),
        size: file.len,
        sha256: ByteBuf::from(file.sha256.to_vec()),
        mime_type: file.mime_type,
    });
    file.collect()
}
