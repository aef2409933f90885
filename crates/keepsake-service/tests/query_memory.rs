//! No query holds more than 4 MiB for one caller's answer, whatever is stored: measured by a counting allocator, over a
//! store with the longest texts and lists that the limits allow. Owns this one measurement, in a program of its own so that
//! no other test allocates beside it.

#[path = "query_memory/people.rs"]
mod people;

use candid::{CandidType, Principal, encode_args, encode_one};
use ic_stable_structures::VectorMemory;
use keepsake_api::{
    Answer, AssetMetadata, AssetMetadataBase, AssetType, BeginOptions, Capsule, HttpRequest, HttpResponse,
    ImageAssetMetadata, InlineAssetInput, InternalBlobAssetInput, MemoryMetadata, MemoryType, Page,
    PersonRef, Role, SiteFileInput, TokenRequest, UploadFinishResult,
};
use keepsake_service::endpoints::METHODS;
use keepsake_service::{Call, Install, Kind, Quotas, RecordLimits, Service, Upkeep};
use peak_alloc::PeakAlloc;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const HELD_BYTES_MAX: usize = 4 << 20;
/// What the Internet Computer lets a query answer, less its envelope.
const ANSWER_BYTES_MAX: usize = 3_000_000;
const CAPSULE: &str = "capsule_1";
/// The first memory: four inline assets, and all the texts that there may be.
const FULL: &str = "mem_1";
/// The second one: a blob that fills an answer.
const LARGE: &str = "mem_2";
const BLOB: &str = "blob_1";

type TestService = Service<VectorMemory, VectorMemory>;

struct World {
    service: TestService,
}

fn caller() -> Principal {
    Principal::self_authenticating([1])
}

fn call() -> Call {
    Call {
        caller: caller(),
        now_ns: 1_000,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: 1 << 40,
        rows_max: u32::MAX,
    }
}

impl World {
    fn new() -> Self {
        let install = Install {
            canister_id: Principal::from_slice(&[1, 2, 3]),
            controllers: vec![caller()],
            token_secret: [42; 32],
            heap_bytes_max: 1 << 32,
            quotas: Quotas::default(),
            records: RecordLimits::default(),
            upkeep: Upkeep::default(),
            admission: None,
            invited_by_default: false,
            attestors: vec![caller()],
            gate: None,
            certifies: true,
        };
        let service = Service::open(VectorMemory::default(), VectorMemory::default(), &install).unwrap();
        Self { service }
    }

    fn update<T: CandidType + DeserializeOwned>(
        &mut self,
        method: &str,
        args: impl candid::utils::ArgumentEncoder,
    ) -> T {
        self.update_by(caller(), method, args)
    }

