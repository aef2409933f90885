//! The answer to `GET|HEAD /asset/{memory}/{asset id or kind}`: rights, conditions, range, headers, bytes.
//!
//! A private asset needs `?token=`. Without a token, or with one that is wrong or expired, the answer is 401
//! whether the thing exists or not; with a live token for something else, 403.
//! Source: RFC 9110 (sections 13 and 14), RFC 9111.

use super::condition::is_known;
use super::headers::{self, Caching, Headers};
use super::range::{Asked, parse};
use super::{AssetBody, AssetRequest, AssetResponse, BlobPlace, BlobRange, HeapRange, site, token};
use data_encoding::HEXLOWER;
use ic_stable_structures::Memory;
use keepsake_core::blob::BlobRecord;
use keepsake_core::ids::{AssetId, BlobId, CapsuleId, MemoryId};
use keepsake_core::limits::RESPONSE_BYTES_MAX;
use keepsake_core::memory::{AssetBytes, AssetChoice, AssetKind, AssetRecord, AssetSource, MemoryRecord};
use keepsake_core::token::TokenGrant;
use keepsake_core::{Call, Store};

pub(super) const NO_SUCH_PAGE: &str = "no such page; assets are at /asset/{memory}/{asset}\n";

/// Bytes that are planned at once: a file that came in the worst order has thousands of runs, and whoever asks for it
/// makes the host look for no more of them, and hold no more, than it is about to send.
pub(crate) const PLANNED_BYTES_MAX: u64 = 8 << 20;

/// Plans the answer. `body_bytes_max`: a host that answers in one message gets no more than this; a longer body
/// becomes a 206 with its first part.
pub(crate) fn answer<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    request: &AssetRequest,
    body_bytes_max: Option<u64>,
) -> AssetResponse {
    let path = request.url.split('?').next().unwrap_or_default();
    let answer = if !is_read(request) || is_asset(path) && headers::runs(request) {
        refused(request)
    } else if is_asset(path) {
        match find(store, call, request) {
            Err(refused) => refused,
            Ok(found) => serve(store, request, &found, body_bytes_max),
        }
    } else {
        site::answer(store, path, request).unwrap_or_else(no_such_page)
    };
    if request.method == "HEAD" {
        AssetResponse { body: AssetBody::Bytes(Vec::new()), ..answer }
    } else {
        answer
    }
}

/// The method only reads.
pub(super) fn is_read(request: &AssetRequest) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD")
}

/// The answer to a request that changes something, or would run what was uploaded.
pub(super) fn refused(request: &AssetRequest) -> AssetResponse {
    if is_read(request) {
        return plain(403, "an uploaded file is shown or saved, and never run or built on\n");
    }
    let mut refused = plain(405, "only GET and HEAD\n");
    refused.headers.push(("allow", "GET, HEAD".into()));
    refused
}

/// Puts the bytes of planned runs behind what `into` holds, for a host that answers in one message.
pub(crate) fn append<R: Memory, H: Memory>(store: &Store<R, H>, runs: &[HeapRange], into: &mut Vec<u8>) {
    let extents: Vec<_> =
        runs.iter().map(|run| keepsake_core::heap::Extent { offset: run.offset, len: run.len }).collect();
    let len = usize::try_from(runs.iter().map(|run| run.len).sum::<u64>()).expect("an answer fits memory");
    let front = into.len();
    into.resize(front + len, 0);
    store.heap().read(&extents, 0, &mut into[front..]);
}

struct Found {
    asset: AssetBytes,
    caching: Caching,
}

fn find<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    request: &AssetRequest,
) -> Result<Found, AssetResponse> {
    let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let (memory, asset) = parse_path(path).ok_or_else(no_such_page)?;
    let stored = MemoryId::parse(memory).and_then(|id| Some((id, store.memory_read_unchecked(id)?)));
    let public = stored.as_ref().is_some_and(|(_, record)| is_public(store, record));
    let grant = if public { None } else { Some(grant(store, call, query)?) };
    let Some((id, record)) = stored.filter(|(id, _)| grant.as_ref().is_none_or(|g| g.memory == *id)) else {
        return Err(not_covered());
    };
    let choice = choice(asset);
    match choice.and_then(|choice| store.asset_of(id, &record, choice).ok()) {
        Some(asset) if grant.as_ref().is_none_or(|g| g.covers(&asset.record)) => {
            let is_fixed = matches!(choice, Some(AssetChoice::Id(_)));
            Ok(Found { asset, caching: caching(public, is_fixed) })
        }
        None if grant.as_ref().is_none_or(|g| g.names(choice)) => {
            Err(plain(404, "the memory has no such asset\n"))
        }
        Some(_) | None => Err(not_covered()),
    }
}

