//! Disks that get full by what strangers and owners send: what makes room always runs, and the node recovers by itself.
//!
//! Each test has a small file system of its own, which needs root; elsewhere it says so and ends.

mod deletes;

use super::program::PanickingProgram;
use super::{keyed, message, options, replied, sender, set, value};
use crate::data_dir::DataDir;
use crate::engine::message::resource_exhausted;
use crate::engine::{AnswerLimits, Clock, Engine, EngineError, EngineOptions, RequestStatus};
use candid::{CandidType, Decode, Encode, Principal};
use keepsake_api::{Answer, BeginOptions, BlobMeta, Capsule, Error, PersonRef, UploadFinishResult};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A tmpfs that goes away with the test.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn new(mib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { dir });
        }
        println!("skipped: mounting a small tmpfs needs root");
        None
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Takes space, as other programs on the disk do, until `left` bytes are free.
    fn fill_to(&self, left: u64) {
        let mut filler = File::create(self.dir.path().join("filler")).unwrap();
        while free(self.dir.path()) > left {
            let block = (free(self.dir.path()) - left).min(1 << 20);
            filler.write_all(&vec![1; usize::try_from(block).unwrap()]).unwrap();
        }
    }

    fn taken_by(&self, name: &str) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(self.data().join(name)).unwrap().blocks() * 512
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.dir.path()).status().ok();
    }
}

fn free(path: &Path) -> u64 {
    let stat = rustix::fs::statvfs(path).unwrap();
    stat.f_bavail * stat.f_frsize
}

/// A clock that the test moves.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000_000)))
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::new(move || now.load(Ordering::SeqCst))
    }

    fn let_minutes_pass(&self, minutes: u64) {
        self.0.fetch_add(minutes * 60_000_000_000, Ordering::SeqCst);
    }
}

fn small(hand: &Hand) -> EngineOptions {
    let mut options = options();
    options.reserve_bytes = 8 << 20;
    options.freeing_reserve_bytes = 8 << 20;
    options.clock = hand.clock();
    options
}

fn open_small(disk: &SmallDisk, hand: &Hand) -> Engine {
    let data = DataDir::open(disk.data()).unwrap();
    Engine::open_with(data, small(hand), Arc::new(PanickingProgram)).unwrap()
}

fn exhausted() -> RequestStatus {
    RequestStatus::Replied(resource_exhausted())
}

