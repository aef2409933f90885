//! Originals in a bucket: the road to it over a real socket, with a real S3 server. Here is the setting, and what the road is for;
//! what it refuses is in `s3/refused.rs`, who reads what in `s3/reads.rs`.

mod crash;
mod fsck;
mod mixed;
mod reads;
mod refused;
mod tiering;

use candid::{CandidType, decode_one, encode_args};
use data_encoding::BASE64;
use ic_agent::Agent;
use keepsake_api::{
    Answer as Answered, AssetMetadata, AssetMetadataBase, AssetType, BeginOptions, BlobHosting, Error,
    ImageAssetMetadata, MemoryMetadata, MemoryType, PublishRequest, PublishResult, PublishSession,
    UploadConfig,
};
use keepsake_node::serve::{S3Settings, ServeOptions, Server};
use keepsake_node::web_app::WebApp;
use keepsake_s3_servers::seaweedfs;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

use crate::node::{Capsule, Node, ed25519};

/// A node with a bucket, and a capsule on it.
struct Scene {
    node: Node,
    owner: Agent,
    capsule: String,
    http: reqwest::Client,
    settings: S3Settings,
    dir: TempDir,
}

impl Scene {
    /// None where no S3 server can be had.
    async fn new(bucket: &str) -> Option<Self> {
        Self::with(bucket, |_| ()).await
    }

    /// A node that has a page.
    async fn with_page(bucket: &str) -> Option<Self> {
        let page = tempfile::tempdir().unwrap();
        std::fs::write(page.path().join("index.html"), "<!doctype html><title>page</title>").unwrap();
        let app = WebApp::read(page.path()).unwrap();
        Self::with(bucket, |options| options.web_app = app).await
    }

    async fn with(bucket: &str, change: impl FnOnce(&mut ServeOptions)) -> Option<Self> {
        let server = seaweedfs()?;
        let name = bucket.to_owned();
        let options = tokio::task::spawn_blocking(move || server.bucket(&name)).await.unwrap().unwrap();
        let settings =
            S3Settings { options, credentials: server.credentials(), from_len: 1 << 20, tier_after: None };
        let dir = tempfile::tempdir().unwrap();
        let node = start_with(&dir, &settings, change).await;
        let owner = node.agent(ed25519(1)).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut scene = Self { node, owner, capsule: String::new(), http, settings, dir };
        let capsule: Capsule =
            scene.update("capsules_create", (None::<keepsake_api::PersonRef>,)).await.unwrap();
        scene.capsule = capsule.id;
        Some(scene)
    }

    /// The same directory, another process.
    async fn restart(self) -> Self {
        self.restart_after(async |_: &Path| (), |_| ()).await
    }

