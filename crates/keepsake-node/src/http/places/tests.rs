//! Who leaves for whom, the patience of each phase, and that all places come back.

use super::*;
use std::net::Ipv4Addr;

fn places(connections_max: usize, per_peer_max: usize) -> Arc<Places> {
    Arc::new(Places::new(PlaceLimits { connections_max, per_peer_max, loopback_is_bounded: false }))
}

const A: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 1)));
const B: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 2)));
const C: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 3)));
const D: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 4)));
const E: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 5)));

/// A connection of `peer`, whose task ends only when it is aborted.
fn connect(places: &Arc<Places>, peer: Option<Peer>) -> Result<Arc<Place>, NoPlace> {
    places.try_enter(peer).map(occupy)
}

fn occupy(entry: Entry) -> Arc<Place> {
    let place = Arc::clone(&entry.place);
    let task = tokio::spawn(async move {
        let _entry = entry;
        std::future::pending::<()>().await;
    });
    place.runs_in(task.abort_handle());
    place
}

/// Until those that came may have to leave.
async fn first_second() {
    tokio::time::sleep(Duration::from_millis(FIRST_MS + 20)).await;
}

async fn is_ended(place: &Place) -> bool {
    tokio::task::yield_now().await;
    place.task.get().unwrap().is_finished()
}

