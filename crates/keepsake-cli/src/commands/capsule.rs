//! `keepsake capsule`: containers of memories and who may see them. Owns the look.

use super::confirm::confirm;
use crate::args::CapsuleAction;
use crate::context::Context;
use crate::output::{self, bytes, plain, time};
use crate::shapes::{CapsuleHeaderShape, CapsuleShape};
use anyhow::{Context as _, Result};
use keepsake_client::api::{PersonRef, Principal};
use serde_json::json;

/// Runs one action; lists where none is given.
pub(crate) async fn run(context: &Context, action: Option<CapsuleAction>) -> Result<()> {
    let client = &context.client;
    match action.unwrap_or(CapsuleAction::Ls) {
        CapsuleAction::Ls => list(context).await,
        CapsuleAction::Show { capsule_id } => {
            let capsule_id = match capsule_id {
                Some(id) => id,
                None => context.capsule_to_write().await?,
            };
            let capsule = client.capsules_read_full(Some(&capsule_id)).await;
            show(context, capsule.with_context(|| plain(&capsule_id))?.into())
        }
        CapsuleAction::Create { about } => {
            let capsule = client.capsules_create(about.map(|about| person(&about))).await?;
            show(context, capsule.into())
        }
        CapsuleAction::Delete { capsule_id, yes } => {
            confirm(&format!("Delete {} with all its memories for ever?", plain(&capsule_id)), yes)?;
            client.capsules_delete(&capsule_id).await.with_context(|| plain(&capsule_id))?;
            done(context, "deleted", &capsule_id)
        }
        CapsuleAction::Grant { capsule_id, who, role } => {
            client.capsules_grant(&capsule_id, who, role.into()).await.with_context(|| plain(&capsule_id))?;
            done(context, "granted", &capsule_id)
        }
        CapsuleAction::Revoke { capsule_id, who } => {
            client.capsules_revoke(&capsule_id, who).await.with_context(|| plain(&capsule_id))?;
            done(context, "revoked", &capsule_id)
        }
    }
}

fn person(text: &str) -> PersonRef {
    Principal::from_text(text).map_or_else(|_| PersonRef::Opaque(text.to_owned()), PersonRef::Principal)
}

async fn list(context: &Context) -> Result<()> {
    let capsules = context.client.capsules_list().await?;
    let capsules: Vec<_> = capsules.into_iter().map(CapsuleHeaderShape::from).collect();
    let output = context.output;
    if output.json {
        return output::json(&capsules);
    }
    if capsules.is_empty() {
        output.note(format_args!("you have no capsule yet: the first upload makes one"));
        return Ok(());
    }
    let row = |capsule: &CapsuleHeaderShape| {
        let (id, role) = (capsule.id.clone(), capsule.role.clone());
        vec![id, role, capsule.memory_count.to_string(), time(capsule.updated_at), plain(&capsule.subject)]
    };
    let rows: Vec<_> = capsules.iter().map(row).collect();
    output::table(&["CAPSULE", "ROLE", "MEMORIES", "UPDATED", "ABOUT"], &rows)
}

fn show(context: &Context, capsule: CapsuleShape) -> Result<()> {
    let output = context.output;
    if output.json {
        return output::json(&capsule);
    }
    for (name, value) in [
        ("capsule", capsule.id),
        ("about", plain(&capsule.subject)),
        ("memories", capsule.memory_count.to_string()),
        ("used", bytes(capsule.bytes_used)),
        ("in flight", bytes(capsule.bytes_in_flight)),
        ("created", time(capsule.created_at)),
        ("updated", time(capsule.updated_at)),
    ] {
        output::line(format_args!("{name:9} {value}"))?;
    }
    output::line(format_args!(""))?;
    let rows: Vec<_> =
        capsule.members.into_iter().map(|member| vec![member.role, member.principal]).collect();
    output::table(&["ROLE", "MEMBER"], &rows)
}

fn done(context: &Context, what: &str, capsule_id: &str) -> Result<()> {
    if context.output.json {
        return output::json(&json!({ "capsule_id": capsule_id, "done": what }));
    }
    output::line(format_args!("{what}: {}", plain(capsule_id)))
}