fn grant<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    query: &str,
) -> Result<TokenGrant, AssetResponse> {
    let given = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    let bytes = given.and_then(token::bytes);
    bytes.and_then(|bytes| store.token_open(call, &bytes)).ok_or_else(|| {
        plain(
            401,
            "a private asset needs ?token= from mint_http_token; this one is missing, wrong or expired\n",
        )
    })
}

fn not_covered() -> AssetResponse {
    plain(403, "the token is for another asset\n")
}

/// The answer for every page that is not there.
pub(super) fn no_such_page() -> AssetResponse {
    plain(404, NO_SUCH_PAGE)
}

/// The path is one of those that only assets have.
pub(super) fn is_asset(path: &str) -> bool {
    path == "/asset" || path.starts_with("/asset/")
}

pub(super) fn parse_path(path: &str) -> Option<(&str, &str)> {
    let (memory, asset) = path.strip_prefix("/asset/")?.split_once('/')?;
    (!memory.is_empty() && !asset.is_empty() && !asset.contains('/')).then_some((memory, asset))
}

fn choice(asset: &str) -> Option<AssetChoice> {
    let by_kind = AssetKind::parse(asset).map(AssetChoice::Kind);
    by_kind.or_else(|| AssetId::parse(asset).map(AssetChoice::Id))
}

/// All of an asset, as `GET` without conditions answers it.
pub(super) struct Whole {
    /// Entity tag.
    pub(super) etag: String,
    /// Headers of 304; those of other answers say the length too.
    pub(super) headers: Headers,
    /// Bytes of the body.
    pub(super) len: u64,
    /// SHA-256 of the body.
    pub(super) sha256: [u8; 32],
    /// It fits one answer.
    pub(super) fits: bool,
    /// Where it does not: SHA-256 of its first pieces, as many as are known.
    pub(super) pieces: Vec<[u8; 32]>,
}

impl Whole {
    /// Headers of 200.
    pub(super) fn sent(&self) -> Headers {
        let mut headers = self.headers.clone();
        headers.push(("content-length", self.len.to_string()));
        headers
    }

    /// Headers of 206 with some of the bytes.
    pub(super) fn part(&self, start: u64, len: u64) -> Headers {
        let mut headers = self.headers.clone();
        headers.push(("content-length", len.to_string()));
        headers.push(("content-range", content_range(start, start + len, self.len)));
        headers
    }
}

fn content_range(start: u64, end: u64, len: u64) -> String {
    format!("bytes {start}-{}/{len}", end - 1)
}

/// Length and SHA-256 of an asset; none where the bytes are elsewhere.
pub(super) fn stored(asset: &AssetRecord) -> Option<(u64, [u8; 32])> {
    match &asset.source {
        AssetSource::Inline { len, sha256 } | AssetSource::Blob { len, sha256, .. } => Some((*len, **sha256)),
        AssetSource::External { .. } => None,
    }
}

/// None where the bytes are elsewhere.
pub(super) fn whole(asset: &AssetRecord, caching: Caching) -> Option<Whole> {
    let (len, sha256) = stored(asset)?;
    let etag = etag(&sha256);
    let headers = headers::of_asset(&asset.meta, &etag, caching);
    let fits = len <= u64::from(RESPONSE_BYTES_MAX);
    Some(Whole { etag, headers, len, sha256, fits, pieces: Vec::new() })
}

/// `is_fixed`: the address names one asset, not a kind.
pub(super) fn caching(public: bool, is_fixed: bool) -> Caching {
    match (public, is_fixed) {
        (false, _) => Caching::Private,
        (true, true) => Caching::Fixed,
        (true, false) => Caching::Current,
    }
}

/// Everybody may see this memory.
pub(super) fn is_public<R: Memory, H: Memory>(store: &Store<R, H>, record: &MemoryRecord) -> bool {
    store.is_public(CapsuleId(record.capsule))
}

/// The id of an asset, as addresses have it.
pub(super) fn asset_name(asset: &AssetRecord) -> String {
    AssetId(asset.id).to_string()
}

fn etag(sha256: &[u8]) -> String {
    format!("\"{}\"", HEXLOWER.encode(sha256))
}

