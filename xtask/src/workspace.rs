//! Where things are: the workspace, its target directory, the `keepsake` program. Owns the calls of cargo.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names a `keepsake` program that is there already.
pub(crate) const KEEPSAKE_BIN: &str = "KEEPSAKE_BIN";

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&own).parent().expect("xtask is a folder of the workspace").to_owned()
}

/// The same cargo that runs this program, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root());
    // `cargo run` sets these for us; the programs below must see what a shell would give them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    if std::env::var_os("CI").is_some() {
        // Nothing is built a second time there: what cargo would keep for that is work in vain.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let dir = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(dir))
}

/// The `keepsake` program: the one that [`KEEPSAKE_BIN`] names, or one that is built now.
pub(crate) fn keepsake() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(KEEPSAKE_BIN) {
        return PathBuf::from(&path)
            .canonicalize()
            .with_context(|| format!("{KEEPSAKE_BIN}={}", path.display()));
    }
    println!("Building the keepsake program (the first time takes minutes) …");
    let mut command = cargo();
    command.args(["build", "--package", "keepsake-cli", "--bin", "keepsake"]);
    if !command.status().context("cannot start cargo")?.success() {
        bail!("the keepsake program does not build, see above");
    }
    built()
}

/// Where a build in the dev profile puts the `keepsake` program.
pub(crate) fn built() -> Result<PathBuf> {
    built_program("keepsake")
}

/// Where a build in the dev profile puts a program of this name.
pub(crate) fn built_program(name: &str) -> Result<PathBuf> {
    Ok(target_dir()?.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// What a call of cargo built, in cargo's own words.
pub(crate) struct Built(Vec<Value>);

impl Built {
    /// The program of this name, also one of a test or an example.
    ///
    /// # Errors
    /// When it is none of those.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        self.first(|message| message["target"]["name"] == name)
            .with_context(|| format!("cargo names no program `{name}`"))
    }

    /// The program of a crate's `tests/it`.
    ///
    /// # Errors
    /// When it was not built.
    pub(crate) fn tests_of(&self, name: &str) -> Result<PathBuf> {
        let main = Path::new(name).join("tests/it/main.rs");
        self.first(|message| {
            message["target"]["src_path"].as_str().is_some_and(|path| Path::new(path).ends_with(&main))
        })
        .with_context(|| format!("cargo names no tests of `{name}`"))
    }

    fn first(&self, wanted: impl Fn(&Value) -> bool) -> Option<PathBuf> {
        let mut programs = self.0.iter().filter(|message| wanted(message));
        programs.find_map(|message| message["executable"].as_str().map(PathBuf::from))
    }
}

/// Builds some targets, out of all packages: naming a package would choose other features for some dependencies, and
/// compile them once more.
///
/// # Errors
/// When something does not build.
pub(crate) fn build(arguments: &[&str]) -> Result<Built> {
    let mut command = cargo();
    command.args(arguments).args(["--workspace", "--message-format", "json-render-diagnostics"]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo {} failed, see above", arguments.join(" "));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(Built(messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()))
}
