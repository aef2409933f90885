//! A queue that is fair between peers: each has a line of its own, and the lines are served in turn.
//!
//! Owns the order and the bounds of what waits; runs nothing.
//!
//! Whoever comes waits for what it has sent itself and for one job of each other peer, however many those have waiting.
//! Connections without a peer, from this machine, are one line together. A line for each of them would be no better for
//! them, as a connection has one request at a time, and whoever opens a thousand would have a thousand turns.

use crate::admission::Peer;
use crate::engine::message::EngineError;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// One peer may hold this part of the places. There is no such bound for connections without a peer: a proxy may be
/// there, which answers for its own callers.
const PEER_PART: usize = 2;

/// Jobs that wait. Shared by reference between threads.
pub(crate) struct FairQueue<T> {
    /// Places for waiting.
    waiting_max: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    is_closed: bool,
    waiting: usize,
    /// None is empty.
    lines: HashMap<Option<Peer>, VecDeque<T>>,
    /// Whose lines there are; whoever is next comes first.
    turns: VecDeque<Option<Peer>>,
}

impl<T> FairQueue<T> {
    /// A queue in which `waiting_max` jobs may wait.
    pub(crate) fn new(waiting_max: usize) -> Self {
        let (lines, turns) = (HashMap::new(), VecDeque::new());
        let state = State { is_closed: false, waiting: 0, lines, turns };
        Self { waiting_max, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Puts `job` at the end of the line of `peer`.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] when all places are taken, or the peer's part of them; [`EngineError::ShuttingDown`]
    /// when the queue is closed.
    pub(crate) fn push(&self, peer: Option<Peer>, job: T) -> Result<(), EngineError> {
        let state = &mut *self.lock();
        if state.is_closed {
            return Err(EngineError::ShuttingDown);
        }
        let own = state.lines.get(&peer).map_or(0, VecDeque::len);
        let own_max = self.waiting_max.div_ceil(PEER_PART);
        if state.waiting >= self.waiting_max || peer.is_some() && own >= own_max {
            return Err(EngineError::Overloaded);
        }
        state.waiting += 1;
        state.lines.entry(peer).or_default().push_back(job);
        if own == 0 {
            state.turns.push_back(peer);
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next job. None when the queue is closed and nothing waits any more.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.next() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn next(&mut self) -> Option<T> {
        let peer = self.turns.pop_front()?;
        let line = self.lines.get_mut(&peer).expect("there is a line for each turn");
        let job = line.pop_front().expect("no line is empty");
        if line.is_empty() {
            self.lines.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        self.waiting -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Duration;

    const A: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const B: Option<Peer> = Some(Peer::V4(Ipv4Addr::new(192, 0, 2, 2)));

    fn drained<T>(queue: &FairQueue<T>) -> Vec<T> {
        queue.close();
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn peers_are_served_in_turn_and_each_in_the_order_of_arrival() {
        let queue = FairQueue::new(100);
        for job in ["a1", "a2", "a3", "a4"] {
            queue.push(A, job).unwrap();
        }
        assert_eq!(queue.pop(), Some("a1"));
        for (peer, job) in [(B, "b1"), (B, "b2"), (None, "n1"), (A, "a5"), (None, "n2")] {
            queue.push(peer, job).unwrap();
        }
        assert_eq!(drained(&queue), ["a2", "b1", "n1", "a3", "b2", "n2", "a4", "a5"]);
    }

    #[test]
    fn a_peer_holds_half_of_the_places_and_the_others_have_the_rest() {
        let queue = FairQueue::new(10);
        let overloaded = |peer| matches!(queue.push(peer, peer), Err(EngineError::Overloaded));
        for _ in 0..5 {
            queue.push(A, A).unwrap();
        }
        assert!(overloaded(A));
        for _ in 0..3 {
            queue.push(B, B).unwrap();
        }
        assert_eq!(queue.pop(), Some(A));
        queue.push(A, A).unwrap();
        for _ in 0..2 {
            queue.push(None, None).unwrap();
        }
        assert!(overloaded(A) && overloaded(B) && overloaded(None), "all places are taken");
        assert_eq!(drained(&queue).len(), 10);
        assert!(queue.lock().lines.is_empty() && queue.lock().turns.is_empty() && queue.lock().waiting == 0);
    }

    #[test]
    fn one_place_is_there_for_anybody_and_connections_without_a_peer_may_have_all() {
        let queue = FairQueue::new(1);
        queue.push(A, 1).unwrap();
        assert!(queue.push(B, 2).is_err());
        let queue = FairQueue::new(10);
        assert_eq!((0..20).filter(|job| queue.push(None, *job).is_ok()).count(), 10);
        assert!(FairQueue::new(0).push(None, 1).is_err());
    }

    #[test]
    fn closing_ends_whoever_waits_once_nothing_is_left() {
        let queue = Arc::new(FairQueue::new(10));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || std::iter::from_fn(|| queue.pop()).count())
            })
            .collect();
        queue.push(A, 1).unwrap();
        queue.push(B, 2).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        queue.close();
        assert!(matches!(queue.push(A, 3), Err(EngineError::ShuttingDown)));
        assert_eq!(waiting.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 2);
    }
}
