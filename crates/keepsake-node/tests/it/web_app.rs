//! The web app's files over HTTP: types, caching, entity tags, compression, and what is no file of it.

use std::borrow::Cow;

use keepsake_node::serve::{ServeOptions, Server};
use keepsake_node::web_app::WebApp;
use tempfile::TempDir;

use crate::node::Node;

const PAGE: &str = "<!doctype html><title>App</title>";

async fn start() -> (Node, TempDir) {
    let script = "console.log('here');\n".repeat(500);
    let files = [
        ("index.html", Cow::Borrowed(PAGE.as_bytes())),
        ("assets/main-1a2b.js", Cow::Owned(script.into_bytes())),
    ];
    let dir = tempfile::tempdir().unwrap();
    let app = WebApp::of(files.map(|(path, bytes)| (path.to_owned(), bytes)));
    (Node::start_with(&dir, |options| options.web_app = app).await, dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_at_the_root_with_a_strict_policy() {
    let (node, _dir) = start().await;
    for path in ["/", "/index.html", "/?capsule=capsule_1"] {
        let answer = node.send("GET", path, "", b"").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, PAGE), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("'unsafe-eval'"), "{policy}");
    }
    let head = node.send("HEAD", "/", "", b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let length = node.send("GET", "/", "", b"").await.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_file_is_not_sent_again() {
    let (node, _dir) = start().await;
    let answer = node.send("GET", "/", "", b"").await;
    let etag = answer.header("etag").unwrap();
    let tag = etag.strip_prefix("w/").expect("weak, in the small letters of this test's client");
    for known in [format!("W/{tag}"), format!("\"other\", W/{tag}"), tag.to_owned(), "*".to_owned()] {
        let answer = node.send("GET", "/", &format!("if-none-match: {known}\r\n"), b"").await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(etag));
    }
    assert_eq!(node.send("GET", "/", "if-none-match: \"other\"\r\n", b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn named_by_its_bytes_a_file_is_kept_and_comes_compressed() {
    let (node, _dir) = start().await;
    let plain = node.send("GET", "/assets/main-1a2b.js", "", b"").await;
    assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(plain.header("content-type"), Some("text/javascript; charset=utf-8"));
    let small = node.send("GET", "/assets/main-1a2b.js", "accept-encoding: gzip\r\n", b"").await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.body.len() * 10 < plain.body.len(), "{} of {}", small.body.len(), plain.body.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_the_app_is_not_found() {
    let (node, _dir) = start().await;
    for path in ["/assets", "/assets/", "/assets/../index.html", "/%2e%2e/index.html", "/index.html/", "//"] {
        let answer = node.send("GET", path, "", b"").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("There is nothing at"), "{path}");
    }
    let answer = node.send("POST", "/", "", b"{}").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")));
    assert_eq!(node.send("GET", "/health", "", b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_answers_while_no_query_has_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let files = [("index.html".to_owned(), Cow::Borrowed(PAGE.as_bytes()))];
    let mut options = ServeOptions::new(dir.path().join("data"));
    (options.listen, options.web_app) = ("127.0.0.1:0".parse().unwrap(), WebApp::of(files));
    let node = Node::of(Server::bind_with(options, |engine| engine.queries_max = 0).await.unwrap());
    assert_eq!(node.send("GET", "/asset/mem_1/original", "", b"").await.status, 503, "no reader is free");
    for (path, status) in [("/", 200), ("/index.html", 200), ("/nowhere", 404), ("/health", 200)] {
        assert_eq!(node.send("GET", path, "", b"").await.status, status, "{path}");
    }
}
