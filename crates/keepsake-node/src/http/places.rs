//! The places that connections have: how many, how many of one peer, and who has to leave.
//!
//! Owns the bounds on connections and on the patience with each of them: what it waits for and since when. Owns no
//! socket: `connection.rs` accepts, `stall.rs` tells what goes through, `taking.rs` reckons how fast.
//!
//! A connection that only waits (for a head, or idle) leaves when a new one needs its place, the one that has waited
//! longest first, and so does one whose body is late. So half heads, half bodies and idle connections keep nobody out. But
//! each has its first second, so that those who flood the node with connections do not push out one that is about to ask:
//! while all places are taken by younger ones, a new one waits until the first of them is so old. One whose peer has as many
//! as it may, all of them as young, is refused: others do not wait for it.
//!
//! Where none only waits, one leaves that does not take what it asked for: of whoever has most places, the one that is
//! behind for the longest time. So answers that nobody reads keep nobody out either. While there are places, all of them
//! have much longer.
//!
//! What a connection was given to send stays in memory until its peer has taken it, and an answer in one piece stays whole
//! until its last byte is taken. All of it together is bounded: when it is more, one leaves that holds some of it. Those that
//! take too little leave first, and of those whoever holds most.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::taking::Taking;
use crate::admission::Peer;

mod taking;

/// Bounds of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceLimits {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections of one peer at once: of one IPv4 address, or of one IPv6 network of 64 bits.
    pub per_peer_max: usize,
    /// Whether connections from this machine are one peer too. They are not by default: a proxy in front of the node is
    /// there, which answers for its own callers.
    pub loopback_is_bounded: bool,
}

impl PlaceLimits {
    /// Streams of assets at once that may read ahead, so that all of them fit into what may be in memory.
    pub(crate) fn read_ahead_max(&self) -> usize {
        self.connections_max / PLACES_PER_READER_AHEAD
    }
}

impl Default for PlaceLimits {
    fn default() -> Self {
        Self { connections_max: 1024, per_peer_max: 256, loopback_is_bounded: false }
    }
}

/// For so long from its beginning on, a connection that waits does not leave for a new one: its head is on its way. Also how
/// long connections that say nothing can keep a new one waiting.
const FIRST_MS: u64 = 1_000;

/// A body that comes this much later than at the least rate may have to leave. It has longer where nobody needs its place.
const BODY_LATE_MS: u64 = 1_000;

/// A head must be there so long after its first byte.
const HEAD_MS: u64 = 10_000;

/// A connection may be idle for this long.
const IDLE_MS: u64 = 60_000;

/// A peer that is waited for is never so far behind the least rate ([`Taking`]).
const TAKING_MS: u64 = 30_000;

/// One that is so far behind may have to leave: longer than a lost packet takes on most lines.
const TAKING_LATE_MS: u64 = 2_000;

/// How often patience is looked after.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Bytes of answers in memory that peers have not taken, for each place. Streams of assets alone stay below it on average,
/// however many there are: `engine/asset_stream.rs` has the sum. So only whoever asks for larger answers in one piece, or
/// for some behind each other, and takes none of them comes to more.
const UNTAKEN_BYTES_PER_PLACE: u64 = 256 << 10;

/// One of so many streams of assets may read ahead.
const PLACES_PER_READER_AHEAD: usize = 8;

/// Pause between two looks when all places are taken by those who do something or came just now.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// From whom a request comes: an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Place>);

impl Remote {
    /// None where no peer's bound applies.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.0.peer
    }

    /// The request waits for more of its body, which at the least rate would be there at `due`.
    pub(crate) fn waits_for_body(&self, due: Instant) {
        self.0.set_at(Phase::Body, due);
    }

    /// More of the body is there, or all of it.
    pub(crate) fn has_body(&self) {
        self.0.set(Phase::Request);
    }
}

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    limits: PlaceLimits,
    begun: Instant,
    state: Mutex<State>,
    left: Notify,
    /// Of all connections together.
    untaken: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    connections: HashMap<u64, Arc<Place>>,
    peers: HashMap<Peer, usize>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    /// A request is under way: it has bounds of its own.
    Request,
    /// More of a request's body, which at the least rate would be there at the phase's time.
    Body,
}

