//! One user: upload, list, show, get, delete; shapes of the JSON; exit codes.

use crate::support::{Node, User, fresh_dir, jpeg, path, sha256, sha256_of, text};
use serde_json::Value;

#[test]
fn a_photo_goes_in_and_comes_back_byte_for_byte() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (photo, bytes) = (dir.path().join("photo.jpg"), jpeg(2400, 1600, 1));
    std::fs::write(&photo, &bytes).unwrap();

    let uploaded = user.json(&["upload", path(&photo), "--tag", "holiday"]);
    assert_eq!(uploaded["ok"], true);
    assert_eq!(uploaded["bytes"], bytes.len());
    assert_eq!(uploaded["sha256"], sha256(&bytes));
    assert_eq!(uploaded["mime_type"], "image/jpeg");
    assert_eq!((&uploaded["chunks_sent"], &uploaded["chunks_skipped"]), (&1.into(), &0.into()));
    assert_eq!(uploaded["derivatives_skipped"], Value::Null);
    let id = uploaded["memory_id"].as_str().unwrap();

    let page = user.json(&["ls"]);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["id"], id);
    assert_eq!(page["items"][0]["title"], "photo.jpg");
    assert_eq!(page["next_cursor"], Value::Null);

    let memory = user.json(&["show", id]);
    assert_eq!(memory["memory_type"], "image");
    assert_eq!(memory["tags"], serde_json::json!(["holiday"]));
    let assets = memory["assets"].as_array().unwrap();
    let pixels = |kind: &str| {
        let asset = assets.iter().find(|asset| asset["kind"] == kind).unwrap();
        (asset["width"].as_u64().unwrap(), asset["height"].as_u64().unwrap())
    };
    assert_eq!(assets.len(), 4);
    assert_eq!((pixels("original"), pixels("display")), ((2400, 1600), (1620, 1080)));
    assert_eq!((pixels("thumbnail"), pixels("placeholder")), ((400, 267), (27, 18)));

    for asset in assets {
        let (kind, file) = (asset["kind"].as_str().unwrap(), dir.path().join("back.bin"));
        let saved = user.json(&["get", id, "--asset", kind, "-o", path(&file), "--force"]);
        assert_eq!(saved["sha256"], asset["sha256"], "{kind}");
        assert_eq!(sha256_of(&file), asset["sha256"].as_str().unwrap(), "{kind}");
    }
    let printed = user.run(&["get", id, "-o", "-"]);
    assert_eq!(printed.stdout, bytes);
}

#[test]
fn a_saved_file_gets_its_own_name_and_is_not_overwritten() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (photo, bytes) = (dir.path().join("photo.jpg"), jpeg(640, 480, 2));
    std::fs::write(&photo, &bytes).unwrap();
    let id = user.json(&["upload", path(&photo)])["memory_id"].as_str().unwrap().to_owned();
    let there = dir.path().join("there");
    std::fs::create_dir(&there).unwrap();
    let get = |args: &[&str]| {
        let mut command = user.command(&[&["get", &id], args].concat());
        command.current_dir(&there).output().unwrap().status.code()
    };
    assert_eq!(get(&[]), Some(0));
    assert_eq!(std::fs::read(there.join("photo.jpg")).unwrap(), bytes);
    std::fs::write(there.join("photo.jpg"), "mine").unwrap();
    assert_eq!(get(&[]), Some(5));
    assert_eq!(std::fs::read(there.join("photo.jpg")).unwrap(), b"mine");
    assert_eq!(get(&["--force"]), Some(0));
    assert_eq!(std::fs::read(there.join("photo.jpg")).unwrap(), bytes);
    assert_eq!(get(&["--asset", "thumbnail"]), Some(0));
    assert!(there.join("photo-thumbnail.jpg").exists());
    assert_eq!(get(&["--asset", "nothing"]), Some(3));
    assert_eq!(std::fs::read_dir(&there).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn files_that_are_no_image_go_by_lane_a_alone() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let damaged = jpeg(800, 600, 3)[..5_000].to_vec();
    let cases: [(&str, &[u8], &str, &str); 4] = [
        ("note.txt", b"remember the milk", "text/plain", "note"),
        ("paper.pdf", b"%PDF-1.7 ...", "application/pdf", "document"),
        ("noname", b"\x00\x01\x02", "application/octet-stream", "document"),
        ("damaged.jpg", &damaged, "image/jpeg", "image"),
    ];
    for (name, bytes, mime_type, memory_type) in cases {
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let uploaded = user.json(&["upload", path(&file)]);
        assert!(uploaded["derivatives_skipped"].is_string(), "{name}: {uploaded}");
        assert_eq!(uploaded["assets"].as_array().unwrap().len(), 1, "{name}");
        let memory = user.json(&["show", uploaded["memory_id"].as_str().unwrap()]);
        assert_eq!((&memory["mime_type"], &memory["memory_type"]), (&mime_type.into(), &memory_type.into()));
        assert_eq!(memory["assets"][0]["sha256"], sha256(bytes), "{name}");
    }
}

