//! Files that come along with a publish: all of them become blobs or nothing changes, and what they take is charged and
//! given back as that of any upload.

use crate::inputs::{START_NS, asset_meta, file, inline_asset, memory_meta, person, publish_session, sha256};
use ic_stable_structures::VectorMemory;
use keepsake_core::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::limits::CARRIED_BYTES_MAX;
use keepsake_core::memory::{AssetKind, MemoryError};
use keepsake_core::publish::{CarriedAsset, Publication, PublishError, Published};
use keepsake_core::upload::BeginOptions;
use keepsake_core::{Call, Config, Exhausted, Limit, Quotas, RecordLimits, Store};

type TestStore = Store<VectorMemory, VectorMemory>;

const CAPSULE: CapsuleId = CapsuleId(1);
const KINDS: [AssetKind; 4] =
    [AssetKind::Original, AssetKind::Display, AssetKind::Thumbnail, AssetKind::Placeholder];

fn call() -> Call {
    let caller = person(1);
    Call {
        caller,
        now_ns: START_NS,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn store(config: &Config) -> TestStore {
    let mut store = Store::open(VectorMemory::default(), VectorMemory::default(), config, &[1; 32]).unwrap();
    assert_eq!(store.capsule_create(&call(), None).unwrap().id, CAPSULE);
    store
}

fn along(lens: &[usize]) -> Vec<CarriedAsset> {
    let one = |((len, kind), seed): ((&usize, AssetKind), u8)| CarriedAsset {
        meta: asset_meta(kind),
        bytes: file(*len, seed),
    };
    lens.iter().zip(KINDS).zip(1..).map(one).collect()
}

fn publication(lens: &[usize]) -> Publication {
    Publication { carried: along(lens), ..Publication::new(memory_meta("m"), Vec::new(), Vec::new()) }
}

fn publish(store: &mut TestStore, publication: Publication, key: &str) -> Result<Published, PublishError> {
    store.publish(&call(), CAPSULE, publication, key).map(|done| done.done().unwrap())
}

/// What a refusal must leave as it was.
fn state(store: &TestStore) -> (u64, u64, u64, Vec<(u64, u64)>, Vec<keepsake_core::Usage>) {
    let (end, idle) = (store.heap().usage().end, store.heap().idle_runs());
    let usage = store.usage(&call(), Some(CAPSULE)).unwrap();
    (store.memory_count(), store.record_bytes(), end, idle, usage)
}

fn assert_sound(store: &TestStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
    assert_eq!(store.check_bytes(|_| ()).violations, Vec::<String>::new());
}

#[track_caller]
fn assert_refused(store: &mut TestStore, publication: Publication, code: &str) -> PublishError {
    let before = state(store);
    let refused = publish(store, publication, "refused").expect_err(code);
    assert!(refused.to_string().starts_with(code), "{refused}");
    assert_eq!(state(store), before, "{refused}");
    assert_sound(store);
    refused
}

#[test]
fn they_become_blobs_that_are_charged_and_go_with_the_memory() {
    let mut store = store(&Config::default());
    let inline = vec![inline_asset(AssetKind::Placeholder, vec![9; 50])];
    let made = publish(&mut store, Publication { inline, ..publication(&[70_000, 5_000, 1]) }, "k").unwrap();
    let kinds: Vec<_> =
        made.assets.iter().map(|asset| (asset.kind, asset.len, asset.blob.is_some())).collect();
    let [original, display, thumbnail, placeholder] = KINDS;
    let blobs = [(original, 70_000, true), (display, 5_000, true), (thumbnail, 1, true)];
    assert_eq!(kinds[..3], blobs);
    assert_eq!(kinds[3], (placeholder, 50, false));
    for (asset, seed) in made.assets[..3].iter().zip(1..) {
        let (id, bytes) = (BlobId(asset.blob.unwrap()), file(usize::try_from(asset.len).unwrap(), seed));
        let blob = store.blob_meta(&person(1), id).unwrap();
        assert_eq!((*blob.sha256, *asset.sha256), (sha256(&bytes), sha256(&bytes)));
        assert_eq!((blob.references, blob.memory, blob.expires_ns), (1, Some(made.memory), None));
        assert!(store.blob_bytes(&store.blob_read(&person(1), id).unwrap()) == bytes);
    }
    let used = |store: &TestStore, limit| {
        let all = store.usage(&call(), Some(CAPSULE)).unwrap();
        all.iter().find(|usage| usage.limit == limit).unwrap().used
    };
    assert_eq!(used(&store, Limit::CapsuleBytes), 75_051);
    assert_eq!(used(&store, Limit::InlineBytesPerCapsule), 50);
    assert_eq!(used(&store, Limit::BytesInFlightPerCaller), 0);
    let texts = 4 * 4 + "msea".len() as u64 + "image/jpeg".len() as u64 - 4;
    let blobs = 3 * (512 + "image/jpeg".len() as u64);
    assert_eq!(used(&store, Limit::CapsuleRecordBytes), 512 + 4 * (384 + 9 + 14) + texts + blobs);
    assert_sound(&store);
    store.memory_delete(&call(), MemoryId(made.memory), true).unwrap();
    assert_eq!((used(&store, Limit::CapsuleBytes), used(&store, Limit::CapsuleRecordBytes)), (0, 0));
    assert_eq!(store.heap().usage().end, 0);
    assert_sound(&store);
}

#[test]
fn the_key_answers_for_the_bytes() {
    let mut store = store(&Config::default());
    let first = publish(&mut store, publication(&[40_000, 300]), "k").unwrap();
    let end = store.heap().usage().end;
    assert_eq!(publish(&mut store, publication(&[40_000, 300]), "k"), Ok(first));
    let reused = Err(PublishError::Idem(keepsake_core::idem::IdemError::Reused));
    let mut other = publication(&[40_000, 300]);
    other.carried[1].bytes[299] ^= 1;
    assert_eq!(publish(&mut store, other, "k"), reused);
    let mut other = publication(&[40_000, 300]);
    other.carried[0].meta.name = "b.jpg".into();
    assert_eq!(publish(&mut store, other, "k"), reused);
    assert_eq!(publish(&mut store, publication(&[40_000]), "k"), reused);
    assert_eq!((store.memory_count(), store.heap().usage().end), (1, end));
    assert_sound(&store);
}

#[test]
fn what_is_no_photo_of_one_message_is_refused_and_changes_nothing() {
    let mut store = store(&Config::default());
    publish(&mut store, publication(&[9_000]), "before").unwrap();
    let most = CARRIED_BYTES_MAX as usize;
    assert_refused(&mut store, publication(&[]), "sessions_count");
    assert_refused(&mut store, publication(&[5, 0]), "carried_empty");
    assert_refused(&mut store, publication(&[most - 1, 2]), "carried_too_large");
    let mut five = publication(&[5, 5, 5, 5]);
    five.carried.push(CarriedAsset { meta: asset_meta(AssetKind::Preview), bytes: vec![5] });
    assert_refused(&mut store, five, "assets_count");
    let mut twice = publication(&[5, 5]);
    twice.carried[1].meta.kind = AssetKind::Original;
    assert_refused(&mut store, twice, "asset_kind_taken");
    let inline = vec![inline_asset(AssetKind::Display, vec![9; 50])];
    assert_refused(&mut store, Publication { inline, ..publication(&[5, 5]) }, "asset_kind_taken");
    let mut long = publication(&[5]);
    long.carried[0].meta.name = "n".repeat(1_025);
    assert_refused(&mut store, long, "text_too_long");
    publish(&mut store, publication(&[most - 1, 1]), "the most").unwrap();
    assert_sound(&store);
}

#[test]
fn the_bytes_must_fit_the_capsule_beside_what_is_inline() {
    let quotas = Quotas { capsule_bytes_max: 10_000, ..Quotas::default() };
    let mut store = store(&Config { quotas, ..Config::default() });
    let with_inline = |len| {
        let inline = vec![inline_asset(AssetKind::Placeholder, vec![9; 1_000])];
        Publication { inline, ..publication(&[len]) }
    };
    let refused = assert_refused(&mut store, with_inline(9_001), "capsule_bytes");
    assert!(matches!(refused, PublishError::Exhausted(Exhausted(_))), "{refused:?}");
    publish(&mut store, with_inline(9_000), "fits").unwrap();
    assert_refused(&mut store, publication(&[1]), "capsule_bytes");
}

#[test]
fn the_records_of_the_blobs_must_fit_too() {
    let memory = 512 + 384 + 9 + 14 + 3 * 4 + "msea".len() as u64 + 10;
    let max = memory + 512 + 10;
    let limits = RecordLimits { capsule_record_bytes_max: max - 1, ..RecordLimits::default() };
    let mut small = store(&Config { records: limits, ..Config::default() });
    let refused = assert_refused(&mut small, publication(&[5]), "capsule_record_bytes");
    assert!(matches!(refused, PublishError::Memory(MemoryError::Exhausted(_))), "{refused:?}");
    let limits = RecordLimits { capsule_record_bytes_max: max, ..RecordLimits::default() };
    let mut enough = store(&Config { records: limits, ..Config::default() });
    publish(&mut enough, publication(&[5]), "fits").unwrap();
    assert_sound(&enough);
}

#[test]
fn a_heap_that_holds_some_of_them_takes_none() {
    // Nine holes of one granule each: an allocation takes at most eight extents.
    let mut store = store(&Config { heap_bytes_max: 18 * 4_096, ..Config::default() });
    let made: Vec<_> =
        (0..18).map(|n| publish(&mut store, publication(&[4_096]), &n.to_string()).unwrap().memory).collect();
    made.iter().step_by(2).for_each(|id| store.memory_delete(&call(), MemoryId(*id), true).unwrap());
    assert_eq!(store.heap().usage().free, 9 * 4_096);
    assert_refused(&mut store, publication(&[10 * 4_096]), "heap_bytes");
    let refused = assert_refused(&mut store, publication(&[4_096, 4_096 * 8 - 1, 4_096]), "heap_bytes");
    assert!(matches!(refused, PublishError::Exhausted(_)), "{refused:?}");
    publish(&mut store, publication(&[4_096, 4_096 * 7]), "fits").unwrap();
    assert_sound(&store);
}

#[test]
fn a_session_beside_them_is_published_or_stays_as_it_is() {
    let mut store = store(&Config::default());
    let bytes = file(6_000, 50);
    let id = store.upload_begin(&call(), CAPSULE, 2, "large", BeginOptions::default()).unwrap();
    store.upload_put(&call(), id, 0, &bytes[..3_000]).unwrap();
    let beside = |id: SessionId| {
        let mut publication = publication(&[5, 700, 30]);
        publication.carried.remove(0);
        publication.sessions.push(publish_session(id, AssetKind::Original, &bytes));
        publication
    };
    assert_refused(&mut store, beside(id), "chunks_missing");
    store.upload_put(&call(), id, 1, &bytes[3_000..]).unwrap();
    let made = publish(&mut store, beside(id), "k").unwrap();
    let lens: Vec<_> = made.assets.iter().map(|asset| (asset.kind, asset.len)).collect();
    assert_eq!(lens, [(KINDS[0], 6_000), (KINDS[1], 700), (KINDS[2], 30)]);
    assert_sound(&store);
}
