//! The exam, taken by the node: a real agent over a real socket, on a data directory of its own.
//!
//! The node's clock is the machine's, because signed messages are held against it: what needs to wait a day is
//! asked of the service in process only.

use super::by_put;
use keepsake_client::agent::{AnonymousIdentity, BasicIdentity, Identity};
use keepsake_client::{AgentOptions, AgentTransport, Client, RetryPolicy, RootKey};
use keepsake_conformance::api::{Answer, HttpRequest, HttpResponse};
use keepsake_conformance::{Host, Who};
use keepsake_node::serve::{ServeOptions, Server};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

pub(crate) struct Node {
    options: ServeOptions,
    running: Mutex<Option<Running>>,
    address: SocketAddr,
    _dir: TempDir,
}

struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

pub(crate) async fn start() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServeOptions::new(dir.path().join("data"));
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.settings.controllers = Some(vec![identity(Who::Controller).sender().unwrap()]);
    let (address, running) = run(options.clone()).await;
    options.listen = address;
    Node { options, running: Mutex::new(Some(running)), address, _dir: dir }
}

async fn run(options: ServeOptions) -> (SocketAddr, Running) {
    let server = Server::bind(options).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.run(async move { drop(stopped.await) }));
    (address, Running { stop, ended })
}

fn identity(who: Who) -> Arc<dyn Identity> {
    match who.seed() {
        Some(seed) => Arc::new(BasicIdentity::from_raw_key(&seed)),
        None => Arc::new(AnonymousIdentity),
    }
}

impl Node {
    pub(crate) fn transport(&self, who: Who) -> AgentTransport {
        self.transport_of(identity(who))
    }

    pub(crate) fn transport_of(&self, identity: Arc<dyn Identity>) -> AgentTransport {
        let options = AgentOptions {
            node_url: format!("http://{}", self.address),
            canister_id: self.options.canister_id,
            identity,
            root_key: RootKey::Auto,
        };
        AgentTransport::new(options).unwrap()
    }
}

impl Host for Node {
    type Transport = AgentTransport;

    async fn client(&self, who: Who) -> Client<AgentTransport> {
        let transport = std::future::ready(self.transport(who)).await;
        Client::new(transport).with_retry(RetryPolicy::never())
    }

    async fn direct_http(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n",
            request.method, request.url
        );
        for (name, value) in &request.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n", request.body.len()).unwrap();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&request.body).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Some(parsed(&bytes))
    }

    async fn put_chunk(&self, ticket: &str, session: u64, index: u32, bytes: &[u8]) -> Option<Answer<()>> {
        let transport = self.transport(Who::Anonymous);
        let reply = by_put::put(&transport, ticket, session, index, bytes.to_vec()).await.unwrap();
        Some(candid::decode_one(&reply).unwrap())
    }

    async fn advance_clock(&self, _: Duration) -> bool {
        std::future::ready(false).await
    }

    async fn restart(&self) -> bool {
        let mut running = self.running.lock().await;
        let Running { stop, ended } = running.take().unwrap();
        stop.send(()).unwrap();
        ended.await.unwrap();
        *running = Some(run(self.options.clone()).await.1);
        true
    }
}

fn parsed(bytes: &[u8]) -> HttpResponse {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status_code = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    let headers: Vec<_> = lines.map(field).collect();
    let chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    assert!(!chunked, "an asset's length is known: {head}");
    HttpResponse { status_code, headers, body: bytes[end + 4..].to_vec().into(), upgrade: None }
}

keepsake_conformance::exam!(start, moves_clock: false, restarts: true);
