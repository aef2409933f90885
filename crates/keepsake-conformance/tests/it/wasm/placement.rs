//! Placement on the module: whatever many callers do, nobody takes more of the heap than about twice what it sent, and all
//! of it comes back. The heap is looked at from outside, by the store's own check over a copy of stable memory.
//!
//! The core has the same property with many more runs, `keepsake-core/tests/it/placement.rs`. `KEEPSAKE_FULL=1` makes more
//! of them here too.

use super::host::{Module, ModuleTransport};
use super::module::installed;
use super::region::regions;
use candid::Principal;
use ic_stable_structures::Memory as _;
use keepsake_canister::install::Settings;
use keepsake_client::{CallError, Client};
use keepsake_conformance::api::{BeginOptions, Error, PersonRef};
use keepsake_conformance::samples::{bytes, sha256};
use keepsake_conformance::verdict::{allowed, refused};
use keepsake_service::{SESSION_TTL_NS, Service};
use keepsake_wasm_host::{Canister, SharedStableMemory, WASM_PAGE_BYTES};
use proptest::prelude::*;
use std::collections::BTreeSet;

const CALLERS: usize = 3;
/// No two files share a granule of the heap.
const GRANULE_BYTES: u64 = 4_096;
/// The heap's memory grows by as much as this at once.
const GROW_STEP_BYTES: u64 = 8 << 20;
/// Of chunks shorter than a granule, of one granule, and longer.
const CHUNK_LENGTHS: [usize; 6] = [1, 700, 3_000, 4_096, 5_000, 9_000];
const HOUR_NS: u64 = 3_600_000_000_000;
/// Time in which timers do what a message left to them.
const SETTLED_AFTER_NS: u64 = 20_000_000_000;

/// The timer comes at least so often.
const TICK_WITHIN_NS: u64 = 620_000_000_000;

type User = Client<ModuleTransport>;

/// A file that is on its way.
struct Upload {
    id: u64,
    who: usize,
    bytes: Vec<u8>,
    chunk: usize,
    came: BTreeSet<u32>,
    last_seen_ns: u64,
}

/// A file that arrived.
struct Stored {
    id: String,
    who: usize,
    bytes: Vec<u8>,
    chunk: usize,
    made_ns: u64,
}

fn whole_granules(len: usize) -> u64 {
    (len as u64).next_multiple_of(GRANULE_BYTES)
}

impl Upload {
    fn expected(&self) -> u32 {
        u32::try_from(self.bytes.len().div_ceil(self.chunk)).expect("a short file")
    }

    fn chunk(&self, index: u32) -> &[u8] {
        let from = index as usize * self.chunk;
        &self.bytes[from..self.bytes.len().min(from + self.chunk)]
    }

    /// What it may take of the heap, bytes.
    fn most(&self) -> u64 {
        let received: u64 = self.came.iter().map(|index| whole_granules(self.chunk(*index).len())).sum();
        let one_more = if self.came.is_empty() { 0 } else { whole_granules(self.chunk) };
        2 * received + one_more
    }

    fn ends_ns(&self) -> u64 {
        self.last_seen_ns + SESSION_TTL_NS
    }
}

impl Stored {
    fn most(&self) -> u64 {
        self.bytes.chunks(self.chunk).map(|chunk| whole_granules(chunk.len())).sum()
    }

    fn ends_ns(&self) -> u64 {
        self.made_ns + SESSION_TTL_NS
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Begin {
        who: usize,
        chunks: usize,
        chunk: usize,
        tail: usize,
        announced: bool,
    },
    /// So many chunks, each so far from the one before.
    Put {
        pick: usize,
        from: u32,
        step: u32,
        count: u32,
    },
    Abort(usize),
    Finish(usize),
    /// What is missing comes, and it is finished.
    Complete(usize),
    Delete(usize),
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let begin = (0..CALLERS, 1..24_usize, 0..CHUNK_LENGTHS.len(), any::<usize>(), any::<bool>());
    let put = (any::<usize>(), any::<u32>(), 1..20_u32, 1..8_u32);
    prop_oneof![
        5 => begin.prop_map(|(who, chunks, length, tail, announced)| {
            let chunk = CHUNK_LENGTHS[length];
            Operation::Begin { who, chunks, chunk, tail: 1 + tail % chunk, announced }
        }),
        12 => put.prop_map(|(pick, from, step, count)| Operation::Put { pick, from, step, count }),
        2 => any::<usize>().prop_map(Operation::Abort),
        1 => any::<usize>().prop_map(Operation::Finish),
        3 => any::<usize>().prop_map(Operation::Complete),
        2 => any::<usize>().prop_map(Operation::Delete),
        1 => (1..14_u64).prop_map(Operation::Wait),
    ]
}

/// A canister with some callers, each with a capsule, and what they know of it.
struct World {
    host: Module,
    users: Vec<(User, String)>,
    uploads: Vec<Upload>,
    stored: Vec<Stored>,
    begun: u64,
    end_most: u64,
}

impl World {
    /// All worlds of one size of heap are copies of the first.
    async fn prototype(heap_bytes_max: u64) -> Canister {
        let settings = Settings { heap_bytes_max: Some(heap_bytes_max), ..Settings::default() };
        let host = Module::of(installed(&settings));
        for who in 0..CALLERS {
            allowed(host.client_of(person(who)).capsules_create(None::<PersonRef>).await);
        }
        host.canister().fork()
    }

