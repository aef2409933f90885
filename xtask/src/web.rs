//! The web part: npm's packages, the build of SDK, plugin and app, and the browser of the tests. Owns how npm is called.

use crate::debian;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NODE_MAJOR_MIN: u32 = 20;

/// Names a Chromium to use.
pub(crate) const CHROMIUM: &str = "CHROMIUM";
const CHROMIUM_PLACES: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// Why Node.js cannot be used here, if so.
pub(crate) fn node_missing() -> Result<Option<String>> {
    let needed = format!("needs Node.js {NODE_MAJOR_MIN} or later with npm");
    let Ok(output) = Command::new("node").arg("--version").output() else { return Ok(Some(needed)) };
    let mut npm = Command::new("npm");
    npm.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !npm.status().is_ok_and(|status| status.success()) {
        return Ok(Some(needed));
    }
    let version = String::from_utf8(output.stdout)?;
    let major: Option<u32> =
        version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    Ok(match major {
        Some(major) if major >= NODE_MAJOR_MIN => None,
        _ => Some(format!("{needed}, here is {}", version.trim())),
    })
}

/// npm in `web/`, with the packages that the lock file names installed.
///
/// # Errors
/// When they cannot be installed.
pub(crate) fn npm(arguments: &[&str], variables: &[(&str, OsString)]) -> Result<()> {
    if !is_installed() {
        println!("Installing npm packages …");
        call(&["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], &[])?;
    }
    call(arguments, variables)
}

/// Builds SDK, plugin and app.
///
/// # Errors
/// When one does not build, or the app's first load is too large.
pub(crate) fn build() -> Result<()> {
    println!("Building the web app …");
    npm(&["run", "build", "--silent"], &[])
}

/// The built app.
pub(crate) fn app() -> PathBuf {
    root().join("packages/app/dist")
}

/// The browser: the one that `CHROMIUM` names, the machine's, or Debian's, which is installed now. None where it cannot be.
pub(crate) fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(CHROMIUM) {
        return Some(named.into());
    }
    let found = || CHROMIUM_PLACES.map(PathBuf::from).into_iter().find(|path| path.exists());
    found().or_else(|| debian::install(&["chromium"]).then(found).flatten())
}

/// Where npm puts the packages of the workspace.
pub(crate) fn packages() -> PathBuf {
    root().join("node_modules")
}

fn root() -> PathBuf {
    workspace::root().join("web")
}

/// What npm installed last is what the lock file asks for, and is still there: npm writes its own copy at the end.
fn is_installed() -> bool {
    let written = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let own_copy = root().join("node_modules/.package-lock.json");
    let installed = written(&own_copy);
    installed.is_some() && installed >= written(&root().join("package-lock.json")) && is_whole(&own_copy)
}

/// Workspaces have packages of their own in folders beside the main one, which are lost more easily.
fn is_whole(own_copy: &Path) -> bool {
    let read = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(own_copy).ok()?).ok();
    read().is_some_and(|list| {
        list["packages"].as_object().is_some_and(|all| all.keys().all(|folder| root().join(folder).exists()))
    })
}

fn call(arguments: &[&str], variables: &[(&str, OsString)]) -> Result<()> {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(root()).envs(variables.iter().cloned());
    let status = command.status().context("cannot start npm")?;
    if !status.success() {
        bail!("npm {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}
