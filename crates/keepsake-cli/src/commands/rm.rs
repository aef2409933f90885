//! `keepsake rm`: memories are deleted with their assets. Owns the question and the report of each.

use super::confirm::confirm;
use crate::args::Rm;
use crate::context::Context;
use crate::failure::{Exit, Failure, combined, exit_of};
use crate::output;
use crate::shapes::{FailedLine, RemovedLine};
use crate::terminal::{self, Report};
use crate::words::told;
use anyhow::Result;

/// Deletes all given memories; goes on after one that fails.
pub(crate) async fn run(context: &Context, args: &Rm) -> Result<()> {
    let question = match args.memory_ids.as_slice() {
        [one] => format!("Delete {one} with its assets for ever?"),
        many => format!("Delete {} memories with their assets for ever?", many.len()),
    };
    confirm(&question, args.yes)?;
    let (output, mut exits, mut report) = (context.output, Vec::new(), Report::default());
    for memory_id in &args.memory_ids {
        let result = context.client.memories_delete(memory_id, true).await.map_err(anyhow::Error::from);
        match result {
            Ok(()) if output.json => {
                report.told(output::json_line(&RemovedLine { memory_id: memory_id.clone(), ok: true }));
            }
            Ok(()) => report.told(output::line(format_args!("deleted {memory_id}"))),
            Err(error) => {
                exits.push(exit_of(&error));
                terminal::say(format_args!("keepsake: {memory_id}: {}", told(&error)));
                if output.json {
                    let memory_id = Some(memory_id.clone());
                    report.told(output::json_line(&FailedLine { memory_id, ..FailedLine::new(&error) }));
                }
            }
        }
    }
    let some = !exits.is_empty() && exits.len() < args.memory_ids.len();
    let exit = if some { Some(Exit::Partial) } else { combined(&exits) };
    exit.map_or_else(|| report.end(), |exit| Err(Failure::already_reported(exit).into()))
}
