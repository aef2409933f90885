//! `keepsake link`: addresses that open assets in a browser. Owns their form; the service makes the token.

use crate::args::Link;
use crate::context::Context;
use crate::output;
use crate::shapes::{LinkShape, LinksShape, kind};
use anyhow::{Context as _, Result};

/// Prints one address for each asset.
pub(crate) async fn run(context: &Context, node_url: &str, args: &Link) -> Result<()> {
    let listed = context.client.memories_list_assets(&args.memory_id).await;
    let listed = listed.with_context(|| args.memory_id.clone())?;
    let token = context.client.mint_http_token(&args.memory_id, &[], None, args.valid_for).await?;
    let base = node_url.trim_end_matches('/');
    let links = listed.assets.iter().map(|asset| LinkShape {
        asset_id: asset.asset_id.clone(),
        kind: kind(asset.asset_type),
        url: format!("{base}/asset/{}/{}?token={token}", listed.memory_id, asset.asset_id),
    });
    let links: Vec<_> = links.collect();
    if context.output.json {
        let memory_id = listed.memory_id;
        return output::json(&LinksShape { memory_id, valid_secs: args.valid_for, links });
    }
    let rows: Vec<_> = links.into_iter().map(|link| vec![link.kind, link.url]).collect();
    output::table(&["KIND", "ADDRESS"], &rows)
}
