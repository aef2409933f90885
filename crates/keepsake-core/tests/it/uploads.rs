//! Sessions through the core's public interface: any order, any interleaving, restarts at any point, and a store
//! that is sound after every step.

use crate::inputs::{HOUR_NS, asset_meta, file, memory_meta, publish_session, sha256};
use ic_stable_structures::{Memory as _, VectorMemory};
use keepsake_core::access::{Denied, Role};
use keepsake_core::capsule::Subject;
use keepsake_core::ids::{CapsuleId, SessionId};
use keepsake_core::limits::{ABORTED_PER_CALLER_MAX, CAPSULES_PER_CALLER_MAX};
use keepsake_core::memory::{AssetKind, NewAsset, NewSource};
use keepsake_core::publish::Publication;
use keepsake_core::upload::{BeginOptions, UploadError};
use keepsake_core::{Call, Config, Principal, Store};
use proptest::prelude::*;

type TestStore = Store<VectorMemory, VectorMemory>;

struct Bench {
    records: VectorMemory,
    heap: VectorMemory,
    store: TestStore,
    now_ns: u64,
}

impl Bench {
    fn new() -> Self {
        let (records, heap) = (VectorMemory::default(), VectorMemory::default());
        let store = Store::open(records.clone(), heap.clone(), &Config::default(), &[7; 32]).unwrap();
        Self { records, heap, store, now_ns: 1_000 * HOUR_NS }
    }

    fn restart(&mut self) {
        self.store =
            Store::open(self.records.clone(), self.heap.clone(), &Config::default(), &[8; 32]).unwrap();
    }

