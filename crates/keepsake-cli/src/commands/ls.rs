//! `keepsake ls`: the memories of a capsule, by pages. Owns the walk over pages and the table.

use crate::args::Ls;
use crate::context::Context;
use crate::output::{self, bytes, time};
use crate::shapes::{HeaderShape, PageShape};
use anyhow::Result;
use keepsake_client::api::{AssetType, MemoryHeader};

/// Prints one page, or all of them.
pub(crate) async fn run(context: &Context, args: Ls) -> Result<()> {
    let capsule_id = context.capsule_to_read().await?;
    let (rows, next_cursor) = match &capsule_id {
        Some(id) => collect(context, id, args).await?,
        None => (Vec::new(), None),
    };
    if context.output.json {
        let items = rows.into_iter().map(HeaderShape::from).collect();
        return output::json(&PageShape { capsule_id, items, next_cursor });
    }
    if rows.is_empty() {
        context.output.note(format_args!("there are no memories here: `keepsake upload FILE` makes one"));
        return Ok(());
    }
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(&["MEMORY", "CREATED", "TYPE", "SIZE", "PIXELS", "ASSETS", "TITLE"], &rows)?;
    if let Some(cursor) = next_cursor {
        context.output.note(format_args!("there is more: `keepsake ls --cursor {cursor}`, or --all"));
    }
    Ok(())
}

async fn collect(
    context: &Context,
    capsule_id: &str,
    args: Ls,
) -> Result<(Vec<MemoryHeader>, Option<String>)> {
    let page_max = context.client.limits().await?.page_items_max;
    let (mut rows, mut cursor, mut wanted) = (Vec::new(), args.cursor, args.limit);
    loop {
        let limit = if args.all { page_max } else { wanted.min(page_max) };
        let page = context.client.memories_list(capsule_id, cursor.as_deref(), Some(limit)).await?;
        wanted = wanted.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        rows.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() || (wanted == 0 && !args.all) {
            return Ok((rows, cursor));
        }
    }
}

fn row(memory: &MemoryHeader) -> Vec<String> {
    let original = memory.assets.iter().find(|asset| asset.asset_type == AssetType::Original);
    let pixels = original.and_then(|asset| Some(format!("{}x{}", asset.width?, asset.height?)));
    vec![
        memory.id.clone(),
        time(memory.created_at),
        memory.content_type.clone(),
        original.map_or_else(|| "-".to_owned(), |asset| bytes(asset.bytes)),
        pixels.unwrap_or_else(|| "-".to_owned()),
        memory.assets.len().to_string(),
        memory.title.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}