#[tokio::test]
async fn the_connection_that_waits_longest_leaves_for_a_new_one_and_a_busy_one_stays() {
    let places = places(3, 3);
    let busy = connect(&places, A).unwrap();
    busy.request_begins();
    let half = connect(&places, B).unwrap();
    half.received();
    half.phase.store(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let idle = connect(&places, C).unwrap();
    idle.request_ends();
    assert_eq!(connect(&places, D).err(), Some(NoPlace::Any), "all came just now");
    assert!(!is_ended(&half).await);
    first_second().await;
    let new = connect(&places, D).unwrap();
    assert!(is_ended(&half).await);
    assert!(!is_ended(&busy).await && !is_ended(&idle).await);
    new.request_begins();
    idle.request_begins();
    assert_eq!(connect(&places, E).err(), Some(NoPlace::Any));
    assert_eq!(places.taken(), 3);
}

#[tokio::test]
async fn a_late_body_leaves_before_a_connection_that_came_just_now() {
    let places = places(2, 2);
    let (slow, fast) = (connect(&places, A).unwrap(), connect(&places, B).unwrap());
    let now = Instant::now();
    fast.remote().waits_for_body(now + Duration::from_secs(1));
    slow.remote().waits_for_body(now);
    assert_eq!(connect(&places, C).err(), Some(NoPlace::Any), "it may be a little late");
    tokio::time::sleep(Duration::from_millis(BODY_LATE_MS + 20)).await;
    let third = connect(&places, C).unwrap();
    assert!(is_ended(&slow).await && !is_ended(&fast).await);
    fast.remote().waits_for_body(now);
    connect(&places, D).unwrap();
    assert!(is_ended(&fast).await && !is_ended(&third).await);
    third.remote().waits_for_body(now);
    third.remote().has_body();
    assert_eq!(
        connect(&places, E).err(),
        Some(NoPlace::Any),
        "one's request is under way, the other came just now"
    );
}

#[tokio::test]
async fn a_peer_displaces_its_own_connections_only_and_is_refused_when_all_are_busy() {
    let places = places(10, 2);
    let mut own = vec![connect(&places, A).unwrap()];
    let other = connect(&places, B).unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    own.push(connect(&places, A).unwrap());
    assert_eq!(connect(&places, A).err(), Some(NoPlace::Peer), "all of its own came just now");
    first_second().await;
    own.push(connect(&places, A).unwrap());
    assert!(is_ended(&own[0]).await);
    assert!(!is_ended(&other).await, "it waits longer");
    for place in &own {
        place.request_begins();
    }
    assert_eq!(connect(&places, A).err(), Some(NoPlace::Peer));
    connect(&places, B).unwrap();
    for _ in 0..5 {
        connect(&places, None).unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_idle_connections_keeps_nobody_out_for_long_and_displaces_nobody_at_once() {
    let (places, first) = (places(8, 8), Duration::from_millis(FIRST_MS));
    // They are accepted one after the other.
    let door = tokio::sync::Mutex::new(());
    let come = async |address: &str| {
        let _turn = door.lock().await;
        occupy(places.enter(address.parse().unwrap()).await.unwrap())
    };
    let flood = async {
        loop {
            come("127.0.0.1").await;
        }
    };
    let honest = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(places.taken(), 8);
            let asked = Instant::now();
            let place = come("192.0.2.1").await;
            assert!(asked.elapsed() < first + 3 * FULL_PAUSE, "{:?}", asked.elapsed());
            tokio::time::sleep(Duration::from_millis(FIRST_MS * 4 / 5)).await;
            assert!(!is_ended(&place).await, "it may still send its head");
            place.end();
        }
    };
    tokio::select! {
        () = flood => {}
        () = honest => {}
    }
}

#[tokio::test]
async fn places_come_back() {
    let places = places(10, 2);
    for _ in 0..2 {
        for _ in 0..2 {
            connect(&places, A).unwrap();
        }
        first_second().await;
    }
    assert_eq!(places.taken(), 2);
    let all: Vec<_> = places.lock().connections.values().cloned().collect();
    for place in &all {
        place.end();
    }
    while places.taken() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(places.lock().peers.is_empty());
}

#[tokio::test]
async fn each_phase_has_its_own_patience() {
    let place = Place::new(Instant::now(), None, Arc::default());
    assert_eq!(place.is_overdue(IDLE_MS), None);
    assert_eq!(place.is_overdue(IDLE_MS + 1000), Some("idle"));
    place.received();
    assert_eq!(place.is_overdue(HEAD_MS), None);
    assert_eq!(place.is_overdue(HEAD_MS + 1000), Some("the head did not come in time"));
    place.request_begins();
    assert_eq!(place.is_overdue(10 * IDLE_MS), None);
}

#[tokio::test]
async fn a_peer_that_still_takes_an_answer_is_not_idle() {
    let begun = Instant::now() - Duration::from_millis(2 * IDLE_MS);
    let place = Place::new(begun, None, Arc::default());
    place.request_begins();
    place.phase.store(0, Ordering::Relaxed);
    place.blocked();
    assert_eq!(place.is_overdue(2 * IDLE_MS), None, "it has the answer since the beginning, and takes it");
    place.sent(100_000);
    assert_eq!(place.is_overdue(2 * IDLE_MS), None, "it has taken all of it just now");
    assert_eq!(place.is_overdue(3 * IDLE_MS + 1000), Some("idle"));
}

#[tokio::test]
async fn a_peer_that_takes_too_little_is_overdue_whatever_it_took_before() {
    let place = Place::new(Instant::now(), None, Arc::default());
    place.request_begins();
    place.sent(100 << 20);
    place.taking.is_full_at(1_000);
    assert_eq!(place.is_overdue(TAKING_MS), None);
    place.taking.takes_at(TAKING_MS, 20 << 10);
    place.taking.is_full_at(TAKING_MS);
    assert_eq!(place.is_overdue(TAKING_MS + 20_000), None, "20 s for 20 KiB");
    assert_eq!(place.is_overdue(TAKING_MS + 21_000), Some("the peer takes its answer too slowly"));
    place.taking.takes_at(TAKING_MS + 21_000, 0);
    assert_eq!(place.is_overdue(TAKING_MS + 21_000), None, "nobody waits for it");
}

/// Places that are all as old as a minute, milliseconds of which are `now`.
fn old_places(connections_max: usize, per_peer_max: usize) -> (Arc<Places>, u64) {
    let limits = PlaceLimits { connections_max, per_peer_max, loopback_is_bounded: false };
    let places = Places { begun: Instant::now() - Duration::from_secs(60), ..Places::new(limits) };
    let now = ms_since(places.begun);
    (Arc::new(places), now)
}

/// A connection whose request is under way, and whose peer has taken nothing of the answer since `since`.
fn deaf(places: &Arc<Places>, peer: Option<Peer>, since: u64) -> Arc<Place> {
    let place = connect(places, peer).unwrap();
    place.request_begins();
    place.taking.is_full_at(since);
    place
}

#[tokio::test]
async fn a_connection_that_takes_nothing_leaves_when_all_places_are_taken_the_longest_first() {
    let (places, now) = old_places(4, 4);
    let (short, longer) = (deaf(&places, A, now - 3_000), deaf(&places, B, now - 5_000));
    let longest = deaf(&places, None, now - 20_000);
    let fourth = connect(&places, C).unwrap();
    assert!(!is_ended(&longest).await, "there was a place");
    fourth.request_begins();
    for late in [&longest, &longer, &short] {
        assert!(!is_ended(late).await);
        connect(&places, D).unwrap().request_begins();
        assert!(is_ended(late).await);
    }
    assert_eq!(connect(&places, E).err(), Some(NoPlace::Any), "all others do something");
    assert!(!is_ended(&fourth).await);
}

#[tokio::test]
async fn whoever_only_waits_leaves_before_one_that_takes_nothing() {
    let (places, now) = old_places(2, 2);
    let late = deaf(&places, A, now - 20_000);
    let idle = connect(&places, B).unwrap();
    first_second().await;
    let new = connect(&places, C).unwrap();
    assert!(is_ended(&idle).await && !is_ended(&late).await);
    // The new one has its first second.
    connect(&places, D).unwrap();
    assert!(is_ended(&late).await && !is_ended(&new).await);
}

#[tokio::test]
async fn a_reader_that_takes_enough_stays_and_one_that_takes_a_byte_now_and_then_leaves() {
    let (places, now) = old_places(3, 3);
    let [slow, drip, waited_for] = [A, B, C].map(|peer| deaf(&places, peer, now - 20_000));
    for ago in (0..20_000).rev().step_by(1_900) {
        for (place, bytes) in [(&slow, 2 << 10), (&drip, 1)] {
            place.taking.takes_at(now - ago, bytes);
            place.taking.is_full_at(now - ago);
        }
    }
    // The answer goes on only now: the node was slow, not the peer.
    waited_for.taking.takes_at(now, 0);
    connect(&places, D).unwrap();
    assert!(is_ended(&drip).await && !is_ended(&slow).await && !is_ended(&waited_for).await);
    assert_eq!(connect(&places, E).err(), Some(NoPlace::Any));
}

#[tokio::test]
async fn of_those_that_take_nothing_the_peer_with_most_places_loses_first() {
    let (places, now) = old_places(5, 4);
    let honest = deaf(&places, B, now - 20_000);
    let own = deaf(&places, None, now - 15_000);
    let greedy = [5_000, 9_000, 0].map(|ago| deaf(&places, A, now - ago));
    connect(&places, C).unwrap().request_begins();
    assert!(is_ended(&greedy[1]).await, "the longest of its own");
    connect(&places, C).unwrap().request_begins();
    assert!(is_ended(&greedy[0]).await);
    assert!(!is_ended(&honest).await && !is_ended(&own).await);
    connect(&places, D).unwrap().request_begins();
    assert!(is_ended(&honest).await && !is_ended(&own).await, "each has one place: the longest first");
    assert!(!is_ended(&greedy[2]).await, "not for as long");
}

#[tokio::test]
async fn a_peer_that_has_all_its_places_loses_one_of_its_own_that_takes_nothing() {
    let (places, now) = old_places(10, 2);
    let other = deaf(&places, B, now - 20_000);
    let own = [0, 3_000].map(|ago| deaf(&places, A, now - ago));
    connect(&places, A).unwrap().request_begins();
    assert!(is_ended(&own[1]).await && !is_ended(&other).await && !is_ended(&own[0]).await);
    assert_eq!(connect(&places, A).err(), Some(NoPlace::Peer));
}

#[tokio::test]
async fn an_answer_that_is_taken_stays_in_memory_before_one_that_is_not_however_much_they_hold() {
    let (places, now) = old_places(4, 4);
    let late = [9_000, 5_000].map(|ago| deaf(&places, None, now - ago));
    let mut held: Vec<_> = late.iter().map(|place| places.holds(place, 300 << 10)).collect();
    let honest = connect(&places, B).unwrap();
    held.push(places.holds(&honest, 600 << 10));
    assert!(is_ended(&late[0]).await, "it holds as much as the other, and is behind for longer");
    assert!(!is_ended(&late[1]).await && !is_ended(&honest).await);
    assert_eq!(places.untaken(), 900 << 10);
}

#[tokio::test]
async fn what_peers_do_not_take_is_bounded_and_the_slowest_of_whoever_holds_most_leaves() {
    let places = places(4, 4);
    let (honest, own) = (connect(&places, B).unwrap(), connect(&places, None).unwrap());
    let greedy = [connect(&places, A).unwrap(), connect(&places, A).unwrap()];
    let mut held = vec![places.holds(&honest, 300 << 10), places.holds(&own, 200 << 10)];
    honest.blocked();
    tokio::time::sleep(Duration::from_millis(5)).await;
    for place in &greedy {
        held.push(places.holds(place, 250 << 10));
        place.sent(200 << 10);
        place.blocked();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(places.untaken(), 1000 << 10, "what is taken in part is in memory as a whole");
    held.push(places.holds(&greedy[1], 100 << 10));
    assert!(is_ended(&greedy[0]).await, "no other takes nothing for so long");
    assert!(!is_ended(&greedy[1]).await && !is_ended(&honest).await && !is_ended(&own).await);
    assert_eq!(places.untaken(), 850 << 10);
    // Of a connection that is over, nothing is left to let go.
    held.remove(2);
    assert_eq!(places.untaken(), 850 << 10);
    held.remove(0);
    assert_eq!(places.untaken(), 550 << 10);
    for place in [&honest, &own, &greedy[1]] {
        place.end();
    }
    while places.taken() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(places.untaken(), 0);
}