    fn of(canister: Canister) -> Self {
        let host = Module::of(canister);
        let users = (0..CALLERS).map(|who| (host.client_of(person(who)), format!("capsule_{}", who + 1)));
        let users = users.collect();
        Self { host, users, uploads: Vec::new(), stored: Vec::new(), begun: 0, end_most: 0 }
    }

    fn user(&self, who: usize) -> &User {
        &self.users[who].0
    }

    fn settle(&self) {
        let mut canister = self.host.canister();
        canister.advance(SETTLED_AFTER_NS);
        assert_eq!(canister.printed().into_iter().find(|line| line.contains("timer")), None);
    }

    /// A file that says a length which the heap cannot hold now is refused.
    async fn begin(&mut self, who: usize, len: usize, chunk: usize, announced: bool) {
        self.begun += 1;
        let upload = Upload {
            id: 0,
            who,
            bytes: bytes(len, self.begun),
            chunk,
            came: BTreeSet::new(),
            last_seen_ns: self.host.canister().now_ns(),
        };
        let options = BeginOptions { total_len: announced.then_some(len as u64), ..BeginOptions::default() };
        let (user, capsule) = &self.users[who];
        let key = format!("upload {}", self.begun);
        match user.uploads_begin(capsule, upload.expected(), &key, Some(options)).await {
            Ok(id) => self.uploads.push(Upload { id, ..upload }),
            Err(error) => assert!(announced && is_full(&error), "{error}"),
        }
    }

    /// Sends one chunk. False where the heap was full.
    async fn put(&mut self, at: usize, index: u32) -> bool {
        let upload = &self.uploads[at];
        match self.user(upload.who).uploads_put_chunk(upload.id, index, upload.chunk(index)).await {
            Ok(()) => {
                let now_ns = self.host.canister().now_ns();
                self.uploads[at].came.insert(index);
                self.uploads[at].last_seen_ns = now_ns;
                true
            }
            Err(error) => {
                assert!(is_full(&error), "{error}");
                false
            }
        }
    }

    async fn abort(&mut self, at: usize) {
        let upload = self.uploads.swap_remove(at);
        allowed(self.user(upload.who).uploads_abort(upload.id).await);
        self.settle();
    }

    /// Finishes a whole file; of any other it is refused.
    async fn finish(&mut self, at: usize) {
        let upload = &self.uploads[at];
        let (digest, len) = (sha256(&upload.bytes), upload.bytes.len() as u64);
        let done = self.user(upload.who).uploads_finish(upload.id, &digest, len).await;
        if upload.came.len() < upload.expected() as usize {
            return refused(done, "chunks_missing");
        }
        let (id, made_ns) = (allowed(done).blob_id, self.host.canister().now_ns());
        let Upload { who, bytes, chunk, .. } = self.uploads.swap_remove(at);
        self.stored.push(Stored { id, who, bytes, chunk, made_ns });
        self.assert_reads(self.stored.len() - 1).await;
    }

    async fn delete(&mut self, at: usize) {
        let stored = self.stored.swap_remove(at);
        allowed(self.user(stored.who).blob_delete(&stored.id).await);
        self.settle();
    }

    /// Time passes: what nobody touched for a day is gone, and nothing else.
    fn wait(&mut self, hours: u64) {
        self.host.canister().advance(hours * HOUR_NS);
        self.settle();
        // The timer may come a while after somebody's time is over: until then it is open whether that has ended.
        while self.has_ended_within(TICK_WITHIN_NS) {
            self.host.canister().advance(TICK_WITHIN_NS);
        }
        let now_ns = self.host.canister().now_ns();
        self.uploads.retain(|upload| upload.ends_ns() > now_ns);
        self.stored.retain(|stored| stored.ends_ns() > now_ns);
    }

    fn has_ended_within(&self, ns: u64) -> bool {
        let now_ns = self.host.canister().now_ns();
        let ends = self.uploads.iter().map(Upload::ends_ns).chain(self.stored.iter().map(Stored::ends_ns));
        ends.into_iter().any(|end_ns| end_ns <= now_ns && now_ns <= end_ns + ns)
    }

