//! A subnet that gives no more memory, and a canister that cannot pay for more: what does not fit is refused before
//! anything is written, nothing traps, reads and deletes go on, and so do uploads as soon as there is room.

use super::host::{Module, ModuleTransport};
use super::module::{installed, installed_on};
use super::region::violations;
use keepsake_canister::install::Settings;
use keepsake_client::{CallError, Client};
use keepsake_conformance::Who;
use keepsake_conformance::api::{AssetType, Capsule, Error, PersonRef, SessionStats, UploadStatus};
use keepsake_conformance::samples::{bytes, inline, memory, sha256};
use keepsake_conformance::verdict::allowed;
use keepsake_wasm_host::{Canister, Subnet, WASM_PAGE_BYTES};

const CHUNK_BYTES: usize = 1_800_000;
const DAY_SECS: u64 = 24 * 3_600;
/// What the canister keeps beside its freezing threshold.
const RUNWAY_CYCLES: u128 = 100_000_000_000;
/// Pages of a bucket of the canister's stable memory.
const BUCKET_PAGES: u64 = 256;

/// True where it was done, false where there was no room; anything else, a trap above all, is wrong.
#[track_caller]
fn fitted<T>(result: Result<T, CallError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(CallError::Refused { error: Error::ResourceExhausted, .. }) => None,
        Err(error) => panic!("expected Ok or ResourceExhausted: {error}"),
    }
}

fn start(more_pages: u64) -> Module {
    let mut canister = installed(&Settings::default());
    let has = canister.stable_bytes() / WASM_PAGE_BYTES;
    canister.set_stable_pages_max(has + more_pages);
    Module::of(canister)
}

fn assert_sound(host: &Module) {
    assert_eq!(violations(host.canister().stable()), Vec::<String>::new());
}

/// What a refused chunk must leave as it was.
async fn seen(
    client: &Client<ModuleTransport>,
    capsule: &str,
    id: u64,
) -> (UploadStatus, SessionStats, Capsule) {
    let session = allowed(client.uploads_status(id).await);
    let stats = allowed(client.sessions_stats().await);
    (session, stats, allowed(client.capsules_read_full(Some(capsule)).await))
}

/// Files of two chunks, put until the second or first chunk finds no room: the blobs, and the session that is left with
/// the chunk that did not fit.
async fn fill(client: &Client<ModuleTransport>, capsule: &str) -> (Vec<String>, u64, u32) {
    let mut blobs = Vec::new();
    for seed in 0..30 {
        let file = bytes(2 * CHUNK_BYTES, seed);
        let id = allowed(client.uploads_begin(capsule, 2, &format!("file {seed}"), None).await);
        for (index, chunk) in (0..).zip(file.chunks(CHUNK_BYTES)) {
            let before = seen(client, capsule, id).await;
            if fitted(client.uploads_put_chunk(id, index, chunk).await).is_none() {
                assert_eq!(seen(client, capsule, id).await, before, "a refusal changed this");
                return (blobs, id, index);
            }
        }
        let len = file.len() as u64;
        blobs.push(allowed(client.uploads_finish(id, &sha256(&file), len).await).blob_id);
    }
    panic!("108 MB fit, and there were some buckets of 16 MiB");
}

#[tokio::test]
async fn a_full_subnet_is_told_before_harm_and_deleting_makes_room() {
    let host = start(BUCKET_PAGES);
    let client = host.client_of(Who::Owner.principal());
    let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
    let (blobs, id, index) = fill(&client, &capsule).await;
    assert!(blobs.len() >= 3, "16 MiB have room for four files: {blobs:?}");
    assert_sound(&host);
    let last = u64::try_from(blobs.len() - 1).expect("few");
    assert!(
        allowed(client.blob_read_chunk(&blobs[blobs.len() - 1], 1).await)
            == bytes(2 * CHUNK_BYTES, last)[CHUNK_BYTES..]
    );
    let full = u64::try_from(blobs.len()).expect("few");
    let (file, len) = (bytes(2 * CHUNK_BYTES, full), 2 * CHUNK_BYTES as u64);

    allowed(client.blob_delete(&blobs[0]).await);
    for (at, chunk) in (0..).zip(file.chunks(CHUNK_BYTES)).skip(index as usize) {
        allowed(client.uploads_put_chunk(id, at, chunk).await);
    }
    let done = allowed(client.uploads_finish(id, &sha256(&file), len).await);
    assert!(allowed(client.blob_read_chunk(&done.blob_id, 0).await) == file[..CHUNK_BYTES]);
    assert_sound(&host);
}

