//! Who gets room and who waits: the bounds of peers, the lanes, and that all room comes back.

use super::*;

const MIB: usize = 1 << 20;
/// Nobody waits this long: a wait that should end does so at once.
const LONG: Duration = Duration::from_secs(60);
/// A wait that should not end.
const SHORT: Duration = Duration::from_millis(30);

const A: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 1)));
const B: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 2)));

async fn chunk(room: &Admission, peer: Option<Peer>, bytes: usize) -> Permit {
    let mut permit = room.permit(peer, Some(BODY_BYTES_MAX));
    permit.grow_to(bytes, LONG).await.unwrap();
    permit
}

#[tokio::test]
async fn a_body_takes_what_has_arrived_and_gives_all_of_it_back() {
    let room = Admission::default();
    let mut permit = chunk(&room, None, 1).await;
    assert_eq!(room.held(), (0, 4096), "not the 4 MiB that it declared");
    permit.grow_to(100_000, LONG).await.unwrap();
    assert_eq!(room.held(), (0, 102_400));
    drop(permit);
    assert_eq!(room.held(), (0, 0));
}

#[tokio::test]
async fn a_body_without_a_length_is_small_until_it_has_grown() {
    let room = Admission::default();
    let mut permit = room.permit(A, None);
    permit.grow_to(SMALL_BYTES_MAX, LONG).await.unwrap();
    assert_eq!(room.held(), (SMALL_BYTES_MAX as u64, 0));
    permit.grow_to(SMALL_BYTES_MAX + 1, LONG).await.unwrap();
    assert_eq!(room.held(), (0, (SMALL_BYTES_MAX + UNIT_BYTES) as u64));
    drop(permit);
    assert_eq!(room.held(), (0, 0));
}

#[tokio::test]
async fn chunks_leave_the_places_of_small_bodies_alone() {
    let room = Admission::default();
    let mut chunks = Vec::new();
    for _ in 0..8 {
        chunks.push(chunk(&room, None, 4 * MIB).await);
    }
    assert_eq!(room.permit(None, Some(4 * MIB)).grow_to(MIB, SHORT).await, Err(Full));
    room.permit(None, Some(1000)).grow_to(1000, SHORT).await.unwrap();
}

#[tokio::test]
async fn bodies_that_hold_a_part_of_all_the_room_still_end_one_after_the_other() {
    let room = Arc::new(Admission::default());
    // 40 bodies that all have half of the room for 20, and want the rest.
    let mut halves = Vec::new();
    for _ in 0..40 {
        halves.push(chunk(&room, None, MIB / 2).await);
    }
    let ends = halves.into_iter().map(|mut permit| async move {
        permit.grow_to(BODY_BYTES_MAX, LONG).await.unwrap();
        tokio::task::yield_now().await;
    });
    let all = futures_util::future::join_all(ends);
    timeout(Duration::from_secs(20), all).await.expect("nobody waits for ever");
    assert_eq!(room.held(), (0, 0));
}

#[tokio::test]
async fn one_peer_leaves_half_of_the_room_and_the_other_lanes_to_others() {
    let room = Admission::default();
    let mut greedy = Vec::new();
    for _ in 0..10 {
        greedy.push(chunk(&room, A, MIB).await);
    }
    greedy.push(chunk(&room, A, MIB).await);
    assert!(greedy.last().unwrap().lane_since().is_some(), "the lane of this peer");
    assert_eq!(room.permit(A, Some(4 * MIB)).grow_to(1, SHORT).await, Err(Full));
    for _ in 0..10 {
        let other = chunk(&room, B, MIB).await;
        assert!(other.lane_since().is_none());
    }
    drop(greedy);
    assert_eq!(room.held(), (0, 0));
}

#[tokio::test]
async fn room_goes_to_whoever_waits_longest_and_a_wait_that_was_given_up_holds_nobody() {
    let room = Arc::new(Admission::default());
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(chunk(&room, None, 4 * MIB).await);
    }
    let given_up = {
        let room = Arc::clone(&room);
        tokio::spawn(async move { drop(chunk(&room, None, 4 * MIB).await) })
    };
    tokio::task::yield_now().await;
    let second = {
        let room = Arc::clone(&room);
        tokio::spawn(async move { chunk(&room, None, MIB).await })
    };
    tokio::task::yield_now().await;
    given_up.abort();
    given_up.await.unwrap_err();
    all.remove(0);
    let second = timeout(LONG, second).await.unwrap().unwrap();
    drop((all, second));
    assert_eq!(room.held(), (0, 0));
}

#[test]
fn an_ipv6_customer_is_one_peer_and_a_mapped_address_is_an_ipv4_one() {
    let of = |text: &str| Peer::of(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}
