//! Room in memory for what callers send: taken as it arrives, given back when nobody holds the bytes any more.
//!
//! Owns who may hold how much. Reads no body, knows no HTTP and runs nothing.
//!
//! There are two classes, so that a query or a `begin` never waits behind chunks. A body is in the class of its declared
//! length; one that declares none is small until it has grown. A class has shared room, of which one peer may hold half,
//! and a few *lanes*:
//!
//! ```text
//! small:  ≤ 64 KiB each   8 MiB shared, half of it per peer   16 lanes of 64 KiB
//! chunk:  ≤  4 MiB each  20 MiB shared, half of it per peer    3 lanes of  4 MiB
//! ```
//!
//! # Why nobody waits for ever
//! Bodies that hold a part and wait for the next could fill the shared room and block each other. So whoever waits longest
//! gets a lane, which has room for the rest of the largest body: it can always end. A body in a lane must end soon (see
//! [`Permit::lane_since`]), and one peer has one lane of a class, so slow callers cannot keep the lanes. What has arrived is
//! given back without waiting for any other body. Who waits too long all the same is refused.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// Largest body. The IC takes 2 MiB ingress messages; queries may be larger.
pub(crate) const BODY_BYTES_MAX: usize = 4 << 20;

/// Largest body of the small class.
pub(crate) const SMALL_BYTES_MAX: usize = 64 << 10;

/// Granularity; also what the smallest body takes.
const UNIT_BYTES: usize = 4 << 10;

const SMALL: Bounds = Bounds { shared_bytes: 8 << 20, lanes: 16 };
const CHUNK: Bounds = Bounds { shared_bytes: 20 << 20, lanes: 3 };

/// One peer may hold this part of the shared room.
const PEER_PART: u32 = 2;

/// Whoever shares room and places: an IPv4 address, or the /64 network of an IPv6 address, which one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    V4(Ipv4Addr),
    V6(u64),
}

impl Peer {
    /// The peer at `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// A body in memory with its room.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) permit: Permit,
}

/// There is no room, and there was none for as long as one may wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Clone, Copy)]
struct Bounds {
    shared_bytes: usize,
    lanes: u32,
}

/// The room of a node.
#[derive(Debug)]
pub(crate) struct Admission {
    small: Arc<Class>,
    chunk: Arc<Class>,
}

impl Default for Admission {
    fn default() -> Self {
        Self { small: Arc::new(Class::new(SMALL)), chunk: Arc::new(Class::new(CHUNK)) }
    }
}

impl Admission {
    /// A permit that holds nothing yet, for a body of `declared` bytes. `peer`: none where no peer's bound applies.
    pub(crate) fn permit(&self, peer: Option<Peer>, declared: Option<usize>) -> Permit {
        let is_small = declared.is_none_or(|bytes| bytes <= SMALL_BYTES_MAX);
        let class = if is_small { &self.small } else { &self.chunk };
        let grown = is_small.then(|| Arc::clone(&self.chunk));
        let hold = Hold { class: Arc::clone(class), peer, units: 0, lane: false };
        Permit { hold, grown, lane_since: None }
    }

    /// Bytes of room that small bodies and chunks hold now; a lane counts as the largest body.
    pub(crate) fn held(&self) -> (u64, u64) {
        (self.small.held(SMALL_BYTES_MAX), self.chunk.held(BODY_BYTES_MAX))
    }
}

/// The room of one body. It ends when this is dropped: keep it with the bytes.
#[derive(Debug)]
pub struct Permit {
    hold: Hold,
    /// The class that it changes to when it outgrows its own.
    grown: Option<Arc<Class>>,
    lane_since: Option<Instant>,
}