fn serve<R: Memory, H: Memory>(
    store: &Store<R, H>,
    request: &AssetRequest,
    found: &Found,
    body_bytes_max: Option<u64>,
) -> AssetResponse {
    let record = &found.asset.record;
    if body_bytes_max.is_some() && is_elsewhere(store, record) {
        return at_the_gate(store, request);
    }
    let Some(whole) = whole(record, found.caching) else {
        // Sending the browser there would lend this origin's name to any address.
        return plain(404, "the bytes are kept elsewhere: memories_read tells where\n");
    };
    if request.if_none_match.as_deref().is_some_and(|tags| is_known(tags, &whole.etag)) {
        // No content-length: it would have to be that of a 200 (RFC 9110, section 8.6).
        return AssetResponse { status: 304, headers: whole.headers, body: AssetBody::Bytes(Vec::new()) };
    }
    let len = whole.len;
    let asked = asked_range(request, &whole.etag, len);
    let (status, start, end) = match (asked, body_bytes_max) {
        (Asked::Beyond, _) => {
            let mut refused = plain(416, "the range starts beyond the end\n");
            refused.headers.push(("content-range", format!("bytes */{len}")));
            return refused;
        }
        (Asked::Part { start, end }, most) => (206, start, most.map_or(end, |most| end.min(start + most))),
        (Asked::Whole, Some(most)) if len > most && request.method == "GET" => (206, 0, most),
        (Asked::Whole, _) => (200, 0, len),
    };
    let headers = if status == 206 { whole.part(start, end - start) } else { whole.sent() };
    AssetResponse { status, headers, body: body(store, &found.asset, start, end) }
}

/// Bytes of an asset that lies here.
pub(super) fn body<R: Memory, H: Memory>(
    store: &Store<R, H>,
    asset: &AssetBytes,
    start: u64,
    end: u64,
) -> AssetBody {
    let (AssetSource::Blob { blob, .. }, None) = (&asset.record.source, &asset.inline) else {
        let bytes = asset.inline.as_deref().expect("an inline asset has its bytes");
        let at = |offset: u64| usize::try_from(offset).expect("inline bytes fit memory");
        return AssetBody::Bytes(bytes[at(start)..at(end)].to_vec());
    };
    heap_body(store, BlobRange { blob: *blob, offset: start, len: end - start })
}

/// A body from a blob that something refers to.
pub(super) fn heap_body<R: Memory, H: Memory>(store: &Store<R, H>, blob: BlobRange) -> AssetBody {
    let record = store.blob_unchecked(BlobId(blob.blob)).expect("a referenced blob is there");
    match store.object_range(&record, blob.offset, blob.len) {
        Some(object) => AssetBody::Bucket(object),
        None => AssetBody::Heap { blob, runs: runs_of(store, &record, &blob) },
    }
}

/// The bytes of an asset are in the host's bucket.
pub(super) fn is_elsewhere<R: Memory, H: Memory>(store: &Store<R, H>, asset: &AssetRecord) -> bool {
    let AssetSource::Blob { blob, .. } = asset.source else { return false };
    store.blob_unchecked(BlobId(blob)).is_some_and(|blob| blob.elsewhere().is_some())
}

/// Where the first bytes lie now, of the heap at most [`PLANNED_BYTES_MAX`]; none when the blob is gone. A number is never given
/// to another blob.
pub(crate) fn place<R: Memory, H: Memory>(store: &Store<R, H>, range: &BlobRange) -> Option<BlobPlace> {
    let record = store.blob_unchecked(BlobId(range.blob))?;
    Some(match store.object_range(&record, range.offset, range.len) {
        Some(object) => BlobPlace::Bucket(object),
        None => BlobPlace::Heap(runs_of(store, &record, range)),
    })
}

fn runs_of<R: Memory, H: Memory>(
    store: &Store<R, H>,
    record: &BlobRecord,
    range: &BlobRange,
) -> Vec<HeapRange> {
    let runs = store.blob_runs(record, range.offset, range.len.min(PLANNED_BYTES_MAX));
    runs.into_iter().map(|run| HeapRange { offset: run.offset, len: run.len }).collect()
}

/// The program that keeps the bucket's keys asks once more who may see it, and has the bytes. Its address is the operator's word.
fn at_the_gate<R: Memory, H: Memory>(store: &Store<R, H>, request: &AssetRequest) -> AssetResponse {
    let Some(gate) = &store.config().gate else {
        return plain(404, "the bytes are in the bucket of this service, which has no road to them here\n");
    };
    let mut answer = plain(307, "the bytes are at this service's gate\n");
    answer.headers.push(("location", format!("{}{}", gate.url, request.url)));
    answer
}

/// A range counts for GET only, and only while `If-Range` names these bytes.
fn asked_range(request: &AssetRequest, etag: &str, len: u64) -> Asked {
    let fresh = request.if_range.as_deref().is_none_or(|tag| tag.trim() == etag);
    match request.range.as_deref() {
        Some(range) if fresh && request.method == "GET" => parse(range, len),
        _ => Asked::Whole,
    }
}

fn plain(status: u16, text: &str) -> AssetResponse {
    AssetResponse { status, headers: headers::of_text(text), body: AssetBody::Bytes(text.into()) }
}
