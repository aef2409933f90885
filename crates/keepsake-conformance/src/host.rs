//! The port of the exam: a running service and the identities that talk to it. Owns no question.

use candid::Principal;
use keepsake_client::agent::{BasicIdentity, Identity};
use keepsake_client::api::{Answer, HttpRequest, HttpResponse};
use keepsake_client::{Client, Transport};
use std::time::Duration;

/// Who calls. The roles are those that [`crate::World`] grants in its capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Made the capsule.
    Owner,
    /// Its admin.
    Admin,
    /// A member: it made what is asked for.
    Member,
    /// Another member.
    Colleague,
    /// Its guest.
    Guest,
    /// Has a key and no role.
    Stranger,
    /// Has no key.
    Anonymous,
    /// Controls the host and has no role.
    Controller,
    /// Has a key, no role, and no capsule of its own when the exam begins.
    Newcomer,
    /// A key that becomes a device of somebody.
    Device,
    /// Another one, which is removed again.
    Removed,
    /// Is shut out by the operator.
    Blocked,
    /// The key that a link's secret makes.
    Link,
    /// Keeps the keys of the host's bucket, where the host has one that it cannot reach itself.
    Gate,
}

impl Who {
    /// The columns of the access table, in order.
    pub const COLUMNS: [Self; 8] = [
        Self::Owner,
        Self::Admin,
        Self::Member,
        Self::Colleague,
        Self::Guest,
        Self::Stranger,
        Self::Anonymous,
        Self::Controller,
    ];

    /// Callers that stand in for one of the columns: whose letter counts for them, and whether they only look, so that of
    /// what changes something the anonymous letter counts.
    pub const STAND_INS: [(Self, Self, bool); 4] = [
        (Self::Device, Self::Member, false),
        (Self::Removed, Self::Anonymous, false),
        (Self::Blocked, Self::Anonymous, false),
        (Self::Link, Self::Guest, true),
    ];

    /// A key for this identity, the same on every host; none for the anonymous one.
    pub fn seed(self) -> Option<[u8; 32]> {
        (self != Self::Anonymous).then_some([self as u8 + 1; 32])
    }

    /// The public key of [`Self::seed`], Ed25519 in DER, as envelopes have it.
    ///
    /// # Panics
    /// The anonymous one has none.
    pub fn public_key(self) -> Vec<u8> {
        let seed = self.seed().expect("it has a key");
        BasicIdentity::from_raw_key(&seed).public_key().expect("an Ed25519 key has one")
    }

    /// The principal of that key, the same on every host.
    pub fn principal(self) -> Principal {
        self.seed().map_or(Principal::anonymous(), |_| Principal::self_authenticating(self.public_key()))
    }
}

/// A running service.
pub trait Host {
    /// How messages get there.
    type Transport: Transport;

    /// A client that calls as `who`, without retries.
    fn client(&self, who: Who) -> impl Future<Output = Client<Self::Transport>>;

    /// Asks for `/asset/…` by plain HTTP; none where the host answers the gateway's query only.
    fn direct_http(&self, request: &HttpRequest) -> impl Future<Output = Option<HttpResponse>>;

    /// Puts a chunk by an upload ticket, without an envelope; none where the host mints no tickets.
    fn put_chunk(
        &self,
        ticket: &str,
        session: u64,
        index: u32,
        bytes: &[u8],
    ) -> impl Future<Output = Option<Answer<()>>> {
        let _ = (ticket, session, index, bytes);
        std::future::ready(None)
    }

    /// Moves the host's clock on; false where it is the world's clock.
    fn advance_clock(&self, by: Duration) -> impl Future<Output = bool>;

    /// Stops the service and starts it again on the same data; false where that is not offered. Clients made
    /// before must not be used after.
    fn restart(&self) -> impl Future<Output = bool>;
}
