//! The port between the engine and what it runs. Owns no rule.
//!
//! The engine needs one thing only from the service: that all its state is in the two memories. The first
//! implementation is [`Keepsake`]; the tests' one panics and waits on request.

use crate::storage::heap_memory::{SnapshotHeap, WriterHeap};
use crate::storage::pages::WriterPages;
use crate::storage::snapshot::SnapshotMemory;
use keepsake_service::http::{AssetRequest, AssetResponse};
use keepsake_service::{Call, Install, OpenError, Reject, Reply, Service, Tick};

/// Opens the program over the engine's memories.
pub(crate) trait Application: Send + Sync + 'static {
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
    fn tick(&mut self, call: &Call) -> Tick;
}

/// An open program on a reader's thread.
pub(crate) trait Reading {
    fn query(&self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject>;
    fn asset(&self, call: &Call, request: &AssetRequest) -> AssetResponse;
}

/// The real one.
pub(crate) struct Keepsake {
    pub(crate) install: Install,
}

impl Application for Keepsake {
    fn open(&self, records: WriterPages, heap: WriterHeap) -> Result<Box<dyn Writing>, OpenError> {
        Ok(Box::new(Service::open(records, heap, &self.install)?))
    }

    fn open_snapshot(
        &self,
        records: SnapshotMemory,
        heap: SnapshotHeap,
    ) -> Result<Box<dyn Reading>, OpenError> {
        Ok(Box::new(Service::open_snapshot(records, heap)?))
    }
}

impl Writing for Service<WriterPages, WriterHeap> {
    fn update(&mut self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        Service::update(self, call, method, arg)
    }

    fn tick(&mut self, call: &Call) -> Tick {
        Service::tick(self, call)
    }
}

impl Reading for Service<SnapshotMemory, SnapshotHeap> {
    fn query(&self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        Service::query(self, call, method, arg)
    }

    fn asset(&self, call: &Call, request: &AssetRequest) -> AssetResponse {
        Service::asset(self, call, request)
    }
}
