//! The order of chunks: none matters, and a chunk sent twice is one chunk.

use super::{assert_blob_is, assert_finished};
use crate::host::{Host, Who};
use crate::samples::{bytes, sha256, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, finish};
use futures_util::future::join_all;
use keepsake_client::{Client, Transport};

/// How the chunks of a file are sent.
#[derive(Clone, Copy, Debug)]
enum Order {
    Forward,
    Reversed,
    Shuffled,
    LastFirst,
    EachTwice,
    EverySixteenthFirst,
    SixteenAtOnce,
}

const ORDERS: [Order; 7] = [
    Order::Forward,
    Order::Reversed,
    Order::Shuffled,
    Order::LastFirst,
    Order::EachTwice,
    Order::EverySixteenthFirst,
    Order::SixteenAtOnce,
];

impl Order {
    fn of(self, count: u32) -> Vec<u32> {
        let forward = 0..count;
        match self {
            Self::Forward | Self::SixteenAtOnce => forward.collect(),
            Self::Reversed => forward.rev().collect(),
            Self::Shuffled => shuffled(count),
            Self::LastFirst => std::iter::once(count - 1).chain(0..count - 1).collect(),
            Self::EverySixteenthFirst => (0..16).flat_map(|from| (from..count).step_by(16)).collect(),
            Self::EachTwice => forward.flat_map(|index| [index, index]).collect(),
        }
    }

    fn at_once(self) -> usize {
        if matches!(self, Self::SixteenAtOnce) { 16 } else { 1 }
    }
}

/// A fixed order that is neither forward nor backward.
fn shuffled(count: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_by_key(|index| (index.wrapping_mul(2_654_435_761) >> 7, *index));
    order
}

/// Length of a file and of its chunks: one byte to the largest chunk; a last chunk that is short, or as long.
const CUTS: [(usize, usize); 7] = [
    (1, 1),
    (23, 1),
    (1_000, 64),
    (1_024, 64),
    (300_000, 65_536),
    (4_000_000, 1_800_000),
    (3_600_000, 1_800_000),
];

/// Every order of every cut gives the bytes that were sent.
pub async fn chunks_come_in_any_order<H: Host>(host: &H) {
    let world = World::new(host, "orders").await;
    for (seed, (len, chunk_len)) in (0..).zip(CUTS) {
        for order in ORDERS {
            let file = bytes(len, 10 * seed);
            let chunks: Vec<&[u8]> = file.chunks(chunk_len).collect();
            let count = u32::try_from(chunks.len()).expect("samples are small");
            let id =
                allowed(world.member().uploads_begin(&world.capsule, count, &unique("order"), None).await);
            send(world.member(), id, &chunks, order).await;
            let finished = finish(world.member(), id, &file).await;
            assert_finished(&finished, &file);
            assert_blob_is(world.by(Who::Guest), &finished.blob_id, &file).await;
            allowed(world.member().blob_delete(&finished.blob_id).await);
        }
    }
}

async fn send<T: Transport>(client: &Client<T>, id: u64, chunks: &[&[u8]], order: Order) {
    let count = u32::try_from(chunks.len()).expect("samples are small");
    for batch in order.of(count).chunks(order.at_once()) {
        let puts = batch.iter().map(|index| client.uploads_put_chunk(id, *index, chunks[*index as usize]));
        join_all(puts).await.into_iter().for_each(|put| {
            put.unwrap_or_else(|error| panic!("{order:?}, {count} chunks: {error}"));
        });
    }
}

