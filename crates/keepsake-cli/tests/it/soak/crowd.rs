//! 32 clients upload by two lanes at once against one node; four of them share each key and capsule, as one person's
//! devices do. Meanwhile sessions are abandoned, clean-up runs, and the node is killed now and then.
//!
//! Then every asset of every memory is read again: published, lost, mixed, sessions left.

use super::bystander::{Done, give_up, linger};
use super::node::{Node, Service, client, sound};
use super::picture::{Random, Verdict, compare, compare_record, original, title};
use super::progress::{self, Progress};
use super::settle::list;
use keepsake_client::{RetryPolicy, Source, UploadOptions};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const CLIENTS: u64 = 32;
const PEOPLE: u64 = 8;
const UPLOADS: u64 = 192;
const KILLS: u64 = 2;
/// Of a photo that comes by both lanes.
const CHUNK_BYTES: u32 = 2_000;
/// One upload in so many also looks for itself in the list.
const LIST_EVERY: u64 = 16;

/// One key with its capsule.
#[derive(Clone)]
struct Person {
    key: [u8; 32],
    capsule: String,
}

/// What all clients share.
#[derive(Clone, Default)]
struct Counters {
    done: Arc<AtomicU64>,
    ending: Arc<AtomicBool>,
}

/// Published memories with their photo's number.
type Published = BTreeMap<String, u64>;

fn patient() -> RetryPolicy {
    RetryPolicy {
        unreachable_max: Duration::from_secs(300),
        passing_max: Duration::from_secs(600),
        ..RetryPolicy::default()
    }
}

#[test]
fn thirty_two_clients_lose_and_mix_nothing_while_the_node_is_killed_and_others_abandon_uploads() {
    let seed = progress::seed();
    let uploads = progress::number("KEEPSAKE_CROWD_UPLOADS").unwrap_or(UPLOADS);
    let kills = progress::number("KEEPSAKE_CROWD_KILLS").unwrap_or(KILLS);
    println!("crowd: {uploads} uploads by {CLIENTS} clients, {kills} kills; seed {seed}");
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let (runtime, mut random) = (Runtime::new().expect("threads start"), Random(seed));
    let mut node = Node::start(&dir.path().join("data"));
    let mut progress = Progress::begin("crowd");
    let people = runtime.block_on(meet(&node, &mut random));
    let (counters, leaving) = (Counters::default(), Arc::new(AtomicBool::new(false)));
    let uploading = start_uploads(&runtime, &node, &people, &counters, uploads);
    let lingering: Vec<JoinHandle<Done>> = people
        .iter()
        .map(|person| {
            let client = client(&node.url(), person.key, patient());
            runtime.spawn(linger(client, person.capsule.clone(), random.next(), Arc::clone(&leaving)))
        })
        .collect();
    let killed = kill_now_and_then(&mut node, &counters, &mut progress, uploads, kills, &uploading);
    let published: Vec<Published> = wait(&runtime, uploading);
    leaving.store(true, Ordering::SeqCst);
    let abandoned = wait(&runtime, lingering);
    let count = counters.done.load(Ordering::SeqCst);
    let verdict = runtime.block_on(verify(&node, &people, published, abandoned, count));
    println!("crowd: {verdict:?}");
    progress.result(json!({
        "uploads": count, "published": verdict.published, "lost": verdict.lost, "mixed": verdict.mixed,
        "sessions_left": verdict.sessions_left, "abandoned": verdict.abandoned, "faults": killed,
        "violations": verdict.lost + verdict.mixed + verdict.sessions_left + verdict.unexplained,
    }));
    node.stop();
    let found = sound(node.data());
    assert_eq!(found["memories"], count);
    assert_eq!(found["blobs"], 3 * count, "no blob is left over");
    let expected = Tally { published: count, abandoned: verdict.abandoned, ..Tally::default() };
    assert_eq!(verdict, expected);
    assert!(count > 0, "nothing was uploaded");
}

async fn meet(node: &Node, random: &mut Random) -> Vec<Person> {
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let key = random.bytes(32).try_into().expect("32 bytes");
        let capsule =
            client(&node.url(), key, patient()).own_capsule_id().await.expect("a capsule can be made");
        people.push(Person { key, capsule });
    }
    people
}

