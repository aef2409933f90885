//! Upload tickets: who may send chunks into which session without an envelope, until when. Owns their form and their
//! check; a host turns them into text, and takes the chunks.
//!
//! ```text
//!  version u8 = 2 | session u64 | expires s u64 | caller 1+29
//!  | HMAC-SHA256 over canister id (1+29) and all of the above, under the store's secret
//! ```
//! A ticket says who sends; what it may is looked at for each chunk. The version, which the MAC covers, keeps it apart from
//! the HTTP tokens ([`crate::token`]), which have the same secret.

use crate::access::Denied;
use crate::call::Call;
use crate::ids::SessionId;
use crate::limits::TOKEN_TTL_SECS_MAX;
use crate::record::{principal_key, principal_of_key, u64_be};
use crate::store::Store;
use crate::token::{MAC_BYTES, TokenError, mac};
use crate::upload::SessionState;
use hmac::Mac;
use ic_principal::Principal;
use ic_stable_structures::Memory;

const VERSION: u8 = 2;
const BODY_BYTES: usize = 1 + 8 + 8 + 30;

/// A genuine ticket that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The session whose chunks it lets in.
    pub session: SessionId,
    /// Who sends them.
    pub caller: Principal,
}

/// Why a ticket opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not one of ours, or changed.
    #[error("ticket_wrong: this host made no such ticket")]
    Wrong,
    /// Its time ran out.
    #[error("ticket_expired: mint another one and go on")]
    Expired,
}

/// Opens tickets without the store: for a host that looks at them before it takes a chunk in.
#[derive(Clone)]
pub struct TicketKey {
    secret: [u8; 32],
    canister_id: Principal,
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKey").field("canister_id", &self.canister_id).finish_non_exhaustive()
    }
}

impl TicketKey {
    /// Who sends into which session, by `ticket`.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn open(&self, now_ns: u64, ticket: &[u8]) -> Result<Ticket, TicketError> {
        let (body, tag) = ticket.split_at_checked(BODY_BYTES).ok_or(TicketError::Wrong)?;
        let genuine = tag.len() == MAC_BYTES
            && mac(&self.secret, &self.canister_id, body).verify_slice(tag).is_ok()
            && body[0] == VERSION;
        if !genuine {
            return Err(TicketError::Wrong);
        }
        if now_ns / 1_000_000_000 >= u64_be(&body[9..17]) {
            return Err(TicketError::Expired);
        }
        let caller = principal_of_key(&body[17..BODY_BYTES]);
        Ok(Ticket { session: SessionId(u64_be(&body[1..9])), caller })
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Opens the tickets of this store; none while it has no secret.
    pub fn ticket_key(&self) -> Option<TicketKey> {
        let (secret, canister_id) = (self.header.token_secret(), self.config().canister_id);
        self.has_token_secret().then_some(TicketKey { secret, canister_id })
    }

    /// Makes a ticket for a session that the caller may put chunks into. The caller is the key that signed, before the door.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn ticket_mint(&self, call: &Call, id: SessionId, ttl_secs: u32) -> Result<Vec<u8>, TokenError> {
        let session = self.writable_session(&self.enter(call), id)?;
        if session.state == SessionState::Aborted {
            return Err(Denied::NotFound.into());
        }
        if ttl_secs == 0 || ttl_secs > TOKEN_TTL_SECS_MAX {
            return Err(TokenError::Ttl(ttl_secs));
        }
        let key = self.ticket_key().ok_or(TokenError::SecretPending)?;
        let expires_s = call.now_ns / 1_000_000_000 + u64::from(ttl_secs);
        let mut ticket = vec![VERSION];
        ticket.extend(id.0.to_be_bytes());
        ticket.extend(expires_s.to_be_bytes());
        ticket.extend(principal_key(&call.caller));
        let tag = mac(&key.secret, &key.canister_id, &ticket).finalize().into_bytes();
        ticket.extend(tag);
        Ok(ticket)
    }
}
