//! Programs that this one starts, and that never outlive it: a dropped [`Running`] is stopped.
//!
//! Owns signals, both ways: Ctrl-C and friends set a flag here, and children are asked to stop by SIGTERM
//! before they are killed. Only `kill -9` of this program leaves a child behind.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// A node that was asked to stop finishes its requests first.
const STOP_MAX: Duration = Duration::from_secs(15);

/// Set when somebody asks this program to stop.
#[derive(Clone, Debug)]
pub(crate) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// From now on, Ctrl-C, SIGTERM and SIGHUP set the flag instead of ending the program.
    pub(crate) fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot listen for signals")?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// When the flag is set: then whoever calls this gives up, and its children are stopped.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_set() {
            bail!("stopped by a signal");
        }
        Ok(())
    }
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    name: String,
}

impl Running {
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its end, if it ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits for its end, or stops it when `stop` is set. `meanwhile` is called all the time.
    pub(crate) fn wait(&mut self, stop: &StopFlag, mut meanwhile: impl FnMut(u32)) -> Result<ExitStatus> {
        loop {
            meanwhile(self.pid());
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if stop.is_set() {
                self.stop()?;
                stop.check()?;
            }
            sleep(POLL_INTERVAL);
        }
    }

    /// Asks it to stop, and kills it when it does not.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        // Not reaped yet, so the process id is still its own.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked_at = Instant::now();
        while asked_at.elapsed() < STOP_MAX {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            sleep(POLL_INTERVAL);
        }
        eprintln!("xtask: {} does not stop, killing it", self.name);
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("xtask: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_child_is_gone() {
        let running = Running::start("sleep", Command::new("sleep").arg("600")).unwrap();
        let pid = Pid::from_child(&running.child);
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(running);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn waiting_tells_how_it_ended() {
        let stop = StopFlag(Arc::default());
        let mut running = Running::start("sh", Command::new("sh").args(["-c", "exit 7"])).unwrap();
        assert_eq!(running.wait(&stop, |_| ()).unwrap().code(), Some(7));
    }

    #[test]
    fn a_set_flag_ends_the_wait_and_the_child() {
        let stop = StopFlag(Arc::new(AtomicBool::new(true)));
        let mut running = Running::start("sleep", Command::new("sleep").arg("600")).unwrap();
        let error = running.wait(&stop, |_| ()).unwrap_err();
        assert!(error.to_string().contains("signal"), "{error}");
        assert!(running.ended().unwrap().is_some());
    }
}
