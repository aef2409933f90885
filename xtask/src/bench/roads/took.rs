//! What uploads of one file took, round by round. Owns their medians.

use super::{Row, median, secs};
use std::time::Duration;

/// One upload: its time, and the processor time of both ends, seconds.
#[derive(Clone, Copy)]
pub(super) struct Took {
    pub(super) wall: Duration,
    pub(super) client: f64,
    pub(super) host: f64,
}

/// By one client, in each round.
#[derive(Default)]
pub(super) struct Taken {
    wall: Vec<Duration>,
    client: Vec<f64>,
    host: Vec<f64>,
}

impl Taken {
    pub(super) fn add(&mut self, took: Took) {
        self.wall.push(took.wall);
        self.client.push(took.client);
        self.host.push(took.host);
    }

    pub(super) fn wall_secs(&self) -> f64 {
        secs(&self.wall)
    }

    pub(super) fn row(&self, what: &str) -> Row {
        let (client, host) = (median(self.client.clone()), median(self.host.clone()));
        let wall = self.wall_secs();
        Row::new(what, format!("{wall:.2} s; processor: client {client:.2} s, host {host:.2} s"), "")
    }

    /// Processor time of the client for each byte.
    #[allow(clippy::cast_precision_loss)] // For people.
    pub(super) fn row_per_byte(&self, what: &str, mib: u64, target: &'static str) -> Row {
        let nanos = median(self.client.clone()) * 1e9 / (mib << 20) as f64;
        Row::new(what, format!("{nanos:.1} ns"), target)
    }
}
