//! Data made by an older version opens in every later one: stores kept in `fixtures/`, one per layout version.
//!
//! `UPDATE_FIXTURES=1` writes those of today's layout; do so only for a new layout version, never over one that was
//! released.

use crate::fixture::{load, save, updating};
use crate::inputs::{
    HOUR_NS, START_NS, file, inline_asset, link_public_key, memory_meta, person, publish_session, sha256,
};
use crate::sparse_memory::SparseMemory;
use keepsake_core::access::Role;
use keepsake_core::capsule::Subject;
use keepsake_core::certified::Certification;
use keepsake_core::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::layout::LAYOUT_VERSION;
use keepsake_core::links::NewLink;
use keepsake_core::memory::{AssetChoice, AssetKind, MemoryError};
use keepsake_core::people::NameRecord;
use keepsake_core::publish::Publication;
use keepsake_core::site::NewSiteFile;
use keepsake_core::token::TokenScope;
use keepsake_core::upload::{BeginOptions, SessionState};
use keepsake_core::{Admission, Call, Config, Principal, Store};
use std::sync::Once;

type SparseStore = Store<SparseMemory, SparseMemory>;

const OWNER: u32 = 1;
const MEMBER: u32 = 2;
const CAPSULE: CapsuleId = CapsuleId(1);

fn config() -> Config {
    Config { controllers: vec![person(9)], canister_id: Principal::from_slice(&[1, 2]), ..Config::default() }
}

