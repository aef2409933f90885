//! What the host, or a canister's gate, does for a session whose bytes go to its bucket: it signs addresses, says what the bucket
//! has, and looks whether all is there.
//!
//! Owns these requests and what their answers mean.

use super::{BucketFault, SignedRequest, may_send};
use crate::agent;
use crate::faults::{of_payload, reason, told_in_content_type, wait_told};
use crate::line::Line;
use crate::put_road;
use crate::transport::{Transience, TransportError};
use bytes::Bytes;
use ic_agent::agent::agent_error::HttpErrorPayload;
use keepsake_api::Error;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// Ten thousand parts by number and length.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneDeed {
    /// Addresses for parts.
    Grant,
    /// What the bucket has.
    Parts,
    /// Whether all is there.
    Finish,
}

impl LaneDeed {
    /// What it is called in errors.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Grant => "uploads_grant",
            Self::Parts => "uploads_parts",
            Self::Finish => "uploads_finish",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Parts => "parts",
            Self::Finish => "finish",
        }
    }
}

/// A question to whoever signs for the bucket.
#[derive(Clone, Debug)]
pub struct LaneAsk<'a> {
    /// `s3.url` of the host's `upload_config`; none: the host itself.
    pub url: Option<&'a str>,
    /// Its `s3.path`.
    pub path: &'a str,
    /// Of `mint_upload_ticket`.
    pub ticket: &'a str,
    /// The session.
    pub session_id: u64,
    /// What is asked for.
    pub deed: LaneDeed,
    /// JSON, or nothing.
    pub body: Bytes,
}

/// What whoever signs answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneAnswer {
    /// JSON of what was asked for.
    Done(Bytes),
    /// It is not through with it: it is to be asked again after so long.
    Later(Bytes, Option<Duration>),
    /// The ticket opens nothing, or no longer: another one may.
    Ticket(String),
    /// It refuses, as the service does.
    Refused(Error),
}

/// Asks.
pub(crate) async fn ask(line: &Line, host: &Url, ask: LaneAsk<'_>) -> Result<LaneAnswer, TransportError> {
    let malformed = |why: String| TransportError::Protocol(format!("the host's bucket lane is none: {why}"));
    let base = ask.url.map_or_else(|| Ok(host.clone()), Url::parse);
    let mut to = base.map_err(|error| malformed(error.to_string()))?;
    to.set_path(&format!("{}{}/{}", ask.path, ask.session_id, ask.deed.word()));
    let mut ticket = HeaderValue::try_from(format!("Bearer {}", ask.ticket))
        .map_err(|_| malformed("a ticket is no header".to_owned()))?;
    ticket.set_sensitive(true);
    let method = if ask.deed == LaneDeed::Parts { http::Method::GET } else { http::Method::POST };
    let request = http::Request::builder()
        .method(method)
        .uri(to.as_str())
        .header(AUTHORIZATION, ticket)
        .header(CONTENT_TYPE, "application/json")
        .body(ask.body)
        .map_err(|error| malformed(error.to_string()))?;
    let answer = line.exchange(request, ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| agent::understand(error, &to))?;
    let content_type = told_in_content_type(answer.headers());
    let content_type = content_type.to_str().ok().map(str::to_owned);
    let status = answer.status().as_u16();
    understand(&HttpErrorPayload { status, content_type, content: answer.into_body().to_vec() }, &to)
}

/// What an answer means.
pub(crate) fn understand(answer: &HttpErrorPayload, url: &Url) -> Result<LaneAnswer, TransportError> {
    let bytes = || Bytes::copy_from_slice(&answer.content);
    match answer.status {
        200 => return Ok(LaneAnswer::Done(bytes())),
        202 => return Ok(LaneAnswer::Later(bytes(), wait_told(answer))),
        401 => return Ok(LaneAnswer::Ticket(reason(&answer.content))),
        _ => {}
    }
    let text = reason(&answer.content);
    let (code, detail) = text.split_once(':').map_or((text.as_str(), ""), |(code, told)| (code, told.trim()));
    match (answer.status, code) {
        (409, "parts_missing" | "object_missing" | "object_differs" | "object_gone") => {
            Ok(LaneAnswer::Refused(Error::Conflict(text)))
        }
        (501, "s3_not_configured") => Ok(LaneAnswer::Refused(Error::NotImplemented(text))),
        (502, "bucket_refused") => {
            let told =
                format!("the host's bucket refuses it ({detail}): whoever runs the host has to see to it");
            Err(TransportError::Bucket(BucketFault::new("bucket_refused", Transience::Permanent, told)))
        }
        (503, "bucket_away") => {
            let told = format!("the host's bucket is away ({detail}): try again later");
            let fault = BucketFault::new("bucket_away", Transience::Unreachable, told);
            Err(TransportError::Bucket(BucketFault { retry_after: wait_told(answer), ..fault }))
        }
        _ => match put_road::refusal(answer.status, &text) {
            Some(error) => Ok(LaneAnswer::Refused(error)),
            None => Err(of_payload(answer, url)),
        },
    }
}

/// What the bucket has of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Present {
    /// The host found all of it.
    pub(crate) is_found: bool,
    /// Bytes by the number of the part.
    pub(crate) parts: BTreeMap<u32, u64>,
}

#[derive(Deserialize)]
struct PartsAnswer {
    state: String,
    #[serde(default)]
    parts: Vec<PartRow>,
}

#[derive(Deserialize)]
struct PartRow {
    number: u32,
    len: u64,
}

impl Present {
    pub(crate) fn read(json: &[u8]) -> Result<Self, TransportError> {
        let PartsAnswer { state, parts } = read(json)?;
        let parts = parts.into_iter().map(|row| (row.number, row.len)).collect();
        Ok(Self { is_found: state == "found", parts })
    }
}

#[derive(Deserialize)]
struct GrantAnswer {
    #[serde(default)]
    requests: Vec<GrantRow>,
}

#[derive(Deserialize)]
struct GrantRow {
    number: u32,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    expires_at_ms: u64,
}

/// The addresses that a host signed.
pub(crate) fn signed(json: &[u8]) -> Result<Vec<SignedRequest>, TransportError> {
    let GrantAnswer { requests } = read(json)?;
    let one = |row: GrantRow| {
        let url = Url::parse(&row.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        // A file goes nowhere but where something may be put.
        let (Some(url), "PUT") = (url, row.method.as_str()) else {
            return Err(TransportError::Protocol("the host signed for something else than a PUT".to_owned()));
        };
        let headers = row.headers.into_iter().filter(|(name, value)| may_send(name, value)).collect();
        let GrantRow { number, method, expires_at_ms, .. } = row;
        Ok(SignedRequest { number, method, url, headers, expires_at_ms })
    };
    requests.into_iter().map(one).collect()
}

/// How far the host is with reading an object, bytes.
pub(crate) fn hashed(json: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Verifying {
        hashed: u64,
    }
    serde_json::from_slice::<Verifying>(json).ok().map(|verifying| verifying.hashed)
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, TransportError> {
    serde_json::from_slice(json).map_err(|error| {
        TransportError::Protocol(format!("what the host says of its bucket cannot be read ({error})"))
    })
}
