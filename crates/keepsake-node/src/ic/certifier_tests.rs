//! Tests of the certifier: what certificates prove, verified as a client does.

use super::*;
use crate::engine::Rejection;
use ic_certification::{Certificate as Decoded, LookupResult};

struct Fixture {
    _dir: tempfile::TempDir,
    root: RootKey,
    node: NodeKey,
    canister_id: Principal,
    certifier: Certifier,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let data = crate::data_dir::DataDir::open(dir.path()).unwrap();
    let (root, node) = (RootKey::load_or_make(&data).unwrap(), NodeKey::load_or_make(&data).unwrap());
    let canister_id = Principal::from_text("uxrrr-q7777-77774-qaaaq-cai").unwrap();
    let facts = CertifiedFacts {
        canister_id,
        controllers: vec![Principal::anonymous()],
        metadata: vec![("candid:service".into(), b"service : {}".to_vec())],
    };
    let certifier = Certifier::start(root.clone(), &node, &facts, Clock::system()).unwrap();
    Fixture { _dir: dir, root, node, canister_id, certifier }
}

fn select(paths: &[&[&[u8]]]) -> Selection {
    let mut selection = Selection::default();
    for path in paths {
        selection.add(path);
    }
    selection
}

/// Decodes and verifies as an agent does.
fn verified(fixture: &Fixture, bytes: &[u8]) -> Decoded {
    assert_eq!(bytes[..3], [0xd9, 0xd9, 0xf7]);
    let certificate: Decoded = serde_cbor::from_slice(bytes).unwrap();
    let message = [b"\x0Dic-state-root".as_slice(), &certificate.tree.digest()].concat();
    let key = &fixture.root.public_der()[37..];
    ic_verify_bls_signature::verify_bls_signature(&certificate.signature, &message, key).unwrap();
    assert!(certificate.delegation.is_none());
    certificate
}

fn found<'c>(certificate: &'c Decoded, path: &[&[u8]]) -> &'c [u8] {
    match certificate.tree.lookup_path(path) {
        LookupResult::Found(value) => value,
        other => panic!("{path:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_reply_is_certified_and_other_requests_stay_unknown() {
    let f = fixture();
    let state =
        f.certifier.certify(Some(([5; 32], Some(RequestStatus::Replied(b"DIDL".to_vec()))))).await.unwrap();
    let c = verified(&f, &state.certificate(select(&[&[b"request_status", &[5; 32]]])));
    assert_eq!(found(&c, &[b"request_status", &[5; 32], b"status"]), b"replied");
    assert_eq!(found(&c, &[b"request_status", &[5; 32], b"reply"]), b"DIDL");
    for other in [[4; 32], [6; 32]] {
        assert_eq!(c.tree.lookup_path([&b"request_status"[..], &other, b"status"]), LookupResult::Unknown);
    }
    let mut time = found(&c, &[b"time"]);
    let age_ns = Clock::system().now_ns().abs_diff(leb128::read::unsigned(&mut time).unwrap());
    assert!(age_ns < 60_000_000_000, "{age_ns}");
}

#[tokio::test]
async fn a_rejection_is_certified_with_its_codes() {
    let f = fixture();
    let rejection = Rejection { code: 3, error_code: "IC0536".into(), message: "no such method".into() };
    let state = f.certifier.certify(Some(([5; 32], Some(RequestStatus::Rejected(rejection))))).await.unwrap();
    let c = verified(&f, &state.certificate(select(&[&[b"request_status", &[5; 32]]])));
    assert_eq!(found(&c, &[b"request_status", &[5; 32], b"status"]), b"rejected");
    assert_eq!(found(&c, &[b"request_status", &[5; 32], b"reject_code"]), [3]);
    assert_eq!(found(&c, &[b"request_status", &[5; 32], b"reject_message"]), b"no such method");
    assert_eq!(found(&c, &[b"request_status", &[5; 32], b"error_code"]), b"IC0536");
}

#[tokio::test]
async fn an_unknown_request_is_provably_absent_and_its_neighbours_stay_unknown() {
    let f = fixture();
    for id in [[0; 32], [5; 32], [0xff; 32]] {
        let state = f.certifier.certify(Some((id, None))).await.unwrap();
        let c = verified(&f, &state.certificate(select(&[&[b"request_status", &id]])));
        assert_eq!(c.tree.lookup_path([&b"request_status"[..], &id, b"status"]), LookupResult::Absent);
        let mut other = id;
        other[0] ^= 1;
        assert_eq!(c.tree.lookup_path([&b"request_status"[..], &other]), LookupResult::Unknown);
    }
}

#[tokio::test]
async fn concurrent_requests_share_signatures_and_each_sees_only_its_own() {
    let f = fixture();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200_u8 {
        let certifier = f.certifier.clone();
        let status = (n % 3 != 0).then(|| RequestStatus::Replied(vec![n]));
        tasks.spawn(async move { (n, certifier.certify(Some(([n; 32], status))).await.unwrap()) });
    }
    let mut signatures = std::collections::BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        let (n, state) = done.unwrap();
        let c = verified(&f, &state.certificate(select(&[&[b"request_status", &[n; 32]]])));
        if n % 3 == 0 {
            assert_eq!(c.tree.lookup_path([&b"request_status"[..], &[n; 32]]), LookupResult::Absent);
        } else {
            assert_eq!(found(&c, &[b"request_status", &[n; 32], b"reply"]), [n]);
        }
        let other = [n ^ 1; 32];
        assert_eq!(c.tree.lookup_path([&b"request_status"[..], &other, b"status"]), LookupResult::Unknown);
        signatures.insert(c.signature);
    }
    assert!(signatures.len() < 200, "no two requests shared a signature");
}

