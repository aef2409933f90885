//! The commands. Owns the choice of one; each is in a file of its own.

mod admin;
mod capsule;
mod confirm;
mod devices;
mod fsck;
mod get;
mod identity;
mod link;
mod ls;
mod rm;
mod s3;
mod serve;
mod sessions;
mod sharing;
mod show;
mod site;
mod upload;
mod usage;

use crate::args::{Arguments, Command, Global, IdentityAction, S3Action};
use crate::context::{Context, given, start_log};
use crate::failure::is_out_of_room;
use crate::full;
use crate::output::Output;
use crate::terminal;
use anyhow::Result;
use clap::CommandFactory;

/// A command that failed.
pub(crate) struct Failed {
    pub(crate) error: anyhow::Error,
    /// What helps, where the service had to be asked for it.
    pub(crate) advice: Option<String>,
}

/// Runs the command that was asked for.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failed> {
    let Arguments { global, command } = arguments;
    let capsule_id = full::capsule_of(&command);
    let Err(error) = run_command(&global, command).await else { return Ok(()) };
    let advice = if is_out_of_room(&error) { Some(full::advice(&global, capsule_id).await) } else { None };
    Err(Failed { error, advice })
}

async fn run_command(global: &Global, command: Command) -> Result<()> {
    if let Command::Serve(args) = &command {
        start_log(global.verbosity(), args.log_json, true);
    } else {
        start_log(global.verbosity(), false, false);
    }
    let context = || Context::new(global);
    match command {
        Command::Serve(args) => serve::run(*args, global.canister, Output::new(global)).await,
        Command::Fsck(args) => fsck::run(&args, Output::new(global)).await,
        Command::Upload(args) => upload::run(context()?, args).await,
        Command::Ls(args) => ls::run(&context()?, args).await,
        Command::Show(args) => show::run(&context()?, &args).await,
        Command::Get(args) => get::run(&context()?, &args).await,
        Command::Link(args) => link::run(&context()?, &global.node, &args).await,
        Command::Rm(args) => rm::run(&context()?, &args).await,
        Command::Sessions { action } => sessions::run(&context()?, action).await,
        Command::Usage { capsule_id } => usage::run(&context()?, capsule_id).await,
        Command::Capsule { action } => capsule::run(global, &context()?, action).await,
        Command::Site { action } => site::run(&context()?, action).await,
        Command::Admin { data, action } => admin::run(global, data.as_deref(), action).await,
        // Whoever comes back by words gets a key of this machine only where they open something.
        Command::Identity { action: Some(IdentityAction::Recover { name }) } => {
            devices::recover(global, &name).await
        }
        Command::Identity { action: Some(action) } if devices::is_about_devices(&action) => {
            devices::run(global, &context()?, action).await
        }
        Command::Identity { action } => {
            identity::run(Output::new(global), given(global.identity.as_ref()), action)
        }
        Command::S3 { action: S3Action::Check(args) } => s3::check(*args, Output::new(global)).await,
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "keepsake", &mut script);
    terminal::print(&script)
}
