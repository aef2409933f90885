//! The peer: tus-js-client to @tus/server with files, from npm. Owns their installation and one upload; what they do is in the
//! two scripts beside.

use super::processor_secs;
use super::took::Took;
use crate::bench::process::{Peak, Usage};
use crate::child::{Running, StopFlag};
use crate::web;
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const PACKAGES: [&str; 3] = ["tus-js-client@4.3.1", "@tus/server@2.4.5", "@tus/file-store@2.1.1"];
const SCRIPTS: [(&str, &str); 2] =
    [("server.mjs", include_str!("tus/server.mjs")), ("client.mjs", include_str!("tus/client.mjs"))];

/// The packages, installed.
pub(super) struct Tus {
    folder: PathBuf,
}

/// A running server.
pub(super) struct Server<'a> {
    tus: &'a Tus,
    running: Running,
    url: String,
}

impl Tus {
    /// None where there is no Node.js, or npm cannot get them: then there are no rows of tus.
    pub(super) fn install(folder: &Path) -> Result<Option<Self>> {
        if let Some(missing) = web::node_missing()? {
            println!("tus is left out: it {missing}");
            return Ok(None);
        }
        let folder = folder.join("tus");
        std::fs::create_dir_all(&folder)?;
        for (name, text) in SCRIPTS {
            std::fs::write(folder.join(name), text)?;
        }
        std::fs::write(folder.join("package.json"), "{ \"private\": true }\n")?;
        println!("Installing {} …", PACKAGES.join(", "));
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
            .args(PACKAGES);
        if !npm.current_dir(&folder).status().context("cannot start npm")?.success() {
            println!("tus is left out: npm cannot install it");
            return Ok(None);
        }
        Ok(Some(Self { folder }))
    }

    /// Where the packages are.
    pub(super) fn packages(&self) -> PathBuf {
        self.folder.join("node_modules")
    }

    /// With a folder of pages, where a browser is to upload.
    pub(super) fn serve(&self, data: &Path, pages: Option<&Path>) -> Result<Server<'_>> {
        std::fs::create_dir_all(data)?;
        let mut command = Command::new("node");
        command.arg("server.mjs").arg(data).args(pages).current_dir(&self.folder).stdout(Stdio::piped());
        let mut running = Running::start("tus's server", &mut command)?;
        let stdout = running.child.stdout.take().expect("standard output is piped");
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        if url.is_empty() {
            bail!("tus's server does not start, see above");
        }
        Ok(Server { tus: self, running, url: url.trim().to_owned() })
    }
}

impl Server<'_> {
    pub(super) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Where its pages are.
    pub(super) fn origin(&self) -> &str {
        self.url.trim_end_matches("/files")
    }

    pub(super) fn upload(&self, file: &Path, stop: &StopFlag) -> Result<Took> {
        let mut command = Command::new("node");
        command.arg("client.mjs").arg(&self.url).arg(file).current_dir(&self.tus.folder);
        let before = Usage::of(self.running.pid())?;
        let begun = Instant::now();
        let mut client = Running::start("tus's client", &mut command)?;
        let mut peak = Peak::default();
        let status = client.wait(stop, |pid| peak.sample(pid))?;
        let wall = begun.elapsed();
        ensure!(status.success(), "tus's upload failed with {status}");
        let host = processor_secs(Usage::of(self.running.pid())?.since(before));
        Ok(Took { wall, client: processor_secs(peak.usage()), host })
    }
}