impl Permit {
    /// Waits until there is room for the first `bytes` of the body, at most for `wait`.
    ///
    /// # Errors
    /// [`Full`]; what it holds stays.
    pub(crate) async fn grow_to(&mut self, bytes: usize, wait: Duration) -> Result<(), Full> {
        if bytes > SMALL_BYTES_MAX
            && let Some(class) = self.grown.take()
        {
            let hold = class.acquire(self.hold.peer, units(bytes), wait).await?;
            // What it held in the small class is dropped here.
            self.hold = hold;
        } else if !self.hold.lane {
            let more = units(bytes).saturating_sub(self.hold.units);
            if more > 0 {
                let class = Arc::clone(&self.hold.class);
                self.hold.absorb(class.acquire(self.hold.peer, more, wait).await?);
            }
        }
        if self.hold.lane {
            self.lane_since.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    /// Whose body it is; none where no peer's bound applies.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.hold.peer
    }

    /// Since when it has one of the few lanes, so that others wait for its end.
    pub(crate) fn lane_since(&self) -> Option<Instant> {
        self.lane_since
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).expect("a body is at most 4 MiB")
}

/// Room of one class that is in use; given back on drop.
#[derive(Debug)]
struct Hold {
    class: Arc<Class>,
    peer: Option<Peer>,
    units: u32,
    lane: bool,
}

impl Hold {
    fn absorb(&mut self, mut other: Self) {
        self.units += std::mem::take(&mut other.units);
        self.lane |= std::mem::take(&mut other.lane);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.units == 0 && !self.lane {
            return;
        }
        self.class.lock().give_back(self.peer, self.units, self.lane);
        self.class.settle();
    }
}

#[derive(Debug)]
struct Class {
    shared_units: u32,
    lanes: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: u32,
    peer_units_max: u32,
    lanes_free: u32,
    peers: HashMap<Peer, Share>,
    /// In the order of arrival.
    waiting: VecDeque<Waiter>,
}

#[derive(Debug, Default)]
struct Share {
    units: u32,
    lanes: u32,
}

#[derive(Debug)]
struct Waiter {
    peer: Option<Peer>,
    units: u32,
    granted: oneshot::Sender<Hold>,
}

impl Class {
    fn new(bounds: Bounds) -> Self {
        let shared_units = units(bounds.shared_bytes);
        let state = State {
            free: shared_units,
            peer_units_max: shared_units / PEER_PART,
            lanes_free: bounds.lanes,
            peers: HashMap::new(),
            waiting: VecDeque::new(),
        };
        Self { shared_units, lanes: bounds.lanes, state: Mutex::new(state) }
    }

    /// Waits for `units`, or for a lane, at most for `wait`; in the order of arrival.
    async fn acquire(self: &Arc<Self>, peer: Option<Peer>, units: u32, wait: Duration) -> Result<Hold, Full> {
        let granted = {
            let state = &mut *self.lock();
            if state.waiting.is_empty() && state.fits(peer, units) {
                state.take(peer, units, false);
                return Ok(Hold { class: Arc::clone(self), peer, units, lane: false });
            }
            let (sender, granted) = oneshot::channel();
            state.waiting.push_back(Waiter { peer, units, granted: sender });
            granted
        };
        // Also when this wait is given up: whoever waited behind it may have its turn.
        let _settle = SettleOnDrop(self);
        self.settle();
        timeout(wait, granted).await.ok().and_then(Result::ok).ok_or(Full)
    }

    /// Grants what can be granted.
    fn settle(self: &Arc<Self>) {
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        if state.waiting.is_empty() {
            return;
        }
        // Whoever came later takes no room while an earlier one waits for it; but a peer's own bound stops nobody else.
        let mut is_open = true;
        for waiter in std::mem::take(&mut state.waiting) {
            if waiter.granted.is_closed() {
                continue;
            }
            let (peer, units) = (waiter.peer, waiter.units);
            let (units, lane) = if is_open && state.fits(peer, units) {
                (units, false)
            } else if state.may_have_lane(peer) {
                (0, true)
            } else {
                is_open &= state.free >= units;
                state.waiting.push_back(waiter);
                continue;
            };
            state.take(peer, units, lane);
            let hold = Hold { class: Arc::clone(self), peer, units, lane };
            unwanted.extend(waiter.granted.send(hold).err());
        }
        drop(state);
        drop(unwanted);
    }

    fn held(&self, lane_bytes: usize) -> u64 {
        let state = self.lock();
        let (units, lanes) = (self.shared_units - state.free, self.lanes - state.lanes_free);
        u64::from(units) * UNIT_BYTES as u64 + u64::from(lanes) * lane_bytes as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct SettleOnDrop<'a>(&'a Arc<Class>);

impl Drop for SettleOnDrop<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

impl State {
    fn fits(&self, peer: Option<Peer>, units: u32) -> bool {
        self.free >= units && self.share(peer).0 + units <= self.peer_units_max.max(units)
    }

    fn may_have_lane(&self, peer: Option<Peer>) -> bool {
        self.lanes_free > 0 && self.share(peer).1 == 0
    }

    /// Units and lanes that the peer holds; nothing where no bound applies.
    fn share(&self, peer: Option<Peer>) -> (u32, u32) {
        let share = peer.and_then(|peer| self.peers.get(&peer));
        share.map_or((0, 0), |share| (share.units, share.lanes))
    }

    fn take(&mut self, peer: Option<Peer>, units: u32, lane: bool) {
        self.free -= units;
        self.lanes_free -= u32::from(lane);
        if let Some(peer) = peer {
            let share = self.peers.entry(peer).or_default();
            share.units += units;
            share.lanes += u32::from(lane);
        }
    }

    fn give_back(&mut self, peer: Option<Peer>, units: u32, lane: bool) {
        self.free += units;
        self.lanes_free += u32::from(lane);
        if let Some(peer) = peer
            && let Some(share) = self.peers.get_mut(&peer)
        {
            share.units -= units;
            share.lanes -= u32::from(lane);
            if share.units == 0 && share.lanes == 0 {
                self.peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
