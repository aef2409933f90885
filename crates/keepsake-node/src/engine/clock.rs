//! The engine's time. Owns what happens when the computer's clock is put ahead or back while the engine runs.
//!
//! Time goes on by a steady source, which nobody sets. The computer's clock is followed in small steps. Where it jumps, the
//! engine goes on by the steady source first: a wrong clock that is put right again within [`TRIED_NS`] is never seen. A
//! clock that stays where it jumped to is right, or all there is: the engine follows it, back as well, for clients have no
//! other time.
//!
//! What expires is gone for good, so for an hour after a jump ahead it expires by the time before the jump.
//!
//! ```text
//! computer's clock   ───────────────┐ ahead            ┌──────────────── right again
//!                                   └──────────────────┘
//! the engine's time  ─────────────────────┐ followed        ┌───────────
//!                                 10 s    └─────────────────┘ 10 s
//! what expires       ───────────────────────────────────────────────────
//! ```

use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A difference that is no jump: what time servers correct in one step.
const STEP_NS: u64 = 1_000_000_000;
/// A clock that jumped must stay there for so long before it is followed. For so long clients may be refused.
const TRIED_NS: u64 = 10_000_000_000;
/// So long after a jump ahead was followed, nothing expires by the new time.
const HELD_NS: u64 = 3_600_000_000_000;

type Source = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Nanoseconds since 1970-01-01 UTC. Cheap to clone; clones are one clock.
#[derive(Clone)]
pub struct Clock {
    wall: Source,
    steady: Source,
    timeline: Arc<Mutex<Timeline>>,
}

/// Differences are of the computer's clock from the steady source, ns; so they are `u64` that wrap.
#[derive(Debug, Default)]
struct Timeline {
    /// The one that is followed; none before the first look.
    followed: Option<u64>,
    /// The one that the computer's clock jumped to, and when.
    tried: Option<(u64, u64)>,
    /// The one that things expire by, and until when on the steady source.
    held: Option<(u64, u64)>,
    last_ns: u64,
}

/// What the engine makes of the computer's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// It runs evenly.
    Trusted,
    /// It jumped just now, by so many seconds, and is not followed yet.
    Jumped(i64),
    /// It was put ahead within the last hour: nothing expires by it yet.
    Held,
}

impl Clock {
    /// The operating system's clock, beside its count of time since it started, which goes on while it sleeps.
    pub fn system() -> Self {
        let wall = || ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let steady = || {
            let now = clock_gettime(ClockId::Boottime);
            ns(Duration::try_from(now).unwrap_or_default())
        };
        Self::over(wall, steady)
    }

    /// A clock over `source`, which gives ns since 1970 and never jumps ahead by mistake.
    pub fn new(source: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let source: Source = Arc::new(source);
        Self { wall: Arc::clone(&source), steady: source, timeline: Arc::default() }
    }

    /// A clock over `wall`, which gives ns since 1970 and may jump, and `steady`, which gives ns since any moment and does
    /// not.
    pub fn over(
        wall: impl Fn() -> u64 + Send + Sync + 'static,
        steady: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self { wall: Arc::new(wall), steady: Arc::new(steady), timeline: Arc::default() }
    }

    /// The time. It does not decrease, but once where the computer's clock was put back for good.
    pub fn now_ns(&self) -> u64 {
        self.look(|timeline, steady| timeline.now_ns(steady))
    }

    /// What is kept until before this has expired.
    pub fn expiry_ns(&self) -> u64 {
        self.look(Timeline::expiry_ns)
    }

    /// Whether the time is trusted.
    pub fn state(&self) -> ClockState {
        self.look(|timeline, _| timeline.state())
    }

    fn look<T>(&self, tell: impl FnOnce(&mut Timeline, u64) -> T) -> T {
        let timeline = &mut *self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        // Read in one go: what comes between the two would be a step.
        let (steady, wall) = ((self.steady)(), (self.wall)());
        timeline.follow(steady, wall.wrapping_sub(steady));
        tell(timeline, steady)
    }
}

impl Timeline {
    fn follow(&mut self, steady: u64, difference: u64) {
        if self.held.is_some_and(|(_, until)| steady >= until) {
            self.held = None;
        }
        let Some(followed) = self.followed else {
            self.followed = Some(difference);
            return;
        };
        let jump = seconds(followed, difference);
        if is_step(followed, difference) {
            if self.tried.take().is_some() {
                tracing::warn!("this computer's clock is right again");
            }
            self.followed = Some(difference);
            return;
        }
        match self.tried {
            Some((tried, since)) if is_step(tried, difference) => {
                if steady.saturating_sub(since) < TRIED_NS {
                    return;
                }
                tracing::warn!(jump, "this computer's clock stays where it was put: it is followed");
                self.tried = None;
                // The earliest of all that were followed within the hour.
                let before = self.held.map_or(followed, |(held, _)| earlier(held, followed));
                if earlier(before, difference) == before {
                    self.held = Some((before, steady.saturating_add(HELD_NS)));
                }
                self.followed = Some(difference);
                self.last_ns = 0;
            }
            _ => {
                tracing::warn!(
                    jump,
                    "this computer's clock jumped, by so many seconds: it is not followed yet"
                );
                self.tried = Some((difference, steady));
            }
        }
    }

    fn now_ns(&mut self, steady: u64) -> u64 {
        self.last_ns = self.last_ns.max(steady.wrapping_add(self.followed.unwrap_or_default()));
        self.last_ns
    }

    fn expiry_ns(&mut self, steady: u64) -> u64 {
        let now_ns = self.now_ns(steady);
        self.held.map_or(now_ns, |(held, _)| steady.wrapping_add(held).min(now_ns))
    }

