//! `keepsake identity invite|join|sheet|recover|devices|remove`: one person by several keys. Owns the look and the order of the
//! messages; the keys of this machine are in `identity.rs`.

use super::confirm::confirm;
use crate::args::{Global, IdentityAction};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{self, time};
use crate::terminal::{self, plain};
use anyhow::{Context as _, Result};
use keepsake_client::CallError;
use keepsake_client::api::{Principal, Standing};
use keepsake_client::code::Code;
use keepsake_client::recovery::RecoveryWords;
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the sheet is called among the devices.
const SHEET: &str = "Recovery sheet";

/// Whether an action needs the node.
pub(crate) fn is_about_devices(action: &IdentityAction) -> bool {
    matches!(
        action,
        IdentityAction::Invite { .. }
            | IdentityAction::Join { .. }
            | IdentityAction::Sheet
            | IdentityAction::Devices
            | IdentityAction::Remove { .. }
    )
}

/// Runs one action.
pub(crate) async fn run(global: &Global, context: &Context, action: IdentityAction) -> Result<()> {
    match action {
        IdentityAction::Invite { name } => invite(global, context, &name).await,
        IdentityAction::Join { code, name, yes } => {
            let code = code_of(&code)?;
            ask_first(context, &code, yes).await?;
            join(context, &code, &name).await
        }
        IdentityAction::Sheet => sheet(global, context).await,
        IdentityAction::Devices => list(context).await,
        IdentityAction::Remove { device, yes } => remove(context, device, yes).await,
        other => unreachable!("it is about keys: {other:?}"),
    }
}

/// A code as it was typed, in one piece or in words.
pub(crate) fn code_of(typed: &[String]) -> Result<Zeroizing<String>> {
    let code = Code::parse(&typed.join(" ")).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    Ok(code.to_text())
}

async fn invite(global: &Global, context: &Context, name: &str) -> Result<()> {
    let text = context.client.devices_invite(name).await?;
    let code = Code::parse(&text).context("the node gave a code that is none")?;
    let address = format!("{}/#join={text}", global.node.trim_end_matches('/'));
    if context.output.json {
        return output::json(
            &json!({ "code": text, "words": code.to_words().as_str(), "address": address, "minutes": 15 }),
        );
    }
    output::line(format_args!("code     {text}"))?;
    output::line(format_args!("words    {}", code.to_words().as_str()))?;
    output::line(format_args!("address  {address}"))?;
    context.output.note(format_args!(
        "on the other device, within 15 minutes: open the address, or `keepsake identity join CODE`. Whoever has the code becomes \
         you: tell it to nobody else"
    ));
    Ok(())
}

