//! What users and scripts are told: errors as JSON, words instead of methods, what a file turned out to be.

use crate::support::{Node, Scene, User, fresh_dir, jpeg, path, random_file, text};
use serde_json::{Value, json};
use std::path::Path;

/// Runs with `--json`, which must fail, and gives the exit code, the one object and the text on standard error.
fn fails(user: &User, args: &[&str]) -> (i32, Value, String) {
    let output = user.run(&[args, &["--json"]].concat());
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"));
    (output.status.code().unwrap(), object, text(&output.stderr))
}

#[test]
fn a_command_that_fails_prints_its_error_as_json_too() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let capsule = user.json(&["capsule", "create"])["id"].as_str().unwrap().to_owned();
    let me = user.principal();
    let cases: [(&[&str], i32, &str, &str); 6] = [
        (&["show", "mem_99"], 3, "not_found", "not_found"),
        (&["get", "mem_99"], 3, "not_found", "not_found"),
        (&["link", "mem_99"], 3, "not_found", "not_found"),
        (&["capsule", "revoke", &capsule, &me], 5, "last_owner", "conflict"),
        (&["ls", "--node", "no address"], 2, "usage", "usage"),
        (&["no-such-command"], 2, "usage", "usage"),
    ];
    for (args, code, error_code, kind) in cases {
        let (exit, object, message) = fails(&user, args);
        let error = &object["error"];
        assert_eq!((exit, &object["exit_code"]), (code, &json!(code)), "{args:?}: {message}");
        assert_eq!((&error["code"], &error["kind"]), (&json!(error_code), &json!(kind)), "{args:?}");
        assert!(message.contains(error["message"].as_str().unwrap()), "{args:?}: {object} {message}");
    }
    let (_, line, _) = fails(&user, &["rm", "mem_99", "--yes"]);
    assert_eq!(
        (&line["ok"], &line["code"], &line["kind"]),
        (&json!(false), &json!("not_found"), &json!("not_found"))
    );
    let piped = user.run(&["get", "mem_99", "-o", "-", "--json"]);
    assert_eq!(
        (piped.status.code(), piped.stdout.len()),
        (Some(3), 0),
        "the bytes of a file and nothing else"
    );
}

#[test]
fn messages_name_no_method_of_the_service() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    for args in [
        &["show", "mem_99"][..],
        &["rm", "mem_99", "--yes"],
        &["ls", "--capsule", "capsule_99"],
        &["capsule", "show", "capsule_99"],
        &["upload", path(&file), "--capsule", "capsule_99"],
        &["upload", path(&file), "--capsule", "capsule_99", "--again"],
        &["sessions", "abort", "99"],
    ] {
        let (code, message) = user.fails(args);
        let methods = ["memories_", "uploads_", "capsules_", "sessions_"];
        let named = methods.iter().find(|method| message.contains(*method));
        assert!(code != 0 && named.is_none(), "{args:?}: {message}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_once_with_the_reason() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let empty = dir.path().join("empty.jpg");
    std::fs::write(&empty, "").unwrap();
    for (file, why, code) in [("nofile.jpg", "there is no such file", 3), (path(&empty), "it is empty", 1)] {
        let (exit, line, message) = fails(&user, &["upload", file]);
        assert_eq!(exit, code, "{message}");
        let told = message.lines().find(|line| line.contains(file)).unwrap();
        assert!(told.contains(&format!("{file}: {why}")), "{told}");
        assert_eq!(told.matches(file).count(), 1, "{told}");
        assert!(line["error"].as_str().unwrap().starts_with(why), "{line}");
    }
}

#[test]
fn a_capsule_that_cannot_be_written_to_is_told_as_that_before_anything_is_sent() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let (ann, ben) = (User::new(dir.path(), "ann", &node), User::new(dir.path(), "ben", &node));
    let capsule = ann.json(&["capsule", "create"])["id"].as_str().unwrap().to_owned();
    let file = dir.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    let refused = |capsule: &str, code: i32| {
        for args in [&["upload", path(&file)][..], &["upload", path(&file), "--again"]] {
            let (exit, message) = ben.fails(&[args, &["--capsule", capsule]].concat());
            assert_eq!(exit, code, "{message}");
            let told = format!("there is no capsule {capsule} that you can write to");
            assert!(message.contains(&told) && message.contains("`keepsake capsule`"), "{message}");
        }
    };
    refused("capsule_99", 3);
    refused("holiday", 3);
    refused(&capsule, 3);
    ann.run(&["capsule", "grant", &capsule, &ben.principal(), "guest"]);
    refused(&capsule, 4);
    ann.run(&["capsule", "grant", &capsule, &ben.principal(), "member"]);
    ben.json(&["upload", path(&file), "--capsule", &capsule]);
}

