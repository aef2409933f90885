//! 32 clients upload by two lanes at once against one node; four of them share each capsule, by one key or by two devices of one
//! person. Meanwhile sessions are abandoned, clean-up runs, one device is removed, and the node is killed now and then.
//!
//! Then every asset of every memory is read again: published, lost, mixed, sessions left.

use super::bystander::{Done, give_up, linger};
use super::node::{Node, Service, sound};
use super::people::{Hands, Leaving, Person, hands, meet, remove_meanwhile, who_leaves};
use super::picture::{Random, Verdict, compare, compare_record, original, title};
use super::progress::{self, Progress};
use super::settle::list;
use keepsake_client::{Source, UploadOptions, Uploaded};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const CLIENTS: u64 = 32;
const UPLOADS: u64 = 192;
const KILLS: u64 = 2;
/// Of a photo that comes by both lanes.
const CHUNK_BYTES: u32 = 2_000;
/// One upload in so many also looks for itself in the list.
const LIST_EVERY: u64 = 16;

/// What all clients share.
#[derive(Clone, Default)]
struct Counters {
    done: Arc<AtomicU64>,
    ending: Arc<AtomicBool>,
    leaving: Leaving,
}

/// Published memories with their photo's number.
type Published = BTreeMap<String, u64>;

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
            let client = person.client(&node);
            runtime.spawn(linger(client, person.capsule.clone(), random.next(), Arc::clone(&leaving)))
        })
        .collect();
    let removing = runtime.spawn({
        let (first, device, capsule) = who_leaves(&node, &people);
        let after = (uploads / CLIENTS / 3, Arc::clone(&counters.ending));
        remove_meanwhile(first, device, capsule, counters.leaving.clone(), after)
    });
    let killed = kill_now_and_then(&mut node, &counters, &mut progress, uploads, kills, &uploading);
    let published: Vec<Published> = wait(&runtime, uploading);
    wait(&runtime, vec![removing]);
    leaving.store(true, Ordering::SeqCst);
    let abandoned = wait(&runtime, lingering);
    let count = counters.done.load(Ordering::SeqCst);
    let verdict = runtime.block_on(verify(&node, &people, published, abandoned, count));
    let taken_over = counters.leaving.taken_over.load(Ordering::SeqCst);
    println!("crowd: {verdict:?}, {taken_over} uploads went on by another device");
    progress.result(json!({
        "uploads": count, "published": verdict.published, "lost": verdict.lost, "mixed": verdict.mixed,
        "sessions_left": verdict.sessions_left, "abandoned": verdict.abandoned, "taken_over": taken_over, "faults": killed,
        "violations": verdict.lost + verdict.mixed + verdict.sessions_left + verdict.unexplained,
    }));
    node.stop();
    let found = sound(node.data());
    assert_eq!(found["memories"], count);
    assert_eq!(found["blobs"], 3 * count, "no blob is left over");
    let expected = Tally { published: count, abandoned: verdict.abandoned, ..Tally::default() };
    assert_eq!(verdict, expected);
    assert!(count > 0, "nothing was uploaded");
    // Each of its two clients had two thirds before it.
    let had_enough = count == uploads && uploads / CLIENTS >= 6;
    assert!(taken_over > 0 || !had_enough, "the device had nothing to do any more when it was removed");
}

fn start_uploads(
    runtime: &Runtime,
    node: &Node,
    people: &[Person],
    counters: &Counters,
    uploads: u64,
) -> Vec<JoinHandle<Published>> {
    let start = |number: u64| {
        let at = usize::try_from(number).expect("few");
        let (hands, capsule) = hands(node, people, at, &counters.leaving);
        let numbers = (number..uploads).step_by(usize::try_from(CLIENTS).expect("few")).collect();
        runtime.spawn(upload_all(hands, capsule, numbers, counters.clone()))
    };
    (0..CLIENTS).map(start).collect()
}

async fn upload_all(mut hands: Hands, capsule: String, numbers: Vec<u64>, counters: Counters) -> Published {
    let mut published = Published::new();
    for number in numbers {
        if counters.ending.load(Ordering::SeqCst) {
            break;
        }
        let uploaded = upload(&mut hands, &capsule, number).await;
        // The barrier: the next message sees all of it. A device that is removed sees nothing; its account does.
        let client = hands.instead.as_ref().map_or(&hands.client, |(client, _)| client);
        assert_eq!(compare_record(client, &uploaded.memory_id, number).await, Verdict::Whole);
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

/// Uploads a photo. What a device began that is removed meanwhile, another one of its account goes on with.
async fn upload(hands: &mut Hands, capsule: &str, number: u64) -> Uploaded {
    loop {
        let options = UploadOptions {
            capsule_id: Some(capsule.to_owned()),
            title: Some(title(number)),
            upload_key: Some(title(number)),
            // Every fourth photo of a client is one message; the others come by both lanes, each file in a few chunks.
            chunk_bytes_max: (!(number / CLIENTS).is_multiple_of(4)).then_some(CHUNK_BYTES),
            ..UploadOptions::default()
        };
        let source = Source::bytes(format!("{number}.jpg"), original(number));
        match (hands.client.upload(source, options).await, hands.instead.take()) {
            (Ok(uploaded), instead) => {
                if let Some((_, leaving)) = &instead {
                    leaving.published.fetch_add(1, Ordering::SeqCst);
                }
                hands.instead = instead;
                return uploaded;
            }
            (Err(_), Some((client, leaving))) if leaving.begun.load(Ordering::SeqCst) => {
                leaving.taken_over.fetch_add(1, Ordering::SeqCst);
                hands.client = client;
            }
            (Err(error), _) => panic!("photo {number}: {error}"),
        }
    }
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
        let client = people[at % people.len()].client(node);
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
        let client = person.client(node);
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