fn call(who: u32) -> Call {
    Call {
        caller: person(who),
        now_ns: START_NS,
        epoch: 40,
        reusable_through: 38,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn original() -> Vec<u8> {
    file(10_500, 1)
}

fn pending_file() -> Vec<u8> {
    file(9_100, 2)
}

fn lone_blob() -> Vec<u8> {
    file(3_000, 4)
}

fn put_all(store: &mut SparseStore, who: u32, id: SessionId, data: &[u8], chunk: usize) {
    for (index, bytes) in (0..).zip(data.chunks(chunk)) {
        store.upload_put(&call(who), id, index, bytes).unwrap();
    }
}

fn begin(store: &mut SparseStore, who: u32, expected: u32, idem: &str) -> SessionId {
    let options = BeginOptions { mime_type: Some("image/jpeg".into()), ..BeginOptions::default() };
    store.upload_begin(&call(who), CAPSULE, expected, idem, options).unwrap()
}

/// A small store with one thing of every kind.
fn build(store: &mut SparseStore) {
    assert_eq!(store.capsule_create(&call(OWNER), None).unwrap().id, CAPSULE);
    store.capsule_create(&call(OWNER), Some(Subject::Opaque("Grandmother".into()))).unwrap();
    store.capsule_grant(&call(OWNER), CAPSULE, &person(MEMBER), Role::Member).unwrap();

    let (one, two) = (begin(store, OWNER, 3, "original"), begin(store, OWNER, 1, "display"));
    put_all(store, OWNER, one, &original(), 4_000);
    put_all(store, OWNER, two, &file(700, 3), 700);
    let sessions = [
        publish_session(one, AssetKind::Original, &original()),
        publish_session(two, AssetKind::Display, &file(700, 3)),
    ];
    let inline = vec![inline_asset(AssetKind::Placeholder, file(90, 5))];
    store
        .publish(
            &call(OWNER),
            CAPSULE,
            Publication::new(memory_meta("published"), sessions.to_vec(), inline),
            "publish",
        )
        .unwrap()
        .done()
        .unwrap();
    let note = vec![inline_asset(AssetKind::Original, b"a note".to_vec())];
    store.memory_create(&call(MEMBER), CAPSULE, memory_meta("note"), note, "note").unwrap();

    let aborted = begin(store, OWNER, 2, "aborted");
    put_all(store, OWNER, aborted, &[7; 6_000], 3_000);
    let lone = begin(store, MEMBER, 1, "lone");
    put_all(store, MEMBER, lone, &lone_blob(), 3_000);
    store.upload_finish(&call(MEMBER), lone, &sha256(&lone_blob()), 3_000).unwrap().done().unwrap();
    store.upload_abort(&call(OWNER), aborted).unwrap();

    let pending = begin(store, MEMBER, 4, "pending");
    for index in [3, 0, 2] {
        let chunk = pending_file()[index as usize * 2_500..].chunks(2_500).next().unwrap().to_vec();
        store.upload_put(&call(MEMBER), pending, index, &chunk).unwrap();
    }
}

/// What layout 2 added.
fn build_site(store: &mut SparseStore) {
    store.capsule_create(&call(9), None).unwrap();
    let id = store.upload_begin(&call(9), CapsuleId(3), 1, "page", BeginOptions::default()).unwrap();
    store.upload_put(&call(9), id, 0, b"a page").unwrap();
    let (blob, _) = store.upload_finish(&call(9), id, &sha256(b"a page"), 6).unwrap().done().unwrap();
    let page = NewSiteFile { path: "index.html".into(), blob, mime_type: "text/html".into() };
    store.site_set(&call(9), vec![page], |_| [[5; 32], [6; 32]]).unwrap();
}

/// Codes that were made and not used yet.
struct Codes {
    device: [u8; 16],
    invitation: [u8; 16],
}

/// What layout 6 added: a device, one that was removed, names, codes, links, somebody shut out, and the log.
fn build_people(store: &mut SparseStore) -> Codes {
    for (key, name) in [(20, "Phone"), (21, "Old phone")] {
        let code = store.devices_invite(&call(OWNER), name).unwrap();
        store.devices_join(&call(key), &code, "", None).unwrap();
    }
    store.devices_remove(&call(OWNER), &person(21)).unwrap();
    store.profile_set(&call(OWNER), Some("Anna".into()), Some(0x33_66_99)).unwrap();
    let aunt = NameRecord { name: Some("Aunt".into()), colour: None };
    store.people_name(&call(OWNER), &person(MEMBER), &aunt).unwrap();
    store.capsule_rename(&call(OWNER), CAPSULE, Some("Family".into())).unwrap();
    let whole = NewLink { expires_ns: Some(START_NS + HOUR_NS), originals: true, ..NewLink::default() };
    store.link_create(&call(OWNER), CAPSULE, &link_public_key(30), whole).unwrap();
    let some = NewLink { memories: Some(vec![MemoryId(2)]), label: "A note".into(), ..NewLink::default() };
    store.link_create(&call(OWNER), CAPSULE, &link_public_key(31), some).unwrap();
    store.operator_block(&call(9), &person(40), "spam").unwrap();
    store.operator_quota(&call(9), &person(41), Some(1_000)).unwrap();
    let device = store.devices_invite(&call(OWNER), "Tablet").unwrap();
    let until = Some(START_NS + HOUR_NS);
    let (_, invitation) =
        store.invitation_create(&call(OWNER), CAPSULE, Role::Admin, 3, until, "Cousins").unwrap();
    Codes { device, invitation }
}

fn write_todays() {
    let (records, heap) = (SparseMemory::default(), SparseMemory::default());
    let mut store = Store::open(records.clone(), heap.clone(), &config(), &[7; 32]).unwrap();
    build(&mut store);
    build_site(&mut store);
    build_people(&mut store);
    save("records", &records.image());
    save("heap", &heap.image());
}

fn open(version: u32) -> SparseStore {
    static WRITTEN: Once = Once::new();
    if updating() {
        WRITTEN.call_once(write_todays);
    }
    Store::open(load("records", version), load("heap", version), &config(), &[8; 32]).unwrap()
}

fn assert_sound(store: &SparseStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
}

fn assert_reads_all(store: &SparseStore) {
    let report = store.check();
    let of_site = u64::from(!store.site().files.is_empty());
    let counted = (report.capsules, report.memories, report.blobs, report.sessions);
    assert_eq!(counted, (2 + of_site, 2, 3 + of_site, 5 + of_site));
    let page = store.memory_page(&person(MEMBER), CAPSULE, None, None).unwrap();
    let titles: Vec<_> = page.items.iter().map(|(_, record)| record.meta.title.clone().unwrap()).collect();
    assert_eq!(titles, ["note", "published"]);
    for (blob, bytes) in [(1, original()), (2, file(700, 3)), (3, lone_blob())] {
        assert_eq!(store.blob_bytes(&store.blob_read(&person(OWNER), BlobId(blob)).unwrap()), bytes);
        assert_eq!(*store.blob_meta(&person(OWNER), BlobId(blob)).unwrap().sha256, sha256(&bytes));
    }
    let inline = |memory, kind| {
        store.asset_read(&person(OWNER), MemoryId(memory), AssetChoice::Kind(kind)).unwrap().inline.unwrap()
    };
    assert_eq!(inline(1, AssetKind::Placeholder), file(90, 5));
    assert_eq!(inline(2, AssetKind::Original), b"a note");
    assert_eq!(store.role_of(CAPSULE, &person(MEMBER)), Some(Role::Member));
    assert_eq!(store.capsule_list(&person(OWNER)).len(), 2);
    assert_eq!(store.heap().limbo_epoch_last(), Some(40));
}

fn assert_has_site(store: &SparseStore, version: u32) {
    let files = store.site().files;
    let pages: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.len)).collect();
    if version == 1 {
        assert_eq!((pages, store.beside_assets()), (vec![], None));
    } else {
        assert_eq!(pages, [("index.html", 6)]);
        assert_eq!(store.beside_assets(), Some([[5; 32], [6; 32]]));
    }
    assert_eq!(
        store.uncertified(),
        Certification::Changed,
        "an older store is looked through again, this one has two memories"
    );
}

