//! Chunks without envelopes: `PUT` with a ticket, on a host that says `put_road`. An envelope costs more than the bytes it
//! carries, and a certified finish proves every byte anyway.
//!
//! Owns the request and how its answer is understood. Which chunks go this way is decided in [`crate::upload`].

use crate::agent;
use crate::faults::of_payload;
use crate::line::Line;
use crate::transport::TransportError;
use bytes::Bytes;
use ic_agent::agent::agent_error::HttpErrorPayload;
use keepsake_api::Error;
use keepsake_api::codes::{self, Variant};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use url::Url;

/// Names the chunk. Not in the address: browsers ask for leave for each address of another origin.
const KEEPSAKE_CHUNK: &str = "keepsake-chunk";

/// [Reject code](https://internetcomputer.org/docs/references/ic-interface-spec#reject-codes) of a message that made the
/// service fail: in an envelope it would have got this one.
const REJECT_CANISTER_ERROR: u8 = 5;

/// Longest answer that is read, bytes: a proxy's page may be long.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A chunk on its way.
#[derive(Clone, Debug)]
pub struct PutChunk<'a> {
    /// `put_road.path` of the host's `upload_config`.
    pub path: &'a str,
    /// Of `mint_upload_ticket`.
    pub ticket: &'a str,
    /// The session.
    pub session_id: u64,
    /// Which of its chunks it is.
    pub index: u32,
    /// Its bytes; they are sent uncopied.
    pub bytes: Bytes,
}

/// Why a chunk is not there, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// There is no such road, whatever the host said: what is in between may know no `PUT`, or refuse it.
    #[error("there is no way for chunks without envelopes here")]
    NoRoad,
    /// The ticket opens nothing, or no longer: another one may.
    #[error("{0}")]
    Ticket(String),
    /// The service refused, as it refuses `uploads_put_chunk`.
    #[error(transparent)]
    Refused(Error),
    /// No answer of the service.
    #[error(transparent)]
    Transport(TransportError),
}

/// Sends a chunk to the host at `url`.
pub(crate) async fn put(line: &Line, url: &Url, chunk: PutChunk<'_>) -> Result<(), PutError> {
    let mut to = url.clone();
    // Only the path is the host's to say: the ticket goes where the other messages went.
    to.set_path(&format!("{}{}", chunk.path, chunk.session_id));
    let mut ticket = HeaderValue::try_from(format!("Bearer {}", chunk.ticket))
        .map_err(|_| PutError::Ticket("the host's ticket is none".into()))?;
    ticket.set_sensitive(true);
    let request = http::Request::put(to.as_str())
        .header(AUTHORIZATION, ticket)
        .header(KEEPSAKE_CHUNK, chunk.index)
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(chunk.bytes)
        .map_err(|error| PutError::Transport(TransportError::Protocol(error.to_string())))?;
    let answer = line.exchange(request, ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| PutError::Transport(agent::understand(error, url)))?;
    let status = answer.status().as_u16();
    if status == 204 {
        return Ok(());
    }
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    Err(understand(&HttpErrorPayload { status, content_type, content: answer.into_body().to_vec() }, url))
}

/// What an answer that is no 204 means: `fixtures/client/road.json`.
pub(crate) fn understand(answer: &HttpErrorPayload, url: &Url) -> PutError {
    let text = String::from_utf8_lossy(&answer.content);
    let reason: String = text.trim().chars().take(300).collect();
    if let Some(error) = refusal(answer.status, &reason) {
        return PutError::Refused(error);
    }
    match answer.status {
        401 => PutError::Ticket(reason),
        // A stall, a limit of bodies and a host that is busy are met by envelopes too.
        300..500 | 501 if ![408, 413, 429].contains(&answer.status) => PutError::NoRoad,
        500 if reason.starts_with("trapped") => {
            PutError::Transport(TransportError::Rejected { code: REJECT_CANISTER_ERROR, message: reason })
        }
        _ => PutError::Transport(of_payload(answer, url)),
    }
}

/// What the service says, and not whoever is in between: only the service knows the codes, each with its own status.
pub(crate) fn refusal(status: u16, text: &str) -> Option<Error> {
    let code = text.split_once(':').map_or(text, |(code, _)| code);
    match (status, code, codes::find(code).map(|code| code.variant)) {
        (404, "not_found", _) => Some(Error::NotFound),
        (403, "unauthorized", _) => Some(Error::Unauthorized),
        (507, "resource_exhausted", _) => Some(Error::ResourceExhausted),
        (400 | 413, _, Some(Variant::InvalidArgument)) => Some(Error::InvalidArgument(text.into())),
        (409, _, Some(Variant::Conflict)) => Some(Error::Conflict(text.into())),
        _ => None,
    }
}
