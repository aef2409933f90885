//! `cargo xtask build canister`: the canister's module, optimised, the same bytes on every build.
//!
//! Owns what makes the bytes independent of the machine: paths are mapped away, the archive has no time and no name.
//! Which toolchain compiles is in [`toolchain`].

mod toolchain;

use crate::workspace;
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use lexopt::prelude::*;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use toolchain::Toolchain;

/// The only target that the Internet Computer takes.
const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "canister";
/// The module, gzipped, stays below this, bytes.
const MODULE_BYTES_MAX: usize = 600 * 1024;

/// # Errors
/// When the module does not build, with what to install.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let mut what = None;
    let mut wanted = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(name) if what.is_none() && name == "canister" => what = Some(name),
            Long("toolchain") => wanted = Some(arguments.value()?.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if what.is_none() {
        bail!("say what to build: `cargo xtask build canister`");
    }
    canister(wanted.as_deref()).map(|_| ())
}

/// Builds the module and tells its size and hash. Where it lies comes back.
///
/// # Errors
/// When it does not build or is too large.
pub(crate) fn canister(wanted: Option<&str>) -> Result<PathBuf> {
    module(wanted, "keepsake", &[])
}

/// The same, where each message prints at its end what it cost: for engines that tell it in no other way.
///
/// # Errors
/// As [`canister`].
pub(crate) fn counted_canister() -> Result<PathBuf> {
    module(None, "keepsake-counted", &["--features", "performance-counter"])
}

fn module(wanted: Option<&str>, name: &str, options: &[&str]) -> Result<PathBuf> {
    let toolchain = Toolchain::find(wanted)?;
    println!("Building the canister with {toolchain} (the first time takes minutes) …");
    let target_dir = workspace::target_dir()?;
    // The folder of a build is not that of the usual ones: other flags would make cargo build those anew.
    let folder = target_dir.join("canister").join(toolchain.folder());
    let mut command = toolchain.cargo();
    command.args(["build", "--locked", "--package", "keepsake-canister", "--lib", "--target", TARGET]);
    command.args(["--profile", PROFILE, "--target-dir"]).arg(&folder);
    command.args(options).args(toolchain.options()).env("CARGO_ENCODED_RUSTFLAGS", flags(&toolchain)?);
    if !command.status().context("cannot start cargo")?.success() {
        bail!("the canister does not build, see above");
    }
    let module = std::fs::read(folder.join(TARGET).join(PROFILE).join("keepsake_canister.wasm"))?;
    let packed = gzip(&module)?;
    let plain = target_dir.join(format!("canister/{name}.wasm"));
    let archive = target_dir.join(format!("canister/{name}.wasm.gz"));
    std::fs::write(&plain, &module).with_context(|| plain.display().to_string())?;
    std::fs::write(&archive, &packed).with_context(|| archive.display().to_string())?;
    tell(&plain, &module);
    tell(&archive, &packed);
    if packed.len() > MODULE_BYTES_MAX {
        bail!("the module has {} bytes gzipped, allowed {MODULE_BYTES_MAX}", packed.len());
    }
    Ok(archive)
}

/// The compiler that [`canister`] takes by itself. Another one makes another module of the same sources.
///
/// # Errors
/// When there is none.
pub(crate) fn compiler() -> Result<String> {
    Toolchain::find(None)?.version()
}

fn tell(path: &Path, bytes: &[u8]) {
    print!("{:>9} bytes  sha256 ", bytes.len());
    Sha256::digest(bytes).iter().for_each(|byte| print!("{byte:02x}"));
    println!("  {}", path.display());
}

/// An archive with neither a time nor a name in its header.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Flags of rustc: no path of this machine gets into the module.
fn flags(toolchain: &Toolchain) -> Result<OsString> {
    let mut flags = OsString::new();
    let mut add = |flag: OsString| {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push(flag);
    };
    // Where several fit, the last counts.
    let paths = [
        (toolchain.sysroot()?, "/rust"),
        (workspace::root(), "/keepsake"),
        (workspace::target_dir()?, "/target"),
        (cargo_home()?, "/cargo"),
    ];
    for (from, to) in paths {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        add(flag);
    }
    toolchain.flags().iter().for_each(|flag| add(flag.into()));
    Ok(flags)
}

/// Where cargo keeps the sources of dependencies.
fn cargo_home() -> Result<PathBuf> {
    if let Some(set) = std::env::var_os("CARGO_HOME") {
        return Ok(set.into());
    }
    let home = std::env::home_dir().context("there is neither CARGO_HOME nor a home folder")?;
    Ok(home.join(".cargo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_of_the_same_bytes_is_the_same() {
        let bytes = vec![7; 100_000];
        let packed = gzip(&bytes).unwrap();
        assert_eq!(packed, gzip(&bytes).unwrap());
        assert_eq!(packed[4..8], [0; 4], "no time");
        assert_eq!(packed[3], 0, "no name");
        let mut unpacked = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
        assert_eq!(unpacked, bytes);
    }
}
