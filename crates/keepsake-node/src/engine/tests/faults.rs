//! Full and failing disks.

use super::program::PanickingProgram;
use super::{crash, keyed, message, options, replied, set, value};
use crate::data_dir::DataDir;
use crate::engine::message::resource_exhausted;
use crate::engine::{Engine, RequestStatus};
use crate::storage::records::Records;
use redb::backends::FileBackend;
use redb::{Database, StorageBackend};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// redb's file, whose writes fail while the switch is not 0: with that errno, or once with its negative.
#[derive(Debug)]
struct FailingBackend {
    file: FileBackend,
    errno: Arc<AtomicI32>,
}

impl FailingBackend {
    fn check(&self) -> io::Result<()> {
        match self.errno.load(Ordering::SeqCst) {
            0 => Ok(()),
            errno if errno < 0 => {
                self.errno.store(0, Ordering::SeqCst);
                Err(io::Error::from_raw_os_error(-errno))
            }
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

impl StorageBackend for FailingBackend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

fn file(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

pub(super) fn open_failing(dir: &Path) -> (Engine, Arc<AtomicI32>) {
    let errno = Arc::new(AtomicI32::new(0));
    let data = DataDir::open(dir).unwrap();
    let path = data.records_path();
    let switch = Arc::clone(&errno);
    let records = Records::open_with(move || {
        let backend = FailingBackend { file: FileBackend::new(file(&path))?, errno: Arc::clone(&switch) };
        Database::builder().create_with_backend(backend)
    });
    let engine = Engine::open_on(data, records.unwrap(), options(), Arc::new(PanickingProgram)).unwrap();
    (engine, errno)
}

fn exhausted() -> RequestStatus {
    RequestStatus::Replied(resource_exhausted())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_finds_the_disk_full_changes_nothing_and_later_ones_work() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, errno) = open_failing(dir.path());
    set(&engine, 1, b"kept").await.unwrap();
    errno.store(Errno::NOSPC.raw_os_error(), Ordering::SeqCst);
    let lost: Vec<_> = (1..6).map(|key| message("set", keyed(key, b"lost"))).collect();
    for message in &lost {
        engine.submit(message.clone()).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    errno.store(0, Ordering::SeqCst);
    let mut exhausted_messages = 0;
    for (key, message) in (1..).zip(&lost) {
        let status = engine.update(message.clone()).await.unwrap();
        assert_eq!(engine.update(message.clone()).await.unwrap(), status, "not a second run");
        assert_eq!(engine.request_status(&message.request_id).unwrap().unwrap().1, status);
        // One that had not met the full disk yet may have run after it.
        let before: &[u8] = if key == 1 { b"kept" } else { b"" };
        let expected = if status == exhausted() { before } else { b"lost" };
        assert_eq!(value(&engine, key).await, expected, "key {key}: {status:?}");
        exhausted_messages += u32::from(status == exhausted());
    }
    assert!(exhausted_messages > 0);
    set(&engine, 1, b"later").await.unwrap();
    drop(engine);
    let engine = super::open(dir.path());
    assert_eq!(value(&engine, 1).await, b"later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_error_rejects_the_message_as_transient_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, errno) = open_failing(dir.path());
    set(&engine, 1, b"kept").await.unwrap();
    // One failing write; opening the file again succeeds.
    errno.store(-Errno::IO.raw_os_error(), Ordering::SeqCst);
    let RequestStatus::Rejected(rejection) = set(&engine, 1, b"lost").await.unwrap() else { panic!() };
    assert_eq!(rejection.code, 2);
    assert_eq!(value(&engine, 1).await, b"kept");
    set(&engine, 1, b"later").await.unwrap();
    assert_eq!(value(&engine, 1).await, b"later");
}

/// Writes 1 MiB blocks until one is refused; how many were taken.
async fn fill(engine: &Engine) -> u64 {
    let block = vec![9; 1 << 20];
    for taken in 0..10_000 {
        let status = engine.update(message("heap_write", keyed(taken << 20, &block))).await.unwrap();
        if status == exhausted() {
            return taken;
        }
        assert_eq!(status, replied(b"ok"));
    }
    panic!("the disk did not get full");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_reads_go_on_and_writes_resume_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |program: &str, args: &[&str]| {
        Command::new(program).args(args).arg(dir.path()).status().is_ok_and(|status| status.success())
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=48m", "tmpfs"]) {
        println!("skipped: mounting a small tmpfs needs root");
        return;
    }
    let mut options = options();
    options.reserve_bytes = 8 << 20;
    let data = DataDir::open(dir.path().join("data")).unwrap();
    let engine = Engine::open_with(data, options, Arc::new(PanickingProgram)).unwrap();
    set(&engine, 1, b"kept").await.unwrap();
    let taken = fill(&engine).await;
    assert!(taken > 10, "{taken} MiB");
    assert_eq!(set(&engine, 2, b"small").await.unwrap(), replied(b""), "the reserve is for records");

    let filler = dir.path().join("filler");
    io::copy(&mut io::repeat(0), &mut file(&filler)).unwrap_err();
    assert_eq!(set(&engine, 1, b"lost").await.unwrap(), exhausted());
    assert_eq!(value(&engine, 1).await, b"kept");
    std::fs::remove_file(&filler).unwrap();
    set(&engine, 1, b"later").await.unwrap();
    assert_eq!(value(&engine, 1).await, b"later");
    drop(engine);
    assert!(mount("umount", &[]));
}

const DIR_VARIABLE: &str = "KEEPSAKE_TEST_LIMIT_DIR";

fn limit_file_size(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

/// Not a test by itself: a process of its own, because the limit is the process's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the_file_size_limit_refuses_the_message_and_not_the_process"]
async fn child_with_a_file_size_limit() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let engine = super::open(dir.as_ref());
    set(&engine, 1, b"kept").await.unwrap();
    limit_file_size(Some(20 << 20));
    assert_eq!(fill(&engine).await, 20);
    assert_eq!(value(&engine, 1).await, b"kept");
    assert_eq!(set(&engine, 2, b"small").await.unwrap(), replied(b""));
    limit_file_size(None);
    assert_eq!(engine.update(message("heap_write", keyed(20 << 20, b"more"))).await.unwrap(), replied(b"ok"));
    println!("went on");
}

#[test]
fn the_file_size_limit_refuses_the_message_and_not_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let child = crash::child("engine::tests::faults::child_with_a_file_size_limit", DIR_VARIABLE, dir.path());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("went on"));
}

const MEMORY_VARIABLE: &str = "KEEPSAKE_TEST_MEMORY_DIR";

/// Not a test by itself: a process of its own, because the peak is the process's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by memory_stays_bounded_while_much_more_is_written"]
async fn child_that_writes_much() {
    let Some(dir) = std::env::var_os(MEMORY_VARIABLE) else { return };
    let engine = super::open(dir.as_ref());
    let lanes = (0..16u64).map(|lane| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for n in (lane..300).step_by(16) {
                let arg = keyed(n * 1_800_000, &vec![7; 1_800_000]);
                assert_eq!(engine.update(message("heap_write", arg)).await.unwrap(), replied(b"ok"));
                set(&engine, n, &vec![1; 60_000]).await.unwrap();
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("\n{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

#[test]
fn memory_stays_bounded_while_much_more_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let child = crash::child("engine::tests::faults::child_that_writes_much", MEMORY_VARIABLE, dir.path());
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let peak =
        output.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the child reports its peak");
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("peak resident memory: {peak_kib} KiB for 540 MB written");
    assert!(peak_kib < 150 << 10, "{peak_kib} KiB");
}
