//! HTTP plans for `/asset/…` and the site: who may see what, which bytes, which headers. Owns no socket and reads no blob;
//! the plan itself is in `http/plan.rs`, the site's in `http/site.rs`, headers in `http/headers.rs`, those of any web app's files in
//! `http/page.rs`, ranges in `http/range.rs`, entity tags in `http/condition.rs`, certification in `http/certify.rs`, the text form of tokens
//! in `http/token.rs`, what a link's address tells in `http/preview.rs`.

pub(crate) mod certify;
pub mod condition;
mod headers;
pub mod page;
pub(crate) mod plan;
pub mod preview;
mod range;
pub(crate) mod site;
pub(crate) mod token;

pub use keepsake_core::objects::ObjectRange;

/// The parts of an HTTP request that decide its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AssetRequest {
    /// Upper-case method, `GET` or `HEAD`; others get 405.
    pub method: String,
    /// Path and query as sent: `/asset/mem_1/thumbnail?token=…`, `/index.html`.
    pub url: String,
    /// `Range` header.
    pub range: Option<String>,
    /// `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// `If-Range` header.
    pub if_range: Option<String>,
    /// `Sec-Fetch-Dest` header: what the browser will do with the answer.
    pub destination: Option<String>,
    /// `Service-Worker` header: the browser asks for a service worker's script.
    pub service_worker: Option<String>,
}

/// A contiguous run of bytes in the blob heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapRange {
    /// Offset in the heap memory, bytes.
    pub offset: u64,
    /// Length, bytes.
    pub len: u64,
}

/// A stretch of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRange {
    /// The blob's number.
    pub blob: u64,
    /// Offset in the blob, bytes.
    pub offset: u64,
    /// Length, bytes.
    pub len: u64,
}

/// Where a stretch of a blob lies: it may move into the bucket while it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobPlace {
    /// In the heap, in order: all of it, or its first 8 MiB.
    Heap(Vec<HeapRange>),
    /// All of it in the host's bucket.
    Bucket(ObjectRange),
}

/// The bytes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetBody {
    /// In the answer itself.
    Bytes(Vec<u8>),
    /// In the host's bucket: it sends whoever asks there, or fetches them.
    Bucket(ObjectRange),
    /// Of a blob: the host streams them.
    Heap {
        /// Which bytes they are, whatever happens meanwhile.
        blob: BlobRange,
        /// Where the first of them lie now, in order: all, or 8 MiB. [`Service::blob_place`](crate::Service::blob_place)
        /// tells it later, and of the others.
        runs: Vec<HeapRange>,
    },
}

/// The answer to an asset request. For HEAD the headers are those of GET and the body is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetResponse {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case and their values. `content-length` is among them, but for 304.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: AssetBody,
}
