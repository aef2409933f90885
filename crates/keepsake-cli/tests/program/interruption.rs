//! `kill -9` in the middle of an upload, of the client and of the node: nothing is lost, and only what is
//! missing is sent again.

use crate::support::{Node, User, fresh_dir, path, random_file, sha256_of, text};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};

const CHUNK_BYTES: u64 = 1_800_000;

fn start_upload(user: &User, args: &[&str]) -> Child {
    let mut command = user.command(&[&["upload", "--json", "--quiet"], args].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// The one pending session of the user, if there is one.
fn pending(user: &User) -> Option<Value> {
    let sessions = user.json(&["sessions"]);
    let mut pending = sessions.as_array().unwrap().iter().filter(|session| session["state"] == "pending");
    let session = pending.next().cloned();
    assert!(pending.next().is_none(), "one file, one session: {sessions}");
    session
}

fn received(user: &User) -> u64 {
    pending(user).map_or(0, |session| session["received_chunks"].as_u64().unwrap())
}

/// Waits until some chunks are there. The upload must not be through by then.
fn wait_for_chunks(user: &User, upload: &mut Child, chunks: u64) {
    while received(user) < chunks {
        assert!(upload.try_wait().unwrap().is_none(), "the upload ended before it was interrupted");
    }
}

fn check_whole(user: &User, dir: &Path, uploaded: &Value, sha256: &str) {
    assert_eq!(uploaded["sha256"], sha256);
    let back = dir.join("back.bin");
    user.json(&["get", uploaded["memory_id"].as_str().unwrap(), "-o", path(&back), "--force"]);
    assert_eq!(sha256_of(&back), sha256);
}

fn counts(uploaded: &Value) -> (u64, u64) {
    (uploaded["chunks_sent"].as_u64().unwrap(), uploaded["chunks_skipped"].as_u64().unwrap())
}

#[test]
fn a_killed_client_goes_on_with_the_missing_chunks() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (file, len) = (dir.path().join("big.bin"), 100_000_000);
    let sha256 = random_file(&file, len);

    let mut upload = start_upload(&user, &[path(&file), "--in-flight", "1"]);
    wait_for_chunks(&user, &mut upload, 5);
    upload.kill().unwrap();
    upload.wait().unwrap();
    let there = received(&user);
    assert_eq!(user.json(&["ls"])["items"], serde_json::json!([]), "nothing is published in part");

    let uploaded = user.json(&["upload", path(&file)]);
    let (sent, skipped) = counts(&uploaded);
    assert_eq!(sent + skipped, len.div_ceil(CHUNK_BYTES));
    // The dead client's one message in flight may have arrived after the count.
    assert!((there..=there + 1).contains(&skipped), "{skipped} skipped, {there} were there");
    assert!(pending(&user).is_none());
    check_whole(&user, dir.path(), &uploaded, &sha256);
}

#[test]
fn an_upload_outlasts_a_killed_node() {
    let dir = fresh_dir();
    let mut node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (file, len) = (dir.path().join("big.bin"), 200_000_000);
    let sha256 = random_file(&file, len);

    let mut upload = start_upload(&user, &[path(&file)]);
    wait_for_chunks(&user, &mut upload, 10);
    node.kill();
    node.restart();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&uploaded), (len.div_ceil(CHUNK_BYTES), 0));
    assert!(uploaded["chunks_retried"].as_u64().unwrap() > 0, "{uploaded}");
    check_whole(&user, dir.path(), &uploaded, &sha256);
}

#[test]
fn after_a_killed_node_the_same_command_sends_only_the_missing_chunks() {
    let dir = fresh_dir();
    let mut node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (file, len) = (dir.path().join("big.bin"), 200_000_000);
    let sha256 = random_file(&file, len);

    let mut upload = start_upload(&user, &[path(&file), "--retry-for", "0"]);
    wait_for_chunks(&user, &mut upload, 10);
    node.kill();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    node.restart();
    let there = received(&user);
    assert!(there >= 10, "what was acknowledged is still there: {there}");

    let uploaded = user.json(&["upload", path(&file)]);
    assert_eq!(counts(&uploaded), (len.div_ceil(CHUNK_BYTES) - there, there));
    check_whole(&user, dir.path(), &uploaded, &sha256);
}

