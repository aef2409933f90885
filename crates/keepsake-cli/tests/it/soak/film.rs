//! A film by parts into a bucket, while the program, the node and the bucket's server are killed in its middle, one after the other.
//! Only the parts that are missing are sent again, by count, and the memory of program and node stays small.
//!
//! 0 MiB by default, which skips it: `cargo xtask soak` runs 2 GiB.

#![cfg(target_os = "linux")]

use super::bucket::Place;
use super::node::{Node, program};
use super::progress::{self, Progress};
use crate::behind::Faults;
use crate::support::{random_file, sha256_of};
use keepsake_fault_proxy::Plan;
use keepsake_s3_servers::{KEEPSAKE_SEAWEEDFS, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;

const PART: u64 = 16 << 20;
const RESIDENT_MAX_KIB: u64 = 150 * 1024;

/// The program sends it.
struct Sending<'a> {
    home: &'a Path,
    url: &'a str,
}

impl Sending<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).env("KEEPSAKE_HOME", self.home).env("KEEPSAKE_NODE", self.url);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self, film: &Path) -> Child {
        let film = film.to_str().expect("test paths are UTF-8");
        let mut command = self.command(&["upload", film, "--json", "--quiet", "--retry-for", "300"]);
        command.spawn().expect("the program starts")
    }
}

/// How many parts the bucket has; none where it does not answer.
fn there(runtime: &Runtime, place: &Place) -> u64 {
    runtime.block_on(async {
        let bucket = place.bucket();
        let Ok(page) = bucket.list_multipart("", None).await else { return 0 };
        let mut count = 0;
        for unfinished in page.uploads {
            let Ok(key) = keepsake_s3::Key::new(unfinished.key) else { continue };
            let parts = bucket.list_parts(&key, &unfinished.upload_id).await;
            count += parts.map_or(0, |parts| parts.len() as u64);
        }
        count
    })
}

/// Peak of a process so far, KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// Until the bucket has so many parts. The upload must not be through by then.
fn wait_for(runtime: &Runtime, place: &Place, program: &mut Child, parts: u64) {
    while there(runtime, place) < parts {
        assert!(program.try_wait().expect("it runs").is_none(), "the upload ended too soon");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Peak of a program until it ends, KiB.
fn resident_to_the_end(program: &mut Child) -> u64 {
    let mut peak = 0;
    while program.try_wait().expect("it runs").is_none() {
        peak = resident_kib(program.id()).max(peak);
        std::thread::sleep(Duration::from_millis(50));
    }
    peak
}

#[test]
fn a_film_goes_on_by_parts_after_each_of_the_three_is_killed() {
    let mib = progress::number("KEEPSAKE_FILM_MIB").unwrap_or(0);
    if mib == 0 {
        return;
    }
    let Some(weed) = keepsake_s3_servers::program(KEEPSAKE_SEAWEEDFS) else { return };
    // One of its own, that may be killed; it ends with this process.
    let server: &Server = Box::leak(Box::new(Server::seaweedfs(&weed).expect("SeaweedFS starts")));
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let place = Place::at(server, "soak-film", dir.path());
    let (runtime, mut progress) = (Runtime::new().expect("threads start"), Progress::begin("film"));
    let (film, home, data) = (dir.path().join("film.bin"), dir.path().join("home"), dir.path().join("data"));
    let sha256 = random_file(&film, mib << 20);
    let parts = (mib << 20).div_ceil(PART);
    let to_bucket = Faults::at(server.address, Plan::default());
    let mut node = Node::start_with(&data, place.given(&to_bucket.url(), 1 << 20));
    let url = node.url();
    let sending = Sending { home: &home, url: &url };
    let wait_for = |program: &mut Child, count| wait_for(&runtime, &place, program, count);
    // The program.
    let mut upload = sending.start(&film);
    wait_for(&mut upload, parts / 5);
    upload.kill().expect("it runs");
    upload.wait().expect("it ends");
    std::thread::sleep(Duration::from_secs(1));
    let (first, before) = (there(&runtime, &place), to_bucket.counts().puts);
    progress.tell(first, parts, "the program was killed");

    // The node, then the server: what it had on its way is sent again, and nothing else.
    let mut upload = sending.start(&film);
    wait_for(&mut upload, first + parts / 5);
    node.kill();
    node.restart();
    wait_for(&mut upload, first + 2 * parts / 5);
    server.restart().expect("the server starts again");
    let resident = resident_to_the_end(&mut upload);
    let output = upload.wait_with_output().expect("it ended");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{why}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let node_resident = resident_kib(node.pid());
    let again = to_bucket.counts().puts - before - (parts - first);
    println!(
        "film: {parts} parts, {first} before the program was killed, {again} set out again around the kill of the server; at most \
         {} MiB resident, the node {} MiB",
        resident >> 10,
        node_resident >> 10
    );
    assert_eq!((&told["chunks_skipped"], &told["chunks_sent"]), (&first.into(), &(parts - first).into()));
    assert!(resident < RESIDENT_MAX_KIB && node_resident < RESIDENT_MAX_KIB);
    let back = dir.path().join("back.bin");
    let memory_id = told["memory_id"].as_str().expect("a memory has an id");
    let back_path = back.to_str().expect("test paths are UTF-8");
    let got = sending.command(&["get", memory_id, "-o", back_path]).output().expect("the program runs");
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    let is_whole = sha256_of(&back) == sha256;
    let counted = runtime.block_on(place.counted());
    let violations = u64::from(!is_whole) + u64::from(counted != (1, 0));
    progress.result(json!({
        "uploads": 1, "parts": parts, "again": again, "resident_mib": resident >> 10, "node_resident_mib": node_resident >> 10,
        "faults": 3, "violations": violations,
    }));
    assert_eq!((is_whole, counted), (true, (1, 0)));
}
