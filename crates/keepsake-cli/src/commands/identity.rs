//! `keepsake identity`: the keys of this user. Owns the look; talks to no node.

use crate::args::IdentityAction;
use crate::identity::{Key, KeyStore};
use crate::output::{self, Output};
use crate::shapes::IdentityShape;
use anyhow::{Context as _, Result};
use std::path::Path;

/// Runs one action; shows the key in use where none is given.
pub(crate) fn run(output: Output, chosen: Option<&str>, action: Option<IdentityAction>) -> Result<()> {
    let store = KeyStore::of_user()?;
    match action.unwrap_or(IdentityAction::Show) {
        IdentityAction::Show => show(output, &store, &store.load(chosen)?.0),
        IdentityAction::List => list(output, &store),
        IdentityAction::New { name } => show(output, &store, &store.make(&name)?),
        IdentityAction::Import { name, pem } => show(output, &store, &store.import(&name, &read_pem(&pem)?)?),
        IdentityAction::Export { name } => {
            let pem = store.export(name.as_deref().or(chosen))?;
            pem.trim_end().lines().try_for_each(|line| output::line(format_args!("{line}")))
        }
        IdentityAction::Use { name } => show(output, &store, &store.use_key(&name)?),
        other => unreachable!("it is about devices: {other:?}"),
    }
}

fn read_pem(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn shape(store: &KeyStore, key: &Key) -> Result<IdentityShape> {
    Ok(IdentityShape {
        name: key.name.clone(),
        principal: key.principal()?,
        kind: key.kind,
        path: key.path.display().to_string(),
        in_use: store.current()? == key.name,
    })
}

fn show(output: Output, store: &KeyStore, key: &Key) -> Result<()> {
    let shape = shape(store, key)?;
    if output.json {
        return output::json(&shape);
    }
    let in_use = if shape.in_use { "" } else { " (not in use: `keepsake identity use` changes that)" };
    output::line(format_args!("name       {}{in_use}", shape.name))?;
    output::line(format_args!("principal  {}", shape.principal))?;
    output::line(format_args!("kind       {}", shape.kind))?;
    output::line(format_args!("file       {}", shape.path))
}

fn list(output: Output, store: &KeyStore) -> Result<()> {
    let keys = store.list()?.iter().map(|key| shape(store, key)).collect::<Result<Vec<_>>>()?;
    if output.json {
        return output::json(&keys);
    }
    let row = |key: &IdentityShape| {
        let mark = if key.in_use { "*" } else { "" };
        vec![mark.to_owned(), key.name.clone(), key.kind.to_owned(), key.principal.clone()]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    output::table(&["", "NAME", "KIND", "PRINCIPAL"], &rows)
}
