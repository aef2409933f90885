//! `keepsake admin`: what whoever runs the host may do, on a host that runs or at a store that no node serves. Owns the look, and
//! the way to the store; each use is logged by the service.

use super::confirm::confirm;
use super::sharing::{ends_at, invitations};
use crate::args::{AdminAction, AdminSettings, Admission as AdmissionName, Global};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output, bytes, time};
use anyhow::{Context as _, Error, Result};
use keepsake_client::api::{Admission, LogEntry, Principal, SessionState, Settings};
use keepsake_client::{Client, Transport, TransportError};
use keepsake_node::data_dir::DataDirError;
use keepsake_node::offline::{Offline, OfflineError};
use keepsake_node::serve::ServeError;
use serde_json::json;
use std::path::Path;

/// Messages to a store that no node serves.
struct AtTheStore(Offline);

impl Transport for AtTheStore {
    fn principal(&self) -> Principal {
        Offline::principal()
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.0.update(method, arg).await.map_err(rejected)
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.0.query(method, arg).await.map_err(rejected)
    }
}

fn rejected(error: OfflineError) -> TransportError {
    TransportError::Rejected { code: error.code, message: error.message }
}

/// Runs one action, at the store in `data` where that is given.
pub(crate) async fn run(global: &Global, data: Option<&Path>, action: AdminAction) -> Result<()> {
    let Some(data) = data else {
        let context = Context::new(global)?;
        return act(&context.client, global, context.output, action).await;
    };
    let store = Offline::open(data, global.canister).map_err(not_opened)?;
    let client = Client::new(AtTheStore(store));
    act(&client, global, Output::new(global), action).await
}

/// The same exit codes as those of `keepsake fsck`.
fn not_opened(error: ServeError) -> Error {
    let exit = match &error {
        ServeError::DataDir(DataDirError::NoStore { .. } | DataDirError::NotADataDir { .. }) => {
            Exit::NotFound
        }
        ServeError::DataDir(DataDirError::InUse { .. }) => Exit::Conflict,
        _ => Exit::Usage,
    };
    let hint = match exit {
        Exit::Conflict => "; a node that runs is asked without --data",
        _ => "",
    };
    Failure::new(exit, format!("{:#}{hint}", Error::from(error))).into()
}

async fn act<T: Transport>(
    client: &Client<T>,
    global: &Global,
    output: Output,
    action: AdminAction,
) -> Result<()> {
    match action {
        AdminAction::Sessions => sessions(client, output).await,
        AdminAction::Evict { session_ids } => {
            for id in session_ids {
                client.admin_evict(id).await.with_context(|| format!("session {id}"))?;
                done(output, "evicted", &id.to_string())?;
            }
            Ok(())
        }
        AdminAction::Remove { ids, yes } => {
            confirm(&format!("Remove {} for ever, whoever they are of?", ids.join(", ")), yes)?;
            for id in ids {
                client.admin_remove(&id).await.with_context(|| id.clone())?;
                done(output, "removed", &id)?;
            }
            Ok(())
        }
        AdminAction::Block { who, reason } => {
            client.admin_block(who, reason.as_deref()).await?;
            done(output, "blocked", &who.to_text())
        }
        AdminAction::Unblock { who } => {
            client.admin_unblock(who).await?;
            done(output, "unblocked", &who.to_text())
        }
        AdminAction::Quota { who, quota } => {
            client.admin_quota(who, quota.0).await?;
            done(output, "quota set", &who.to_text())
        }
        AdminAction::Set(settings) => set(client, output, &settings).await,
        AdminAction::Admission { who } => {
            let settings = Settings { admission: Some(admission(who)), ..Settings::default() };
            client.admin_set(&settings).await?;
            show(client, output).await
        }
        AdminAction::Invite { uses, expires, label, quota } => {
            let expires_at = ends_at(expires)?;
            let code = client.admin_invite(uses, expires_at, label.as_deref(), quota).await?;
            super::sharing::invited(global, output, &code, expires_at)
        }
        AdminAction::Invitations => invitations(output.json, &client.invitations_list(None).await?),
        AdminAction::Give { capsule_id, who } => {
            client.admin_give(&capsule_id, who).await.with_context(|| capsule_id.clone())?;
            done(output, "given", &format!("{capsule_id} to {who}"))
        }
        AdminAction::Log => log(client, output).await,
    }
}

