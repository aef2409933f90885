//! The site: a folder becomes what the node shows, file by file, and nobody but a controller changes it.

use crate::support::{Node, User, fresh_dir, path, text};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Status and body of a page.
fn page(node: &Node, path: &str) -> (u16, String) {
    let address = node.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// What the node says that it is.
fn canister_id(node: &Node) -> String {
    let health: serde_json::Value = serde_json::from_str(&page(node, "/health").1).unwrap();
    health["canister_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_folder_becomes_the_site_and_only_what_changed_is_sent() {
    let dir = fresh_dir();
    let keeper = User { home: dir.path().join("keeper"), url: String::new() };
    let data = dir.path().join("data");
    let mut node = Node::start_with(&data, &["--controller", &keeper.principal()]);
    let keeper = User { url: node.url.clone(), ..keeper };
    let site = dir.path().join("site");
    std::fs::create_dir_all(site.join("assets")).unwrap();
    std::fs::write(site.join("assets/main.js"), "let one = 1;").unwrap();
    std::fs::write(site.join("assets/nothing.js"), "").unwrap();
    let (code, message) = keeper.fails(&["site", "set", path(&site)]);
    assert_eq!(code, 1, "{message}");
    assert!(message.contains("index.html"), "{message}");

    std::fs::write(site.join("index.html"), "<p>one").unwrap();
    let set = keeper.json(&["site", "set", path(&site)]);
    assert_eq!(
        (&set["files"], &set["sent"]),
        (&3.into(), &3.into()),
        "the empty one is left out, one is added"
    );
    assert_eq!(page(&node, "/"), (200, "<p>one".to_owned()));
    assert_eq!(page(&node, "/assets/main.js"), (200, "let one = 1;".to_owned()));
    let about = format!(r#"{{"canister_id":"{}","internet_computer":false}}"#, canister_id(&node));
    assert_eq!(page(&node, "/service.json"), (200, about), "whose page it is");

    std::fs::write(site.join("index.html"), "<p>two").unwrap();
    let set = keeper.json(&["site", "set", path(&site)]);
    assert_eq!((&set["files"], &set["sent"]), (&3.into(), &1.into()));
    node.kill();
    node.restart();
    assert_eq!(page(&node, "/index.html"), (200, "<p>two".to_owned()), "after kill -9");
    let listed = keeper.json(&["site"]);
    assert_eq!((&listed[0]["path"], &listed[1]["path"]), (&"assets/main.js".into(), &"index.html".into()));

    std::fs::write(site.join("a b.js"), "odd").unwrap();
    let (code, message) = keeper.fails(&["site", "set", path(&site)]);
    assert!(code == 1 && message.contains("a b.js"), "{message}");
    std::fs::rename(site.join("a b.js"), site.join("a.js")).unwrap();
    std::fs::write(site.join("index.html"), "").unwrap();
    assert_eq!(keeper.fails(&["site", "set", path(&site)]).0, 1, "a failed build is no site");
    assert_eq!(page(&node, "/"), (200, "<p>two".to_owned()));
    std::fs::write(site.join("index.html"), "<p>two").unwrap();
    std::fs::write(site.join("service.json"), "{}").unwrap();
    let set = keeper.json(&["site", "set", path(&site)]);
    assert_eq!((&set["files"], &set["sent"]), (&4.into(), &2.into()));
    assert_eq!(page(&node, "/service.json").1, "{}", "the folder's own comes first");

    let stranger = User::new(dir.path(), "stranger", &node);
    for refused in [&["site", "set", path(&site)][..], &["site", "clear", "--yes"]] {
        let (code, message) = stranger.fails(refused);
        assert_eq!(code, 4, "{message}");
        assert!(message.contains("--controller"), "{message}");
    }
    assert_eq!(stranger.json(&["capsule"]), serde_json::json!([]), "nothing was begun");
    assert_eq!(page(&node, "/"), (200, "<p>two".to_owned()));
    keeper.json(&["site", "clear", "--yes"]);
    assert_eq!(keeper.json(&["site"]), serde_json::json!([]));
    assert_eq!(page(&node, "/assets/main.js").0, 404);
}

/// Someone who may set the site of a node over `dir`, and a folder with an index.
fn keeper_of(dir: &Path, options: &[&str]) -> (Node, User, PathBuf) {
    let keeper = User { home: dir.join("keeper"), url: String::new() };
    let principal = keeper.principal();
    let node = Node::start_with(&dir.join("data"), &[&["--controller", &principal], options].concat());
    let site = dir.join("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("index.html"), "<p>one").unwrap();
    let keeper = User { url: node.url.clone(), ..keeper };
    (node, keeper, site)
}

#[test]
fn a_site_that_cannot_be_is_refused_before_any_file_is_sent() {
    let dir = fresh_dir();
    let (_node, keeper, site) = keeper_of(dir.path(), &["--heap-bytes-max", "100000"]);
    let refused = |file: &str, bytes: usize, code: i32, told: &[&str]| {
        std::fs::create_dir_all(site.join(file).parent().unwrap()).unwrap();
        std::fs::write(site.join(file), vec![7; bytes]).unwrap();
        let (exit, message) = keeper.fails(&["site", "set", path(&site)]);
        assert_eq!(exit, code, "{message}");
        assert!(told.iter().all(|told| message.contains(told)), "{message}");
        assert_eq!(keeper.json(&["sessions"]), serde_json::json!([]), "{file}: nothing was sent");
        std::fs::remove_file(site.join(file)).unwrap();
    };
    refused("z z.js", 3, 1, &["z z.js"]);
    refused("api/z.js", 3, 1, &["api/z.js"]);
    refused(&format!("{}z.js", "z/".repeat(130)), 3, 1, &["z/z/z/"]);
    refused("z.bin", 2_000_001, 1, &["z.bin", "at most"]);
    refused("z.bin", 17 << 20, 1, &["z.bin is too large"]);
    refused("z.bin", 150_000, 6, &["heap_bytes", "100000 left"]);
    (0..499).for_each(|at| std::fs::write(site.join(format!("{at}.js")), "x").unwrap());
    refused("z.js", 3, 1, &["502", "500"]);
}

#[test]
fn a_site_that_was_interrupted_goes_on_with_what_was_sent() {
    let dir = fresh_dir();
    let (_node, keeper, site) = keeper_of(dir.path(), &[]);
    (0..50).for_each(|at| std::fs::write(site.join(format!("{at}.js")), at.to_string()).unwrap());
    let mut first = keeper.command(&["site", "set", path(&site)]).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(first.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().ends_with(" sent")), "a file is sent");
    first.kill().unwrap();
    first.wait().unwrap();
    let set = keeper.json(&["site", "set", path(&site)]);
    assert_eq!(set["files"], 52, "the index and what it is of");
    assert!(set["sent"].as_u64().unwrap() < 52, "{set}");
}

#[test]
fn no_site_is_told_with_how_to_make_one() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let output = User::new(dir.path(), "ann", &node).run(&["site"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    let told = text(&output.stderr);
    assert!(told.contains("there is no site yet") && told.contains("`keepsake site set DIR`"), "{told}");
}

#[test]
fn the_page_of_the_site_is_a_links_too_and_tells_what_it_shows() {
    let dir = fresh_dir();
    let keeper = User { home: dir.path().join("keeper"), url: String::new() };
    let node = Node::start_with(&dir.path().join("data"), &["--controller", &keeper.principal()]);
    let keeper = User { url: node.url.clone(), ..keeper };
    let site = dir.path().join("site");
    std::fs::create_dir_all(&site).unwrap();
    std::fs::write(site.join("index.html"), "<html><head><title>Ours</title></head><body>Hello").unwrap();
    keeper.json(&["site", "set", path(&site)]);
    let capsule = keeper.json(&["capsule", "create", "--about", "Grandmother <3"]);
    let capsule = capsule["id"].as_str().unwrap();

    let shared = keeper.json(&["capsule", "share", capsule, "--preview"]);
    let (address, told) = (shared["address"].as_str().unwrap(), shared["path"].as_str().unwrap());
    assert!(address.starts_with(&format!("{}{told}#link=", node.url)), "{address}");
    assert!(told.starts_with("/l/") && !address.contains(shared["principal"].as_str().unwrap()), "{address}");
    let (status, shown) = page(&node, told);
    assert_eq!(status, 200);
    assert!(shown.starts_with("<html><head><title>Ours</title><meta "), "{shown}");
    assert!(shown.contains("\"og:title\" content=\"Grandmother &lt;3\""), "{shown}");
    let listed = keeper.json(&["capsule", "shares", capsule]);
    assert_eq!((&listed[0]["preview"], &listed[0]["path"]), (&true.into(), &told.into()));
    keeper.json(&["capsule", "unshare", capsule, shared["principal"].as_str().unwrap()]);
    assert_eq!(page(&node, told), (200, "<html><head><title>Ours</title></head><body>Hello".to_owned()));
    let (code, message) = keeper.fails(&["capsule", "share", capsule, "--preview", "--password"]);
    assert_eq!(code, 2, "{message}");
}
