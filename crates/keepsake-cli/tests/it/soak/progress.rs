//! Sizes from the environment, the seed, and lines of progress. Owns no test.

use std::time::{Duration, Instant};

/// The number in environment variable `name`.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The seed that was given, or a fresh one.
pub(crate) fn seed() -> u64 {
    number("KEEPSAKE_TORTURE_SEED").unwrap_or_else(|| {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        u32::from_le_bytes(bytes).into()
    })
}

/// When it began, when it must end, and when it last said something.
pub(crate) struct Progress {
    name: &'static str,
    begun: Instant,
    limit: Option<Duration>,
    told: Instant,
}

const TELL_EVERY: Duration = Duration::from_secs(5);

impl Progress {
    pub(crate) fn begin(name: &'static str) -> Self {
        let now = Instant::now();
        let limit = number("KEEPSAKE_SOAK_SECONDS").map(Duration::from_secs);
        Self { name, begun: now, limit, told: now }
    }

    /// No new work from now on.
    pub(crate) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.begun.elapsed() >= limit)
    }

    /// Says how far it is, at most every few seconds.
    pub(crate) fn tell(&mut self, done: u64, of: u64, more: &str) {
        if self.told.elapsed() < TELL_EVERY && done < of {
            return;
        }
        self.told = Instant::now();
        let passed = self.begun.elapsed();
        let part = u32::try_from(of.saturating_sub(done)).unwrap_or(u32::MAX);
        let by_work = passed / u32::try_from(done.max(1)).unwrap_or(u32::MAX) * part;
        let left = self.limit.map_or(by_work, |limit| by_work.min(limit.saturating_sub(passed)));
        println!("{}: {done}/{of}, {more}, {} s left", self.name, left.as_secs());
    }

    /// The last line, for programs.
    pub(crate) fn result(&self, mut result: serde_json::Value) {
        result["name"] = self.name.into();
        result["seconds"] = self.begun.elapsed().as_secs().into();
        println!("RESULT {result}");
    }
}