#[test]
fn a_file_that_changed_is_not_mixed_with_its_older_part() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("big.bin");
    random_file(&file, 50_000_000);
    let mut upload = start_upload(&user, &[path(&file), "--in-flight", "1"]);
    wait_for_chunks(&user, &mut upload, 3);
    upload.kill().unwrap();
    upload.wait().unwrap();

    let sha256 = random_file(&file, 50_000_001);
    let uploaded = user.json(&["upload", path(&file)]);
    assert_eq!(counts(&uploaded), (28, 0));
    check_whole(&user, dir.path(), &uploaded, &sha256);
}

#[test]
fn other_bytes_under_the_same_size_and_time_are_never_published_as_this_file() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (file, len) = (dir.path().join("big.bin"), 50_000_000);
    random_file(&file, len);
    let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
    let mut upload = start_upload(&user, &[path(&file), "--in-flight", "1"]);
    wait_for_chunks(&user, &mut upload, 3);
    upload.kill().unwrap();
    upload.wait().unwrap();

    let mut bytes = std::fs::read(&file).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    let (code, message) = user.fails(&["upload", path(&file)]);
    assert_eq!(code, 5, "{message}");
    assert!(message.contains("upload again"), "{message}");
    assert_eq!(user.json(&["ls"])["items"], serde_json::json!([]));
    assert!(pending(&user).is_none(), "the stale session is given up");

    let uploaded = user.json(&["upload", path(&file)]);
    check_whole(&user, dir.path(), &uploaded, &sha256_of(&file));
}

#[test]
fn a_file_that_changes_during_its_upload_is_not_published() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("big.bin");
    random_file(&file, 100_000_000);
    let mut upload = start_upload(&user, &[path(&file), "--in-flight", "1"]);
    wait_for_chunks(&user, &mut upload, 3);
    let handle = std::fs::File::options().write(true).open(&file).unwrap();
    handle.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("changed during the upload"), "{}", text(&output.stderr));
    assert_eq!(user.json(&["ls"])["items"], serde_json::json!([]));
}

#[test]
fn a_session_that_vanishes_during_an_upload_is_begun_anew() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (file, len) = (dir.path().join("big.bin"), 100_000_000);
    let sha256 = random_file(&file, len);
    let mut upload = start_upload(&user, &[path(&file), "--in-flight", "1"]);
    wait_for_chunks(&user, &mut upload, 3);
    let session = pending(&user).unwrap()["session_id"].as_u64().unwrap();
    user.json(&["sessions", "abort", &session.to_string()]);
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&uploaded), (len.div_ceil(CHUNK_BYTES), 0));
    check_whole(&user, dir.path(), &uploaded, &sha256);
}

#[test]
fn two_uploads_of_one_file_at_once_share_the_work_and_both_succeed() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    user.json(&["capsule", "create"]);
    let file = dir.path().join("big.bin");
    let sha256 = random_file(&file, 60_000_000);
    let uploads = [(); 2].map(|()| start_upload(&user, &[path(&file)]));
    for upload in uploads {
        let output = upload.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
        check_whole(&user, dir.path(), &uploaded, &sha256);
    }
    assert!(pending(&user).is_none());
}

#[cfg(unix)]
#[test]
fn an_interrupt_says_how_to_go_on_and_leaves_a_resumable_session() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("big.bin");
    random_file(&file, 100_000_000);
    let mut upload = start_upload(&user, &[path(&file), "--in-flight", "1"]);
    wait_for_chunks(&user, &mut upload, 3);
    let kill = std::process::Command::new("kill").args(["-INT", &upload.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("run the same command again"), "{}", text(&output.stderr));
    assert!(received(&user) >= 3);
    let session = pending(&user).unwrap()["session_id"].as_u64().unwrap();
    user.json(&["sessions", "abort", &session.to_string()]);
    assert!(pending(&user).is_none());
}