fn start_uploads(
    runtime: &Runtime,
    node: &Node,
    people: &[Person],
    counters: &Counters,
    uploads: u64,
) -> Vec<JoinHandle<Published>> {
    let start = |number: u64| {
        let person = people[usize::try_from(number % PEOPLE).expect("few")].clone();
        let client = client(&node.url(), person.key, patient());
        let numbers = (number..uploads).step_by(usize::try_from(CLIENTS).expect("few")).collect();
        runtime.spawn(upload_all(client, person.capsule, numbers, counters.clone()))
    };
    (0..CLIENTS).map(start).collect()
}

async fn upload_all(client: Service, capsule: String, numbers: Vec<u64>, counters: Counters) -> Published {
    let mut published = Published::new();
    for number in numbers {
        if counters.ending.load(Ordering::SeqCst) {
            break;
        }
        let options = UploadOptions {
            capsule_id: Some(capsule.clone()),
            title: Some(title(number)),
            upload_key: Some(title(number)),
            // Every fourth photo of a client is one message; the others come by both lanes, each file in a few chunks.
            chunk_bytes_max: (!(number / CLIENTS).is_multiple_of(4)).then_some(CHUNK_BYTES),
            ..UploadOptions::default()
        };
        let source = Source::bytes(format!("{number}.jpg"), original(number));
        let uploaded =
            client.upload(source, options).await.unwrap_or_else(|error| panic!("photo {number}: {error}"));
        // The barrier: the next message sees all of it.
        assert_eq!(compare_record(&client, &uploaded.memory_id, number).await, Verdict::Whole);
        if number % LIST_EVERY == 0 {
            let page = client.memories_list(&capsule, None, Some(100)).await.expect("a list is answered");
            let listed = page.items.iter().any(|row| row.id == uploaded.memory_id && row.assets.len() == 4);
            assert!(listed, "{} is not in the list right after its publish", uploaded.memory_id);
        }
        published.insert(uploaded.memory_id, number);
        counters.done.fetch_add(1, Ordering::SeqCst);
    }
    published
}

fn kill_now_and_then(
    node: &mut Node,
    counters: &Counters,
    progress: &mut Progress,
    uploads: u64,
    kills: u64,
    uploading: &[JoinHandle<Published>],
) -> u64 {
    let mut killed = 0;
    while uploading.iter().any(|task| !task.is_finished()) {
        std::thread::sleep(Duration::from_millis(20));
        let done = counters.done.load(Ordering::SeqCst);
        if killed < kills && done * (kills + 1) >= uploads * (killed + 1) {
            node.kill();
            node.restart();
            killed += 1;
        }
        if progress.is_over() {
            counters.ending.store(true, Ordering::SeqCst);
        }
        progress.tell(done, uploads, &format!("{killed} kills survived"));
    }
    killed
}

fn wait<T>(runtime: &Runtime, tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let wait = |task: JoinHandle<T>| runtime.block_on(task).expect("a promise is broken, see above");
    tasks.into_iter().map(wait).collect()
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    published: u64,
    lost: u64,
    mixed: u64,
    /// Memories that nobody was told of.
    unexplained: u64,
    sessions_left: u64,
    abandoned: u64,
}

async fn verify(
    node: &Node,
    people: &[Person],
    published: Vec<Published>,
    abandoned: Vec<Done>,
    count: u64,
) -> Tally {
    println!("crowd: reading {count} memories back …");
    let mut tally = Tally::default();
    let mut reading = Vec::new();
    for (at, published) in published.into_iter().enumerate() {
        let client = client(&node.url(), people[at % people.len()].key, patient());
        reading.push(tokio::spawn(read_back(client, published)));
    }
    for verdicts in reading {
        for verdict in verdicts.await.expect("reading does not panic") {
            match verdict {
                Verdict::Whole => tally.published += 1,
                Verdict::Lost(why) => {
                    println!("lost: {why}");
                    tally.lost += 1;
                }
                Verdict::Mixed(why) => {
                    println!("mixed: {why}");
                    tally.mixed += 1;
                }
            }
        }
    }
    let mut listed = 0;
    for (person, done) in people.iter().zip(&abandoned) {
        let client = client(&node.url(), person.key, patient());
        listed += list(&client, &person.capsule).await.len() as u64;
        give_up(&client, &done.left).await;
        tally.abandoned += done.abandoned;
        tally.sessions_left += client.sessions_stats().await.expect("counters are answered").pending;
    }
    tally.unexplained = listed.abs_diff(count);
    tally
}

async fn read_back(client: Service, published: Published) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (id, number) in &published {
        verdicts.push(compare(&client, id, *number).await);
    }
    verdicts
}
