//! A node on a free port with its own data directory, a bare HTTP client, and envelopes made by hand.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use candid::{CandidType, Deserialize, Principal};
use ic_agent::Agent;
use ic_agent::identity::{AnonymousIdentity, BasicIdentity, Identity};
use ic_transport_types::{Envelope, EnvelopeContent, RequestId};
use keepsake_node::serve::{LoadMeter, ServeOptions, Server};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What the tests read of a capsule.
#[derive(CandidType, Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Capsule {
    pub(crate) id: String,
}

/// What the tests read of a service error.
#[derive(CandidType, Deserialize, Debug, PartialEq, Eq)]
pub(crate) enum ServiceError {
    Unauthorized,
}

#[derive(CandidType)]
enum PersonRef {
    Opaque(&'static str),
}

/// Arguments of `capsules_create` that make a new capsule each time.
pub(crate) fn new_capsule() -> Vec<u8> {
    candid::encode_one(Some(PersonRef::Opaque("somebody"))).unwrap()
}

pub(crate) fn no_arguments() -> Vec<u8> {
    candid::encode_args(()).unwrap()
}

pub(crate) fn now_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

pub(crate) const MINUTE_NS: u64 = 60_000_000_000;

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) canister_id: Principal,
    pub(crate) root_key: Vec<u8>,
    pub(crate) load: LoadMeter,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start() -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Self::start_in(&dir).await, dir)
    }

    pub(crate) async fn start_in(dir: &TempDir) -> Self {
        Self::start_with(dir, |_| ()).await
    }

    pub(crate) async fn start_with(dir: &TempDir, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let mut options = ServeOptions::new(dir.path().join("data"));
        options.listen = "127.0.0.1:0".parse().unwrap();
        change(&mut options);
        Self::of(Server::bind(options).await.unwrap())
    }

    pub(crate) fn of(server: Server) -> Self {
        let (address, canister_id) = (server.local_addr(), server.canister_id());
        let root_key = server.root_key_der().to_vec();
        let load = server.load_meter();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async move { drop(stopped.await) }));
        Self { address, canister_id, root_key, load, stop, running }
    }

    /// Stops it and waits until everything is on disk.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
    }

    pub(crate) fn subnet_id(&self) -> Principal {
        Principal::self_authenticating(&self.root_key)
    }

    /// An agent with every check on.
    pub(crate) async fn agent(&self, identity: impl Identity + 'static) -> Agent {
        let agent = Agent::builder()
            .with_url(format!("http://{}", self.address))
            .with_identity(identity)
            .with_verify_query_signatures(true)
            .build()
            .unwrap();
        agent.fetch_root_key().await.unwrap();
        agent
    }

    pub(crate) async fn post(&self, endpoint: &str, body: &[u8]) -> Answer {
        let path = format!("/api/{endpoint}");
        self.send("POST", &path, "content-type: application/cbor\r\n", body).await
    }

    /// Posts to `/api/<version>/canister/<our id>/<call>`.
    pub(crate) async fn post_canister(&self, version: &str, call: &str, body: &[u8]) -> Answer {
        self.post(&format!("{version}/canister/{}/{call}", self.canister_id), body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&[head.as_bytes(), body].concat()).await
    }

    /// Sends these bytes, and reads up to the end of the connection.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Answer::read(&mut stream).await
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads an answer up to the end of the connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Self::of(bytes)
    }

    /// All bytes of an answer.
    pub(crate) fn of(mut bytes: Vec<u8>) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&prefix))
    }
}

pub(crate) fn ed25519(seed: u8) -> BasicIdentity {
    BasicIdentity::from_raw_key(&[seed; 32])
}

impl Node {
    /// The content of a call by `identity` that is valid for four minutes.
    pub(crate) fn call(
        &self,
        identity: &dyn Identity,
        method: &str,
        arg: Vec<u8>,
        nonce: u8,
    ) -> EnvelopeContent {
        EnvelopeContent::Call {
            nonce: Some(vec![nonce; 16]),
            ingress_expiry: now_ns() + 4 * MINUTE_NS,
            sender: identity.sender().unwrap(),
            canister_id: self.canister_id,
            method_name: method.into(),
            arg,
            sender_info: None,
        }
    }

    /// The content of a query by `identity`.
    pub(crate) fn query(&self, identity: &dyn Identity, method: &str, arg: Vec<u8>) -> EnvelopeContent {
        EnvelopeContent::Query {
            ingress_expiry: now_ns() + 4 * MINUTE_NS,
            sender: identity.sender().unwrap(),
            canister_id: self.canister_id,
            method_name: method.into(),
            arg,
            nonce: None,
            sender_info: None,
        }
    }

    /// A call of `capsules_create` that makes a new capsule.
    pub(crate) fn create(&self, identity: &dyn Identity, nonce: u8) -> EnvelopeContent {
        self.call(identity, "capsules_create", new_capsule(), nonce)
    }

    /// The capsules of `identity`, asked for by a verifying agent.
    pub(crate) async fn capsules_of(&self, identity: impl Identity + 'static) -> Vec<Capsule> {
        let agent = self.agent(identity).await;
        let reply =
            agent.query(&self.canister_id, "capsules_list").with_arg(no_arguments()).call().await.unwrap();
        let mut capsules: Vec<Capsule> = candid::decode_one(&reply).unwrap();
        capsules.sort();
        capsules
    }
}

/// Signs `content` as an agent does.
pub(crate) fn signed(identity: &dyn Identity, content: &EnvelopeContent) -> Envelope<'static> {
    let signature = identity.sign(content).unwrap();
    Envelope {
        content: Cow::Owned(content.clone()),
        sender_pubkey: signature.public_key,
        sender_sig: signature.signature,
        sender_delegation: signature.delegations,
    }
}

/// The bytes of `content`, signed.
pub(crate) fn sealed(identity: &dyn Identity, content: &EnvelopeContent) -> Vec<u8> {
    signed(identity, content).encode_bytes()
}

/// A `read_state` request for `paths`.
pub(crate) fn read_state(identity: &dyn Identity, paths: &[&[&[u8]]]) -> Vec<u8> {
    let paths = paths.iter().map(|path| path.iter().map(|label| (*label).into()).collect()).collect();
    let sender = identity.sender().unwrap();
    let content = EnvelopeContent::ReadState { ingress_expiry: now_ns() + 4 * MINUTE_NS, sender, paths };
    sealed(identity, &content)
}

/// The `read_state` request of an anonymous client.
pub(crate) fn anonymous_read_state(paths: &[&[&[u8]]]) -> Vec<u8> {
    read_state(&AnonymousIdentity, paths)
}

pub(crate) fn id_of(content: &EnvelopeContent) -> RequestId {
    content.to_request_id()
}
