//! Files that lie in many pieces, on the module: what it counts to finish one, and to delete very many of them in one
//! message, stays far below what the Internet Computer runs of a message. `--nocapture` prints the counts.
//!
//! The stores are made natively, over the canister's memory map; of zeros, which take no room here. `KEEPSAKE_FULL=1` makes
//! one that is not deleted in one message.

use super::module::{module, options};
use super::region::{regions, violations};
use candid::utils::{ArgumentEncoder, encode_args};
use candid::{CandidType, Principal};
use ic_stable_structures::memory_manager::VirtualMemory;
use keepsake_canister::memory::{Heap, Regions};
use keepsake_conformance::api::{
    Answer, AssetType, BeginOptions, BulkDeleteResult, Capsule, PersonRef, PublishRequest, PublishResult,
    UploadFinishResult,
};
use keepsake_conformance::samples;
use keepsake_service::{Call, Install, Quotas, RecordLimits, Service, Upkeep};
use keepsake_wasm_host::{Canister, Options, SharedStableMemory, StableMemory};
use serde::de::DeserializeOwned;
use serde_bytes::{ByteBuf, Bytes};

/// What one message may be, with as much again to spare.
const INSTRUCTIONS_MAX: u64 = 20_000_000_000;
/// A granule, so that no two chunks share one.
const CHUNK: usize = 4_096;
static CHUNK_OF_ZEROS: [u8; CHUNK] = [0; CHUNK];
const ASSETS: [AssetType; 4] =
    [AssetType::Original, AssetType::Display, AssetType::Thumbnail, AssetType::Placeholder];

type Memory = SharedStableMemory;

fn person() -> Principal {
    Principal::self_authenticating(b"one with many runs")
}

fn is_full_run() -> bool {
    std::env::var_os("KEEPSAKE_FULL").is_some()
}

/// The service in this process, over the canister's memory map.
struct Native {
    pages: Memory,
    regions: Regions<Memory>,
    service: Service<VirtualMemory<Memory>, Heap<Memory>>,
    capsule: String,
}

impl Native {
    fn new() -> Self {
        let pages = Memory::default();
        let regions = regions(pages.clone());
        let install = Install {
            canister_id: Options::default().canister_id,
            controllers: Vec::new(),
            token_secret: [7; 32],
            heap_bytes_max: 480 << 30,
            quotas: Quotas { sessions_per_caller_max: u32::MAX, ..Quotas::default() },
            records: RecordLimits::default(),
            upkeep: Upkeep::default(),
            admission: None,
            invited_by_default: false,
            attestors: Vec::new(),
            gate: None,
            certifies: true,
        };
        let service =
            Service::open(regions.records(), regions.heap(), &install).expect("the memory is empty");
        let mut native = Self { pages, regions, service, capsule: String::new() };
        let made: Capsule = native.update("capsules_create", (None::<PersonRef>,));
        native.capsule = made.id;
        native
    }

