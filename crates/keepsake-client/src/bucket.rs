//! One part on its way into the host's bucket, to an address that the host signed. What the host itself does for the bucket is in
//! `bucket/host.rs`, the bytes on their way in `bucket/body.rs`.
//!
//! Owns the request, how the bucket's answer is understood, and the failures that are the bucket's own. Whoever has such an
//! address may write: it goes into no text, nor does what the bucket says of its signature. `fixtures/client/parts.json` has the cases.

mod body;
mod host;

pub(crate) use body::PIECE_BYTES;
pub use body::PartBody;
#[cfg(test)]
pub(crate) use host::understand as understand_host;
pub use host::{LaneAnswer, LaneAsk, LaneDeed};
pub(crate) use host::{Present, ask, hashed, signed};

use crate::agent;
use crate::faults::retry_after;
use crate::line::Line;
use crate::transport::{STALLED, Transience, TransportError};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use url::Url;

/// The segments of an object's own key: its capsule, and its name.
const KEY_SEGMENTS: usize = 2;
/// Longest answer that is read, bytes: buckets answer with a line.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What the host signed for one part. It lets whoever has it write these very bytes: `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// From 1.
    pub number: u32,
    /// `PUT`.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// To be sent along, as they are signed.
    pub headers: Vec<(String, String)>,
    /// By the host's clock, ms since 1970.
    pub expires_at_ms: u64,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("number", &self.number)
            .field("bucket", &bucket_name(&self.url))
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// How a bucket answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartEnd {
    /// The part is there.
    Stored,
    /// The address opens nothing, or no longer; another one may. Why, as far as it may be told.
    Refused(String),
    /// The bytes are not those of the signed hash.
    Differs(String),
    /// It did not work this time.
    Failed(BucketFault),
}

/// Why a bucket gave no answer.
#[derive(Debug)]
pub enum PutPartError {
    /// Nobody is there: no byte went out.
    Unanswered(String),
    /// The line broke in the middle.
    Broken(BucketFault),
    /// The bytes cannot be read.
    Unreadable,
}

/// A failure of the bucket beside the host, and of nobody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct BucketFault {
    pub(crate) code: &'static str,
    pub(crate) transience: Transience,
    pub(crate) is_slow: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) told: String,
}

impl BucketFault {
    fn new(code: &'static str, transience: Transience, told: String) -> Self {
        Self { code, transience, is_slow: false, retry_after: None, told }
    }

    /// Nobody answered at the address, though the host signs for it.
    pub(crate) fn unreachable(url: &Url, reason: &str) -> Self {
        let told = format!(
            "the bucket {} cannot be reached from here ({reason}), though the host signs for it: see that its address is one for \
             clients, and that it runs",
            bucket_name(url)
        );
        Self::new("bucket_unreachable", Transience::Unreachable, told)
    }

    /// It refuses what was signed for it just now.
    pub(crate) fn refused(url: Option<&Url>, number: u32, why: &str) -> Self {
        let name = url.map_or_else(|| "of the host".to_owned(), bucket_name);
        let told = format!(
            "the bucket {name} refuses part {number} ({why}), though the host signed for it just now: whoever runs the host has to \
             see to its keys, its clock and the bucket's policy"
        );
        Self::new("bucket_refused", Transience::Permanent, told)
    }

    fn broken(url: &Url, number: u32, reason: &str) -> Self {
        let name = bucket_name(url);
        let told = format!("the line to the bucket {name} broke within part {number} ({reason}): try again");
        let fault = Self::new("bucket_away", Transience::Unreachable, told);
        Self { is_slow: reason.starts_with(STALLED), ..fault }
    }

    fn not_taken(url: &Url, number: u32, (status, why): (u16, &str)) -> Self {
        let told =
            format!("the bucket {} did not take part {number} ({why}): try again later", bucket_name(url));
        let (code, transience) = match status {
            502..=504 => ("bucket_away", Transience::Unreachable),
            _ => ("busy", Transience::Passing),
        };
        let fault = Self::new(code, transience, told);
        Self { is_slow: matches!(status, 408 | 429 | 503 | 504), ..fault }
    }
}