    fn call(&self, who: u8) -> Call {
        Call {
            caller: person(who),
            now_ns: self.now_ns,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }

    fn capsule(&mut self, who: u8) -> CapsuleId {
        let call = self.call(who);
        self.store.capsule_create(&call, None).unwrap().id
    }

    fn begin(&mut self, who: u8, expected: u32, idem: &str) -> SessionId {
        let capsule = self.capsule(who);
        let call = self.call(who);
        self.store.upload_begin(&call, capsule, expected, idem, BeginOptions::default()).unwrap()
    }

    fn put(&mut self, who: u8, id: SessionId, index: u32, bytes: &[u8]) -> Result<(), UploadError> {
        let call = self.call(who);
        self.store.upload_put(&call, id, index, bytes)
    }

    fn assert_sound(&self) {
        assert_eq!(self.store.check().violations, Vec::<String>::new());
    }
}

fn person(who: u8) -> Principal {
    crate::inputs::person(who.into())
}

#[test]
fn a_file_survives_a_restart_in_its_middle() {
    let mut bench = Bench::new();
    let data = file(10_000, 1);
    let id = bench.begin(1, 10, "k");
    for index in [3, 1, 9, 0] {
        bench.put(1, id, index, &data[index as usize * 1_000..][..1_000]).unwrap();
    }
    bench.restart();
    let status = bench.store.upload_status(&bench.call(1), id).unwrap();
    assert_eq!(status.missing, [(2, 3), (4, 9)]);
    assert_eq!(bench.begin(1, 10, "k"), id, "the same key finds the session");
    for index in [2, 4, 5, 6, 7, 8] {
        bench.put(1, id, index, &data[index as usize * 1_000..][..1_000]).unwrap();
    }
    let call = bench.call(1);
    let (blob, record) =
        bench.store.upload_finish(&call, id, &sha256(&data), 10_000).unwrap().done().unwrap();
    assert_eq!(record.len, 10_000);
    bench.restart();
    assert_eq!(bench.store.blob_bytes(&bench.store.blob_read(&person(1), blob).unwrap()), data);
    bench.assert_sound();
}

#[test]
fn a_refused_publish_leaves_every_session_pending() {
    let mut bench = Bench::new();
    let (a, b) = (file(500, 1), file(300, 2));
    let (one, two) = (bench.begin(1, 1, "a"), bench.begin(1, 1, "b"));
    bench.put(1, one, 0, &a).unwrap();
    bench.put(1, two, 0, &b).unwrap();
    let capsule = bench.capsule(1);
    let good = publish_session(one, AssetKind::Original, &a);
    let bad = publish_session(two, AssetKind::Display, &a[..300]);
    let call = bench.call(1);
    let refused = bench.store.publish(
        &call,
        capsule,
        Publication::new(memory_meta("t"), vec![good.clone(), bad], vec![]),
        "p",
    );
    assert!(refused.unwrap_err().to_string().starts_with("sha256_differs"));
    assert_eq!(bench.store.session_stats(&person(1)).pending, 2);
    assert_eq!(bench.store.memory_count(), 0);
    bench.assert_sound();

    let right = [good, publish_session(two, AssetKind::Display, &b)];
    let inline =
        NewAsset { meta: asset_meta(AssetKind::Placeholder), source: NewSource::Inline(vec![9; 20]) };
    let done = bench
        .store
        .publish(
            &call,
            capsule,
            Publication::new(memory_meta("t"), right.to_vec(), vec![inline.clone()]),
            "p",
        )
        .unwrap()
        .done()
        .unwrap();
    assert_eq!(done.assets.len(), 3);
    let again = bench
        .store
        .publish(&call, capsule, Publication::new(memory_meta("t"), right.to_vec(), vec![inline]), "p")
        .unwrap()
        .done()
        .unwrap();
    assert_eq!(again, done, "a repeated publish gives the first answer");
    assert_eq!(bench.store.memory_count(), 1);
    bench.assert_sound();
}

#[test]
fn only_time_evicts_and_only_the_untouched() {
    let mut bench = Bench::new();
    let (old, kept) = (bench.begin(1, 2, "old"), bench.begin(2, 2, "kept"));
    bench.put(1, old, 0, &[1; 100]).unwrap();
    bench.now_ns += 20 * HOUR_NS;
    bench.put(2, kept, 0, &[1; 100]).unwrap();
    bench.now_ns += 5 * HOUR_NS;
    let done = bench.store.tick(&bench.call(3));
    assert_eq!(done.sessions_evicted, 1);
    assert!(bench.put(1, old, 1, &[1; 100]).is_err());
    bench.put(2, kept, 1, &[1; 100]).unwrap();
    assert_eq!(bench.store.heap().usage().free, bench.store.check().idle_bytes);
    bench.assert_sound();
}

#[test]
fn an_unreferenced_blob_is_collected_after_its_time_and_never_before() {
    let mut bench = Bench::new();
    let data = file(5_000, 3);
    let id = bench.begin(1, 1, "k");
    bench.put(1, id, 0, &data).unwrap();
    let call = bench.call(1);
    let (blob, record) = bench.store.upload_finish(&call, id, &sha256(&data), 5_000).unwrap().done().unwrap();
    bench.now_ns = record.expires_ns.unwrap();
    bench.store.tick(&bench.call(1));
    assert!(bench.store.blob_meta(&person(1), blob).is_ok());
    bench.now_ns += 1;
    assert_eq!(bench.store.tick(&bench.call(1)).blobs_collected, 1);
    assert!(bench.store.blob_meta(&person(1), blob).is_err());
    assert_eq!(bench.store.heap().usage().end, 0);
    bench.assert_sound();
}

#[test]
fn a_reversed_upload_finishes() {
    let mut bench = Bench::new();
    let data = file(3_000 * 64, 5);
    let id = bench.begin(1, 64, "k");
    for index in (0..64).rev() {
        bench.put(1, id, index, &data[index as usize * 3_000..][..3_000]).unwrap();
    }
    let call = bench.call(1);
    let (blob, _) =
        bench.store.upload_finish(&call, id, &sha256(&data), data.len() as u64).unwrap().done().unwrap();
    assert_eq!(bench.store.blob_bytes(&bench.store.blob_read(&person(1), blob).unwrap()), data);
}

#[test]
fn a_deleted_capsule_gives_everything_back() {
    let mut bench = Bench::new();
    for n in 0..150_u8 {
        let id = bench.begin(1, 1, &format!("f{n}"));
        bench.put(1, id, 0, &file(5_000, n)).unwrap();
        let capsule = bench.capsule(1);
        let call = bench.call(1);
        let session = publish_session(id, AssetKind::Original, &file(5_000, n));
        bench
            .store
            .publish(
                &call,
                capsule,
                Publication::new(memory_meta("t"), vec![session], vec![]),
                &format!("p{n}"),
            )
            .unwrap()
            .done()
            .unwrap();
        bench.begin(1, 3, &format!("open{n}"));
    }
    let capsule = bench.capsule(1);
    let call = bench.call(1);
    bench.store.capsule_delete(&call, capsule).unwrap();
    assert!(bench.store.capsule(&person(1), Some(capsule)).is_err());
    bench.assert_sound();
    while bench.store.tick(&bench.call(1)).more {}
    let report = bench.store.check();
    assert_eq!((report.capsules, report.memories, report.blobs, report.sessions), (0, 0, 0, 0));
    assert_eq!(bench.store.heap().usage().end, 0);
    bench.assert_sound();
    assert_ne!(bench.capsule(1), capsule, "the caller's own capsule can be made anew");
}

#[test]
fn begin_and_abort_in_turns_leave_a_bounded_trace() {
    let mut bench = Bench::new();
    let mut aborted = Vec::new();
    for n in 0..ABORTED_PER_CALLER_MAX + 50 {
        let id = bench.begin(1, 1, &format!("s{n}"));
        let call = bench.call(1);
        bench.store.upload_abort(&call, id).unwrap();
        aborted.push(id);
    }
    let others = bench.begin(2, 1, "another caller's");
    let call = bench.call(2);
    bench.store.upload_abort(&call, others).unwrap();
    bench.assert_sound();
    assert_eq!(bench.store.check().sessions, u64::from(ABORTED_PER_CALLER_MAX) + 1);
    let call = bench.call(1);
    let (gone, kept) = aborted.split_at(50);
    for id in gone {
        assert_eq!(bench.store.upload_abort(&call, *id), Err(Denied::NotFound.into()), "{id:?}");
    }
    for id in kept {
        assert_eq!(bench.store.upload_abort(&call, *id), Ok(()), "{id:?}");
    }
    bench.now_ns += 100 * HOUR_NS;
    let mut slices = 1;
    while bench.store.tick(&bench.call(9)).more {
        slices += 1;
    }
    assert!(slices <= 6, "{slices} slices: the queue holds entries of sessions that are long gone");
    assert_eq!(bench.store.check().sessions, 0);
    bench.assert_sound();
}

#[test]
fn an_upload_deleted_at_once_leaves_nothing_in_the_queue() {
    let mut bench = Bench::new();
    for n in 0..20 {
        let id = bench.begin(1, 1, &format!("s{n}"));
        bench.put(1, id, 0, b"abc").unwrap();
        let call = bench.call(1);
        let (blob, _) = bench.store.upload_finish(&call, id, &sha256(b"abc"), 3).unwrap().done().unwrap();
        bench.store.blob_delete(&call, blob).unwrap();
    }
    bench.now_ns += 10 * HOUR_NS;
    let call = bench.call(1);
    let capsule = bench.capsule(1);
    bench.store.capsule_delete(&call, capsule).unwrap();
    assert_eq!(bench.store.next_due_ns(), None);
}

#[test]
fn no_grant_pushes_a_capsule_off_the_list() {
    let mut bench = Bench::new();
    let create = |bench: &mut Bench, who, name: &str| {
        let (call, about) = (bench.call(who), Subject::Opaque(name.into()));
        bench.store.capsule_create(&call, Some(about)).unwrap().id
    };
    // A crowd that has more capsules than a list has rows, made before those that matter.
    let crowd: Vec<_> = (0..CAPSULES_PER_CALLER_MAX + 10).map(|n| (if n < 600 { 7 } else { 8 }, n)).collect();
    let unwanted: Vec<_> =
        crowd.iter().map(|(who, n)| (*who, create(&mut bench, *who, &format!("c{n}")))).collect();
    let friends = create(&mut bench, 2, "friend");
    let call = bench.call(2);
    bench.store.capsule_grant(&call, friends, &person(1), Role::Guest).unwrap();
    for (who, id) in &unwanted {
        let call = bench.call(*who);
        bench.store.capsule_grant(&call, *id, &person(1), Role::Owner).unwrap();
    }
    let own = bench.capsule(1);
    let ids = |bench: &Bench| -> Vec<_> {
        bench.store.capsule_list(&person(1)).iter().map(|view| view.id).collect()
    };
    let listed = ids(&bench);
    assert_eq!((listed.len(), &listed[..3]), (1_000, &[own, friends, unwanted[0].1][..]));
    bench.assert_sound();

    // Room is taken by those that did not fit.
    for (who, id) in &unwanted[..20] {
        let call = bench.call(*who);
        bench.store.capsule_revoke(&call, *id, &person(1)).unwrap();
    }
    let listed = ids(&bench);
    assert_eq!(listed.len(), 992);
    assert!(unwanted[20..].iter().all(|(_, id)| listed.contains(id)));
    assert_eq!(listed[..2], [own, friends]);
    bench.restart();
    assert_eq!(ids(&bench), listed);
    bench.assert_sound();
}

#[derive(Clone, Debug)]
enum Step {
    Put { session: usize, index: u32 },
    Wrong { session: usize, index: u32 },
    Abort { session: usize },
    Begin { session: usize },
    Finish { session: usize },
    Restart,
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..4_usize;
    prop_oneof![
        20 => (session.clone(), 0..7_u32).prop_map(|(session, index)| Step::Put { session, index }),
        2 => (session.clone(), 0..7_u32).prop_map(|(session, index)| Step::Wrong { session, index }),
        1 => session.clone().prop_map(|session| Step::Abort { session }),
        3 => session.clone().prop_map(|session| Step::Begin { session }),
        4 => session.prop_map(|session| Step::Finish { session }),
        1 => Just(Step::Restart),
        1 => Just(Step::Tick),
    ]
}

/// What the model knows of one of four concurrent uploads by two callers.
struct Expected {
    who: u8,
    data: Vec<u8>,
    id: Option<SessionId>,
    received: [bool; 7],
}

impl Expected {
    fn chunk(&self, index: u32) -> &[u8] {
        let from = index as usize * 900;
        &self.data[from..self.data.len().min(from + 900)]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_session_sees_what_another_does(steps in prop::collection::vec(step(), 1..120)) {
        let mut bench = Bench::new();
        let mut all: Vec<Expected> = (0..4_u8)
            .map(|n| Expected { who: n % 2, data: file(900 * 6 + 100 + usize::from(n), n), id: None, received: [false; 7] })
            .collect();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Begin { session } => {
                    let it = &mut all[session];
                    let id = bench.begin(it.who, 7, &format!("s{session}"));
                    if let Some(known) = it.id { prop_assert_eq!(known, id); } else { it.received = [false; 7]; }
                    it.id = Some(id);
                }
                Step::Put { session, index } => {
                    let Some(id) = all[session].id else { continue };
                    let chunk = all[session].chunk(index).to_vec();
                    prop_assert_eq!(bench.put(all[session].who, id, index, &chunk), Ok(()));
                    all[session].received[index as usize] = true;
                }
                Step::Wrong { session, index } => {
                    let Some(id) = all[session].id else { continue };
                    if !all[session].received[index as usize] { continue }
                    let mut chunk = all[session].chunk(index).to_vec();
                    chunk[0] ^= 1;
                    prop_assert_eq!(bench.put(all[session].who, id, index, &chunk), Err(UploadError::ChunkDiffers(index)));
                    let stranger = 1 - all[session].who;
                    prop_assert!(bench.put(stranger, id, index, &chunk).is_err());
                }
                Step::Abort { session } => {
                    let Some(id) = all[session].id.take() else { continue };
                    let call = bench.call(all[session].who);
                    prop_assert_eq!(bench.store.upload_abort(&call, id), Ok(()));
                    prop_assert_eq!(bench.store.upload_abort(&call, id), Ok(()));
                }
                Step::Finish { session } => {
                    let Some(id) = all[session].id else { continue };
                    let call = bench.call(all[session].who);
                    let (hash, len) = (sha256(&all[session].data), all[session].data.len() as u64);
                    let done = bench.store.upload_finish(&call, id, &hash, len);
                    if all[session].received.iter().all(|here| *here) {
                        let (blob, _) = done.unwrap().done().unwrap();
                        prop_assert_eq!(bench.store.blob_bytes(&bench.store.blob_read(&call.caller, blob).unwrap()), all[session].data.clone());
                        all[session].id = None;
                    } else {
                        prop_assert!(done.is_err());
                    }
                }
                Step::Restart => bench.restart(),
                Step::Tick => { bench.now_ns += at as u64; bench.store.tick(&bench.call(9)); }
            }
            for it in &all {
                let Some(id) = it.id else { continue };
                let status = bench.store.upload_status(&bench.call(it.who), id).unwrap();
                let here = it.received.iter().filter(|here| **here).count();
                prop_assert_eq!(status.record.received as usize, here);
                let missing: u32 = status.missing.iter().map(|(from, to)| to - from).sum();
                prop_assert_eq!(missing as usize, 7 - here);
            }
            bench.assert_sound();
        }
    }
}

