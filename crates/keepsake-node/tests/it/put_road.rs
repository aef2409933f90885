//! Chunks by `PUT`, over a real socket. What holds of tickets is in `put_road/tickets.rs`, of bodies in `put_road/bodies.rs`;
//! here is the setting, and what the road is for.

mod bodies;
mod tickets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candid::{CandidType, Principal, decode_one, encode_args};
use data_encoding::BASE64;
use ic_agent::Agent;
use keepsake_api::{
    Answer as Answered, BeginOptions, Error, Role, UploadConfig, UploadFinishResult, UploadStatus,
};
use keepsake_node::engine::{Clock, EngineOptions};
use keepsake_node::serve::{ServeOptions, Server};
use serde::de::DeserializeOwned;
use serde_bytes::{ByteBuf, Bytes};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::node::{Answer, Capsule, MINUTE_NS, Node, ed25519, now_ns};

/// The owner of the capsule, and a member who uploads.
const OWNER: u8 = 1;
const MEMBER: u8 = 2;

/// A node with a capsule, and the means to put chunks into it.
struct Scene {
    node: Node,
    owner: Agent,
    member: Agent,
    capsule: String,
    /// How far the node's clock is ahead, ns.
    ahead_ns: Arc<AtomicU64>,
    dir: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = ServeOptions::new(dir.path().join("data"));
        options.listen = "127.0.0.1:0".parse().unwrap();
        options.cors_origins = vec!["https://app.example".into()];
        let ahead_ns = Arc::new(AtomicU64::new(0));
        let ahead = Arc::clone(&ahead_ns);
        let server = Server::bind_with(options, |engine| {
            engine.clock = Clock::new(move || now_ns() + ahead.load(Ordering::SeqCst));
            change(engine);
        });
        let node = Node::of(server.await.unwrap());
        let (owner, member) = (node.agent(ed25519(OWNER)).await, node.agent(ed25519(MEMBER)).await);
        let mut scene = Self { node, owner, member, capsule: String::new(), ahead_ns, dir };
        let arg = encode_args((None::<keepsake_api::PersonRef>,)).unwrap();
        let capsule: Capsule = scene.update(&scene.owner, "capsules_create", arg).await.unwrap();
        scene.capsule = capsule.id;
        scene.grant(Role::Member).await;
        scene
    }

    async fn update<T: CandidType + DeserializeOwned>(
        &self,
        agent: &Agent,
        method: &str,
        arg: Vec<u8>,
    ) -> Result<T, Error> {
        let call = agent.update(&self.node.canister_id, method).with_arg(arg);
        decode_one::<Answered<T>>(&call.call_and_wait().await.unwrap()).unwrap()
    }

    async fn query<T: CandidType + DeserializeOwned>(&self, method: &str, arg: Vec<u8>) -> Result<T, Error> {
        let call = self.member.query(&self.node.canister_id, method).with_arg(arg);
        decode_one::<Answered<T>>(&call.call().await.unwrap()).unwrap()
    }

    /// Gives the member a role.
    async fn grant(&self, role: Role) {
        let member: Principal = self.member.get_principal().unwrap();
        let arg = encode_args((&self.capsule, member, role)).unwrap();
        self.update::<()>(&self.owner, "capsules_grant", arg).await.unwrap();
    }

    /// The member begins a session.
    async fn begin(&self, chunks: u32, total_len: Option<u64>, idem: &str) -> u64 {
        let options = BeginOptions { total_len, ..BeginOptions::default() };
        let arg = encode_args((&self.capsule, chunks, idem, Some(options))).unwrap();
        self.update(&self.member, "uploads_begin", arg).await.unwrap()
    }

    async fn ticket(&self, session: u64) -> String {
        self.ticket_for(session, 3_600).await
    }

    async fn ticket_for(&self, session: u64, secs: u32) -> String {
        self.query("mint_upload_ticket", encode_args((session, secs)).unwrap()).await.unwrap()
    }

    async fn status(&self, session: u64) -> UploadStatus {
        self.query("uploads_status", encode_args((session,)).unwrap()).await.unwrap()
    }

    async fn finish(&self, session: u64, bytes: &[u8]) -> Result<UploadFinishResult, Error> {
        let sha256 = Sha256::digest(bytes);
        let arg = encode_args((session, Bytes::new(&sha256), bytes.len() as u64)).unwrap();
        self.update(&self.member, "uploads_finish", arg).await
    }

    /// Puts a chunk as a client does.
    async fn put(&self, session: u64, ticket: &str, index: u32, bytes: &[u8]) -> Answer {
        self.put_with(session, &format!("{}{}", bearer(ticket), chunk(index)), bytes).await
    }

    /// Puts a chunk with these lines in its head, beside its length.
    async fn put_with(&self, session: u64, lines: &str, bytes: &[u8]) -> Answer {
        self.node.send("PUT", &format!("/upload/{session}"), lines, bytes).await
    }

    async fn put_in_an_envelope(&self, session: u64, index: u32, bytes: &[u8]) -> Result<(), Error> {
        let arg = encode_args((session, index, Bytes::new(bytes))).unwrap();
        self.update(&self.member, "uploads_put_chunk", arg).await
    }

    /// The node's clock jumps ahead, which tickets notice; agents sign by the machine's.
    fn advance(&self, minutes: u64) {
        self.ahead_ns.fetch_add(minutes * MINUTE_NS, Ordering::SeqCst);
    }
}

