//! The specification's rules for envelopes: what is refused, with which status and words, and that nothing happens.

use candid::Principal;
use ic_agent::identity::{AnonymousIdentity, Delegation, Identity, SignedDelegation};
use ic_transport_types::{DelegationPermissions, EnvelopeContent, SenderInfo, TransportCallResponse};

use crate::agents::{delegated, delegation_to};
use crate::node::{Answer, Capsule, MINUTE_NS, Node, ed25519, id_of, no_arguments, now_ns, sealed, signed};

/// Changes one field of a call.
fn with(
    content: &EnvelopeContent,
    change: impl FnOnce(&mut u64, &mut Principal, &mut Option<Vec<u8>>),
) -> EnvelopeContent {
    let mut content = content.clone();
    let EnvelopeContent::Call { ingress_expiry, sender, nonce, .. } = &mut content else {
        panic!("not a call")
    };
    change(ingress_expiry, sender, nonce);
    content
}

fn assert_refused(answer: &Answer, words: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains(words), "{words:?} not in {:?}", answer.text());
}

/// Posts `body` to every version of the call endpoint; each must refuse it.
async fn refused(node: &Node, body: &[u8], words: &str) {
    for version in ["v2", "v3", "v4"] {
        assert_refused(&node.post_canister(version, "call", body).await, words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_outside_their_time_are_refused_in_the_words_that_agents_look_for() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let content = node.create(&me, 1);
    for expiry in [0, now_ns() - MINUTE_NS, now_ns() + 7 * MINUTE_NS, u64::MAX] {
        let content = with(&content, |ingress_expiry, _, _| *ingress_expiry = expiry);
        refused(&node, &sealed(&me, &content), "Invalid request expiry: ").await;
    }
    let late =
        with(&content, |ingress_expiry, _, _| *ingress_expiry = now_ns() + 5 * MINUTE_NS + MINUTE_NS / 2);
    assert_eq!(node.post_canister("v3", "call", &sealed(&me, &late)).await.status, 200);
    assert_eq!(node.capsules_of(ed25519(1)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_key_or_sender_is_refused() {
    let (node, _dir) = Node::start().await;
    let (me, other) = (ed25519(1), ed25519(2));
    let content = node.create(&me, 1);

    let mut tampered = signed(&me, &content);
    tampered.sender_sig.as_mut().unwrap()[5] ^= 1;
    refused(&node, &tampered.encode_bytes(), "Invalid signature").await;

    let mut changed = signed(&me, &content);
    changed.content.to_mut().clone_from(&node.create(&me, 2));
    refused(&node, &changed.encode_bytes(), "Invalid signature").await;

    let mut stolen = signed(&other, &content);
    stolen.sender_pubkey = me.public_key();
    refused(&node, &stolen.encode_bytes(), "Invalid signature").await;

    refused(&node, &sealed(&other, &content), "does not match the public key").await;

    let mut unsigned = signed(&me, &content);
    unsigned.sender_sig = None;
    refused(&node, &unsigned.encode_bytes(), "Missing signature").await;
    unsigned.sender_pubkey = None;
    refused(&node, &unsigned.encode_bytes(), "Missing signature").await;

    let mut strange = signed(&me, &content);
    strange.sender_pubkey = Some(vec![0x30, 0x00]);
    let content = with(&content, |_, sender, _| *sender = Principal::self_authenticating([0x30, 0x00]));
    strange.content.to_mut().clone_from(&content);
    refused(&node, &strange.encode_bytes(), "Unsupported public key").await;

    assert_eq!(node.capsules_of(ed25519(1)).await, []);
    assert_eq!(node.capsules_of(ed25519(2)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_anonymous_sender_may_carry_no_signature() {
    let (node, _dir) = Node::start().await;
    let mut envelope = signed(&ed25519(1), &node.create(&AnonymousIdentity, 1));
    refused(&node, &envelope.encode_bytes(), "not allowed for the anonymous user").await;
    (envelope.sender_pubkey, envelope.sender_sig) = (None, None);
    assert_eq!(node.post_canister("v3", "call", &envelope.encode_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_over_32_bytes_and_sender_info_are_refused() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let content = with(&node.create(&me, 1), |_, _, nonce| *nonce = Some(vec![0; 33]));
    refused(&node, &sealed(&me, &content), "Nonce too big").await;
    let mut content = node.create(&me, 1);
    let EnvelopeContent::Call { sender_info, .. } = &mut content else { panic!("not a call") };
    *sender_info = Some(SenderInfo { info: vec![1], signer: vec![2], sig: vec![3] });
    refused(&node, &sealed(&me, &content), "sender_info").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_and_the_message_must_name_the_same_canister() {
    let (node, _dir) = Node::start().await;
    let body = sealed(&ed25519(1), &node.create(&ed25519(1), 1));
    let answer = node.post("v3/canister/ryjl3-tyaaa-aaaaa-aaaba-cai/call", &body).await;
    assert_refused(&answer, "does not match effective canister id in URL");
    let answer = node.post("v3/canister/not-a-principal/call", &body).await;
    assert_refused(&answer, "not the text of a principal");
    assert_eq!(node.capsules_of(ed25519(1)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_takes_its_own_type_of_request_only() {
    let (node, _dir) = Node::start().await;
    let body = sealed(&ed25519(1), &node.create(&ed25519(1), 1));
    for endpoint in ["query", "read_state"] {
        assert_refused(&node.post_canister("v2", endpoint, &body).await, "its request_type is call");
    }
    refused(&node, &crate::node::anonymous_read_state(&[]), "its request_type is read_state").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_delegation_chains_are_refused() {
    let (node, _dir) = Node::start().await;
    let session = ed25519(10);
    let good = delegation_to(&session, None);
    let refusals: [(Delegation, &str); 4] = [
        (Delegation { expiration: now_ns() - 1, ..good.clone() }, "sender delegation has expired"),
        (delegation_to(&session, Some(vec![])), "is not one of the delegation targets"),
        (delegation_to(&session, Some(vec![Principal::anonymous()])), "is not one of the delegation targets"),
        (
            Delegation { permissions: Some(DelegationPermissions::Queries), ..good.clone() },
            "permits queries only",
        ),
    ];
    for (delegation, words) in refusals {
        let identity = delegated(&ed25519(1), ed25519(10), delegation);
        let content = node.create(&identity, 1);
        refused(&node, &sealed(&identity, &content), words).await;
    }

    let identity = delegated(&ed25519(1), ed25519(10), good);
    let content = node.create(&identity, 1);
    let mut forged = signed(&identity, &content);
    forged.sender_delegation.as_mut().unwrap()[0].signature[3] ^= 1;
    refused(&node, &forged.encode_bytes(), "Invalid delegation: Invalid basic signature").await;
    let mut longer = signed(&identity, &content);
    longer.sender_delegation.as_mut().unwrap()[0].delegation.expiration += 1;
    refused(&node, &longer.encode_bytes(), "Invalid delegation: Invalid basic signature").await;
    let mut missing = signed(&identity, &content);
    missing.sender_delegation = None;
    refused(&node, &missing.encode_bytes(), "Invalid signature").await;
    assert_eq!(node.capsules_of(ed25519(1)).await, []);
}

/// A chain over the keys of `seeds`, the last of which signs.
fn chain(seeds: &[u8]) -> Vec<SignedDelegation> {
    let link = |pair: &[u8]| {
        let delegation = delegation_to(&ed25519(pair[1]), None);
        let signature = ed25519(pair[0]).sign_delegation(&delegation).unwrap().signature.unwrap();
        SignedDelegation { delegation, signature }
    };
    seeds.windows(2).map(link).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_up_to_20_are_taken_and_longer_ones_and_cycles_are_refused() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let send = async |seeds: &[u8], nonce| {
        let content = node.create(&me, nonce);
        let mut envelope = signed(&ed25519(*seeds.last().unwrap()), &content);
        envelope.sender_pubkey = me.public_key();
        envelope.sender_delegation = Some(chain(seeds));
        node.post_canister("v3", "call", &envelope.encode_bytes()).await
    };
    let seeds: Vec<u8> = (1..=22).collect();
    assert_eq!(send(&seeds[..21], 1).await.status, 200);
    assert_refused(&send(&seeds, 2).await, "at most 20 are allowed");
    for cycle in [&[1_u8, 1][..], &[1, 2, 1], &[1, 2, 3, 2], &[1, 2, 2]] {
        assert_refused(&send(cycle, 3).await, "contains at least one cycle");
    }
    assert_eq!(node.capsules_of(ed25519(1)).await.len(), 1);
}

/// The result that the certificate in a synchronous reply tells of.
fn result<T>(answer: &Answer, content: &EnvelopeContent) -> Result<T, keepsake_api::Error>
where
    T: candid::CandidType + for<'d> candid::Deserialize<'d>,
{
    let TransportCallResponse::Replied { certificate } = serde_cbor::from_slice(&answer.body).unwrap() else {
        panic!("not replied")
    };
    let certificate: ic_certification::Certificate = serde_cbor::from_slice(&certificate).unwrap();
    let id = id_of(content);
    let path = [b"request_status".as_slice(), id.as_slice(), b"reply"];
    let ic_certification::LookupResult::Found(reply) = certificate.tree.lookup_path(path) else {
        panic!("no reply")
    };
    candid::decode_one(reply).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_envelope_gets_the_first_answer_and_runs_once_even_after_a_restart() {
    let (node, dir) = Node::start().await;
    let me = ed25519(1);
    let content = node.create(&me, 1);
    let body = sealed(&me, &content);
    let created = result::<Capsule>(&node.post_canister("v3", "call", &body).await, &content).unwrap();
    // With the capsule gone, running the call again would make another one.
    let delete = node.call(&me, "capsules_delete", candid::encode_one(&created.id).unwrap(), 2);
    let delete_body = sealed(&me, &delete);
    result::<()>(&node.post_canister("v4", "call", &delete_body).await, &delete).unwrap();
    for version in ["v3", "v4"] {
        let again = result::<Capsule>(&node.post_canister(version, "call", &body).await, &content).unwrap();
        assert_eq!(again, created);
    }
    assert_eq!(node.post_canister("v2", "call", &body).await.status, 202);
    assert_eq!(node.capsules_of(ed25519(1)).await, []);
    let root_key = node.root_key.clone();
    node.stop().await;

    let node = Node::start_in(&dir).await;
    assert_eq!(node.root_key, root_key);
    let again = result::<Capsule>(&node.post_canister("v4", "call", &body).await, &content).unwrap();
    assert_eq!((again, node.capsules_of(ed25519(1)).await), (created, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_copies_at_once_run_once() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let create = node.create(&me, 1);
    let created =
        result::<Capsule>(&node.post_canister("v3", "call", &sealed(&me, &create)).await, &create).unwrap();
    let delete = |nonce| node.call(&me, "capsules_delete", candid::encode_one(&created.id).unwrap(), nonce);
    let content = delete(2);
    let body = sealed(&me, &content);
    let answers =
        futures_util::future::join_all((0..16).map(|_| node.post_canister("v4", "call", &body))).await;
    for answer in &answers {
        result::<()>(answer, &content).unwrap();
    }
    // A second run would have answered like this one.
    let other = delete(3);
    let answer = node.post_canister("v4", "call", &sealed(&me, &other)).await;
    assert_eq!(result::<()>(&answer, &other), Err(keepsake_api::Error::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_request_is_for_its_sender_only() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let content = node.create(&me, 1);
    assert_eq!(node.post_canister("v3", "call", &sealed(&me, &content)).await.status, 200);
    let id = id_of(&content);
    let path: &[&[u8]] = &[b"request_status", id.as_slice()];
    let mine = node.post_canister("v2", "read_state", &crate::node::read_state(&me, &[path])).await;
    assert_eq!(mine.status, 200);
    for body in [crate::node::read_state(&ed25519(2), &[path]), crate::node::anonymous_read_state(&[path])] {
        let answer = node.post_canister("v3", "read_state", &body).await;
        assert_eq!((answer.status, answer.text().contains("not signed by the caller")), (403, true));
    }
    let other_target = delegation_to(&ed25519(10), Some(vec![Principal::anonymous()]));
    let delegate = delegated(&ed25519(1), ed25519(10), other_target);
    let answer = node.post_canister("v3", "read_state", &crate::node::read_state(&delegate, &[path])).await;
    assert_refused(&answer, "is not one of the delegation targets");
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_queries_need_no_expiry_but_signed_ones_do() {
    let (node, _dir) = Node::start().await;
    let query = |sender: Principal| EnvelopeContent::Query {
        ingress_expiry: 1,
        sender,
        canister_id: node.canister_id,
        method_name: "capsules_list".into(),
        arg: no_arguments(),
        nonce: None,
        sender_info: None,
    };
    let anonymous = sealed(&AnonymousIdentity, &query(Principal::anonymous()));
    assert_eq!(node.post_canister("v3", "query", &anonymous).await.status, 200);
    let me = ed25519(1);
    let mine = sealed(&me, &query(me.sender().unwrap()));
    assert_refused(&node.post_canister("v2", "query", &mine).await, "Invalid request expiry: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_are_not_candid_are_rejected_and_change_nothing() {
    let (node, _dir) = Node::start().await;
    let me = ed25519(1);
    let content = node.call(&me, "capsules_create", b"not candid".to_vec(), 1);
    let answer = node.post_canister("v3", "call", &sealed(&me, &content)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("rejected"));
    assert_eq!(node.capsules_of(ed25519(1)).await, []);
}
