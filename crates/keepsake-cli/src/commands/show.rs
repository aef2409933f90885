//! `keepsake show`: one memory with its assets. Owns the look.

use crate::args::Show;
use crate::context::Context;
use crate::output::{self, bytes, time};
use crate::shapes::{AssetShape, MemoryShape};
use anyhow::{Context as _, Result};

/// Prints the memory.
pub(crate) async fn run(context: &Context, args: &Show) -> Result<()> {
    let memory = context.client.memories_read(&args.memory_id).await;
    let memory = memory.with_context(|| args.memory_id.clone())?;
    let shape = MemoryShape::from(&memory);
    let output = context.output;
    if output.json {
        return output::json(&shape);
    }
    let mut lines = vec![
        ("memory", shape.id.clone()),
        ("capsule", shape.capsule_id.clone()),
        ("title", shape.title.clone().unwrap_or_else(|| "-".to_owned())),
        ("type", format!("{}, {}", shape.memory_type, shape.mime_type)),
        ("created", time(shape.created_at)),
        ("creator", shape.creator.clone()),
    ];
    if !shape.tags.is_empty() {
        lines.push(("tags", shape.tags.join(", ")));
    }
    if let Some(description) = &shape.description {
        lines.push(("about", description.clone()));
    }
    for (name, value) in lines {
        output::line(format_args!("{name:8} {value}"))?;
    }
    output::line(format_args!(""))?;
    let rows: Vec<_> = shape.assets.iter().map(row).collect();
    output::table(&["ASSET", "KIND", "FORMAT", "PIXELS", "SIZE", "STORED", "SHA-256"], &rows)
}

fn row(asset: &AssetShape) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        asset.asset_id.clone(),
        asset.kind.clone(),
        asset.mime_type.clone().unwrap_or_else(dash),
        asset.width.zip(asset.height).map_or_else(dash, |(width, height)| format!("{width}x{height}")),
        bytes(asset.bytes),
        asset.stored.to_owned(),
        asset.sha256.clone().unwrap_or_else(dash),
    ]
}
