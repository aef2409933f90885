//! What records may take: texts are charged to their capsule to the byte, all records together are bounded, and a store that
//! is full of them can always be emptied. What the model cannot see is here: bounds of the whole store, older stores, pages
//! of long texts.

use crate::fixture::load;
use crate::inputs::{HOUR_NS, START_NS, inline_asset, memory_meta, person, sha256};
use ic_stable_structures::VectorMemory;
use keepsake_core::access::{Denied, Role};
use keepsake_core::capsule::Subject;
use keepsake_core::ids::{AssetId, BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::limits::{FINISHED_PER_PENDING_MAX, MEMORY_TEXT_BYTES_MAX, PAGE_RECORD_BYTES_MAX};
use keepsake_core::memory::{AssetKind, MemoryError, MemoryMeta};
use keepsake_core::upload::{BeginOptions, UploadError};
use keepsake_core::{
    Call, Config, Exhausted, Limit, Quotas, RecordLimits, Refusal, RefusalKind, Store, Usage,
};

type TestStore = Store<VectorMemory, VectorMemory>;

const OWNER: u32 = 1;
const MEMBER: u32 = 2;
const CAPSULE: CapsuleId = CapsuleId(1);

fn call(who: u32) -> Call {
    let caller = person(who);
    Call {
        caller,
        now_ns: START_NS,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn store(records: RecordLimits) -> TestStore {
    store_with(records, u32::MAX)
}

fn store_with(records: RecordLimits, sessions_per_caller_max: u32) -> TestStore {
    let quotas = Quotas { sessions_per_caller_max, ..Quotas::default() };
    // Nobody works off here what waits to be certified.
    let config = Config { records, quotas, uncertified: true, ..Config::default() };
    let mut store = Store::open(VectorMemory::default(), VectorMemory::default(), &config, &[1; 32]).unwrap();
    assert_eq!(store.capsule_create(&call(OWNER), None).unwrap().id, CAPSULE);
    store.capsule_grant(&call(OWNER), CAPSULE, &person(MEMBER), Role::Member).unwrap();
    store
}

fn create(store: &mut TestStore, who: u32, key: &str, meta: MemoryMeta) -> Result<MemoryId, MemoryError> {
    let note = vec![inline_asset(AssetKind::Original, vec![7])];
    store.memory_create(&call(who), CAPSULE, meta, note, key)
}

fn begin(store: &mut TestStore, who: u32, key: &str) -> Result<SessionId, UploadError> {
    store.upload_begin(&call(who), CAPSULE, 1, key, BeginOptions::default())
}

fn finish(store: &mut TestStore, who: u32, id: SessionId) -> Result<BlobId, UploadError> {
    store.upload_put(&call(who), id, 0, b"abc")?;
    Ok(store.upload_finish(&call(who), id, &sha256(b"abc"), 3)?.done().unwrap().0)
}

fn usage(store: &TestStore, limit: Limit) -> Usage {
    let all = store.usage(&call(OWNER), Some(CAPSULE)).unwrap();
    *all.iter().find(|usage| usage.limit == limit).unwrap()
}

fn record_bytes(store: &TestStore) -> u64 {
    usage(store, Limit::CapsuleRecordBytes).used
}

fn assert_sound(store: &TestStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
}

/// As in `charge.rs`: a memory of `title` with one asset.
fn cost(title: &str) -> u64 {
    let texts = [title, "sea", "image/jpeg", "a.jpg", "image/jpeg"];
    512 + 384 + texts.iter().map(|text| 4 + text.len() as u64).sum::<u64>()
}

#[test]
fn a_capsule_is_charged_for_its_records_and_for_nothing_more() {
    let mut store = store(RecordLimits::default());
    assert_eq!(record_bytes(&store), 0);
    let id = create(&mut store, MEMBER, "a", memory_meta("one")).unwrap();
    assert_eq!(record_bytes(&store), cost("one"));
    create(&mut store, MEMBER, "a", memory_meta("one")).unwrap();
    assert_eq!(record_bytes(&store), cost("one"), "a repeated message makes nothing");
    store.memory_update(&call(MEMBER), id, |meta| meta.title = Some("longer".into())).unwrap();
    assert_eq!(record_bytes(&store), cost("longer"));
    let asset = inline_asset(AssetKind::Display, vec![1]);
    let asset = store.memory_add_asset(&call(MEMBER), id, asset, "b").unwrap();
    assert_eq!(record_bytes(&store), cost("longer") + 384 + 9 + 14);
    store.asset_remove(&call(MEMBER), id, asset).unwrap();
    assert_eq!(record_bytes(&store), cost("longer"));

    let options = BeginOptions { mime_type: Some("image/png".into()), ..BeginOptions::default() };
    let session = store.upload_begin(&call(MEMBER), CAPSULE, 1, "c", options).unwrap();
    let blob = finish(&mut store, MEMBER, session).unwrap();
    assert_eq!(record_bytes(&store), cost("longer") + 512 + 9);
    store.blob_delete(&call(MEMBER), blob).unwrap();
    store.memory_delete(&call(MEMBER), id, true).unwrap();
    assert_eq!(record_bytes(&store), 0);
    for key in ["d", "e", "f"] {
        create(&mut store, MEMBER, key, memory_meta("one")).unwrap();
    }
    store.memory_delete_all(&call(OWNER), CAPSULE, true).unwrap();
    assert_eq!(record_bytes(&store), 0);
    assert_sound(&store);
}

#[test]
fn the_quota_for_records_says_what_is_left_and_takes_what_fits_to_the_byte() {
    let max = 3 * cost("one");
    let mut store = store(RecordLimits { capsule_record_bytes_max: max, ..RecordLimits::default() });
    let first = create(&mut store, MEMBER, "a", memory_meta("one")).unwrap();
    create(&mut store, MEMBER, "b", memory_meta("one")).unwrap();
    let refused = create(&mut store, MEMBER, "c", memory_meta("four")).unwrap_err();
    let full = Usage { limit: Limit::CapsuleRecordBytes, used: 2 * cost("one"), max };
    assert_eq!(refused, MemoryError::Exhausted(Exhausted(full)));
    assert_eq!(refused.kind(), RefusalKind::ResourceExhausted);
    let text = format!("capsule_record_bytes: {} of {max} used, {} left", 2 * cost("one"), cost("one"));
    assert_eq!(refused.to_string(), text);
    create(&mut store, MEMBER, "c", memory_meta("one")).unwrap();
    assert_eq!(usage(&store, Limit::CapsuleRecordBytes), Usage { used: max, ..full });

    let longer = |meta: &mut MemoryMeta| meta.title = Some("much longer".into());
    let refused = store.memory_update(&call(MEMBER), first, longer).unwrap_err();
    assert!(matches!(refused, MemoryError::Exhausted(_)), "{refused}");
    assert!(matches!(begin(&mut store, MEMBER, "s"), Err(UploadError::Exhausted(_))));
    store.memory_update(&call(MEMBER), first, |meta| meta.title = Some("1".into())).unwrap();
    store.memory_delete(&call(MEMBER), first, true).unwrap();
    create(&mut store, MEMBER, "d", memory_meta("one")).unwrap();
    assert_sound(&store);
}

/// A memory whose texts, with those of its one asset, are `bytes` together.
fn wordy(bytes: usize) -> MemoryMeta {
    let others = "sea".len() + "image/jpeg".len() + "a.jpg".len() + "image/jpeg".len();
    let mut left = bytes - others;
    let mut text = |most: usize| {
        let taken = left.min(most);
        left -= taken;
        "t".repeat(taken)
    };
    let description = Some(text(16_384));
    let memory_notes = Some(text(16_384));
    let people_in_memory = Some((0..64).map(|_| text(128)).collect());
    let title = text(1_024);
    let location = Some(text(1_024));
    let mut meta =
        MemoryMeta { description, memory_notes, people_in_memory, location, ..memory_meta(&title) };
    meta.tags.extend((0..63).map(|_| text(128)));
    assert_eq!(left, 0, "so much fits");
    meta
}

#[test]
fn a_memory_has_so_many_texts_and_no_more() {
    let mut store = store(RecordLimits::default());
    let in_assets = 40_000;
    let asset = |beyond: usize| {
        let mut asset = inline_asset(AssetKind::Original, vec![7]);
        asset.meta.description = Some("d".repeat(16_384));
        asset.meta.exif_data = Some("e".repeat(16_384));
        asset.meta.url = Some("u".repeat(in_assets - 2 * 16_384 + beyond));
        asset
    };
    let meta = wordy(MEMORY_TEXT_BYTES_MAX - in_assets);
    let make = |store: &mut TestStore, beyond, key: &str| {
        store.memory_create(&call(MEMBER), CAPSULE, meta.clone(), vec![asset(beyond)], key)
    };
    let refused = make(&mut store, 1, "a").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "text_too_long: the memory with its assets has 65537 bytes, allowed 65536"
    );
    let id = make(&mut store, 0, "a").unwrap();
    let refused = store.memory_update(&call(MEMBER), id, |meta| meta.parent_folder_id = Some("p".into()));
    assert!(matches!(refused, Err(MemoryError::Text(_))), "{refused:?}");
    let small = inline_asset(AssetKind::Display, vec![7]);
    assert!(matches!(store.memory_add_asset(&call(MEMBER), id, small, "b"), Err(MemoryError::Text(_))));
    store.memory_update(&call(MEMBER), id, |meta| meta.description = None).unwrap();
    assert_sound(&store);
}

#[test]
fn a_page_ends_where_its_records_get_long_and_the_next_one_goes_on() {
    let mut store = store(RecordLimits::default());
    let mut made: Vec<_> =
        (0..150).map(|at| create(&mut store, MEMBER, &at.to_string(), wordy(40_000)).unwrap()).collect();
    made.reverse();
    let (mut seen, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = store.memory_page(&person(OWNER), CAPSULE, after.as_deref(), Some(100)).unwrap();
        let texts: u64 = page.items.len() as u64 * 40_000;
        assert!(!page.items.is_empty() && texts <= PAGE_RECORD_BYTES_MAX, "{texts}");
        seen.extend(page.items.into_iter().map(|(id, _)| id));
        pages += 1;
        match page.next {
            Some(next) => after = Some(next.to_string()),
            None => break,
        }
    }
    assert_eq!((seen, pages), (made, 6));
}

fn is_full<T: std::fmt::Debug>(answer: Result<T, impl Refusal>) -> bool {
    let refused = answer.expect_err("there is no room");
    let text = refused.to_string();
    refused.kind() == RefusalKind::ResourceExhausted && text.starts_with("record_bytes: ")
}

/// Fills the records with `make` until it is refused, which has to be for that.
fn fill<T: std::fmt::Debug, E: Refusal>(
    store: &mut TestStore,
    mut make: impl FnMut(&mut TestStore, usize) -> Result<T, E>,
) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let before = store.record_bytes();
        match make(store, all.len()) {
            Ok(one) => all.push(one),
            Err(refused) => {
                assert!(is_full::<T>(Err(refused)));
                assert_eq!(store.record_bytes(), before);
                return all;
            }
        }
        assert!(all.len() < 100_000, "there is a bound");
    }
}

