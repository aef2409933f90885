//! Programs that are had ready built as Python packages: from source they take minutes. Owns the calls of pip, which takes
//! nothing but what the hashes name.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Installs what `requirements` names, version and hashes, into `dir`, where programs are in `bin`. False where it cannot be had:
/// pip's own words say why.
pub(crate) fn install(name: &str, requirements: &str, dir: &Path) -> Result<bool> {
    println!("Installing {name} …");
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let wanted = dir.join(format!("{name}.txt"));
    std::fs::write(&wanted, requirements).with_context(|| format!("cannot write {}", wanted.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--target"]).arg(dir);
    pip.arg("--requirement").arg(&wanted);
    Ok(pip.status().is_ok_and(|status| status.success()))
}
