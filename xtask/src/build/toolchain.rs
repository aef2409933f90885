//! Which compiler builds the canister: rustup's, or Debian's. Owns finding it and what each needs to be told.
//!
//! The one that runs this program is used where its standard library for wasm is installed, or where rustup can
//! install it. On a machine where rustup reaches nothing, Debian's packages `rustc-web`, `cargo-web`, `rust-web-src` and
//! `lld-19` build the standard library from its source; they are installed where they are missing.

use super::TARGET;
use crate::debian::install;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Debian's compiler, which is not first on the path of a machine that has rustup too.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "wasm-ld-19";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_LIBRARY: &str = "lib/rustlib/src/rust/library/Cargo.lock";

/// Debian's compiler is older than some dependencies ask for. What they use of later versions is in it already, under
/// these names.
const EARLY_FEATURES: [(&str, &str); 9] = [
    ("ar_archive_writer", "let_chains,unsigned_is_multiple_of"),
    ("ctutils", "const_black_box,integer_sign_cast"),
    ("minicbor-derive", "let_chains"),
    ("sha2", "slice_as_chunks"),
    ("keepsake-core", "let_chains,unsigned_is_multiple_of"),
    ("ic0", "let_chains"),
    ("ic-cdk", "let_chains"),
    ("ic-cdk-executor", "let_chains"),
    ("ic-cdk-macros", "let_chains"),
];

/// What compiles.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The compiler that built this program, with its own standard library for wasm.
    Own,
    /// Debian's, which builds the standard library itself.
    Debian,
}

impl Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "this toolchain's wasm target",
            Self::Debian => "Debian's packages rustc-web, cargo-web, rust-web-src and lld-19",
        })
    }
}

impl Toolchain {
    /// The one that is asked for by name, or the one that there is.
    ///
    /// # Errors
    /// Where there is none, with what to install.
    pub(super) fn find(wanted: Option<&str>) -> Result<Self> {
        let found = match wanted {
            None if own_target()? || add_target() => Some(Self::Own),
            None => (debian() || (install(&DEBIAN_PACKAGES) && debian())).then_some(Self::Debian),
            Some("debian") => debian().then_some(Self::Debian),
            Some("rustup") => (own_target()? || add_target()).then_some(Self::Own),
            Some(other) => bail!("there is no toolchain `{other}`: rustup or debian"),
        };
        found.with_context(|| {
            format!(
                "nothing here builds for {TARGET}: run `rustup target add {TARGET}`, or on Debian \
                 `apt-get install rustc-web cargo-web rust-web-src lld-19`"
            )
        })
    }

    /// The name of the folder for what it builds.
    pub(super) fn folder(&self) -> &'static str {
        match self {
            Self::Own => "rustup",
            Self::Debian => "debian",
        }
    }

    /// Its cargo, in the workspace's root.
    pub(super) fn cargo(&self) -> Command {
        if *self == Self::Own {
            return workspace::cargo();
        }
        let mut command = Command::new(DEBIAN_CARGO);
        command.current_dir(workspace::root()).env("PATH", debian_path());
        // Of rustup's toolchain, where that one runs this program.
        for name in ["RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO", "LD_LIBRARY_PATH", "RUSTC_WRAPPER"] {
            command.env_remove(name);
        }
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
        command
    }

    /// What its cargo is told besides.
    pub(super) fn options(&self) -> Vec<String> {
        if *self == Self::Own {
            return Vec::new();
        }
        let mut options = vec!["-Zbuild-std=std,panic_abort".into(), "--ignore-rust-version".into()];
        options.push("-Zprofile-rustflags".into());
        for (package, feature) in EARLY_FEATURES {
            let flags = format!("profile.canister.package.{package}.rustflags");
            options.extend(["--config".into(), format!("{flags}=[\"-Zcrate-attr=feature({feature})\"]")]);
        }
        options
    }

    /// What its compiler is told besides.
    pub(super) fn flags(&self) -> &'static [&'static str] {
        match self {
            Self::Own => &[],
            // A later compiler copies memory by one instruction without being told.
            Self::Debian => &["-Ctarget-feature=+bulk-memory"],
        }
    }

    /// Name and version of its compiler.
    pub(super) fn version(&self) -> Result<String> {
        let program = if *self == Self::Own { rustc() } else { PathBuf::from(DEBIAN_RUSTC) };
        ask(&program, &["--version"])
    }

    /// Where its standard library is.
    pub(super) fn sysroot(&self) -> Result<PathBuf> {
        match self {
            Self::Own => sysroot(&rustc()),
            Self::Debian => sysroot(Path::new(DEBIAN_RUSTC)),
        }
    }
}

/// The compiler beside the cargo that runs this program.
fn rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from)
}

fn sysroot(rustc: &Path) -> Result<PathBuf> {
    ask(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

fn ask(rustc: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(rustc).args(arguments).output();
    let output = output.with_context(|| format!("cannot start {}", rustc.display()))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}: {}", rustc.display(), arguments.join(" "), why.trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn own_target() -> Result<bool> {
    Ok(sysroot(&rustc())?.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

/// Asks rustup for the target. False where there is no rustup, or where it reaches nothing.
fn add_target() -> bool {
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]).stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success()) && own_target().unwrap_or(false)
}

fn debian() -> bool {
    let library = sysroot(Path::new(DEBIAN_RUSTC)).is_ok_and(|root| root.join(DEBIAN_LIBRARY).is_file());
    let mut linker = Command::new(DEBIAN_LINKER);
    linker.arg("--version").env("PATH", debian_path()).stdout(Stdio::null());
    library && Path::new(DEBIAN_CARGO).is_file() && linker.status().is_ok_and(|status| status.success())
}

fn debian_path() -> std::ffi::OsString {
    let mut path = std::ffi::OsString::from("/usr/bin");
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}
