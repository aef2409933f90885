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

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_api::Answer;
use keepsake_api::codes::{self, Variant};
use keepsake_service::{CHUNK_BYTES_MAX, Ticket, TicketError, TicketKey, open_ticket};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::body;
use crate::admission::{Admission, Received};
use crate::engine::{ChunkMessage, Engine, EngineError, Reader, Rejection, RequestStatus};
use crate::ic::{IcInterface, RequestError};

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

/// A refusal: a code of the table, or of a variant of the service's error, and after a colon data.
#[derive(Debug)]
struct Refused(String);

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

/// A number as it is written in one way only.
fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, ticket) = only(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(ticket.trim())
}

/// The code with its meaning.
fn told(code: &str) -> Refused {
    let meaning = codes::find(code).map_or("", |code| code.meaning);
    Refused(format!("{code}: {meaning}"))
}

impl Refused {
    /// The table says it; what it says of the service's errors by their variant, is said here.
    fn status(&self) -> StatusCode {
        let code = self.0.split_once(':').map_or(self.0.as_str(), |(code, _)| code);
        match (code, codes::find(code).map(|code| code.variant)) {
            (_, Some(Variant::Http(status))) => {
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            ("chunk_too_large", _) => StatusCode::PAYLOAD_TOO_LARGE,
            (_, Some(Variant::InvalidArgument)) => StatusCode::BAD_REQUEST,
            (_, Some(Variant::Conflict)) => StatusCode::CONFLICT,
            ("not_found", None) => StatusCode::NOT_FOUND,
            ("unauthorized", None) => StatusCode::FORBIDDEN,
            ("resource_exhausted", None) => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<TicketError> for Refused {
    fn from(error: TicketError) -> Self {
        Self(error.to_string())
    }
}

impl From<keepsake_api::Error> for Refused {
    fn from(error: keepsake_api::Error) -> Self {
        Self(error.told())
    }
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::TooLarge { limit_bytes } => {
                Self(format!("chunk_too_large: more than {limit_bytes}"))
            }
            RequestError::Timeout { bytes_per_s_min, pause_s_max } => Self(format!(
                "body_too_slow: send at least {bytes_per_s_min} bytes a second without a pause of {pause_s_max} s; with \
                 fewer chunks at once, each is faster"
            )),
            RequestError::Body(error) => Self(format!("body_cut_off: {error}")),
            RequestError::Overloaded => told("overloaded"),
            _ => told("trapped"),
        }
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Overloaded | EngineError::ShuttingDown => Self(format!("overloaded: {error}")),
            EngineError::Stopped(_) => told("stopped"),
            _ => told("trapped"),
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        if rejection == Rejection::storage_failed() { told("storage_failed") } else { told("trapped") }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), error = %self.0, "a chunk was not taken");
        }
        let mut response = no_store((status, self.0).into_response());
        let more = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            // The rest of its body is not read, so the connection cannot carry another request.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT | StatusCode::LENGTH_REQUIRED => {
                Some((header::CONNECTION, "close"))
            }
            _ => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn no_store(mut response: Response<Body>) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_status_of_its_code() {
        for (text, status) in [
            ("ticket_missing: x", 401),
            ("ticket_for_another_session", 403),
            ("chunk_too_large: 2 > 1", 413),
            ("chunk_length_differs: 2", 400),
            ("chunk_differs: 3", 409),
            ("session_finished: it is blob_1 now", 409),
            ("not_found: x", 404),
            ("unauthorized: x", 403),
            ("resource_exhausted: x", 507),
            ("overloaded: x", 503),
            ("no_such_code: x", 500),
        ] {
            assert_eq!(Refused(text.into()).status(), status, "{text}");
        }
    }

    #[test]
    fn numbers_are_written_in_one_way() {
        assert_eq!(number::<u64>("18446744073709551615"), Some(u64::MAX));
        for text in ["", "+1", "-1", "01", " 1", "1 ", "1.0", "0x1", "１", "18446744073709551616"] {
            assert_eq!(number::<u64>(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_ticket_stands_in_one_header_after_its_scheme() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            headers
        };
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer  abc"])), Some("abc"));
        for wrong in [&[][..], &["abc"], &["Basic abc"], &["Bearer"], &["Bearer abc", "Bearer abc"]] {
            assert_eq!(bearer(&headers(wrong)), None, "{wrong:?}");
        }
    }
}