/// Two files of one caller, a chunk of each in turn, both in order and then the second from its end: each keeps its own
/// bytes. The longer one goes on when the other is finished and read.
pub async fn two_sessions_take_chunks_in_turn<H: Host>(host: &H) {
    const CHUNK_BYTES: u32 = 65_536;
    let world = World::new(host, "in turn").await;
    let chunk_len = CHUNK_BYTES as usize;
    let (short, long) = (bytes(4 * chunk_len + 1, 41), bytes(7 * chunk_len - 1, 42));
    let chunk = |file: &[u8], index: u32| file.chunks(chunk_len).nth(index as usize).map(<[u8]>::to_vec);
    for order in [Order::Forward, Order::Reversed] {
        let begin = async |chunks| {
            allowed(world.member().uploads_begin(&world.capsule, chunks, &unique("in turn"), None).await)
        };
        let (first, second) = (begin(5).await, begin(7).await);
        let put = async |id, file: &[u8], index| {
            let bytes = chunk(file, index).expect("the index is one of the file's");
            allowed(world.member().uploads_put_chunk(id, index, &bytes).await);
        };
        let seconds = order.of(7);
        for (in_first, in_second) in (0..5).zip(&seconds) {
            put(first, &short, in_first).await;
            put(second, &long, *in_second).await;
        }
        let first = finish(world.member(), first, &short).await;
        assert_finished(&first, &short);
        assert_blob_is(world.by(Who::Guest), &first.blob_id, &short).await;
        for in_second in &seconds[5..] {
            put(second, &long, *in_second).await;
        }
        let second = finish(world.member(), second, &long).await;
        assert_finished(&second, &long);
        assert_blob_is(world.by(Who::Guest), &second.blob_id, &long).await;
        for index in (0..7).rev() {
            let offset = u64::from(index * CHUNK_BYTES);
            let read = allowed(world.member().blob_read_range(&second.blob_id, offset, CHUNK_BYTES).await);
            assert!(
                Some(&read[..]) == chunk(&long, index).as_deref(),
                "{order:?}: chunk {index}, read from the end"
            );
        }
        assert_blob_is(world.by(Who::Guest), &first.blob_id, &short).await;
    }
}

/// A chunk that arrives again after the finish is `Ok` where it is the same, `Conflict` where it is not.
pub async fn late_duplicates_are_harmless<H: Host>(host: &H) {
    let world = World::new(host, "late").await;
    let file = bytes(100, 3);
    let id = crate::world::pending(world.member(), &world.capsule, &file, 30).await;
    refused(world.member().uploads_put_chunk(id, 1, &bytes(30, 4)).await, "chunk_differs");
    refused(world.member().uploads_put_chunk(id, 3, &file[90..95]).await, "chunk_differs");
    let finished = finish(world.member(), id, &file).await;
    for (index, chunk) in (0..).zip(file.chunks(30)) {
        allowed(world.member().uploads_put_chunk(id, index, chunk).await);
    }
    refused(world.member().uploads_put_chunk(id, 1, &bytes(30, 4)).await, "session_finished");
    refused(world.member().uploads_put_chunk(id, 0, &file[..29]).await, "session_finished");
    refused(world.member().uploads_put_chunk(id, 4, &file[..10]).await, "chunk_index_out_of_range");
    assert_blob_is(world.member(), &finished.blob_id, &file).await;
}

/// A session lives through a restart of its host, in the middle of a file. False where hosts cannot restart.
pub async fn one_session_goes_on_after_a_restart<H: Host>(host: &H) -> bool {
    let world = World::new(host, "restart").await;
    let file = bytes(1_000_000, 5);
    let chunks: Vec<&[u8]> = file.chunks(100_000).collect();
    let id = allowed(world.member().uploads_begin(&world.capsule, 10, "restart", None).await);
    for index in [0, 1, 4, 9] {
        allowed(world.member().uploads_put_chunk(id, index, chunks[index as usize]).await);
    }
    let before = allowed(world.member().uploads_status(id).await);
    if !host.restart().await {
        return false;
    }
    let member = host.client(Who::Member).await;
    assert_eq!(allowed(member.uploads_status(id).await), before, "the status after a restart");
    assert_eq!(allowed(member.uploads_begin(&world.capsule, 10, "restart", None).await), id);
    for (first, end) in before.missing {
        for index in first..end {
            allowed(member.uploads_put_chunk(id, index, chunks[index as usize]).await);
        }
    }
    let finished = allowed(member.uploads_finish(id, &sha256(&file), 1_000_000).await);
    assert!(host.restart().await, "it restarted before");
    assert_blob_is(&host.client(Who::Member).await, &finished.blob_id, &file).await;
    true
}
