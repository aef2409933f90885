//! What `keepsake serve` leaves on the disk, and what `keepsake fsck` says of it.

use crate::support::{Node, Scene, User, fresh_dir, path, text};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};

#[test]
fn an_address_that_is_taken_leaves_no_data_directory() {
    let dir = fresh_dir();
    let (data, taken) = (dir.path().join("data"), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = taken.local_addr().unwrap().to_string();
    let user = User { home: dir.path().join("ann"), url: String::new() };
    let (code, message) = user.fails(&["serve", "--data", path(&data), "--listen", &address]);
    assert_eq!(code, 1);
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");
    assert!(!data.exists(), "nothing is left behind");
}

/// What is said at the start with these options, on standard output and on standard error.
fn told_at_the_start(options: &[&str]) -> (String, String) {
    let dir = fresh_dir();
    let mut serve = Command::new(crate::support::program());
    serve.args(["serve", "--data", path(&dir.path().join("data"))]).args(options).env("KEEPSAKE_LOG", "off");
    let mut serve = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut told, mut noted) = (String::new(), String::new());
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut told).unwrap();
    if !options.contains(&"127.0.0.1:0") {
        BufReader::new(serve.stderr.as_mut().unwrap()).read_line(&mut noted).unwrap();
    }
    serve.kill().unwrap();
    serve.wait().unwrap();
    serve.stderr.take().unwrap().read_to_string(&mut noted).unwrap();
    (told, noted)
}

#[test]
fn a_node_on_all_networks_says_what_to_open_here_and_elsewhere() {
    for all in ["0.0.0.0:0", "[::]:0"] {
        let (told, noted) = told_at_the_start(&["--listen", all]);
        let port = told.trim_end().rsplit(':').next().unwrap();
        assert!(told.contains(" at http://localhost:") && port.parse::<u16>().unwrap() > 0, "{told}");
        assert!(noted.contains(&format!("http://NAME:{port}")) && noted.contains("--host"), "{noted}");
    }
    let (_, noted) = told_at_the_start(&["--listen", "0.0.0.0:0", "--host", "photos.example"]);
    assert!(noted.contains("answers to photos.example only"), "{noted}");
    let (told, noted) = told_at_the_start(&["--listen", "127.0.0.1:0"]);
    assert!(told.contains(" at http://127.0.0.1:") && noted.is_empty(), "{told} {noted}");
}

#[test]
fn a_directory_in_use_and_a_wrong_origin_have_their_exit_codes() {
    let dir = fresh_dir();
    let data = dir.path().join("data");
    let _node = Node::start(&data);
    let user = User { home: dir.path().join("ann"), url: String::new() };
    let (code, message) = user.fails(&["serve", "--data", path(&data), "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 5, "{message}");
    let other = dir.path().join("other");
    let (code, message) = user.fails(&["serve", "--data", path(&other), "--cors-origin", "photos"]);
    assert_eq!(code, 2, "{message}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_what_a_node_keeps() {
    use std::os::unix::fs::PermissionsExt;
    let dir = fresh_dir();
    let data = dir.path().join("data");
    let _node = Node::start(&data);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|file| file.ends_with("records.redb")), "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_check_without_bytes_says_that_it_read_none() {
    let mut scene = Scene::new(1_000);
    scene.user.json(&["upload", path(&scene.file)]);
    scene.node.kill();
    let data = scene.dir.path().join("data");
    let fsck = |args: &[&str]| {
        let output =
            Command::new(crate::support::program()).arg("fsck").args(args).arg(&data).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(fsck(&[]).contains("no byte of a blob"), "{}", fsck(&[]));
    assert!(fsck(&[]).contains("--bytes"), "{}", fsck(&[]));
    assert!(!fsck(&["--bytes"]).contains("no byte of a blob"));
}
