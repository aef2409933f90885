//! `kill -9` in the middle of an upload, of the client and of the node: nothing is lost, and only what is
//! missing is sent again.

use crate::support::{Scene, User, path, program, random_file, sha256_of, signal, text};
use serde_json::Value;
use std::process::{Child, Stdio};

const CHUNK_BYTES: u64 = 1_800_000;

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

impl Scene {
    fn start_upload(&self, more: &[&str]) -> Child {
        let args = [&["upload", "--json", "--quiet", path(&self.file)], more].concat();
        let mut command = self.user.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// An upload under way that sends one chunk at a time and has sent some.
    fn upload_of_chunks(&self, chunks: u64) -> Child {
        self.upload_of_chunks_by("auto", chunks)
    }

    fn upload_of_chunks_by(&self, road: &str, chunks: u64) -> Child {
        let mut upload = self.start_upload(&["--in-flight", "1", "--road", road]);
        wait_for_chunks(&self.user, &mut upload, chunks);
        upload
    }

    fn kill_upload_after(&self, chunks: u64) {
        let mut upload = self.upload_of_chunks(chunks);
        upload.kill().unwrap();
        upload.wait().unwrap();
    }

    /// The same upload once more, to its end.
    fn upload(&self) -> Value {
        self.user.json(&["upload", path(&self.file)])
    }

    fn chunks(&self) -> u64 {
        std::fs::metadata(&self.file).unwrap().len().div_ceil(CHUNK_BYTES)
    }

    fn check_whole(&self, uploaded: &Value, sha256: &str) {
        assert_eq!(uploaded["sha256"], sha256);
        let back = self.dir.path().join("back.bin");
        self.user.json(&["get", uploaded["memory_id"].as_str().unwrap(), "-o", path(&back), "--force"]);
        assert_eq!(sha256_of(&back), sha256);
    }
}

fn counts(uploaded: &Value) -> (u64, u64) {
    (uploaded["chunks_sent"].as_u64().unwrap(), uploaded["chunks_skipped"].as_u64().unwrap())
}

#[test]
fn a_killed_client_goes_on_with_the_missing_chunks() {
    let scene = Scene::new(100_000_000);

    // What went in envelopes is gone on with by PUT.
    let mut upload = scene.upload_of_chunks_by("envelopes", 5);
    upload.kill().unwrap();
    upload.wait().unwrap();
    let there = received(&scene.user);
    assert_eq!(scene.user.json(&["ls"])["items"], serde_json::json!([]), "nothing is published in part");

    let uploaded = scene.upload();
    let (sent, skipped) = counts(&uploaded);
    assert_eq!(sent + skipped, scene.chunks());
    // The dead client's one message in flight may have arrived after the count.
    assert!((there..=there + 1).contains(&skipped), "{skipped} skipped, {there} were there");
    assert!(pending(&scene.user).is_none());
    scene.check_whole(&uploaded, &scene.sha256);
}

#[test]
fn an_upload_outlasts_a_killed_node() {
    let mut scene = Scene::new(200_000_000);

    let mut upload = scene.start_upload(&[]);
    wait_for_chunks(&scene.user, &mut upload, 10);
    scene.node.kill();
    scene.node.restart();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&uploaded), (scene.chunks(), 0));
    assert!(uploaded["chunks_retried"].as_u64().unwrap() > 0, "{uploaded}");
    scene.check_whole(&uploaded, &scene.sha256);
}

#[test]
fn after_a_killed_node_the_same_command_sends_only_the_missing_chunks() {
    let mut scene = Scene::new(200_000_000);

    let mut upload = scene.start_upload(&["--retry-for", "0"]);
    wait_for_chunks(&scene.user, &mut upload, 10);
    scene.node.kill();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    scene.node.restart();
    let there = received(&scene.user);
    assert!(there >= 10, "what was acknowledged is still there: {there}");

    let uploaded = scene.upload();
    assert_eq!(counts(&uploaded), (scene.chunks() - there, there));
    scene.check_whole(&uploaded, &scene.sha256);
}

#[test]
fn a_file_that_was_moved_goes_on_where_it_stopped() {
    let mut scene = Scene::new(50_000_000);
    scene.kill_upload_after(5);
    let elsewhere = scene.dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join(scene.file.file_name().unwrap());
    std::fs::rename(&scene.file, &moved).unwrap();
    scene.file = moved;
    let uploaded = scene.upload();
    assert!(counts(&uploaded).1 >= 5, "{uploaded}");
    scene.check_whole(&uploaded, &scene.sha256);
}

#[test]
fn a_file_that_changed_is_not_mixed_with_its_older_part() {
    let scene = Scene::new(50_000_000);
    scene.kill_upload_after(3);

    let sha256 = random_file(&scene.file, 50_000_001);
    let uploaded = scene.upload();
    assert_eq!(counts(&uploaded), (28, 0));
    scene.check_whole(&uploaded, &sha256);
}

