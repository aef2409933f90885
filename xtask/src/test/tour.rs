//! The README's tour, run line by line against a new node: what it shows works.
//!
//! Owns the reading of the tour. Two lines are left out: the installation, and the start of the node, which
//! happens here on a free port.

use super::Outcome;
use crate::child::StopFlag;
use crate::photo;
use crate::run::node::{Node, Program};
use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

const HEADING: &str = "## A tour";

/// Takes the tour with the program at `program`.
pub(super) fn take(program: &Path) -> Result<Outcome> {
    let readme = std::fs::read_to_string(workspace::root().join("README.md")).context("README.md")?;
    let lines = commands(&readme);
    ensure!(lines.len() >= 6, "the tour under `{HEADING}` in README.md has {} commands", lines.len());
    let folder = tempfile::Builder::new().prefix("keepsake-tour-").tempdir()?;
    photo::write(&folder.path().join("photo.jpg"))?;
    let (data, log) = (folder.path().join("data"), folder.path().join("node.log"));
    let any_port = "127.0.0.1:0".parse().expect("the address parses");
    let mut node = Node::start(program, &data, any_port, &log, &StopFlag::install()?)?;
    let keepsake = Program::new(program.to_owned(), node.url.clone(), folder.path().join("identity"));
    for line in lines {
        println!("$ {line}");
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", line]).current_dir(folder.path()).stdin(Stdio::null());
        keepsake.set_environment(&mut shell);
        shell.env("PATH", path_with(program)?);
        ensure!(shell.status().context("cannot start sh")?.success(), "README.md's `{line}` failed");
    }
    node.stop()?;
    Ok(Outcome::Passed)
}

/// The lines of the tour that use the program, without their comments.
fn commands(readme: &str) -> Vec<&str> {
    let section = readme.split_once(HEADING).map_or("", |(_, section)| section);
    let block = section.split("```").nth(1).unwrap_or_default();
    let lines = block.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
    lines.filter(|line| line.starts_with("keepsake ") && !line.starts_with("keepsake serve")).collect()
}

/// The program's folder first.
fn path_with(program: &Path) -> Result<std::ffi::OsString> {
    let folder = program.parent().context("the program has no folder")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_without_comments() {
        let readme = "## A tour\n\n```sh\ncargo install x\nkeepsake serve &\nkeepsake ls   # all\nkeepsake rm mem_1\n```\n";
        assert_eq!(commands(readme), ["keepsake ls", "keepsake rm mem_1"]);
    }
}
