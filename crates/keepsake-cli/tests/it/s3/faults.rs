//! What goes wrong before the bucket: passing faults, lost replies, a bucket that is not for this client, one that refuses.

use super::Scene;
use crate::support::{path, text};
use keepsake_fault_proxy::{Answer, Plan};
use std::collections::BTreeMap;

/// The bucket's line answers `PUT`s itself, so many times.
fn to_puts(status: u16, times: Option<u64>) -> Plan {
    let answer = Answer { status, times, method: Some("PUT".to_owned()), ..Answer::default() };
    Plan { answer: Some(answer), ..Plan::default() }
}

#[test]
fn faults_before_the_bucket_are_tried_again_and_a_lost_reply_is_harmless() {
    let Some(scene) = Scene::new("cli-faults") else { return };
    let (mut objects, mut asked) = (0, BTreeMap::new());
    for (name, plan, retried) in [
        ("500", to_puts(500, Some(2)), Some(2)),
        ("503", to_puts(503, Some(1)), Some(1)),
        ("429", to_puts(429, Some(1)), Some(1)),
        // Another address is asked for.
        ("403", to_puts(403, Some(2)), Some(0)),
        ("requests", Plan { lose_requests: 0.5, seed: 3, ..Plan::default() }, None),
        ("replies", Plan { lose_replies: 0.5, seed: 5, ..Plan::default() }, None),
        ("slow", Plan { bits_per_s: Some(20_000_000), ..Plan::default() }, Some(0)),
    ] {
        let (file, sha256) = scene.file(name, 1_200_000 + objects);
        scene.to_bucket.set(plan);
        let before = scene.to_node.counts().requests;
        let uploaded = scene.upload(&file, &[]);
        asked.insert(name, scene.to_node.counts().requests - before);
        scene.to_bucket.set(Plan::default());
        assert_eq!(uploaded["in_bucket"], true, "{name}");
        if let Some(retried) = retried {
            assert_eq!(uploaded["chunks_retried"], retried, "{name}");
        }
        objects += 1;
        assert_eq!(scene.objects().len() as u64, objects, "{name}");
        scene.comes_back(&uploaded, &sha256);
    }
    assert_eq!(asked["403"], asked["429"] + 2, "one more address for each that was refused: {asked:?}");
    assert!(scene.to_bucket.counts().lost > 0, "{:?}", scene.to_bucket.counts());
}

#[test]
fn a_bucket_that_refuses_is_named_and_the_way_round_it_too() {
    let Some(scene) = Scene::new("cli-refuses") else { return };
    let (file, sha256) = scene.file("a", 1_500_000);
    scene.to_bucket.set(to_puts(403, None));
    let (code, told) = scene.user.fails(&["upload", path(&file)]);
    let bucket = format!("{}/cli-refuses/keepsake", scene.to_bucket.url());
    assert!(code == 1 && told.contains(&format!("the bucket {bucket} refuses part 1 (HTTP 403)")), "{told}");
    assert!(told.contains("keepsake s3 check") && told.contains("--hosting host"), "{told}");
    assert!(!told.contains("Signature"), "{told}");

    scene.to_bucket.set(to_puts(503, None));
    let (code, told) = scene.user.fails(&["upload", path(&file), "--retry-for", "1"]);
    assert!(
        code == 7 && told.contains(&format!("the bucket {bucket} did not take part 1 (HTTP 503)")),
        "{told}"
    );
    assert!(!told.contains("Start a node"), "the node is there: {told}");
    let uploaded = scene.upload(&file, &["--hosting", "host"]);
    assert_eq!(uploaded["in_bucket"], false);
    scene.comes_back(&uploaded, &sha256);
}

#[test]
fn where_the_bucket_cannot_be_reached_from_here_originals_go_to_the_node() {
    // Nobody listens at the address that clients are told.
    let Some(scene) = Scene::with("cli-nowhere", Some("http://127.0.0.1:9"), &[]) else { return };
    let (file, sha256) = scene.file("a", 2_500_000);
    let output = scene.user.run(&["upload", path(&file), "--json"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("it goes to the node itself: the bucket http://127.0.0.1:9/cli-nowhere/keepsake"),
        "{told}"
    );
    let uploaded: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(uploaded["in_bucket"], false);
    scene.comes_back(&uploaded, &sha256);
    let sessions = scene.user.json(&["sessions"]);
    let pending = sessions.as_array().unwrap().iter().filter(|session| session["state"] == "pending");
    assert_eq!(pending.count(), 0, "the session for the bucket is given up: {sessions}");
    let asked = ["upload", path(&file), "--again", "--hosting", "s3", "--retry-for", "1"];
    let (code, told) = scene.user.fails(&asked);
    assert!(code == 7 && told.contains("cannot be reached from here"), "{code}: {told}");
}

#[test]
fn a_file_that_changes_while_it_goes_is_told_and_not_published() {
    let Some(scene) = Scene::new("cli-changes") else { return };
    let (file, _) = scene.file("a", 2_000_000);
    // It is hashed; then the bucket's line is slow.
    scene.to_bucket.set(Plan { bits_per_s: Some(4_000_000), ..Plan::default() });
    let before = scene.to_bucket.counts().bytes;
    let mut upload = scene.user.command(&["upload", path(&file)]);
    let upload = upload.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while scene.to_bucket.counts().bytes == before {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::write(&file, vec![7; 2_000_000]).unwrap();
    let output = upload.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert!(output.status.code() == Some(5) && told.contains("changed during the upload"), "{told}");
    assert_eq!(scene.user.json(&["ls"])["items"], serde_json::json!([]));
}

#[test]
fn a_full_capsule_is_told_before_anything_is_sent() {
    let Some(scene) = Scene::with("cli-full", None, &["--capsule-bytes-max", "1MiB"]) else { return };
    let ((file, _), before) = (scene.file("a", 2_000_000), scene.to_bucket.counts().puts);
    let (code, told) = scene.user.fails(&["upload", path(&file)]);
    assert!(code == 6 && told.contains("a quota or the storage is used up"), "{code}: {told}");
    assert_eq!((scene.to_bucket.counts().puts, scene.objects()), (before, vec![]));
}
