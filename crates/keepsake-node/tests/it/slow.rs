//! Slow clients: they take what they send for, and nobody else waits for them.

use std::time::Duration;

use candid::encode_args;
use ic_agent::agent::EnvelopeContent;
use keepsake_api::BeginOptions;
use keepsake_node::engine::EngineOptions;
use keepsake_node::serve::{Load, PlaceLimits, ServeOptions, Server};
use serde_bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::assets::publish;
use crate::node::{Answer, Node, ed25519, no_arguments, sealed};

/// What one chunk and one answer carry.
const LARGE_BYTES: usize = 1_800_000;

/// Nothing here takes this long on the slowest machine, unless it waits for somebody who never comes.
const LONG: Duration = Duration::from_secs(15);

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.unwrap_or_else(|_| panic!("{what} waits for the slow ones"))
}

impl Node {
    fn head_of_a_call(&self, length: &str) -> String {
        let path = format!("/api/v3/canister/{}/call", self.canister_id);
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{length}\r\n\r\n")
    }

    fn head_of_a_query(&self, connection: &str, body: &[u8]) -> String {
        let path = format!("/api/v2/canister/{}/query", self.canister_id);
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
    }

    /// Uploads [`LARGE_BYTES`]. Returns the query that reads all of them.
    async fn large_query(&self) -> Vec<u8> {
        let me = ed25519(1);
        let mine = self.agent(ed25519(1)).await;
        self.answers_queries_and_begins(1).await;
        let bytes = vec![7; LARGE_BYTES];
        let put = encode_args((1_u64, 0_u32, Bytes::new(&bytes))).unwrap();
        mine.update(&self.canister_id, "uploads_put_chunk").with_arg(put).call_and_wait().await.unwrap();
        let sha256 = <sha2::Sha256 as sha2::Digest>::digest(&bytes).to_vec();
        let finish = encode_args((1_u64, Bytes::new(&sha256), LARGE_BYTES as u64)).unwrap();
        mine.update(&self.canister_id, "uploads_finish").with_arg(finish).call_and_wait().await.unwrap();
        sealed(&me, &self.query(&me, "blob_read", candid::encode_one("blob_1").unwrap()))
    }

    /// A chunk for a session that is not there.
    fn put_of_nothing(&self, seed: u8) -> EnvelopeContent {
        let put = encode_args((999_u64, 0_u32, Bytes::new(&vec![7; LARGE_BYTES]))).unwrap();
        self.call(&ed25519(1), "uploads_put_chunk", put, seed)
    }

