//! Real HTTP through the real gateway to the real module, filled by the Rust SDK; and what the IC's interface tells beside.

mod server;

use candid::Principal;
use ic_agent::identity::BasicIdentity;
use ic_agent::{Agent, Identity};
use keepsake_client::agent::AnonymousIdentity;
use keepsake_client::api::Error;
use keepsake_client::client::CallError;
use reqwest::Method;
use server::{Seen, Server, bytes, controller, make_public, person, upload};

#[tokio::test]
async fn a_public_asset_is_verified() {
    let server = Server::running();
    let client = server.client(person(1));
    let all = bytes(90_000);
    let uploaded = upload(&client, "public.bin", all.clone()).await;
    make_public(&client, &uploaded.capsule_id).await;
    let path = format!("/asset/{}/original", uploaded.memory_id);
    let seen = server.get_verified(&path).await;
    assert_eq!((seen.road.as_str(), seen.status), ("verified", 200));
    assert!(seen.body == all, "the body is the asset");
    assert_eq!(seen.cache_control, "public, no-cache");
    // The same by another way of naming the canister.
    let url = format!("{}{path}?canisterId={}", server.url, server.canister_id);
    let response = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    let seen = Seen::of(response).await;
    assert_eq!((seen.status, seen.body == all), (200, true), "road {}", seen.road);
    let head = server.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "90000");
}

#[tokio::test]
async fn a_private_asset_needs_its_token() {
    let server = Server::running();
    let client = server.client(person(2));
    let all = bytes(70_000);
    let memory = upload(&client, "private.bin", all.clone()).await.memory_id;
    let path = format!("/asset/{memory}/original");
    let token = client.mint_http_token(&memory, &[], None, 600).await.unwrap();
    let with_token = format!("{path}?token={token}");
    let seen = server.get_verified(&with_token).await;
    assert_eq!((seen.road.as_str(), seen.status), ("verified", 200));
    assert!(seen.body == all, "the body is the asset");
    assert_eq!(seen.cache_control, "private, no-store");
    for refused in [path.clone(), format!("{path}?token=abc")] {
        let seen = server.get(&refused).await;
        assert_eq!((seen.road.as_str(), seen.status), ("agreed", 401), "{refused}");
    }
    let part = server.request(Method::GET, &with_token).header("range", "bytes=10-19").send().await.unwrap();
    let part = Seen::of(part).await;
    assert_eq!((part.road.as_str(), part.status), ("agreed", 206));
    assert!(part.body == all[10..20], "the part is of the asset");
}

#[tokio::test]
async fn a_large_original_comes_whole() {
    let server = Server::running();
    let client = server.client(person(3));
    let all = bytes(5_000_000);
    let uploaded = upload(&client, "large.bin", all.clone()).await;
    make_public(&client, &uploaded.capsule_id).await;
    // The first time, the canister hashes the pieces before it answers.
    for road in ["agreed", "verified"] {
        let seen = server.get(&format!("/asset/{}/original", uploaded.memory_id)).await;
        assert_eq!((seen.road.as_str(), seen.status), (road, 200));
        assert!(seen.body == all, "the parts are the whole");
    }
}

#[tokio::test]
async fn what_the_canister_would_refuse_is_not_taken_in() {
    let server = Server::running();
    let unsigned = server.client(AnonymousIdentity).capsules_create(None).await.unwrap_err();
    assert!(matches!(unsigned, CallError::Refused { error: Error::Unauthorized, .. }), "{unsigned:?}");
    let nobody = agent(server, ic_agent::identity::AnonymousIdentity).await;
    let query = nobody.update(&server.canister_id, "capsules_list").with_arg(b"DIDL\0\0");
    let refused = query.call_and_wait().await.unwrap_err().to_string();
    assert!(refused.contains("call this method as a query"), "{refused}");
}

async fn agent(server: &Server, identity: impl Identity + 'static) -> Agent {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let agent = Agent::builder().with_url(&server.url).with_http_client(http).with_identity(identity);
    let agent = agent.build().unwrap();
    agent.fetch_root_key().await.unwrap();
    agent
}

fn somebody() -> BasicIdentity {
    BasicIdentity::from_raw_key(&[4; 32])
}

#[tokio::test]
async fn the_state_tree_tells_of_the_canister() {
    let server = Server::running();
    let (agent, id) = (agent(server, somebody()).await, server.canister_id);
    let did = agent.read_state_canister_metadata(id, "candid:service").await.unwrap();
    assert!(String::from_utf8(did).unwrap().contains("uploads_put_chunk"));
    assert!(agent.read_state_canister_metadata(id, "nothing").await.is_err());
    assert_eq!(agent.read_state_canister_controllers(id).await.unwrap(), [controller()]);
    assert_eq!(agent.read_state_canister_module_hash(id).await.unwrap().len(), 32);
    let elsewhere =
        agent.query(&Principal::from_slice(&[9, 1]), "upload_config").with_arg(b"DIDL\0\0").call();
    assert!(elsewhere.await.is_err());
}

#[tokio::test]
async fn a_call_that_is_sent_twice_runs_once_and_is_polled_for() {
    let server = Server::running();
    let (agent, id) = (agent(server, somebody()).await, server.canister_id);
    // A capsule of somebody unknown: one more each time that it runs.
    let arg = candid::encode_one(Some(keepsake_client::api::PersonRef::Opaque("somebody".into()))).unwrap();
    let call = agent.update(&id, "capsules_create").with_arg(arg).sign().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for version in ["v2", "v2", "v3"] {
        let url = format!("{}/api/{version}/canister/{id}/call", server.url);
        let sent = http.post(url).body(call.signed_update.clone()).send().await.unwrap();
        assert!(sent.status().is_success(), "{version}: {}", sent.status());
    }
    let (reply, _) = agent.wait(&call.request_id, id).await.unwrap();
    assert!(reply.starts_with(b"DIDL"));
    let client = server.client(person(4));
    assert_eq!(client.capsules_list().await.unwrap().len(), 1);
}
