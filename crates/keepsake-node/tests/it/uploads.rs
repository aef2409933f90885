//! The Rust agent, with every check on, uploads 8 MiB in every cut and order and reads it back.
//! The same exam as the JavaScript agents take.

use candid::{Principal, decode_one, encode_args};
use futures_util::{StreamExt, stream};
use ic_agent::Agent;
use keepsake_api::{BeginOptions, BlobMeta, Error, UploadFinishResult};
use serde_bytes::{ByteBuf, Bytes};
use sha2::{Digest, Sha256};

use crate::node::{Capsule, Node, ed25519};

const LEN: usize = 8 << 20;
const CUTS: [usize; 2] = [1_800_000, 64 << 10];

/// Which chunk goes when, and how many at once.
#[derive(Clone, Copy, Debug)]
enum Order {
    Straight,
    Shuffled,
    SixteenAtOnce,
}

impl Order {
    const ALL: [Self; 3] = [Self::Straight, Self::Shuffled, Self::SixteenAtOnce];

    fn width(self) -> usize {
        if matches!(self, Self::SixteenAtOnce) { 16 } else { 1 }
    }

    /// All indices, every fourth twice in a row, and the first one again at the end.
    fn arrange(self, count: usize) -> Vec<usize> {
        // A step that shares no factor with the count visits each index once, far from its neighbours.
        let step = match self {
            Self::Straight => 1,
            Self::Shuffled | Self::SixteenAtOnce => {
                (count * 5 / 8..count).find(|step| coprime(*step, count)).unwrap()
            }
        };
        let visited = (0..count).map(|turn| turn * step % count);
        let mut order: Vec<usize> =
            visited.flat_map(|index| vec![index; if index % 4 == 0 { 2 } else { 1 }]).collect();
        order.push(order[0]);
        order
    }
}

fn coprime(a: usize, b: usize) -> bool {
    if b == 0 { a == 1 } else { coprime(b, a % b) }
}

struct Service {
    agent: Agent,
    canister_id: Principal,
}

impl Service {
    async fn update(&self, method: &str, arg: Vec<u8>) -> Vec<u8> {
        self.agent.update(&self.canister_id, method).with_arg(arg).call_and_wait().await.unwrap()
    }

    async fn query(&self, method: &str, arg: Vec<u8>) -> Vec<u8> {
        self.agent.query(&self.canister_id, method).with_arg(arg).call().await.unwrap()
    }

    async fn begin(&self, capsule_id: &str, chunks: usize, idem: &str) -> u64 {
        let options = BeginOptions { total_len: Some(LEN as u64), ..BeginOptions::default() };
        let arg = encode_args((capsule_id, u32::try_from(chunks).unwrap(), idem, Some(options))).unwrap();
        ok(&self.update("uploads_begin", arg).await)
    }

    async fn put(&self, session: u64, index: usize, chunk: &[u8]) {
        let arg = encode_args((session, u32::try_from(index).unwrap(), Bytes::new(chunk))).unwrap();
        ok::<()>(&self.update("uploads_put_chunk", arg).await);
    }

    /// Finishes, and again while the hash advances over chunks that came out of order.
    async fn finish(&self, session: u64, sha256: &[u8]) -> Result<UploadFinishResult, Error> {
        let arg = encode_args((session, Bytes::new(sha256), LEN as u64)).unwrap();
        loop {
            let reply = self.update("uploads_finish", arg.clone()).await;
            match decode_one::<Result<UploadFinishResult, Error>>(&reply).unwrap() {
                Err(error) if error.code() == "hash_pending" => {}
                finished => return finished,
            }
        }
    }

    async fn read_by_chunks(&self, locator: &str) -> Vec<u8> {
        let meta: BlobMeta = ok(&self.query("blob_get_meta", encode_args((locator,)).unwrap()).await);
        let mut read = Vec::new();
        for index in 0..meta.chunk_count {
            let reply = self.query("blob_read_chunk", encode_args((locator, index)).unwrap()).await;
            read.extend(ok::<ByteBuf>(&reply).into_vec());
        }
        read
    }

    async fn read_by_ranges(&self, locator: &str) -> Vec<u8> {
        const STEP: u32 = 1_500_001;
        let mut read = Vec::new();
        while read.len() < LEN {
            let arg = encode_args((locator, read.len() as u64, STEP)).unwrap();
            read.extend(ok::<ByteBuf>(&self.query("blob_read_range", arg).await).into_vec());
        }
        read
    }
}

fn ok<T: candid::CandidType + serde::de::DeserializeOwned>(reply: &[u8]) -> T {
    decode_one::<Result<T, Error>>(reply).unwrap().unwrap()
}

fn file(seed: u64) -> Vec<u8> {
    let words =
        (0..LEN as u64 / 8).map(|at| (at ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    words.flat_map(u64::to_le_bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_agent_uploads_in_every_cut_and_order_and_reads_it_back() {
    let (node, _dir) = Node::start().await;
    let service = Service { agent: node.agent(ed25519(7)).await, canister_id: node.canister_id };
    let arg = encode_args((None::<keepsake_api::PersonRef>,)).unwrap();
    let capsule: Capsule = ok(&service.update("capsules_create", arg).await);
    for (cut, order) in CUTS.into_iter().flat_map(|cut| Order::ALL.map(|order| (cut, order))) {
        let bytes = file(cut as u64 + order as u64);
        let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
        let session = service.begin(&capsule.id, chunks.len(), &format!("{cut} {order:?}")).await;
        let puts = stream::iter(order.arrange(chunks.len()))
            .map(|index| service.put(session, index, chunks[index]))
            .buffer_unordered(order.width());
        puts.collect::<()>().await;
        let wrong = service.finish(session, &[0; 32]).await;
        assert!(matches!(wrong, Err(Error::InvalidArgument(_))), "{cut} {order:?}: {wrong:?}");
        let finished = service.finish(session, &Sha256::digest(&bytes)).await.unwrap();
        assert_eq!(finished.size, LEN as u64);
        assert!(service.read_by_chunks(&finished.blob_id).await == bytes, "{cut} {order:?}: chunks differ");
        assert!(service.read_by_ranges(&finished.blob_id).await == bytes, "{cut} {order:?}: ranges differ");
    }
    node.stop().await;
}

#[test]
fn every_order_visits_every_chunk_and_some_twice() {
    for (count, order) in [5, 128].into_iter().flat_map(|count| Order::ALL.map(|order| (count, order))) {
        let visited = order.arrange(count);
        assert!(visited.len() > count);
        assert!((0..count).all(|index| visited.contains(&index)), "{count} {order:?}");
    }
}