    /// A connection that has sent `text`.
    async fn connected(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// As [`Self::connected`], from another address of this machine.
    async fn connected_from(&self, host: u8, text: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("127.0.0.{host}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        // It may be refused at once.
        stream.write_all(text.as_bytes()).await.ok();
        stream
    }

    /// Asks and changes something, as a user does who uploads.
    async fn answers_queries_and_begins(&self, seed: u8) {
        let me = ed25519(seed);
        soon("a health check", async {
            assert_eq!(self.send("GET", "/health", "", b"").await.status, 200);
        })
        .await;
        soon("a query", self.capsules_of(ed25519(seed))).await;
        soon("an update", async {
            let call = sealed(&me, &self.create(&me, seed));
            assert_eq!(self.post_canister("v3", "call", &call).await.status, 200);
        })
        .await;
        let begin = encode_args(("capsule_1", 1_u32, "slow", None::<BeginOptions>)).unwrap();
        soon("a begin", async {
            let call = sealed(&me, &self.call(&me, "uploads_begin", begin, seed));
            assert_eq!(self.post_canister("v3", "call", &call).await.status, 200);
        })
        .await;
    }

    /// Waits until nobody holds anything.
    async fn is_let_go(&self) {
        soon("the room", async {
            while self.load.load() != Load::default() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_declare_4_mib_and_send_one_byte_take_one_unit_each() {
    let (node, _dir) = Node::start().await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(node.connected(&(node.head_of_a_call("content-length: 4194304") + "x")).await);
    }
    soon("the first bytes", async {
        while node.load.load().chunk_body_bytes < 40 * 4096 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(node.load.load().chunk_body_bytes, 40 * 4096);
    node.answers_queries_and_begins(1).await;
    drop(slow);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_come_slowly_through_a_proxy_take_half_of_the_room_of_whoever_it_names() {
    const SLOW: usize = 60;
    let (node, _dir) = Node::start().await;
    node.answers_queries_and_begins(1).await;
    let head = node.head_of_a_call("x-forwarded-for: 203.0.113.9\r\ncontent-length: 2000000");
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..SLOW {
        let mut stream = node.connected(&head).await;
        slow.spawn(async move {
            // A burst that takes room, and then little above the least rate.
            stream.write_all(&vec![b'x'; 600_000]).await.ok();
            while stream.write_all(&[b'x'; 16 << 10]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
    }
    soon("a part of the room", async {
        while node.load.load().chunk_body_bytes < 10 << 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    for seed in 2..5 {
        let call = sealed(&ed25519(1), &node.put_of_nothing(seed));
        let answer = soon("a chunk", node.post_canister("v3", "call", &call)).await;
        assert_eq!(answer.status, 200, "it is there, and answered");
    }
    slow.shutdown().await;
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_slow_connections_keep_nobody_waiting() {
    let (node, _dir) = Node::start().await;
    let mut slow = Vec::new();
    for n in 0..1000 {
        let text = match n % 4 {
            0 => node.head_of_a_call("content-length: 4194304") + "x",
            1 => node.head_of_a_call("content-length: 1000") + "x",
            2 => node.head_of_a_call("transfer-encoding: chunked") + "1\r\nx\r\n",
            _ => "GET /health HTTP/1.1\r\nhost".to_owned(),
        };
        slow.push(node.connected(&text).await);
    }
    node.answers_queries_and_begins(1).await;
    drop(slow);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_heads_leave_when_all_places_are_taken() {
    let (node, _dir) = Node::start().await;
    let mut half = Vec::new();
    for _ in 0..1100 {
        half.push(node.connected("GET /health HTTP/1.1\r\nhost").await);
    }
    node.answers_queries_and_begins(1).await;
    assert!(node.load.load().connections <= 1024, "{:?}", node.load.load());
    let first = soon("the first of them", half[0].read(&mut [0; 1])).await;
    assert!(matches!(first, Ok(0) | Err(_)), "it was displaced, not answered");
    drop(half);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_bodies_leave_when_all_places_are_taken() {
    let (node, _dir) = Node::start().await;
    let mut half = Vec::new();
    for _ in 0..1100 {
        half.push(node.connected(&(node.head_of_a_call("content-length: 1000") + "x")).await);
    }
    let asked = std::time::Instant::now();
    assert_eq!(soon("a health check", node.send("GET", "/health", "", b"")).await.status, 200);
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "it waited until they were given up: {:?}",
        asked.elapsed()
    );
    drop(half);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_hold_little_memory_and_leave_for_those_that_are_taken() {
    const PLACES: usize = 32;
    let dir = tempfile::tempdir().unwrap();
    let limits = PlaceLimits { connections_max: PLACES, ..PlaceLimits::default() };
    let node = Node::start_with(&dir, |options| options.places = limits).await;
    let read = node.large_query().await;
    let mut deaf = Vec::new();
    for _ in 0..PLACES - 4 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(node.address).await.unwrap();
        let head = node.head_of_a_query("keep-alive", &read);
        // The operating system takes one or two.
        stream.write_all(&[head.as_bytes(), &read].concat().repeat(4)).await.unwrap();
        let asked = std::time::Instant::now();
        // Until it holds its answer, or was sent away for it.
        let before = node.load.load().answer_bytes;
        while node.load.load().answer_bytes == before && asked.elapsed() < Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        deaf.push(stream);
        assert!(node.load.load().answer_bytes <= PLACES as u64 * (256 << 10), "{:?}", node.load.load());
    }
    let load = node.load.load();
    assert!(load.answer_bytes > 0 && load.connections < PLACES - 4, "some left: {load:?}");
    node.answers_queries_and_begins(2).await;
    let answer = soon("a large answer", node.post_canister("v2", "query", &read)).await;
    assert!(answer.status == 200 && answer.body.len() > LARGE_BYTES, "{} bytes", answer.body.len());
    assert_eq!(
        load.answer_bytes % answer.body.len() as u64,
        0,
        "what is taken in part is in memory as a whole"
    );
    drop(deaf);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_read_a_large_public_asset_keep_no_places_and_whoever_reads_stays() {
    const PLACES: usize = 16;
    const LEN: usize = 8 << 20;
    let dir = tempfile::tempdir().unwrap();
    let limits = PlaceLimits { connections_max: PLACES, ..PlaceLimits::default() };
    let node = Node::start_with(&dir, |options| options.places = limits).await;
    let (published, token) = publish(&node, &vec![7; LEN]).await;
    let get = format!(
        "GET /asset/{}/original?token={token} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        published.memory_id
    );
    let mut reader = node.connected(&get).await;
    let reading = tokio::spawn(async move {
        let (mut piece, mut got) = (vec![0; 64 << 10], 0);
        while let Ok(bytes @ 1..) = reader.read(&mut piece).await {
            got += bytes;
            // Slow enough to be there until the end.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        got
    });
    let mut deaf = Vec::new();
    for _ in 0..5 {
        while node.load.load().connections < PLACES {
            deaf.push(node.connected(&get).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        soon("a health check", async {
            assert_eq!(node.send("GET", "/health", "", b"").await.status, 200);
        })
        .await;
    }
    assert!(deaf.len() > PLACES, "each check took a place: {}", deaf.len());
    assert!(node.load.load().answer_bytes <= PLACES as u64 * (256 << 10), "{:?}", node.load.load());
    assert!(soon("a reader", reading).await.unwrap() > LEN, "all of it and its head");
    drop(deaf);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_query_waits_for_few_of_the_large_ones_that_another_peer_has_sent_before() {
    const FLOOD: u64 = 200;
    /// Whoever finds so many waiting and is served in the order of arrival leaves fewer than the rest behind.
    const BEFORE: u64 = 150;
    const UNIT_BYTES: u64 = 4096;
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServeOptions::new(dir.path().join("data"));
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.places.loopback_is_bounded = true;
    let one_reader = |options: &mut EngineOptions| options.queries_running_max = 1;
    let node = Node::of(Server::bind_with(options, one_reader).await.unwrap());
    let read = node.large_query().await;
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        let mut stream = node.connected_from(2, &node.head_of_a_query("close", &read)).await;
        stream.write_all(&read).await.unwrap();
        flood.push(tokio::spawn(async move { Answer::read(&mut stream).await.status }));
    }
    // A query holds the room of its body until it has run.
    let waiting = || node.load.load().small_body_bytes / UNIT_BYTES;
    soon("the flood", async {
        while waiting() < BEFORE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let me = ed25519(1);
    let small = sealed(&me, &node.query(&me, "capsules_list", no_arguments()));
    let mut stream = node.connected_from(3, &node.head_of_a_query("close", &small)).await;
    stream.write_all(&small).await.unwrap();
    assert_eq!(soon("another peer", Answer::read(&mut stream)).await.status, 200);
    let behind = waiting();
    assert!(
        behind > FLOOD - BEFORE,
        "{behind} of {FLOOD} were left: those that came before were served before"
    );
    for large in flood {
        assert_eq!(large.await.unwrap(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_some_of_the_places_and_displaces_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start_with(&dir, |options| {
        options.places = PlaceLimits { connections_max: 20, per_peer_max: 5, loopback_is_bounded: true };
    })
    .await;
    let mut patient = node.connected_from(9, "GET /health HTTP/1.1\r\nhost").await;
    let mut greedy = Vec::new();
    let body = node.head_of_a_call("content-length: 1000") + "x";
    for _ in 0..20 {
        greedy.push(node.connected_from(2, &body).await);
    }
    soon("its own bound", async {
        while node.load.load().small_body_bytes < 5 * 4096 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(node.load.load().connections <= 6, "{:?}", node.load.load());
    node.answers_queries_and_begins(1).await;
    patient.write_all(b": localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    assert_eq!(soon("whoever was there before", Answer::read(&mut patient)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_below_the_least_rate_is_answered_with_408_and_one_above_it_is_taken() {
    let (node, _dir) = Node::start().await;
    let mut slow = node.connected(&node.head_of_a_call("content-length: 100000")).await;
    let (mut answers, mut bytes) = slow.split();
    let trickle = async {
        while bytes.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let mut answer = [0; 12];
    tokio::select! {
        () = trickle => panic!("the node hung up without an answer"),
        read = soon("the answer", answers.read_exact(&mut answer)) => { read.unwrap(); }
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
    // 32 KiB a second for six seconds: longer than anybody may send without a least rate.
    let me = ed25519(1);
    let put = encode_args((1_u64, 0_u32, Bytes::new(&vec![1; 200_000]))).unwrap();
    let body = sealed(&me, &node.call(&me, "uploads_put_chunk", put, 1));
    let length = format!("connection: close\r\ncontent-length: {}", body.len());
    let mut steady = node.connected(&node.head_of_a_call(&length)).await;
    for piece in body.chunks(8 << 10) {
        steady.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(Answer::read(&mut steady).await.status, 200);
    drop(slow);
    node.is_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_uploads_at_once_leave_room_for_small_messages_and_give_all_of_it_back() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let create = sealed(&me, &node.create(&me, 1));
    assert_eq!(node.post_canister("v3", "call", &create).await.status, 200);
    let begin = encode_args(("capsule_1", 400_u32, "large", None::<BeginOptions>)).unwrap();
    let begin = sealed(&me, &node.call(&me, "uploads_begin", begin, 2));
    assert_eq!(node.post_canister("v3", "call", &begin).await.status, 200);
    let chunk = vec![7; 1_800_000];
    let uploads = (0..16_u32).map(|lane| {
        let (node, me, chunk) = (&node, &me, &chunk);
        async move {
            for index in (lane..64).step_by(16) {
                let put = encode_args((1_u64, index, Bytes::new(chunk))).unwrap();
                let put = sealed(me, &node.call(me, "uploads_put_chunk", put, 3));
                let answer = node.post_canister("v3", "call", &put).await;
                assert!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.text());
            }
        }
    });
    let uploads = futures_util::future::join_all(uploads);
    let small = async {
        for round in 0..4 {
            node.answers_queries_and_begins(10 + round).await;
        }
    };
    tokio::join!(uploads, small);
    let mine = node.agent(ed25519(1)).await;
    mine.query(&node.canister_id, "capsules_list").with_arg(no_arguments()).call().await.unwrap();
    drop(mine);
    node.is_let_go().await;
}
