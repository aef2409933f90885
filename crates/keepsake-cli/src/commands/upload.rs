//! `keepsake upload`: several files, several at once. Owns the way to the capsule; which files they
//! are is in `upload/choose.rs`, their uploads in `upload/many.rs`, the sum in `upload/tally.rs`.

mod ahead;
mod choose;
mod many;
mod tally;

use crate::args::{Upload, Verbosity};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::progress::Progress;
use anyhow::Result;
use choose::{Chosen, Skip, choose};
use keepsake_client::api::{Error as Refusal, Role};
use keepsake_client::{
    AgentTransport, CallError, CancellationToken, Client, RetryPolicy, Transience, text_of,
};
use many::Uploads;
use std::path::PathBuf;
use std::time::Duration;
use tally::Tally;

/// Uploads all files; goes on after one that fails, unless no other can fare better.
pub(crate) async fn run(context: Context, args: Upload) -> Result<()> {
    let progress = Progress::new(context.output.verbosity);
    let Chosen { files, problems, skipped } = choose(&args);
    tell_skipped(&context, &skipped);
    let tally = Tally::new(skipped.iter().map(|(_, why)| why));
    let mut uploads = Uploads::new(&context, &progress, &args, tally);
    for (file, error) in problems {
        uploads.tell_failure(&file, &error).await;
    }
    if files.is_empty() && uploads.tally.files() == 0 {
        return Err(Failure::new(Exit::Failed, "there is no file to upload").into());
    }
    let cancel = uploads.cancel.clone();
    cancel_on_interrupt(cancel.clone());
    if !files.is_empty() {
        let client = patient_client(&context, &args).await;
        let capsule_id = tokio::select! {
            capsule_id = capsule(&context, &client) => capsule_id?,
            () = cancel.cancelled() => return Err(stopped()),
        };
        uploads.run(&client, &capsule_id, files).await?;
    }
    let interrupted = cancel.is_cancelled();
    uploads.tell_sum(interrupted);
    if interrupted {
        return Err(stopped());
    }
    let (exit, report) = (uploads.tally.exit(), uploads.report);
    exit.map_or_else(|| report.end(), |exit| Err(Failure::already_reported(exit).into()))
}

fn tell_skipped(context: &Context, skipped: &[(PathBuf, Skip)]) {
    if context.output.verbosity <= Verbosity::Normal {
        return;
    }
    for (path, why) in skipped {
        let why = match why {
            Skip::Symlink => "a symbolic link",
            Skip::Special => "no regular file",
            Skip::Empty => "empty",
            Skip::Ignored => "hidden, or the system's",
            Skip::Excluded => "by --include or --exclude",
        };
        context.output.note(format_args!("{}: skipped: {why}", text_of(path)));
    }
}

fn stopped() -> anyhow::Error {
    let message = "stopped; what was sent is kept: run the same command again to go on from there";
    Failure::new(Exit::Interrupted, message).into()
}

fn cancel_on_interrupt(cancel: CancellationToken) {
    tokio::spawn(async move {
        if interrupted().await.is_ok() {
            cancel.cancel();
        }
    });
}

/// A client that outlasts a restart of the node.
async fn patient_client(context: &Context, args: &Upload) -> Client<AgentTransport> {
    let unreachable_max = Duration::from_secs(args.retry_for);
    let client = context.client.clone().with_retry(RetryPolicy { unreachable_max, ..RetryPolicy::default() });
    let first = context.client.clone().with_retry(RetryPolicy::never());
    if let Err(CallError::Transport { error, .. }) = first.limits().await
        && error.transience() == Transience::Unreachable
        && args.retry_for > 0
    {
        context.output.note(format_args!(
            "the node does not answer yet; trying for {} s (--retry-for)",
            args.retry_for
        ));
    }
    client
}

async fn capsule(context: &Context, client: &Client<AgentTransport>) -> Result<String> {
    // Waits with the patient client; the other one would give up soon.
    client.limits().await?;
    let capsule_id = context.capsule_to_write().await?;
    if context.names_capsule() {
        require_writable(client, &capsule_id).await?;
    }
    Ok(capsule_id)
}

/// Refuses a capsule that is not there, or that only shows itself.
async fn require_writable(client: &Client<AgentTransport>, capsule_id: &str) -> Result<()> {
    let exit = match client.capsules_read_basic(Some(capsule_id)).await {
        Ok(capsule) if capsule.role > Role::Member => Exit::Unauthorized,
        Ok(_) => return Ok(()),
        Err(error) if matches!(error.refusal(), Some(Refusal::NotFound | Refusal::InvalidArgument(_))) => {
            Exit::NotFound
        }
        Err(error) => return Err(error.into()),
    };
    let message = format!(
        "there is no capsule {capsule_id} that you can write to: `keepsake capsule` lists yours, with your role in each"
    );
    Err(Failure::new(exit, message).into())
}