#[test]
fn an_original_comes_back_with_the_time_of_its_file() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (photo, back, small) =
        (dir.path().join("photo.jpg"), dir.path().join("back.jpg"), dir.path().join("small.jpg"));
    std::fs::write(&photo, jpeg(320, 240, 4)).unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890);
    std::fs::File::options().write(true).open(&photo).unwrap().set_modified(then).unwrap();
    let id = user.json(&["upload", path(&photo)])["memory_id"].as_str().unwrap().to_owned();
    user.json(&["get", &id, "-o", path(&back)]);
    user.json(&["get", &id, "--asset", "thumbnail", "-o", path(&small)]);
    let time = |file: &std::path::Path| std::fs::metadata(file).unwrap().modified().unwrap();
    assert_eq!(time(&back), then);
    assert!(time(&small) > then, "what was made of it has its own");
}

/// A photo that says when it was taken, as cameras write it.
fn dated(photo: &[u8], date: &[u8; 19], offset: [u8; 6]) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".to_vec();
    block.extend(b"\0\x02\x90\x03\0\x02\0\0\0\x14\0\0\0\x38\x90\x11\0\x02\0\0\0\x07\0\0\0\x4c\0\0\0\0");
    block.extend([&date[..], b"\0", &offset, b"\0"].concat());
    let len = u16::try_from(block.len() + 2).unwrap().to_be_bytes();
    [&photo[..2], b"\xff\xe1", &len, &block, &photo[2..]].concat()
}

#[test]
fn a_photo_has_the_date_that_its_camera_gave_it() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let photo = dir.path().join("photo.jpg");
    let upload = |seed, date| {
        std::fs::write(&photo, dated(&jpeg(320, 240, seed), date, *b"+02:00")).unwrap();
        let output = user.run(&["upload", path(&photo), "-v"]);
        let id = text(&output.stdout).split(' ').next().unwrap().to_owned();
        (user.json(&["show", &id])["date_of_memory"].clone(), text(&output.stderr))
    };
    assert_eq!(upload(1, b"2019:07:14 12:34:56").0, 1_563_100_496_000_000_000_u64);
    let (date, told) = upload(2, b"1955:11:05 06:00:00");
    assert!(
        date.is_null() && told.contains("1955-11-05T06:00:00 is before 1970 and left out"),
        "{date} {told}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_here_is_told_as_that_and_nothing_is_to_be_deleted_for_it() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("a.bin");
    crate::support::random_file(&file, 500_000);
    let id = user.json(&["upload", path(&file)])["memory_id"].as_str().unwrap().to_owned();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = user.command(&["get", &id, "-o", "-"]).stdout(full).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{told}");
    assert!(told.contains("the disk of this computer is full") && told.contains("Make room there"), "{told}");
    assert!(!told.contains("keepsake rm") && !told.contains("Delete"), "{told}");
}

