//! The node against the reference model: the IC's own agents with their checks on, over real sockets; a restart is a
//! real stop and start on the same directory, with the check of the store in between. `KEEPSAKE_MODEL_SEED` and
//! `KEEPSAKE_MODEL_OPERATIONS` choose another run; a failure prints the command that replays it.
//!
//! Time: the node gets a clock that stands still until the model moves it. Agents sign by the machine's clock, so they
//! are told how far ahead the node's is, as an ingress expiry that is later by that much.
//!
//! Every second chunk comes by PUT, so both roads meet in one session.

use super::by_put::{self, chunk_of};
use candid::Principal;
use ic_agent::Agent;
use ic_agent::identity::{AnonymousIdentity, BasicIdentity, Identity};
use keepsake_client::api::Answer;
use keepsake_client::{AgentOptions, AgentTransport, RootKey};
use keepsake_conformance::model::in_process::World;
use keepsake_conformance::model::{
    Bounds, KEYS, RunOptions, Subject, controller, key_of, person, replay_command, run,
};
use keepsake_node::engine::Clock;
use keepsake_node::fsck;
use keepsake_node::serve::{ServeOptions, Server};
use keepsake_service::{Admission, Settings};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How far ahead of the node's clock a message expires; the node takes at most five minutes.
const EXPIRY: Duration = Duration::from_secs(180);

struct Node<'a> {
    runtime: &'a Runtime,
    dir: TempDir,
    bounds: Bounds,
    now_ns: Arc<AtomicU64>,
    running: Option<Running>,
    agents: BTreeMap<Principal, Agent>,
    chunks: u64,
    broken: Vec<String>,
}

struct Running {
    address: SocketAddr,
    root_key: Vec<u8>,
    canister_id: Principal,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

impl<'a> Node<'a> {
    fn start(runtime: &'a Runtime, bounds: Bounds) -> Self {
        let now_ns = u64::try_from(since_1970().as_nanos()).unwrap();
        let mut node = Self {
            runtime,
            dir: tempfile::tempdir().unwrap(),
            bounds,
            now_ns: Arc::new(AtomicU64::new(now_ns)),
            running: None,
            agents: BTreeMap::new(),
            chunks: 0,
            broken: Vec::new(),
        };
        node.bind();
        node
    }

    fn bind(&mut self) {
        let mut options = ServeOptions::new(self.dir.path().join("data"));
        options.listen = "127.0.0.1:0".parse().unwrap();
        let bounds = self.bounds;
        options.settings = Settings {
            heap_bytes_max: Some(bounds.heap_bytes_max),
            capsule_record_bytes_max: Some(bounds.capsule_record_bytes_max),
            capsule_bytes_max: Some(bounds.capsule_bytes_max),
            bytes_in_flight_per_caller_max: Some(bounds.bytes_in_flight_per_caller_max),
            sessions_per_caller_max: Some(bounds.sessions_per_caller_max),
            controllers: Some(vec![controller()]),
            admission: Some(if bounds.invited { Admission::Invited } else { Admission::Everybody }),
            ..Settings::default()
        };
        let now_ns = Arc::clone(&self.now_ns);
        let server = Server::bind_with(options, move |engine| {
            engine.clock = Clock::new(move || now_ns.load(Ordering::SeqCst));
            // Only the model's own clean-up moves the queue, so that it knows what has ended.
            engine.tick_interval = Duration::from_secs(86_400);
        });
        let server = self.runtime.block_on(server).unwrap();
        let (stop, stopped) = oneshot::channel();
        self.running = Some(Running {
            address: server.local_addr(),
            root_key: server.root_key_der().to_vec(),
            canister_id: server.canister_id(),
            stop,
            ended: self.runtime.spawn(server.run(async move { drop(stopped.await) })),
        });
    }

