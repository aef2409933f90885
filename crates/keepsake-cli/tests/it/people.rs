//! One person by several keys, others by a code or a link, and what an operator does about a host: by the program, as people use it.

use crate::support::{Node, User, fresh_dir, path};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

fn upload(user: &User, dir: &Path, name: &str) -> Value {
    let file = dir.join(name);
    std::fs::write(&file, name).unwrap();
    user.json(&["upload", path(&file)])
}

/// Runs with `--json` and what is typed on standard input.
fn typed(user: &User, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = user.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn two_keys_are_one_person_until_one_is_removed() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let (laptop, desk) = (User::new(dir.path(), "laptop", &node), User::new(dir.path(), "desk", &node));
    let uploaded = upload(&laptop, dir.path(), "one.txt");
    let id = uploaded["memory_id"].as_str().unwrap();
    // The other machine was a person of its own before.
    let own = upload(&desk, dir.path(), "two.txt");

    let invited = laptop.json(&["identity", "invite", "--name", "Desk"]);
    let code = invited["code"].as_str().unwrap();
    assert_eq!(invited["words"].as_str().unwrap().split(' ').count(), 12);
    assert_eq!(invited["address"], format!("{}/#join={code}", node.url));
    let (exit, message) = desk.fails(&["identity", "join", "abandon", "abandno"]);
    assert_eq!((exit, message.contains("12 are needed")), (2, true), "{message}");
    let words: Vec<&str> = invited["words"].as_str().unwrap().split(' ').collect();
    laptop.json(&["identity", "devices"]);
    let (exit, message) = desk.fails(&[&["identity", "join"], &words[..]].concat());
    assert_eq!((exit, message.contains(&laptop.principal())), (2, true), "it says whose account: {message}");
    assert!(message.contains("deletes all that this key has"), "{message}");
    let joined = desk.json(&[&["identity", "join", "--yes"], &words[..]].concat());
    assert_eq!(joined["account"], laptop.principal());
    assert_eq!(desk.run(&["get", id, "-o", "-"]).stdout, b"one.txt");
    assert_eq!(laptop.run(&["get", own["memory_id"].as_str().unwrap(), "-o", "-"]).stdout, b"two.txt");
    assert_eq!(upload(&desk, dir.path(), "three.txt")["capsule_id"], uploaded["capsule_id"]);
    let (exit, message) = User::new(dir.path(), "thief", &node).fails(&["identity", "join", code]);
    assert_eq!(exit, 5, "{message}");
    assert!(message.contains("code"), "{message}");

    let devices = laptop.json(&["identity", "devices"]);
    assert_eq!(devices.as_array().unwrap().len(), 2);
    let (exit, message) = laptop.fails(&["identity", "remove", &desk.principal()]);
    assert_eq!(exit, 2, "it asks first: {message}");
    laptop.json(&["identity", "remove", &desk.principal(), "--yes"]);
    assert_eq!(desk.fails(&["show", id]).0, 3);
    for said in [&["ls"][..], &["capsule"], &["upload", path(&dir.path().join("two.txt"))]] {
        let (exit, message) = desk.fails(said);
        assert_eq!((exit, message.contains("was removed from its account")), (4, true), "{message}");
    }
    let (exit, message) = laptop.fails(&["identity", "remove", &laptop.principal(), "--yes"]);
    assert_eq!(exit, 5, "{message}");
}

#[test]
fn a_recovery_sheet_opens_the_account_where_no_key_is_left() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let lost = User::new(dir.path(), "lost", &node);
    let uploaded = upload(&lost, dir.path(), "one.txt");
    let id = uploaded["memory_id"].as_str().unwrap();
    let sheet = lost.json(&["identity", "sheet"]);
    let words = sheet["words"].as_str().unwrap();
    assert_eq!(words.split(' ').count(), 24);
    std::fs::remove_dir_all(&lost.home).unwrap();

    let found = User::new(dir.path(), "found", &node);
    let wrong = words.replacen(words.split(' ').next().unwrap(), "xylophone", 1);
    let (exit, _, message) = typed(&found, &["identity", "recover"], &wrong);
    assert_eq!((exit, message.contains("word 1")), (2, true), "{message}");
    let another = "abandon ".repeat(23) + "art";
    let (exit, _, message) = typed(&found, &["identity", "recover"], &another);
    assert_eq!((exit, message.contains("no account")), (3, true), "{message}");
    assert!(!found.home.join("identities").exists(), "wrong words leave no key");
    let shouted = words.to_uppercase().replace(' ', "\n");
    let (exit, printed, message) = typed(&found, &["identity", "recover", "--json"], &shouted);
    assert_eq!(exit, 0, "{message}");
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["account"], sheet["account"]);
    assert_eq!(found.run(&["get", id, "-o", "-"]).stdout, b"one.txt");
    assert!(!message.contains(words.split(' ').next().unwrap()), "the words are told to nobody");
}

