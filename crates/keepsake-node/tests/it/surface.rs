//! Everything of HTTP that is not the IC's: health, index, assets, unknown routes, restarts.

use candid::Principal;
use keepsake_node::serve::{ServeError, ServeOptions, Server};

use crate::node::Node;

#[tokio::test(flavor = "multi_thread")]
async fn health_and_index_name_the_canister() {
    let (node, _dir) = Node::start().await;
    let health = node.send("GET", "/health", "", b"").await;
    assert_eq!((health.status, health.header("content-type")), (200, Some("application/json")));
    let health: serde_json::Value = serde_json::from_slice(&health.body).unwrap();
    assert_eq!((&health["status"], &health["clock"]), (&"ok".into(), &"ok".into()));
    assert_eq!(health["canister_id"], "uxrrr-q7777-77774-qaaaq-cai");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    let index = node.send("GET", "/", "", b"").await;
    assert_eq!(index.status, 200);
    assert!(index.text().contains("uxrrr-q7777-77774-qaaaq-cai"));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_the_root_key_in_tagged_cbor() {
    #[derive(serde::Deserialize)]
    struct Status {
        #[serde(with = "serde_bytes")]
        root_key: Vec<u8>,
        #[serde(rename = "replica_health_status")]
        health: String,
        impl_version: String,
    }
    let (node, _dir) = Node::start().await;
    let answer = node.send("GET", "/api/v2/status", "", b"").await;
    assert_eq!((answer.status, &answer.body[..3]), (200, &[0xd9, 0xd9, 0xf7][..]));
    let status: Status = serde_cbor::from_slice(&answer.body).unwrap();
    assert_eq!((status.root_key, status.health.as_str()), (node.root_key.clone(), "healthy"));
    assert_eq!(status.impl_version, env!("CARGO_PKG_VERSION"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_methods_are_answered_with_a_hint() {
    let (node, _dir) = Node::start().await;
    let answer = node.send("GET", "/nowhere?token=secret", "", b"").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("nothing at /nowhere."), "{}", answer.text());
    assert!(!answer.text().contains("secret"));
    let call = format!("/api/v3/canister/{}/call", node.canister_id);
    assert_eq!(node.send("GET", &call, "", b"").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_asset_is_not_found_and_never_sniffed() {
    let (node, _dir) = Node::start().await;
    for method in ["GET", "HEAD"] {
        let answer = node.send(method, "/asset/mem_404/original", "", b"").await;
        assert!([401, 403, 404].contains(&answer.status), "{}", answer.status);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").unwrap().contains("sandbox"));
        assert_eq!(answer.body.is_empty(), method == "HEAD" || answer.header("content-length") == Some("0"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_its_canister_id_and_its_keys() {
    let (node, dir) = Node::start().await;
    let root_key = node.root_key.clone();
    let mut options = ServeOptions::new(dir.path().join("data"));
    options.listen = "127.0.0.1:0".parse().unwrap();
    let error = Server::bind(options.clone()).await.unwrap_err();
    assert!(matches!(error, ServeError::DataDir(_)), "a second node on the directory: {error}");
    node.stop().await;

    options.canister_id = Principal::from_text("ryjl3-tyaaa-aaaaa-aaaba-cai").unwrap();
    let error = Server::bind(options).await.unwrap_err();
    let ServeError::OtherCanisterId { stored, .. } = &error else { panic!("{error}") };
    assert_eq!(stored, "uxrrr-q7777-77774-qaaaq-cai");
    assert!(error.to_string().contains("ryjl3-tyaaa-aaaaa-aaaba-cai"), "{error}");
    assert_eq!(Node::start_in(&dir).await.root_key, root_key);
}