#[test]
fn a_store_full_of_records_refuses_what_adds_and_does_all_that_frees() {
    let max = 4 << 20;
    let limits = RecordLimits { record_bytes_max: max, ..RecordLimits::default() };
    let mut store = store(limits);
    let pending = begin(&mut store, MEMBER, "before").unwrap();
    let lone = begin(&mut store, MEMBER, "lone").unwrap();
    let blob = finish(&mut store, MEMBER, lone).unwrap();
    let made = fill(&mut store, |store, at| create(store, MEMBER, &at.to_string(), memory_meta("tiny")));
    assert!(made.len() > 1_000);
    // Down to the last byte.
    let name = |at: usize| Some(Subject::Opaque(at.to_string()));
    let capsules = fill(&mut store, |store, at| {
        let who = 10 + u32::try_from(at / 900).unwrap();
        store.capsule_create(&call(who), name(at)).map(|made| (who, made.id))
    });

    // Nothing that adds.
    assert!(is_full(begin(&mut store, MEMBER, "another")));
    assert!(is_full(store.upload_put(&call(MEMBER), pending, 0, b"abc")));
    assert!(is_full(store.upload_finish(&call(MEMBER), pending, &sha256(b"abc"), 3)));
    assert!(is_full(store.capsule_create(&call(3), None)));
    assert!(is_full(store.capsule_grant(&call(OWNER), CAPSULE, &person(4), Role::Guest)));
    let asset = inline_asset(AssetKind::Display, vec![1]);
    assert!(is_full(store.memory_add_asset(&call(MEMBER), made[0], asset, "asset")));
    let longer = |meta: &mut MemoryMeta| meta.description = Some("d".repeat(9_000));
    assert!(is_full(store.memory_update(&call(MEMBER), made[0], longer)));
    // A repeated message adds nothing.
    assert_eq!(store.upload_finish(&call(MEMBER), lone, &sha256(b"abc"), 3).unwrap().done().unwrap().0, blob);
    assert_eq!(begin(&mut store, MEMBER, "before"), Ok(pending));
    assert_eq!(create(&mut store, MEMBER, "0", memory_meta("tiny")), Ok(made[0]));
    let full = usage(&store, Limit::RecordBytes);
    assert_eq!((full.used, full.max), (0, full.left()), "what others use is nobody's to see");
    assert_eq!(full.left(), 0);

    // All that frees, down to a store in which as much fits again.
    store.upload_abort(&call(MEMBER), pending).unwrap();
    store.capsule_grant(&call(OWNER), CAPSULE, &person(MEMBER), Role::Admin).unwrap();
    store.memory_delete(&call(MEMBER), made[0], false).unwrap();
    let ids: Vec<_> = made[1..500].iter().map(ToString::to_string).collect();
    assert_eq!(store.memory_delete_bulk(&call(MEMBER), CAPSULE, &ids, true).unwrap().deleted, 499);
    store.blob_delete(&call(MEMBER), blob).unwrap();
    while store.memory_delete_all(&call(OWNER), CAPSULE, true).unwrap().left > 0 {}
    for (who, id) in capsules {
        store.capsule_delete(&call(who), id).unwrap();
    }
    let late = Call { now_ns: START_NS + 50 * HOUR_NS, ..call(OWNER) };
    while store.tick(&late).more {}
    assert_sound(&store);
    assert!(store.record_bytes() < max / 20, "{} bytes are left", store.record_bytes());
    let again = fill(&mut store, |store, at| create(store, MEMBER, &at.to_string(), memory_meta("tiny")));
    assert!(again.len() >= made.len(), "{} fitted, now {}", made.len(), again.len());
    store.capsule_delete(&call(OWNER), CAPSULE).unwrap();
    while store.tick(&late).more {}
    assert_eq!(store.check().memories, 0);
    assert_sound(&store);
}

