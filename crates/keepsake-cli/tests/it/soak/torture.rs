//! `kill -9` of the node at random moments under load, again and again.
//!
//! After each kill `keepsake fsck --bytes` finds the directory sound, everything that was answered is there, nothing
//! that was not is there in part, and every unfinished upload goes on and completes.

use super::customer::{Round, work};
use super::ledger::Ledger;
use super::node::{Node, Service, client, sound, sound_as_killed};
use super::picture::Random;
use super::progress::{self, Progress};
use super::settle::{Depth, settle};
use keepsake_client::RetryPolicy;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Runtime;

const CUSTOMERS: u64 = 6;
const ROUNDS: u64 = 10;
/// A round lasts so long at most, ms.
const LOAD_MAX_MS: u64 = 1_200;
/// One round in so many also kills the node while it starts.
const VAIN_STARTS: u64 = 4;

/// One customer's place: its key, its capsule, its ledger.
struct Place {
    key: [u8; 32],
    capsule: String,
    ledger: Ledger,
}

impl Place {
    fn client(&self, node: &Node) -> Service {
        // New connections for each round, and no second attempts: a kill shows.
        client(&node.url(), self.key, RetryPolicy::never())
    }
}

#[test]
fn a_node_killed_at_any_moment_keeps_every_promise() {
    let (seed, rounds) = (progress::seed(), progress::number("KEEPSAKE_TORTURE_ROUNDS").unwrap_or(ROUNDS));
    println!("torture: {rounds} rounds; this run again: KEEPSAKE_TORTURE_SEED={seed}");
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let (runtime, mut random) = (Runtime::new().expect("threads start"), Random(seed));
    let mut node = Node::start(&dir.path().join("data"));
    let mut places = runtime.block_on(open(&node, &mut random));
    let (mut progress, mut kills) = (Progress::begin("torture"), 0);
    for round in 1..=rounds {
        places = kill_under_load(&runtime, &mut node, places, &mut random);
        kills += 1;
        sound_as_killed(node.data(), &dir.path().join("copy"));
        if random.below(VAIN_STARTS) == 0 {
            node.start_in_vain(Duration::from_millis(random.below(120)));
            kills += 1;
            sound_as_killed(node.data(), &dir.path().join("copy"));
        }
        node.restart();
        places = runtime.block_on(settle_all(&node, places, Depth::Sample, random.next()));
        let uploads: u64 = places.iter().map(|place| place.ledger.uploads).sum();
        progress.tell(round, rounds, &format!("{uploads} uploads, {kills} kills survived"));
        if progress.is_over() {
            break;
        }
    }
    end(&runtime, &mut node, places, &mut random, dir.path(), &progress, kills);
}

async fn open(node: &Node, random: &mut Random) -> Vec<Place> {
    let mut places = Vec::new();
    for number in 1..=CUSTOMERS {
        let key = random.bytes(32).try_into().expect("32 bytes");
        let client = client(&node.url(), key, RetryPolicy::never());
        let capsule = client.own_capsule_id().await.expect("a capsule can be made");
        places.push(Place { key, capsule, ledger: Ledger::new(number * 1_000_000) });
    }
    places
}

fn kill_under_load(
    runtime: &Runtime,
    node: &mut Node,
    places: Vec<Place>,
    random: &mut Random,
) -> Vec<Place> {
    let round = Round::default();
    let working = start(runtime, node, places, &round, random);
    std::thread::sleep(Duration::from_millis(20 + random.below(LOAD_MAX_MS)));
    round.killing.store(true, Ordering::SeqCst);
    node.kill();
    join(runtime, working)
}

type Working = Vec<tokio::task::JoinHandle<Place>>;

fn start(runtime: &Runtime, node: &Node, places: Vec<Place>, round: &Round, random: &mut Random) -> Working {
    let start = |place: Place| {
        let (client, round, seed) = (place.client(node), round.clone(), random.next());
        runtime.spawn(async move {
            let Place { key, capsule, ledger } = place;
            let ledger = work(client, capsule.clone(), ledger, seed, round).await;
            Place { key, capsule, ledger }
        })
    };
    places.into_iter().map(start).collect()
}

fn join(runtime: &Runtime, working: Working) -> Vec<Place> {
    runtime.block_on(async {
        let mut places = Vec::new();
        for place in working {
            places.push(place.await.expect("a customer found a broken promise, see above"));
        }
        places
    })
}

async fn settle_all(node: &Node, places: Vec<Place>, depth: Depth, seed: u64) -> Vec<Place> {
    let settle_one = |mut place: Place| {
        let client = place.client(node);
        tokio::spawn(async move {
            settle(&client, &place.capsule, &mut place.ledger, depth, seed).await;
            place
        })
    };
    let settling: Vec<_> = places.into_iter().map(settle_one).collect();
    let mut places = Vec::new();
    for place in settling {
        places.push(place.await.expect("a promise is broken, see above"));
    }
    places
}

/// What is unfinished completes, all is read once more, and the counts of `fsck` are those of the ledgers.
fn end(
    runtime: &Runtime,
    node: &mut Node,
    places: Vec<Place>,
    random: &mut Random,
    dir: &Path,
    progress: &Progress,
    kills: u64,
) {
    let round = Round::default();
    round.ending.store(true, Ordering::SeqCst);
    let places = join(runtime, start(runtime, node, places, &round, random));
    let places = runtime.block_on(settle_all(node, places, Depth::All, 0));
    assert!(places.iter().all(|place| place.ledger.open.is_none()));
    node.stop();
    let found = sound(&dir.join("data"));
    let sum = |of: fn(&Ledger) -> u64| places.iter().map(|place| of(&place.ledger)).sum::<u64>();
    let (memories, blobs) = (sum(|l| l.memories.len() as u64), sum(|l| l.blobs.len() as u64));
    assert_eq!(found["memories"], memories);
    assert_eq!(found["blobs"], 3 * memories + blobs, "no blob is left over");
    let (uploads, resumed, ran) = (sum(|l| l.uploads), sum(|l| l.resumed), sum(|l| l.ran_unanswered));
    progress.result(json!({
        "uploads": uploads, "resumed": resumed, "ran_unanswered": ran, "faults": kills, "violations": 0,
    }));
    assert!(uploads > 0, "the load was too light to prove anything");
}
