//! How many chunks, or parts, may fly at once on this line: few at first, more while they arrive in time, half when they do not.
//! All uploads of a client share one line.
//!
//! Owns the number, as [TCP does](https://www.rfc-editor.org/rfc/rfc5681) its window of segments; `fixtures/client/window.json` has
//! its cases. It grows only while it is what holds chunks back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// At first, so that a slow line is not given more than it can carry within the host's patience.
const FIRST: u32 = 2;
/// What took longer shared its line with too many.
const SLOW: Duration = Duration::from_secs(10);
/// What is longer may take as much more time, bytes.
const SLOW_BYTES: u64 = 1_800_000;

/// What took longer is late.
pub(crate) fn in_time(bytes: u64) -> Duration {
    let slow = u64::try_from(SLOW.as_micros()).expect("it is some seconds");
    Duration::from_micros(slow.saturating_mul(bytes.max(SLOW_BYTES)) / SLOW_BYTES)
}

/// The number. Reads no clock.
#[derive(Debug)]
pub(crate) struct Limit {
    max: u32,
    chunks: u32,
    /// Up to here it grows with every chunk, above by one in each round.
    threshold: u32,
    arrived: u32,
    /// Chunks that set out before say nothing about the number of now.
    changed_at: Option<Instant>,
}

impl Limit {
    pub(crate) fn new(max: u32) -> Self {
        Self { max, chunks: FIRST.min(max), threshold: u32::MAX, arrived: 0, changed_at: None }
    }

    pub(crate) fn get(&self) -> u32 {
        self.chunks
    }

    /// A chunk that set out at `from` arrived at `now`, or a part of more `bytes`.
    pub(crate) fn arrived(&mut self, from: Instant, now: Instant, bytes: u64) {
        if now - from > in_time(bytes) {
            return self.late(from, now);
        }
        self.arrived += 1;
        if self.chunks < self.max && (self.chunks < self.threshold || self.arrived >= self.chunks) {
            self.arrived = 0;
            self.chunks += 1;
        }
    }

    /// It stalled, or the host would not wait for it any longer, or it took too long.
    pub(crate) fn late(&mut self, from: Instant, now: Instant) {
        if self.changed_at.is_some_and(|changed_at| from < changed_at) {
            return;
        }
        self.changed_at = Some(now);
        self.arrived = 0;
        self.threshold = (self.chunks / 2).max(1);
        self.chunks = self.threshold;
    }
}

/// The window of a line. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Window(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    flying: u32,
}

/// A place in the window, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    window: Window,
    from: Instant,
    /// It took the last one.
    is_last: bool,
}

impl Window {
    pub(crate) fn new(max: u32) -> Self {
        let state = Mutex::new(State { limit: Limit::new(max), flying: 0 });
        Self(Arc::new(Shared { state, freed: Notify::new() }))
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Place {
        loop {
            if let Some(is_last) = self.try_enter() {
                return Place { window: self.clone(), from: Instant::now(), is_last };
            }
            self.0.freed.notified().await;
        }
    }

    fn try_enter(&self) -> Option<bool> {
        let state = &mut *self.state();
        if state.flying >= state.limit.get() {
            return None;
        }
        state.flying += 1;
        let is_last = state.flying == state.limit.get();
        self.wake(state);
        Some(is_last)
    }

    /// One who waits, where there is room; it wakes the next one.
    fn wake(&self, state: &State) {
        if state.flying < state.limit.get() {
            self.0.freed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The chunk sets out now, once more perhaps.
    pub(crate) fn set_out(&mut self) {
        self.from = Instant::now();
    }

    /// A chunk is there.
    pub(crate) fn arrived(&self) {
        self.arrived_with(SLOW_BYTES);
    }

    /// A part of so many bytes is there.
    pub(crate) fn arrived_with(&self, bytes: u64) {
        let (state, now) = (&mut *self.window.state(), Instant::now());
        if self.is_last || now - self.from > in_time(bytes) {
            state.limit.arrived(self.from, now, bytes);
        }
        self.window.wake(state);
    }

    /// See [`Limit::late`].
    pub(crate) fn late(&self) {
        self.window.state().limit.late(self.from, Instant::now());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let state = &mut *self.window.state();
        state.flying -= 1;
        self.window.wake(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_place_is_free_again_when_it_is_left_and_more_come_where_they_were_wanting() {
        let window = Window::new(8);
        let enter = || window.enter().now_or_never();
        let (first, second) = (enter().unwrap(), enter().unwrap());
        assert!(enter().is_none());
        first.arrived();
        assert!(enter().is_none(), "there was room beside it");
        second.arrived();
        let third = enter().unwrap();
        assert!(enter().is_none());
        drop(third);
        let third = enter().unwrap();
        third.late();
        drop((first, second));
        assert!(enter().is_none(), "one of three may fly, and does");
    }

    #[tokio::test]
    async fn all_who_wait_get_their_turn() {
        let window = Window::new(4);
        let places: Vec<_> = [window.enter().await, window.enter().await].into();
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let window = window.clone();
                tokio::spawn(async move { window.enter().await.arrived() })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(places);
        for one in waiting {
            one.await.unwrap();
        }
    }
}