#[test]
fn a_flipped_byte_in_a_blob_or_in_a_pending_session_is_found_by_the_check_of_bytes() {
    let mut bench = Bench::new();
    let bytes = file(9_000, 3);
    let blob = bench.begin(1, 2, "blob");
    bench.put(1, blob, 0, &bytes[..5_000]).unwrap();
    bench.put(1, blob, 1, &bytes[5_000..]).unwrap();
    let call = bench.call(1);
    let (_, blob) = bench.store.upload_finish(&call, blob, &sha256(&bytes), 9_000).unwrap().done().unwrap();
    let pending = bench.begin(1, 3, "pending");
    bench.put(1, pending, 0, &bytes[..4_000]).unwrap();
    bench.put(1, pending, 2, &bytes[..10]).unwrap();

    let sound = bench.store.check_bytes(|_| {});
    assert_eq!((sound.blobs, sound.sessions, sound.bytes), (1, 1, 13_000));
    assert_eq!(sound.violations, Vec::<String>::new());

    let last_of_blob = bench.store.blob_runs(&blob, 8_999, 1)[0].offset;
    // The session's first chunk lies right after the blob, whose tail takes one granule.
    let first_of_session = bench.store.blob_runs(&blob, 5_000, 1)[0].offset + 4_096;
    for at in [last_of_blob, first_of_session] {
        let mut byte = [0];
        bench.heap.read(at, &mut byte);
        bench.heap.write(at, &[!byte[0]]);
        assert_eq!(bench.store.check_bytes(|_| {}).violations.len(), 1, "byte {at}");
        bench.heap.write(at, &byte);
    }
    bench.assert_sound();
}