fn bearer(ticket: &str) -> String {
    format!("authorization: Bearer {ticket}\r\n")
}

fn chunk(index: u32) -> String {
    format!("keepsake-chunk: {index}\r\n")
}

fn digest(bytes: &[u8]) -> String {
    format!("content-digest: sha-256=:{}:\r\n", BASE64.encode(&Sha256::digest(bytes)))
}

/// Bytes that do not repeat.
fn file(len: usize, seed: u64) -> Vec<u8> {
    let words =
        (0..=len as u64 / 8).map(|at| (at ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().starts_with(&format!("{code}:")), "expected {code}: {}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_come_on_both_roads_in_any_order_and_are_one_file() {
    const CHUNK: usize = 1_800_000;
    let scene = Scene::new().await;
    let config =
        scene.member.query(&scene.node.canister_id, "upload_config").with_arg(encode_args(()).unwrap());
    let config: UploadConfig = decode_one(&config.call().await.unwrap()).unwrap();
    let road = config.put_road.unwrap();
    assert_eq!((road.path.as_str(), road.ticket_secs_max), ("/upload/", 86_400));

    let bytes = file(4 * CHUNK + 777, 1);
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
    let session = scene.begin(5, Some(bytes.len() as u64), "both").await;
    let ticket = scene.ticket(session).await;
    for index in [3, 0, 4] {
        let answer = scene.put(session, &ticket, index, chunks[index as usize]).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "chunk {index}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let again = scene.put(session, &ticket, index, chunks[index as usize]).await;
        assert_eq!(again.status, 204, "the same bytes again: {}", again.text());
    }
    let status = scene.status(session).await;
    assert_eq!((status.received_chunks, status.missing), (3, vec![(1, 3)]));
    scene.put_in_an_envelope(session, 1, chunks[1]).await.unwrap();
    scene.put_in_an_envelope(session, 0, chunks[0]).await.unwrap();
    assert_eq!(scene.put(session, &ticket, 1, chunks[1]).await.status, 204, "as the envelope brought it");
    let lines = [bearer(&ticket), chunk(2), digest(chunks[2])].concat();
    assert_eq!(scene.put_with(session, &lines, chunks[2]).await.status, 204);

    let finished = loop {
        match scene.finish(session, &bytes).await {
            Err(error) if error.code() == "hash_pending" => {}
            finished => break finished.unwrap(),
        }
    };
    assert_eq!(finished.size, bytes.len() as u64);
    let late = scene.put(session, &ticket, 2, chunks[2]).await;
    assert_eq!(late.status, 204, "a late duplicate of what is a blob now: {}", late.text());
    assert_refused(&scene.put(session, &ticket, 2, chunks[1]).await, 409, "session_finished");
    let mut back = Vec::new();
    while back.len() < bytes.len() {
        let arg = encode_args((&finished.blob_id, back.len() as u64, 1_500_001_u32)).unwrap();
        back.extend(scene.query::<ByteBuf>("blob_read_range", arg).await.unwrap().into_vec());
    }
    assert!(back == bytes, "what was read is not what came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_refuses_has_its_code_and_changes_nothing() {
    let small = |options: &mut EngineOptions| options.settings.capsule_bytes_max = Some(1_000);
    let scene = Scene::with(small).await;
    let session = scene.begin(4, None, "rules").await;
    let ticket = scene.ticket(session).await;
    assert_eq!(scene.put(session, &ticket, 0, &[1; 100]).await.status, 204);
    let before = scene.status(session).await;
    for (index, bytes, status, code) in [
        (1, &[][..], 400, "chunk_empty"),
        (4, &[1; 100][..], 400, "chunk_index_out_of_range"),
        (u32::MAX, &[1; 100], 400, "chunk_index_out_of_range"),
        (1, &[1; 99], 400, "chunk_length_differs"),
        (3, &[1; 101], 400, "chunk_length_differs"),
        (0, &[2; 100], 409, "chunk_differs"),
        (0, &[1; 99], 409, "chunk_differs"),
    ] {
        assert_refused(&scene.put(session, &ticket, index, bytes).await, status, code);
        assert_eq!(scene.status(session).await, before, "{code}");
    }
    for lines in [
        "",
        "keepsake-chunk: \r\n",
        "keepsake-chunk: -1\r\n",
        "keepsake-chunk: 01\r\n",
        "keepsake-chunk: 1, 2\r\n",
        "keepsake-chunk: 1\r\nkeepsake-chunk: 1\r\n",
        "keepsake-chunk: 4294967296\r\n",
        "keepsake-chunk: \u{ff11}\r\n",
    ] {
        let answer = scene.put_with(session, &format!("{}{lines}", bearer(&ticket)), &[1; 100]).await;
        assert_refused(&answer, 400, "chunk_index_malformed");
    }
    let large = scene.begin(4, None, "large").await;
    let ticket = scene.ticket(large).await;
    assert_refused(&scene.put(large, &ticket, 0, &[1; 1_000]).await, 507, "resource_exhausted");
    assert_eq!(scene.status(large).await.received_chunks, 0);
    assert_eq!(scene.status(session).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_paths_are_not_the_road() {
    let scene = Scene::new().await;
    let session = scene.begin(1, None, "paths").await;
    let ticket = scene.ticket(session).await;
    let lines = [bearer(&ticket), chunk(0)].concat();
    for path in [
        "/upload/",
        "/upload",
        "/upload/x",
        "/upload/01",
        "/upload/+1",
        "/upload/1/0",
        "/upload/18446744073709551616",
    ] {
        let answer = scene.node.send("PUT", path, &lines, b"x").await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        let answer = scene.node.send(method, &format!("/upload/{session}"), &lines, b"x").await;
        assert_eq!(answer.status, 404, "{method}: {}", answer.text());
    }
    assert_eq!(scene.status(session).await.received_chunks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_put_chunks_only_from_origins_that_may_talk_to_the_node() {
    let scene = Scene::new().await;
    let session = scene.begin(1, None, "origins").await;
    let ticket = scene.ticket(session).await;
    let lines = [bearer(&ticket), chunk(0)].concat();
    let evil = scene.put_with(session, &format!("{lines}origin: https://evil.test\r\n"), b"x").await;
    assert_eq!(evil.status, 403);
    assert!(evil.text().contains("--cors-origin"), "{}", evil.text());
    assert_eq!(scene.status(session).await.received_chunks, 0);

    let asked = "origin: https://app.example\r\naccess-control-request-method: PUT\r\n\
                 access-control-request-headers: authorization,content-digest,keepsake-chunk\r\n";
    let path = format!("/upload/{session}");
    let leave = scene.node.send("OPTIONS", &path, asked, b"").await;
    assert_eq!(leave.status, 200);
    assert_eq!(leave.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(leave.header("access-control-allow-methods").unwrap().contains("put"));
    let headers = "authorization,content-digest,keepsake-chunk";
    assert_eq!(leave.header("access-control-allow-headers"), Some(headers));
    let page = scene.put_with(session, &format!("{lines}origin: https://app.example\r\n"), b"x").await;
    assert_eq!(page.status, 204, "{}", page.text());
    assert_eq!(page.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(page.header("access-control-expose-headers").unwrap().contains("retry-after"));
}
