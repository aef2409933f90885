//! The `keepsake` program. Owns the way from arguments to a command and from its result to an exit code.
//!
//! Each command is in `commands/…`; what talks to the service is `keepsake-client`.

mod args;
mod commands;
mod context;
mod failure;
mod file_name;
mod identity;
mod output;
mod progress;
mod shapes;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let verbosity = arguments.global.verbosity();
    let runtime = tokio::runtime::Runtime::new().expect("the system lets this program start threads");
    let result = runtime.block_on(commands::run(arguments));
    // A decode that nobody waits for any more must not delay the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, verbosity),
    }
}
