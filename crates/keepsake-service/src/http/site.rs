//! The answer to `GET|HEAD` of a page: a file of the site. Owns the way from a path to it; the site itself is the core's
//! ([`keepsake_core::site`]), its headers are in `page.rs`, what is certified of it in `certify/site.rs`.

use super::condition::is_known;
use super::page::{Connect, headers};
use super::plan::{Whole, heap_body};
use super::{AssetBody, AssetRequest, AssetResponse, BlobRange};
use data_encoding::HEXLOWER;
use ic_stable_structures::Memory;
use keepsake_core::Store;
use keepsake_core::site::SiteFile;

/// The file at `/`.
const INDEX: &str = "index.html";
/// None where the site has no such file.
pub(super) fn answer<R: Memory, H: Memory>(
    store: &Store<R, H>,
    path: &str,
    request: &AssetRequest,
) -> Option<AssetResponse> {
    let site = store.site();
    let file = find(&site.files, path)?;
    let whole = whole(file);
    if request.if_none_match.as_deref().is_some_and(|tags| is_known(tags, &whole.etag)) {
        let body = AssetBody::Bytes(Vec::new());
        return Some(AssetResponse { status: 304, headers: whole.headers, body });
    }
    let body = heap_body(store, BlobRange { blob: file.blob, offset: 0, len: file.len });
    Some(AssetResponse { status: 200, headers: whole.sent(), body })
}

/// The file that a path without query names. Files are in the order of their paths.
pub(super) fn find<'a>(files: &'a [SiteFile], path: &str) -> Option<&'a SiteFile> {
    let name = match path.strip_prefix('/')? {
        "" => INDEX,
        name => name,
    };
    files.binary_search_by(|file| file.path.as_str().cmp(name)).ok().map(|at| &files[at])
}

/// The paths without their first slash that show the file.
pub(super) fn names(file: &SiteFile) -> impl Iterator<Item = &str> {
    let also = if file.path == INDEX { Some("") } else { None };
    also.into_iter().chain([file.path.as_str()])
}

/// The paths of all addresses that show a file. O(files).
pub(crate) fn paths<R: Memory, H: Memory>(store: &Store<R, H>) -> Vec<String> {
    store.site().files.iter().flat_map(names).map(|name| format!("/{name}")).collect()
}

/// All of a file, as `GET` without conditions answers it.
pub(super) fn whole(file: &SiteFile) -> Whole {
    // Weak: whoever passes the file on may compress it.
    let etag = format!("W/\"{}\"", HEXLOWER.encode(&file.sha256[..16]));
    Whole {
        headers: headers(&file.path, &file.mime_type, &etag, Connect::OriginAndInternetComputer),
        etag,
        len: file.len,
        sha256: *file.sha256,
        fits: true,
        pieces: Vec::new(),
    }
}