#[tokio::test]
async fn records_without_room_refuse_what_adds_and_let_go_what_gives_back() {
    let host = start(0);
    let client = host.client_of(Who::Owner.principal());
    let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
    let mut memories = Vec::new();
    for at in 0..1_000_u64 {
        let asset = [inline(AssetType::Original, &bytes(30_000, at))];
        let idem = format!("memory {at}");
        let made = client
            .memories_create_with_internal_blobs_and_inline_assets(
                &capsule,
                &memory("Full"),
                &[],
                &asset,
                &idem,
            )
            .await;
        match fitted(made) {
            Some(id) => memories.push(id),
            None => break,
        }
    }
    println!("{} memories fitted", memories.len());
    assert!((10..1_000).contains(&memories.len()), "{} memories fitted", memories.len());
    assert_sound(&host);
    let kept = allowed(client.memories_read(&memories[0]).await);
    assert!(kept.inline_assets[0].bytes == bytes(30_000, 0));
    allowed(client.memories_delete(&memories[1], true).await);
    allowed(client.memories_delete_bulk(&capsule, &memories[2..5], true).await);
    host.canister().upgrade(&[]).expect("an upgrade needs no memory");
    assert_eq!(allowed(client.memories_list(&capsule, None, Some(5)).await).items.len(), 5);
    assert_sound(&host);
    host.canister().set_stable_pages_max(u64::MAX);
    let asset = [inline(AssetType::Original, b"room again")];
    allowed(
        client
            .memories_create_with_internal_blobs_and_inline_assets(
                &capsule,
                &memory("Room"),
                &[],
                &asset,
                "room",
            )
            .await,
    );
    assert_sound(&host);
}

/// A canister of 90 days on a subnet of so many nodes, at so many cycles for a GiB and second.
fn poor(nodes: u32, gib_second_cycles: u64) -> Module {
    let subnet = Subnet { nodes, gib_second_cycles };
    Module::of(installed_on(subnet, 90 * DAY_SECS, &Settings::default()))
}

/// What the canister has above its freezing threshold.
fn liquid(host: &Module) -> u128 {
    let canister = host.canister();
    canister.cycles() - canister.freezing_cycles()
}

fn set_liquid(host: &Module, cycles: u128) {
    let mut canister = host.canister();
    let frozen = canister.freezing_cycles();
    canister.set_cycles(frozen + cycles);
}

/// Uploads files until one finds no room. The blobs, and the session that is left with the chunk that did not fit.
async fn fill_until_refused(client: &Client<ModuleTransport>, capsule: &str) -> (Vec<String>, u64) {
    let file = bytes(CHUNK_BYTES, 1);
    let mut blobs = Vec::new();
    for at in 0..200 {
        let id = allowed(client.uploads_begin(capsule, 1, &format!("file {at}"), None).await);
        if fitted(client.uploads_put_chunk(id, 0, &file).await).is_none() {
            return (blobs, id);
        }
        blobs.push(allowed(client.uploads_finish(id, &sha256(&file), CHUNK_BYTES as u64).await).blob_id);
    }
    panic!("360 MB fit, and the cycles were for less");
}

#[tokio::test]
async fn growth_keeps_the_balance_above_the_freezing_threshold_on_every_subnet() {
    for (nodes, gib_second_cycles) in [(13, 127_000), (34, 127_000), (13, 317_500), (34, 317_500)] {
        let host = poor(nodes, gib_second_cycles);
        let client = host.client_of(Who::Owner.principal());
        let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
        // For some steps of 16 MiB.
        let step = host.canister().subnet().storage(16 << 20, 90 * DAY_SECS);
        set_liquid(&host, RUNWAY_CYCLES + 5 * step);
        let (blobs, id) = fill_until_refused(&client, &capsule).await;
        let place = format!("{nodes} nodes at {gib_second_cycles}, {} files", blobs.len());
        assert!(blobs.len() >= 8, "{place}: there was money for one step at least");
        assert!(liquid(&host) > RUNWAY_CYCLES, "{place}: a runway is left");
        assert_sound(&host);

        allowed(client.blob_delete(&blobs[0]).await);
        host.canister().advance(700_000_000_000);
        assert_eq!(
            host.canister().printed().into_iter().find(|line| line.contains("timer")),
            None,
            "{place}"
        );
        set_liquid(&host, 50 * step + 2 * RUNWAY_CYCLES);
        allowed(client.uploads_put_chunk(id, 0, &bytes(CHUNK_BYTES, 1)).await);
        assert_sound(&host);
    }
}

