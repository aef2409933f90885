//! The fault proxy as a program before a node. Owns its start and the two lines that it speaks.

use super::Place;
use crate::child::Running;
use crate::run::node::{Node, Program};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

pub(super) struct Proxy {
    pub(super) url: String,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    _running: Running,
}

impl Proxy {
    pub(super) fn before(node: &Node, place: &Place<'_>) -> Result<Self> {
        let upstream = node.url.strip_prefix("http://").context("the node's address is not http")?;
        let mut command = Command::new(place.fault_proxy);
        command.args(["--upstream", upstream]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start("keepsake-fault-proxy", &mut command)?;
        let stdin = running.child.stdin.take().expect("standard input is piped");
        let stdout = BufReader::new(running.child.stdout.take().expect("standard output is piped"));
        let mut proxy = Self { url: String::new(), stdin, stdout, _running: running };
        proxy.url = proxy.line()?;
        Ok(proxy)
    }

    /// The same program, by way of the proxy.
    pub(super) fn program(&self, place: &Place<'_>, name: &str) -> Program {
        let identity = place.folder.join(format!("{name}-identity"));
        Program::new(place.keepsake.to_owned(), self.url.clone(), identity)
    }

    /// From now on the line takes so many bits a second.
    pub(super) fn slow_down(&mut self, bits_per_s: u64) -> Result<()> {
        writeln!(self.stdin, "{{\"bits_per_s\": {bits_per_s}}}")?;
        let told = self.line()?;
        ensure!(told == "ok", "the proxy says: {told}");
        Ok(())
    }

    /// What happened so far.
    pub(super) fn counts(&mut self) -> Result<Value> {
        writeln!(self.stdin)?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}
