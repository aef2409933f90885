//! What goes wrong, as data: one JSON object that a test gives, and the counts of what happened. Owns their shape.

use serde::{Deserialize, Serialize};

/// What goes wrong from now on. All is off where it is not named.
#[derive(Deserialize, Serialize, Clone, Debug, Default, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// The proxy answers by itself.
    pub answer: Option<Answer>,
    /// Share of requests, 0 to 1, that never reach the node: their connection is closed.
    pub lose_requests: f64,
    /// Share of replies, 0 to 1, that never reach the client: the node has done its work, the connection is closed.
    pub lose_replies: f64,
    /// Share of replies, 0 to 1, of which half arrives.
    pub cut_replies: f64,
    /// Nothing is lost or cut but where the path ends so, such as `/call`; everywhere where it is not named.
    pub faults_at: Option<String>,
    /// The first of each so many requests that have a bearer's ticket goes on with another one, which opens nothing.
    pub forge_tickets: Option<u64>,
    /// Longer bodies are answered 413 with a proxy's page. Bytes.
    pub body_max: Option<u64>,
    /// All connections together take so many bits a second from clients.
    pub bits_per_s: Option<u64>,
    /// All connections stand still once.
    pub stall: Option<Stall>,
    /// Connections that go dead, the next ones that come so far.
    pub dead: Option<Dead>,
    /// Makes shares repeatable.
    pub seed: u64,
}

/// An answer of the proxy's own.
#[derive(Deserialize, Serialize, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Such as 502.
    pub status: u16,
    /// `Retry-After`, seconds.
    pub retry_after: Option<u64>,
    /// So many requests; all where it is not named.
    pub times: Option<u64>,
    /// After so many that it lets pass.
    #[serde(default)]
    pub after: u64,
    /// Only to this method, such as `PUT`; to all where it is not named.
    pub method: Option<String>,
    /// For so long after the plan came; for ever where it is not named.
    pub for_ms: Option<u64>,
}

/// All connections stand still.
#[derive(Deserialize, Serialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// When so many bytes came from clients since the plan.
    pub after_bytes: u64,
    /// For so long.
    pub ms: u64,
}

/// Connections that take no more bytes and are not closed, as when a network is left.
#[derive(Deserialize, Serialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Dead {
    /// How many connections.
    pub connections: u64,
    /// After so many bytes of each.
    pub after_bytes: u64,
}

/// What happened since the proxy started.
#[derive(Deserialize, Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that came.
    pub connections: u64,
    /// Requests that came.
    pub requests: u64,
    /// Of them update messages of the IC, by their path.
    pub updates: u64,
    /// Of them query messages of the IC.
    pub queries: u64,
    /// Of them by the method `PUT`.
    pub puts: u64,
    /// Of them answered by the proxy itself, 413 among them.
    pub answered: u64,
    /// Requests whose ticket was forged.
    pub forged: u64,
    /// Requests and replies that were lost.
    pub lost: u64,
    /// Replies that were cut.
    pub cut: u64,
    /// Connections that went dead.
    pub dead: u64,
    /// Bytes from clients.
    pub bytes: u64,
}