#[tokio::test]
async fn near_the_threshold_deletes_work_and_what_adds_is_refused() {
    for nodes in [13, 34] {
        let host = poor(nodes, 127_000);
        let client = host.client_of(Who::Owner.principal());
        let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
        let step = host.canister().subnet().storage(16 << 20, 90 * DAY_SECS);
        set_liquid(&host, RUNWAY_CYCLES + 5 * step);
        let (blobs, id) = fill_until_refused(&client, &capsule).await;
        set_liquid(&host, 1_000_000);
        let before = seen(&client, &capsule, id).await;
        assert_eq!(fitted(client.uploads_put_chunk(id, 0, &bytes(CHUNK_BYTES, 1)).await), None);
        assert_eq!(seen(&client, &capsule, id).await, before, "a refusal changed this");
        let stranger = host.client_of(Who::Stranger.principal());
        for blob in &blobs {
            allowed(client.blob_delete(blob).await);
            fitted(stranger.capsules_create(None::<PersonRef>).await);
        }
        allowed(client.uploads_abort(id).await);
        host.canister().advance(700_000_000_000);
        assert_eq!(host.canister().printed().into_iter().find(|line| line.contains("timer")), None);
        allowed(client.capsules_delete(&capsule).await);
        assert_sound(&host);
    }
}

#[tokio::test]
async fn a_chunk_at_a_far_index_leaves_the_days_to_freezing_as_they_were() {
    let host = poor(13, 127_000);
    host.canister().set_cycles(20_000_000_000_000);
    let client = host.client_of(Who::Owner.principal());
    let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
    let id = allowed(client.uploads_begin(&capsule, 16_384, "far", None).await);
    let standing = |canister: &Canister| (canister.secs_to_freezing(), canister.memory_bytes());
    let (before, bytes_before) = standing(&host.canister());
    allowed(client.uploads_put_chunk(id, 11_838, &bytes(CHUNK_BYTES, 1)).await);
    let (after, bytes_after) = standing(&host.canister());
    // A bucket for the chunk and the same for what it may yet receive, one for the records, and the argument's buffer.
    let grown = bytes_after - bytes_before;
    assert!(grown <= 3 * (16 << 20) + (8 << 20), "one chunk took {grown} bytes");
    assert!(after >= before / 2, "{} days to freezing, then {}", before / DAY_SECS, after / DAY_SECS);
}

#[tokio::test]
async fn wherever_memory_ends_nothing_traps() {
    for more_pages in [0, 1, 100, BUCKET_PAGES - 1, BUCKET_PAGES, BUCKET_PAGES + 1, 2 * BUCKET_PAGES] {
        let host = start(more_pages);
        let client = host.client_of(Who::Owner.principal());
        let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
        let mut refused = 0;
        for at in 0..12 {
            let id = fitted(client.uploads_begin(&capsule, 1, &format!("file {at}"), None).await);
            let Some(id) = id else { break };
            let chunk = bytes(CHUNK_BYTES, at);
            if fitted(client.uploads_put_chunk(id, 0, &chunk).await).is_none() {
                refused += 1;
                allowed(client.uploads_abort(id).await);
                continue;
            }
            allowed(client.uploads_finish(id, &sha256(&chunk), CHUNK_BYTES as u64).await);
        }
        let fits = more_pages * WASM_PAGE_BYTES / CHUNK_BYTES as u64;
        assert!(more_pages >= 2 * BUCKET_PAGES || refused >= 12 - fits, "{more_pages}: {refused} refused");
        assert_sound(&host);
    }
}
