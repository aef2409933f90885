//! What a process used, from `/proc` ([proc(5)](https://man7.org/linux/man-pages/man5/proc.5.html)).
//! Owns the reading; Linux only.

use anyhow::{Context, Result};
use std::fs;
use std::ops::Sub;

/// What Linux shows to programs on every architecture in use, whatever it ticks with inside.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory and processor time of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Largest resident set so far, bytes.
    pub(super) rss_peak: u64,
    pub(super) user_secs: f64,
    pub(super) system_secs: f64,
}

impl Usage {
    pub(super) fn of(pid: u32) -> Result<Self> {
        let (user_secs, system_secs) = times(pid)?;
        Ok(Self { rss_peak: rss_peak(pid)?, user_secs, system_secs })
    }

    /// The times since `earlier`; the peak of memory stays what it is.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            rss_peak: self.rss_peak,
            user_secs: self.user_secs.sub(earlier.user_secs),
            system_secs: self.system_secs.sub(earlier.system_secs),
        }
    }
}

/// The last that was seen of a process that ends by itself.
#[derive(Debug, Default)]
pub(super) struct Peak(Usage);

impl Peak {
    /// An ended process that nobody waited for still tells its times, but no memory any more.
    pub(super) fn sample(&mut self, pid: u32) {
        if let Ok((user_secs, system_secs)) = times(pid) {
            (self.0.user_secs, self.0.system_secs) = (user_secs, system_secs);
        }
        if let Ok(rss_peak) = rss_peak(pid) {
            self.0.rss_peak = rss_peak;
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.0
    }
}

/// `VmHWM`, bytes.
pub(super) fn rss_peak(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmHWM in /proc")?;
    Ok(kib.trim().parse::<u64>()? * 1_024)
}

/// User and system time, seconds.
#[allow(clippy::cast_precision_loss)] // Clock ticks of hours fit.
fn times(pid: u32) -> Result<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before may hold spaces; user and system time are the 14th and 15th field of all.
    let (_, fields) = stat.rsplit_once(") ").context("no name in /proc/…/stat")?;
    let mut fields = fields.split(' ').skip(11).map(str::parse::<u64>);
    let mut next = || fields.next().context("/proc/…/stat is short")?.context("no number in /proc/…/stat");
    Ok((next()? as f64 / TICKS_PER_SECOND, next()? as f64 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_used_memory_and_time() {
        let mut work = vec![1_u8; 32 << 20];
        let before = Usage::of(std::process::id()).unwrap();
        while Usage::of(std::process::id()).unwrap().since(before).user_secs < 0.05 {
            for byte in &mut work {
                *byte = byte.wrapping_mul(31);
            }
        }
        assert!(before.rss_peak > 32 << 20, "{before:?}");
    }
}