    fn update_by<T: CandidType + DeserializeOwned>(
        &mut self,
        who: Principal,
        method: &str,
        args: impl candid::utils::ArgumentEncoder,
    ) -> T {
        let call = Call { caller: who, ..call() };
        let reply = self.service.update(&call, method, &encode_args(args).unwrap()).unwrap();
        let answer: Answer<T> = candid::decode_one(&reply.bytes).unwrap();
        answer.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// Everything as long and as much as it may be.
    fn fill(&mut self) {
        for at in 0..1_000 {
            let about = (at > 0).then(|| PersonRef::Opaque(format!("{at:0>256}")));
            let _: Capsule = self.update("capsules_create", (about,));
        }
        let () = self.update("capsules_grant", (CAPSULE, Principal::anonymous(), Role::Guest));
        for at in 0_u32..998 {
            let who = Principal::self_authenticating(at.to_be_bytes());
            let () = self.update("capsules_grant", (CAPSULE, who, Role::Guest));
        }
        for at in 0..100 {
            self.create_full(at);
            if at == 0 {
                self.create_large();
            }
        }
        self.set_site();
        for at in 0..1_000 {
            let options = BeginOptions { mime_type: Some(text(1_024)), ..BeginOptions::default() };
            let _: u64 = self.update("uploads_begin", (CAPSULE, 1_u32, format!("{at:0>256}"), Some(options)));
        }
    }

    fn create_full(&mut self, at: usize) {
        let inline =
            |kind| InlineAssetInput { bytes: ByteBuf::from(vec![7; 32_768]), metadata: asset(kind, 9_000) };
        let kinds = [AssetType::Original, AssetType::Display, AssetType::Thumbnail, AssetType::Placeholder];
        let inline: Vec<_> = kinds.into_iter().map(inline).collect();
        let blobs = Vec::<InternalBlobAssetInput>::new();
        let method = "memories_create_with_internal_blobs_and_inline_assets";
        let _: String = self.update(method, (CAPSULE, memory(18_000), blobs, inline, at.to_string()));
    }

    fn upload(&mut self, bytes: &[u8], key: &str) -> String {
        let pieces: Vec<_> = bytes.chunks(1_000_000).collect();
        let count = u32::try_from(pieces.len()).unwrap();
        let id: u64 = self.update("uploads_begin", (CAPSULE, count, key, None::<BeginOptions>));
        for (index, piece) in (0_u32..).zip(&pieces) {
            let () = self.update("uploads_put_chunk", (id, index, ByteBuf::from(*piece)));
        }
        let sha256 = ByteBuf::from(Sha256::digest(bytes).to_vec());
        let done: UploadFinishResult = self.update("uploads_finish", (id, sha256, bytes.len() as u64));
        done.blob_id
    }

    fn create_large(&mut self) {
        let blob_id = self.upload(&vec![9; 2_000_000], "large");
        assert_eq!(blob_id, BLOB);
        let blobs = vec![InternalBlobAssetInput { blob_id, metadata: asset(AssetType::Original, 300) }];
        let _: String =
            self.update("memories_create_with_internal_blobs", (CAPSULE, memory(100), blobs, "large"));
    }

    fn set_site(&mut self) {
        let blob_id = self.upload(&vec![8; 2_000_000], "site");
        let file = |at| SiteFileInput {
            path: if at == 0 { "index.html".into() } else { format!("{at:a>256}") },
            blob_id: blob_id.clone(),
            mime_type: format!("text/{}", text(120)),
        };
        let () = self.update("site_set", ((0..500).map(file).collect::<Vec<_>>(),));
    }

    /// The answer, and the most heap in use for it beyond what there was before.
    fn query(&self, method: &str, arg: &[u8]) -> (Vec<u8>, usize) {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let reply = self.service.query(&call(), method, arg).unwrap();
        (reply.bytes, ALLOCATOR.peak_usage() - before)
    }
}

fn text(bytes: usize) -> String {
    "t".repeat(bytes)
}

/// Texts of so many bytes, in short pieces first: those take most memory.
fn memory(bytes: usize) -> MemoryMetadata {
    let tags: Vec<String> = (0..64).map(|_| text(bytes.min(6_400) / 64)).collect();
    MemoryMetadata {
        title: Some(text(bytes.min(1_024))),
        description: Some(text(bytes.saturating_sub(13_824 + 1_024))),
        people_in_memory: Some(tags.clone()),
        tags,
        content_type: text(bytes.min(1_024)),
        memory_type: MemoryType::Image,
        date_of_memory: None,
        file_created_at: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

fn asset(asset_type: AssetType, bytes: usize) -> AssetMetadata {
    AssetMetadata::Image(ImageAssetMetadata {
        base: AssetMetadataBase {
            description: Some(text(bytes.saturating_sub(1_024 + 6_400))),
            tags: (0..64).map(|_| text(bytes.min(6_400) / 64)).collect(),
            ..AssetMetadataBase::new(asset_type, "a.jpg", text(bytes.min(1_024)))
        },
        dpi: None,
        color_space: None,
        exif_data: None,
        compression_ratio: None,
        orientation: None,
    })
}

fn of<T: candid::utils::ArgumentEncoder>(args: T) -> Vec<u8> {
    encode_args(args).unwrap()
}

/// The worst questions of each query method.
fn questions(method: &str) -> Vec<Vec<u8>> {
    let none: Option<String> = None;
    let page = || of((CAPSULE, none.clone(), Some(100_u32)));
    match method {
        "capsules_list" | "upload_config" | "sessions_list" | "sessions_stats" | "_probe_sessions"
        | "site_list" | "objects_removable" => vec![of(())],
        "capsules_read_basic" | "capsules_read_full" | "usage" => vec![of((Some(CAPSULE),))],
        "uploads_status" => vec![of((3_u64,))],
        "uploads_granted" => vec![of(("A".repeat(400),))],
        "blob_get_meta" | "blob_read" => vec![of((BLOB,))],
        "blob_read_chunk" => vec![of((BLOB, 0_u32))],
        "blob_read_range" => vec![of((BLOB, 0_u64, 2_000_000_u32))],
        "memories_read" | "memories_list_assets" => vec![of((FULL,)), of((LARGE,))],
        "memories_read_asset" => vec![of((FULL, 0_u32))],
        "asset_get_by_id" => vec![of((FULL, "asset_1"))],
        "memories_list" | "memories_list_by_capsule" => vec![page()],
        "memories_ping" => {
            let there: Vec<_> = (0..1_000).map(|at| format!("mem_{}", 1 + at % 101)).collect();
            let elsewhere: Vec<_> = (0..1_000).map(|at| format!("mem_{at}{}", "9".repeat(15))).collect();
            vec![of((there,)), of((elsewhere,))]
        }
        "memories_find" => {
            let hashes: Vec<_> = (0..1_000_u32).map(|at| ByteBuf::from(at.to_le_bytes().repeat(8))).collect();
            vec![of((CAPSULE, hashes))]
        }
        "http_request" => {
            let urls = ["/asset/mem_2/original", "/asset/mem_1/original", "/index.html", "/no-such-page"];
            let request = |url: &str| HttpRequest {
                method: "GET".into(),
                url: url.into(),
                headers: Vec::new(),
                body: ByteBuf::new(),
                certificate_version: Some(2),
            };
            urls.iter().map(|url| encode_one(request(url)).unwrap()).collect()
        }
        "mint_http_token" => {
            vec![of((FULL, Vec::<String>::new(), Some(vec!["asset_1".to_owned(); 16]), 60_u32))]
        }
        "objects_list" => vec![of((None::<u64>,))],
        "objects_movable" => vec![of((None::<String>, u64::MAX, 0_u64))],
        "mint_upload_ticket" => vec![of((1_u64, 60_u32))],
        "mint_http_tokens_bulk" => {
            let request = |at: usize| TokenRequest {
                memory_id: format!("mem_{}", 1 + at % 101),
                variants: Vec::new(),
                asset_ids: Some((1..=16).map(|id| format!("asset_{id}")).collect()),
            };
            vec![of(((0..1_000).map(request).collect::<Vec<_>>(), 60_u32))]
        }
        other => panic!("{other} has no question here"),
    }
}

#[test]
fn no_query_holds_more_than_4_mib_for_its_answer() {
    let mut world = World::new();
    world.fill();
    let code = world.fill_people();
    let mut beyond = Vec::new();
    for method in METHODS.iter().filter(|method| TestService::kind(method) == Some(Kind::Query)) {
        for arg in people::questions(method, &code).unwrap_or_else(|| questions(method)) {
            // What is allocated once per process is there before anything is measured.
            world.query(method, &arg);
            let (answer, held) = world.query(method, &arg);
            println!("{method}: {held} bytes held for an answer of {}", answer.len());
            if held > HELD_BYTES_MAX || answer.len() > ANSWER_BYTES_MAX {
                beyond.push(format!("{method}: {held} bytes held for {}", answer.len()));
            }
        }
    }
    assert_eq!(beyond, Vec::<String>::new());
    for (arg, len) in questions("http_request").iter().zip([2_000_000, 32_768, 2_000_000]) {
        let (reply, _) = world.query("http_request", arg);
        let answer: HttpResponse = candid::decode_one(&reply).unwrap();
        assert_eq!((answer.status_code, answer.body.len()), (200, len));
        assert!(answer.body.iter().all(|byte| *byte == answer.body[0]));
        assert!(encode_one(&answer).unwrap() == reply, "as Candid's encoder makes it");
    }
    let (answer, _) = world.query("memories_list", &questions("memories_list")[0]);
    let page = candid::decode_one::<Answer<Page>>(&answer).unwrap().unwrap();
    assert!(page.items.len() > 10 && page.next_cursor.is_some(), "the page ended early, and goes on");
}