/// A repeated message of before is answered as it was.
fn assert_remembers(store: &mut SparseStore) {
    let note = vec![inline_asset(AssetKind::Original, b"a note".to_vec())];
    let again = store.memory_create(&call(MEMBER), CAPSULE, memory_meta("note"), note, "note");
    assert_eq!(again.unwrap(), MemoryId(2));
    let sessions = [
        publish_session(SessionId(1), AssetKind::Original, &original()),
        publish_session(SessionId(2), AssetKind::Display, &file(700, 3)),
    ];
    let inline = vec![inline_asset(AssetKind::Placeholder, file(90, 5))];
    let again = store.publish(
        &call(OWNER),
        CAPSULE,
        Publication::new(memory_meta("published"), sessions.to_vec(), inline),
        "publish",
    );
    assert_eq!(again.unwrap().done().unwrap().memory, 1);
    let finished = store.upload_finish(&call(MEMBER), SessionId(4), &sha256(&lone_blob()), 3_000);
    assert_eq!(finished.unwrap().done().unwrap().0, BlobId(3));
    assert_eq!(store.upload_abort(&call(OWNER), SessionId(3)), Ok(()));
}

fn finish_pending(store: &mut SparseStore) {
    let id = begin(store, MEMBER, 4, "pending");
    let status = store.upload_status(&call(MEMBER), id).unwrap();
    assert_eq!(
        (id, status.record.state, status.missing),
        (SessionId(5), SessionState::Pending, vec![(1, 2)])
    );
    store.upload_put(&call(MEMBER), id, 1, &pending_file()[2_500..5_000]).unwrap();
    let (blob, _) =
        store.upload_finish(&call(MEMBER), id, &sha256(&pending_file()), 9_100).unwrap().done().unwrap();
    assert_eq!(store.blob_bytes(&store.blob_read(&person(MEMBER), blob).unwrap()), pending_file());
}

#[test]
fn a_store_of_every_layout_opens_reads_and_goes_on() {
    for version in 1..=LAYOUT_VERSION {
        let mut store = open(version);
        assert_eq!(store.config(), &config(), "layout {version}");
        assert_sound(&store);
        assert_reads_all(&store);
        assert_has_site(&store, version);
        assert_remembers(&mut store);
        assert_reads_all(&store);
        finish_pending(&mut store);
        assert_sound(&store);

        store.capsule_delete(&call(OWNER), CAPSULE).unwrap();
        let late = Call { now_ns: START_NS + 50 * HOUR_NS, epoch: 41, reusable_through: u64::MAX, ..call(9) };
        while store.tick(&late).more {}
        store.site_set(&late, Vec::new(), |_| [[0; 32]; 2]).unwrap();
        let report = store.check();
        assert_eq!((report.memories, report.blobs, report.sessions, report.allocated_bytes), (0, 0, 0, 0));
        assert_sound(&store);
    }
}

/// What layout 5 added: older memories are found as soon as the tick went through them.
#[test]
fn the_originals_of_every_layout_are_found_by_their_hash() {
    for version in 1..=LAYOUT_VERSION {
        let mut store = open(version);
        let found = |store: &SparseStore| {
            let hashes =
                [sha256(&original()), sha256(b"a note"), sha256(&file(700, 3)), sha256(&lone_blob())];
            store.memories_find(&person(MEMBER), CAPSULE, &hashes)
        };
        let all = Ok(vec![Some(MemoryId(1)), Some(MemoryId(2)), None, None]);
        let at_first = if version < 5 { Err(MemoryError::ContentsPending) } else { all.clone() };
        assert_eq!(found(&store), at_first, "layout {version}");
        while store.tick(&call(OWNER)).more {}
        assert_eq!(found(&store), all, "layout {version}");
        assert_sound(&store);
        store.memory_delete(&call(OWNER), MemoryId(1), true).unwrap();
        assert_eq!(found(&store).unwrap()[..2], [None, Some(MemoryId(2))]);
        assert_sound(&store);
    }
}

