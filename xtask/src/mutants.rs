//! `cargo xtask mutants`: breaks a promise by hand, one at a time, and sees that a test notices. Owns the
//! runner; the mutations are in `xtask/mutants.txt`.
//!
//! Works on a copy of the committed tree, so that nothing here is touched.

use crate::workspace;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Mutant {
    name: String,
    file: PathBuf,
    tests: String,
    from: String,
    to: String,
}

/// Runs all mutants, or those whose names contain one of the words given.
pub(crate) fn command(mut arguments: lexopt::Parser) -> anyhow::Result<()> {
    let mut words = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Value(word) => words.push(word.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    let root = workspace::root();
    let text = fs::read_to_string(root.join("xtask/mutants.txt")).context("xtask/mutants.txt")?;
    let mut mutants = parse(&text)?;
    mutants.retain(|mutant| words.is_empty() || words.iter().any(|word| mutant.name.contains(word)));
    ensure!(!mutants.is_empty(), "no mutant has such a name");
    let tree = Tree::check_out(&root)?;
    let needed: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.tests.as_str()).collect();
    for tests in needed {
        let failed = tree.failing(tests)?;
        ensure!(failed.is_empty(), "without any mutation these fail: {}", failed.join(", "));
    }
    let mut survivors = Vec::new();
    for (at, mutant) in mutants.iter().enumerate() {
        let failed = tree.try_mutant(mutant).with_context(|| mutant.name.clone())?;
        let place = format!("{}/{}", at + 1, mutants.len());
        if failed.is_empty() {
            println!("{place} SURVIVED  {}", mutant.name);
            survivors.push(mutant.name.as_str());
        } else {
            println!("{place} caught    {}  by {}", mutant.name, failed.join(", "));
        }
    }
    println!(
        "{} mutants, {} caught, {} survived",
        mutants.len(),
        mutants.len() - survivors.len(),
        survivors.len()
    );
    ensure!(survivors.is_empty(), "no test notices: {}", survivors.join("; "));
    Ok(())
}

fn parse(text: &str) -> anyhow::Result<Vec<Mutant>> {
    let blocks = text.split("\n## ").skip(1);
    blocks
        .map(|block| parse_block(block).with_context(|| block.lines().next().unwrap_or("").to_owned()))
        .collect()
}

fn parse_block(block: &str) -> anyhow::Result<Mutant> {
    let (head, body) = block.split_once("~~~\n").context("no ~~~ line")?;
    let mut parts = format!("\n{body}").split("\n~~~").map(str::to_owned).collect::<Vec<_>>().into_iter();
    let (from, to) = (parts.next().context("no text")?, parts.next().context("no second text")?);
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("no `{name}` line"))
    };
    Ok(Mutant {
        name: head.lines().next().unwrap_or_default().to_owned(),
        file: field("file:")?.into(),
        tests: field("tests:")?,
        from: from.trim_start_matches('\n').to_owned(),
        to: to.trim_start_matches('\n').to_owned(),
    })
}

/// A copy of the committed tree with a target folder of its own.
struct Tree {
    path: PathBuf,
    target: PathBuf,
}

impl Tree {
    fn check_out(root: &Path) -> anyhow::Result<Self> {
        let home = root.join("target/mutants");
        let path = home.join("tree");
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        let archive = home.join("tree.tar");
        let made = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["archive", "-o"])
            .arg(&archive)
            .arg("HEAD")
            .status()?;
        ensure!(made.success(), "git archive failed");
        let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&path).status()?;
        ensure!(unpacked.success(), "tar failed");
        Ok(Self { path, target: home.join("target") })
    }

    /// The tests that notice.
    fn try_mutant(&self, mutant: &Mutant) -> anyhow::Result<Vec<String>> {
        let path = self.path.join(&mutant.file);
        let sound = fs::read_to_string(&path)?;
        ensure!(
            sound.matches(&mutant.from).count() == 1,
            "its text does not occur exactly once in {}",
            path.display()
        );
        fs::write(&path, sound.replace(&mutant.from, &mutant.to))?;
        let failed = self.failing(&mutant.tests);
        fs::write(&path, sound)?;
        failed
    }

    /// The tests that fail. Tests that do not compile do not count as a mutant caught.
    fn failing(&self, tests: &str) -> anyhow::Result<Vec<String>> {
        let arguments: &[&str] = match tests {
            "core" => &["-p", "keepsake-core", "--lib", "--test", "it", "--", "--skip", "bounded_cost"],
            "model" => &[
                "-p",
                "keepsake-conformance",
                "--test",
                "it",
                "--",
                "--exact",
                "model::interleaving_uploads",
            ],
            // The access table alone takes longer than all other questions.
            "exam" => &[
                "-p",
                "keepsake-conformance",
                "--test",
                "it",
                "--",
                "in_process::",
                "--skip",
                "everybody_may_what_the_table_says",
            ],
            "site" => &["-p", "keepsake-core", "--test", "it", "--", "site::", "certified::"],
            "placement" => &[
                "-p",
                "keepsake-core",
                "--test",
                "it",
                "--",
                "placement::",
                "uploads::",
                "faults::a_heap_that_does_not_grow_refuses_and_changes_nothing",
            ],
            "tree" => &["-p", "keepsake-core", "--lib", "--", "tree::"],
            "flat" => &["-p", "keepsake-core", "--test", "flat_memory"],
            "rules" => &["-p", "keepsake-client", "--lib", "--", "rules::"],
            "put" => &["-p", "keepsake-node", "--test", "it", "--", "put_road::"],
            // Needs the servers that `cargo xtask test` fetches.
            "s3" => &["-p", "keepsake-s3", "--lib", "--test", "it"],
            other => bail!("there are no tests called `{other}`"),
        };
        let built = self.cargo().arg("--no-run").args(arguments).output()?;
        ensure!(built.status.success(), "it does not compile:\n{}", String::from_utf8_lossy(&built.stderr));
        let run = self.cargo().args(arguments).stderr(Stdio::null()).output()?;
        if run.status.success() {
            return Ok(Vec::new());
        }
        let failed = failed_tests(&String::from_utf8_lossy(&run.stdout));
        ensure!(!failed.is_empty(), "the tests `{tests}` ended without naming one that failed");
        Ok(failed)
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&self.path)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("RUSTFLAGS", "--cap-lints warn");
        cargo.env("KEEPSAKE_MODEL_OPERATIONS", "24000").args(["test", "-q"]);
        cargo
    }
}

/// The names that the test harness lists last.
fn failed_tests(output: &str) -> Vec<String> {
    let Some((_, list)) = output.rsplit_once("\nfailures:\n") else { return Vec::new() };
    let named = list.lines().take_while(|line| line.starts_with("    "));
    named.map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_failed_are_named() {
        let output = "running 2 tests\n\nfailures:\n\n---- a stdout ----\nwhy\n\nfailures:\n    a\n    b::c\n\ntest result";
        assert_eq!(failed_tests(output), ["a", "b::c"]);
        assert!(failed_tests("test result: ok").is_empty());
    }

    #[test]
    fn every_mutation_in_the_list_is_well_formed_and_still_applies() {
        let root = workspace::root();
        let text = fs::read_to_string(root.join("xtask/mutants.txt")).unwrap();
        let mutants = parse(&text).unwrap();
        assert!(mutants.len() >= 30);
        for mutant in mutants {
            let source = fs::read_to_string(root.join(&mutant.file)).unwrap();
            assert_eq!(source.matches(&mutant.from).count(), 1, "{}: edit xtask/mutants.txt", mutant.name);
            assert_ne!(mutant.from, mutant.to, "{}", mutant.name);
        }
    }
}
