//! The port between the engine and what it runs. Owns no rule.
//!
//! The engine needs one thing only from the service: that all its state is in the two memories. The first
//! implementation is [`Keepsake`]; the tests' one panics and waits on request.

use crate::engine::message::ChunkMessage;
use crate::engine::options::EngineOptions;
use crate::storage::heap_memory::{SnapshotHeap, WriterHeap};
use crate::storage::pages::WriterPages;
use crate::storage::snapshot::SnapshotMemory;
use ic_stable_structures::Memory;
use keepsake_service::endpoints;
use keepsake_service::http::preview::Preview;
use keepsake_service::http::{AssetRequest, AssetResponse, BlobPlace, BlobRange, HeapRange, ObjectRange};
use keepsake_service::{
    Call, Install, Kind, OpenError, Principal, Quotas, RecordLimits, Reject, Reply, SITE_UPDATE, Service,
    Settings, Tick, TicketKey, Upkeep,
};
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Runs of the heap from an offset on that nothing uses and nobody sees, at most `most`.
    fn free_runs(&self, from: u64, most: usize) -> Vec<HeapRange>;
    /// The paths of addresses that show a file of the site, where an update of `method` may have changed them.
    fn site_after(&self, method: &str) -> Option<Vec<String>>;
    /// The paths of addresses that show a file of the site.
    fn site(&self) -> Vec<String>;
}

/// An open program on a reader's thread.
pub(crate) trait Reading {
    fn query(&self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject>;
    fn asset(&self, call: &Call, request: &AssetRequest) -> AssetResponse;
    /// Where the bytes that a query asks for lie in the bucket.
    fn elsewhere(&self, call: &Call, method: &str, arg: &[u8]) -> Option<ObjectRange>;
    /// What the link at this path of an address tells.
    fn preview(&self, call: &Call, path: &str) -> Option<Preview>;
    /// Where a stretch of a blob lies; none when the blob is gone.
    fn place(&self, range: &BlobRange) -> Option<BlobPlace>;
    /// Opens upload tickets.
    fn ticket_key(&self) -> Option<TicketKey>;
    /// Who may see every session.
    fn controllers(&self) -> Vec<Principal>;
}

/// The real one.
pub(crate) struct Keepsake {
    /// What a new store is told.
    fresh: Install,
    /// What the operator gave at this start.
    settings: Settings,
    /// There is a bucket, for originals from this length on, bytes.
    s3_from_len: Option<u64>,
    /// They are in the store: a program that is opened again, after a rollback, goes by what is there.
    are_told: AtomicBool,
}

/// Upper bound of the heap of a new store, bytes: as much as the largest canister may hold, so that what fits here can move
/// there.
const HEAP_BYTES_MAX: u64 = 500 << 30;

impl Keepsake {
    pub(crate) fn new(options: &EngineOptions, token_secret: [u8; 32]) -> Self {
        let fresh = Install {
            canister_id: options.canister_id,
            controllers: Vec::new(),
            token_secret,
            heap_bytes_max: HEAP_BYTES_MAX,
            quotas: Quotas::default(),
            records: RecordLimits::default(),
            upkeep: Upkeep::default(),
            admission: None,
            invited_by_default: options.invited_by_default,
            attestors: Vec::new(),
            gate: None,
            // Agents trust the node's key; no gateway asks for proofs.
            certifies: false,
        };
        Self {
            fresh,
            settings: options.settings.clone(),
            s3_from_len: options.s3_from_len,
            are_told: AtomicBool::new(false),
        }
    }

    /// The service with what this host has.
    fn equipped<R: Memory, H: Memory>(&self, service: Service<R, H>) -> Service<R, H> {
        let service = service.with_put_road(PUT_ROAD).with_previews();
        match self.s3_from_len {
            Some(from_len) => service.with_bucket(from_len),
            None => service,
        }
    }

    /// What the store is told now.
    fn install(&self, records: WriterPages, heap: WriterHeap) -> Result<Install, OpenError> {
        let (stored, is_new) = match Service::open_snapshot(records, heap) {
            Ok(service) => (self.fresh.clone().stored(service.store().config()), false),
            // It is empty, or something else, which opening it to write finds out.
            Err(OpenError::NotAStore) => (self.fresh.clone(), true),
            Err(error) => return Err(error),
        };
        if self.are_told.load(Ordering::Relaxed) {
            return Ok(stored);
        }
        let changes = if is_new { Vec::new() } else { self.settings.changes(&stored) };
        if !changes.is_empty() {
            tracing::warn!(
                changes = %changes.join(", "),
                "options of this start change what the store was told before, maybe by `keepsake admin set`: to keep what is set \
                 there, start without them"
            );
        }
        Ok(self.settings.clone().over(stored))
    }
}

/// A key that is a device of an account does not control the host.
fn warn_of_devices(controllers: &[Principal], account_of: impl Fn(&Principal) -> Option<Principal>) {
    for (key, account) in controllers.iter().filter_map(|key| Some((key, account_of(key)?))) {
        tracing::warn!(%key, %account, "a controller is a device of an account, so it controls nothing: name that account instead");
    }
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
        let install = self.install(records.clone(), heap.clone())?;
        let service = Service::open(records, heap, &install)?;
        if !self.are_told.load(Ordering::Relaxed) {
            warn_of_devices(&install.controllers, |key| service.store().controller_by_account(key));
        }
        // The engine does not start before this is durable.
        self.are_told.store(true, Ordering::Relaxed);
        Ok(Box::new(self.equipped(service)))
    }

    fn open_snapshot(
        &self,
        records: SnapshotMemory,
        heap: SnapshotHeap,
    ) -> Result<Box<dyn Reading>, OpenError> {
        Ok(Box::new(self.equipped(Service::open_snapshot(records, heap)?)))
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

    fn free_runs(&self, from: u64, most: usize) -> Vec<HeapRange> {
        let runs = self.store().heap().free_runs_from(from, most);
        runs.into_iter().map(|(offset, len)| HeapRange { offset, len }).collect()
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

    fn elsewhere(&self, call: &Call, method: &str, arg: &[u8]) -> Option<ObjectRange> {
        Service::elsewhere(self, call, method, arg)
    }

    fn preview(&self, call: &Call, path: &str) -> Option<Preview> {
        Service::preview(self, call, path)
    }

    fn place(&self, range: &BlobRange) -> Option<BlobPlace> {
        self.blob_place(range)
    }

    fn ticket_key(&self) -> Option<TicketKey> {
        Service::ticket_key(self)
    }

    fn controllers(&self) -> Vec<Principal> {
        self.store().config().controllers.clone()
    }
}
