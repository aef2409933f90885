//! Files in several parts: `kill -9` of the program, of the node, and a stop by Ctrl-C. Parts that are there are not sent again, and
//! the program's memory does not grow with the file.

#![cfg(target_os = "linux")]

use super::Scene;
use crate::support::{interrupt, path, text};
use keepsake_fault_proxy::Plan;
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::Duration;

const PART: u64 = 16 << 20;
const LEN: u64 = (100 << 20) + 5;
const PARTS: u64 = LEN.div_ceil(PART);
/// What was on its way when the program ended, the bucket has dropped by then, or has.
const SETTLES: Duration = Duration::from_millis(300);
/// Of the program while it sends four parts at once.
const RESIDENT_MAX_KIB: u64 = 150 * 1024;

/// So slow that there is time to kill.
fn slow() -> Plan {
    Plan { bits_per_s: Some(300_000_000), ..Plan::default() }
}

impl Scene {
    fn start(&self, file: &std::path::Path) -> Child {
        let mut command = self.user.command(&["upload", "--json", path(file)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until the bucket has some parts. The upload must not be through by then.
    fn wait_for_parts(&self, upload: &mut Child, parts: usize) {
        while self.parts_there().len() < parts {
            assert!(upload.try_wait().unwrap().is_none(), "the upload ended before it was interrupted");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Parts that set out.
    fn puts(&self) -> u64 {
        self.to_bucket.counts().puts
    }

    /// Waits until a part has set out since there were `before`.
    fn wait_for_puts_after(&self, before: u64) {
        while self.puts() == before {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Peak of a running process so far, KiB.
fn resident_kib(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn only_the_missing_parts_are_sent_after_kills_of_program_and_node() {
    let Some(mut scene) = Scene::new("cli-parts") else { return };
    let (file, sha256) = scene.file("film.bin", LEN);
    scene.to_bucket.set(slow());
    let mut upload = scene.start(&file);
    scene.wait_for_parts(&mut upload, 2);
    upload.kill().unwrap();
    upload.wait().unwrap();

    // Ctrl-C says how to go on.
    std::thread::sleep(SETTLES);
    let (there, before) = (scene.parts_there().len(), scene.puts());
    let upload = scene.start(&file);
    scene.wait_for_puts_after(before);
    interrupt(&upload);
    let output = upload.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert!(output.status.code() == Some(130) && told.contains("run the same command again"), "{told}");
    assert!(told.contains(&format!("going on: {there} of {PARTS} parts are there already")), "{told}");

    std::thread::sleep(SETTLES);
    let (there, before) = (scene.parts_there().len() as u64, scene.puts());
    let bytes_before = scene.to_node.counts().bytes;
    let upload = scene.start(&file);
    scene.wait_for_puts_after(before);
    std::thread::sleep(SETTLES);
    let resident = resident_kib(&upload);
    scene.node.kill();
    scene.node.restart();
    let output = upload.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&uploaded["chunks_skipped"], &uploaded["chunks_sent"]),
        (&there.into(), &(PARTS - there).into())
    );
    assert_eq!(scene.puts() - before, PARTS - there, "no part is sent twice");
    assert!((2..PARTS).contains(&there), "{there} parts were there");
    let sent = scene.to_node.counts().bytes - bytes_before;
    assert!(sent < 100_000, "the node was sent {sent} bytes");
    let resident = resident.expect("it ran");
    println!("{} MiB in {PARTS} parts: at most {} MiB resident", LEN >> 20, resident >> 10);
    assert!(resident < RESIDENT_MAX_KIB, "{resident} KiB");
    scene.to_bucket.set(Plan::default());
    scene.comes_back(&uploaded, &sha256);
    assert_eq!((scene.objects(), scene.parts_there().len()), (vec![LEN], 0));
}