#[test]
fn sessions_keys_and_capsules_fill_the_records_too_and_go_again() {
    let max = 1 << 20;
    let limits = RecordLimits { record_bytes_max: max, ..RecordLimits::default() };
    let mut store = store(limits);
    let long_key = |at: usize| format!("{at:0>256}");
    let sessions = fill(&mut store, |store, at| begin(store, MEMBER, &long_key(at)));
    assert!(store.record_bytes() < max && sessions.len() > 500);
    assert!(is_full(create(&mut store, MEMBER, "a", memory_meta("one"))));
    for id in sessions {
        store.upload_abort(&call(MEMBER), id).unwrap();
    }
    let late = Call { now_ns: START_NS + 50 * HOUR_NS, ..call(OWNER) };
    while store.tick(&late).more {}
    let about = |at: usize| Some(Subject::Opaque(long_key(at)));
    let capsules = fill(&mut store, |store, at| {
        let who = 10 + u32::try_from(at / 900).unwrap();
        store.capsule_create(&call(who), about(at)).map(|made| (who, made.id))
    });
    assert!(capsules.len() > 300, "{}", capsules.len());
    for (who, id) in capsules {
        store.capsule_delete(&call(who), id).unwrap();
    }
    create(&mut store, MEMBER, "a", memory_meta("one")).unwrap();
    assert_sound(&store);
}

