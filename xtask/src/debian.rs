//! Debian's packages: installs what a step needs, so that a fresh machine needs no other command. Owns the call of apt.

use std::process::{Command, Stdio};

/// Installs packages. False where apt is not there, or where it may not: its own words say why.
pub(crate) fn install(packages: &[&str]) -> bool {
    println!("Installing Debian's {}", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    // A mirror that misses one index still has the package; what counts is the second.
    apt(&["update"]);
    apt(&install)
}
