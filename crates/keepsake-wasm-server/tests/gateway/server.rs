//! The program as tests start it: one for all tests of a run, a person each, and HTTP as a browser sends it.
//!
//! The module is `$KEEPSAKE_WASM`, else `target/canister/keepsake.wasm.gz`; `cargo xtask build canister` makes it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use candid::Principal;
use keepsake_client::agent::{BasicIdentity, Identity};
use keepsake_client::api::Role;
use keepsake_client::{AgentOptions, AgentTransport, Client, RootKey, Source, UploadOptions, Uploaded};
use reqwest::{Method, RequestBuilder, Response};

/// Who controls the canister.
pub(crate) fn controller() -> Principal {
    Principal::self_authenticating(b"controller")
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) canister_id: Principal,
    /// It ends with its standard input, so with this process.
    _child: Child,
}

impl Server {
    /// The one of this run.
    pub(crate) fn running() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keepsake-wasm-server"));
        command.arg("--module").arg(module()).args(["--controller", &controller().to_text()]);
        // `(opt record { admission = opt variant { Everybody } })`
        command.args(["--arg-hex", "4449444c046e016c01c9bbc8c507026e036b019d9fc28c027f0100010100"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).expect("it tells where it serves");
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let canister_id = text("canister_id").parse().unwrap();
        Self { url: text("url"), canister_id, _child: child }
    }

    /// A new person's client.
    pub(crate) fn client(&self, identity: impl Identity + 'static) -> Client<AgentTransport> {
        let options = AgentOptions {
            node_url: self.url.clone(),
            canister_id: self.canister_id,
            identity: Arc::new(identity),
            root_key: RootKey::Auto,
        };
        Client::new(AgentTransport::new(options).unwrap())
    }

    /// A request to the canister's own host.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address: SocketAddr = self.url.strip_prefix("http://").unwrap().parse().unwrap();
        let host = format!("{}.localhost", self.canister_id);
        let http = reqwest::Client::builder().no_proxy().resolve(&host, address).build().unwrap();
        http.request(method, format!("http://{host}:{}{path}", address.port()))
    }

    pub(crate) async fn get(&self, path: &str) -> Seen {
        Seen::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// The same until the answer is a certified one: the timer's round has come.
    pub(crate) async fn get_verified(&self, path: &str) -> Seen {
        for _ in 0..100 {
            let seen = self.get(path).await;
            if seen.road != "agreed" {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{path} is not certified after twenty rounds");
    }
}

/// What a browser sees, and how the gateway made sure of it.
pub(crate) struct Seen {
    pub(crate) road: String,
    pub(crate) status: u16,
    pub(crate) cache_control: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) async fn of(response: Response) -> Self {
        let header =
            |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (road, cache_control) = (header("x-gateway-road"), header("cache-control"));
        let status = response.status().as_u16();
        Self { road, status, cache_control, body: response.bytes().await.unwrap().to_vec() }
    }
}

/// Somebody with a key of their own, which `seed` names.
pub(crate) fn person(seed: u8) -> BasicIdentity {
    BasicIdentity::from_raw_key(&[seed; 32])
}

/// Uploads bytes as a new memory.
pub(crate) async fn upload(client: &Client<AgentTransport>, name: &str, bytes: Vec<u8>) -> Uploaded {
    client.upload(Source::bytes(name, bytes), UploadOptions::default()).await.unwrap()
}

/// Shows a capsule to everybody.
pub(crate) async fn make_public(client: &Client<AgentTransport>, capsule_id: &str) {
    client.capsules_grant(capsule_id, Principal::anonymous(), Role::Guest).await.unwrap();
}

/// Bytes that do not repeat within a part.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

fn module() -> PathBuf {
    if let Some(path) = std::env::var_os("KEEPSAKE_WASM") {
        return path.into();
    }
    // This test runs from `<target>/<profile>/deps`.
    let program = std::env::current_exe().unwrap();
    let built = program.ancestors().nth(3).map(Path::to_owned).unwrap().join("canister/keepsake.wasm.gz");
    assert!(built.exists(), "{}: run `cargo xtask build canister` first", built.display());
    built
}