    /// The same, by other options, after `work` on the directory.
    async fn restart_after(
        mut self,
        work: impl AsyncFnOnce(&Path),
        change: impl FnOnce(&mut ServeOptions),
    ) -> Self {
        self.node.stop().await;
        work(&self.dir.path().join("data")).await;
        self.node = start_with(&self.dir, &self.settings, change).await;
        self.owner = self.node.agent(ed25519(1)).await;
        self
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.node.address)
    }

    async fn update<T: CandidType + DeserializeOwned>(
        &self,
        method: &str,
        args: impl candid::utils::ArgumentEncoder,
    ) -> Result<T, Error> {
        let call = self.owner.update(&self.node.canister_id, method).with_arg(encode_args(args).unwrap());
        decode_one::<Answered<T>>(&call.call_and_wait().await.unwrap()).unwrap()
    }

    async fn query<T: CandidType + DeserializeOwned>(
        &self,
        method: &str,
        args: impl candid::utils::ArgumentEncoder,
    ) -> Result<T, Error> {
        let call = self.owner.query(&self.node.canister_id, method).with_arg(encode_args(args).unwrap());
        decode_one::<Answered<T>>(&call.call().await.unwrap()).unwrap()
    }

    async fn begin(&self, bytes: &[u8], mime_type: &str, idem: &str) -> Result<u64, Error> {
        let parts = bytes.len().div_ceil(part_bytes(bytes.len()));
        let options = BeginOptions {
            total_len: Some(bytes.len() as u64),
            sha256: Some(ByteBuf::from(hash(bytes))),
            mime_type: Some(mime_type.to_owned()),
            hosting: Some(BlobHosting::S3),
        };
        self.update("uploads_begin", (&self.capsule, u32::try_from(parts).unwrap(), idem, Some(options)))
            .await
    }

    async fn ticket(&self, session: u64) -> String {
        self.query("mint_upload_ticket", (session, 3_600_u32)).await.unwrap()
    }

    /// Posts to the road: status, and its JSON or text.
    async fn post(&self, ticket: &str, session: u64, deed: &str, body: &Value) -> (u16, Value) {
        let url = self.url(&format!("/s3/{session}/{deed}"));
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let sent = self.http.post(url).bearer_auth(ticket).body(text).send().await.unwrap();
        read(sent).await
    }

    async fn parts(&self, ticket: &str, session: u64) -> (u16, Value) {
        let url = self.url(&format!("/s3/{session}/parts"));
        read(self.http.get(url).bearer_auth(ticket).send().await.unwrap()).await
    }

    /// Sends a part as the grant says; the bucket's status.
    async fn send(&self, request: &Value, bytes: &[u8]) -> u16 {
        assert_eq!(request["method"], "PUT");
        let mut put = self.http.put(request["url"].as_str().unwrap()).body(bytes.to_vec());
        for (name, value) in request["headers"].as_object().unwrap() {
            put = put.header(name, value.as_str().unwrap());
        }
        put.send().await.unwrap().status().as_u16()
    }

    /// Sends these parts of a file.
    async fn send_parts(&self, ticket: &str, session: u64, bytes: &[u8], numbers: &[usize]) {
        let pieces: Vec<_> = bytes.chunks(part_bytes(bytes.len())).collect();
        let (status, granted) = self.post(ticket, session, "grant", &wanted(&pieces, numbers)).await;
        assert_eq!(status, 200, "{granted}");
        for request in granted["requests"].as_array().unwrap() {
            let number = usize::try_from(request["number"].as_u64().unwrap()).unwrap();
            assert_eq!(self.send(request, pieces[number - 1]).await, 200, "part {number}");
        }
    }

    /// Asks until the host found all bytes.
    async fn finish(&self, ticket: &str, session: u64, bytes: &[u8]) {
        let pieces: Vec<_> = bytes.chunks(part_bytes(bytes.len())).collect();
        let all: Vec<_> = (1..=pieces.len()).collect();
        let named = wanted(&pieces, &all);
        for _ in 0..200 {
            let (status, told) = self.post(ticket, session, "finish", &named).await;
            match status {
                200 => return assert_eq!(told["state"], "found"),
                202 => tokio::time::sleep(Duration::from_millis(100)).await,
                _ => panic!("{status}: {told}"),
            }
        }
        panic!("it is verified for ever");
    }

    /// A file, from nothing to the host's word that it is there.
    async fn sent(&self, bytes: &[u8], mime_type: &str, idem: &str) -> u64 {
        let session = self.begin(bytes, mime_type, idem).await.unwrap();
        let ticket = self.ticket(session).await;
        let numbers: Vec<_> = (1..=bytes.len().div_ceil(part_bytes(bytes.len()))).collect();
        self.send_parts(&ticket, session, bytes, &numbers).await;
        self.finish(&ticket, session, bytes).await;
        session
    }

    async fn publish(&self, session: u64, bytes: &[u8], mime_type: &str) -> Result<PublishResult, Error> {
        let request = PublishRequest {
            capsule_id: self.capsule.clone(),
            metadata: memory(),
            sessions: vec![PublishSession {
                session_id: session,
                sha256: ByteBuf::from(hash(bytes)),
                total_len: bytes.len() as u64,
                metadata: asset(mime_type),
            }],
            inline_assets: Vec::new(),
            idem: format!("publish {session}"),
            carried_assets: None,
            if_present: None,
        };
        self.update("uploads_publish", (request,)).await
    }

    /// `/asset/…` of a memory's original, with a token.
    async fn original(&self, memory: &str) -> String {
        let token: String = self
            .query("mint_http_token", (memory, Vec::<String>::new(), None::<Vec<String>>, 600_u32))
            .await
            .unwrap();
        self.url(&format!("/asset/{memory}/original?token={token}"))
    }
}

async fn start_with(dir: &TempDir, settings: &S3Settings, change: impl FnOnce(&mut ServeOptions)) -> Node {
    let mut options = ServeOptions::new(dir.path().join("data"));
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.s3 = Some(settings.clone());
    change(&mut options);
    Node::of(Server::bind(options).await.unwrap())
}

