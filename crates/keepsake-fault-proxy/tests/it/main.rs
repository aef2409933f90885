//! Each fault, seen from a client's socket, with a server behind that counts what reaches it.

use keepsake_fault_proxy::{Answer, Dead, Plan, Proxy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const REPLY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n0123456789";

/// Answers each request with ten bytes; how many came.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, served) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&served);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut bytes = [0; 4096];
                // All requests of these tests end with `end`.
                while !seen.ends_with(b"end") {
                    let read = stream.read(&mut bytes).await.unwrap();
                    if read == 0 {
                        return;
                    }
                    seen.extend_from_slice(&bytes[..read]);
                }
                counter.fetch_add(1, Ordering::SeqCst);
                stream.write_all(REPLY.as_bytes()).await.unwrap();
            });
        }
    });
    (address, served)
}

async fn proxy(plan: Plan) -> (Proxy, Arc<AtomicUsize>) {
    let (upstream, served) = server().await;
    let proxy = Proxy::start("127.0.0.1:0".parse().unwrap(), upstream).unwrap();
    proxy.line.set(plan);
    (proxy, served)
}

fn request(body_len: usize) -> Vec<u8> {
    let body = [vec![b'x'; body_len - 3], b"end".to_vec()].concat();
    let head = format!("PUT /upload/1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: {body_len}\r\n\r\n");
    [head.into_bytes(), body].concat()
}

/// All that comes for one request until the connection ends, or stops for a second.
async fn ask(proxy: &Proxy, body_len: usize) -> String {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    // The proxy may answer before it has read everything.
    stream.write_all(&request(body_len)).await.ok();
    let mut seen = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(Ok(read)) = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut bytes)).await
        && read > 0
    {
        seen.extend_from_slice(&bytes[..read]);
    }
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn without_a_plan_everything_passes() {
    let (proxy, served) = proxy(Plan::default()).await;
    let reply = ask(&proxy, 100_000).await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("0123456789"), "{reply}");
    assert_eq!((served.load(Ordering::SeqCst), proxy.line.counts().requests), (1, 1));
    assert!(proxy.line.counts().bytes > 100_000);
}

#[tokio::test]
async fn it_answers_by_itself_so_many_times_and_says_when_to_come_again() {
    let answer = Answer { status: 503, retry_after: Some(7), times: Some(2), ..Answer::default() };
    let (proxy, served) = proxy(Plan { answer: Some(answer), ..Plan::default() }).await;
    for _ in 0..2 {
        let reply = ask(&proxy, 10).await;
        assert!(reply.starts_with("HTTP/1.1 503") && reply.contains("retry-after: 7"), "{reply}");
    }
    assert!(ask(&proxy, 10).await.starts_with("HTTP/1.1 200"));
    assert_eq!((served.load(Ordering::SeqCst), proxy.line.counts().answered), (1, 2));
}

#[tokio::test]
async fn it_answers_one_method_alone_after_some_that_it_lets_pass() {
    for (method, statuses) in [("PUT", ["200", "405", "405"]), ("POST", ["200"; 3])] {
        let answer = Answer { status: 405, after: 1, method: Some(method.to_owned()), ..Answer::default() };
        let (proxy, _) = proxy(Plan { answer: Some(answer), ..Plan::default() }).await;
        for status in statuses {
            let reply = ask(&proxy, 10).await;
            assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{method}: {reply}");
        }
        assert_eq!((proxy.line.counts().puts, proxy.line.counts().updates), (3, 0));
    }
}

#[tokio::test]
async fn long_bodies_are_refused_as_by_a_proxy_with_a_bound() {
    let (proxy, served) = proxy(Plan { body_max: Some(1000), ..Plan::default() }).await;
    assert!(ask(&proxy, 1000).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&proxy, 1001).await.starts_with("HTTP/1.1 413"));
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_lost_or_cut_differs_in_what_the_node_has_seen() {
    let (proxy, served) = proxy(Plan { lose_requests: 1.0, ..Plan::default() }).await;
    assert_eq!((ask(&proxy, 10).await.as_str(), served.load(Ordering::SeqCst)), ("", 0));
    proxy.line.set(Plan { lose_replies: 1.0, ..Plan::default() });
    assert_eq!((ask(&proxy, 10).await.as_str(), served.load(Ordering::SeqCst)), ("", 1));
    proxy.line.set(Plan { cut_replies: 1.0, ..Plan::default() });
    let reply = ask(&proxy, 10).await;
    assert!(reply.ends_with("01234") && reply.contains("content-length: 10"), "{reply}");
    assert_eq!((proxy.line.counts().lost, proxy.line.counts().cut), (2, 1));
}

#[tokio::test]
async fn what_is_lost_may_be_that_of_one_path_alone() {
    let at = |end: &str| Plan { lose_replies: 1.0, faults_at: Some(end.to_owned()), ..Plan::default() };
    let (proxy, served) = proxy(at("/call")).await;
    assert!(ask(&proxy, 10).await.starts_with("HTTP/1.1 200"));
    proxy.line.set(at("/upload/1"));
    assert_eq!((ask(&proxy, 10).await.as_str(), served.load(Ordering::SeqCst)), ("", 2));
    assert_eq!(proxy.line.counts().lost, 1);
}

#[tokio::test]
async fn shares_are_repeatable() {
    let lost = async || {
        let (proxy, _) = proxy(Plan { lose_replies: 0.5, seed: 7, ..Plan::default() }).await;
        let mut lost = Vec::new();
        for _ in 0..12 {
            lost.push(ask(&proxy, 10).await.is_empty());
        }
        lost
    };
    let first = lost().await;
    assert_eq!(first, lost().await);
    assert!(first.contains(&true) && first.contains(&false), "{first:?}");
}

#[tokio::test]
async fn a_dead_connection_says_nothing_and_the_next_one_is_fine() {
    let dead = Dead { connections: 1, after_bytes: 20_000 };
    let (proxy, served) = proxy(Plan { dead: Some(dead), ..Plan::default() }).await;
    assert_eq!((ask(&proxy, 100_000).await.as_str(), proxy.line.counts().dead), ("", 1));
    assert!(ask(&proxy, 100_000).await.starts_with("HTTP/1.1 200"));
    assert_eq!(served.load(Ordering::SeqCst), 1);
}
