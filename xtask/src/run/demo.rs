//! The capsule that the photos go to: private while they are checked, then public, so that the page shows them to
//! whoever opens its address. The browser's key is another one than the program's.
//!
//! Owns who may look at it.

use super::compare::{self, Asset};
use super::node::Program;
use anyhow::{Context, Result};

/// The program's own capsule.
#[derive(Debug)]
pub(super) struct Demo<'a> {
    program: &'a Program,
    capsule_id: String,
}

impl<'a> Demo<'a> {
    /// Made where there is none. An earlier run may have left it public: no more, for the checks of what is private.
    pub(super) fn private(program: &'a Program) -> Result<Self> {
        let shown = program.ask(&["capsule", "show"])?;
        let capsule_id = shown["id"].as_str().context("`keepsake capsule show` told no id")?.to_owned();
        let members = shown["members"].as_array().context("`keepsake capsule show` told no members")?;
        if members.iter().any(|member| member["public"] == true) {
            program.ask(&["capsule", "revoke", &capsule_id, "public"])?;
        }
        Ok(Self { program, capsule_id })
    }

    /// Makes it public, and looks at `assets` as anybody may now.
    pub(super) fn open_to_all(&self, assets: &[Asset]) -> Result<()> {
        self.program.ask(&["capsule", "grant", &self.capsule_id, "public", "guest"])?;
        compare::by_anybody(assets).context("the capsule is public, but not everybody can look")
    }

    /// Where the page shows it.
    pub(super) fn address(&self, node_url: &str) -> String {
        format!("{node_url}/#{}", self.capsule_id)
    }
}
