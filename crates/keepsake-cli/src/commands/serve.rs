//! `keepsake serve`: a node on this machine. Owns the options' way to the node, the web app that is built into this
//! program, and the signals that stop it or make it read its certificate anew.

use crate::args::{self, Controller, S3Args, Serve};
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};
use crate::terminal::Report;
use anyhow::{Error, Result};
use keepsake_client::api::Principal;
use keepsake_client::upload::hex;
use keepsake_node::data_dir::DataDirError;
use keepsake_node::serve::{AdmissionSetting, S3Settings, ServeError, ServeOptions, Server, Settings};
use keepsake_node::tls::{Tls, TlsFiles};
use keepsake_node::web_app::WebApp;
use serde_json::json;
use std::time::Duration;

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
        settings: settings(&args),
        web_app: args.app.as_deref().map_or_else(|| Ok(built_in()), WebApp::read)?,
        hosts: args.host,
        cors_origins: args.cors_origin,
        s3: bucket(&args.s3, args.tier_after)?,
        tls: args.tls_cert.zip(args.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        ..ServeOptions::new(args.data)
    };
    // Listening for signals before anything else: a stop during the start is not lost.
    let stop = stop_signal()?;
    let server = Server::bind(options).await.map_err(not_served)?;
    if let Some(tls) = server.tls() {
        renew_on_hangup(tls.clone())?;
    }
    let (url, canister_id) = (url_here(&server, &hosts), server.canister_id());
    // A node serves, whoever reads where.
    let mut report = Report::default();
    report.told(if output.json {
        let root_key = hex(server.root_key_der());
        output::json_line(&json!({ "url": url, "canister_id": canister_id.to_text(), "root_key": root_key }))
    } else {
        output::line(format_args!("Serving canister {canister_id} at {url}"))
    });
    if server.local_addr().ip().is_unspecified() {
        output.note(format_args!("{}", told_to_others(&server, &hosts)));
    }
    server.run(stop).await;
    report.end()
}

/// The bucket that the options name.
fn bucket(args: &S3Args, tier_after: Option<Duration>) -> Result<Option<S3Settings>> {
    let named = args.bucket().map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    Ok(named.map(|(options, credentials)| S3Settings {
        options,
        credentials,
        from_len: args.s3_from,
        tier_after,
    }))
}

/// What the store is told anew.
fn settings(args: &Serve) -> Settings {
    let controllers = args.controller.iter().filter_map(|controller| match controller {
        Controller::Nobody => None,
        Controller::One(principal) => Some(*principal),
    });
    Settings {
        controllers: (!args.controller.is_empty()).then(|| controllers.collect()),
        capsule_bytes_max: args.capsule_bytes_max,
        bytes_in_flight_per_caller_max: args.bytes_in_flight_per_caller_max,
        sessions_per_caller_max: args.sessions_per_caller_max,
        heap_bytes_max: args.heap_bytes_max,
        record_bytes_max: args.record_bytes_max,
        capsule_record_bytes_max: args.capsule_record_bytes_max,
        admission: args.admission.map(|admission| match admission {
            args::Admission::Everybody => AdmissionSetting::Everybody,
            args::Admission::Invited => AdmissionSetting::Invited,
        }),
    }
}

/// What to open on this machine. The address of all networks is none to open, and a certificate is for a name.
fn url_here(server: &Server, hosts: &[String]) -> String {
    let listen = server.local_addr();
    let scheme = scheme(server);
    match server.tls().and_then(|tls| hosts.first().cloned().or_else(|| tls.name())) {
        Some(name) => format!("{scheme}://{name}:{}", listen.port()),
        None if listen.ip().is_unspecified() => format!("{scheme}://localhost:{}", listen.port()),
        None => format!("{scheme}://{listen}"),
    }
}

fn scheme(server: &Server) -> &'static str {
    if server.tls().is_some() { "https" } else { "http" }
}

/// How others reach a node that listens on all networks: by any name, until it is given some.
fn told_to_others(server: &Server, hosts: &[String]) -> String {
    let (scheme, port) = (scheme(server), server.local_addr().port());
    if hosts.is_empty() {
        return format!(
            "from other machines, open {scheme}://NAME:{port}, where NAME is this machine's address or name; --host NAME, as often \
             as it has names, makes it answer to no other"
        );
    }
    format!("from other machines it answers to {} only (--host), at port {port}", hosts.join(", "))
}

/// The same exit codes as those of `keepsake fsck`.
fn not_served(error: ServeError) -> Error {
    let exit = match &error {
        ServeError::DataDir(DataDirError::InUse { .. }) => Exit::Conflict,
        ServeError::Origin(_) | ServeError::Tls(_) | ServeError::Bucket { .. } => Exit::Usage,
        _ => return error.into(),
    };
    Failure::new(exit, format!("{:#}", Error::from(error))).into()
}

fn built_in() -> WebApp {
    let file = |path: &str| BuiltIn::get(path).map(|file| file.data);
    WebApp::of(BuiltIn::iter().filter_map(|path| Some((path.to_string(), file(&path)?))))
}

/// Those who renew certificates say so by this signal.
#[cfg(unix)]
fn renew_on_hangup(tls: Tls) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let tls = tls.clone();
            tokio::task::spawn_blocking(move || tls.renew()).await.ok();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn renew_on_hangup(_: Tls) -> Result<()> {
    Ok(())
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
