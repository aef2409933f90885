//! `keepsake rm`: memories are deleted with their assets. Owns the question and the report of each.

use super::confirm::confirm;
use crate::args::Rm;
use crate::context::Context;
use crate::failure::{Failure, combined, exit_of};
use crate::output::{self, plain};
use crate::shapes::{FailedLine, RemovedLine};
use anyhow::Result;

/// Deletes all given memories; goes on after one that fails.
pub(crate) async fn run(context: &Context, args: &Rm) -> Result<()> {
    let question = match args.memory_ids.as_slice() {
        [one] => format!("Delete {} with its assets for ever?", plain(one)),
        many => format!("Delete {} memories with their assets for ever?", many.len()),
    };
    confirm(&question, args.yes)?;
    let (output, mut exits) = (context.output, Vec::new());
    for memory_id in &args.memory_ids {
        let result = context.client.memories_delete(memory_id, true).await.map_err(anyhow::Error::from);
        match result {
            Ok(()) if output.json => {
                output::json_line(&RemovedLine { memory_id: memory_id.clone(), ok: true })?;
            }
            Ok(()) => output::line(format_args!("deleted {}", plain(memory_id)))?,
            Err(error) => {
                let exit = exit_of(&error);
                exits.push(exit);
                eprintln!("keepsake: {}: {error:#}", plain(memory_id));
                if output.json {
                    let error = format!("{error:#}");
                    let memory_id = Some(memory_id.clone());
                    let exit_code = exit as u8;
                    output::json_line(&FailedLine { file: None, memory_id, ok: false, error, exit_code })?;
                }
            }
        }
    }
    combined(&exits).map_or(Ok(()), |exit| Err(Failure::already_reported(exit).into()))
}
