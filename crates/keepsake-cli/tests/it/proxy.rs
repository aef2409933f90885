//! A proxy between a user and the node that answers for the node, or has limits of its own.

use crate::behind::Faults;
use crate::support::{Node, User, fresh_dir, jpeg, path, random_file, text};
use keepsake_fault_proxy::{Answer, Plan};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// More refusals in a row than a busy node gets attempts.
const REFUSALS: u64 = 12;

fn user(dir: &Path, faults: &Faults) -> User {
    User { home: dir.join("ann"), url: faults.url() }
}

#[test]
fn a_proxy_that_answers_for_a_node_that_starts_again_is_waited_for() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let photo = dir.path().join("photo.jpg");
    std::fs::write(&photo, jpeg(320, 240, 4)).unwrap();
    let args = ["upload", path(&photo), "--again", "--json"];
    let faults = Faults::before(&node, Plan::default());
    assert_eq!(user(dir.path(), &faults).run(&args).status.code(), Some(0));
    // All of a run passes but the last message, which publishes; the second run has a capsule already.
    let before = faults.counts().requests;
    assert_eq!(user(dir.path(), &faults).run(&args).status.code(), Some(0));
    let after = faults.counts().requests - before - 1;
    for status in [502, 503, 504] {
        let answer =
            Answer { status, retry_after: Some(0), times: Some(REFUSALS), after, ..Answer::default() };
        faults.set(Plan { answer: Some(answer), ..Plan::default() });
        let before = faults.counts().answered;
        let output = user(dir.path(), &faults).run(&args);
        let (told, answered) = (text(&output.stderr), faults.counts().answered - before);
        assert_eq!((output.status.code(), answered), (Some(0), REFUSALS), "{status}: {told}");
        assert!(!told.contains('<'), "{told}");
    }
}

#[test]
fn a_proxy_whose_node_stays_away_is_given_up_after_the_time_that_was_set() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let answer = Some(Answer { status: 502, ..Answer::default() });
    let faults = Faults::before(&node, Plan { answer, ..Plan::default() });
    let file = dir.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    let (code, told) = user(dir.path(), &faults).fails(&["upload", path(&file), "--retry-for", "0"]);
    assert_eq!(code, 7, "{told}");
    assert!(told.contains("the node is away (HTTP 502: 502 Bad Gateway)") && !told.contains('<'), "{told}");
}

#[test]
fn chunks_are_cut_so_that_a_proxy_lets_them_through() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let faults = Faults::before(&node, Plan { body_max: Some(1 << 20), ..Plan::default() });
    let user = user(dir.path(), &faults);
    let large = dir.path().join("large.bin");
    let sha256 = random_file(&large, 3_000_000);
    let uploaded = user.json(&["upload", path(&large)]);
    assert_eq!((&uploaded["sha256"], &uploaded["chunks_sent"]), (&sha256.into(), &4.into()));
    assert_eq!(pending(&user), 0, "nothing is left of the first attempt");
    // What would go along in one message has a session then.
    let medium = dir.path().join("medium.bin");
    let sha256 = random_file(&medium, 1_700_000);
    let uploaded = user.json(&["upload", path(&medium)]);
    assert_eq!((&uploaded["sha256"], &uploaded["chunks_sent"]), (&sha256.into(), &2.into()));
    assert_eq!(pending(&user), 0);
}

fn pending(user: &User) -> usize {
    let sessions = user.json(&["sessions"]);
    sessions.as_array().unwrap().iter().filter(|session| session["state"] == "pending").count()
}

#[test]
fn a_proxys_limit_of_a_body_is_named_as_its_own_and_stops_no_smaller_file() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let faults = Faults::before(&node, Plan { body_max: Some(60_000), ..Plan::default() });
    let user = user(dir.path(), &faults);
    let (large, small) = (dir.path().join("large.bin"), dir.path().join("small.bin"));
    random_file(&large, 3_000_000);
    random_file(&small, 3_000);
    let (code, told) = user.fails(&["upload", path(&large), path(&small), "-j", "1"]);
    assert_eq!(code, 8, "{told}");
    assert!(told.contains("client_max_body_size 4m") && told.contains(&user.url), "{told}");
    assert!(!told.contains('<') && !told.contains("is this address a Keepsake node"), "{told}");
    assert_eq!((user.json(&["ls"])["items"].as_array().unwrap().len(), pending(&user)), (1, 0));
}

#[test]
fn lost_and_cut_replies_make_no_twin_of_a_small_photo() {
    const PHOTOS: u64 = 30;
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let plan = Plan { lose_requests: 0.1, lose_replies: 0.2, cut_replies: 0.1, seed: 7, ..Plan::default() };
    let faults = Faults::before(&node, plan);
    let user = user(dir.path(), &faults);
    let folder = dir.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..PHOTOS {
        std::fs::write(folder.join(format!("{number}.jpg")), jpeg(160, 120, number)).unwrap();
    }
    let output = user.run(&["upload", "-r", path(&folder), "--quiet", "-j", "4"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(faults.counts().lost > 0);
    faults.set(Plan::default());
    assert_eq!(user.json(&["capsule", "show"])["memory_count"], PHOTOS);
    assert_eq!(pending(&user), 0);
}

#[test]
fn a_client_that_died_before_the_answer_of_its_publish_came_makes_no_twin_when_it_comes_again() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let photo = dir.path().join("photo.jpg");
    std::fs::write(&photo, jpeg(320, 240, 9)).unwrap();
    let sound = User::new(dir.path(), "ann", &node);
    sound.json(&["capsule", "create"]);
    // Of a small photo the publish is the only update.
    let plan = Plan { lose_replies: 1.0, faults_at: Some("/call".to_owned()), ..Plan::default() };
    let faults = Faults::before(&node, plan);
    let mut command = user(dir.path(), &faults).command(&["upload", path(&photo)]);
    let mut doomed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ids = || -> Vec<String> {
        let page = sound.json(&["ls"]);
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while ids().is_empty() || faults.counts().lost < 2 {
        assert!(doomed.try_wait().unwrap().is_none(), "it waits for the answer");
        assert!(Instant::now() < deadline, "it publishes");
        sleep(Duration::from_millis(50));
    }
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let again = sound.json(&["upload", path(&photo)]);
    assert_eq!(ids(), [again["memory_id"].as_str().unwrap()]);
    assert_eq!(pending(&sound), 0);
}
