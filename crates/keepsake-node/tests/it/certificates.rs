//! `read_state`: certificates verified by hand, and the rules on paths.

use candid::Principal;
use ic_agent::identity::AnonymousIdentity;
use ic_certification::{Certificate, LookupResult};
use ic_transport_types::{EnvelopeContent, ReadStateResponse};

use crate::node::{Answer, Node, anonymous_read_state, ed25519, now_ns, read_state, sealed};

/// The verified certificate in an answer.
fn verified(node: &Node, answer: &Answer) -> Certificate {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/cbor"));
    let ReadStateResponse { certificate } = serde_cbor::from_slice(&answer.body).unwrap();
    let certificate: Certificate = serde_cbor::from_slice(&certificate).unwrap();
    let message = [b"\x0Dic-state-root".as_slice(), &certificate.tree.digest()].concat();
    let key = &node.root_key[node.root_key.len() - 96..];
    ic_verify_bls_signature::verify_bls_signature(&certificate.signature, &message, key).unwrap();
    certificate
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_certified_for_any_canister_and_any_clock() {
    let (node, _dir) = Node::start().await;
    let content = EnvelopeContent::ReadState {
        ingress_expiry: 0,
        sender: Principal::anonymous(),
        paths: vec![vec!["time".into()]],
    };
    let body = sealed(&AnonymousIdentity, &content);
    for url in [
        format!("v2/canister/{}/read_state", node.canister_id),
        "v3/canister/ryjl3-tyaaa-aaaaa-aaaba-cai/read_state".to_owned(),
        format!("v2/subnet/{}/read_state", node.subnet_id()),
    ] {
        let certificate = verified(&node, &node.post(&url, &body).await);
        let LookupResult::Found(mut time) = certificate.tree.lookup_path(["time"]) else { panic!("no time") };
        let time = leb128::read::unsigned(&mut time).unwrap();
        assert!(now_ns().abs_diff(time) < 60_000_000_000);
        assert!(certificate.delegation.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_request_is_provably_absent() {
    let (node, _dir) = Node::start().await;
    let body = read_state(&ed25519(1), &[&[b"request_status", &[7; 32]]]);
    let certificate = verified(&node, &node.post_canister("v3", "read_state", &body).await);
    let path = [b"request_status".as_slice(), &[7; 32], b"status"];
    assert_eq!(certificate.tree.lookup_path(path), LookupResult::Absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_may_not_be_read_are_refused() {
    let (node, _dir) = Node::start().await;
    let (canister, subnet) = (node.canister_id, node.subnet_id());
    let other = Principal::from_text("ryjl3-tyaaa-aaaaa-aaaba-cai").unwrap();
    let refused: [(u16, Vec<Vec<&[u8]>>); 11] = [
        (404, vec![vec![]]),
        (404, vec![vec![b"nothing"]]),
        (404, vec![vec![b"time", b"deeper"]]),
        (404, vec![vec![b"canister", canister.as_slice()]]),
        (404, vec![vec![b"canister", canister.as_slice(), b"certified_data"]]),
        (404, vec![vec![b"request_status"]]),
        (404, vec![vec![b"subnet", subnet.as_slice(), b"metrics"]]),
        (400, vec![vec![b"canister", other.as_slice(), b"controllers"]]),
        (400, vec![vec![b"canister", canister.as_slice(), b"metadata", b"\xff"]]),
        (400, vec![vec![b"request_status", &[1; 31]]]),
        (400, vec![vec![b"request_status", &[1; 32]], vec![b"request_status", &[2; 32]]]),
    ];
    for (status, paths) in refused {
        let slices: Vec<&[&[u8]]> = paths.iter().map(Vec::as_slice).collect();
        let answer = node.post_canister("v2", "read_state", &anonymous_read_state(&slices)).await;
        assert_eq!(answer.status, status, "{paths:?}: {}", answer.text());
    }
    let controllers: &[&[u8]] = &[b"canister", canister.as_slice(), b"controllers"];
    let at_subnet = format!("v3/subnet/{subnet}/read_state");
    assert_eq!(node.post(&at_subnet, &anonymous_read_state(&[controllers])).await.status, 404);
    let metrics: &[&[u8]] = &[b"subnet", subnet.as_slice(), b"metrics"];
    assert_eq!(node.post(&at_subnet, &anonymous_read_state(&[metrics])).await.status, 200);
    let elsewhere = format!("v3/subnet/{canister}/read_state");
    assert_eq!(node.post(&elsewhere, &anonymous_read_state(&[&[b"time"]])).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_and_length_of_paths_is_bounded() {
    let (node, _dir) = Node::start().await;
    let time: &[&[u8]] = &[b"time"];
    let answer = node.post_canister("v2", "read_state", &anonymous_read_state(&vec![time; 1000])).await;
    verified(&node, &answer);
    let answer = node.post_canister("v2", "read_state", &anonymous_read_state(&vec![time; 1001])).await;
    assert_eq!((answer.status, answer.text().contains("at most 1000")), (400, true));
    let long: Vec<&[u8]> = vec![b"x"; 128];
    let answer = node.post_canister("v2", "read_state", &anonymous_read_state(&[&long])).await;
    assert_eq!((answer.status, answer.text().contains("at most 127")), (400, true));
}
