//! `keepsake site …`: the web app that the host itself shows. Owns the report of each file.

use super::confirm::confirm;
use crate::args::SiteAction;
use crate::context::Context;
use crate::output::{self, bytes};
use crate::shapes::{SiteFileShape, SiteSetLine};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use keepsake_client::site::SitePage;
use keepsake_node::web_app::WebApp;
use serde_json::json;
use std::path::Path;

/// A file that this command adds: it tells the page which canister it is of. Names of gateways say so too, domains of
/// one's own do not.
const ABOUT: &str = "service.json";

/// Does what was asked for; without an action, lists the files.
pub(crate) async fn run(context: &Context, action: Option<SiteAction>) -> Result<()> {
    match action {
        None => list(context).await,
        Some(SiteAction::Set { dir }) => set(context, &dir).await,
        Some(SiteAction::Clear { yes }) => {
            confirm("Remove all files of the site?", yes)?;
            context.client.site_set(&[]).await.context("the site is as it was before")?;
            told(context, 0, 0)
        }
    }
}

async fn list(context: &Context) -> Result<()> {
    let files = context.client.site_list().await?;
    if context.output.json {
        return output::json(&files.into_iter().map(SiteFileShape::from).collect::<Vec<_>>());
    }
    if files.is_empty() {
        context.output.note(format_args!(
            "there is no site yet: a node shows its built-in page, a canister none; `keepsake site set DIR` makes the \
             files of a folder the site"
        ));
        return Ok(());
    }
    let row = |file| {
        let SiteFileShape { path, bytes: count, mime_type, .. } = file;
        vec![path, bytes(count), mime_type]
    };
    let rows: Vec<_> = files.into_iter().map(SiteFileShape::from).map(row).collect();
    output::table(&["PATH", "SIZE", "TYPE"], &rows)
}

async fn set(context: &Context, dir: &Path) -> Result<()> {
    let app = WebApp::read(dir)?;
    let most = u64::from(context.client.limits().await?.response_bytes_max);
    for (path, _, content) in app.files() {
        if content.len() as u64 > most {
            bail!(
                "{path} has {}: a file of the site has at most {}",
                bytes(content.len() as u64),
                bytes(most)
            );
        }
        if content.is_empty() && path == "index.html" {
            bail!("index.html is empty: build the app again");
        }
    }
    let page = |(path, mime_type, content): (&str, &str, &Bytes)| SitePage {
        path: path.to_owned(),
        mime_type: mime_type.to_owned(),
        bytes: content.clone(),
    };
    let (mut pages, empty): (Vec<_>, Vec<_>) = app.files().map(page).partition(|page| !page.bytes.is_empty());
    for page in &empty {
        context.output.note(format_args!("{} is empty and left out", page.path));
    }
    if pages.iter().all(|page| page.path != ABOUT) {
        pages.push(about(context));
    }
    let (all, mut done, mut sent) = (pages.len(), 0, 0);
    let step = |step: keepsake_client::site::SiteStep| {
        done += 1;
        sent += usize::from(step.sent);
        let what = if step.sent { "sent" } else { "there already" };
        context.output.note(format_args!("{done}/{all} {} {} {what}", step.path, bytes(step.size)));
    };
    context.client.site_replace(pages, step).await.context("the site is as it was before")?;
    told(context, all, sent)
}

fn about(context: &Context) -> SitePage {
    let transport = context.client.transport();
    let about = json!({
        "canister_id": transport.canister_id().to_text(),
        "internet_computer": transport.is_mainnet(),
    });
    SitePage {
        path: ABOUT.to_owned(),
        mime_type: "application/json".to_owned(),
        bytes: about.to_string().into(),
    }
}

fn told(context: &Context, files: usize, sent: usize) -> Result<()> {
    if context.output.json {
        return output::json(&SiteSetLine { files, sent });
    }
    match files {
        0 => {
            output::line(format_args!("the site has no files any more; a node shows its built-in page again"))
        }
        _ => output::line(format_args!("{files} files are the site now, {sent} of them new")),
    }
}
