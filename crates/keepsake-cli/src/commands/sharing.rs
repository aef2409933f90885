//! `keepsake capsule accept|leave|rename|invite|invitations|uninvite|redeem|share|shares|unshare`: ways for others into a capsule.
//! Owns the look.

use super::confirm::confirm;
use super::devices::code_of;
use crate::args::{CapsuleAction, Global, Time};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output, time};
use crate::shapes::role;
use crate::terminal;
use anyhow::{Context as _, Result};
use keepsake_client::agent::Identity;
use keepsake_client::api::{Invitation, InvitationInto, Link as LinkRow, LinkOptions};
use keepsake_client::code::Code;
use keepsake_client::link::Link;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Runs one of these actions.
pub(crate) async fn run(global: &Global, context: &Context, action: CapsuleAction) -> Result<()> {
    let client = &context.client;
    match action {
        CapsuleAction::Accept { capsule_id } => {
            client.capsules_accept(&capsule_id).await.with_context(|| capsule_id.clone())?;
            done(context, "accepted", &capsule_id)
        }
        CapsuleAction::Leave { capsule_id, yes } => {
            confirm(&format!("Give your role in {capsule_id} up? You see it no more."), yes)?;
            client.capsules_leave(&capsule_id).await.with_context(|| capsule_id.clone())?;
            done(context, "left", &capsule_id)
        }
        CapsuleAction::Rename { capsule_id, name } => {
            client.capsules_rename(&capsule_id, name.as_deref()).await.with_context(|| capsule_id.clone())?;
            done(context, "renamed", &capsule_id)
        }
        CapsuleAction::Invite { capsule_id, role, uses, expires, label } => {
            let expires_at = ends_at(expires)?;
            let code = client
                .invitations_create(&capsule_id, role.into(), uses, expires_at, label.as_deref())
                .await
                .with_context(|| capsule_id.clone())?;
            invited(global, context.output, &code, expires_at)
        }
        CapsuleAction::Invitations { capsule_id } => {
            let found =
                client.invitations_list(Some(&capsule_id)).await.with_context(|| capsule_id.clone())?;
            invitations(context.output.json, &found)
        }
        CapsuleAction::Uninvite { invitation } => {
            client
                .invitations_revoke(invitation)
                .await
                .with_context(|| format!("invitation {invitation}"))?;
            done(context, "taken back", &format!("invitation {invitation}"))
        }
        CapsuleAction::Redeem { code } => redeem(context, &code_of(&code)?).await,
        CapsuleAction::Share { capsule_id, memories, expires, no_download, password, preview, label } => {
            let options = LinkOptions {
                memories: (!memories.is_empty()).then_some(memories),
                expires_at: ends_at(expires)?,
                download: Some(!no_download),
                password: Some(password),
                label,
                preview: Some(preview),
            };
            share(global, context, &capsule_id, &options).await
        }
        CapsuleAction::Shares { capsule_id } => {
            let links = client.links_list(&capsule_id).await.with_context(|| capsule_id.clone())?;
            shares(context.output.json, &links)
        }
        CapsuleAction::Unshare { capsule_id, link } => {
            client.links_revoke(&capsule_id, link).await.with_context(|| capsule_id.clone())?;
            done(context, "ended", &link.to_text())
        }
        other => unreachable!("it is not about sharing: {other:?}"),
    }
}

/// When something ends that is good for so long from now on, ns since 1970.
pub(crate) fn ends_at(Time(time): Time) -> Result<Option<u64>> {
    let Some(time) = time else { return Ok(None) };
    let at = SystemTime::now().checked_add(time).context("that is later than clocks go: write `never`")?;
    let since = at.duration_since(UNIX_EPOCH)?;
    Ok(Some(u64::try_from(since.as_nanos()).context("that is later than clocks go: write `never`")?))
}

/// Tells a code, which nobody sees again.
pub(crate) fn invited(global: &Global, output: Output, text: &str, expires_at: Option<u64>) -> Result<()> {
    let code = Code::parse(text).context("the node gave a code that is none")?;
    let address = format!("{}/#invite={text}", global.node.trim_end_matches('/'));
    if output.json {
        return output::json(&json!({
            "code": text, "words": code.to_words().as_str(), "address": address, "expires_at": expires_at,
        }));
    }
    output::line(format_args!("code     {text}"))?;
    output::line(format_args!("words    {}", code.to_words().as_str()))?;
    output::line(format_args!("address  {address}"))?;
    output::line(format_args!("until    {}", expires_at.map_or_else(|| "taken back".to_owned(), time)))?;
    output.note(format_args!("send the address to whom you invite; the code is shown once"));
    Ok(())
}