    fn update<T: CandidType + DeserializeOwned>(&mut self, method: &str, args: impl ArgumentEncoder) -> T {
        let now_ns = Options::default().now_ns;
        let call = Call {
            caller: person(),
            now_ns,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        };
        assert!(self.regions.reserve(), "memory is 500 GiB");
        let arg = encode_args(args).expect("it encodes");
        let reply = self.service.update(&call, method, &arg).expect("it is understood");
        self.pages.commit();
        let answer: Answer<T> = candid::decode_one(&reply.bytes).expect("the answer has its type");
        answer.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// A session with so many chunks, all received and each in a run of its own but for the last, which has its own place.
    /// Nothing is hashed yet where there are more than two.
    fn upload(&mut self, chunks: u32, name: &str) -> u64 {
        let len = u64::from(chunks) * CHUNK as u64;
        let options = BeginOptions { total_len: Some(len), ..BeginOptions::default() };
        let id = self.update("uploads_begin", (self.capsule.clone(), chunks, name, Some(options)));
        for index in (0..chunks).rev() {
            self.update::<()>("uploads_put_chunk", (id, index, Bytes::new(&CHUNK_OF_ZEROS)));
        }
        id
    }

    /// A memory of four assets, each in so many runs.
    fn publish(&mut self, runs: u32, sha256: &[u8], name: &str) {
        let session = |kind: AssetType, session_id| keepsake_conformance::api::PublishSession {
            session_id,
            sha256: ByteBuf::from(sha256),
            total_len: u64::from(runs + 1) * CHUNK as u64,
            metadata: samples::asset(kind, "image/jpeg"),
        };
        let ids = ASSETS.map(|kind| (kind, self.upload(runs + 1, &format!("{name} {kind:?}"))));
        let request = PublishRequest {
            capsule_id: self.capsule.clone(),
            metadata: samples::memory(name),
            sessions: ids.into_iter().map(|(kind, id)| session(kind, id)).collect(),
            inline_assets: Vec::new(),
            carried_assets: None,
            if_present: None,
            idem: name.to_owned(),
        };
        self.update::<PublishResult>("uploads_publish", (request,));
    }

    fn into_canister(self) -> (Canister, String) {
        let stable: StableMemory = self.pages.stable();
        let mut canister = Canister::adopt(module(), stable, &[], &options()).expect("the module opens it");
        canister.advance(2_000_000_000);
        (canister, self.capsule)
    }
}

/// Sends an update; the answer and the instructions that it took.
fn send<T: CandidType + DeserializeOwned>(
    canister: &mut Canister,
    method: &str,
    args: impl ArgumentEncoder,
) -> (T, u64) {
    let arg = encode_args(args).expect("it encodes");
    let reply = canister.update(person(), method, &arg).expect("no trap");
    let answer: Answer<T> = candid::decode_one(&reply).expect("the answer has its type");
    (answer.unwrap_or_else(|error| panic!("{method}: {error:?}")), canister.last_cost().total())
}

#[test]
fn the_finish_of_a_file_in_very_many_runs_is_a_message_like_others() {
    // The put of the first chunk hashes as many.
    let chunks: u32 = 1_700;
    let mut native = Native::new();
    let id = native.upload(chunks, "many");
    let (mut canister, _) = native.into_canister();
    let zeros = vec![0; CHUNK * chunks as usize];
    let (digest, len) = (samples::sha256(&zeros), zeros.len() as u64);
    let args = || (id, Bytes::new(&digest), len);
    let (_, cost) = send::<UploadFinishResult>(&mut canister, "uploads_finish", args());
    println!("finish of {chunks} chunks in as many runs: {cost} instructions");
    assert!(cost < 5_000_000, "{cost} instructions: all was hashed already");
    assert_eq!(violations(canister.stable()), Vec::<String>::new());
}

#[test]
fn deleting_all_of_a_capsule_in_pieces_fits_messages() {
    let (memories, runs): (u32, u32) = if is_full_run() { (1_000, 16) } else { (60, 16) };
    let digest = samples::sha256(&vec![0; CHUNK * (runs as usize + 1)]);
    let mut native = Native::new();
    (0..memories).for_each(|number| native.publish(runs, &digest, &format!("memory {number}")));
    let (mut canister, capsule) = native.into_canister();
    let mut deleted = 0;
    loop {
        let (done, cost) = send::<BulkDeleteResult>(&mut canister, "memories_delete_all", (&capsule, true));
        let gone = done.deleted_count;
        println!("{gone} memories of four assets in {runs} runs each: {cost} instructions");
        assert!(cost < INSTRUCTIONS_MAX && gone > 0, "{cost} instructions for {gone}");
        println!("{} instructions a memory", cost / u64::from(gone));
        deleted += gone;
        if deleted == memories {
            break;
        }
    }
    canister.advance(100_000_000_000);
    assert_eq!(canister.printed().into_iter().find(|line| line.contains("timer")), None);
    assert_eq!(violations(canister.stable()), Vec::<String>::new());
}