/// Says whose account it is, and asks where the key has something that this account gets.
async fn ask_first(context: &Context, code: &str, yes: bool) -> Result<()> {
    let invitation = match context.client.invitations_read(code).await {
        Ok(invitation) => invitation,
        // Joining says so too, or knows that this very key used the code before.
        Err(CallError::Refused { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let account = account_named(invitation.invited_by, invitation.invited_by_name.as_deref());
    let has_photos = context.client.capsules_list().await?.iter().any(|capsule| capsule.memory_count > 0);
    if !has_photos {
        context.output.note(format_args!("this key becomes a device of {account}"));
        return Ok(());
    }
    let question = format!(
        "This key becomes a device of {account}. Whoever has that account sees, changes and deletes all that this key has \
         here now, and what it uploads later. Join?"
    );
    confirm(&plain(&question), yes)
}

/// The principal first: the name is what its owner says, and may say anything.
fn account_named(account: Principal, name: Option<&str>) -> String {
    const LETTERS_SHOWN: usize = 64;
    match name {
        None => format!("account {account}, which gives itself no name"),
        Some(name) => {
            let shown: String = name.chars().take(LETTERS_SHOWN).collect();
            format!("account {account}, which calls itself {shown:?}")
        }
    }
}

async fn join(context: &Context, code: &str, name: &str) -> Result<()> {
    let name = if name.is_empty() { this_machine() } else { name.to_owned() };
    let account = context.client.devices_join(code, &name, None).await?;
    joined(context, account)
}

fn joined(context: &Context, account: Principal) -> Result<()> {
    if context.output.json {
        return output::json(&json!({ "account": account.to_text(), "done": "joined" }));
    }
    output::line(format_args!("joined   {account}"))?;
    context.output.note(format_args!("this key opens the account now: `keepsake ls` shows its photos"));
    Ok(())
}

/// What a device is called that nobody gave a name.
fn this_machine() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = host.trim();
    if host.is_empty() { "Command line".to_owned() } else { format!("Command line on {host}") }
}

async fn sheet(global: &Global, context: &Context) -> Result<()> {
    let words = RecoveryWords::random();
    let by_words = Context::signing_with(global, Arc::new(words.identity()))?;
    let code = context.client.devices_invite(SHEET).await?;
    let account = by_words.client.devices_join(&code, SHEET, None).await?;
    let words = words.to_words();
    if context.output.json {
        return output::json(&json!({ "account": account.to_text(), "words": words.as_str() }));
    }
    for (at, row) in words.split(' ').collect::<Vec<_>>().chunks(6).enumerate() {
        let numbered: Vec<_> =
            (at * 6 + 1..).zip(row).map(|(at, word)| format!("{at:2} {word:10}")).collect();
        output::line(format_args!("{}", numbered.join(" ").trim_end()))?;
    }
    context.output.note(format_args!(
        "write these 24 words down and keep them where nobody else finds them: they open the account where no device is left, by \
         `keepsake identity recover` or in the page. They are shown once"
    ));
    Ok(())
}

/// Comes back by the words of a recovery sheet. No key is made where they open nothing.
pub(crate) async fn recover(global: &Global, name: &str) -> Result<()> {
    let typed = typed_words()?;
    let words = RecoveryWords::parse(&typed).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let by_words = Context::signing_with(global, Arc::new(words.identity()))?;
    let who = by_words.client.whoami().await?;
    if who.standing == Standing::Removed || who.account == who.principal {
        let message = "these words open no account here: the sheet was removed, or it is of another host";
        return Err(Failure::new(Exit::NotFound, message).into());
    }
    let context = Context::new(global)?;
    let code = by_words.client.devices_invite(name).await?;
    join(&context, &code, name).await
}

/// From the terminal, or from standard input where there is none: not from the command line, which others can see.
fn typed_words() -> Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    let mut typed = Zeroizing::new(String::new());
    if stdin.is_terminal() {
        terminal::ask("The 24 words of the recovery sheet, in one or several lines, then an empty one:")?;
    }
    for line in stdin.lock().lines() {
        let line = Zeroizing::new(line?);
        if line.trim().is_empty() {
            break;
        }
        typed.push_str(&line);
        typed.push(' ');
    }
    Ok(typed)
}

async fn list(context: &Context) -> Result<()> {
    let devices = context.client.devices_list().await?;
    if context.output.json {
        let shape = |device: &keepsake_client::api::Device| {
            json!({
                "principal": device.principal.to_text(),
                "name": device.name,
                "added_at": device.added_at,
                "last_upload_day": device.last_upload_day,
                "is_passkey": device.is_passkey,
                "is_this": device.is_this,
            })
        };
        return output::json(&devices.iter().map(shape).collect::<Vec<_>>());
    }
    let row = |device: &keepsake_client::api::Device| {
        let name = match device.name.as_str() {
            "" if device.added_at.is_none() => "the first one",
            "" => "-",
            name => name,
        };
        vec![
            if device.is_this { "*" } else { "" }.to_owned(),
            name.to_owned(),
            device.added_at.map_or_else(|| "-".to_owned(), time),
            device.last_upload_day.map_or_else(|| "-".to_owned(), |day| time(day)[..10].to_owned()),
            device.principal.to_text(),
        ]
    };
    let rows: Vec<_> = devices.iter().map(row).collect();
    output::table(&["", "DEVICE", "ADDED", "LAST UPLOAD", "PRINCIPAL"], &rows)?;
    if devices.len() == 1 {
        context.output.note(format_args!(
            "there is no second way into this account: `keepsake identity sheet` makes a recovery sheet, `keepsake identity \
             invite` asks another device in"
        ));
    }
    Ok(())
}

async fn remove(context: &Context, device: Principal, yes: bool) -> Result<()> {
    let this = context.client.whoami().await?.principal == device;
    let question = if this {
        "Shut this very key out of your account? It opens nothing from then on."
    } else {
        "Shut this device out of your account?"
    };
    confirm(question, yes)?;
    context.client.devices_remove(device).await?;
    if context.output.json {
        return output::json(&json!({ "principal": device.to_text(), "done": "removed" }));
    }
    output::line(format_args!("removed: {device}"))?;
    context.output.note(format_args!(
        "it comes back only by a new code of yours, and codes for devices that were not used yet are none any more. Invitations and links that were made on it are the account's and stay: \
         `keepsake capsule invitations` and `keepsake capsule shares` list them"
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_nothing_in_the_programs_place() {
        let account = Principal::self_authenticating([1]);
        let told = account_named(account, Some("you, as before.\"\u{202e}\nJoin? y"));
        assert_eq!(
            told,
            format!("account {account}, which calls itself \"you, as before.\\\"\\u{{202e}}\\nJoin? y\"")
        );
        assert!(account_named(account, Some(&"x".repeat(256))).len() < 200);
    }
}
