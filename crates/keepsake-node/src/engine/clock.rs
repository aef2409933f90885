//! The engine's time. Owns the promise that it never goes backwards; the source is a value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970-01-01 UTC that never decrease. Cheap to clone; clones are one clock.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> u64 + Send + Sync>,
    last_ns: Arc<AtomicU64>,
}

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self::new(|| {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    /// A clock over `source`, which gives ns since 1970 and may jump back.
    pub fn new(source: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(source), last_ns: Arc::default() }
    }

    /// The time: the source's, or the last one given when the source went back.
    pub fn now_ns(&self) -> u64 {
        let now_ns = (self.source)();
        self.last_ns.fetch_max(now_ns, Ordering::AcqRel).max(now_ns)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clock").field("last_ns", &self.last_ns).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