async fn read(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

fn part_bytes(len: usize) -> usize {
    usize::try_from(keepsake_s3::cut(len as u64).map_or(0, |cut| match cut {
        keepsake_s3::Cut::Single => len as u64,
        keepsake_s3::Cut::Parts { part_bytes, .. } => part_bytes,
    }))
    .unwrap()
}

fn wanted(pieces: &[&[u8]], numbers: &[usize]) -> Value {
    let part =
        |number: &usize| json!({ "number": number, "sha256": BASE64.encode(&hash(pieces[number - 1])) });
    json!({ "parts": numbers.iter().map(part).collect::<Vec<_>>() })
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Bytes that do not repeat.
fn file(len: usize, seed: u64) -> Vec<u8> {
    let words =
        (0..=len as u64 / 8).map(|at| (at ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes
}

fn memory() -> MemoryMetadata {
    MemoryMetadata {
        title: None,
        description: None,
        people_in_memory: None,
        tags: Vec::new(),
        content_type: "image/jpeg".into(),
        memory_type: MemoryType::Image,
        date_of_memory: None,
        file_created_at: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

fn asset(mime_type: &str) -> AssetMetadata {
    AssetMetadata::Image(ImageAssetMetadata {
        base: AssetMetadataBase::new(AssetType::Original, "photo", mime_type),
        dpi: None,
        color_space: None,
        exif_data: None,
        compression_ratio: None,
        orientation: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_goes_to_the_bucket_and_is_there_at_once() {
    let Some(scene) = Scene::new("road").await else { return };
    let config =
        scene.owner.query(&scene.node.canister_id, "upload_config").with_arg(encode_args(()).unwrap());
    let lane = decode_one::<UploadConfig>(&config.call().await.unwrap()).unwrap().s3.unwrap();
    assert_eq!((lane.from_len, lane.path.as_str(), lane.url), (1 << 20, "/s3/", None));

    let bytes = file(3_000_000, 1);
    let session = scene.begin(&bytes, "image/jpeg", "one").await.unwrap();
    assert_eq!(scene.begin(&bytes, "image/jpeg", "one").await.unwrap(), session, "it is begun once");
    let ticket = scene.ticket(session).await;
    assert_eq!(scene.parts(&ticket, session).await, (200, json!({ "state": "open", "parts": [] })));
    let (status, told) = scene.post(&ticket, session, "finish", &Value::Null).await;
    assert_eq!(status, 409, "{told}");
    assert!(told.as_str().unwrap().starts_with("object_missing:"), "{told}");
    let early = scene.publish(session, &bytes, "image/jpeg").await.unwrap_err();
    assert_eq!(early.code(), "object_pending");

    scene.send_parts(&ticket, session, &bytes, &[1]).await;
    let parts = scene.parts(&ticket, session).await.1;
    assert_eq!(parts, json!({ "state": "open", "parts": [{ "number": 1, "len": 3_000_000 }] }));
    scene.finish(&ticket, session, &bytes).await;
    assert_eq!(scene.parts(&ticket, session).await.1["state"], "found");
    let (_, none) = scene.post(&ticket, session, "grant", &wanted(&[&bytes], &[1])).await;
    assert_eq!(none, json!({ "requests": [] }), "nothing is signed for what is there");

    let published = scene.publish(session, &bytes, "image/jpeg").await.unwrap();
    let blob = published.assets[0].blob_id.clone().unwrap();
    let read: ByteBuf = scene.query("blob_read_chunk", (&blob, 1_u32)).await.unwrap();
    assert!(read[..] == bytes[1_800_000..], "by query, too");
    let refused = scene.query::<ByteBuf>("blob_read", (&blob,)).await.unwrap_err();
    assert_eq!(refused.code(), "blob_too_large");
    let url = scene.original(&published.memory_id).await;
    let way = scene.http.get(&url).send().await.unwrap();
    assert_eq!(way.status(), StatusCode::TEMPORARY_REDIRECT);
    let there = way.headers()["location"].to_str().unwrap().to_owned();
    assert!(there.starts_with(scene.settings.options.endpoint.as_str()), "{there}");
    let got = scene.http.get(&there).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/jpeg");
    assert!(got.bytes().await.unwrap() == bytes, "byte for byte");
    let scene = scene.restart().await;
    let again = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::TEMPORARY_REDIRECT, "after a restart too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_in_parts_and_goes_on_where_it_stopped() {
    let Some(scene) = Scene::new("parts").await else { return };
    let bytes = file((100 << 20) + 5, 2);
    let session = scene.begin(&bytes, "video/mp4", "film").await.unwrap();
    let ticket = scene.ticket(session).await;
    scene.send_parts(&ticket, session, &bytes, &[1, 3, 7]).await;
    let (status, told) = scene.post(&ticket, session, "finish", &Value::Null).await;
    assert_eq!((status, told.as_str().unwrap()), (409, "parts_missing: 2, 4, 5, 6"));

    // The node is gone, and comes back: the bucket knows what it has.
    let scene = scene.restart().await;
    assert_eq!(scene.begin(&bytes, "video/mp4", "film").await.unwrap(), session);
    let ticket = scene.ticket(session).await;
    let (_, there) = scene.parts(&ticket, session).await;
    let numbers: Vec<_> =
        there["parts"].as_array().unwrap().iter().map(|part| part["number"].as_u64()).collect();
    assert_eq!(numbers, [Some(1), Some(3), Some(7)]);
    scene.send_parts(&ticket, session, &bytes, &[6, 2, 4, 5]).await;
    scene.finish(&ticket, session, &bytes).await;
    let published = scene.publish(session, &bytes, "video/mp4").await.unwrap();
    let url = scene.original(&published.memory_id).await;
    let there = scene.http.get(url).send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let middle = scene.http.get(there).header("range", "bytes=50000000-50000009").send().await.unwrap();
    assert_eq!(middle.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(middle.bytes().await.unwrap(), bytes[50_000_000..50_000_010]);
}
