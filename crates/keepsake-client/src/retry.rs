//! When to try again, and after how long: exponential backoff with full jitter, bounded.
//!
//! Owns the policy and the bookkeeping of one message's attempts, as values: it reads no clock and
//! draws no random number itself, so that tests decide both. Owns no sending.
//!
//! Full jitter after [AWS's study](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/):
//! each pause is drawn evenly from zero to the bound, so that clients that failed together do not
//! come back together.

use crate::transport::{Transience, TransportError};
use std::time::{Duration, Instant};

/// Bounds of the attempts of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts that may fail with a passing fault, the first one included.
    pub attempts_max: u32,
    /// Bound of the first pause; it doubles with each failure.
    pub pause_first: Duration,
    /// No pause is longer than this.
    pub pause_max: Duration,
    /// No new attempt starts later than this after the first passing fault.
    pub passing_max: Duration,
    /// While nobody is there, attempts go on for this long, whatever their number.
    pub unreachable_max: Duration,
}

/// At first, while nobody is there, a pause is at most this long, so that a restarted node is soon noticed.
const UNREACHABLE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// For so long.
const SOON: Duration = Duration::from_secs(60);
/// Of what a host asks for, no more is waited.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 8,
            pause_first: Duration::from_millis(200),
            pause_max: Duration::from_secs(15),
            passing_max: Duration::from_secs(120),
            unreachable_max: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// One attempt and no more.
    pub fn never() -> Self {
        Self { attempts_max: 1, unreachable_max: Duration::ZERO, ..Self::default() }
    }
}

/// The failed attempts of one message so far.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    passing: u32,
    unreachable: u32,
    passing_since: Option<Instant>,
    unreachable_since: Option<Instant>,
}

impl Attempts {
    /// Number of failures so far.
    pub fn failures(&self) -> u32 {
        self.passing + self.unreachable
    }

    /// Notes a failure at `now`. Returns the pause before the next attempt, or none to give up.
    /// `jitter` is drawn evenly from 0.0 to 1.0. What the host asked for comes on top, as far as the policy waits for one that is
    /// away.
    pub fn pause_after(
        &mut self,
        policy: &RetryPolicy,
        error: &TransportError,
        now: Instant,
        jitter: f64,
    ) -> Option<Duration> {
        let pause = self.pause(policy, error.transience(), now, jitter)?;
        let asked_max = match self.unreachable_since {
            Some(since) => policy.unreachable_max.saturating_sub(now - since).min(RETRY_AFTER_MAX),
            None => RETRY_AFTER_MAX,
        };
        Some(pause + error.retry_after().unwrap_or_default().min(asked_max))
    }

    fn pause(
        &mut self,
        policy: &RetryPolicy,
        transience: Transience,
        now: Instant,
        jitter: f64,
    ) -> Option<Duration> {
        let bound = match transience {
            Transience::Permanent => return None,
            Transience::Passing => self.passing_bound(policy, now)?,
            Transience::Unreachable => self.unreachable_bound(policy, now)?,
        };
        Some(bound.mul_f64(jitter.clamp(0.0, 1.0)))
    }

    fn passing_bound(&mut self, policy: &RetryPolicy, now: Instant) -> Option<Duration> {
        self.unreachable_since = None;
        let since = *self.passing_since.get_or_insert(now);
        let bound = doubled(policy.pause_first, self.passing).min(policy.pause_max);
        self.passing += 1;
        (self.passing < policy.attempts_max && now - since <= policy.passing_max).then_some(bound)
    }

    fn unreachable_bound(&mut self, policy: &RetryPolicy, now: Instant) -> Option<Duration> {
        let since = *self.unreachable_since.get_or_insert(now);
        let soon = now - since < SOON;
        let pause_max = if soon { policy.pause_max.min(UNREACHABLE_PAUSE_MAX) } else { policy.pause_max };
        let bound = doubled(policy.pause_first, self.unreachable).min(pause_max);
        self.unreachable += 1;
        (now - since < policy.unreachable_max).then_some(bound)
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times))
}

/// A fresh jitter factor, evenly from 0.0 to 1.0.
pub(crate) fn jitter() -> f64 {
    rand::random_range(0.0..=1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy { pause_first: Duration::from_millis(100), ..RetryPolicy::default() }
    }

    #[test]
    fn a_permanent_error_is_never_tried_again() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.pause(&policy(), Transience::Permanent, Instant::now(), 1.0), None);
    }

    #[test]
    fn pauses_double_up_to_the_bound_and_stop_after_the_last_attempt() {
        let (now, mut attempts) = (Instant::now(), Attempts::default());
        let pauses: Vec<_> = std::iter::from_fn(|| {
            attempts.pause(&policy(), Transience::Passing, now, 1.0).map(|pause| pause.as_millis())
        })
        .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400]);
        assert_eq!(attempts.failures(), 8);
    }

    #[test]
    fn jitter_scales_the_whole_pause() {
        let now = Instant::now();
        let pause = |jitter| Attempts::default().pause(&policy(), Transience::Passing, now, jitter);
        assert_eq!(pause(0.0), Some(Duration::ZERO));
        assert_eq!(pause(0.5), Some(Duration::from_millis(50)));
    }

    #[test]
    fn passing_faults_end_with_the_total_time() {
        let (start, mut attempts) = (Instant::now(), Attempts::default());
        assert!(attempts.pause(&policy(), Transience::Passing, start, 1.0).is_some());
        let late = start + policy().passing_max + Duration::from_millis(1);
        assert_eq!(attempts.pause(&policy(), Transience::Passing, late, 1.0), None);
    }

    #[test]
    fn an_absent_node_is_waited_for_by_time_and_not_by_number() {
        let (start, mut attempts) = (Instant::now(), Attempts::default());
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            let pause = attempts.pause(&policy(), Transience::Unreachable, now, 1.0);
            assert!(pause.is_some_and(|pause| pause <= UNREACHABLE_PAUSE_MAX), "second {second}");
        }
        let end = start + Duration::from_secs(60);
        assert_eq!(attempts.pause(&policy(), Transience::Unreachable, end, 1.0), None);
    }

    #[test]
    fn never_means_one_attempt() {
        for transience in [Transience::Passing, Transience::Unreachable] {
            let pause = Attempts::default().pause(&RetryPolicy::never(), transience, Instant::now(), 1.0);
            assert_eq!(pause, None);
        }
    }
}
