//! Standard output and standard error that go away, as with `| head`: what changes things is done to its end, what reads
//! ends quietly, and the exit code is that of the work.

use crate::support::{Node, User, fresh_dir, path, random_file, text};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use tempfile::TempDir;

const FILES: usize = 30;

/// A node, a user, and a folder of small files.
struct Folder {
    user: User,
    notes: PathBuf,
    _node: Node,
    _dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let dir = fresh_dir();
        let node = Node::start(&dir.path().join("data"));
        let user = User::new(dir.path(), "ann", &node);
        let notes = dir.path().join("notes");
        std::fs::create_dir(&notes).unwrap();
        for number in 0..FILES {
            std::fs::write(notes.join(format!("{number}.txt")), format!("note {number}")).unwrap();
        }
        Self { user, notes, _node: node, _dir: dir }
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.user.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let page = self.user.json(&["ls", "--all"]);
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// Reads the first byte of standard output and goes away.
fn end_without_reader(mut child: Child) -> (ExitStatus, String) {
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    drop(stdout);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    (child.wait().unwrap(), told)
}

#[test]
fn an_upload_whose_output_nobody_reads_any_more_goes_on_to_its_end() {
    for json in [&[][..], &["--json"]] {
        let folder = Folder::new();
        let args = [&["upload", "-r", path(&folder.notes), "-j", "1"], json].concat();
        let (status, told) = end_without_reader(folder.start(&args));
        assert_eq!((status.code(), folder.ids().len()), (Some(0), FILES), "{json:?}: {told}");
    }
}

#[test]
fn an_upload_whose_output_nobody_reads_any_more_still_tells_that_a_file_failed() {
    let folder = Folder::new();
    let absent = folder.notes.join("absent");
    let child = folder.start(&["upload", path(&absent), "-r", path(&folder.notes), "--json", "-j", "1"]);
    let (status, told) = end_without_reader(child);
    assert!(!status.success(), "{told}");
    assert_eq!(folder.ids().len(), FILES, "{told}");
}

#[test]
fn messages_that_nobody_reads_stop_nothing() {
    let folder = Folder::new();
    let args = ["upload", "-r", path(&folder.notes), "-vv", "--json"];
    let mut child = folder.start(&args);
    drop(child.stderr.take().unwrap());
    let mut lines = String::new();
    child.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let ok = |line: &&str| serde_json::from_str::<Value>(line).unwrap()["ok"] == true;
    assert_eq!(lines.lines().filter(ok).count(), FILES);
}

#[test]
fn deleting_goes_on_without_a_reader() {
    let folder = Folder::new();
    folder.user.run(&["upload", "-r", path(&folder.notes)]);
    let ids = folder.ids();
    let args: Vec<_> = ["rm", "--yes"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let (status, told) = end_without_reader(folder.start(&args));
    assert_eq!((status.code(), folder.ids()), (Some(0), Vec::new()), "{told}");
}

#[test]
fn a_command_that_reads_ends_quietly_when_its_reader_has_seen_enough() {
    let folder = Folder::new();
    folder.user.run(&["upload", "-r", path(&folder.notes)]);
    let id = folder.ids().remove(0);
    let large = folder.notes.join("large.bin");
    random_file(&large, 2_000_000);
    folder.user.json(&["upload", path(&large)]);
    for args in [&["ls", "--all"][..], &["show", &id], &["sessions"], &["usage"], &["get", &id, "-o", "-"]] {
        for json in [&[][..], &["--json"]] {
            let mut child = folder.start(&[args, json].concat());
            drop(child.stdout.take().unwrap());
            let output = child.wait_with_output().unwrap();
            let told = text(&output.stderr);
            assert_eq!((output.status.code(), told.as_str()), (Some(0), ""), "{args:?} {json:?}");
        }
    }
}

#[test]
fn a_question_that_cannot_be_asked_is_no_success() {
    let folder = Folder::new();
    folder.user.run(&["upload", "-r", path(&folder.notes)]);
    let id = folder.ids().remove(0);
    let mut command = folder.user.command(&["rm", &id]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take().unwrap());
    // It may be gone already.
    let _ = child.stdin.take().unwrap().write_all(b"no\n");
    assert!(!child.wait().unwrap().success());
    assert_eq!(folder.ids().len(), FILES);
}

#[cfg(target_os = "linux")]
#[test]
fn a_list_that_the_disk_does_not_take_is_a_failure_and_the_work_is_done() {
    let folder = Folder::new();
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let mut upload = folder.user.command(&["upload", "-r", path(&folder.notes), "--json"]);
    let output = upload.stdout(full()).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), folder.ids().len()), (Some(1), FILES), "{told}");
    assert!(told.contains("cannot write to standard output"), "{told}");
    let listed = folder.user.command(&["ls", "--all"]).stdout(full()).output().unwrap();
    assert_eq!(listed.status.code(), Some(1), "{}", text(&listed.stderr));
}
