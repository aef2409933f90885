//! The site: a folder becomes what the node shows, file by file, and nobody but a controller changes it.

use crate::support::{Node, User, fresh_dir, path};
use std::io::{Read, Write};
use std::net::TcpStream;

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
    std::fs::write(site.join("b.js"), "odd").unwrap();
    std::fs::write(site.join("c c.js"), "odd too").unwrap();
    assert_eq!(keeper.fails(&["site", "set", path(&site)]).0, 1, "refused after it was sent");
    std::fs::remove_file(site.join("c c.js")).unwrap();
    let set = keeper.json(&["site", "set", path(&site)]);
    assert_eq!((&set["files"], &set["sent"]), (&5.into(), &0.into()), "all was sent before");

    std::fs::write(site.join("service.json"), "{}").unwrap();
    let set = keeper.json(&["site", "set", path(&site)]);
    assert_eq!((&set["files"], &set["sent"]), (&5.into(), &1.into()));
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