/// How messages call the bucket: where it is, without the key and without what opens it.
pub(crate) fn bucket_name(url: &Url) -> String {
    let path = url.path();
    let ends = path.rmatch_indices('/').map(|(at, _)| at);
    let end = ends.take(KEY_SEGMENTS).last().unwrap_or_default();
    format!("{}{}", url.origin().ascii_serialization(), &path[..end])
}

/// Sends a part.
pub(crate) async fn put(
    line: &Line,
    request: &SignedRequest,
    body: PartBody,
) -> Result<PartEnd, PutPartError> {
    let SignedRequest { number, method, url, headers, .. } = request;
    let sent = body.sent();
    let mut to = http::Request::builder().method(method.as_str()).uri(url.as_str());
    for (name, value) in headers {
        to = to.header(name, value);
    }
    let to = to.body(body).map_err(|_| PutPartError::Unanswered("its address is none".to_owned()))?;
    match line.send(to, ANSWER_BYTES_MAX).await {
        Ok(answer) => {
            let body = String::from_utf8_lossy(answer.body());
            Ok(understand(url, *number, answer.status().as_u16(), answer.headers(), &body))
        }
        Err(_) if sent.is_unreadable() => Err(PutPartError::Unreadable),
        Err(error) => {
            let reason = match agent::understand(error, url) {
                TransportError::Unreachable { reason, .. } | TransportError::Timeout(reason) => reason,
                TransportError::Certificate { reason, .. } => {
                    format!("its certificate is not trusted here: {reason}")
                }
                other => other.to_string(),
            };
            if sent.bytes() == 0 {
                return Err(PutPartError::Unanswered(reason));
            }
            Err(PutPartError::Broken(BucketFault::broken(url, *number, &reason)))
        }
    }
}

/// What an answer to a part means.
pub(crate) fn understand(url: &Url, number: u32, status: u16, head: &HeaderMap, body: &str) -> PartEnd {
    // A 412 says that it is there: an earlier answer was lost.
    if (200..300).contains(&status) || status == 412 {
        return PartEnd::Stored;
    }
    // The rest of it may repeat the address.
    let why = match code_in(body) {
        Some(code) => format!("HTTP {status} {code}"),
        None => format!("HTTP {status}"),
    };
    match status {
        400 => PartEnd::Differs(why),
        408 | 409 | 425 | 429 | 500 | 502.. => {
            let fault = BucketFault::not_taken(url, number, (status, &why));
            PartEnd::Failed(BucketFault { retry_after: retry_after(head, SystemTime::now()), ..fault })
        }
        _ => PartEnd::Refused(why),
    }
}

/// The [code](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) of an error, which is one word.
fn code_in(body: &str) -> Option<&str> {
    let (_, behind) = body.split_once("<Code>")?;
    let (code, _) = behind.split_once("</Code>")?;
    (!code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(code)
}

/// Headers that are the sender's own to say, or none at all.
pub(crate) fn may_send(name: &str, value: &str) -> bool {
    let is_own = name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("host");
    !is_own && HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_has_an_address_that_opens_something() {
        let url: Url = "https://s3.example/photos/1/7-ab?X-Amz-Signature=secret".parse().unwrap();
        let signed = SignedRequest {
            number: 1,
            method: "PUT".to_owned(),
            url: url.clone(),
            headers: vec![("x-amz-security-token".to_owned(), "secret".to_owned())],
            expires_at_ms: 1,
        };
        for text in [
            format!("{signed:?}"),
            BucketFault::unreachable(&url, "refused").to_string(),
            BucketFault::refused(Some(&url), 1, "HTTP 403").to_string(),
            BucketFault::broken(&url, 1, "reset").to_string(),
            format!("{:?}", understand(&url, 1, 503, &HeaderMap::new(), "<Code>SlowDown</Code> secret")),
        ] {
            assert!(text.contains("https://s3.example/photos") && !text.contains("secret"), "{text}");
        }
    }
}
