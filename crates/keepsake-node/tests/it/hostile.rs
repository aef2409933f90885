//! Garbage, giants and slow clients: a clear answer, bounded memory, and the node goes on.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::{Answer, Node, ed25519, sealed};

/// Resident memory of this process, the node included, in bytes.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_answered_with_400() {
    let (node, _dir) = Node::start().await;
    let whole = sealed(&ed25519(1), &node.create(&ed25519(1), 1));
    let mut bodies: Vec<Vec<u8>> = vec![
        vec![],
        b"not cbor at all".to_vec(),
        vec![0x81; 1 << 20],
        vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        serde_cbor::to_vec(&["an", "array"]).unwrap(),
        [whole.as_slice(), &[0]].concat(),
    ];
    bodies.extend((1..whole.len()).step_by(7).map(|len| whole[..len].to_vec()));
    for body in bodies {
        for endpoint in ["call", "query", "read_state"] {
            let answer = node.post_canister("v3", endpoint, &body).await;
            assert_eq!(answer.status, 400, "{endpoint} {body:?}");
            assert!(answer.text().starts_with("Could not parse body as"), "{}", answer.text());
        }
    }
    assert_eq!(node.capsules_of(ed25519(1)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_would_blow_up_in_memory_are_refused_before_decoding() {
    let (node, _dir) = Node::start().await;
    let mut body = vec![0xa1, 0x67];
    body.extend_from_slice(b"content");
    body.extend_from_slice(&[0x9a, 0x00, 0x3f, 0xff, 0x00]);
    body.resize(4 << 20, 0x80);
    let answer = node.post_canister("v3", "call", &body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("more than 150000 items"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mb_is_refused_without_being_held() {
    let (node, _dir) = Node::start().await;
    let before = resident_bytes();
    let block = vec![0_u8; 1 << 20];
    for framing in ["content-length: 104857600\r\n", "transfer-encoding: chunked\r\n"] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let path = format!("/api/v3/canister/{}/call", node.canister_id);
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{framing}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut peak = 0;
        for _ in 0..100 {
            // The node may hang up after it has answered.
            let sent = async {
                if framing.starts_with("transfer") {
                    stream.write_all(b"100000\r\n").await?;
                }
                stream.write_all(&block).await?;
                if framing.starts_with("transfer") { stream.write_all(b"\r\n").await } else { Ok(()) }
            };
            if sent.await.is_err() {
                break;
            }
            peak = peak.max(resident_bytes().saturating_sub(before));
        }
        let answer = Answer::read(&mut stream).await;
        assert_eq!(answer.status, 413, "{framing}");
        assert!(answer.text().contains("4194304 bytes allowed"), "{}", answer.text());
        assert!(peak < 48 << 20, "the node held {peak} bytes for {framing}");
    }
    assert_eq!(node.send("GET", "/health", "", b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_in_the_middle_is_answered_with_408() {
    let (node, _dir) = Node::start().await;
    let path = format!("/api/v3/canister/{}/call", node.canister_id);
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nonly this");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 408, "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_finish_do_not_keep_others_waiting() {
    let (node, _dir) = Node::start().await;
    let path = format!("/api/v3/canister/{}/call", node.canister_id);
    let mut slow = Vec::new();
    for n in 0..100 {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let head = if n % 2 == 0 {
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\nx")
        } else {
            "GET /health HTTP/1.1\r\nhost".to_owned()
        };
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let me = ed25519(1);
    let answer = node.post_canister("v3", "call", &sealed(&me, &node.create(&me, 1))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_the_requests_under_way_and_closes_idle_connections() {
    let (node, _dir) = Node::start().await;
    let mut idle = TcpStream::connect(node.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let stopping = tokio::time::timeout(Duration::from_secs(60), node.stop());
    stopping.await.expect("an idle connection does not hold the node");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}