#[test]
fn others_come_in_by_a_code_and_look_by_a_link() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let (ann, bob) = (User::new(dir.path(), "ann", &node), User::new(dir.path(), "bob", &node));
    let uploaded = upload(&ann, dir.path(), "one.txt");
    let (id, capsule) = (uploaded["memory_id"].as_str().unwrap(), uploaded["capsule_id"].as_str().unwrap());
    ann.json(&["capsule", "rename", capsule, "Family"]);
    let invited = ann.json(&["capsule", "invite", capsule, "guest", "--label", "Cousins", "--expires", "2h"]);
    let redeemed = bob.json(&["capsule", "redeem", invited["address"].as_str().unwrap()]);
    assert_eq!((&redeemed["capsule_id"], &redeemed["role"]), (&json!(capsule), &json!("guest")));
    assert_eq!(bob.run(&["get", id, "-o", "-"]).stdout, b"one.txt");
    assert_eq!(bob.json(&["capsule"])[0]["name"], "Family");
    assert_eq!(ann.json(&["capsule", "invitations", capsule])[0]["uses"], 1);
    bob.json(&["capsule", "leave", capsule, "--yes"]);
    assert_eq!(bob.fails(&["show", id]).0, 3);

    // What somebody gives unasked is marked until it is accepted.
    ann.json(&["capsule", "grant", capsule, &bob.principal(), "owner"]);
    let listed = bob.json(&["capsule"]);
    assert_eq!((&listed[0]["accepted"], &listed[0]["creator"]), (&json!(false), &json!(ann.principal())));
    bob.json(&["capsule", "accept", capsule]);
    assert_eq!(bob.json(&["capsule"])[0]["accepted"], true);

    let shared = ann.json(&["capsule", "share", capsule, id, "--expires", "1d", "--no-download"]);
    assert!(shared["address"].as_str().unwrap().starts_with(&format!("{}/#link=", node.url)));
    assert_eq!((&shared["memories"], &shared["download"]), (&json!(1), &json!(false)));
    assert_eq!((&shared["preview"], &shared["path"]), (&json!(false), &Value::Null));
    let (exit, printed, message) =
        typed(&ann, &["capsule", "share", capsule, "--password", "--json"], "open sesame\n");
    assert_eq!(exit, 0, "{message}");
    let with_password: Value = serde_json::from_str(&printed).unwrap();
    assert!(with_password["address"].as_str().unwrap().ends_with("&password=yes"));
    assert_eq!(ann.json(&["capsule", "shares", capsule]).as_array().unwrap().len(), 2);
    ann.json(&["capsule", "unshare", capsule, shared["principal"].as_str().unwrap()]);
    assert_eq!(ann.json(&["capsule", "shares", capsule]).as_array().unwrap().len(), 1);
}

#[test]
fn an_operator_sees_to_a_host_that_runs_and_to_one_that_does_not() {
    let dir = fresh_dir();
    let data = dir.path().join("data");
    let keys = fresh_dir();
    let before = Node::start(&data);
    let operator = User::new(keys.path(), "operator", &before);
    let me = operator.principal();
    drop(before);
    let mut node = Node::start_with(&data, &["--controller", &me, "--admission", "invited"]);
    let url = node.url.clone();
    let by = |name: &str| User { home: keys.path().join(name), url: url.clone() };
    let (operator, ann, bob) = (by("operator"), by("ann"), by("bob"));
    let (exit, message) = ann.fails(&["upload", path(&dir.path().join("data").join("records.redb"))]);
    assert_eq!(exit, 5, "{message}");
    assert!(message.contains("by invitation"), "{message}");
    let invited = operator.json(&["admin", "invite", "--quota", "1MiB", "--label", "Ann"]);
    ann.json(&["capsule", "redeem", invited["code"].as_str().unwrap()]);
    let uploaded = upload(&ann, dir.path(), "one.txt");
    let (id, capsule) = (uploaded["memory_id"].as_str().unwrap(), uploaded["capsule_id"].as_str().unwrap());
    assert_eq!(bob.fails(&["admin", "block", &ann.principal()]).0, 4);
    operator.json(&["admin", "block", &ann.principal(), "--reason", "spam"]);
    assert_eq!(ann.fails(&["show", id]).0, 3);
    for said in [&["ls"][..], &["capsule"], &["upload", path(&dir.path().join("one.txt"))]] {
        let (exit, message) = ann.fails(said);
        assert_eq!((exit, message.contains("shut you out")), (4, true), "{message}");
    }
    let (exit, message) = operator.fails(&["admin", "log", "--data", path(&data)]);
    assert_eq!(exit, 5, "a node uses it: {message}");

    // The same with the node stopped, and without any key.
    node.kill();
    let nobody = by("nobody");
    nobody.json(&["admin", "unblock", &ann.principal(), "--data", path(&data)]);
    nobody.json(&["admin", "give", capsule, &bob.principal(), "--data", path(&data)]);
    let set = nobody.json(&["admin", "admission", "everybody", "--data", path(&data)]);
    assert_eq!((&set["admission"], &set["controllers"]), (&json!("everybody"), &json!([me])));
    let log = nobody.json(&["admin", "log", "--data", path(&data)]);
    let actions: Vec<_> =
        log.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["set", "give", "unblock", "block", "invite"]);
    let (exit, message) = nobody.fails(&["admin", "log", "--data", path(&dir.path().join("none"))]);
    assert_eq!((exit, message.contains("there is no store in")), (3, true), "{message}");

    let node = Node::start(&data);
    let by = |name: &str| User { home: keys.path().join(name), url: node.url.clone() };
    assert_eq!(by("ann").json(&["show", id])["id"], id);
    assert_eq!(by("bob").run(&["get", id, "-o", "-"]).stdout, b"one.txt");
    assert_eq!(by("operator").json(&["admin", "set"])["admission"], "everybody", "it outlives the node");
    by("operator").json(&["admin", "remove", capsule, "--yes"]);
    assert_eq!(by("ann").fails(&["show", id]).0, 3);
}