#[test]
fn the_newest_finished_sessions_answer_again_and_the_oldest_are_forgotten() {
    let mut store = store_with(RecordLimits::default(), 2);
    let slow = begin(&mut store, MEMBER, "slow").unwrap();
    let most = 2 * usize::try_from(FINISHED_PER_PENDING_MAX).unwrap();
    let mut finished = Vec::new();
    for at in 0..most + 3 {
        let id = begin(&mut store, MEMBER, &at.to_string()).unwrap();
        finished.push((id, finish(&mut store, MEMBER, id).unwrap()));
    }
    assert_eq!(store.session_stats(&person(MEMBER)).finished, most as u64);
    let again = |store: &mut TestStore, (id, blob): (SessionId, BlobId)| {
        let answer = store.upload_finish(&call(MEMBER), id, &sha256(b"abc"), 3);
        answer.map(|done| assert_eq!(done.done().unwrap().0, blob))
    };
    assert_eq!(again(&mut store, finished[0]), Err(Denied::NotFound.into()));
    assert_eq!(again(&mut store, finished[most + 2]), Ok(()));
    assert_eq!(again(&mut store, finished[3]), Ok(()));
    // Begun before all others, finished just now.
    let blob = finish(&mut store, MEMBER, slow).unwrap();
    assert_eq!(again(&mut store, (slow, blob)), Ok(()));
    assert_eq!(again(&mut store, finished[3]), Err(Denied::NotFound.into()));
    assert_sound(&store);
}

