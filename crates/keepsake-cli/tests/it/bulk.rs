//! Runs over many files: what is left out, the sum, the end of a run in which no other file can fare better, and that none
//! leaves sessions behind where nobody can go on with them.

use crate::support::{Node, Scene, User, fresh_dir, path, random_file, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The last line.
fn summary(output: &Output) -> Value {
    let lines = lines(output);
    assert_eq!(lines.iter().filter(|line| line["summary"].is_object()).count(), 1, "{lines:#?}");
    lines.last().unwrap()["summary"].clone()
}

fn pending(user: &User) -> usize {
    let sessions = user.json(&["sessions"]);
    sessions.as_array().unwrap().iter().filter(|session| session["state"] == "pending").count()
}

fn files(folder: &Path, count: usize, len: u64) {
    std::fs::create_dir(folder).unwrap();
    for number in 0..count {
        // Each of another length, so that none is the same as another.
        random_file(&folder.join(format!("{number:03}.bin")), len + number as u64);
    }
}

#[cfg(unix)]
#[test]
fn the_sum_counts_each_file_once_and_says_what_was_left_out() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let folder = dir.path().join("photos");
    files(&folder, 4, 100);
    assert_eq!(user.run(&["upload", path(&folder.join("000.bin"))]).status.code(), Some(0));
    for name in [".hidden", "Thumbs.db"] {
        std::fs::write(folder.join(name), "x").unwrap();
    }
    std::fs::write(folder.join("empty.jpg"), "").unwrap();
    std::os::unix::fs::symlink(folder.join("000.bin"), folder.join("link.bin")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let absent = dir.path().join("absent");

    let output = user.run(&["upload", "-r", path(&folder), path(&absent), "--json"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{told}");
    let sum = summary(&output);
    let counts = ["new", "already_there", "failed", "not_tried", "bytes", "exit_code", "stopped"];
    let counts = counts.map(|count| sum[count].clone());
    assert_eq!(counts, [json!(3), json!(1), json!(1), json!(0), json!(306), json!(8), json!(null)], "{sum}");
    let skipped = json!({ "symlinks": 1, "specials": 1, "empty": 1, "ignored": 2, "excluded": 0 });
    assert_eq!(sum["skipped"], skipped);
    assert!(told.contains("3 new, 1 already there, 1 failed, 5 skipped (1 symlink, "), "{told}");
    assert!(
        text(&user.run(&["upload", "-r", path(&folder), "-v"]).stderr)
            .contains("pipe: skipped: no regular file")
    );

    let output = user.run(&["upload", "-r", path(&folder), "--json"]);
    assert_eq!((output.status.code(), &summary(&output)["already_there"]), (Some(0), &json!(4)));
}

#[cfg(target_os = "linux")]
#[test]
fn files_whose_names_are_no_text_keep_names_of_their_own() {
    use std::os::unix::ffi::OsStrExt;
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let folder = dir.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    for (name, len) in [(b"bad\xff\xfe.bin", 300), (b"bad\xfe\xff.bin", 301)] {
        random_file(&folder.join(std::ffi::OsStr::from_bytes(name)), len);
    }
    let output = user.run(&["upload", "-r", path(&folder), "--json"]);
    let told = text(&output.stdout);
    for name in ["bad%FF%FE.bin", "bad%FE%FF.bin"] {
        assert!(told.contains(name), "{told}");
        let listed = text(&user.run(&["ls", "--json"]).stdout);
        assert!(listed.contains(name), "{listed}");
    }
}

#[test]
fn a_run_ends_when_there_is_no_room_and_leaves_no_session_behind() {
    let dir = fresh_dir();
    let node = Node::start_with(&dir.path().join("data"), &["--heap-bytes-max", "1000000"]);
    let user = User::new(dir.path(), "ann", &node);
    let folder = dir.path().join("photos");
    files(&folder, 60, 40_000);
    let output = user.run(&["upload", "-r", path(&folder), "--json", "-j", "1"]);
    let (sum, told) = (summary(&output), text(&output.stderr));
    assert_eq!(output.status.code(), Some(8), "{told}");
    let count = |what: &str| sum[what].as_u64().unwrap();
    assert!(count("new") > 0 && count("not_tried") > 0 && (1..=3).contains(&count("failed")), "{sum}");
    assert_eq!(count("new") + count("failed") + count("not_tried"), 60);
    assert_eq!(sum["stopped"], "there is no room for more");
    assert!(told.contains("heap_bytes: "), "the full limit is named: {told}");
    assert_eq!(pending(&user), 0);
}

#[test]
fn a_file_that_does_not_fit_stops_none_that_does() {
    let dir = fresh_dir();
    let node = Node::start_with(&dir.path().join("data"), &["--heap-bytes-max", "1000000"]);
    let user = User::new(dir.path(), "ann", &node);
    let folder = dir.path().join("photos");
    files(&folder, 5, 1_000);
    random_file(&folder.join("000.large"), 5_000_000);
    let output = user.run(&["upload", "-r", path(&folder), "--json", "-j", "1"]);
    let sum = summary(&output);
    assert_eq!((&sum["new"], &sum["failed"], &sum["not_tried"]), (&json!(5), &json!(1), &json!(0)), "{sum}");
    assert_eq!((output.status.code(), pending(&user)), (Some(8), 0));
}

#[test]
fn a_run_ends_when_the_node_stays_away() {
    let mut scene = Scene::new(100_000_000);
    let folder = scene.dir.path().join("photos");
    files(&folder, 20, 100);
    let args = [
        "upload",
        path(&scene.file),
        "-r",
        path(&folder),
        "-j",
        "1",
        "--in-flight",
        "1",
        "--retry-for",
        "0",
        "--json",
    ];
    let mut command = scene.user.command(&args);
    let mut upload = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while pending(&scene.user) == 0 {
        assert!(upload.try_wait().unwrap().is_none(), "the upload ended before the node was killed");
    }
    scene.node.kill();
    let output = upload.wait_with_output().unwrap();
    let sum = summary(&output);
    assert_eq!((&sum["failed"], &sum["not_tried"]), (&json!(1), &json!(20)), "{sum}");
    assert_eq!((output.status.code(), &sum["exit_code"]), (Some(7), &json!(7)));
    assert!(sum["stopped"].as_str().unwrap().contains("cannot reach the node"), "{sum}");
}

#[test]
fn all_pending_uploads_can_be_given_up_at_once() {
    let scene = Scene::new(60_000_000);
    let other = scene.dir.path().join("other.bin");
    random_file(&other, 50_000_000);
    for (begun, file) in [(1, &scene.file), (2, &other)] {
        let args = ["upload", path(file), "--in-flight", "1", "--quiet"];
        let mut upload = scene.user.command(&args).spawn().unwrap();
        while pending(&scene.user) < begun {
            assert!(upload.try_wait().unwrap().is_none(), "the upload ended before it was killed");
        }
        upload.kill().unwrap();
        upload.wait().unwrap();
    }
    let aborted = scene.user.json(&["sessions", "abort", "--all"])["aborted"].clone();
    assert_eq!((aborted.as_array().unwrap().len(), pending(&scene.user)), (2, 0));
    assert_eq!(scene.user.json(&["sessions", "abort", "--all"]), json!({ "aborted": [] }));
    assert_eq!(scene.user.fails(&["sessions", "abort"]).0, 2);
    assert_eq!(scene.user.fails(&["sessions", "abort", "--all", "1"]).0, 2);
}

#[test]
fn files_of_one_name_are_told_apart_by_their_paths() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let root = dir.path().join("photos");
    let names = ["one", "two"].map(|folder| root.join(folder).join("IMG_0001.txt"));
    for name in &names {
        std::fs::create_dir_all(name.parent().unwrap()).unwrap();
        std::fs::write(name, path(name)).unwrap();
    }
    let told = text(&user.run(&["upload", "-r", path(&root)]).stderr);
    assert!(names.iter().all(|name| told.contains(&format!("{}: published as", name.display()))), "{told}");
}
