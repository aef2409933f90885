//! `PUT /upload/{session}`: one chunk without an envelope.
//!
//! Owns the form of the request, the order in which it is looked at, and the status of each answer; what a chunk may is the
//! service's rule. Nothing of a body is taken before its ticket is opened. A ticket stands in `Authorization` only: addresses
//! are logged.
//!
//! ```text
//! PUT /upload/7                                204 it is on disk (again too)     400 index, length or digest
//! Authorization: Bearer AgAAAAAAAAAH…          401 no ticket that opens          403 of another session, or no right
//! Keepsake-Chunk: 3                            404 no such session               409 other bytes, finished
//! Content-Length: 1800000                      408, 411, 413 the body            503 with Retry-After; 507 no room
//! Content-Digest: sha-256=:…:   (optional)     text: a code of `keepsake_api::codes`, a colon, data
//! ```
//! Source: [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750) (section 2.1), [RFC 9530](https://www.rfc-editor.org/rfc/rfc9530)
//! (section 2).

mod digest;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_api::Answer;
use keepsake_service::{CHUNK_BYTES_MAX, Ticket, TicketError, TicketKey, open_ticket};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::body;
use super::road::{Refused, bearer, no_store, number, only, told};
use crate::admission::{Admission, Received};
use crate::engine::{ChunkMessage, Engine, Reader, RequestStatus};
use crate::ic::IcInterface;

const KEEPSAKE_CHUNK: HeaderName = HeaderName::from_static("keepsake-chunk");

/// What it takes to answer.
#[derive(Clone, Debug)]
pub(super) struct PutRoad {
    pub(super) engine: Engine,
    pub(super) ic: IcInterface,
    pub(super) room: Arc<Admission>,
    /// Read when the first ticket comes. None: no ticket is genuine.
    pub(super) key: Arc<OnceCell<Option<TicketKey>>>,
}

/// What the head of a request says.
#[derive(Debug)]
struct Head {
    ticket: Ticket,
    index: u32,
    sha256: Option<[u8; 32]>,
}

impl PutRoad {
    /// Answers one request.
    pub(super) async fn answer(&self, session: &str, request: Request) -> Response {
        match self.put(session, request).await {
            Ok(()) => no_store(StatusCode::NO_CONTENT.into_response()),
            Err(refused) => refused.into_response(),
        }
    }

    async fn put(&self, session: &str, request: Request) -> Result<(), Refused> {
        let head = match self.head(session, request.headers()).await {
            Ok(head) => head,
            Err(refused) => {
                body::refuse(request);
                return Err(refused);
            }
        };
        let mut body = body::read(&self.room, request).await?;
        if let Some(sha256) = head.sha256 {
            body = self.checked(body, sha256).await?;
        }
        let Received { bytes, permit } = body;
        let chunk = ChunkMessage {
            caller: head.ticket.caller,
            session: head.ticket.session.0,
            index: head.index,
            bytes,
            permit: Some(Arc::new(permit)),
        };
        match self.engine.put(chunk).await? {
            RequestStatus::Replied(reply) => {
                let answer = candid::decode_one::<Answer<()>>(&reply);
                Ok(answer.map_err(|error| Refused(format!("trapped: {error}")))??)
            }
            RequestStatus::Rejected(rejection) => Err(rejection.into()),
            RequestStatus::Processing | RequestStatus::Done => {
                Err(Refused("trapped: it has no answer".into()))
            }
        }
    }

    /// All that can be said before the body: who sends, for what, how long it is.
    async fn head(&self, session: &str, headers: &HeaderMap) -> Result<Head, Refused> {
        let session: u64 = number(session).ok_or_else(|| Refused::from(keepsake_api::Error::NotFound))?;
        let text = bearer(headers).ok_or_else(|| told("ticket_missing"))?;
        let key = self.key.get_or_try_init(async || self.engine.read(Reader::ticket_key).await?).await?;
        let ticket = open_ticket(key.as_ref().ok_or(TicketError::Wrong)?, self.engine.now_ns(), text)?;
        if ticket.session.0 != session {
            return Err(told("ticket_for_another_session"));
        }
        let index = only(headers, &KEEPSAKE_CHUNK).and_then(number);
        let index = index.ok_or_else(|| told("chunk_index_malformed"))?;
        let length = only(headers, &header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
        let length = length.filter(|_| !headers.contains_key(header::TRANSFER_ENCODING));
        let length = length.ok_or_else(|| told("length_required"))?;
        if length > u64::from(CHUNK_BYTES_MAX) {
            return Err(Refused(format!("chunk_too_large: {length} > {CHUNK_BYTES_MAX}")));
        }
        let sha256 = digest::sha256_of(headers).map_err(|digest::Malformed| told("digest_malformed"))?;
        Ok(Head { ticket, index, sha256 })
    }

    /// The body, if it has this digest.
    async fn checked(&self, body: Received, sha256: [u8; 32]) -> Result<Received, Refused> {
        let hashed = move || {
            let same = Sha256::digest(&body.bytes).as_slice() == sha256;
            Ok((body, same))
        };
        let (body, same) = self.ic.off_thread(hashed).await?;
        if same { Ok(body) } else { Err(told("digest_differs")) }
    }
}
