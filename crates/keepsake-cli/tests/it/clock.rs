//! A computer whose clock is wrong, by [libfaketime](https://github.com/wolfcw/libfaketime) where it is installed: everything
//! works by the node's clock, on both roads.

#![cfg(target_os = "linux")]

use crate::support::{Node, User, fresh_dir, jpeg, path, random_file, sha256, text};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;

/// Where Debian and others put it.
fn libfaketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let places = folders.chain(["/usr/lib".into(), "/usr/local/lib".into(), "/usr/lib64".into()]);
    places.map(|place| place.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

#[test]
fn a_wrong_clock_hinders_nothing() {
    let Some(library) = libfaketime() else {
        println!("skipped: libfaketime is not installed");
        return;
    };
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    for (number, wrong) in (0..).zip(["-1h", "-5m", "+6m", "+2h", "+2d"]) {
        let user = User::new(dir.path(), &format!("user{number}"), &node);
        let run = |args: &[&str]| -> Output {
            let mut command = user.command(args);
            command
                .env("LD_PRELOAD", &library)
                .env("FAKETIME", wrong)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            command.output().unwrap()
        };
        let (photo, bytes) = (dir.path().join(format!("{number}.jpg")), jpeg(640, 480, number));
        std::fs::write(&photo, &bytes).unwrap();
        let output = run(&["upload", path(&photo), "--json"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{wrong}: {told}");
        assert!(told.contains("this computer's clock is "), "{wrong}: {told}");
        let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(uploaded["sha256"], sha256(&bytes));
        let got = run(&["get", uploaded["memory_id"].as_str().unwrap(), "-o", "-"]);
        assert!(got.stdout == bytes, "{wrong}: {}", text(&got.stderr));
        let large = dir.path().join(format!("{number}.bin"));
        for (road, len) in [("put", 2_000_000), ("envelopes", 2_000_001)] {
            let sha256 = random_file(&large, len);
            let output = run(&["upload", path(&large), "--json", "--road", road]);
            assert_eq!(output.status.code(), Some(0), "{wrong} by {road}: {}", text(&output.stderr));
            let uploaded: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((&uploaded["sha256"], &uploaded["chunks_sent"]), (&sha256.into(), &2.into()));
        }
        let page = user.json(&["ls"]);
        assert_eq!(page["items"].as_array().unwrap().len(), 3, "{wrong}: nothing ran twice");
    }
}
