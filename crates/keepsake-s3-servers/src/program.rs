//! Where the servers' programs are.

use std::path::{Path, PathBuf};

/// Names `SeaweedFS`.
pub const KEEPSAKE_SEAWEEDFS: &str = "KEEPSAKE_SEAWEEDFS";
/// Names rclone.
pub const KEEPSAKE_RCLONE: &str = "KEEPSAKE_RCLONE";
/// Where `cargo xtask test` puts them, below what cargo builds.
const FOLDER: &str = "s3-servers";

/// The program that `variable` names, or one that was fetched beside the program that runs now.
pub fn program(variable: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let name = if variable == KEEPSAKE_SEAWEEDFS { "weed" } else { "rclone" };
    let running = std::env::current_exe().ok()?;
    running.ancestors().find_map(|folder| fetched(&folder.join(FOLDER), name))
}

/// Each version has a folder of its own; the last one named is as good as any.
fn fetched(servers: &Path, name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir(servers).ok()?.flatten();
    versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max()
}
