//! The same bytes uploaded again: the memory that has them is named, and no other one is made unasked.

use crate::support::{Node, User, fresh_dir, jpeg, path, text};
use serde_json::{Value, json};
use std::process::Stdio;

fn count(user: &User) -> usize {
    user.json(&["ls"])["items"].as_array().unwrap().len()
}

#[test]
fn uploading_the_same_file_again_names_its_memory_and_makes_no_other() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (photo, moved) = (dir.path().join("photo.jpg"), dir.path().join("moved.jpg"));
    std::fs::write(&photo, jpeg(320, 240, 4)).unwrap();
    let first = user.json(&["upload", path(&photo)]);
    assert_eq!(first["already_there"], false);

    let output = user.run(&["upload", path(&photo)]);
    let (line, told) = (text(&output.stdout), text(&output.stderr));
    assert!(
        line.starts_with(first["memory_id"].as_str().unwrap()) && line.contains("already there"),
        "{line}"
    );
    assert!(told.contains("--again") && !told.contains("without"), "{told}");
    let told = text(&user.run(&["upload", path(&photo), "--tag", "holiday"]).stderr);
    assert!(told.contains("stays as it is, without the tag given here"), "{told}");

    std::fs::rename(&photo, &moved).unwrap();
    let second = user.json(&["upload", path(&moved)]);
    assert_eq!(second["already_there"], true, "the name does not matter");
    let same = ["memory_id", "capsule_id", "mime_type", "bytes", "sha256"];
    assert!(same.iter().all(|field| first[field] == second[field]), "{first} {second}");
    let ids = |line: &Value| {
        let assets = line["assets"].as_array().unwrap().iter();
        assets
            .map(|asset| (asset["kind"].to_string(), asset["sha256"].to_string()))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(
        (count(&user), user.json(&["sessions"]).as_array().unwrap().len()),
        (1, 0),
        "a small photo has no session"
    );

    let third = user.json(&["upload", path(&moved), "--again"]);
    assert_ne!(third["memory_id"], first["memory_id"]);
    assert_eq!((&third["already_there"], count(&user)), (&json!(false), 2));
}

#[test]
fn other_bytes_of_the_same_length_and_other_capsules_are_not_the_same() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    user.json(&["upload", path(&file)]);
    let other =
        user.json(&["capsule", "create", "--about", "grandmother"])["id"].as_str().unwrap().to_owned();
    assert_eq!(user.json(&["upload", path(&file), "--capsule", &other])["already_there"], false);
    std::fs::write(&file, "two").unwrap();
    assert_eq!(user.json(&["upload", path(&file)])["already_there"], false);
    let id = user.json(&["upload", path(&file)])["memory_id"].as_str().unwrap().to_owned();
    user.json(&["rm", &id, "--yes"]);
    assert_eq!(user.json(&["upload", path(&file)])["already_there"], false, "what is deleted is not there");
}

#[test]
fn a_folder_uploaded_again_sends_only_what_is_new() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let folder = dir.path().join("notes");
    std::fs::create_dir(&folder).unwrap();
    let write = |numbers: std::ops::Range<u32>| {
        numbers.for_each(|number| {
            std::fs::write(folder.join(number.to_string()), format!("note {number}")).unwrap();
        });
    };
    let upload = || {
        let output = user.run(&["upload", "-r", path(&folder), "--json", "--quiet"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["already_there"] == false).count()
    };
    write(0..5);
    assert_eq!(upload(), 5);
    write(3..7);
    assert_eq!(upload(), 2);
    assert_eq!(count(&user), 7);
}

/// Notes enough that no client looks through all of them. 20,000 with `KEEPSAKE_FULL=1`, which takes minutes.
#[test]
fn a_file_is_found_however_many_came_after_it() {
    let full = std::env::var_os("KEEPSAKE_FULL").is_some_and(|full| full == "1");
    let later = if full { 20_000 } else { 200 };
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    let (old, folder) = (dir.path().join("old.txt"), dir.path().join("later"));
    std::fs::write(&old, "the first of all").unwrap();
    let first = user.json(&["upload", path(&old)]);
    std::fs::create_dir(&folder).unwrap();
    for number in 0..later {
        std::fs::write(folder.join(number.to_string()), format!("note {number}")).unwrap();
    }
    assert_eq!(user.run(&["upload", "-r", path(&folder), "--quiet", "-j", "8"]).status.code(), Some(0));
    let again = user.json(&["upload", path(&old)]);
    assert_eq!((&again["already_there"], &again["memory_id"]), (&json!(true), &first["memory_id"]));
}

/// As two runs of cron do.
#[test]
fn two_runs_over_one_folder_share_it_and_send_each_file_once() {
    const PHOTOS: u64 = 100;
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = User::new(dir.path(), "ann", &node);
    user.json(&["capsule", "create"]);
    let folder = dir.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..PHOTOS {
        std::fs::write(folder.join(format!("{number}.jpg")), jpeg(160, 120, number)).unwrap();
    }
    let args = ["upload", "-r", path(&folder), "--json", "--quiet"];
    // Both are read at once: a run whose reader is slow keeps what it has claimed.
    let start = || user.command(&args).stdout(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let outputs =
        std::thread::scope(|scope| [(); 2].map(|()| scope.spawn(start)).map(|run| run.join().unwrap()));
    let lines = outputs.map(|output| {
        assert_eq!(output.status.code(), Some(0));
        text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect::<Vec<_>>()
    });
    let sum = |field: &str| {
        lines.iter().flatten().map(|line| line[field].as_u64().unwrap_or_default()).sum::<u64>()
    };
    assert_eq!((sum("chunks_sent"), count(&user) as u64), (PHOTOS, 50), "a page of the list has 50");
    let capsule = user.json(&["capsule", "show"]);
    assert_eq!(capsule["memory_count"], PHOTOS);
    for run in &lines {
        let sum = &run.last().unwrap()["summary"];
        let (new, there) = (sum["new"].as_u64().unwrap(), sum["already_there"].as_u64().unwrap());
        assert_eq!(new + there, PHOTOS, "{sum}");
    }
}

/// Copies lie side by side in real folders.
#[test]
fn copies_in_one_folder_become_one_memory_each() {
    const PAIRS: u64 = 20;
    for jobs in ["2", "8"] {
        let dir = fresh_dir();
        let node = Node::start(&dir.path().join("data"));
        let user = User::new(dir.path(), "ann", &node);
        let folder = dir.path().join("photos");
        std::fs::create_dir(&folder).unwrap();
        for number in 0..PAIRS {
            // All of one length, as photos without compression are.
            let bytes = format!("photo {number:05}");
            std::fs::write(folder.join(format!("IMG_{number}.txt")), &bytes).unwrap();
            std::fs::write(folder.join(format!("IMG_{number} (1).txt")), &bytes).unwrap();
        }
        let output = user.run(&["upload", "-r", path(&folder), "--json", "--quiet", "-j", jobs]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let sum: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        let counts = (&sum["summary"]["new"], &sum["summary"]["already_there"]);
        assert_eq!(counts, (&json!(PAIRS), &json!(PAIRS)), "-j {jobs}");
        assert_eq!(count(&user) as u64, PAIRS, "-j {jobs}");
    }
}
