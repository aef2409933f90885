//! 8 people upload by two lanes, the original into a bucket, with the program itself; programs and node are killed at random moments,
//! and some uploads are never gone on with.
//!
//! Then every asset of every memory is read again, nothing else is seen, and once all that was begun in vain has run out the bucket
//! has as many objects as there are originals, and no upload that nobody finished.

use super::node::{Node, Service, client, program, sound};
use super::picture::{Random, Verdict, compare, original, title};
use super::progress::{self, Progress};
use super::settle::list;
use crate::support::private;
use keepsake_client::RetryPolicy;
use keepsake_node::engine::Clock;
use keepsake_node::serve::{DEFAULT_CANISTER_ID, S3Settings, ServeOptions, Server as InProcess};
use keepsake_s3::{Bucket, Options};
use keepsake_s3_servers::{Server, seaweedfs};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

const PEOPLE: u64 = 8;
const UPLOADS: u64 = 8;
const KILLS: u64 = 1;
/// All of these photos are longer.
const FROM_LEN: u64 = 500;
/// One program in so many is killed.
const PROGRAM_KILLS: u64 = 3;
/// Within so long, ms: an upload takes about as long.
const PROGRAM_LIFE_MS: u64 = 600;
/// One upload in so many has another one beside it that is killed and left.
const LEFT: u64 = 4;
/// Their numbers begin here.
const LEFT_FROM: u64 = 1_000_000;
/// A node that starts looks after what has run out, and removes what is due, within this.
const SWEEP_TAKES: Duration = Duration::from_millis(1_500);
/// Sessions and addresses have run out by then.
const DAYS_LATER: u64 = 3;

/// Where originals go.
pub(super) struct Place {
    pub(super) server: &'static Server,
    pub(super) options: Options,
    keys: PathBuf,
}

impl Place {
    /// A bucket of its own. None where no S3 server can be had.
    pub(super) fn new(bucket: &str, dir: &Path) -> Option<Self> {
        let server = seaweedfs()?;
        Some(Self::at(server, bucket, dir))
    }