/// One connection's state. Its socket and its requests tell, the sweep judges.
#[derive(Debug)]
pub(crate) struct Place {
    begun: Instant,
    /// When it came, milliseconds since `begun`.
    entered: u64,
    peer: Option<Peer>,
    /// Milliseconds since `begun`, times four, and the phase.
    phase: AtomicU64,
    /// In milliseconds since `begun`.
    taking: Taking,
    /// Bytes of answers that are in memory until the socket has taken them.
    untaken: AtomicU64,
    /// The same of all connections together.
    untaken_by_all: Arc<AtomicU64>,
    task: OnceLock<AbortHandle>,
}

/// A place that is taken; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    places: Arc<Places>,
    id: u64,
    pub(crate) place: Arc<Place>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.place.forget_untaken();
        self.places.lock().remove(self.id);
        self.places.left.notify_one();
    }
}

/// So many bytes of an answer are in memory; no longer when this is dropped: keep it with the bytes.
#[derive(Debug)]
pub(crate) struct Held {
    place: Arc<Place>,
    pub(crate) bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.place.lets_go(self.bytes);
    }
}

/// There is no place.
#[derive(Debug, PartialEq, Eq)]
enum NoPlace {
    /// The peer has as many as it may, and none of them may have to leave yet.
    Peer,
    /// All are taken, and none of them may have to leave yet.
    Any,
}

impl Places {
    pub(crate) fn new(limits: PlaceLimits) -> Self {
        let (state, left, untaken) = (Mutex::default(), Notify::new(), Arc::default());
        Self { limits, begun: Instant::now(), state, left, untaken }
    }

    /// A place for a connection from `address`; waits where there will be one. None when its peer has too many.
    pub(crate) async fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entry> {
        let bounded = self.limits.loopback_is_bounded || !address.to_canonical().is_loopback();
        let peer = bounded.then(|| Peer::of(address));
        loop {
            match self.try_enter(peer) {
                Ok(entry) => return Some(entry),
                Err(NoPlace::Peer) => return None,
                Err(NoPlace::Any) => {
                    tokio::time::timeout(FULL_PAUSE, self.left.notified()).await.ok();
                }
            }
        }
    }

    fn try_enter(self: &Arc<Self>, peer: Option<Peer>) -> Result<Entry, NoPlace> {
        let state = &mut *self.lock();
        if let Some(peer) = peer
            && state.peers.get(&peer).is_some_and(|count| *count >= self.limits.per_peer_max)
        {
            state.displace(Some(peer)).ok_or(NoPlace::Peer)?;
        }
        if state.connections.len() >= self.limits.connections_max {
            state.displace(None).ok_or(NoPlace::Any)?;
        }
        let id = state.next_id;
        state.next_id += 1;
        let place = Arc::new(Place::new(self.begun, peer, Arc::clone(&self.untaken)));
        state.connections.insert(id, Arc::clone(&place));
        if let Some(peer) = peer {
            *state.peers.entry(peer).or_default() += 1;
        }
        Ok(Entry { places: Arc::clone(self), id, place })
    }

    /// Ends the connections whose peers took too long.
    pub(crate) fn sweep(&self) {
        let now_ms = ms_since(self.begun);
        let places: Vec<_> = self.lock().connections.values().cloned().collect();
        for place in places {
            if let Some(why) = place.is_overdue(now_ms) {
                tracing::debug!(why, peer = ?place.peer, "connection ended");
                place.end();
            }
        }
    }

    /// An answer of so many bytes, or a part of one, is in memory for the connection until the result is dropped.
    pub(crate) fn holds(&self, place: &Arc<Place>, bytes: u64) -> Held {
        place.gets(bytes);
        let held = Held { place: Arc::clone(place), bytes };
        let max = UNTAKEN_BYTES_PER_PLACE * self.limits.connections_max as u64;
        while self.untaken.load(Ordering::Relaxed) > max && self.lock().displace_holder().is_some() {}
        held
    }