/// What there is no room for is told with the limit that is full and what helps, not with what helps in other cases.
#[test]
fn a_full_limit_is_named_with_what_is_left_of_it() {
    let dir = fresh_dir();
    let node = Node::start_with(&dir.path().join("data"), &["--heap-bytes-max", "100000"]);
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("large.bin");
    std::fs::write(&file, vec![7; 1_000_000]).unwrap();
    let (code, message) = user.fails(&["upload", path(&file)]);
    assert_eq!(code, 6, "{message}");
    assert!(message.contains("heap_bytes: ") && message.contains(" left: "), "{message}");
    assert!(message.contains("its operator can set a larger limit"), "{message}");
    assert!(!message.contains("keepsake rm"), "{message}");
    let (_, line, _) = fails(&user, &["upload", path(&file)]);
    assert_eq!((&line["ok"], &line["exit_code"]), (&json!(false), &json!(6)), "{line}");
    assert!(line["advice"].as_str().unwrap().contains("its operator"), "{line}");
    let limits = user.json(&["usage"])["limits"].clone();
    assert!(limits.as_array().unwrap().contains(&line["limits"][0]), "{line}");
    let of_limit = &line["limits"][0];
    assert_eq!(of_limit["code"], "heap_bytes", "{line}");
    assert!(["used", "max", "left"].iter().all(|part| of_limit[part].is_u64()), "{line}");
    let heap = limits.as_array().unwrap().iter().find(|limit| limit["code"] == "heap_bytes").unwrap();
    assert!(heap["left"].as_u64().unwrap() <= 100_000, "{limits}");
    assert!(text(&user.run(&["usage"]).stdout).contains("capsule_bytes "));

    let node = Node::start_with(&dir.path().join("other"), &["--record-bytes-max", "60000"]);
    let user = User::new(dir.path(), "ben", &node);
    let about = |at: usize| user.run(&["capsule", "create", "--about", &format!("{at:0>250}")]);
    let refused = (0..100).map(about).find(|output| !output.status.success()).expect("there is a bound");
    let message = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(6), "{message}");
    assert!(message.contains("record_bytes: ") && message.contains("0 B left"), "{message}");
    let (_, object, _) = fails(&user, &["capsule", "create", "--about", &"x".repeat(250)]);
    assert!(object["error"]["advice"].as_str().unwrap().contains("record_bytes: "), "{object}");
    assert!(user.run(&["ls"]).status.success());
}

#[test]
fn a_text_that_is_called_a_picture_is_kept_as_what_it_is() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("photo.jpg");
    std::fs::write(&file, "no picture at all").unwrap();
    let output = user.run(&["upload", path(&file)]);
    let told = text(&output.stderr);
    assert!(told.contains("the name says image/jpeg, but the bytes are not: kept as text/plain"), "{told}");
    let memory = user.json(&["show", text(&output.stdout).split(' ').next().unwrap()]);
    assert_eq!((&memory["mime_type"], &memory["memory_type"]), (&json!("text/plain"), &json!("note")));
    assert_eq!(memory["assets"][0]["mime_type"], "text/plain");
}

#[test]
fn an_upload_tells_the_pixels_of_every_picture() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let photo = dir.path().join("photo.jpg");
    std::fs::write(&photo, jpeg(2400, 1600, 5)).unwrap();
    let uploaded = user.json(&["upload", path(&photo)]);
    let shown = user.json(&["show", uploaded["memory_id"].as_str().unwrap()]);
    let pixels = |value: &Value| {
        let assets = value["assets"].as_array().unwrap().iter();
        let mut pixels: Vec<_> = assets
            .map(|asset| (asset["kind"].to_string(), asset["width"].as_u64(), asset["height"].as_u64()))
            .collect();
        pixels.sort();
        pixels
    };
    assert_eq!(pixels(&uploaded), pixels(&shown));
    assert!(pixels(&uploaded).contains(&("\"display\"".to_owned(), Some(1620), Some(1080))), "{uploaded}");
}

#[test]
fn everybody_is_called_public() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let id = user.json(&["capsule", "create"])["id"].as_str().unwrap().to_owned();
    let said = |args: &[&str]| text(&user.run(args).stdout);
    assert_eq!(
        said(&["capsule", "grant", &id, "public", "guest"]),
        format!("granted: {id}  public  guest\n")
    );
    let shown = said(&["capsule", "show", &id]);
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["guest", "public"])), "{shown}");
    let members = user.json(&["capsule", "show", &id])["members"].clone();
    let public = members.as_array().unwrap().iter().find(|member| member["public"] == true).unwrap();
    assert_eq!(public["principal"], "2vxsx-fae");
    assert_eq!(said(&["capsule", "revoke", &id, "public"]), format!("revoked: {id}  public\n"));
}

/// Ids and states of the listed sessions.
fn listed(user: &User) -> Vec<(u64, String)> {
    let sessions = user.json(&["sessions"]);
    let sessions = sessions.as_array().unwrap().iter();
    sessions
        .map(|session| {
            (session["session_id"].as_u64().unwrap(), session["state"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn begin_and_kill(user: &User, file: &Path, sessions: usize) {
    let mut upload = user.command(&["upload", path(file), "--in-flight", "1", "--quiet"]).spawn().unwrap();
    while listed(user).iter().filter(|(_, state)| state == "pending").count() < sessions {
        assert!(upload.try_wait().unwrap().is_none(), "the upload ended before it was killed");
    }
    upload.kill().unwrap();
    upload.wait().unwrap();
}

#[test]
fn uploads_that_can_be_gone_on_with_are_listed_first_and_newest_first() {
    let scene = Scene::new(60_000_000);
    let second = scene.dir.path().join("second.bin");
    std::fs::copy(&scene.file, &second).unwrap();
    begin_and_kill(&scene.user, &scene.file, 1);
    begin_and_kill(&scene.user, &second, 2);
    let third = scene.dir.path().join("third.bin");
    random_file(&third, 2_000_000);
    scene.user.json(&["upload", path(&third)]);
    let sessions = listed(&scene.user);
    let states: Vec<_> = sessions.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(states, ["pending", "pending", "finished"]);
    assert!(sessions[0].0 > sessions[1].0, "{sessions:?}");
    let table = text(&scene.user.run(&["sessions"]).stdout);
    assert!(table.lines().nth(1).unwrap().contains("application/octet-stream  57.22 MiB"), "{table}");
}
