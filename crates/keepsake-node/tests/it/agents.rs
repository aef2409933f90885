//! The Rust agent with its default checks on, for every kind of identity.

use candid::Principal;
use ic_agent::agent::RejectCode;
use ic_agent::identity::{
    AnonymousIdentity, BasicIdentity, DelegatedIdentity, Delegation, Identity, Prime256v1Identity,
    Secp256k1Identity, SignedDelegation,
};
use ic_agent::{Agent, AgentError, RequestId};

use crate::node::{Capsule, MINUTE_NS, Node, ServiceError, ed25519, new_capsule, no_arguments, now_ns};

fn secp256k1(seed: u8) -> Secp256k1Identity {
    let key = ic_secp256k1::PrivateKey::deserialize_sec1(&[seed; 32]).unwrap();
    Secp256k1Identity::from_pem(key.serialize_rfc5915_pem()).unwrap()
}

fn prime256v1(seed: u8) -> Prime256v1Identity {
    let key = ic_secp256r1::PrivateKey::deserialize_sec1(&[seed; 32]).unwrap();
    Prime256v1Identity::from_pem(key.serialize_rfc5915_pem()).unwrap()
}

/// A session key that acts for `root`.
pub(crate) fn delegated(
    root: &impl Identity,
    session: BasicIdentity,
    delegation: Delegation,
) -> DelegatedIdentity {
    let signature = root.sign_delegation(&delegation).unwrap();
    let chain = vec![SignedDelegation { delegation, signature: signature.signature.unwrap() }];
    DelegatedIdentity::new_unchecked(root.public_key().unwrap(), Box::new(session), chain)
}

pub(crate) fn delegation_to(session: &BasicIdentity, targets: Option<Vec<Principal>>) -> Delegation {
    Delegation {
        pubkey: session.public_key().unwrap(),
        expiration: now_ns() + 30 * MINUTE_NS,
        targets,
        permissions: None,
    }
}

async fn create(agent: &Agent, canister_id: Principal) -> Result<Capsule, ServiceError> {
    let call = agent.update(&canister_id, "capsules_create").with_arg(new_capsule());
    candid::decode_one(&call.call_and_wait().await.unwrap()).unwrap()
}

