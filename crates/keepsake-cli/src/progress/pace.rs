//! How fast it goes now, and so how long it will take: by the last seconds, not since the start. Owns the samples, as values: it
//! reads no clock itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So far back counts.
const WINDOW: Duration = Duration::from_secs(10);
/// Samples that count however long ago they are, so that slow lines have a pace too.
const SAMPLES_MIN: usize = 4;
/// A gap so many times as long as the one before is none of the line's: the computer slept.
const GAP_TIMES_MAX: u32 = 4;

/// What was done when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// From here on: what was done before was not done at this pace.
    pub(super) fn restart(&mut self, now: Instant, done: u64) {
        self.samples.clear();
        self.samples.push_back((now, done));
    }

    pub(super) fn add(&mut self, now: Instant, done: u64) {
        let last = self.samples.len().checked_sub(1);
        if let Some(last) = last {
            let gap = now - self.samples[last].0;
            let before =
                last.checked_sub(1).map_or(WINDOW, |before| self.samples[last].0 - self.samples[before].0);
            if gap > WINDOW.max(before * GAP_TIMES_MAX) {
                self.samples.clear();
            }
        }
        self.samples.push_back((now, done));
        while self.samples.len() > SAMPLES_MIN
            && self.samples.front().is_some_and(|first| now - first.0 > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// Bytes a second; none where that cannot be told yet.
    pub(super) fn rate(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let millis = u64::try_from((last.0 - first.0).as_millis()).ok()?;
        (last.1.saturating_sub(first.1)).saturating_mul(1_000).checked_div(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(samples: &[(u64, u64)]) -> Pace {
        let (start, mut pace) = (Instant::now(), Pace::default());
        for (second, done) in samples {
            pace.add(start + Duration::from_secs(*second), *done);
        }
        pace
    }

    #[test]
    fn the_last_seconds_count_and_not_the_start() {
        assert_eq!(pace(&[]).rate(), None);
        assert_eq!(pace(&[(0, 10)]).rate(), None);
        assert_eq!(pace(&[(0, 0), (1, 100), (2, 200)]).rate(), Some(100));
        let slow_then_fast =
            (0..20).map(|at| (at, at)).chain((20..40).map(|at| (at, 20 + (at - 20) * 1_000)));
        assert_eq!(pace(&slow_then_fast.collect::<Vec<_>>()).rate(), Some(1_000));
    }

    #[test]
    fn a_sleep_is_no_pace() {
        let mut samples = vec![(0, 0), (1, 100), (2, 200), (362, 300)];
        assert_eq!(pace(&samples).rate(), None);
        samples.push((363, 400));
        assert_eq!(pace(&samples).rate(), Some(100));
    }

    #[test]
    fn a_slow_line_has_a_pace_too() {
        assert_eq!(pace(&[(0, 0), (30, 300), (60, 600), (95, 950)]).rate(), Some(10));
    }
}
