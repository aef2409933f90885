//! `keepsake capsule`: containers of memories and who may see them. Owns the look.

use super::confirm::confirm;
use super::sharing;
use crate::args::{CapsuleAction, Global};
use crate::context::Context;
use crate::output::{self, bytes, time};
use crate::shapes::{CapsuleHeaderShape, CapsuleShape, MemberShape, role};
use anyhow::{Context as _, Result};
use keepsake_client::api::{PersonRef, Principal, Role};
use serde_json::json;

/// Everybody, as the command line and its output name the anonymous principal.
const PUBLIC: &str = "public";

/// Runs one action; lists where none is given.
pub(crate) async fn run(global: &Global, context: &Context, action: Option<CapsuleAction>) -> Result<()> {
    let client = &context.client;
    match action.unwrap_or(CapsuleAction::Ls) {
        CapsuleAction::Ls => list(context).await,
        CapsuleAction::Show { capsule_id } => {
            let capsule_id = match capsule_id {
                Some(id) => id,
                None => context.capsule_to_write().await?,
            };
            let capsule = client.capsules_read_full(Some(&capsule_id)).await;
            show(context, capsule.with_context(|| capsule_id.clone())?.into())
        }
        CapsuleAction::Create { about } => {
            let capsule = client.capsules_create(about.map(|about| person(&about))).await?;
            show(context, capsule.into())
        }
        CapsuleAction::Delete { capsule_id, yes } => {
            confirm(&format!("Delete {capsule_id} with all its memories for ever?"), yes)?;
            client.capsules_delete(&capsule_id).await.with_context(|| capsule_id.clone())?;
            done(context, "deleted", &capsule_id)
        }
        CapsuleAction::Grant { capsule_id, who, role } => {
            client.capsules_grant(&capsule_id, who, role.into()).await.with_context(|| capsule_id.clone())?;
            changed(context, "granted", &capsule_id, who, Some(role.into()))
        }
        CapsuleAction::Revoke { capsule_id, who } => {
            client.capsules_revoke(&capsule_id, who).await.with_context(|| capsule_id.clone())?;
            changed(context, "revoked", &capsule_id, who, None)
        }
        other => sharing::run(global, context, other).await,
    }
}

fn person(text: &str) -> PersonRef {
    Principal::from_text(text).map_or_else(|_| PersonRef::Opaque(text.to_owned()), PersonRef::Principal)
}

async fn list(context: &Context) -> Result<()> {
    let capsules = context.client.capsules_list().await?;
    if capsules.is_empty() {
        context.refuse_shut_out().await?;
    }
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
        let whose = match (capsule.is_self_capsule, capsule.accepted, &capsule.creator) {
            (true, ..) => "yours".to_owned(),
            (false, true, _) => String::new(),
            (false, false, creator) => {
                format!("given by {}: accept or leave it", creator.as_deref().unwrap_or("somebody"))
            }
        };
        let called = capsule.name.clone().unwrap_or_else(|| capsule.subject.clone());
        vec![id, role, capsule.memory_count.to_string(), time(capsule.updated_at), called, whose]
    };
    let rows: Vec<_> = capsules.iter().map(row).collect();
    output::table(&["CAPSULE", "ROLE", "MEMORIES", "UPDATED", "NAME", ""], &rows)
}

fn show(context: &Context, capsule: CapsuleShape) -> Result<()> {
    let output = context.output;
    if output.json {
        return output::json(&capsule);
    }
    for (name, value) in [
        ("capsule", capsule.id),
        ("name", capsule.name.unwrap_or_default()),
        ("about", capsule.subject.clone()),
        ("made by", capsule.creator.unwrap_or_default()),
        ("given", capsule.given_by_operator.unwrap_or_default()),
        ("memories", capsule.memory_count.to_string()),
        ("used", bytes(capsule.bytes_used)),
        ("in flight", bytes(capsule.bytes_in_flight)),
        ("created", time(capsule.created_at)),
        ("updated", time(capsule.updated_at)),
    ] {
        if !value.is_empty() {
            output::line(format_args!("{name:9} {value}"))?;
        }
    }
    output::line(format_args!(""))?;
    let row = |member: MemberShape| {
        let who = if member.public { PUBLIC.to_owned() } else { member.principal };
        let state = if member.accepted || member.public { "" } else { "not accepted yet" };
        vec![member.role, who, member.name.unwrap_or_default(), state.to_owned()]
    };
    let rows: Vec<_> = capsule.members.into_iter().map(row).collect();
    output::table(&["ROLE", "MEMBER", "NAME", ""], &rows)
}

/// A role was given or taken away.
fn changed(
    context: &Context,
    what: &str,
    capsule_id: &str,
    who: Principal,
    given: Option<Role>,
) -> Result<()> {
    let public = who == Principal::anonymous();
    let given = given.map(role);
    if context.output.json {
        return output::json(&json!({
            "capsule_id": capsule_id, "done": what, "principal": who.to_text(), "public": public, "role": given,
        }));
    }
    let whose = if public { PUBLIC.to_owned() } else { who.to_text() };
    let given = given.map_or_else(String::new, |role| format!("  {role}"));
    output::line(format_args!("{what}: {capsule_id}  {whose}{given}"))
}

fn done(context: &Context, what: &str, capsule_id: &str) -> Result<()> {
    if context.output.json {
        return output::json(&json!({ "capsule_id": capsule_id, "done": what }));
    }
    output::line(format_args!("{what}: {capsule_id}"))
}
