//! What an operator or a test decides about the engine. Owns the defaults and their reasons.

use crate::engine::clock::Clock;
use crate::engine::ledger::AnswerLimits;
use keepsake_service::{Principal, Settings};
use std::time::Duration;

/// Options of [`crate::engine::Engine::open`].
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The canister id that the service answers as.
    pub canister_id: Principal,
    /// What changes of what the store was told before, or of the defaults where it is new.
    pub settings: Settings,
    /// Where the operator never said who may come in: only who was invited.
    pub invited_by_default: bool,
    /// The node has a bucket: clients should send originals there from this length on, bytes.
    pub s3_from_len: Option<u64>,
    /// Free runs of the heap go back to the disk, as what lay there moves into the bucket.
    pub gives_back_free_runs: bool,
    /// Host time.
    pub clock: Clock,
    /// Pause between two rounds of housekeeping.
    pub tick_interval: Duration,
    /// Messages that may wait; more are refused.
    pub queue_messages_max: usize,
    /// Messages in one commit.
    pub batch_messages_max: usize,
    /// Bytes of changed record pages in one commit.
    pub batch_bytes_max: usize,
    /// The writer's own page cache, bytes.
    pub page_cache_bytes: usize,
    /// The readers' page cache, bytes.
    pub readers_cache_bytes: usize,
    /// redb's cache, bytes; half of it buffers writes.
    pub records_cache_bytes: usize,
    /// Disk space that the heap leaves free, so that records can be committed when the heap is full.
    pub reserve_bytes: u64,
    /// Disk space in a file of its own, which only what makes room may take when the disk is full.
    pub freeing_reserve_bytes: u64,
    /// Bounds of the answers that are recorded.
    pub answers: AnswerLimits,
    /// Threads that run queries.
    pub queries_running_max: usize,
    /// Queries that wait for such a thread; more are refused, and so is more than half of it for one peer.
    pub queries_max: usize,
    /// Streams of assets that may read ahead, in larger blocks.
    pub read_ahead_max: usize,
}

impl EngineOptions {
    /// Defaults for a node that answers as `canister_id`. They keep the engine's own memory below
    /// 64 MiB: 16 MiB per cache, 8 MiB per batch and two batches. What waits in the queue has its room from
    /// [`crate::admission`].
    pub fn new(canister_id: Principal) -> Self {
        Self {
            canister_id,
            settings: Settings::default(),
            invited_by_default: false,
            s3_from_len: None,
            gives_back_free_runs: false,
            clock: Clock::system(),
            tick_interval: Duration::from_secs(5),
            queue_messages_max: 4096,
            batch_messages_max: 256,
            batch_bytes_max: 8 << 20,
            page_cache_bytes: 16 << 20,
            readers_cache_bytes: 16 << 20,
            records_cache_bytes: 16 << 20,
            reserve_bytes: 32 << 20,
            freeing_reserve_bytes: 32 << 20,
            answers: AnswerLimits::default(),
            queries_running_max: std::thread::available_parallelism()
                .map_or(4, |cores| cores.get() * 2)
                .max(4),
            queries_max: 1024,
            read_ahead_max: 128,
        }
    }
}
