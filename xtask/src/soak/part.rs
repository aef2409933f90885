//! Test programs as parts of a soak: built once, run with sizes in their environment, read line by line.
//!
//! Owns the building and the process groups: a test that is stopped takes its node along.

use crate::child::{Running, StopFlag};
use crate::test::s3;
use crate::workspace::{self, KEEPSAKE_BIN};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// The line of a test that is meant for programs begins like this.
const RESULT: &str = "RESULT ";

/// The programs, as copies: a build that goes on meanwhile does not take them away.
pub(crate) struct Programs {
    /// `tests/it` of the conformance package: it has the model.
    pub(crate) exam: PathBuf,
    /// `tests/it` of the program's package: it has the killed node and the crowd.
    pub(crate) program_tests: PathBuf,
    keepsake: PathBuf,
    /// The S3 servers that can be had, as tests are told of them.
    servers: Vec<(&'static str, OsString)>,
    _folder: TempDir,
}

impl Programs {
    pub(crate) fn build(release: bool) -> Result<Self> {
        println!("Building the tests …");
        let mut arguments = vec!["test", "--no-run", "--test", "it"];
        if release {
            arguments.push("--release");
        }
        let built = workspace::build(&arguments)?;
        let folder = tempfile::tempdir()?;
        let keep = |from: PathBuf, name: &str| -> Result<PathBuf> {
            let to = folder.path().join(name);
            std::fs::copy(&from, &to).with_context(|| from.display().to_string())?;
            Ok(to)
        };
        Ok(Self {
            exam: keep(built.tests_of("keepsake-conformance")?, "exam")?,
            program_tests: keep(built.tests_of("keepsake-cli")?, "program-tests")?,
            keepsake: keep(built.program("keepsake")?, "keepsake")?,
            servers: s3::variables()?,
            _folder: folder,
        })
    }
}

/// A test that runs.
pub(crate) struct TestRun {
    running: Running,
    reader: JoinHandle<Vec<String>>,
}

/// How a test ended.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) passed: bool,
    pub(crate) lines: Vec<String>,
    /// Its line for programs.
    pub(crate) result: Option<Value>,
}

impl TestRun {
    /// Starts one test of `program`; with `echo` its lines are printed as they come.
    pub(crate) fn start(
        programs: &Programs,
        program: &Path,
        test: &str,
        sizes: &[(&str, u64)],
        echo: bool,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.env(KEEPSAKE_BIN, &programs.keepsake).envs(programs.servers.iter().cloned());
        // A name in full is one test; part of a name would be the tests of other hosts too.
        let exact = if test == super::MODEL { &["--exact"][..] } else { &[] };
        command.args(["--nocapture", test]).args(exact).stdin(Stdio::null()).stdout(Stdio::piped());
        command.envs(sizes.iter().map(|(name, value)| (name, value.to_string())));
        // A group of its own: Ctrl-C does not reach it, but a stop reaches its node too.
        command.process_group(0);
        let mut running = Running::start(test, &mut command)?;
        let stdout = running.child.stdout.take().expect("standard output is piped");
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.inspect(|line| println_if(echo && is_progress(line), line)).collect()
        });
        Ok(Self { running, reader })
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self, stop: &StopFlag) -> Result<Found> {
        let group = Pid::from_child(&self.running.child);
        let ended = self.running.wait(stop, |_| {
            if stop.is_set() {
                // Not waited for yet, so the group is still its own.
                let _ = kill_process_group(group, Signal::TERM);
            }
        });
        if ended.as_ref().is_ok_and(|status| !status.success()) {
            // A test that failed may have left its node.
            let _ = kill_process_group(group, Signal::TERM);
        }
        let status = ended?;
        let lines = self.reader.join().expect("reading lines does not panic");
        let result =
            lines.iter().rev().find_map(|line| serde_json::from_str(line.split_once(RESULT)?.1).ok());
        Ok(Found { passed: status.success(), lines, result })
    }
}

/// Not what the test harness and programs say to each other.
fn is_progress(line: &str) -> bool {
    !line.is_empty() && !line.contains(RESULT) && !line.starts_with("running ")
}

fn println_if(wanted: bool, line: &str) {
    if wanted {
        println!("{line}");
    }
}