    pub(super) fn at(server: &'static Server, bucket: &str, dir: &Path) -> Self {
        let options =
            Options { prefix: "keepsake".to_owned(), ..server.bucket(bucket).expect("a bucket can be made") };
        let keys = dir.join("keys");
        let (access, secret) = (&server.access_key, &server.secret_key);
        private(&keys, &format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n"));
        Self { server, options, keys }
    }

    /// Options of a node, as the program takes them.
    pub(super) fn given(&self, public: &str, from: u64) -> Vec<String> {
        let (endpoint, from) = (self.server.endpoint(), from.to_string());
        let keys = self.keys.to_str().expect("test paths are UTF-8");
        let named = [
            ("--s3", endpoint.as_str()),
            ("--s3-public", public),
            ("--s3-bucket", &self.options.bucket),
            ("--s3-region", &self.options.region),
            ("--s3-prefix", &self.options.prefix),
            ("--s3-from", &from),
            ("--s3-keys", keys),
        ];
        named.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect()
    }

    pub(super) fn bucket(&self) -> Bucket {
        Bucket::open(&self.options, self.server.credentials()).expect("the options are right")
    }

    /// Objects, and uploads in parts that nobody finished.
    pub(super) async fn counted(&self) -> (u64, u64) {
        let (bucket, mut objects, mut next) = (self.bucket(), 0, None::<String>);
        loop {
            let page = bucket.list("", next.as_deref()).await.expect("the bucket is there");
            objects += page.objects.len() as u64;
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let unfinished = bucket.list_multipart("", None).await.expect("the bucket is there");
        (objects, unfinished.uploads.len() as u64)
    }
}

/// A person with a capsule that everybody may look at.
struct Person {
    home: PathBuf,
    capsule: String,
}

impl Person {
    fn new(home: PathBuf, url: &str) -> Self {
        std::fs::create_dir_all(&home).expect("the disk has room");
        let mut person = Self { home, capsule: String::new() };
        let created = person.json(url, &["capsule", "create"]);
        created["id"].as_str().expect("a capsule has an id").clone_into(&mut person.capsule);
        person.json(url, &["capsule", "grant", &person.capsule, "public", "guest"]);
        person
    }

    fn command(&self, url: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).args(["--json", "--quiet"]);
        command.env("KEEPSAKE_HOME", &self.home).env("KEEPSAKE_NODE", url).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn json(&self, url: &str, args: &[&str]) -> Value {
        let output = self.command(url, args).output().expect("the program runs");
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {why}");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }
}

/// What all people share.
struct Shared {
    url: String,
    ending: AtomicBool,
    done: AtomicU64,
    killed: AtomicU64,
    resumed: AtomicU64,
    published: Mutex<Vec<(String, u64)>>,
    /// Numbers of those that were left.
    left: Mutex<BTreeSet<u64>>,
}

#[test]
fn eight_people_lose_nothing_into_a_bucket_while_programs_and_node_are_killed() {
    let seed = progress::seed();
    let uploads = progress::number("KEEPSAKE_BUCKET_UPLOADS").unwrap_or(UPLOADS);
    let kills = progress::number("KEEPSAKE_BUCKET_KILLS").unwrap_or(KILLS);
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let Some(place) = Place::new("soak-bucket", dir.path()) else { return };
    println!("bucket: {uploads} uploads by {PEOPLE} people, {kills} kills of the node; seed {seed}");
    let data = dir.path().join("data");
    let public = place.server.endpoint();
    let mut node = Node::start_with(&data, place.given(public.as_str(), FROM_LEN));
    let people: Vec<_> =
        (0..PEOPLE).map(|at| Person::new(dir.path().join(format!("home{at}")), &node.url())).collect();
    let shared = Shared {
        url: node.url(),
        ending: AtomicBool::new(false),
        done: AtomicU64::new(0),
        killed: AtomicU64::new(0),
        resumed: AtomicU64::new(0),
        published: Mutex::default(),
        left: Mutex::default(),
    };
    let (mut progress, mut random) = (Progress::begin("bucket"), Random(seed));
    let node_kills = upload_all(&mut node, &people, &shared, (uploads, kills), &mut random, &mut progress);
    let published = shared.published.into_inner().expect("nobody panicked");
    let left = shared.left.into_inner().expect("nobody panicked");
    let runtime = Runtime::new().expect("threads start");
    let Verified { violations, memories } = runtime.block_on(verify(&node, &people, &published, &left));
    node.stop();
    assert_eq!(sound(&data)["memories"], memories);
    let (before, _) = runtime.block_on(place.counted());
    runtime.block_on(sweep(&place, &data));
    let (objects, unfinished) = runtime.block_on(place.counted());
    let found = sound(&data);
    println!(
        "bucket: {memories} memories, {} uploads left in their middle; {before} objects before the sweep, {objects} and \
         {unfinished} unfinished uploads after it",
        left.len()
    );
    let faults = shared.killed.load(Ordering::SeqCst) + node_kills + left.len() as u64;
    progress.result(json!({
        "uploads": published.len(), "memories": memories, "resumed": shared.resumed.load(Ordering::SeqCst), "faults": faults, "objects": objects,
        "unfinished": unfinished, "violations": violations + objects.abs_diff(memories) + unfinished,
    }));
    assert_eq!(violations, 0);
    assert!(published.len() as u64 == uploads || progress.is_over(), "some were not uploaded");
    assert_eq!((&found["memories"], &found["sessions"]), (&memories.into(), &0.into()));
    assert_eq!(
        (objects, unfinished),
        (memories, 0),
        "the bucket has what the records name, and nothing else"
    );
}

/// All people at once, while the node is killed now and then. Says how often.
fn upload_all(
    node: &mut Node,
    people: &[Person],
    shared: &Shared,
    (uploads, kills): (u64, u64),
    random: &mut Random,
    progress: &mut Progress,
) -> u64 {
    let mut node_kills = 0;
    std::thread::scope(|scope| {
        let mut working = Vec::new();
        for (at, person) in (0..).zip(people) {
            let numbers = (at..uploads).step_by(usize::try_from(PEOPLE).expect("few"));
            let seed = random.next();
            working.push(scope.spawn(move || work(person, numbers, shared, seed)));
        }
        while working.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(20 + random.below(200)));
            let done = shared.done.load(Ordering::SeqCst);
            if node_kills < kills && done * (kills + 1) >= uploads * (node_kills + 1) {
                node.kill();
                node.restart();
                node_kills += 1;
            }
            shared.ending.fetch_or(progress.is_over(), Ordering::SeqCst);
            if done < uploads {
                progress.tell(done, uploads, &format!("{node_kills} kills of the node survived"));
            }
        }
    });
    node_kills
}

/// Uploads photos one after the other; a program that is killed is started again.
fn work(person: &Person, numbers: impl Iterator<Item = u64>, shared: &Shared, seed: u64) {
    let mut random = Random(seed);
    for number in numbers {
        if shared.ending.load(Ordering::SeqCst) {
            break;
        }
        let (file, title) = (person.home.join(format!("{number}.jpg")), title(number));
        std::fs::write(&file, original(number)).expect("the disk has room");
        let path = file.to_str().expect("test paths are UTF-8");
        let args = ["upload", path, "--title", &title, "--retry-for", "120"];
        let told = loop {
            let mut program = person.command(&shared.url, &args).spawn().expect("the program starts");
            if random.below(PROGRAM_KILLS) == 0 {
                std::thread::sleep(Duration::from_millis(random.below(PROGRAM_LIFE_MS)));
                // It may have ended by itself.
                program.kill().ok();
                program.wait().expect("it ends");
                shared.killed.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let output = program.wait_with_output().expect("it ends");
            let why = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "photo {number}: {why}");
            break serde_json::from_slice::<Value>(&output.stdout).expect("it prints JSON");
        };
        if told["chunks_skipped"] != 0 || told["already_there"] == true {
            shared.resumed.fetch_add(1, Ordering::SeqCst);
        }
        let memory_id = told["memory_id"].as_str().expect("a memory has an id").to_owned();
        shared.published.lock().expect("nobody panicked").push((memory_id, number));
        shared.done.fetch_add(1, Ordering::SeqCst);
        if number % LEFT == 0 {
            leave(person, LEFT_FROM + number, shared, &mut random);
        }
    }
}

/// An upload that is killed and not gone on with. Whether it was published, nobody is told.
fn leave(person: &Person, number: u64, shared: &Shared, random: &mut Random) {
    let (file, title) = (person.home.join(format!("{number}.jpg")), title(number));
    std::fs::write(&file, original(number)).expect("the disk has room");
    let path = file.to_str().expect("test paths are UTF-8");
    shared.left.lock().expect("nobody panicked").insert(number);
    let mut program = person
        .command(&shared.url, &["upload", path, "--title", &title])
        .spawn()
        .expect("the program starts");
    std::thread::sleep(Duration::from_millis(random.below(PROGRAM_LIFE_MS)));
    program.kill().ok();
    program.wait().expect("it ends");
}

/// What was found.
struct Verified {
    /// Memories that are not whole or not there, and those that come from nowhere.
    violations: u64,
    memories: u64,
}

async fn verify(
    node: &Node,
    people: &[Person],
    published: &[(String, u64)],
    left: &BTreeSet<u64>,
) -> Verified {
    let reader: Service = client(&node.url(), [7; 32], RetryPolicy::default());
    let mut listed = BTreeMap::new();
    for person in people {
        listed.extend(list(&reader, &person.capsule).await);
    }
    let (memories, mut violations) = (listed.len() as u64, 0);
    let mut expected: BTreeMap<String, u64> = published.iter().cloned().collect();
    for (id, row) in listed.iter().filter(|(id, _)| !published.iter().any(|(known, _)| known == *id)) {
        if let Some(number) = left.iter().find(|number| row.title == Some(title(**number))) {
            expected.insert(id.clone(), *number);
        } else {
            println!("{id} {:?} comes from nowhere", row.title);
            violations += 1;
        }
    }
    for (id, number) in expected {
        let verdict = compare(&reader, &id, number).await;
        if verdict != Verdict::Whole {
            println!("{verdict:?}");
            violations += 1;
        }
    }
    Verified { violations, memories }
}

/// What is nobody's goes, days later: the node in this process, by a clock that is moved. Once so that what has run out ends, and
/// once more, as a node removes what is due when it starts.
pub(super) async fn sweep(place: &Place, data: &Path) {
    for days in [DAYS_LATER, DAYS_LATER + 1] {
        let settings = S3Settings {
            options: place.options.clone(),
            credentials: place.server.credentials(),
            from_len: FROM_LEN,
            tier_after: None,
        };
        let listen = "127.0.0.1:0".parse().expect("this is an address");
        let canister_id = DEFAULT_CANISTER_ID.parse().expect("the default is an id");
        let options =
            ServeOptions { listen, canister_id, s3: Some(settings), ..ServeOptions::new(data.to_owned()) };
        let later = Duration::from_secs(days * 24 * 3_600);
        let now_ns = move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970") + later;
            u64::try_from(now.as_nanos()).expect("it is before 2500")
        };
        let node = InProcess::bind_with(options, |engine| {
            engine.clock = Clock::new(now_ns);
            engine.tick_interval = Duration::from_millis(50);
        });
        let node = node.await.expect("the node starts");
        let stop = Arc::new(tokio::sync::Notify::new());
        let stopped = Arc::clone(&stop);
        let running = tokio::spawn(async move { node.run(async move { stopped.notified().await }).await });
        tokio::time::sleep(SWEEP_TAKES).await;
        stop.notify_one();
        running.await.expect("the node stops");
    }
}