pub(crate) fn invitations(as_json: bool, found: &[Invitation]) -> Result<()> {
    if as_json {
        return output::json(&found.iter().map(invitation).collect::<Vec<_>>());
    }
    let row = |one: &Invitation| {
        let gives = match &one.into {
            InvitationInto::Account(_) => "a device".to_owned(),
            InvitationInto::Capsule { capsule_id, role: given, .. } => {
                format!("{} in {capsule_id}", role(*given))
            }
            InvitationInto::Host { .. } => "the host".to_owned(),
        };
        let until = one.expires_at.map_or_else(|| "-".to_owned(), time);
        vec![one.id.to_string(), gives, format!("{} of {}", one.uses, one.uses_max), until, one.label.clone()]
    };
    output::table(&["NUMBER", "GIVES", "USED", "UNTIL", "LABEL"], &found.iter().map(row).collect::<Vec<_>>())
}

fn invitation(one: &Invitation) -> Value {
    let (capsule_id, given) = match &one.into {
        InvitationInto::Capsule { capsule_id, role: given, .. } => {
            (Some(capsule_id.clone()), Some(role(*given)))
        }
        _ => (None, None),
    };
    json!({
        "id": one.id, "capsule_id": capsule_id, "role": given, "label": one.label, "uses": one.uses,
        "uses_max": one.uses_max, "created_at": one.created_at, "expires_at": one.expires_at,
        "invited_by": one.invited_by.to_text(),
    })
}

async fn redeem(context: &Context, code: &str) -> Result<()> {
    let redeemed = context.client.invitations_redeem(code).await?;
    let by = redeemed.invitation.invited_by_name.unwrap_or_else(|| redeemed.invitation.invited_by.to_text());
    let capsule = redeemed.capsule.map(|capsule| (capsule.id, role(capsule.role)));
    if context.output.json {
        let (capsule_id, role) = capsule.unzip();
        return output::json(
            &json!({ "capsule_id": capsule_id, "role": role, "invited_by": by, "done": "redeemed" }),
        );
    }
    match capsule {
        Some((id, role)) => output::line(format_args!("redeemed: {role} in {id}, invited by {by}")),
        None => output::line(format_args!("redeemed: you may make capsules here, invited by {by}")),
    }
}

async fn share(global: &Global, context: &Context, capsule_id: &str, options: &LinkOptions) -> Result<()> {
    let has_password = options.password == Some(true);
    let password = if has_password { Some(typed_password()?) } else { None };
    let link = Link::random(has_password);
    let identity = link
        .identity(password.as_ref().map(|password| password.as_str()))
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let key = identity.public_key().context("the key of a link has a public key")?;
    let made = context.client.links_create(capsule_id, &key, options).await;
    let made = made.with_context(|| capsule_id.to_owned())?;
    // A host that tells nothing of links takes them at its page's own address.
    let path = made.path.as_deref().filter(|path| path.starts_with('/')).unwrap_or("/");
    let address = format!("{}{path}{}", global.node.trim_end_matches('/'), link.to_fragment().as_str());
    if context.output.json {
        let mut shape = link_shape(&made);
        shape["address"] = json!(address);
        return output::json(&shape);
    }
    output::line(format_args!("address  {address}"))?;
    output::line(format_args!("until    {}", made.expires_at.map_or_else(|| "ended".to_owned(), time)))?;
    context.output.note(format_args!(
        "whoever has the address may look, and nobody else; it is shown once. `keepsake capsule unshare {capsule_id} {}` ends it",
        made.principal
    ));
    if options.preview == Some(true) && made.path.is_none() {
        context
            .output
            .note(format_args!("this host tells nothing of links before they are opened: only a node does"));
    }
    Ok(())
}

fn typed_password() -> Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        terminal::ask("Password of the link:")?;
    }
    let mut line = Zeroizing::new(String::new());
    stdin.lock().read_line(&mut line)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn shares(as_json: bool, links: &[LinkRow]) -> Result<()> {
    if as_json {
        return output::json(&links.iter().map(link_shape).collect::<Vec<_>>());
    }
    let row = |link: &LinkRow| {
        let shows = link.memories.map_or_else(|| "all".to_owned(), |count| format!("{count} memories"));
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let until = link.expires_at.map_or_else(|| "-".to_owned(), time);
        vec![
            shows,
            yes(link.download),
            yes(link.password),
            yes(link.preview),
            until,
            link.label.clone(),
            link.principal.to_text(),
        ]
    };
    let rows: Vec<_> = links.iter().map(row).collect();
    output::table(&["SHOWS", "ORIGINALS", "PASSWORD", "PREVIEW", "UNTIL", "LABEL", "PRINCIPAL"], &rows)
}

fn link_shape(link: &LinkRow) -> Value {
    json!({
        "principal": link.principal.to_text(), "capsule_id": link.capsule_id, "memories": link.memories,
        "download": link.download, "password": link.password, "label": link.label, "created_at": link.created_at,
        "expires_at": link.expires_at, "created_by": link.created_by.to_text(), "preview": link.preview,
        "path": link.path,
    })
}

fn done(context: &Context, what: &str, id: &str) -> Result<()> {
    if context.output.json {
        return output::json(&json!({ "id": id, "done": what }));
    }
    output::line(format_args!("{what}: {id}"))
}