#[tokio::test]
async fn the_subnet_publishes_its_key_its_node_and_its_canister_in_both_forms() {
    let f = fixture();
    let subnet = f.root.subnet_id();
    let state = f.certifier.certify(None).await.unwrap();
    let c = verified(&f, &state.certificate(select(&[&[b"subnet"], &[b"canister_ranges"]])));
    assert_eq!(found(&c, &[b"subnet", subnet.as_slice(), b"public_key"]), f.root.public_der());
    let key = found(&c, &[b"subnet", subnet.as_slice(), b"node", f.node.id().as_slice(), b"public_key"]);
    assert_eq!(key, f.node.public_der());
    let ranges = found(&c, &[b"subnet", subnet.as_slice(), b"canister_ranges"]);
    assert_eq!(found(&c, &[b"canister_ranges", subnet.as_slice(), f.canister_id.as_slice()]), ranges);
    let ranges: Vec<(Principal, Principal)> = serde_cbor::from_slice(ranges).unwrap();
    assert_eq!(ranges, [(f.canister_id, f.canister_id)]);
    assert_eq!(c.tree.lookup_path([&b"canister"[..], f.canister_id.as_slice()]), LookupResult::Unknown);
}

#[tokio::test]
async fn canister_metadata_is_readable_and_other_names_are_absent() {
    let f = fixture();
    let id = f.canister_id.as_slice();
    let state = f.certifier.certify(None).await.unwrap();
    let c = verified(
        &f,
        &state.certificate(select(&[
            &[b"canister", id, b"metadata", b"candid:service"],
            &[b"canister", id, b"metadata", b"other"],
            &[b"canister", id, b"controllers"],
            &[b"canister", id, b"module_hash"],
        ])),
    );
    assert_eq!(found(&c, &[b"canister", id, b"metadata", b"candid:service"]), b"service : {}");
    let controllers: Vec<Principal> =
        serde_cbor::from_slice(found(&c, &[b"canister", id, b"controllers"])).unwrap();
    assert_eq!(controllers, [Principal::anonymous()]);
    assert_eq!(c.tree.lookup_path([&b"canister"[..], id, b"metadata", b"other"]), LookupResult::Absent);
    assert_eq!(c.tree.lookup_path([&b"canister"[..], id, b"module_hash"]), LookupResult::Absent);
}

#[tokio::test]
async fn the_certified_time_never_runs_backwards() {
    let f = fixture();
    let mut last = 0;
    for _ in 0..5 {
        let state = f.certifier.certify(None).await.unwrap();
        let c = verified(&f, &state.certificate(Selection::default()));
        let time = leb128::read::unsigned(&mut found(&c, &[b"time"])).unwrap();
        assert!(time > last);
        last = time;
    }
}

#[test]
fn no_two_states_have_the_same_time_and_a_clock_put_back_is_followed() {
    let second = 1_000_000_000;
    assert_eq!(next_time(7 * second, 5 * second), 7 * second);
    assert_eq!(next_time(5 * second, 5 * second), 5 * second + 1, "it stands still");
    assert_eq!(next_time(4 * second, 5 * second), 5 * second + 1, "a small step back");
    assert_eq!(next_time(3 * second, 5 * second), 3 * second, "put back");
}