#[test]
fn an_older_store_is_counted_by_the_tick_record_by_record() {
    for version in 1..=3 {
        let config = Config { controllers: vec![person(9)], ..Config::default() };
        let mut store =
            Store::open(load("records", version), load("heap", version), &config, &[8; 32]).unwrap();
        let used = |store: &Store<_, _>| {
            let all = store.usage(&call(OWNER), Some(CAPSULE)).unwrap();
            all.iter().find(|usage| usage.limit == Limit::CapsuleRecordBytes).unwrap().used
        };
        let assert_sound = |store: &Store<_, _>| assert_eq!(store.check().violations, Vec::<String>::new());
        assert_eq!(used(&store), 0);
        assert_sound(&store);
        // What is not counted yet changes and goes without a trace; what is new counts at once.
        let note = MemoryId(2);
        store.memory_update(&call(MEMBER), note, |meta| meta.title = Some("another".into())).unwrap();
        assert_eq!(used(&store), 0);
        let new = vec![inline_asset(AssetKind::Original, vec![7])];
        store.memory_create(&call(MEMBER), CAPSULE, memory_meta("one"), new, "new").unwrap();
        assert_eq!(used(&store), cost("one"));
        assert_sound(&store);
        while store.tick(&call(OWNER)).more {}
        // The published memory has two assets that are blobs and one that is inline; there is a third blob.
        let published = cost("published") + 2 * (384 + 9 + 14);
        let blobs = 3 * (512 + "image/jpeg".len() as u64);
        assert_eq!(used(&store), cost("one") + cost("another") + published + blobs, "layout {version}");
        assert_sound(&store);
        store.asset_remove(&call(OWNER), MemoryId(1), AssetId(2)).unwrap();
        while store.memory_delete_all(&call(OWNER), CAPSULE, true).unwrap().left > 0 {}
        assert_eq!(used(&store), 512 + "image/jpeg".len() as u64, "the blob that no memory refers to");
        assert_sound(&store);
    }
}

#[test]
fn usage_is_for_those_who_may_add() {
    let mut store = store(RecordLimits::default());
    store.capsule_grant(&call(OWNER), CAPSULE, &person(3), Role::Guest).unwrap();
    let asked = |who: Call, capsule| store.usage(&who, capsule).map(|limits| limits.len());
    let anonymous = Call { caller: keepsake_core::Principal::anonymous(), ..call(1) };
    assert_eq!(asked(anonymous, None), Err(Denied::Unauthorized));
    assert_eq!(asked(call(3), Some(CAPSULE)), Err(Denied::Unauthorized));
    assert_eq!(asked(call(4), Some(CAPSULE)), Err(Denied::NotFound));
    assert_eq!(asked(call(4), None), Ok(5));
    assert_eq!(asked(call(MEMBER), Some(CAPSULE)), Ok(9));
    assert_eq!(asked(Call { room_bytes: 7, ..call(MEMBER) }, Some(CAPSULE)), Ok(10));
}
