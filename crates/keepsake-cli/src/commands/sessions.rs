//! `keepsake sessions`: the caller's uploads, pending and ended lately. Owns the table.

use crate::args::SessionsAction;
use crate::context::Context;
use crate::output::{self, bytes, time};
use crate::shapes::SessionShape;
use crate::terminal::Report;
use anyhow::{Context as _, Result};
use keepsake_client::api::SessionState;
use serde_json::json;
use std::cmp::Reverse;

/// Lists, aborts or cleans up.
pub(crate) async fn run(context: &Context, action: Option<SessionsAction>) -> Result<()> {
    match action.unwrap_or(SessionsAction::Ls) {
        SessionsAction::Ls => list(context).await,
        SessionsAction::Abort { all: true, .. } => abort(context, &pending(context).await?, true).await,
        SessionsAction::Abort { session_ids, .. } => abort(context, &session_ids, false).await,
        SessionsAction::Cleanup => cleanup(context).await,
    }
}

async fn list(context: &Context) -> Result<()> {
    let mut sessions = context.client.sessions_list().await?;
    // What can still be gone on with comes first, and of that the newest.
    sessions.sort_by_key(|session| {
        (session.state != SessionState::Pending, Reverse((session.created_at, session.session_id)))
    });
    let sessions: Vec<_> = sessions.into_iter().map(SessionShape::from).collect();
    let output = context.output;
    if output.json {
        return output::json(&sessions);
    }
    if sessions.is_empty() {
        output.note(format_args!("there is no upload, neither pending nor ended lately"));
        return Ok(());
    }
    let rows: Vec<_> = sessions.iter().map(row).collect();
    output::table(
        &["SESSION", "STATE", "TYPE", "SIZE", "SENT", "CHUNKS", "CAPSULE", "LAST SEEN", "EXPIRES"],
        &rows,
    )
}

fn row(session: &SessionShape) -> Vec<String> {
    vec![
        session.session_id.to_string(),
        session.state.to_owned(),
        session.mime_type.clone().unwrap_or_else(|| "-".to_owned()),
        session.total_len.map_or_else(|| "-".to_owned(), bytes),
        bytes(session.bytes_received),
        format!("{}/{}", session.received_chunks, session.expected_chunks),
        session.capsule_id.clone(),
        time(session.last_seen),
        time(session.expires_at),
    ]
}

/// The caller's own: a controller sees those of others too.
async fn pending(context: &Context) -> Result<Vec<u64>> {
    let me = context.client.principal();
    let sessions = context.client.sessions_list().await?.into_iter();
    let pending = sessions.filter(|session| session.caller == me && session.state == SessionState::Pending);
    Ok(pending.map(|session| session.session_id).collect())
}

/// With `all`, one that ended meanwhile is no failure.
async fn abort(context: &Context, session_ids: &[u64], all: bool) -> Result<()> {
    let (mut report, mut aborted) = (Report::default(), Vec::new());
    for id in session_ids {
        match context.client.uploads_abort(*id).await {
            Err(error) if all && error.is_not_found() => continue,
            result => result.with_context(|| format!("session {id}"))?,
        }
        aborted.push(*id);
        if !context.output.json {
            report.told(output::line(format_args!("aborted session {id}")));
        }
    }
    if context.output.json {
        report.told(output::json(&json!({ "aborted": aborted })));
    } else if aborted.is_empty() {
        context.output.note(format_args!("there is no pending upload"));
    }
    report.end()
}

async fn cleanup(context: &Context) -> Result<()> {
    let evicted = context.client.sessions_cleanup_expired().await?;
    if context.output.json {
        return output::json(&json!({ "evicted": evicted }));
    }
    output::line(format_args!("evicted {evicted} expired sessions"))
}
