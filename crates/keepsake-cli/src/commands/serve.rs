//! `keepsake serve`: a node on this machine. Owns the options' way to the node, the web app that is built into this
//! program, and the signals that stop it.

use crate::args::Serve;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};
use crate::terminal::Report;
use anyhow::{Error, Result};
use keepsake_client::api::Principal;
use keepsake_client::upload::hex;
use keepsake_node::data_dir::DataDirError;
use keepsake_node::serve::{ServeError, ServeOptions, Server};
use keepsake_node::web_app::WebApp;
use serde_json::json;
use std::net::SocketAddr;

/// The web app, where it was built before this program was; else nothing.
#[derive(rust_embed::Embed)]
#[folder = "../../web/packages/app/dist"]
#[allow_missing = true]
struct BuiltIn;

/// Runs until a signal stops it.
pub(crate) async fn run(args: Serve, canister_id: Principal, output: Output) -> Result<()> {
    let hosts = args.host.clone();
    let options = ServeOptions {
        listen: args.listen,
        canister_id,
        controllers: args.controller,
        heap_bytes_max: args.heap_bytes_max,
        record_bytes_max: args.record_bytes_max,
        web_app: args.app.as_deref().map_or_else(|| Ok(built_in()), WebApp::read)?,
        hosts: args.host,
        cors_origins: args.cors_origin,
        ..ServeOptions::new(args.data)
    };
    // Listening for signals before anything else: a stop during the start is not lost.
    let stop = stop_signal()?;
    let server = Server::bind(options).await.map_err(not_served)?;
    let (url, canister_id) = (url_here(server.local_addr()), server.canister_id());
    // A node serves, whoever reads where.
    let mut report = Report::default();
    report.told(if output.json {
        let root_key = hex(server.root_key_der());
        output::json_line(&json!({ "url": url, "canister_id": canister_id.to_text(), "root_key": root_key }))
    } else {
        output::line(format_args!("Serving canister {canister_id} at {url}"))
    });
    if server.local_addr().ip().is_unspecified() {
        output.note(format_args!("{}", told_to_others(server.local_addr(), &hosts)));
    }
    server.run(stop).await;
    report.end()
}

/// What to open on this machine. The address of all networks is none to open.
fn url_here(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        return format!("http://localhost:{}", listen.port());
    }
    format!("http://{listen}")
}

/// How others reach a node that listens on all networks: by any name, until it is given some.
fn told_to_others(listen: SocketAddr, hosts: &[String]) -> String {
    let port = listen.port();
    if hosts.is_empty() {
        return format!(
            "from other machines, open http://NAME:{port}, where NAME is this machine's address or name; --host NAME, as often \
             as it has names, makes it answer to no other"
        );
    }
    format!("from other machines it answers to {} only (--host), at port {port}", hosts.join(", "))
}

/// The same exit codes as those of `keepsake fsck`.
fn not_served(error: ServeError) -> Error {
    let exit = match &error {
        ServeError::DataDir(DataDirError::InUse { .. }) => Exit::Conflict,
        ServeError::Origin(_) => Exit::Usage,
        _ => return error.into(),
    };
    Failure::new(exit, format!("{:#}", Error::from(error))).into()
}

fn built_in() -> WebApp {
    let file = |path: &str| BuiltIn::get(path).map(|file| file.data);
    WebApp::of(BuiltIn::iter().filter_map(|path| Some((path.to_string(), file(&path)?))))
}

#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