/// What layout 6 added: whoever had a role before accepted it; what was made since then is there.
#[test]
fn people_of_every_layout_are_who_they_were() {
    for version in 1..=LAYOUT_VERSION {
        let mut store = open(version);
        let seen = store.capsule(&person(MEMBER), Some(CAPSULE)).unwrap();
        assert_eq!(seen.is_accepted, version < 6, "layout {version}");
        assert!(store.capsule(&person(OWNER), None).unwrap().is_own);
        assert_eq!(store.admission(), Admission::Everybody);
        if version >= 6 {
            assert_keeps_people(&mut store, version);
        } else {
            build_people(&mut store);
        }
        assert_sound(&store);
    }
}

fn assert_keeps_people(store: &mut SparseStore, version: u32) {
    assert_eq!(store.acts_as(&person(20), START_NS), person(OWNER));
    // Layout 6 forgot that a key was removed; since then it is nobody's.
    let removed = if version == 6 { person(21) } else { Principal::anonymous() };
    assert_eq!(store.acts_as(&person(21), START_NS), removed);
    assert_eq!(store.acts_as(&person(40), START_NS), Principal::anonymous());
    let names = store.devices_list(&person(OWNER)).unwrap().into_iter().map(|one| one.record.name);
    assert_eq!(names.filter(|name| !name.is_empty()).collect::<Vec<_>>(), ["Phone"]);
    assert_eq!(store.person(&person(OWNER)).name.as_deref(), Some("Anna"));
    assert_eq!(store.people_list(&person(OWNER)).len(), 1);
    assert_eq!(store.capsule(&person(OWNER), None).unwrap().record.name.as_deref(), Some("Family"));
    // In layout 6 a link was made of any principal.
    let link = |number| match version {
        6 => person(number),
        _ => Principal::self_authenticating(link_public_key(number)),
    };
    let page = |key| store.memory_page(&key, CAPSULE, None, None).map(|page| page.items.len());
    assert_eq!((page(link(30)), page(link(31))), (Ok(2), Ok(1)));
    // Links of before say nothing of a preview: nobody allowed one.
    assert!([30, 31].iter().all(|at| store.link_of(&link(*at)).is_some_and(|link| !link.preview)));
    let late = Call { caller: link(30), now_ns: START_NS + HOUR_NS, ..call(0) };
    assert_eq!(store.enter(&late).caller, Principal::anonymous());
    assert_eq!(store.operator_log(&call(9), None).unwrap().len(), 2);
    let codes = {
        let (records, heap) = (SparseMemory::default(), SparseMemory::default());
        let mut made_now = Store::open(records, heap, &config(), &[7; 32]).unwrap();
        build(&mut made_now);
        build_site(&mut made_now);
        build_people(&mut made_now)
    };
    let (device, invitation) = (drawn_then(store, codes.device), drawn_then(store, codes.invitation));
    assert_eq!(store.devices_join(&call(22), &device, "", None), Ok(person(OWNER)));
    store.invitation_redeem(&call(MEMBER), &invitation).unwrap();
    assert_eq!(store.role_of(CAPSULE, &person(MEMBER)), Some(Role::Admin));
}

/// The code as the store has it: when it was made, codes had 128 bits, and the first of them is left out since.
fn drawn_then(store: &SparseStore, mut code: [u8; 16]) -> [u8; 16] {
    if store.invitation_read(&call(MEMBER), &code).is_err() {
        code[0] |= 0x80;
    }
    code
}

#[test]
fn a_token_of_an_older_store_still_opens() {
    let store = open(LAYOUT_VERSION);
    let minted = {
        let (records, heap) = (SparseMemory::default(), SparseMemory::default());
        let mut made_now = Store::open(records, heap, &config(), &[7; 32]).unwrap();
        build(&mut made_now);
        made_now.token_mint(&call(OWNER), MemoryId(1), &TokenScope::default(), 60).unwrap()
    };
    assert_eq!(store.token_open(&call(OWNER), &minted).unwrap().memory, MemoryId(1));
}
