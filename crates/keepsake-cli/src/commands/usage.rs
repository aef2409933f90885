//! `keepsake usage`: what is used of each limit, and what is left. Owns the table; the numbers are the service's.

use crate::context::Context;
use crate::output::{self, bytes};
use anyhow::Result;
use keepsake_client::api::LimitUse;
use serde_json::json;

/// Shows the caller's limits, those of a capsule, and what the host has left.
pub(crate) async fn run(context: &Context, capsule_id: Option<String>) -> Result<()> {
    let capsule_id = match capsule_id {
        Some(id) => Some(id),
        None => context.capsule_to_read().await?,
    };
    let limits = context.client.usage(capsule_id.as_deref()).await?.limits;
    if context.output.json {
        return output::json(&json!({ "capsule_id": capsule_id, "limits": limits }));
    }
    let rows: Vec<_> = limits.iter().map(row).collect();
    output::table(&["LIMIT", "USED", "OF", "LEFT"], &rows)
}

fn row(limit: &LimitUse) -> Vec<String> {
    let LimitUse { code, used, max, left } = limit;
    let number = |number: u64| if code.contains("bytes") { bytes(number) } else { number.to_string() };
    vec![code.clone(), number(*used), number(*max), number(*left)]
}
