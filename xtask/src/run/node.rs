//! A node of one's own and the `keepsake` program that talks to it. Owns their start, readiness and stop.

use crate::child::{Running, StopFlag};
use crate::http;
use crate::web;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const START_MAX: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const LOG_TAIL_LINES: usize = 15;

/// A running node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it answers.
    pub(crate) url: String,
    pub(crate) canister_id: String,
    running: Running,
    log: PathBuf,
}

impl Node {
    /// Starts `keepsake serve` with the built app and waits until it is healthy.
    pub(crate) fn start(
        program: &Path,
        data: &Path,
        listen: SocketAddr,
        log: &Path,
        stop: &StopFlag,
    ) -> Result<Self> {
        Self::start_with_app(program, data, listen, log, stop, &web::app())
    }

    /// With another folder as its page; none where that is not there.
    pub(crate) fn start_with_app(
        program: &Path,
        data: &Path,
        listen: SocketAddr,
        log: &Path,
        stop: &StopFlag,
        app: &Path,
    ) -> Result<Self> {
        let mut command = Self::command(program, data, listen);
        if app.exists() {
            command.arg("--app").arg(app);
        }
        Self::start_by(command, log, stop)
    }

    /// How one is started over `data`; more options may follow.
    pub(crate) fn command(program: &Path, data: &Path, listen: SocketAddr) -> Command {
        let mut command = Command::new(program);
        command.args(["serve", "--json", "--listen", &listen.to_string(), "--data"]).arg(data);
        command
    }

    /// Starts it by a command of [`Self::command`].
    pub(crate) fn start_by(mut command: Command, log: &Path, stop: &StopFlag) -> Result<Self> {
        let log_file = File::create(log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
        let mut running = Running::start("keepsake serve", &mut command)?;
        let stdout = running.child.stdout.take().expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (url, canister_id) = (String::new(), String::new());
        let mut node = Self { url, canister_id, running, log: log.to_owned() };
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let (Some(url), Some(canister_id)) = (told["url"].as_str(), told["canister_id"].as_str()) else {
            bail!("the node does not start:\n{}", node.log_tail());
        };
        url.clone_into(&mut node.url);
        canister_id.clone_into(&mut node.canister_id);
        node.wait_until_healthy(stop)?;
        Ok(node)
    }

    fn wait_until_healthy(&mut self, stop: &StopFlag) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Ok((200, _)) = http::get_all(&format!("{}/health", self.url)) {
                return Ok(());
            }
            if self.running.ended()?.is_some() || begun.elapsed() > START_MAX {
                bail!("the node does not become healthy:\n{}", self.log_tail());
            }
            stop.check()?;
            sleep(POLL_INTERVAL);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Stops it; an unclean end is an error.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let status = self.running.stop()?;
        if !status.success() {
            bail!("the node ended with {status}:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// Serves until somebody asks to stop.
    pub(crate) fn serve_until(&mut self, stop: &StopFlag) -> Result<()> {
        while !stop.is_set() {
            if self.running.ended()?.is_some() {
                // Ctrl-C reaches both of us, and the node may be the faster one.
                sleep(POLL_INTERVAL);
                break;
            }
            sleep(POLL_INTERVAL);
        }
        println!("\nStopping the node …");
        self.stop()
    }

    fn log_tail(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.log) {
            let _ = file.read_to_string(&mut text);
        }
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

/// The `keepsake` program, pointed at one node, with keys of its own.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    node_url: String,
    home: PathBuf,
}

impl Program {
    pub(crate) fn new(path: PathBuf, node_url: String, home: PathBuf) -> Self {
        Self { path, node_url, home }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a shell has to set to do the same.
    pub(crate) fn environment(&self) -> String {
        format!("KEEPSAKE_NODE={} KEEPSAKE_HOME='{}'", self.node_url, self.home.display())
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).stdin(Stdio::null());
        self.set_environment(&mut command);
        command
    }

    /// Points a command at the node, with the keys of this run and nothing from outside.
    pub(crate) fn set_environment(&self, command: &mut Command) {
        command.env("KEEPSAKE_NODE", &self.node_url).env("KEEPSAKE_HOME", &self.home);
        for name in ["KEEPSAKE_CANISTER", "KEEPSAKE_CAPSULE", "KEEPSAKE_IDENTITY"] {
            command.env_remove(name);
        }
    }

    /// Uploads a file with progress on the terminal; returns what `--json` prints.
    pub(crate) fn upload(&self, file: &Path, stop: &StopFlag) -> Result<Value> {
        // Bars where there is a terminal; otherwise lines, and -v tells of both lanes.
        let mut command = self.command(&["upload", "--json"]);
        if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            command.arg("-v");
        }
        command.arg("--").arg(file).stdout(Stdio::piped());
        let mut running = Running::start("keepsake upload", &mut command)?;
        let stdout = running.child.stdout.take().expect("standard output is piped");
        // One short line: it fits the pipe, so nobody waits for anybody.
        let status = running.wait(stop, |_| ())?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if !status.success() {
            bail!("the upload failed with {status}, see above");
        }
        serde_json::from_str(&line).context("`keepsake upload --json` printed no JSON")
    }

    /// Runs a command and returns the JSON that it prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(arguments).arg("--json").output().context("cannot start keepsake")?;
        if !output.status.success() {
            bail!("keepsake {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("keepsake {}", arguments.join(" ")))
    }
}
