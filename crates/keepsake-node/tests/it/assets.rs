//! A file goes in through an agent and comes back over `/asset/…`, whole and in parts.

use candid::{CandidType, Principal};
use ic_agent::Agent;
use keepsake_api::{
    AssetMetadata, AssetMetadataBase, AssetType, BeginOptions, Capsule, Error, MemoryMetadata, MemoryType,
    PersonRef, PlainAssetMetadata, PublishRequest, PublishResult, PublishSession,
};
use serde_bytes::{ByteBuf, Bytes};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::node::{Node, ed25519};

const CHUNK_BYTES: usize = 1_800_000;

fn metadata(asset_type: AssetType) -> AssetMetadata {
    AssetMetadata::Document(PlainAssetMetadata {
        base: AssetMetadataBase::new(asset_type, "report.bin", "application/octet-stream"),
    })
}

fn memory() -> MemoryMetadata {
    MemoryMetadata {
        title: None,
        description: None,
        tags: vec![],
        content_type: "application/octet-stream".into(),
        memory_type: MemoryType::Document,
        date_of_memory: None,
        file_created_at: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

async fn update<T: CandidType + for<'d> candid::Deserialize<'d>>(
    agent: &Agent,
    canister_id: Principal,
    method: &str,
    arg: Vec<u8>,
) -> T {
    let reply = agent.update(&canister_id, method).with_arg(arg).call_and_wait().await.unwrap();
    candid::decode_one::<Result<T, Error>>(&reply).unwrap().unwrap()
}

/// Sends `file` with all chunks in flight. Returns the session.
async fn send(agent: &Agent, id: Principal, capsule_id: &str, idem: &str, file: &[u8]) -> u64 {
    let chunks: Vec<&[u8]> = file.chunks(CHUNK_BYTES).collect();
    let count = u32::try_from(chunks.len()).unwrap();
    let begin = candid::encode_args((capsule_id, count, idem, None::<BeginOptions>)).unwrap();
    let session_id: u64 = update(agent, id, "uploads_begin", begin).await;
    let puts = chunks.iter().zip(0_u32..).map(|(chunk, index)| {
        let arg = candid::encode_args((session_id, index, Bytes::new(chunk))).unwrap();
        update::<()>(agent, id, "uploads_put_chunk", arg)
    });
    futures_util::future::join_all(puts).await;
    session_id
}

/// Uploads `file` and publishes it. Returns the memory and a token for it.
pub(crate) async fn publish(node: &Node, file: &[u8]) -> (PublishResult, String) {
    let (agent, id) = (&node.agent(ed25519(1)).await, node.canister_id);
    let capsule: Capsule =
        update(agent, id, "capsules_create", candid::encode_one(None::<PersonRef>).unwrap()).await;
    let session_id = send(agent, id, &capsule.id, "one file", file).await;
    let request = PublishRequest {
        capsule_id: capsule.id,
        metadata: memory(),
        sessions: vec![PublishSession {
            session_id,
            sha256: ByteBuf::from(Sha256::digest(file).to_vec()),
            total_len: file.len() as u64,
            metadata: metadata(AssetType::Original),
        }],
        inline_assets: vec![],
        carried_assets: None,
        if_present: None,
        idem: "publish".into(),
    };
    let published: PublishResult =
        update(agent, id, "uploads_publish", candid::encode_one(request).unwrap()).await;
    let mint =
        candid::encode_args((&published.memory_id, vec!["original"], None::<Vec<String>>, 600_u32)).unwrap();
    let token = agent.query(&id, "mint_http_token").with_arg(mint).call().await.unwrap();
    (published, candid::decode_one::<Result<String, Error>>(&token).unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_comes_back_byte_for_byte_over_http() {
    let (node, dir) = Node::start().await;
    let file: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (published, token) = publish(&node, &file).await;
    let path = format!("/asset/{}/original", published.memory_id);
    let url = format!("{path}?token={token}");

    let whole = node.send("GET", &url, "", b"").await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    assert!(whole.body == file, "the body differs");
    assert_eq!(whole.header("content-length"), Some("5000000"));
    let etag = whole.header("etag").unwrap().to_owned();

    let head = node.send("HEAD", &url, "", b"").await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("5000000")));
    let part = node.send("GET", &url, "range: bytes=1799990-1800009\r\n", b"").await;
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 1799990-1800009/5000000")));
    assert_eq!(part.body, file[1_799_990..1_800_010]);
    let tail = node.send("GET", &url, "range: bytes=-7\r\n", b"").await;
    assert_eq!((tail.status, tail.body), (206, file[4_999_993..].to_vec()));
    let beyond = node.send("GET", &url, "range: bytes=5000000-\r\n", b"").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */5000000")));
    let unchanged = node.send("GET", &url, &format!("if-none-match: {etag}\r\n"), b"").await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));

    assert_eq!(node.send("GET", &path, "", b"").await.status, 401);
    assert_eq!(node.send("GET", &format!("{path}?token=x{token}"), "", b"").await.status, 401);
    assert_eq!(node.send("POST", &url, "", b"").await.status, 405);

    node.stop().await;
    let node = Node::start_in(&dir).await;
    assert!(node.send("GET", &url, "", b"").await.body == file, "the body differs after a restart");
}

/// Bytes that differ from chunk to chunk.
fn bytes(seed: u32) -> Vec<u8> {
    (0..20_000_000_u32).map(|n| ((n ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A reader that has taken the head and a little of the answer, and takes 400 bytes a second from then on.
async fn slow_reader(node: &Node, url: &str) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(node.address).await.unwrap();
    let head = format!("GET {url} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut got = vec![0; 2000];
    stream.read_exact(&mut got).await.unwrap();
    (stream, got)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_keeps_no_freed_space_and_never_gets_other_bytes() {
    let (node, dir) = Node::start().await;
    let file = bytes(0);
    let (published, token) = publish(&node, &file).await;
    let url = format!("/asset/{}/original?token={token}", published.memory_id);
    let (mut reader, mut got) = slow_reader(&node, &url).await;
    let (agent, id) = (node.agent(ed25519(1)).await, node.canister_id);
    let heap_bytes = || std::fs::metadata(dir.path().join("data/heap.bin")).unwrap().len();
    let mut after_first = None;
    for round in 1..=5 {
        let other = bytes(round);
        let session_id = send(&agent, id, "capsule_1", &format!("other {round}"), &other).await;
        let () = update(&agent, id, "uploads_abort", candid::encode_one(session_id).unwrap()).await;
        let mut piece = [0; 400];
        reader.read_exact(&mut piece).await.unwrap();
        got.extend_from_slice(&piece);
        let first = *after_first.get_or_insert_with(heap_bytes);
        assert!(heap_bytes() <= first + (1 << 20), "round {round}: {first} grew to {}", heap_bytes());
    }
    let delete = candid::encode_args((&published.memory_id, true)).unwrap();
    let () = update(&agent, id, "memories_delete", delete).await;
    // What took the place of the file must not come.
    send(&agent, id, "capsule_1", "last", &bytes(99)).await;
    let broken = reader.read_to_end(&mut got).await;
    let body = got.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = &got[body..];
    assert!(body.len() < file.len(), "{broken:?}: it cannot be whole");
    assert!(file.starts_with(body), "other bytes came");
}
