//! A store that an older layout's code wrote, as kept in `keepsake-core/fixtures`, opens in this module: all of it reads,
//! repeated messages get the answers of then, and an upload goes on in the middle of its file. Owns the way of the
//! fixture's two memories into the canister's one; what is in them is in `keepsake-core/tests/it/golden.rs`.

use super::host::{Module, ModuleTransport};
use super::module::{module, options};
use super::region::{regions, violations};
use candid::Principal;
use flate2::read::GzDecoder;
use ic_stable_structures::Memory;
use keepsake_client::Client;
use keepsake_conformance::api::{BeginOptions, HttpRequest, Role};
use keepsake_conformance::samples::sha256;
use keepsake_conformance::verdict::allowed;
use keepsake_wasm_host::{Canister, Options, SharedStableMemory, StableMemory};
use std::io::Read as _;
use std::path::Path;

/// When the fixture was made, ns.
const START_NS: u64 = 1_800_000_000_000_000_000;
const DAY_NS: u64 = 24 * 3_600_000_000_000;
const CAPSULE: &str = "capsule_1";
const PAGE_BYTES: usize = 4_096;

fn person(who: u32) -> Principal {
    Principal::self_authenticating(who.to_le_bytes())
}

fn file(len: usize, seed: u8) -> Vec<u8> {
    let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0];
    (0..len as u64).map(|at| byte(at + 1_000 * u64::from(seed)).wrapping_add(seed)).collect()
}

/// Writes a fixture into one of the regions.
fn load(what: &str, region: &impl Memory) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keepsake-core/fixtures");
    let packed = std::fs::read(fixtures.join(format!("layout-1-{what}.gz"))).expect("the fixture is there");
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("it unpacks");
    let (size, rows) = bytes.split_at(8);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    assert!(region.grow(number(size)) >= 0, "there is room");
    for row in rows.chunks(8 + PAGE_BYTES) {
        region.write(number(&row[..8]) * PAGE_BYTES as u64, &row[8..]);
    }
}

fn stable_of_the_fixture() -> StableMemory {
    let pages = SharedStableMemory::default();
    let regions = regions(pages.clone());
    load("records", &regions.records());
    load("heap", &regions.heap());
    pages.stable()
}

async fn assert_reads_all(owner: &Client<ModuleTransport>, member: &Client<ModuleTransport>) {
    let page = allowed(member.memories_list(CAPSULE, None, None).await);
    let titles: Vec<_> = page.items.iter().map(|item| item.title.clone().expect("a title")).collect();
    assert_eq!(titles, ["note", "published"]);
    for (blob, bytes) in [("blob_1", file(10_500, 1)), ("blob_2", file(700, 3)), ("blob_3", file(3_000, 4))] {
        assert!(allowed(owner.blob_read(blob).await) == bytes, "{blob}");
        assert_eq!(allowed(owner.blob_get_meta(blob).await).size, bytes.len() as u64);
    }
    let inline = |memory: &str| {
        let memory = memory.to_owned();
        async move { allowed(owner.memories_read(&memory).await).inline_assets.remove(0).bytes }
    };
    assert_eq!(inline("mem_1").await, file(90, 5));
    assert_eq!(inline("mem_2").await, b"a note");
    assert_eq!(allowed(owner.capsules_list().await).len(), 2);
}

async fn finish_pending(member: &Client<ModuleTransport>) {
    let pending = file(9_100, 2);
    let options = BeginOptions { mime_type: Some("image/jpeg".into()), ..BeginOptions::default() };
    let id = allowed(member.uploads_begin(CAPSULE, 4, "pending", Some(options)).await);
    let status = allowed(member.uploads_status(id).await);
    assert_eq!((id, status.missing), (5, vec![(1, 2)]), "in the middle of its file");
    allowed(member.uploads_put_chunk(id, 1, &pending[2_500..5_000]).await);
    let done = allowed(member.uploads_finish(id, &sha256(&pending), 9_100).await);
    assert!(allowed(member.blob_read(&done.blob_id).await) == pending);
}

#[tokio::test]
async fn a_store_of_an_older_layout_opens_reads_and_goes_on() {
    let stable = stable_of_the_fixture();
    assert_eq!(violations(&stable), Vec::<String>::new());
    let options = Options { now_ns: START_NS, ..options() };
    let host = Module::of(Canister::adopt(module(), stable, &[], &options).expect("the module opens it"));
    let (owner, member) = (host.client_of(person(1)), host.client_of(person(2)));
    assert_reads_all(&owner, &member).await;
    let again = allowed(member.uploads_finish(4, &sha256(&file(3_000, 4)), 3_000).await);
    assert_eq!(again.blob_id, "blob_3", "the answer of then");
    allowed(owner.uploads_abort(3).await);
    finish_pending(&member).await;
    assert_reads_all(&owner, &member).await;
    assert_is_served(&host, &owner).await;
    // By now the timer has indexed what was there.
    let hash = |file: &[u8]| sha256(file).try_into().expect("a SHA-256 has 32 bytes");
    let asked = [hash(&file(10_500, 1)), hash(b"a note"), hash(&file(700, 3))];
    let found = allowed(member.memories_find(CAPSULE, &asked).await);
    assert_eq!(found, [Some("mem_1".to_owned()), Some("mem_2".to_owned()), None]);
    assert_eq!(violations(host.canister().stable()), Vec::<String>::new());

    host.canister().upgrade(&[]).expect("the module upgrades to itself");
    assert_reads_all(&owner, &member).await;
    allowed(owner.capsules_delete(CAPSULE).await);
    host.canister().advance(5 * DAY_NS);
    assert_eq!(allowed(member.sessions_stats().await).bytes_in_flight, 0);
    assert_eq!(allowed(owner.capsules_list().await).len(), 1);
    assert_eq!(violations(host.canister().stable()), Vec::<String>::new());
}

/// A public asset, before and after the timer had its turns.
async fn assert_is_served(host: &Module, owner: &Client<ModuleTransport>) {
    allowed(owner.capsules_grant(CAPSULE, Principal::anonymous(), Role::Guest).await);
    let request = HttpRequest {
        method: "GET".into(),
        url: "/asset/mem_1/original".into(),
        headers: Vec::new(),
        body: Vec::new().into(),
        certificate_version: Some(2),
    };
    for _ in 0..2 {
        let answer = allowed(host.client_of(Principal::anonymous()).http_request(&request).await);
        assert_eq!(answer.status_code, 200);
        assert!(answer.body == file(10_500, 1), "the original");
        host.canister().advance(3_600_000_000_000);
    }
}
