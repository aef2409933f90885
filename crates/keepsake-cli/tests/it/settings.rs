//! What `keepsake serve` is told, on its command line and in a file, and what of it a store keeps.

use crate::support::{Node, User, fresh_dir, path};
use serde_json::Value;
use std::path::Path;

/// Of all records, what only makes room may take.
const TIDYING_BYTES: u64 = 64 << 20;

/// The most of a limit. Of the whole store only controllers are told.
fn most(user: &User, code: &str) -> u64 {
    let usage = user.json(&["usage"]);
    let limits = usage["limits"].as_array().unwrap();
    let limit =
        limits.iter().find(|limit| limit["code"] == code).unwrap_or_else(|| panic!("{code} in {usage}"));
    limit["max"].as_u64().unwrap()
}

/// Every limit that `serve` has an option for, by the code that `usage` has for it.
fn limits(user: &User) -> [u64; 6] {
    [
        "heap_bytes",
        "record_bytes",
        "capsule_bytes",
        "capsule_record_bytes",
        "bytes_in_flight_per_caller",
        "sessions_per_caller",
    ]
    .map(|code| most(user, code))
}

fn principal(user: &User) -> String {
    let shown: Value = user.json(&["identity", "show"]);
    shown["principal"].as_str().unwrap().to_owned()
}

/// A node over the same data, with these options alone.
fn restarted(node: Node, data: &Path, options: &[&str], user: User) -> (Node, User) {
    drop(node);
    let node = Node::start_with(data, options);
    let user = User { url: node.url.clone(), ..user };
    (node, user)
}

#[test]
fn what_a_store_was_told_stays_until_it_is_told_something_else() {
    let dir = fresh_dir();
    let (data, site) = (dir.path().join("data"), dir.path().join("site"));
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("index.html"), "one").unwrap();
    let user = User { home: dir.path().join("ann"), url: String::new() };
    let ann = principal(&user);
    let options = [
        ["--controller", &ann],
        ["--heap-bytes-max", "1GiB"],
        ["--record-bytes-max", "2GiB"],
        ["--capsule-bytes-max", "3000000"],
        ["--capsule-record-bytes-max", "4 MiB"],
        ["--bytes-in-flight-per-caller-max", "5M"],
        ["--sessions-per-caller-max", "6"],
    ];
    let node = Node::start_with(&data, &options.concat());
    let user = User { url: node.url.clone(), ..user };
    user.json(&["capsule", "create"]);
    let told = [1 << 30, (2 << 30) - TIDYING_BYTES, 3_000_000, 4 << 20, 5 << 20, 6];
    assert_eq!(limits(&user), told);

    // As after an update of the program, by whoever forgot the options.
    let (node, user) = restarted(node, &data, &[], user);
    assert_eq!(limits(&user), told);
    user.json(&["site", "set", path(&site)]);

    // One of them alone, in a file; the command line wins over it.
    let file = dir.path().join("keepsake.toml");
    std::fs::write(&file, "sessions_per_caller_max = 7\nheap-bytes-max = '2GiB'\n").unwrap();
    let options = ["--config", path(&file), "--heap-bytes-max", "3GiB"];
    let (node, user) = restarted(node, &data, &options, user);
    let told = [3 << 30, told[1], told[2], told[3], told[4], 7];
    assert_eq!(limits(&user), told);
    let (mut node, mut user) = restarted(node, &data, &[], user);
    assert_eq!(limits(&user), told);

    std::fs::write(site.join("index.html"), "two").unwrap();
    for options in [&["--controller", "none"][..], &[]] {
        (node, user) = restarted(node, &data, options, user);
        assert_eq!(user.fails(&["site", "set", path(&site)]).0, 4, "nobody is controller any more");
    }
}

#[test]
fn an_option_that_undoes_what_was_set_meanwhile_says_so() {
    let dir = fresh_dir();
    let (data, log) = (dir.path().join("data"), dir.path().join("log"));
    let keeper = User { home: dir.path().join("keeper"), url: String::new() };
    let controller = principal(&keeper);
    let options =
        ["--controller", &controller, "--capsule-bytes-max", "3000000", "--sessions-per-caller-max", "6"];
    let node = Node::start_logging(&data, &options, &log);
    let told = || std::fs::read_to_string(&log).unwrap();
    assert!(!told().contains("options of this start"), "a new store was told nothing: {}", told());
    let keeper = User { url: node.url.clone(), ..keeper };
    keeper.json(&["capsule", "create"]);
    keeper.json(&["admin", "set", "--capsule-bytes-max", "5000000"]);
    assert_eq!(most(&keeper, "capsule_bytes"), 5_000_000);
    drop(node);

    let node = Node::start_logging(&data, &options, &log);
    assert!(told().contains("capsule_bytes_max from 5000000 to 3000000"), "{}", told());
    assert!(told().contains("start without them"), "{}", told());
    assert!(!told().contains("sessions_per_caller_max"), "that is as it was: {}", told());
    assert!(!told().contains("controllers"), "{}", told());
    let keeper = User { url: node.url.clone(), ..keeper };
    assert_eq!(most(&keeper, "capsule_bytes"), 3_000_000);
    drop(node);
    drop(Node::start_logging(&data, &options, &log));
    assert!(!told().contains("options of this start"), "they are what the store has: {}", told());
}

#[test]
fn a_node_runs_by_a_file_alone_and_a_wrong_one_is_refused_by_name() {
    let dir = fresh_dir();
    let (data, file) = (dir.path().join("data"), dir.path().join("keepsake.toml"));
    std::fs::write(&file, format!("data = '{}'\nlisten = '127.0.0.1:0'\n", data.display())).unwrap();
    let mut node = Node::start_by(&["--config", path(&file)], &data);
    assert!(data.join("records.redb").exists());
    node.kill();
    std::fs::write(&file, "heap_byte_max = 1\n").unwrap();
    let user = User { home: dir.path().join("ann"), url: String::new() };
    let other = dir.path().join("other");
    let (code, told) = user.fails(&["serve", "--config", path(&file), "--data", path(&other)]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("heap_byte_max") && told.contains(path(&file)), "{told}");
    assert!(!other.exists(), "nothing is left behind");
}
