//! Resident memory of a node while files of very different sizes come in by both lanes and go out again. Owns this
//! one measurement; the heap of the core alone is counted in `keepsake-core/tests/flat_memory.rs`.
//!
//! 20 MB and 200 MB by default; with `KEEPSAKE_FULL=1` also 2 GB, which takes minutes and 7 GB of disk for a while.

#![cfg(target_os = "linux")]

use crate::support::{Node, User, fresh_dir, jpeg, path, random_bytes_after, sha256_of};
use std::fs;
use std::path::Path;

/// A node's peak may grow by this much, whatever the sizes: the engine's own bounds (queue, caches, batches) add up to
/// it, and a small file fills only a part of them. A node that held 200 MB would be 170 MiB beyond one that held 20 MB.
const ALLOWANCE_KIB: u64 = 80 * 1024;

/// Peak and present resident memory of a process, KiB.
#[derive(Clone, Copy, Debug)]
struct Resident {
    peak_kib: u64,
    now_kib: u64,
}

impl Resident {
    /// See [proc_pid_status(5)](https://man7.org/linux/man-pages/man5/proc_pid_status.5.html).
    fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line is there");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Self { peak_kib: kib("VmHWM:"), now_kib: kib("VmRSS:") }
    }

    /// The peak counts from now on. Where that is not allowed it counts from the start, and is no smaller.
    fn begin_anew(pid: u32) {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").ok();
    }
}

/// A photo that decodes, followed by bytes that no decoder looks at, `len` in all.
fn photo(path: &Path, len: u64) -> String {
    fs::write(path, jpeg(2400, 1600, len)).unwrap();
    random_bytes_after(path, len)
}

/// Uploads a photo of `len` bytes, gets it back, and gives what that took of the node.
fn resident_for(node: &Node, user: &User, dir: &Path, len: u64) -> Resident {
    let (file, back) = (dir.join("photo.jpg"), dir.join("back.jpg"));
    let sha256 = photo(&file, len);
    Resident::begin_anew(node.pid());
    let uploaded = user.json(&["upload", path(&file)]);
    assert_eq!((&uploaded["sha256"], &uploaded["bytes"]), (&sha256.as_str().into(), &len.into()));
    assert_eq!(uploaded["assets"].as_array().unwrap().len(), 4, "both lanes: {uploaded}");
    fs::remove_file(&file).unwrap();
    user.json(&["get", uploaded["memory_id"].as_str().unwrap(), "-o", path(&back)]);
    let resident = Resident::of(node.pid());
    assert_eq!(sha256_of(&back), sha256);
    fs::remove_file(&back).unwrap();
    resident
}

#[test]
fn flat_memory_under_pressure() {
    let full = std::env::var_os("KEEPSAKE_FULL").is_some_and(|full| full == "1");
    let larger: &[u64] = if full { &[200_000_000, 2_000_000_000] } else { &[200_000_000] };
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let small = resident_for(&node, &user, dir.path(), 20_000_000);
    println!("20 MB: {small:?}");
    for len in larger {
        let large = resident_for(&node, &user, dir.path(), *len);
        println!("{} MB: {large:?}", len / 1_000_000);
        assert!(
            large.peak_kib <= small.peak_kib + ALLOWANCE_KIB,
            "a file of {len} bytes took {} KiB at most and {} KiB at the end, one of 20 MB {} KiB at most",
            large.peak_kib,
            large.now_kib,
            small.peak_kib,
        );
    }
}