async fn sessions<T: Transport>(client: &Client<T>, output: Output) -> Result<()> {
    let mut sessions = client.sessions_list().await?;
    sessions.retain(|session| session.state == SessionState::Pending);
    if output.json {
        let shapes = sessions.into_iter().map(crate::shapes::SessionShape::from);
        return output::json(&shapes.collect::<Vec<_>>());
    }
    let rows: Vec<_> = sessions
        .iter()
        .map(|session| {
            vec![
                session.session_id.to_string(),
                session.total_len.map_or_else(|| "-".to_owned(), bytes),
                bytes(session.bytes_received),
                session.capsule_id.clone(),
                time(session.last_seen),
                session.caller.to_text(),
            ]
        })
        .collect();
    output::table(&["SESSION", "SIZE", "SENT", "CAPSULE", "LAST SEEN", "OF"], &rows)
}

fn admission(name: AdmissionName) -> Admission {
    match name {
        AdmissionName::Everybody => Admission::Everybody,
        AdmissionName::Invited => Admission::Invited,
    }
}

async fn set<T: Transport>(client: &Client<T>, output: Output, given: &AdminSettings) -> Result<()> {
    let settings = Settings {
        admission: given.admission.map(admission),
        capsule_bytes_max: given.capsule_bytes_max,
        bytes_in_flight_per_caller_max: given.bytes_in_flight_per_caller_max,
        sessions_per_caller_max: given.sessions_per_caller_max,
        heap_bytes_max: given.heap_bytes_max,
        record_bytes_max: given.record_bytes_max,
        capsule_record_bytes_max: given.capsule_record_bytes_max,
    };
    if settings != Settings::default() {
        client.admin_set(&settings).await?;
    }
    show(client, output).await
}

async fn show<T: Transport>(client: &Client<T>, output: Output) -> Result<()> {
    let set = client.admin_settings().await?;
    let settings = &set.settings;
    let admission = settings.admission.map(|who| format!("{who:?}").to_lowercase()).unwrap_or_default();
    let controllers: Vec<_> = set.controllers.iter().map(Principal::to_text).collect();
    if output.json {
        return output::json(&json!({
            "admission": admission,
            "controllers": controllers,
            "heap_bytes_max": settings.heap_bytes_max,
            "record_bytes_max": settings.record_bytes_max,
            "capsule_bytes_max": settings.capsule_bytes_max,
            "capsule_record_bytes_max": settings.capsule_record_bytes_max,
            "bytes_in_flight_per_caller_max": settings.bytes_in_flight_per_caller_max,
            "sessions_per_caller_max": settings.sessions_per_caller_max,
        }));
    }
    output::line(format_args!("{:30}  {admission}", "admission"))?;
    for (name, limit) in [
        ("heap_bytes_max", settings.heap_bytes_max),
        ("record_bytes_max", settings.record_bytes_max),
        ("capsule_bytes_max", settings.capsule_bytes_max),
        ("capsule_record_bytes_max", settings.capsule_record_bytes_max),
        ("bytes_in_flight_per_caller_max", settings.bytes_in_flight_per_caller_max),
    ] {
        output::line(format_args!("{name:30}  {}", limit.map(bytes).unwrap_or_default()))?;
    }
    let sessions = settings.sessions_per_caller_max.unwrap_or_default();
    output::line(format_args!("{:30}  {sessions}", "sessions_per_caller_max"))?;
    for controller in controllers {
        output::line(format_args!("{:30}  {controller}", "controller"))?;
    }
    Ok(())
}

/// All of it, page by page.
async fn log<T: Transport>(client: &Client<T>, output: Output) -> Result<()> {
    let mut entries: Vec<LogEntry> = Vec::new();
    loop {
        let page = client.admin_log(entries.last().map(|entry| entry.number)).await?;
        if page.is_empty() {
            break;
        }
        entries.extend(page);
    }
    if output.json {
        let shape = |entry: &LogEntry| {
            json!({
                "number": entry.number, "at": entry.at, "by": entry.by.to_text(), "action": entry.action,
                "target": entry.target,
            })
        };
        return output::json(&entries.iter().map(shape).collect::<Vec<_>>());
    }
    let row = |entry: &LogEntry| {
        let by =
            if entry.by == Offline::principal() { "at the machine".to_owned() } else { entry.by.to_text() };
        vec![time(entry.at), entry.action.clone(), entry.target.clone(), by]
    };
    output::table(&["TIME", "ACTION", "TARGET", "BY"], &entries.iter().map(row).collect::<Vec<_>>())
}

fn done(output: Output, what: &str, id: &str) -> Result<()> {
    if output.json {
        return output::json(&json!({ "id": id, "done": what }));
    }
    output::line(format_args!("{what}: {id}"))
}