#[test]
fn other_bytes_under_the_same_size_and_time_are_never_published_as_this_file() {
    let scene = Scene::new(50_000_000);
    let modified = std::fs::metadata(&scene.file).unwrap().modified().unwrap();
    scene.kill_upload_after(3);

    let mut bytes = std::fs::read(&scene.file).unwrap();
    // Not in the sample by which the upload is known again.
    bytes[100_000] ^= 1;
    std::fs::write(&scene.file, &bytes).unwrap();
    std::fs::File::options().write(true).open(&scene.file).unwrap().set_modified(modified).unwrap();
    let (code, message) = scene.user.fails(&["upload", path(&scene.file)]);
    assert_eq!(code, 5, "{message}");
    assert!(message.contains("upload again"), "{message}");
    assert_eq!(scene.user.json(&["ls"])["items"], serde_json::json!([]));
    assert!(pending(&scene.user).is_none(), "the stale session is given up");

    let uploaded = scene.upload();
    scene.check_whole(&uploaded, &sha256_of(&scene.file));
}

#[test]
fn a_file_that_changes_during_its_upload_is_not_published() {
    let scene = Scene::new(100_000_000);
    let upload = scene.upload_of_chunks(3);
    let handle = std::fs::File::options().write(true).open(&scene.file).unwrap();
    handle.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("changed during the upload"), "{}", text(&output.stderr));
    assert_eq!(scene.user.json(&["ls"])["items"], serde_json::json!([]));
    assert!(pending(&scene.user).is_none(), "nobody can go on with its session");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_rewritten_during_its_upload_is_not_published_though_its_time_is_put_back() {
    use std::os::unix::fs::FileExt;
    let scene = Scene::new(100_000_000);
    let modified = std::fs::metadata(&scene.file).unwrap().modified().unwrap();
    let upload = scene.upload_of_chunks(3);
    let file = std::fs::File::options().write(true).open(&scene.file).unwrap();
    for at in (0..100_000_000).step_by(1_000_000) {
        file.write_all_at(b"other bytes", at).unwrap();
    }
    file.set_modified(modified).unwrap();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stdout));
    assert_eq!(scene.user.json(&["ls"])["items"], serde_json::json!([]));
    assert!(pending(&scene.user).is_none());
}

#[test]
fn a_session_that_vanishes_during_an_upload_is_begun_anew() {
    let scene = Scene::new(100_000_000);
    let upload = scene.upload_of_chunks(3);
    let session = pending(&scene.user).unwrap()["session_id"].as_u64().unwrap();
    scene.user.json(&["sessions", "abort", &session.to_string()]);
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&uploaded), (scene.chunks(), 0));
    scene.check_whole(&uploaded, &scene.sha256);
}

#[test]
fn three_uploads_of_one_file_at_once_share_the_work_and_make_one_memory() {
    let scene = Scene::new(60_000_000);
    scene.user.json(&["capsule", "create"]);
    let uploads = [(); 3].map(|()| scene.start_upload(&[]));
    let (mut memories, mut sent) = (std::collections::BTreeSet::new(), 0);
    for upload in uploads {
        let output = upload.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
        scene.check_whole(&uploaded, &scene.sha256);
        memories.insert(uploaded["memory_id"].as_str().unwrap().to_owned());
        sent += counts(&uploaded).0;
    }
    assert!(pending(&scene.user).is_none());
    assert_eq!(sent, scene.chunks(), "each chunk is sent once");
    assert_eq!(memories.len(), 1);
    assert_eq!(scene.user.json(&["ls"])["items"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn each_signal_that_ends_programs_says_how_to_go_on_and_leaves_a_resumable_session() {
    for name in ["INT", "TERM", "HUP"] {
        if name == "HUP" && ignores_hangup() {
            continue; // These tests themselves run under `nohup`.
        }
        let scene = Scene::new(100_000_000);
        let upload = scene.upload_of_chunks(3);
        signal(&upload, name);
        let output = upload.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{name}");
        let told = text(&output.stderr);
        assert!(told.contains("run the same command again"), "{name}: {told}");
        assert!(received(&scene.user) >= 3, "{name}");
        let session = pending(&scene.user).unwrap()["session_id"].as_u64().unwrap();
        scene.user.json(&["sessions", "abort", &session.to_string()]);
        assert!(pending(&scene.user).is_none(), "{name}");
    }
}

#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

#[cfg(target_os = "linux")]
#[test]
fn an_upload_under_nohup_outlasts_its_terminal() {
    let scene = Scene::new(30_000_000);
    let mut command = std::process::Command::new("nohup");
    command.arg(program()).args(["upload", "--json", "--in-flight", "1", path(&scene.file)]);
    command.env("KEEPSAKE_HOME", &scene.user.home).env("KEEPSAKE_NODE", &scene.user.url);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut upload = command.spawn().unwrap();
    wait_for_chunks(&scene.user, &mut upload, 2);
    signal(&upload, "HUP");
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