    /// Bytes of answers in memory that peers have not taken yet.
    pub(crate) fn untaken(&self) -> u64 {
        self.untaken.load(Ordering::Relaxed)
    }

    /// Connections now.
    pub(crate) fn taken(&self) -> usize {
        self.lock().connections.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends the connection, of `peer` or of all, that has waited longest; where none only waits, the one that takes too
    /// little. None when all may stay.
    fn displace(&mut self, peer: Option<Peer>) -> Option<()> {
        let may_leave = |(_, place): &(&u64, &Arc<Place>)| peer.is_none() || place.peer == peer;
        let all = || self.connections.iter().filter(may_leave);
        let waiting = all().filter_map(|(id, place)| Some((place.waits_since()?, *id))).min();
        let late = || all().filter_map(|(id, place)| Some((self.order_of_late(place)?, *id))).min();
        let id = waiting.map(|(_, id)| id).or_else(|| Some(late()?.1))?;
        let place = self.remove(id)?;
        tracing::debug!(peer = ?place.peer, "connection displaced");
        place.end();
        Some(())
    }

    /// Of those that take too little, the first is of whoever has most places, and behind for the longest time.
    /// Connections without a peer are each by itself. None while it may stay.
    fn order_of_late(&self, place: &Place) -> Option<(Reverse<usize>, u64)> {
        let since = place.takes_late_since()?;
        let places = place.peer.map_or(1, |peer| self.peers.get(&peer).copied().unwrap_or_default());
        Some((Reverse(places), since))
    }

    /// Ends a connection that holds bytes which its peer does not take: one that takes too little before the others, of
    /// whoever holds most, the one that is behind for the longest time. Connections without a peer are each by itself.
    /// None when nobody holds any.
    fn displace_holder(&mut self) -> Option<()> {
        let holds = |place: &Place| place.untaken.load(Ordering::Relaxed);
        let mut held = HashMap::new();
        for (id, place) in &self.connections {
            *held.entry(place.peer.ok_or(*id)).or_insert(0) += holds(place);
        }
        let holding =
            self.connections.iter().filter(|(_, place)| holds(place) > 0 && place.task.get().is_some());
        let order = |id: u64, place: &Place| {
            // Those that take something come last.
            let behind_since = place.taking.behind_since().unwrap_or(u64::MAX);
            (place.takes_late_since().is_some(), held[&place.peer.ok_or(id)], Reverse(behind_since))
        };
        let (_, id) = holding.map(|(id, place)| (order(*id, place), *id)).max()?;
        let place = self.remove(id)?;
        tracing::debug!(peer = ?place.peer, "connection ended: it takes too little of its answers");
        place.forget_untaken();
        place.end();
        Some(())
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Place>> {
        let place = self.connections.remove(&id)?;
        if let Some(peer) = place.peer
            && let Some(count) = self.peers.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&peer);
            }
        }
        Some(place)
    }
}

impl Place {
    fn new(begun: Instant, peer: Option<Peer>, untaken_by_all: Arc<AtomicU64>) -> Self {
        let place = Self {
            begun,
            entered: ms_since(begun),
            peer,
            phase: AtomicU64::new(0),
            taking: Taking::default(),
            untaken: AtomicU64::new(0),
            untaken_by_all,
            task: OnceLock::new(),
        };
        place.set(Phase::Idle);
        place
    }

    /// `task` runs the connection: it is aborted when the place is needed or its peer takes too long.
    pub(crate) fn runs_in(&self, task: AbortHandle) {
        self.task.set(task).ok();
    }

    pub(crate) fn remote(self: &Arc<Self>) -> Remote {
        Remote(Arc::clone(self))
    }

    /// Bytes came from the peer.
    pub(crate) fn received(&self) {
        if self.phase().0 == Phase::Idle {
            self.set(Phase::Head);
        }
    }

