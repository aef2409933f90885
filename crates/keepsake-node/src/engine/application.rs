//! The port between the engine and what it runs. Owns no rule.
//!
//! The engine needs one thing only from the service: that all its state is in the two memories. The first
//! implementation is [`Keepsake`]; the tests' one panics and waits on request.

use crate::engine::message::ChunkMessage;
use crate::storage::heap_memory::{SnapshotHeap, WriterHeap};
use crate::storage::pages::WriterPages;
use crate::storage::snapshot::SnapshotMemory;
use keepsake_service::endpoints;
use keepsake_service::http::{AssetRequest, AssetResponse, BlobRange, HeapRange};
use keepsake_service::{
    Call, Install, Kind, OpenError, Reject, Reply, SITE_UPDATE, Service, Tick, TicketKey,
};

/// Chunks come by `PUT` of this path and the number of their session.
pub(crate) const PUT_ROAD: &str = "/upload/";

/// What the engine must know of a method before it runs it as an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Changes nothing and is for those who have a key: no answer is recorded.
    Query,
    /// Changes nothing, for everybody: no answer is recorded.
    Harmless,
    /// Adds or changes something.
    Update,
    /// Makes room: runs where there is none.
    Freeing,
}

/// Opens the program over the engine's memories.
pub(crate) trait Application: Send + Sync + 'static {
    /// The class of `method`; one that there is not is harmless.
    fn class(&self, method: &str) -> Class;

    /// Why an update of `method` with an argument so long, bytes, is not even taken in; none where it is.
    fn refuse(&self, method: &str, argument_bytes: usize) -> Option<Reject>;

    /// To write; runs as a message and is called again after each rollback.
    fn open(&self, records: WriterPages, heap: WriterHeap) -> Result<Box<dyn Writing>, OpenError>;

    /// To read one snapshot.
    fn open_snapshot(
        &self,
        records: SnapshotMemory,
        heap: SnapshotHeap,
    ) -> Result<Box<dyn Reading>, OpenError>;
}

/// An open program on the writer's thread.
pub(crate) trait Writing {
    fn update(&mut self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject>;
    /// Takes a chunk that came without an envelope: the answer is that of `uploads_put_chunk`.
    fn put(&mut self, call: &Call, chunk: &ChunkMessage) -> Reply;
    fn tick(&mut self, call: &Call) -> Tick;
    /// Bytes of the heap that something uses lie below this.
    fn heap_end(&self) -> u64;
    /// The paths of addresses that show a file of the site, where an update of `method` may have changed them.
    fn site_after(&self, method: &str) -> Option<Vec<String>>;
    /// The paths of addresses that show a file of the site.
    fn site(&self) -> Vec<String>;
}

/// An open program on a reader's thread.
pub(crate) trait Reading {
    fn query(&self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject>;
    fn asset(&self, call: &Call, request: &AssetRequest) -> AssetResponse;
    /// Where a stretch of a blob lies; none when the blob is gone.
    fn runs(&self, range: &BlobRange) -> Option<Vec<HeapRange>>;
    /// Opens upload tickets.
    fn ticket_key(&self) -> Option<TicketKey>;
}

/// The real one.
pub(crate) struct Keepsake {
    pub(crate) install: Install,
}

impl Application for Keepsake {
    fn class(&self, method: &str) -> Class {
        match endpoints::kind(method) {
            // Answers a gateway; what it queues is for hosts that certify.
            Some(Kind::Update) if method == "http_request_update" => Class::Harmless,
            Some(Kind::Update) if endpoints::is_freeing(method) => Class::Freeing,
            Some(Kind::Update) => Class::Update,
            Some(Kind::Query) => Class::Query,
            None => Class::Harmless,
        }
    }

    fn refuse(&self, method: &str, argument_bytes: usize) -> Option<Reject> {
        let is_too_long = argument_bytes > endpoints::argument_bytes_max(method);
        is_too_long.then(|| Reject::argument_too_long(method, argument_bytes))
    }

    fn open(&self, records: WriterPages, heap: WriterHeap) -> Result<Box<dyn Writing>, OpenError> {
        Ok(Box::new(Service::open(records, heap, &self.install)?.with_put_road(PUT_ROAD)))
    }

    fn open_snapshot(
        &self,
        records: SnapshotMemory,
        heap: SnapshotHeap,
    ) -> Result<Box<dyn Reading>, OpenError> {
        Ok(Box::new(Service::open_snapshot(records, heap)?.with_put_road(PUT_ROAD)))
    }
}

impl Writing for Service<WriterPages, WriterHeap> {
    fn update(&mut self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        Service::update(self, call, method, arg)
    }

    fn put(&mut self, call: &Call, chunk: &ChunkMessage) -> Reply {
        Service::put(self, call, chunk.session, chunk.index, &chunk.bytes)
    }

    fn tick(&mut self, call: &Call) -> Tick {
        Service::tick(self, call)
    }

    fn heap_end(&self) -> u64 {
        self.store().heap().end()
    }

    fn site_after(&self, method: &str) -> Option<Vec<String>> {
        (method == SITE_UPDATE).then(|| self.site_paths())
    }

    fn site(&self) -> Vec<String> {
        self.site_paths()
    }
}

impl Reading for Service<SnapshotMemory, SnapshotHeap> {
    fn query(&self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        Service::query(self, call, method, arg)
    }

    fn asset(&self, call: &Call, request: &AssetRequest) -> AssetResponse {
        Service::asset(self, call, request)
    }

    fn runs(&self, range: &BlobRange) -> Option<Vec<HeapRange>> {
        self.blob_runs(range)
    }

    fn ticket_key(&self) -> Option<TicketKey> {
        Service::ticket_key(self)
    }
}
