//! The site and the pieces of large assets, over the core alone: whose bytes they are, what a check finds, what an older
//! store becomes.

use crate::inputs::{START_NS, file, memory_meta, person, publish_session, sha256};
use crate::sparse_memory::SparseMemory;
use keepsake_core::certified::{Certification, pieces_of};
use keepsake_core::ids::{AssetId, BlobId, CapsuleId, MemoryId};
use keepsake_core::memory::AssetKind;
use keepsake_core::publish::Publication;
use keepsake_core::site::{NewSiteFile, SiteError, SiteFile};
use keepsake_core::upload::BeginOptions;
use keepsake_core::{Call, Config, Store};

type SparseStore = Store<SparseMemory, SparseMemory>;

const KEEPER: u32 = 9;
const CAPSULE: CapsuleId = CapsuleId(1);

fn call() -> Call {
    Call {
        caller: person(KEEPER),
        now_ns: START_NS,
        epoch: 1,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn store() -> SparseStore {
    let config = Config { controllers: vec![person(KEEPER)], ..Config::default() };
    let mut store = Store::open(SparseMemory::default(), SparseMemory::default(), &config, &[7; 32]).unwrap();
    assert_eq!(store.capsule_create(&call(), None).unwrap().id, CAPSULE);
    store
}

fn upload(store: &mut SparseStore, idem: &str, bytes: &[u8]) -> BlobId {
    let chunks = bytes.chunks(1_800_000);
    let count = u32::try_from(chunks.len()).unwrap();
    let id = store.upload_begin(&call(), CAPSULE, count, idem, BeginOptions::default()).unwrap();
    for (index, chunk) in (0..).zip(chunks) {
        store.upload_put(&call(), id, index, chunk).unwrap();
    }
    store.upload_finish(&call(), id, &sha256(bytes), bytes.len() as u64).unwrap().done().unwrap().0
}

fn page(path: &str, blob: BlobId) -> NewSiteFile {
    NewSiteFile { path: path.into(), blob, mime_type: "text/plain".into() }
}

fn seal(files: &mut [SiteFile]) -> [[u8; 32]; 2] {
    for file in files {
        file.certified = [1; 32].into();
    }
    [[2; 32], [0; 32]]
}

fn assert_sound(store: &SparseStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
    assert_eq!(store.check_bytes(|_| {}).violations, Vec::<String>::new());
}

#[test]
fn bytes_of_the_site_come_and_go_with_it() {
    let mut store = store();
    let (one, two) = (upload(&mut store, "one", &file(5_000, 1)), upload(&mut store, "two", &file(9_000, 2)));
    assert_eq!(store.beside_assets(), None);
    let files = vec![page("b", two), page("a", one), page("a/again", one)];
    store.site_set(&call(), files.clone(), seal).unwrap();
    assert_eq!(store.beside_assets(), Some([[2; 32], [0; 32]]));
    let paths: Vec<_> = store.site().files.into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["a", "a/again", "b"]);
    assert_sound(&store);
    store.site_set(&call(), files, seal).unwrap();
    assert_eq!(store.blob_unchecked(one).unwrap().references, 2, "set again, it is the same");
    assert_sound(&store);

    store.site_set(&call(), vec![page("b", two)], seal).unwrap();
    assert_eq!(store.blob_unchecked(one), None);
    assert_sound(&store);
    store.capsule_delete(&call(), CAPSULE).unwrap();
    while store.tick(&call()).more {}
    assert_sound(&store);
    assert_eq!(store.check().blobs, 1, "the capsule did not take it along");
    store.site_set(&call(), Vec::new(), seal).unwrap();
    assert_eq!(store.check().allocated_bytes, 0);
}

#[test]
fn a_refused_site_changes_nothing() {
    let mut store = store();
    let one = upload(&mut store, "one", &file(5_000, 1));
    store.site_set(&call(), vec![page("a", one)], seal).unwrap();
    let before = store.site();
    let published = upload(&mut store, "two", &file(100, 2));
    let source = keepsake_core::memory::NewSource::Blob(published.0);
    let asset =
        keepsake_core::memory::NewAsset { meta: crate::inputs::asset_meta(AssetKind::Original), source };
    store.memory_create(&call(), CAPSULE, memory_meta("m"), vec![asset], "m").unwrap();
    let refused = store.site_set(&call(), vec![page("a", one), page("b", published)], seal);
    assert_eq!(refused, Err(SiteError::Referenced(published)));
    let refused = store.site_set(&call(), vec![page("a", one), page("b", BlobId(77))], seal);
    assert!(matches!(refused, Err(SiteError::Denied(_))));
    let somebody = Call { caller: person(1), ..call() };
    assert!(matches!(store.site_set(&somebody, Vec::new(), seal), Err(SiteError::Denied(_))));
    assert_eq!(store.site(), before);
    assert_sound(&store);
}

#[test]
fn pieces_are_hashed_once_in_slices_and_go_with_their_asset() {
    let mut store = store();
    let bytes = file(7_000_001, 3);
    let chunks: Vec<_> = bytes.chunks(1_800_000).collect();
    let session = store.upload_begin(&call(), CAPSULE, 4, "large", BeginOptions::default()).unwrap();
    for (index, chunk) in (0..).zip(chunks) {
        store.upload_put(&call(), session, index, chunk).unwrap();
    }
    let sessions = vec![publish_session(session, AssetKind::Original, &bytes)];
    store
        .publish(&call(), CAPSULE, Publication::new(memory_meta("large"), sessions, Vec::new()), "large")
        .unwrap()
        .done()
        .unwrap();
    let (memory, asset) = (MemoryId(1), AssetId(1));
    while store.uncertified() != Certification::Done {
        store.take_uncertified(10, true);
    }
    assert_eq!(store.pieces(memory, asset), Vec::<[u8; 32]>::new(), "nobody asked");
    assert_eq!(store.hash_pieces(10), 0);

    store.want_pieces(memory);
    assert_eq!(store.hash_pieces(3), 3);
    assert_eq!(store.uncertified(), Certification::Changed, "one is left");
    assert_eq!(store.pieces(memory, asset).len(), 3);
    assert_eq!(store.hash_pieces(3), 1);
    let expected: Vec<_> = bytes.chunks(2_000_000).map(sha256).collect();
    assert_eq!(store.pieces(memory, asset), expected);
    assert_sound(&store);
    store.want_pieces(memory);
    assert_eq!(store.hash_pieces(3), 0, "once is enough");
    assert_eq!(store.take_uncertified(9, true), [memory]);
    assert_eq!(store.uncertified(), Certification::Done);

    store.memory_delete(&call(), memory, true).unwrap();
    assert_eq!(store.pieces(memory, asset), Vec::<[u8; 32]>::new());
    assert_sound(&store);
    store.want_pieces(memory);
    assert_eq!(store.hash_pieces(3), 0, "it is gone");
    assert_eq!(store.uncertified(), Certification::Done);
}

#[test]
fn only_longer_assets_have_pieces_and_not_too_many() {
    for (len, pieces) in
        [(0, 0), (2_000_000, 0), (2_000_001, 2), (4_000_000, 2), (2_000_000_000, 1_000), (u64::MAX, 1_000)]
    {
        assert_eq!(pieces_of(len), pieces, "{len}");
    }
}

#[test]
fn a_store_whose_answers_had_another_form_is_certified_anew() {
    let mut store = store();
    store.certify_in_form(1, |_| unreachable!("no site was ever set"));
    assert_eq!(store.uncertified(), Certification::Done, "a new store has nothing of another form");
    let source = keepsake_core::memory::NewSource::Blob(upload(&mut store, "published", &file(700, 1)).0);
    let asset =
        keepsake_core::memory::NewAsset { meta: crate::inputs::asset_meta(AssetKind::Original), source };
    store.memory_create(&call(), CAPSULE, memory_meta("m"), vec![asset], "m").unwrap();
    let blob = upload(&mut store, "one", &file(5_000, 2));
    store.site_set(&call(), vec![page("a", blob)], seal).unwrap();
    let settle = |store: &mut SparseStore| while !store.take_uncertified(10, true).is_empty() {};
    settle(&mut store);
    store.take_root_changed();
    store.certify_in_form(1, |_| unreachable!("the site has this form"));
    assert_eq!((store.uncertified(), store.take_root_changed()), (Certification::Done, false));

    store.certify_in_form(2, |files| {
        for file in files {
            file.certified = [3; 32].into();
        }
        [[4; 32], [5; 32]]
    });
    assert_eq!(store.beside_assets(), Some([[4; 32], [5; 32]]));
    assert_eq!(*store.site().files[0].certified, [3; 32]);
    assert!(store.take_root_changed());
    assert_eq!(store.take_uncertified(10, false), [MemoryId(1)]);
    settle(&mut store);
    assert_eq!(store.uncertified(), Certification::Done);
    assert_sound(&store);
}
