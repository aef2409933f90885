//! Serves a canister's wasm module in tests, as the Internet Computer does: its HTTPS interface, so that unmodified agents
//! talk to the real module, and the IC's own HTTP gateway in front of it.
//!
//! Owns the command line and the life of the process. It is for tests on one machine: the root key is no secret, everything
//! is forgotten when it ends, and one thread does all the work.
//!
//! ```text
//! keepsake-wasm-server --module keepsake.wasm.gz
//! {"canister_id":"…","gateway":"http://….localhost:40123","url":"http://127.0.0.1:40123"}
//! ```
//!
//! It serves until its standard input ends, so it never outlives whoever started it, or until SIGTERM.

mod api;
mod envelope;
mod gateway;
mod ingress;
mod node_key;
mod state_tree;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::http::Method;
use axum::routing::any;
use axum::serve::ListenerExt;
use candid::Principal;
use keepsake_wasm_host::{Canister, CanisterModule, Options};
use lexopt::prelude::*;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use api::Api;
use gateway::Gateway;
use ingress::ReplicaThread;
use node_key::NodeKey;

const USAGE: &str = "\
Serves a canister's wasm module, for tests. Prints one line of JSON when it serves; ends with its standard input.

keepsake-wasm-server --module FILE [--listen ADDRESS] [--canister-id ID] [--controller PRINCIPAL]… [--arg-hex HEX] [--log]

  --module FILE           the module, wasm or gzip of wasm
  --listen ADDRESS        default 127.0.0.1:0, a free port
  --canister-id ID        the canister's id
  --controller PRINCIPAL  who controls it; the first one installs it
  --arg-hex HEX           Candid argument of the installation; default: none
  --log                   show what the canister prints, on standard error";

/// The id of a canister that is given none: the first one that a local network hands out, as the node has it.
const CANISTER_ID: &str = "uxrrr-q7777-77774-qaaaq-cai";

/// A canister is installed long before it is used: what it does in its first rounds is done when it serves.
const INSTALLED_BEFORE_NS: u64 = 3_000_000_000;

/// The argument `()`.
const NO_ARGUMENTS: &[u8] = b"DIDL\0\0";

struct Arguments {
    module: PathBuf,
    listen: SocketAddr,
    options: Options,
    arg: Vec<u8>,
    log: bool,
}

impl Arguments {
    fn read() -> Result<Option<Self>> {
        let mut arguments = lexopt::Parser::from_env();
        let mut module = None;
        let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let canister_id = Principal::from_text(CANISTER_ID)?;
        let now_ns = ingress::now_ns() - INSTALLED_BEFORE_NS;
        let mut options = Options { canister_id, now_ns, ..Options::default() };
        let (mut arg, mut log) = (NO_ARGUMENTS.to_vec(), false);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("module") => module = Some(arguments.value()?.into()),
                Long("listen") => listen = arguments.value()?.parse()?,
                Long("canister-id") => options.canister_id = arguments.value()?.parse()?,
                Long("controller") => {
                    options.controllers.push(arguments.value()?.parse()?);
                }
                Long("arg-hex") => arg = arguments.value()?.parse_with(bytes)?,
                Long("log") => log = true,
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            }
        }
        let module = module.context("name the module: --module FILE")?;
        Ok(Some(Self { module, listen, options, arg, log }))
    }
}

/// Bytes from hexadecimal.
fn bytes(hex: &str) -> Result<Vec<u8>> {
    if !hex.is_ascii() || hex.len() % 2 == 1 {
        bail!("this is not hexadecimal");
    }
    (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&hex[at..at + 2], 16)?)).collect()
}

#[tokio::main]
async fn main() -> Result<()> {
    let Some(Arguments { module, listen, options, arg, log }) = Arguments::read()? else {
        println!("{USAGE}");
        return Ok(());
    };
    let wasm = std::fs::read(&module).with_context(|| module.display().to_string())?;
    let mut canister = Canister::install(&CanisterModule::compile(&wasm)?, &arg, &options)?;
    canister.advance(INSTALLED_BEFORE_NS);
    let listener = TcpListener::bind(listen).await.with_context(|| listen.to_string())?;
    let address = listener.local_addr()?;
    let (url, canister_id) = (format!("http://{address}"), canister.id().to_text());
    let router = router(canister, &url, log)?;
    let gateway = format!("http://{canister_id}.localhost:{}", address.port());
    println!("{}", serde_json::json!({ "url": url, "canister_id": canister_id, "gateway": gateway }));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served?,
        stopped = stop() => stopped?,
    }
    // Nothing has to be finished or written; the thread that reads standard input may wait forever.
    std::process::exit(0)
}

fn router(canister: Canister, url: &str, log: bool) -> Result<Router> {
    let node = NodeKey::new();
    let (canister_id, root_key_der) = (canister.id(), canister.root_key().to_vec());
    let replica = ReplicaThread::start(canister, node.clone(), log)?;
    let api = api::router(Api { replica, node, canister_id, root_key_der });
    // Any page may ask, as at the IC's own gateways.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any);
    Ok(api.fallback_service(any(gateway::answer).with_state(Gateway::new(url))).layer(cors))
}

/// SIGTERM, or the end of standard input.
async fn stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let input = tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new()));
    tokio::select! {
        _ = terminate.recv() => {}
        ended = input => drop(ended?),
    }
    Ok(())
}
