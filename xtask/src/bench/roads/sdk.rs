//! The JavaScript SDK, in Node.js and in Chromium. Owns its build and how the scripts beside are run; what they do is in them.

use super::took::Took;
use super::tus::Tus;
use super::{Place, processor_secs};
use crate::bench::process::{Peak, Usage};
use crate::child::Running;
use crate::run::node::Node;
use crate::web;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SCRIPTS: [(&str, &str); 6] = [
    ("upload.mjs", include_str!("sdk/upload.mjs")),
    ("photos.mjs", include_str!("sdk/photos.mjs")),
    ("browser.mjs", include_str!("sdk/browser.mjs")),
    ("bundle.mjs", include_str!("sdk/bundle.mjs")),
    ("worker-sdk.mjs", include_str!("sdk/worker-sdk.mjs")),
    ("worker-tus.mjs", include_str!("sdk/worker-tus.mjs")),
];

/// The built SDK, and the scripts that use it.
pub(super) struct Sdk {
    folder: PathBuf,
}

/// What a browser is shown by the hosts, for the SDK and for tus.
pub(super) struct Browser<'a> {
    sdk: &'a Sdk,
    chromium: PathBuf,
    pub(super) page: PathBuf,
}

impl Sdk {
    /// None where there is no Node.js: then there are no rows of the SDK.
    pub(super) fn build(folder: &Path) -> Result<Option<Self>> {
        if let Some(missing) = web::node_missing()? {
            println!("The JavaScript SDK is left out: it {missing}");
            return Ok(None);
        }
        println!("Building the JavaScript SDK …");
        web::npm(&["run", "build", "--silent", "--workspace", "packages/sdk"], &[])?;
        let folder = folder.join("sdk");
        std::fs::create_dir_all(&folder)?;
        for (name, text) in SCRIPTS {
            std::fs::write(folder.join(name), text)?;
        }
        // The scripts find what the workspace has.
        let packages = folder.join("node_modules");
        if packages.symlink_metadata().is_ok() {
            std::fs::remove_file(&packages)?;
        }
        symlink(web::packages(), packages)?;
        Ok(Some(Self { folder }))
    }

    /// None where there is no Chromium. tus's Worker goes into the same page.
    pub(super) fn browser(&self, tus: &Tus) -> Result<Option<Browser<'_>>> {
        let Some(chromium) = web::chromium() else {
            println!("The browser is left out: install Chromium, or name one in {}", web::CHROMIUM);
            return Ok(None);
        };
        let page = self.folder.join("page");
        let arguments = [page.as_os_str(), tus.packages().as_os_str()].map(OsStr::to_owned);
        let status = self.script("bundle.mjs").args(arguments).status().context("cannot start node")?;
        ensure!(status.success(), "the page does not bundle, see above");
        Ok(Some(Browser { sdk: self, chromium, page }))
    }

    /// A new memory, deleted afterwards so that the next round does not find it.
    pub(super) fn upload(&self, place: &Place<'_>, node: &Node, url: &str, file: &Path) -> Result<Took> {
        let key = file.with_extension("key.json");
        let mut command = self.script("upload.mjs");
        command.args([url, &node.canister_id]).arg(&key);
        let before = Usage::of(node.pid())?;
        let (told, wall, client) = run(place, command.arg(file))?;
        let host = Usage::of(node.pid())?.since(before);
        ensure!(told["already_there"] == false, "the file was there: {told}");
        let memory_id = told["memory_id"].as_str().context("the SDK told no memory_id")?;
        let mut remove = self.script("upload.mjs");
        remove.args([&node.url, &node.canister_id]).arg(&key).args(["--remove", memory_id]);
        ensure!(remove.status().context("cannot start node")?.success(), "the memory cannot be deleted");
        Ok(Took { wall, client: processor_secs(client), host: processor_secs(host) })
    }

    /// The photos of a folder, one after the other: what the script tells.
    pub(super) fn photos(
        &self,
        place: &Place<'_>,
        (url, canister_id): (&str, &str),
        folder: &Path,
    ) -> Result<Value> {
        let mut command = self.script("photos.mjs");
        command.args([url, canister_id]).arg(folder.with_extension("key.json")).arg(folder);
        Ok(run(place, &mut command)?.0)
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.folder.join(name)).stdin(Stdio::null());
        command
    }
}

impl Browser<'_> {
    /// By the SDK, in a page that the node serves; the memory is deleted afterwards.
    pub(super) fn upload(&self, place: &Place<'_>, node: &Node, file: &Path) -> Result<Took> {
        self.run(place, (&node.url, node.pid()), "/platform/worker-sdk.js", file, &[&node.canister_id])
    }

    /// By tus-js-client, in a page that tus's server serves: in bodies of so many bytes, 0 for one body.
    pub(super) fn upload_by_tus(
        &self,
        place: &Place<'_>,
        (url, pid): (&str, u32),
        file: &Path,
        body_bytes: u32,
    ) -> Result<Took> {
        self.run(place, (url, pid), "/worker-tus.js", file, &["", &body_bytes.to_string()])
    }

    fn run(
        &self,
        place: &Place<'_>,
        (url, pid): (&str, u32),
        worker: &str,
        file: &Path,
        more: &[&str],
    ) -> Result<Took> {
        let mut command = self.sdk.script("browser.mjs");
        command.arg(&self.chromium).args([url, worker]).arg(file).args(more);
        let before = Usage::of(pid)?;
        let (told, ..) = run(place, &mut command)?;
        let host = processor_secs(Usage::of(pid)?.since(before));
        let secs = |name: &str| told[name].as_f64().with_context(|| format!("the browser told no {name}"));
        let wall = Duration::from_secs_f64(secs("wall_secs")?);
        Ok(Took { wall, client: secs("processor_secs")?, host })
    }
}

/// The line that a script prints, and the time and what its process used.
fn run(place: &Place<'_>, command: &mut Command) -> Result<(Value, Duration, Usage)> {
    let begun = Instant::now();
    let mut running = Running::start("node", command.stdout(Stdio::piped()))?;
    let stdout = running.child.stdout.take().expect("standard output is piped");
    let mut peak = Peak::default();
    let status = running.wait(place.stop, |pid| peak.sample(pid))?;
    let took = begun.elapsed();
    ensure!(status.success(), "the SDK's script failed with {status}, see above");
    Ok((serde_json::from_reader(stdout)?, took, peak.usage()))
}