    fn state(&self) -> ClockState {
        match (self.followed, self.tried) {
            (Some(followed), Some((tried, _))) => ClockState::Jumped(seconds(followed, tried)),
            _ if self.held.is_some() => ClockState::Held,
            _ => ClockState::Trusted,
        }
    }
}

fn is_step(from: u64, to: u64) -> bool {
    to.wrapping_sub(from).cast_signed().unsigned_abs() <= STEP_NS
}

fn earlier(one: u64, other: u64) -> u64 {
    if other.wrapping_sub(one).cast_signed() < 0 { other } else { one }
}

fn seconds(from: u64, to: u64) -> i64 {
    to.wrapping_sub(from).cast_signed() / 1_000_000_000
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clock").field("timeline", &self.timeline).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    const S: u64 = 1_000_000_000;
    const HOUR: u64 = 3_600 * S;
    const BEGIN: u64 = 1_000_000 * S;

    /// Two sources that the test moves.
    struct Sources {
        wall: Arc<AtomicU64>,
        steady: Arc<AtomicU64>,
        clock: Clock,
    }

    impl Sources {
        fn new() -> Self {
            let (wall, steady) = (Arc::new(AtomicU64::new(BEGIN)), Arc::new(AtomicU64::new(0)));
            let (read_wall, read_steady) = (Arc::clone(&wall), Arc::clone(&steady));
            let clock = Clock::over(
                move || read_wall.load(Ordering::Relaxed),
                move || read_steady.load(Ordering::Relaxed),
            );
            assert_eq!(clock.now_ns(), BEGIN);
            Self { wall, steady, clock }
        }

        /// Time passes; somebody looks at the clock each second.
        fn pass(&self, seconds: u64) {
            for _ in 0..seconds {
                self.wall.fetch_add(S, Ordering::Relaxed);
                self.steady.fetch_add(S, Ordering::Relaxed);
                self.clock.now_ns();
            }
        }

        fn put(&self, by_s: i64) {
            self.wall.fetch_add((by_s * 1_000_000_000).cast_unsigned(), Ordering::Relaxed);
        }

        /// The two times, s since the test began.
        fn times(&self) -> (u64, u64) {
            let since = |ns: u64| (ns - BEGIN) / S;
            (since(self.clock.now_ns()), since(self.clock.expiry_ns()))
        }
    }

    #[test]
    fn time_does_not_follow_a_source_that_jumps_back() {
        let source = Arc::new(AtomicU64::new(50));
        let read = Arc::clone(&source);
        let clock = Clock::new(move || read.load(Ordering::Relaxed));
        assert_eq!(clock.now_ns(), 50);
        source.store(20, Ordering::Relaxed);
        assert_eq!(clock.clone().now_ns(), 50);
        source.store(60, Ordering::Relaxed);
        assert_eq!(clock.now_ns(), 60);
    }

    #[test]
    fn a_jump_that_is_put_right_soon_is_never_seen() {
        for by in [7_200, 25 * 3_600, -7_200] {
            let sources = Sources::new();
            sources.put(by);
            sources.pass(6);
            assert_eq!(sources.clock.state(), ClockState::Jumped(by));
            assert_eq!(sources.times(), (6, 6), "put by {by} s");
            sources.put(-by);
            sources.pass(20);
            assert_eq!((sources.times(), sources.clock.state()), ((26, 26), ClockState::Trusted));
        }
    }

    #[test]
    fn a_clock_that_stays_ahead_is_followed_and_nothing_expires_by_it_for_an_hour() {
        let sources = Sources::new();
        sources.put(7_200);
        sources.pass(11);
        assert_eq!((sources.times(), sources.clock.state()), ((7_211, 11), ClockState::Held));
        sources.pass(3_599);
        assert_eq!(sources.times(), (10_810, 3_610));
        sources.pass(1);
        assert_eq!((sources.times(), sources.clock.state()), ((10_811, 10_811), ClockState::Trusted));
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_is_followed_back_and_nothing_expired() {
        let sources = Sources::new();
        sources.put(25 * 3_600);
        sources.pass(12);
        assert_eq!(sources.times(), (25 * 3_600 + 12, 12));
        sources.put(-25 * 3_600);
        sources.pass(9);
        assert_eq!(sources.times(), (25 * 3_600 + 21, 21), "not yet");
        sources.pass(2);
        assert_eq!((sources.times(), sources.clock.state()), ((23, 23), ClockState::Held));
        sources.pass(3_600);
        assert_eq!((sources.times(), sources.clock.state()), ((3_623, 3_623), ClockState::Trusted));
    }

    #[test]
    fn a_clock_that_jumps_about_is_followed_only_where_it_stays() {
        let sources = Sources::new();
        for by in [60, -180, 600, -30] {
            sources.put(by);
            sources.pass(9);
        }
        assert_eq!(sources.times(), (36, 36));
        sources.pass(2);
        assert_eq!(sources.times(), (38 + 450, 38));
    }

    #[test]
    fn small_steps_are_followed_at_once_and_never_back() {
        let sources = Sources::new();
        sources.wall.fetch_add(S / 2, Ordering::Relaxed);
        assert_eq!(sources.clock.now_ns(), BEGIN + S / 2);
        sources.wall.fetch_sub(S / 2, Ordering::Relaxed);
        assert_eq!(sources.clock.now_ns(), BEGIN + S / 2);
        sources.pass(1);
        assert_eq!((sources.clock.now_ns(), sources.clock.state()), (BEGIN + S, ClockState::Trusted));
    }

    #[test]
    fn the_systems_clock_is_todays() {
        let clock = Clock::system();
        let now = ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        assert!(clock.now_ns().abs_diff(now) < HOUR && clock.state() == ClockState::Trusted);
    }
}