    fn stop(&mut self) {
        self.agents.clear();
        let Running { stop, ended, .. } = self.running.take().unwrap();
        stop.send(()).unwrap();
        self.runtime.block_on(ended).unwrap();
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    fn agent(&mut self, caller: Principal) -> &Agent {
        if !self.agents.contains_key(&caller) {
            let agent = self.new_agent(caller);
            self.agents.insert(caller, agent);
        }
        &self.agents[&caller]
    }

    fn new_agent(&self, caller: Principal) -> Agent {
        let key = (0..KEYS).find(|who| person(*who) == caller).and_then(key_of);
        let identity: Arc<dyn Identity> = match key {
            Some(key) => Arc::new(BasicIdentity::from_raw_key(&key)),
            None => Arc::new(AnonymousIdentity),
        };
        let node = Duration::from_nanos(self.now_ns.load(Ordering::SeqCst));
        let agent = Agent::builder()
            .with_url(format!("http://{}", self.running().address))
            .with_arc_identity(identity)
            .with_ingress_expiry((node + EXPIRY).checked_sub(since_1970()).unwrap())
            .build()
            .unwrap();
        agent.set_root_key(self.running().root_key.clone());
        agent
    }
}

impl Node<'_> {
    fn ticket(&mut self, caller: Principal, session: u64) -> Option<String> {
        let arg = candid::encode_args((session, 600_u32)).unwrap();
        let reply = self.query(caller, "mint_upload_ticket", &arg).unwrap();
        candid::decode_one::<Answer<String>>(&reply).unwrap().ok()
    }

    fn put_chunk(
        &self,
        ticket: &str,
        (session, index, bytes): (u64, u32, ByteBuf),
    ) -> Result<Vec<u8>, String> {
        let options = AgentOptions {
            node_url: format!("http://{}", self.running().address),
            canister_id: self.running().canister_id,
            identity: Arc::new(AnonymousIdentity),
            root_key: RootKey::Auto,
        };
        let transport = AgentTransport::new(options).unwrap();
        let answered = by_put::put(&transport, ticket, session, index, bytes.into_vec());
        self.runtime.block_on(answered).map_err(|error| error.to_string())
    }
}

impl Subject for Node<'_> {
    fn update(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        if let Some(chunk) = chunk_of(method, arg) {
            self.chunks += 1;
            if self.chunks.is_multiple_of(2)
                && let Some(ticket) = self.ticket(caller, chunk.0)
            {
                return self.put_chunk(&ticket, chunk);
            }
        }
        let (runtime, canister_id) = (self.runtime, self.running().canister_id);
        let call = self.agent(caller).update(&canister_id, method).with_arg(arg.to_vec());
        runtime.block_on(async { call.call_and_wait().await }).map_err(|error| error.to_string())
    }

    fn query(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        let (runtime, canister_id) = (self.runtime, self.running().canister_id);
        let call = self.agent(caller).query(&canister_id, method).with_arg(arg.to_vec());
        runtime.block_on(async { call.call().await }).map_err(|error| error.to_string())
    }

    fn put(
        &mut self,
        ticket: &str,
        session: u64,
        index: u32,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        self.put_chunk(ticket, (session, index, ByteBuf::from(bytes))).map(Some)
    }

    fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn advance(&mut self, by_ns: u64) {
        self.now_ns.fetch_add(by_ns, Ordering::SeqCst);
        self.agents.clear();
    }

    fn restart(&mut self) {
        self.stop();
        let found = fsck::check(&self.dir.path().join("data"), true, |_| {}).unwrap();
        self.broken.extend(found.violations);
        self.bind();
    }

    fn violations(&mut self) -> Vec<String> {
        self.broken.clone()
    }

    fn bounds(&self) -> Bounds {
        self.bounds
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn interleaving_uploads_on_the_node() {
    let seed = number("KEEPSAKE_MODEL_SEED", 1);
    let operations = number("KEEPSAKE_MODEL_OPERATIONS", 2_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for kind in 0..4 {
        let options = RunOptions {
            seed: seed + kind,
            operations: operations / 4,
            world_operations: 125,
            observe_every: 8,
        };
        match run(options, || Node::start(&runtime, Bounds { rows_max: u32::MAX, ..World::bounds_of(kind) }))
        {
            Ok(report) => println!("seed {}: {} operations, 0 violations", options.seed, report.operations),
            Err(failure) => {
                let test = "node_model::interleaving_uploads_on_the_node";
                panic!("bounds {kind}, {failure}\nreplay: {}", replay_command(test, seed, operations))
            }
        }
    }
}
