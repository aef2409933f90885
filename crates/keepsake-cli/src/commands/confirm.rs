//! Asking before something is lost. Owns the question only.

use crate::failure::{Exit, Failure};
use crate::terminal;
use anyhow::Result;
use std::io::{BufRead, IsTerminal};

/// Asks at the terminal; where there is none, `--yes` must have been given.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{question} Say so with --yes: there is no terminal to ask at"),
        )
        .into());
    }
    terminal::ask(&format!("{question} [y/N]"))?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was changed").into()),
    }
}
