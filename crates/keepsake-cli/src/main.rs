//! The `keepsake` program. Owns the way from arguments to a command and from its result to an exit code.
//!
//! Each command is in `commands/…`; what talks to the service is `keepsake-client`.

#![warn(clippy::print_stdout, clippy::print_stderr)] // `terminal.rs` is the way there

mod args;
mod commands;
mod config_file;
mod context;
mod failure;
mod file_name;
mod full;
mod globs;
mod identity;
mod interrupt;
mod output;
mod progress;
mod root_key;
mod shapes;
mod sizes;
mod terminal;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match config_file::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let (verbosity, json) = (arguments.global.verbosity(), arguments.json_errors());
    let runtime = tokio::runtime::Runtime::new().expect("the system lets this program start threads");
    let result = runtime.block_on(commands::run(arguments));
    // A decode that nobody waits for any more must not delay the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failure::report(&failed.error, failed.advice.as_deref(), verbosity, json),
    }
}

/// Arguments that were not understood; also `--help` and `--version`.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
        let message = error.to_string();
        let message = message.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
        output::json_line(&shapes::ErrorShape::usage(message)).ok();
    }
    let shown = error.render().to_string();
    if shown.chars().any(|c| c != '\n' && terminal::is_steering(c)) {
        // It repeats an argument, and that may be the name of a file that somebody else chose.
        shown.trim_end().lines().for_each(|line| terminal::say(format_args!("{line}")));
    } else {
        error.print().ok();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}
