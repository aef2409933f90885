//! `keepsake get` that is stopped in the middle: the same command goes on, and what lies there is never trusted unseen.

#![cfg(unix)]

use crate::support::{Scene, interrupt, path, sha256_of, text};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

const LEN: u64 = 150_000_000;

/// A memory, and a folder that it is downloaded into.
struct Download {
    scene: Scene,
    memory_id: String,
    folder: PathBuf,
}

impl Download {
    fn new() -> Self {
        let scene = Scene::new(LEN);
        let uploaded = scene.user.json(&["upload", path(&scene.file)]);
        let memory_id = uploaded["memory_id"].as_str().unwrap().to_owned();
        let folder = scene.dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        Self { scene, memory_id, folder }
    }

    /// Starts it, stops it by `stop` when some bytes are there, and gives what it said.
    fn stopped(&self, stop: impl Fn(&mut Child)) -> Output {
        let mut command = self.scene.user.command(&["get", &self.memory_id, "-o", path(&self.folder)]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while self.part().is_none_or(|part| fs::metadata(part).map_or(0, |part| part.len()) < 4_000_000) {
            assert!(child.try_wait().unwrap().is_none(), "the download ended before it was stopped");
        }
        stop(&mut child);
        let output = child.wait_with_output().unwrap();
        assert!(!self.target().exists(), "the file appears whole or not at all");
        output
    }

    fn target(&self) -> PathBuf {
        self.folder.join("big.bin")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The unfinished file, if there is one.
    fn part(&self) -> Option<PathBuf> {
        let name = self.names().into_iter().find(|name| name.starts_with(".keepsake-"))?;
        Some(self.folder.join(name))
    }

    /// The same command again: it must end well. Gives the bytes that it did not fetch again.
    fn again(&self) -> u64 {
        let saved = self.scene.user.json(&["get", &self.memory_id, "-o", path(&self.folder)]);
        assert_eq!(sha256_of(&self.target()), self.scene.sha256);
        assert_eq!(self.names(), ["big.bin"], "nothing else is left");
        saved["bytes_resumed"].as_u64().unwrap()
    }
}

#[test]
fn an_interrupted_download_says_how_to_go_on_and_the_same_command_goes_on() {
    let download = Download::new();
    let output = download.stopped(|child| interrupt(child));
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("run the same command again"), "{}", text(&output.stderr));
    let there = fs::metadata(download.part().unwrap()).unwrap().len();
    assert_eq!(download.again(), there);
}

#[test]
fn a_killed_download_goes_on_and_a_damaged_part_is_fetched_anew() {
    let download = Download::new();
    download.stopped(|child| child.kill().unwrap());
    let part = download.part().unwrap();
    let there = fs::metadata(&part).unwrap().len();
    assert_eq!(download.again(), there);

    fs::remove_file(download.target()).unwrap();
    download.stopped(|child| child.kill().unwrap());
    assert_eq!(download.part().unwrap(), part, "the part keeps its name");
    let mut bytes = fs::read(&part).unwrap();
    bytes[1_000_000] ^= 1;
    fs::write(&part, bytes).unwrap();
    assert_eq!(download.again(), 0);
}

#[test]
fn a_file_that_is_there_is_kept_and_the_message_names_the_way_to_overwrite_it() {
    let scene = Scene::new(1_000);
    let id = scene.user.json(&["upload", path(&scene.file)])["memory_id"].as_str().unwrap().to_owned();
    let (code, message) = scene.user.fails(&["get", &id, "-o", path(&scene.file)]);
    assert_eq!(code, 5);
    assert!(message.contains("--force") && message.contains("-f"), "{message}");
}
