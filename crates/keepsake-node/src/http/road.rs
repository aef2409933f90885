//! What the roads beside the IC's interface have in common: a ticket in its header, and refusals by code.
//!
//! Owns the status of each refusal. A ticket stands in `Authorization` only: addresses are logged.
//! Source: [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750) (section 2.1).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_api::codes::{self, Variant};
use keepsake_service::TicketError;

use crate::engine::{EngineError, Rejection};
use crate::ic::RequestError;

/// A refusal: a code of the table, or of a variant of the service's error, and after a colon data.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

/// A number as it is written in one way only.
pub(super) fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}

/// The value of a header that stands there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, ticket) = only(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(ticket.trim())
}

/// The code with its meaning.
pub(super) fn told(code: &str) -> Refused {
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
            tracing::warn!(status = status.as_u16(), error = %self.0, "a road refused");
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

pub(super) fn no_store(mut response: Response<Body>) -> Response {
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
