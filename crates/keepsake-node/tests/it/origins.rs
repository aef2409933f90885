//! Whose pages may use a running node: the names that it answers to, the origins that it lets in, and what it says to
//! browsers with each answer.

use candid::Principal;
use keepsake_node::serve::{ServeError, ServeOptions, Server};
use keepsake_node::web_app::WebApp;
use std::borrow::Cow;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::node::{Answer, Node};

async fn start(hosts: &[&str], origins: &[&str]) -> (Node, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
    let files = [("index.html".to_owned(), Cow::Borrowed(&b"<!doctype html>"[..]))];
    let node = Node::start_with(&dir, |options| {
        (options.hosts, options.cors_origins) = (owned(hosts), owned(origins));
        options.web_app = WebApp::of(files);
    })
    .await;
    (node, dir)
}

/// Sends a request with these lines in its head, and no `Host` of its own.
async fn send(node: &Node, first: &str, lines: &str) -> Answer {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = format!("{first} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    Answer::read(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_the_nodes_gets_nothing() {
    let (node, _dir) = start(&["photos.example"], &[]).await;
    for host in
        ["localhost", "127.0.0.1:4943", "uxrrr-q7777-77774-qaaaq-cai.localhost:4943", "photos.example"]
    {
        assert_eq!(send(&node, "GET /health", &format!("host: {host}\r\n")).await.status, 200, "{host}");
    }
    for path in ["/", "/health", "/api/v2/status", "/asset/mem_1/original"] {
        let answer = send(&node, &format!("GET {path}"), "host: evil.test\r\n").await;
        assert_eq!(answer.status, 421, "{path}");
        assert!(answer.text().contains("evil.test") && answer.text().contains("--host"), "{}", answer.text());
    }
    assert_eq!(send(&node, "GET /health", "").await.status, 421);
    let absolute = send(&node, "GET http://evil.test/health", "host: localhost\r\n").await;
    assert_eq!(absolute.status, 421, "what the first line names counts too");
    let preflight = "host: evil.test\r\norigin: http://evil.test\r\naccess-control-request-method: POST\r\n";
    assert_eq!(send(&node, "OPTIONS /api/v2/status", preflight).await.status, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_its_own_or_a_listed_origin_read_and_call() {
    let (node, _dir) = start(&[], &["https://app.example"]).await;
    let call = format!("/api/v4/canister/{}/call", node.canister_id);
    let own = format!("http://{}", node.address);
    for (origin, may) in
        [("https://app.example", true), (own.as_str(), true), ("https://evil.test", false), ("null", false)]
    {
        let lines = format!("host: {}\r\norigin: {origin}\r\n", node.address);
        let allowed = may.then(|| origin.to_owned());
        let asked =
            "access-control-request-method: POST\r\naccess-control-request-headers: content-type,range\r\n";
        let answer = send(&node, &format!("OPTIONS {call}"), &format!("{lines}{asked}")).await;
        assert_eq!(answer.header("access-control-allow-origin").map(str::to_owned), allowed, "{origin}");
        if may {
            assert!(answer.header("access-control-allow-methods").unwrap().contains("post"));
            assert_eq!(answer.header("access-control-allow-headers"), Some("content-type,range"));
        }
        let answer = send(&node, "GET /asset/mem_1/original", &lines).await;
        assert_eq!(answer.header("access-control-allow-origin").map(str::to_owned), allowed, "{origin}");
        assert!(answer.header("vary").unwrap().contains("origin"), "a cache must not mix origins");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("etag") && exposed.contains("content-range"), "{exposed}");
        for (method, path) in [("POST", call.as_str()), ("POST", "/"), ("DELETE", "/asset/mem_1/original")] {
            let answer = send(&node, &format!("{method} {path}"), &lines).await;
            assert_eq!(answer.status != 403, may, "{method} {path} from {origin}: {}", answer.status);
            assert!(may || answer.text().contains("--cors-origin"), "{}", answer.text());
        }
    }
    let open = start(&[], &["*"]).await;
    let lines = "host: localhost\r\norigin: https://any.test\r\n";
    let answer = send(&open.0, "GET /health", lines).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_ne!(send(&open.0, &format!("POST {call}"), lines).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_any_name_is_answered_and_none_but_given_ones_where_some_are() {
    for (hosts, status) in [(&[][..], 200), (&["photos.example"][..], 421)] {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::start_with(&dir, |options| {
            options.listen = "0.0.0.0:0".parse().unwrap();
            options.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        })
        .await;
        assert_eq!(send(&node, "GET /health", "host: whatever.test\r\n").await.status, status);
        assert_eq!(send(&node, "GET /health", "host: localhost\r\n").await.status, 200);
        let other = "host: photos.example\r\norigin: https://evil.test\r\n";
        let answer = send(&node, "GET /health", other).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(send(&node, "POST /", other).await.status == 403, !hosts.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_says_once_what_browsers_may_do() {
    let (node, _dir) = start(&[], &[]).await;
    let missing = Principal::anonymous();
    for (path, opener, embedders) in [
        ("/", "same-origin-allow-popups", "same-origin"),
        ("/nowhere", "same-origin", "same-origin"),
        ("/health", "same-origin", "same-origin"),
        ("/api/v2/status", "same-origin", "same-origin"),
        (&format!("/api/v3/canister/{missing}/call"), "same-origin", "same-origin"),
        ("/asset/mem_1/original", "same-origin", "same-origin"),
    ] {
        let answer = node.send("GET", path, "", b"").await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", opener),
            ("cross-origin-resource-policy", embedders),
            ("referrer-policy", "no-referrer"),
        ] {
            let told: Vec<_> =
                answer.head.lines().filter(|line| line.starts_with(&format!("{name}:"))).collect();
            assert_eq!(told, [format!("{name}: {value}")], "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_name_or_an_origin_that_is_none_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServeOptions::new(dir.path().join("data"));
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.hosts = vec!["https://photos.example".into()];
    let error = Server::bind(options.clone()).await.unwrap_err();
    assert!(matches!(error, ServeError::Origin(_)) && error.to_string().contains("--host"), "{error}");
    (options.hosts, options.cors_origins) = (Vec::new(), vec!["photos.example".into()]);
    let error = Server::bind(options).await.unwrap_err();
    assert!(error.to_string().contains("--cors-origin"), "{error}");
    assert!(!dir.path().join("data").exists(), "nothing was made");
}
