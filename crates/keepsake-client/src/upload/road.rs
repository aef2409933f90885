//! Which way the chunks of a session go: in envelopes, or by `PUT` with a ticket where the host has such a road.
//!
//! Owns the choice.

use super::ticket::{TICKETS_MAX, Ticket};
use crate::client::{CallError, Client};
use crate::put_road::{PutChunk, PutError};
use crate::retry::RetryPolicy;
use crate::transport::{Transport, TransportError};
use bytes::Bytes;
use keepsake_api::PutRoad;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How chunks travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Road {
    /// By `PUT` where the host has it and nothing in between refuses it, else in envelopes.
    #[default]
    Auto,
    /// By `PUT`; an upload that cannot go so fails.
    Put,
    /// In envelopes.
    Envelopes,
}

/// What is in between may swallow a `PUT` without a word. So many in a row, with a host that answers messages and before any `PUT`
/// got an answer, are taken for that.
const UNANSWERED_MAX: u32 = 2;

/// What is known of the way of `PUT`s to a host.
#[derive(Debug, Default)]
pub(crate) struct KnownRoad {
    /// Chunks go in envelopes.
    is_closed: AtomicBool,
    /// A `PUT` got an answer.
    is_proven: AtomicBool,
    unanswered: AtomicU32,
}

impl KnownRoad {
    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    fn answered(&self) {
        self.is_proven.store(true, Ordering::Relaxed);
    }

    /// The host is there, and a `PUT` got no answer.
    fn unanswered(&self) {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= UNANSWERED_MAX {
            self.close();
        }
    }
}

/// The `PUT` road of one session.
pub(super) struct SessionRoad {
    road: PutRoad,
    /// Nothing else is tried.
    only: bool,
    ticket: Ticket,
}

/// How a chunk did not get there by `PUT`.
pub(super) enum Missed {
    /// It is to go in an envelope.
    TakeEnvelope(Bytes),
    /// As if an envelope had met it.
    Call(CallError),
}

impl SessionRoad {
    /// None: the session's chunks go in envelopes.
    pub(super) async fn of<T: Transport>(
        client: &Client<T>,
        road: Road,
        session_id: u64,
    ) -> Result<Option<Self>, CallError> {
        let offered = match road {
            Road::Envelopes => None,
            Road::Auto if client.known_road.is_closed() => None,
            Road::Auto | Road::Put => client.limits().await?.put_road.clone(),
        };
        let only = road == Road::Put;
        match offered {
            Some(road) => {
                let ticket = Ticket::new(session_id, Some(road.ticket_secs_max));
                Ok(Some(Self { road, only, ticket }))
            }
            None if only => Err(no_road()),
            None => Ok(None),
        }
    }

    /// Sends a chunk once; a ticket that does not open is renewed.
    pub(super) async fn put<T: Transport>(
        &self,
        client: &Client<T>,
        index: u32,
        bytes: Bytes,
    ) -> Result<(), Missed> {
        let mut refused = String::new();
        for _ in 0..TICKETS_MAX {
            if client.known_road.is_closed() && !self.only {
                return Err(Missed::TakeEnvelope(bytes));
            }
            let ticket = match self.ticket.open(client).await {
                // The host that said so is another one by now.
                Err(error) if error.code() == Some("no_put_road") && !self.only => {
                    client.known_road.close();
                    continue;
                }
                minted => minted.map_err(Missed::Call)?,
            };
            let (session_id, path) = (self.ticket.session_id(), self.road.path.as_str());
            let chunk = PutChunk { path, ticket: &ticket, session_id, index, bytes: bytes.clone() };
            let end = client.transport().put_chunk(chunk).await;
            self.learn(client, &end).await;
            match end {
                Ok(()) => return Ok(()),
                Err(PutError::NoRoad) if self.only => return Err(Missed::Call(no_road())),
                Err(PutError::NoRoad) => client.known_road.close(),
                Err(PutError::Ticket(why)) => {
                    refused = why;
                    self.ticket.forget(&ticket).await;
                }
                Err(PutError::Refused(error)) => {
                    return Err(Missed::Call(CallError::Refused { method: METHOD, error }));
                }
                Err(PutError::Transport(error)) => return Err(Missed::Call(failed(error))),
            }
        }
        if self.only {
            return Err(Missed::Call(failed(TransportError::Http { status: 401, reason: refused })));
        }
        // Tickets do not get through: what is in between keeps them, or another host answers.
        client.known_road.close();
        Err(Missed::TakeEnvelope(bytes))
    }

    /// Takes note of whether `PUT`s get answers. Where one got none, a message tells whether the host is there.
    async fn learn<T: Transport>(&self, client: &Client<T>, end: &Result<(), PutError>) {
        let road = &client.known_road;
        match end {
            Err(PutError::Transport(TransportError::Unreachable { .. })) if !road.is_proven() => {
                let once = client.clone().with_retry(RetryPolicy::never());
                if self.ticket.mint(&once).await.is_ok() && !road.is_proven() {
                    road.unanswered();
                }
            }
            Err(PutError::Transport(TransportError::Unreachable { .. } | TransportError::Timeout(_))) => {}
            _ => road.answered(),
        }
    }
}

/// What a chunk is, whichever way it goes.
pub(super) const METHOD: &str = "uploads_put_chunk";

fn failed(error: TransportError) -> CallError {
    CallError::Transport { method: METHOD, error }
}

fn no_road() -> CallError {
    failed(TransportError::Protocol(PutError::NoRoad.to_string()))
}
