//! `keepsake fsck` as an operator uses it: exit codes, and that it finds what is broken.

use super::node::{Node, client, program, sound};
use super::picture::original;
use keepsake_client::{RetryPolicy, Source, UploadOptions};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

/// Exit code and everything that it printed.
fn fsck(args: &[&str], dir: &Path) -> (i32, String) {
    let output = Command::new(program()).arg("fsck").args(args).arg(dir).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// A data directory with one photo, whose node was killed.
fn with_a_photo(dir: &Path) -> Node {
    let mut node = Node::start(dir);
    let client = client(&node.url(), [7; 32], RetryPolicy::default());
    let upload = client.upload(Source::bytes("1.jpg", original(1)), UploadOptions::default());
    tokio::runtime::Runtime::new().unwrap().block_on(upload).unwrap();
    node.kill();
    node
}

#[test]
fn a_sound_directory_is_told_in_words_and_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(with_a_photo(&data));
    let (code, text) = fsck(&["--bytes"], &data);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("memories    1") && text.contains("sound at commit"), "{text}");
    let told = sound(&data);
    assert_eq!((&told["ok"], &told["memories"], &told["blobs"]), (&true.into(), &1.into(), &3.into()));
    assert_eq!(told["read"]["inline_assets"], 1);
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(&dir.path().join("data"));
    let (code, text) = fsck(&[], node.data());
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("in use"), "{text}");
}

#[test]
fn no_directory_is_made_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent");
    let (code, text) = fsck(&[], &absent);
    assert_eq!(code, 3, "{text}");
    assert!(!absent.exists());
    assert_eq!(fsck(&[], dir.path()).0, 3, "an empty directory is no data directory");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_changed_byte_and_a_short_heap_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(with_a_photo(&data));
    let heap = OpenOptions::new().read(true).write(true).open(data.join("heap.bin")).unwrap();
    let mut byte = [0];
    heap.read_exact_at(&mut byte, 100).unwrap();
    heap.write_all_at(&[!byte[0]], 100).unwrap();
    assert_eq!(fsck(&[], &data).0, 0, "without --bytes no bytes are read");
    let (code, text) = fsck(&["--bytes"], &data);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("broken: blob_") && text.contains("1 broken"), "{text}");
    heap.write_all_at(&byte, 100).unwrap();
    sound(&data);

    heap.set_len(4_096).unwrap();
    let (code, text) = fsck(&[], &data);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("heap.bin has 4096 bytes"), "{text}");
}

#[test]
fn damaged_or_missing_records_are_broken_and_not_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(with_a_photo(&data));
    let records = data.join("records.redb");
    let len = std::fs::metadata(&records).unwrap().len();
    let file = OpenOptions::new().write(true).open(&records).unwrap();
    // Everything behind the file's own header.
    let noise = vec![0xA5; usize::try_from(len - 8_192).unwrap()];
    file.write_all_at(&noise, 8_192).unwrap();
    let (code, text) = fsck(&[], &data);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("broken:"), "{text}");
    std::fs::remove_file(&records).unwrap();
    let (code, text) = fsck(&[], &data);
    assert_eq!((code, text.contains("records.redb is missing")), (1, true), "{text}");
}