#[test]
fn pages_of_a_list_join_without_gap_or_repeat() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let folder = dir.path().join("notes");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..7 {
        std::fs::write(folder.join(format!("{number}.txt")), format!("note {number}")).unwrap();
    }
    let output = user.run(&["upload", "-r", path(&folder), "--json"]);
    assert_eq!(text(&output.stdout).lines().count(), 8, "one for each file, and the sum");
    let ids = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = ids(&user.json(&["ls", "--all"]));
    assert_eq!(all.len(), 7);
    let (mut joined, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = match &cursor {
            None => user.json(&["ls", "-n", "3"]),
            Some(cursor) => user.json(&["ls", "-n", "3", "--cursor", cursor]),
        };
        assert!(ids(&page).len() <= 3);
        joined.extend(ids(&page));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(joined, all);
}

#[test]
fn deleted_memories_are_gone() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let text_file = dir.path().join("note.txt");
    std::fs::write(&text_file, "one").unwrap();
    let id = user.json(&["upload", path(&text_file)])["memory_id"].as_str().unwrap().to_owned();
    let (code, message) = user.fails(&["rm", &id]);
    assert_eq!(code, 2, "without a terminal it must be told --yes");
    assert!(message.contains("--yes"), "{message}");
    assert_eq!(user.json(&["rm", &id, "--yes"])["ok"], true);
    assert_eq!(user.fails(&["show", &id]).0, 3);
    assert_eq!(user.fails(&["rm", &id, "--yes"]).0, 3);
    assert_eq!(user.json(&["ls"])["items"], serde_json::json!([]));
    assert_eq!(user.json(&["capsule", "show"])["bytes_used"], 0);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (good, empty, absent) =
        (dir.path().join("good.txt"), dir.path().join("empty"), dir.path().join("absent"));
    std::fs::write(&good, "good").unwrap();
    std::fs::write(&empty, "").unwrap();
    let output = user.run(&["upload", path(&absent), path(&empty), path(&good), "--json"]);
    assert_eq!(output.status.code(), Some(8), "some are there and others are not");
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |file: &std::path::Path| lines.iter().find(|line| line["file"] == path(file)).unwrap();
    assert_eq!(line(&good)["ok"], true);
    assert_eq!((&line(&absent)["ok"], &line(&absent)["exit_code"]), (&false.into(), &3.into()));
    assert!(line(&empty)["error"].as_str().unwrap().contains("nothing to upload"));
    assert_eq!(user.json(&["ls"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(user.json(&["sessions"]), finished_only(&user.json(&["sessions"])));
    assert_eq!(user.fails(&["upload", path(&absent)]).0, 3, "one failure gives its own code");
    assert_eq!(user.fails(&["upload", path(&absent), path(&empty)]).0, 1, "different ones the general code");
}

fn finished_only(sessions: &Value) -> Value {
    let sessions = sessions.as_array().unwrap().iter();
    sessions.filter(|session| session["state"] == "finished").cloned().collect()
}

#[test]
fn an_absent_node_has_its_own_exit_code_and_advice() {
    let dir = fresh_dir();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let user = User { home: dir.path().join("ann"), url: format!("http://{closed}") };
    let (code, message) = user.fails(&["ls"]);
    assert_eq!(code, 7, "{message}");
    assert!(message.contains("keepsake serve"), "{message}");
    let file = dir.path().join("a.txt");
    std::fs::write(&file, "a").unwrap();
    assert_eq!(user.fails(&["upload", path(&file), "--retry-for", "0"]).0, 7);
    assert_eq!(user.fails(&["ls", "--node", "no address"]).0, 2);
    assert_eq!(user.fails(&["no-such-command"]).0, 2);
}

#[cfg(unix)]
#[test]
fn the_key_made_on_first_use_is_private_and_an_open_key_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    user.json(&["capsule", "create"]);
    let key = user.home.join("identities").join("default.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&user.home).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, message) = user.fails(&["ls"]);
    assert_eq!(code, 1);
    assert!(message.contains("chmod 600"), "{message}");
}

#[test]
fn completions_are_printed_for_each_shell() {
    let dir = fresh_dir();
    let user = User { home: dir.path().join("ann"), url: "http://127.0.0.1:1".to_owned() };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = user.run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("keepsake"), "{shell}");
    }
}