    /// A handshake is over: the connection waits for its first request.
    pub(crate) fn handshake_ends(&self) {
        self.set(Phase::Idle);
    }

    /// A head is complete.
    pub(crate) fn request_begins(&self) {
        self.set(Phase::Request);
    }

    /// All of the answer was handed to the socket, or given up.
    pub(crate) fn request_ends(&self) {
        self.set(Phase::Idle);
    }

    /// The socket took bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        let was_full = self.taking.takes_at(ms_since(self.begun), bytes as u64);
        if was_full && self.phase().0 == Phase::Idle {
            // It waits for the next request since it has taken the answer.
            self.set(Phase::Idle);
        }
    }

    /// The socket takes no bytes now.
    pub(crate) fn blocked(&self) {
        self.taking.is_full_at(ms_since(self.begun));
    }

    fn gets(&self, bytes: u64) {
        self.untaken_by_all.fetch_add(bytes, Ordering::Relaxed);
        self.untaken.fetch_add(bytes, Ordering::Relaxed);
    }

    fn lets_go(&self, bytes: u64) {
        // Nothing where the connection is over already.
        let less = |held: u64| Some(held.saturating_sub(bytes));
        let held = self.untaken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        self.untaken_by_all.fetch_sub(held.min(bytes), Ordering::Relaxed);
    }

    /// The connection is over, and what it holds goes with it.
    fn forget_untaken(&self) {
        self.untaken_by_all.fetch_sub(self.untaken.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn set(&self, phase: Phase) {
        self.set_at(phase, Instant::now());
    }

    fn set_at(&self, phase: Phase, at: Instant) {
        let kind = match phase {
            Phase::Idle => 0,
            Phase::Head => 1,
            Phase::Request => 2,
            Phase::Body => 3,
        };
        self.phase.store(ms_between(self.begun, at) << 2 | kind, Ordering::Relaxed);
    }

    fn phase(&self) -> (Phase, u64) {
        let found = self.phase.load(Ordering::Relaxed);
        let phase = match found & 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Request,
            _ => Phase::Body,
        };
        (phase, found >> 2)
    }

    /// Since when it only waits for its peer to say something; where that is a body, since when that is late. None while it
    /// may stay.
    fn waits_since(&self) -> Option<u64> {
        let (phase, since) = self.phase();
        let now_ms = ms_since(self.begun);
        let waits = match phase {
            Phase::Request => false,
            Phase::Idle | Phase::Head => !self.taking.is_full() && now_ms >= self.entered + FIRST_MS,
            Phase::Body => now_ms > since + BODY_LATE_MS,
        };
        (waits && self.task.get().is_some()).then_some(since)
    }

    /// Since when it takes less of its answer than it must, when it does so for long enough to have to leave for another.
    fn takes_late_since(&self) -> Option<u64> {
        let since = self.taking.behind_since()?;
        let late = ms_since(self.begun).saturating_sub(since) >= TAKING_LATE_MS;
        (late && self.task.get().is_some()).then_some(since)
    }

    /// What took too long, if anything did.
    fn is_overdue(&self, now_ms: u64) -> Option<&'static str> {
        let (phase, since) = self.phase();
        let waited = now_ms.saturating_sub(since);
        match phase {
            // The last answer is still on its way.
            _ if self.taking.is_full() => {}
            Phase::Head if waited > HEAD_MS => return Some("the head did not come in time"),
            Phase::Idle if waited > IDLE_MS => return Some("idle"),
            _ => {}
        }
        let behind = self.taking.behind_since().map_or(0, |since| now_ms.saturating_sub(since));
        (behind >= TAKING_MS).then_some("the peer takes its answer too slowly")
    }

    fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

fn ms_since(begun: Instant) -> u64 {
    ms_between(begun, Instant::now())
}

fn ms_between(begun: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(begun).as_millis()).unwrap_or(u64::MAX >> 2)
}

#[cfg(test)]
mod tests;
