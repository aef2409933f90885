//! Bodies: their length, their digest, their end, and that a refused one takes no room.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Scene, assert_refused, bearer, chunk, digest};
use crate::node::Answer;

/// Nothing here takes this long, unless it waits for a body that it should not wait for.
const LONG: Duration = Duration::from_secs(15);

impl Scene {
    /// A connection that has sent `text`, and the answer to it, without another byte.
    async fn sends(&self, text: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.node.address).await.unwrap();
        stream.write_all(text).await.unwrap();
        stream
    }

    /// What bodies hold now.
    fn body_bytes(&self) -> (u64, u64) {
        let load = self.node.load.load();
        (load.small_body_bytes, load.chunk_body_bytes)
    }

    /// Waits until no body holds anything.
    async fn is_let_go(&self) {
        let idle = async {
            while self.body_bytes() != (0, 0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, idle).await.expect("what was refused is let go");
    }
}

fn head(session: u64, lines: &str) -> String {
    format!("PUT /upload/{session} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n")
}

/// The answer as far as it has come, of a connection that stays open.
async fn first_of(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4_096];
    let read = tokio::time::timeout(LONG, stream.read(&mut bytes)).await.expect("an answer").unwrap();
    String::from_utf8(bytes[..read].to_vec()).unwrap().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_refused_is_answered_before_its_body_and_takes_no_room() {
    let scene = Scene::new().await;
    let session = scene.begin(2, None, "early").await;
    let ticket = scene.ticket(session).await;
    let (good, index) = (bearer(&ticket), chunk(0));
    let large = "content-length: 1800000\r\n";
    for (lines, status, code) in [
        (format!("{index}{large}"), 401, "ticket_missing"),
        (format!("{}{index}{large}", bearer(&"A".repeat(106))), 401, "ticket_wrong"),
        (format!("{good}{large}"), 400, "chunk_index_malformed"),
        (format!("{good}{index}content-digest: sha-256=:AAAA:\r\n{large}"), 400, "digest_malformed"),
        (format!("{good}{index}content-length: 1800001\r\n"), 413, "chunk_too_large"),
        (format!("{good}{index}content-length: 99999999999\r\n"), 413, "chunk_too_large"),
        (format!("{good}{index}transfer-encoding: chunked\r\n"), 411, "length_required"),
        (format!("{good}{index}{large}transfer-encoding: chunked\r\n"), 411, "length_required"),
        (format!("{good}{index}"), 411, "length_required"),
    ] {
        let mut stream = scene.sends(head(session, &lines).as_bytes()).await;
        let told = first_of(&mut stream).await;
        assert!(told.starts_with(&format!("http/1.1 {status} ")), "{lines}{told}");
        assert!(told.contains(&format!("\r\n\r\n{code}: ")), "{lines}{told}");
        assert_eq!(told.contains("connection: close"), [411, 413].contains(&status), "{told}");
        assert_eq!(scene.body_bytes(), (0, 0), "{lines}");
    }
    scene.is_let_go().await;
    assert_eq!(scene.status(session).await.received_chunks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_is_read_away_so_that_the_connection_goes_on() {
    let scene = Scene::new().await;
    let session = scene.begin(2, None, "drained").await;
    let ticket = scene.ticket(session).await;
    let body = vec![7; 1_000_000];
    let wrong = head(session, &format!("{}{}content-length: 1000000\r\n", bearer("x"), chunk(0)));
    let mut stream = scene.sends(wrong.as_bytes()).await;
    stream.write_all(&body).await.unwrap();
    assert!(first_of(&mut stream).await.starts_with("http/1.1 401"));
    let right = format!("{}{}connection: close\r\ncontent-length: 1000000\r\n", bearer(&ticket), chunk(0));
    stream.write_all(head(session, &right).as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(scene.status(session).await.bytes_received, 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_be_told_to_go_on_sends_no_body_in_vain() {
    let scene = Scene::new().await;
    let session = scene.begin(1, None, "expect").await;
    let ticket = scene.ticket(session).await;
    let lines = |ticket: &str| {
        format!(
            "{}{}expect: 100-continue\r\nconnection: close\r\ncontent-length: 5\r\n",
            bearer(ticket),
            chunk(0)
        )
    };
    let mut refused = scene.sends(head(session, &lines("x")).as_bytes()).await;
    let answer = Answer::read(&mut refused).await;
    assert_refused(&answer, 401, "ticket_wrong");
    let mut taken = scene.sends(head(session, &lines(&ticket)).as_bytes()).await;
    assert!(first_of(&mut taken).await.starts_with("http/1.1 100 continue"));
    taken.write_all(b"bytes").await.unwrap();
    assert_eq!(Answer::read(&mut taken).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_as_long_as_it_says_or_it_is_not_taken() {
    let scene = Scene::new().await;
    let session = scene.begin(3, None, "lengths").await;
    let lines = [bearer(&scene.ticket(session).await), chunk(0)].concat();
    // Longer: what is beyond is no part of the chunk, and no request either.
    let longer = head(session, &format!("{lines}content-length: 5\r\n")) + "bytesBEYOND\r\n\r\n";
    let mut stream = scene.sends(longer.as_bytes()).await;
    let mut both = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut both)).await.expect("the node hangs up").unwrap();
    let both = String::from_utf8(both).unwrap();
    assert!(both.starts_with("HTTP/1.1 204") && both.contains("HTTP/1.1 400"), "{both}");
    assert_eq!(scene.status(session).await.bytes_received, 5);

    // Shorter: the connection ends, or only its sending half. It is the last chunk, which may have any length.
    let shorter =
        head(session, &format!("{}{}content-length: 5\r\n", bearer(&scene.ticket(session).await), chunk(2)));
    drop(scene.sends(format!("{shorter}byt").as_bytes()).await);
    let mut half = scene.sends(format!("{shorter}byt").as_bytes()).await;
    half.shutdown().await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(LONG, half.read_to_end(&mut rest)).await.expect("the node hangs up").unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    scene.is_let_go().await;

    // Shorter, and the rest never comes.
    let mut stalled = scene.sends(format!("{shorter}byt").as_bytes()).await;
    let answer = tokio::time::timeout(LONG, Answer::read(&mut stalled)).await.expect("the node hangs up");
    assert_refused(&answer, 408, "body_too_slow");
    assert_eq!(answer.header("connection"), Some("close"));

    // Two lengths, or one that is none.
    for length in
        ["content-length: 5\r\ncontent-length: 6\r\n", "content-length: -5\r\n", "content-length: five\r\n"]
    {
        let mut stream = scene.sends((head(session, &format!("{lines}{length}")) + "bytes").as_bytes()).await;
        assert!(first_of(&mut stream).await.starts_with("http/1.1 4"), "{length}");
    }
    let status = scene.status(session).await;
    assert_eq!((status.received_chunks, status.missing), (1, vec![(1, 3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_has_another_digest_is_not_written() {
    let scene = Scene::new().await;
    let session = scene.begin(3, None, "digest").await;
    let good = [bearer(&scene.ticket(session).await), chunk(1)].concat();
    let put = async |lines: &str| scene.put_with(session, &format!("{good}{lines}"), b"bytes").await;
    assert_refused(&put(&digest(b"other")).await, 400, "digest_differs");
    for malformed in ["content-digest: sha-256=:AAAA:\r\n", "content-digest: sha-256=bytes\r\n"] {
        assert_refused(&put(malformed).await, 400, "digest_malformed");
    }
    assert_eq!(scene.status(session).await.received_chunks, 0);
    assert_eq!(put(&digest(b"bytes")).await.status, 204);
    assert_eq!(
        put("content-digest: sha-512=:AAAA:\r\n").await.status,
        204,
        "a kind that the node does not know"
    );
    assert_refused(&put(&digest(b"other")).await, 400, "digest_differs");
    assert_eq!(scene.status(session).await.received_chunks, 1);
}
