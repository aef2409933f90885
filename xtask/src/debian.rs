//! Debian's packages: installs what a step needs, so that a fresh machine needs no other command; servers are unpacked only, so
//! that none of them starts. Owns the calls of apt and dpkg.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Installs packages. False where apt is not there, or where it may not: its own words say why.
pub(crate) fn install(packages: &[&str]) -> bool {
    println!("Installing Debian's {}", packages.join(", "));
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    // A mirror that misses one index still has the package; what counts is the second.
    runs(apt().arg("update"));
    runs(apt().args(install))
}

/// The program at `path` (as `usr/bin/caddy`) of a package that is unpacked into `folder`. None where it cannot be had.
pub(crate) fn unpacked(package: &str, path: &str, folder: &Path) -> Option<PathBuf> {
    let program = folder.join(path);
    if program.exists() {
        return Some(program);
    }
    println!("Unpacking Debian's {package}");
    let archives = folder.join("archives").join(package);
    std::fs::create_dir_all(&archives).ok()?;
    runs(apt().arg("update"));
    runs(apt().args(["download", package]).current_dir(&archives)).then_some(())?;
    let archive = std::fs::read_dir(&archives).ok()?.next()?.ok()?.path();
    runs(Command::new("dpkg-deb").arg("-x").args([&archive, folder])).then_some(())?;
    program.exists().then_some(program)
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
