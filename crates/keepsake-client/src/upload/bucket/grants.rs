//! What one session asks of whoever signs for the bucket, and the addresses that it got. Owns the tickets of these questions, and
//! which addresses are at hand: they live for an hour at most, so that few are asked for before their parts are to go.

use crate::bucket::{LaneAnswer, LaneAsk, LaneDeed, Present, SignedRequest, hashed, signed};
use crate::client::{CallError, Client, Delivery};
use crate::transport::{Transport, TransportError};
use crate::upload::hash::Hashes;
use crate::upload::ticket::{TICKETS_MAX, Ticket};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use keepsake_api::S3Lane;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;

/// Addresses asked for at once: for the part that goes now, and those behind it.
const AT_ONCE: usize = 4;
/// An address that ends sooner may end on the way, ms.
const SPARE_MS: u64 = 60_000;
/// How long the host is left alone while it reads the object, where it does not say, and at most.
const VERIFYING_PAUSE: Duration = Duration::from_secs(1);
const VERIFYING_PAUSE_MAX: Duration = Duration::from_secs(60);

/// All is there, or the host reads it and is asked again after a while.
pub(super) enum Found {
    Yes,
    Verifying { hashed: Option<u64>, again_after: Duration },
}

/// Whoever signs for the bucket, for one session.
pub(super) struct HostSide<T> {
    client: Client<T>,
    lane: S3Lane,
    hashes: Arc<Hashes>,
    ticket: Ticket,
    kept: Mutex<HashMap<u32, SignedRequest>>,
}

impl<T: Transport> HostSide<T> {
    pub(super) fn new(client: Client<T>, lane: S3Lane, hashes: Arc<Hashes>, session_id: u64) -> Self {
        Self { client, lane, hashes, ticket: Ticket::new(session_id, None), kept: Mutex::default() }
    }

    /// What the bucket has.
    pub(super) async fn parts(&self) -> Result<Present, CallError> {
        self.parts_by(&self.client).await
    }

    /// As [`Self::parts`], by a client that may be less patient.
    pub(super) async fn parts_by(&self, client: &Client<T>) -> Result<Present, CallError> {
        match self.ask(client, LaneDeed::Parts, Bytes::new()).await? {
            LaneAnswer::Done(json) => understood(LaneDeed::Parts, Present::read(&json)),
            _ => Err(unforeseen(LaneDeed::Parts)),
        }
    }

    /// Asks whether all is there. Of several parts all are named: some buckets compare their hashes when these are put together.
    pub(super) async fn finish(&self) -> Result<Found, CallError> {
        let all = u32::try_from(self.hashes.parts.len()).unwrap_or(u32::MAX);
        let body = if all > 1 { self.named(&(1..=all).collect::<Vec<_>>()) } else { Bytes::new() };
        match self.ask(&self.client, LaneDeed::Finish, body).await? {
            LaneAnswer::Later(json, wait) => Ok(Found::Verifying {
                hashed: hashed(&json),
                again_after: wait.unwrap_or(VERIFYING_PAUSE).min(VERIFYING_PAUSE_MAX),
            }),
            _ => Ok(Found::Yes),
        }
    }

    /// The address for a part, and with it those of `behind`; none where the host has found all parts already.
    pub(super) async fn address(
        &self,
        number: u32,
        behind: &[u32],
    ) -> Result<Option<SignedRequest>, CallError> {
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.get(&number).filter(|known| is_good(known)) {
            return Ok(Some(known.clone()));
        }
        let others = behind.iter().filter(|other| **other != number && !kept.get(other).is_some_and(is_good));
        let wanted: Vec<_> = std::iter::once(number).chain(others.copied()).take(AT_ONCE).collect();
        let answer = self.ask(&self.client, LaneDeed::Grant, self.named(&wanted)).await?;
        let LaneAnswer::Done(json) = answer else { return Err(unforeseen(LaneDeed::Grant)) };
        kept.extend(understood(LaneDeed::Grant, signed(&json))?.into_iter().map(|one| (one.number, one)));
        // One that is good for less, by this computer's clock, is good for now.
        Ok(kept.get(&number).cloned())
    }

    /// It opens nothing any more, or is used.
    pub(super) async fn forget(&self, number: u32) {
        self.kept.lock().await.remove(&number);
    }

    fn named(&self, numbers: &[u32]) -> Bytes {
        let hash = |number: u32| self.hashes.parts.get(usize::try_from(number).ok()?.checked_sub(1)?);
        let row = |number: &u32| Some(json!({ "number": number, "sha256": STANDARD.encode(hash(*number)?) }));
        let parts: Vec<_> = numbers.iter().filter_map(row).collect();
        json!({ "parts": parts }).to_string().into()
    }

    async fn ask(&self, client: &Client<T>, deed: LaneDeed, body: Bytes) -> Result<LaneAnswer, CallError> {
        let mut refused = String::new();
        for _ in 0..TICKETS_MAX {
            let ticket = self.ticket.open(client).await?;
            let ask = || LaneAsk {
                url: self.lane.url.as_deref(),
                path: &self.lane.path,
                ticket: &ticket,
                session_id: self.ticket.session_id(),
                deed,
                body: body.clone(),
            };
            let send = || client.transport().ask_lane(ask());
            match client.attempt(deed.method(), Delivery::Repeatable, send).await? {
                LaneAnswer::Ticket(why) => {
                    refused = why;
                    self.ticket.forget(&ticket).await;
                }
                LaneAnswer::Refused(error) => {
                    return Err(CallError::Refused { method: deed.method(), error });
                }
                answer => return Ok(answer),
            }
        }
        let error = TransportError::Http { status: 401, reason: refused };
        Err(CallError::Transport { method: deed.method(), error })
    }
}

fn understood<R>(deed: LaneDeed, read: Result<R, TransportError>) -> Result<R, CallError> {
    read.map_err(|error| CallError::Transport { method: deed.method(), error })
}

fn unforeseen(deed: LaneDeed) -> CallError {
    let error =
        TransportError::Protocol("the host answers this question of its bucket later, or never".into());
    CallError::Transport { method: deed.method(), error }
}

fn is_good(request: &SignedRequest) -> bool {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    u128::from(request.expires_at_ms.saturating_sub(SPARE_MS)) > now_ms
}