    async fn assert_reads(&self, at: usize) {
        let stored = &self.stored[at];
        assert!(allowed(self.user(stored.who).blob_read(&stored.id).await) == stored.bytes, "{}", stored.id);
    }

    /// The bounds: of each session by the store's own check, of all together here.
    fn assert_bounded(&mut self) {
        let regions = regions(SharedStableMemory::of(self.host.canister().stable()));
        let service = Service::open_snapshot(regions.records(), regions.heap()).expect("it holds a store");
        let (report, usage) = (service.store().check(), service.store().heap().usage());
        assert_eq!(report.violations, Vec::<String>::new());
        let most = self.uploads.iter().map(Upload::most).sum::<u64>()
            + self.stored.iter().map(Stored::most).sum::<u64>();
        assert!(report.allocated_bytes <= most, "{} bytes taken, {most} allowed", report.allocated_bytes);
        assert_eq!((usage.end, usage.limbo), (report.allocated_bytes + usage.free, 0));
        self.end_most = self.end_most.max(usage.end);
        let backed = regions.heap().size() * WASM_PAGE_BYTES;
        assert!(backed <= self.end_most + GROW_STEP_BYTES, "{backed} bytes for {}", self.end_most);
    }

    async fn run(&mut self, operation: &Operation) {
        let picked = |pick: usize, of: usize| (of > 0).then(|| pick % of);
        match *operation {
            Operation::Begin { who, chunks, chunk, tail, announced } => {
                self.begin(who, (chunks - 1) * chunk + tail, chunk, announced).await;
            }
            Operation::Put { pick, from, step, count } => {
                let Some(at) = picked(pick, self.uploads.len()) else { return };
                let expected = self.uploads[at].expected();
                for nth in 0..count.min(expected) {
                    self.put(at, (from % expected + nth * step) % expected).await;
                    self.assert_bounded();
                }
            }
            Operation::Abort(pick) => {
                if let Some(at) = picked(pick, self.uploads.len()) {
                    self.abort(at).await;
                }
            }
            Operation::Finish(pick) => {
                if let Some(at) = picked(pick, self.uploads.len()) {
                    self.finish(at).await;
                }
            }
            Operation::Complete(pick) => {
                let Some(at) = picked(pick, self.uploads.len()) else { return };
                for index in 0..self.uploads[at].expected() {
                    if !self.put(at, index).await {
                        return;
                    }
                }
                self.finish(at).await;
            }
            Operation::Delete(pick) => {
                if let Some(at) = picked(pick, self.stored.len()) {
                    self.delete(at).await;
                }
            }
            Operation::Wait(hours) => self.wait(hours),
        }
        self.assert_bounded();
    }

    /// Everything goes, and the heap is as at first.
    async fn assert_empties(&mut self) {
        while !self.uploads.is_empty() {
            self.abort(0).await;
        }
        for at in 0..self.stored.len() {
            self.assert_reads(at).await;
        }
        while !self.stored.is_empty() {
            self.delete(0).await;
        }
        self.assert_bounded();
        let regions = regions(SharedStableMemory::of(self.host.canister().stable()));
        let service = Service::open_snapshot(regions.records(), regions.heap()).expect("it holds a store");
        let usage = service.store().heap().usage();
        assert_eq!((usage.end, usage.free, usage.limbo), (0, 0, 0), "one run, and it is empty");
    }
}

fn person(who: usize) -> Principal {
    Principal::self_authenticating(who.to_le_bytes())
}

fn is_full(error: &CallError) -> bool {
    matches!(error, CallError::Refused { error: Error::ResourceExhausted, .. })
}

fn cases() -> u32 {
    if std::env::var_os("KEEPSAKE_FULL").is_some() { 400 } else { 12 }
}

/// Runs random operations in copies of a canister whose heap is so large.
fn hold(heap_bytes_max: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let prototype = runtime.block_on(World::prototype(heap_bytes_max));
    let config = ProptestConfig { cases: cases(), max_shrink_iters: 400, ..ProptestConfig::default() };
    proptest!(config, |(operations in prop::collection::vec(operation(), 1..50))| {
        runtime.block_on(async {
            let mut world = World::of(prototype.fork());
            for operation in &operations {
                world.run(operation).await;
            }
            world.assert_empties().await;
        });
    });
}

#[test]
fn nobody_takes_more_of_the_module_than_twice_what_it_sent() {
    hold(1 << 30);
}

#[test]
fn a_full_heap_of_the_module_refuses_and_loses_nothing() {
    hold(256 << 10);
}
