//! Whom the program believes, and what of foreign text reaches the terminal.

use crate::support::{Node, User, fresh_dir, text};
use std::io::{Read, Write};
use std::net::TcpListener;

#[test]
fn another_node_at_a_known_address_is_refused_until_its_line_is_removed() {
    let dir = fresh_dir();
    let mut node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let capsule = user.json(&["capsule", "create"]);
    let known = user.home.join("known_nodes");
    let before = std::fs::read_to_string(&known).unwrap();
    assert!(before.lines().any(|line| line.starts_with(&format!("{} 3081", node.url))), "{before}");
    node.kill();
    node.restart();
    assert_eq!(user.json(&["capsule"])[0]["id"], capsule["id"], "the same node with its key");

    node.replace(&dir.path().join("other"));
    let (code, message) = user.fails(&["ls"]);
    let advice = format!("remove line 2 of {}", known.display());
    assert_eq!(code, 1, "{message}");
    assert!(message.contains(&node.url) && message.contains(&advice), "{message}");
    assert_eq!(std::fs::read_to_string(&known).unwrap(), before);

    let key = node.root_key.clone();
    assert_eq!(user.json(&["capsule", "--root-key", &key]), serde_json::json!([]));
    assert_eq!(std::fs::read_to_string(&known).unwrap(), before, "a given key is kept nowhere");
    let head = before.lines().next().unwrap();
    std::fs::write(&known, format!("{head}\n")).unwrap();
    assert_eq!(user.json(&["capsule"]), serde_json::json!([]));
    assert!(std::fs::read_to_string(&known).unwrap().contains(&key));
}

#[test]
fn a_given_root_key_must_be_the_nodes() {
    let dir = fresh_dir();
    let (node, other) = (Node::start(&dir.path().join("a")), Node::start(&dir.path().join("b")));
    let user = User::new(dir.path(), "ann", &node);
    user.json(&["ls", "--root-key", &node.root_key]);
    let file = dir.path().join("key");
    std::fs::write(&file, &node.root_key).unwrap();
    user.json(&["ls", "--root-key", file.to_str().unwrap()]);
    let (code, message) = user.fails(&["ls", "--root-key", &other.root_key]);
    assert_eq!(code, 1, "{message}");
    assert!(message.contains("not authentic"), "{message}");
    let (code, message) = user.fails(&["ls", "--root-key", "no-such-file"]);
    assert_eq!(code, 2, "{message}");
    assert!(!user.home.join("known_nodes").exists());
}

#[test]
fn another_canister_than_the_hosts_is_told_as_that() {
    const NOBODYS: &str = "ryjl3-tyaaa-aaaaa-aaaba-cai";
    const USUAL: &str = keepsake_node::serve::DEFAULT_CANISTER_ID;
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    for asked in [&["ls"][..], &["capsule", "create"]] {
        let (code, message) = user.fails(&[asked, &["--canister", NOBODYS]].concat());
        assert_eq!(code, 2, "{message}");
        assert!(message.contains(&format!("its canister is {USUAL}, not {NOBODYS}")), "{message}");
        assert!(message.contains("Leave out --canister") && !message.contains("authentic"), "{message}");
    }
    let node = Node::start_with(&dir.path().join("other"), &["--canister", NOBODYS]);
    let user = User::new(dir.path(), "ben", &node);
    let (code, message) = user.fails(&["ls"]);
    assert_eq!(code, 2, "{message}");
    assert!(message.contains(&format!("give --canister {NOBODYS}")), "{message}");
    user.json(&["ls", "--canister", NOBODYS]);
}

#[test]
fn plain_http_to_another_machine_gives_one_warning() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let warnings = |args: &[&str]| text(&user.run(args).stderr).matches("plain http").count();
    assert_eq!(warnings(&["ls"]), 0, "this machine");
    assert_eq!(warnings(&["ls", "--node", "http://nowhere.invalid:4943"]), 1);
    assert_eq!(warnings(&["ls", "--node", "https://nowhere.invalid"]), 0);
}

/// Answers every request with this body and 404.
fn answering(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

#[test]
fn what_a_server_or_a_file_name_says_cannot_steer_the_terminal() {
    let dir = fresh_dir();
    let url = answering("\x1b]0;mine\x07\x1b[2J\u{9b}31m\u{202e}\u{2028}\u{2066}\u{200f}\u{200b}end");
    let user = User { home: dir.path().join("ann"), url };
    let named = dir.path().join("\x1b[2Jphoto\u{202e}gpj.exe");
    let named = named.to_str().unwrap();
    for args in [
        &["ls"][..],
        &["ls", "--json"],
        &["upload", named, "--json"],
        &["identity", "import", "x", named],
        &["serve", "--data", "/dev/null", "--app", named],
        &["fsck", named],
        &["ls", "--\x1b[2J\u{202e}"],
        &["ls", "--json", "\x1b[2J\u{202e}"],
        &["show", "\x1b[2J\u{202e}"],
        &["get", "mem_1", "--root-key", named],
    ] {
        let output = user.run(args);
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        for shown in [text(&output.stderr), text(&output.stdout)] {
            let steers = |c: &char| {
                (c.is_control() && *c != '\n')
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert_eq!(shown.chars().find(steers), None, "{args:?}: {shown:?}");
        }
    }
    let told = text(&user.run(&["ls"]).stderr);
    assert!(told.contains("end"), "the text itself is there: {told}");
}
