//! The ticket of one session: what opens its roads without envelopes. Owns asking for it and letting go of it; it stays in memory
//! and goes into no text.

use crate::client::{CallError, Client};
use crate::transport::Transport;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A ticket opens for this long, unless the host allows less, seconds.
const TICKET_SECS: u32 = 3_600;
/// One may meet at most so many tickets that do not open: those that expired on the way are new the second time.
pub(super) const TICKETS_MAX: usize = 3;

/// The ticket of a session.
#[derive(Debug)]
pub(super) struct Ticket {
    session_id: u64,
    secs: u32,
    known: Mutex<Option<Arc<str>>>,
}

impl Ticket {
    pub(super) fn new(session_id: u64, secs_max: Option<u32>) -> Self {
        let secs = TICKET_SECS.min(secs_max.unwrap_or(TICKET_SECS));
        Self { session_id, secs, known: Mutex::default() }
    }

    pub(super) fn session_id(&self) -> u64 {
        self.session_id
    }

    /// One asks for it, the others wait.
    pub(super) async fn open<T: Transport>(&self, client: &Client<T>) -> Result<Arc<str>, CallError> {
        let mut known = self.known.lock().await;
        if let Some(ticket) = &*known {
            return Ok(Arc::clone(ticket));
        }
        let ticket: Arc<str> = self.mint(client).await?.into();
        Ok(Arc::clone(known.insert(ticket)))
    }

    /// Another one, for whoever wants to know whether the host is there.
    pub(super) async fn mint<T: Transport>(&self, client: &Client<T>) -> Result<String, CallError> {
        client.mint_upload_ticket(self.session_id, self.secs).await
    }

    /// Lets go of a ticket that does not open, unless another one is there already.
    pub(super) async fn forget(&self, ticket: &Arc<str>) {
        let mut known = self.known.lock().await;
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, ticket)) {
            *known = None;
        }
    }
}