/// Sends small messages that change the same key again and again, 64 at once, until one is refused for room.
async fn answers_until_full(engine: &Engine, most: u64, expiry_ns: u64) -> bool {
    for _ in 0..most / 64 {
        let all = (0..64).map(|_| {
            let mut message = message("set", keyed(1, &[7; 2000]));
            message.ingress_expiry_ns = expiry_ns;
            let engine = engine.clone();
            tokio::spawn(async move { engine.update(message).await.unwrap() })
        });
        for task in all.collect::<Vec<_>>() {
            if task.await.unwrap() == exhausted() {
                return true;
            }
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_by_answers_takes_deletes_and_recovers_when_they_expire_also_after_a_restart() {
    let Some(disk) = SmallDisk::new(64) else { return };
    let hand = Hand::new();
    let mut engine = open_small(&disk, &hand);
    for restart in [false, true] {
        for key in 10..20 {
            assert_eq!(set(&engine, key, b"deleted later").await.unwrap(), replied(b""));
        }
        disk.fill_to(3 << 20);
        let expiry_ns = hand.0.load(Ordering::SeqCst) + 60_000_000_000;
        assert!(answers_until_full(&engine, 60_000, expiry_ns).await, "the disk did not get full");
        for key in 10..20 {
            let cleared = engine.update(message("clear", keyed(key, b""))).await.unwrap();
            assert_eq!(cleared, replied(b""), "key {key} on a full disk");
            assert_eq!(value(&engine, key).await, b"");
        }
        hand.let_minutes_pass(10);
        if restart {
            engine.shutdown().await;
            drop(engine);
            engine = open_small(&disk, &hand);
        }
        // Nobody gave the disk any room: the filler is still there.
        assert_eq!(set(&engine, 30, b"later").await.unwrap(), replied(b""), "restart: {restart}");
        assert_eq!(engine.update(message("clear", keyed(30, b""))).await.unwrap(), replied(b""));
        std::fs::remove_file(disk.dir.path().join("filler")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_on_a_disk_without_a_byte_of_room_and_deletes() {
    let Some(disk) = SmallDisk::new(48) else { return };
    let hand = Hand::new();
    let engine = open_small(&disk, &hand);
    set(&engine, 1, &[1; 3000]).await.unwrap();
    drop(engine);
    disk.fill_to(0);
    let engine = open_small(&disk, &hand);
    assert_eq!(value(&engine, 1).await, [1; 3000]);
    assert_eq!(engine.update(message("clear", keyed(1, b""))).await.unwrap(), replied(b""));
    assert_eq!(value(&engine, 1).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_answers_are_pruned_without_any_message() {
    let dir = tempfile::tempdir().unwrap();
    let hand = Hand::new();
    let mut options = options();
    options.clock = hand.clock();
    options.tick_interval = Duration::from_millis(5);
    let data = DataDir::open(dir.path()).unwrap();
    let engine = Engine::open_with(data, options, Arc::new(PanickingProgram)).unwrap();
    let mut known = message("set", keyed(1, b"x"));
    known.ingress_expiry_ns = 2_000_000_000;
    engine.update(known.clone()).await.unwrap();
    hand.let_minutes_pass(10);
    while engine.request_status(&known.request_id).unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn answers_are_bounded_before_the_message_runs_and_messages_that_free_have_places_left() {
    let dir = tempfile::tempdir().unwrap();
    let hand = Hand::new();
    let mut options = options();
    options.clock = hand.clock();
    options.answers = AnswerLimits { rows_max: 32, caller_rows_max: 16, ..AnswerLimits::default() };
    let data = DataDir::open(dir.path()).unwrap();
    let mut engine = Engine::open_with(data, options.clone(), Arc::new(PanickingProgram)).unwrap();
    for count in 0..14u64 {
        let mut message = message("count", []);
        message.ingress_expiry_ns = 2_000_000_000;
        assert_eq!(engine.update(message).await.unwrap(), replied(&(count + 1).to_le_bytes()));
    }
    for restart in [false, true] {
        if restart {
            drop(engine);
            let data = DataDir::open(dir.path()).unwrap();
            engine = Engine::open_with(data, options.clone(), Arc::new(PanickingProgram)).unwrap();
        }
        let refused = engine.update(message("count", [])).await;
        assert!(matches!(refused, Err(EngineError::TooManyAnswers)), "restart {restart}: {refused:?}");
    }
    engine.update(message("clear", keyed(1, b""))).await.unwrap();
    let mut others = message("count", []);
    others.caller = Principal::self_authenticating([8; 32]);
    assert_eq!(engine.update(others).await.unwrap(), replied(&15u64.to_le_bytes()), "it did not run");
    hand.let_minutes_pass(10);
    // Pruning comes before a refusal, or with a tick that was faster.
    set(&engine, 1, b"this commit prunes").await.ok();
    engine.update(message("clear", keyed(1, b""))).await.unwrap();
    assert_eq!(engine.update(message("count", [])).await.unwrap(), replied(&16u64.to_le_bytes()));
}

#[tokio::test]
async fn callers_with_long_answers_stop_nobody_and_their_messages_still_run_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.answers =
        AnswerLimits { long_bytes_max: 40_000, caller_long_bytes_max: 20_000, ..AnswerLimits::default() };
    let open =
        || Engine::open_with(DataDir::open(dir.path()).unwrap(), options.clone(), Arc::new(PanickingProgram));
    let engine = open().unwrap();
    let long = vec![7; 16 << 10];
    set(&engine, 1, &long).await.unwrap();
    // `set` answers with what was there before.
    let mut sent = Vec::new();
    for n in 1..=20 {
        let mut message = message("set", keyed(1, &long));
        message.caller = Principal::self_authenticating([n % 4; 32]);
        assert_eq!(engine.update(message.clone()).await.unwrap(), replied(&long), "message {n}");
        let kept = engine.request_status(&message.request_id).unwrap();
        assert_eq!(kept, Some((message.caller, replied(&long))), "whoever polls has it too");
        sent.push(message);
    }
    assert_eq!(engine.update(message("count", [])).await.unwrap(), replied(&1u64.to_le_bytes()));
    drop(engine);
    let engine = open().unwrap();
    let mut recorded = Vec::new();
    for message in &sent {
        let (_, status) = engine.request_status(&message.request_id).unwrap().expect("each leaves a row");
        recorded.push(status == replied(&long));
        assert!(recorded.last() == Some(&true) || status == RequestStatus::Done);
        assert_eq!(engine.update(message.clone()).await.unwrap(), status, "it does not run again");
    }
    assert_eq!(
        recorded.iter().filter(|whole| **whole).count(),
        2,
        "two are all that have room: {recorded:?}"
    );
    assert!(recorded[0] && recorded[1], "of two callers");
}

#[tokio::test]
async fn what_is_not_recorded_is_answered_to_pollers_changes_nothing_and_may_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let engine = super::open(dir.path());
    set(&engine, 1, b"kept").await.unwrap();
    let look = message("look", keyed(1, b"changed"));
    assert_eq!(engine.update(look.clone()).await.unwrap(), replied(b"kept"));
    assert_eq!(value(&engine, 1).await, b"kept", "what a harmless message wrote is dropped");
    assert_eq!(engine.request_status(&look.request_id).unwrap(), Some((sender(), replied(b"kept"))));
    let mut nobodys = message("get", keyed(1, b""));
    nobodys.caller = Principal::anonymous();
    let refused = engine.update(nobodys).await;
    assert!(matches!(&refused, Err(EngineError::Refused(why)) if why.code == 4), "{refused:?}");
    drop(engine);
    let engine = super::open(dir.path());
    assert_eq!(engine.request_status(&look.request_id).unwrap(), None, "no record of it");
    assert_eq!(engine.update(look).await.unwrap(), replied(b"kept"));
}

/// The real service on a small disk.
pub(super) struct Owner {
    pub(super) engine: Engine,
    pub(super) capsule: String,
}

fn open_service(disk: &SmallDisk, hand: &Hand) -> Engine {
    let mut options = small(hand);
    options.tick_interval = Duration::from_millis(10);
    Engine::open(DataDir::open(disk.data()).unwrap(), options).unwrap()
}

pub(super) async fn call<T: CandidType + DeserializeOwned>(
    engine: &Engine,
    method: &str,
    arg: Vec<u8>,
) -> Answer<T> {
    match engine.update(message(method, arg)).await.unwrap() {
        RequestStatus::Replied(reply) => Decode!(&reply, Answer<T>).unwrap(),
        other => panic!("{method}: {other:?}"),
    }
}

impl Owner {
    pub(super) async fn new(engine: Engine) -> Self {
        let capsule: Answer<Capsule> =
            call(&engine, "capsules_create", Encode!(&None::<PersonRef>).unwrap()).await;
        Self { engine, capsule: capsule.unwrap().id }
    }

    /// Uploads `len` bytes in one chunk; the blob's id.
    async fn upload(&self, key: &str, len: usize) -> Answer<String> {
        let bytes = vec![5; len];
        let begin = BeginOptions { total_len: Some(len as u64), ..BeginOptions::default() };
        let arg = Encode!(&self.capsule, &1u32, &key, &Some(begin)).unwrap();
        let session: u64 = call(&self.engine, "uploads_begin", arg).await?;
        let arg = Encode!(&session, &0u32, &ByteBuf::from(bytes.clone())).unwrap();
        if let Err(error) = call::<()>(&self.engine, "uploads_put_chunk", arg).await {
            // An owner of a full disk ends what does not fit.
            call::<()>(&self.engine, "uploads_abort", Encode!(&session).unwrap()).await.unwrap();
            return Err(error);
        }
        let sha256 = ByteBuf::from(Sha256::digest(&bytes).to_vec());
        let arg = Encode!(&session, &sha256, &(len as u64)).unwrap();
        let finished: UploadFinishResult = call(&self.engine, "uploads_finish", arg).await?;
        Ok(finished.blob_id)
    }

    /// Uploads 1 MiB files until one does not fit; how many did.
    async fn upload_until_full(&self, round: &str) -> Vec<String> {
        let mut blobs = Vec::new();
        for file in 0..1000 {
            match self.upload(&format!("{round}-{file}"), 1 << 20).await {
                Ok(blob) => blobs.push(blob),
                Err(Error::ResourceExhausted) => return blobs,
                Err(other) => panic!("{other:?}"),
            }
        }
        panic!("the disk did not get full");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_by_uploads_takes_deletes_and_then_uploads_again_also_after_a_restart() {
    let Some(disk) = SmallDisk::new(80) else { return };
    let hand = Hand::new();
    let mut owner = Owner::new(open_service(&disk, &hand)).await;
    let mut before = 0;
    for round in ["first", "second", "after-restart"] {
        let blobs = owner.upload_until_full(round).await;
        assert!(blobs.len() >= 20, "{round}: {} MiB", blobs.len());
        disk.fill_to(0);
        for blob in &blobs {
            let deleted: Answer<String> = call(&owner.engine, "blob_delete", Encode!(blob).unwrap()).await;
            deleted.unwrap();
        }
        let meta = owner.engine.query(sender(), "blob_get_meta".into(), Encode!(&blobs[0]).unwrap()).await;
        assert!(matches!(Decode!(&meta.unwrap(), Answer<BlobMeta>).unwrap(), Err(Error::NotFound)));
        std::fs::remove_file(disk.dir.path().join("filler")).unwrap();
        if round == "second" {
            let capsule = owner.capsule.clone();
            owner.engine.shutdown().await;
            drop(owner);
            owner = Owner { engine: open_service(&disk, &hand), capsule };
        }
        // Housekeeping gives the heap's end back to the disk by itself.
        while disk.taken_by("heap.bin") > 20 << 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(before == 0 || blobs.len() + 2 >= before, "{round}: {} after {before}", blobs.len());
        before = blobs.len();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_by_records_takes_deletes_and_then_records_again_also_after_a_restart() {
    let Some(disk) = SmallDisk::new(64) else { return };
    let hand = Hand::new();
    let mut engine = open_small(&disk, &hand);
    disk.fill_to(16 << 20);
    let value_of_60_kb = vec![6; 60_000];
    for round in ["first", "second", "after-restart"] {
        let mut keys = 0;
        while set(&engine, keys, &value_of_60_kb).await.unwrap() == replied(b"") {
            keys += 1;
            assert!(keys < 2000, "the disk did not get full");
        }
        // How many fit is for the records file to say, and for the reserve that is made again meanwhile. Not none.
        assert!(keys > 20, "{round}: {keys}");
        for key in 0..keys {
            let cleared = engine.update(message("clear", keyed(key, b""))).await.unwrap();
            assert_eq!(cleared, replied(b""), "{round}: key {key}");
        }
        assert_eq!(value(&engine, 0).await, b"");
        if round == "second" {
            engine.shutdown().await;
            drop(engine);
            engine = open_small(&disk, &hand);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_heap_takes_deletes_and_then_uploads_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.settings.heap_bytes_max = Some(24 << 20);
    let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options).unwrap();
    let owner = Owner::new(engine).await;
    for round in ["first", "second"] {
        let blobs = owner.upload_until_full(round).await;
        assert!(blobs.len() >= 20, "{round}: {} MiB", blobs.len());
        for blob in &blobs {
            let deleted: Answer<String> = call(&owner.engine, "blob_delete", Encode!(blob).unwrap()).await;
            deleted.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_methods_sent_as_updates_leave_nothing_on_the_disk() {
    let Some(disk) = SmallDisk::new(160) else { return };
    let hand = Hand::new();
    let owner = Owner::new(open_service(&disk, &hand)).await;
    let blob = owner.upload("photo", 1 << 20).await.unwrap();
    let before = disk.taken_by("records.redb");
    for n in 0..1400 {
        let mut message = message("blob_read", Encode!(&blob).unwrap());
        if n % 2 == 0 {
            message.caller = Principal::anonymous();
            let refused = owner.engine.update(message).await;
            assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
        } else {
            let RequestStatus::Replied(reply) = owner.engine.update(message).await.unwrap() else { panic!() };
            assert!(reply.len() > 1 << 20);
        }
    }
    let after = disk.taken_by("records.redb");
    assert!(after < before + (1 << 20), "{before} bytes before 1400 messages, {after} after");
    owner.upload("another", 1 << 20).await.unwrap();
}