async fn exchange(node: &Node, identity: impl Identity + 'static) {
    let principal = identity.sender().unwrap();
    let agent = node.agent(identity).await;
    let created = create(&agent, node.canister_id).await.unwrap();
    let listed =
        agent.query(&node.canister_id, "capsules_list").with_arg(no_arguments()).call().await.unwrap();
    let listed: Vec<Capsule> = candid::decode_one(&listed).unwrap();
    assert_eq!(listed, [created], "{principal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_identity_updates_and_queries_with_all_checks_on() {
    let (node, _dir) = Node::start().await;
    exchange(&node, ed25519(1)).await;
    exchange(&node, secp256k1(2)).await;
    exchange(&node, prime256v1(3)).await;
    let targets = Some(vec![node.canister_id]);
    exchange(&node, delegated(&ed25519(4), ed25519(40), delegation_to(&ed25519(40), None))).await;
    exchange(&node, delegated(&secp256k1(5), ed25519(50), delegation_to(&ed25519(50), targets))).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_answered_to_the_anonymous_caller() {
    #[derive(candid::CandidType, candid::Deserialize)]
    struct Config {
        chunk_size: u32,
    }
    let (node, _dir) = Node::start().await;
    let agent = node.agent(AnonymousIdentity).await;
    let reply =
        agent.query(&node.canister_id, "upload_config").with_arg(no_arguments()).call().await.unwrap();
    assert_eq!(candid::decode_one::<Config>(&reply).unwrap().chunk_size, 1_800_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_update_reaches_the_service_and_is_refused_by_it() {
    let (node, _dir) = Node::start().await;
    let agent = node.agent(AnonymousIdentity).await;
    assert_eq!(create(&agent, node.canister_id).await, Err(ServiceError::Unauthorized));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_method_is_rejected_with_a_certificate_or_a_signature() {
    let (node, _dir) = Node::start().await;
    let agent = node.agent(ed25519(1)).await;
    let error =
        agent.update(&node.canister_id, "no_such_method").with_arg(no_arguments()).call_and_wait().await;
    let AgentError::CertifiedReject { reject, .. } = error.unwrap_err() else { panic!("not certified") };
    assert_eq!(
        (reject.reject_code, reject.error_code.as_deref()),
        (RejectCode::CanisterError, Some("IC0536"))
    );
    let error = agent.query(&node.canister_id, "no_such_method").with_arg(no_arguments()).call().await;
    let AgentError::UncertifiedReject { reject, .. } = error.unwrap_err() else { panic!("not a reject") };
    assert_eq!(
        (reject.reject_code, reject.error_code.as_deref()),
        (RejectCode::CanisterError, Some("IC0536"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_canisters_and_the_management_canister_are_rejected_by_name() {
    let (node, _dir) = Node::start().await;
    let agent = node.agent(ed25519(1)).await;
    let other = Principal::from_text("ryjl3-tyaaa-aaaaa-aaaba-cai").unwrap();
    let error = agent.update(&other, "transfer").with_arg(no_arguments()).call_and_wait().await.unwrap_err();
    let AgentError::UncertifiedReject { reject, .. } = error else { panic!("{error}") };
    assert_eq!(reject.error_code.as_deref(), Some("IC0301"));
    assert!(reject.reject_message.contains("not found"), "{}", reject.reject_message);
    let management = Principal::management_canister();
    let call = agent.update(&management, "canister_status").with_effective_canister_id(node.canister_id);
    let error = call.with_arg(no_arguments()).call_and_wait().await.unwrap_err();
    let AgentError::UncertifiedReject { reject, .. } = error else { panic!("{error}") };
    assert!(reject.reject_message.contains("no management canister"), "{}", reject.reject_message);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_reads_certified_facts_about_canister_and_subnet() {
    let (node, _dir) = Node::start().await;
    let agent = node.agent(AnonymousIdentity).await;
    let candid = agent.read_state_canister_metadata(node.canister_id, "candid:service").await.unwrap();
    assert_eq!(candid, keepsake_api::DID.as_bytes());
    assert!(String::from_utf8(candid).unwrap().contains("uploads_put_chunk"));
    assert_eq!(agent.read_state_canister_controllers(node.canister_id).await.unwrap(), []);
    let ranges = agent.read_state_subnet_canister_ranges(node.subnet_id()).await.unwrap();
    assert_eq!(ranges, [(node.canister_id, node.canister_id)]);
    let subnet = agent.fetch_subnet_by_canister(&node.canister_id).await.unwrap();
    assert_eq!(subnet.id(), node.subnet_id());
    assert!(subnet.contains_canister(&node.canister_id));
    assert_eq!(subnet.iter_nodes().count(), 1);
    let subnet = agent.fetch_subnet_by_id(&node.subnet_id()).await.unwrap();
    assert_eq!(subnet.iter_nodes().count(), 1);
    let (status, _) = agent.request_status_raw(&RequestId::new(&[9; 32]), node.canister_id).await.unwrap();
    assert_eq!(status, ic_agent::agent::RequestStatusResponse::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_submitted_without_waiting_is_polled_to_its_end() {
    let (node, _dir) = Node::start().await;
    let identity = ed25519(7);
    let content = node.create(&identity, 1);
    let answer = node.post_canister("v2", "call", &crate::node::sealed(&identity, &content)).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    let agent = node.agent(ed25519(7)).await;
    let (reply, _) = agent.wait(&crate::node::id_of(&content), node.canister_id).await.unwrap();
    let created: Result<Capsule, ServiceError> = candid::decode_one(&reply).unwrap();
    assert_eq!(node.capsules_of(ed25519(7)).await, [created.unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_knows_another_root_key_refuses_the_node() {
    let (node, _dir) = Node::start().await;
    let (other, _other_dir) = Node::start().await;
    let agent = node.agent(ed25519(1)).await;
    agent.set_root_key(other.root_key.clone());
    let update =
        agent.update(&node.canister_id, "capsules_create").with_arg(new_capsule()).call_and_wait().await;
    assert!(matches!(update, Err(AgentError::CertificateVerificationFailed())), "{update:?}");
    let query = agent.query(&node.canister_id, "capsules_list").with_arg(no_arguments()).call().await;
    assert!(matches!(query, Err(AgentError::CertificateVerificationFailed())), "{query:?}");
}
