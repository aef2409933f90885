//! `/s3/{session}/grant|parts|finish`: the road to the bucket for a session's owner.
//!
//! Owns the form of requests and answers; what is signed and verified is the lane's. The ticket is that of chunks, and the codes are
//! in `keepsake_api::codes`.
//!
//! ```text
//! POST /s3/7/grant   {"parts":[{"number":1,"sha256":"…base64…"}]}   200 {"requests":[{"number":1,"method":"PUT","url":"…",
//!                                                                            "headers":{…},"expires_at_ms":…}]}
//! GET  /s3/7/parts                                                  200 {"state":"open"|"found","parts":[{"number":1,"len":…}]}
//! POST /s3/7/finish  {"parts":[…all, as for a grant…]}              200 {"state":"found"}
//!                                                                   202 {"state":"verifying","hashed":…,"len":…}
//! ```

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use keepsake_s3::SignedRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::road::{Refused, bearer, no_store, number, told};
use super::{App, body};
use crate::lane::{Found, Lane, LaneError, WantedPart};

/// A hundred parts with their hashes, and room for whoever writes JSON with spaces.
const GRANT_BYTES_MAX: usize = 32 << 10;
/// Ten thousand of them.
const FINISH_BYTES_MAX: usize = 1_500_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    parts: Vec<WantedRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedRow {
    number: u32,
    sha256: String,
}

#[derive(Serialize)]
struct Granted {
    number: u32,
    method: &'static str,
    url: String,
    /// Browsers say the length themselves, and let nobody else say it.
    headers: BTreeMap<&'static str, String>,
    expires_at_ms: u64,
}

/// Answers one request.
pub(super) async fn answer(
    State(app): State<App>,
    Path((session, deed)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(lane) = app.lane.clone() else {
        return Refused::from(keepsake_api::Error::NotFound).into_response();
    };
    let answered = match asked(&session, &request) {
        Err(refused) => {
            body::refuse(request);
            Err(refused)
        }
        Ok((session, ticket)) => match (request.method().as_str(), deed.as_str()) {
            ("POST", "grant") => grant(&app, &lane, session, &ticket, request).await,
            ("GET", "parts") => parts(&lane, session, &ticket).await,
            ("POST", "finish") => finish(&app, &lane, session, &ticket, request).await,
            _ => Err(keepsake_api::Error::NotFound.into()),
        },
    };
    answered.map_or_else(IntoResponse::into_response, no_store)
}

async fn grant(
    app: &App,
    lane: &Lane,
    session: u64,
    ticket: &str,
    request: Request,
) -> Result<Response, Refused> {
    let wanted = named(app, request, GRANT_BYTES_MAX).await?;
    let granted = lane.grant(ticket, session, &wanted).await?;
    let requests: Vec<_> = granted.into_iter().map(granted_out).collect();
    Ok(json_body(&json!({ "requests": requests })).into_response())
}

/// The parts that a body names; none where it is empty.
async fn named(app: &App, request: Request, bytes_max: usize) -> Result<Vec<WantedPart>, Refused> {
    let received = body::read(&app.room, request).await?;
    if received.bytes.len() > bytes_max {
        return Err(malformed(format!("{} bytes, at most {bytes_max}", received.bytes.len())));
    }
    if received.bytes.is_empty() {
        return Ok(Vec::new());
    }
    // A list would do for a record, if it were let.
    let value: Value =
        serde_json::from_slice(&received.bytes).map_err(|error| malformed(error.to_string()))?;
    if !value.is_object() {
        return Err(malformed("the body is no JSON object".to_owned()));
    }
    let wanted: Wanted = serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
    wanted.parts.iter().map(part_in).collect()
}

async fn parts(lane: &Lane, session: u64, ticket: &str) -> Result<Response, Refused> {
    let found = lane.parts(ticket, session).await?;
    let rows: Vec<_> =
        found.parts.iter().map(|(number, len)| json!({ "number": number, "len": len })).collect();
    let state = if found.is_found { "found" } else { "open" };
    Ok(json_body(&json!({ "state": state, "parts": rows })).into_response())
}

async fn finish(
    app: &App,
    lane: &Lane,
    session: u64,
    ticket: &str,
    request: Request,
) -> Result<Response, Refused> {
    let hashes = named(app, request, FINISH_BYTES_MAX).await?;
    match lane.finish(ticket, session, &hashes).await? {
        Found::Yes => Ok(json_body(&json!({ "state": "found" })).into_response()),
        Found::Verifying { hashed, len } => {
            let body = json_body(&json!({ "state": "verifying", "hashed": hashed, "len": len }));
            let mut response = (StatusCode::ACCEPTED, body).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            Ok(response)
        }
    }
}

fn json_body(value: &Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string())
}

fn asked(session: &str, request: &Request) -> Result<(u64, String), Refused> {
    let session = number(session).ok_or_else(|| Refused::from(keepsake_api::Error::NotFound))?;
    let ticket = bearer(request.headers()).ok_or_else(|| told("ticket_missing"))?;
    Ok((session, ticket.to_owned()))
}

fn part_in(row: &WantedRow) -> Result<WantedPart, Refused> {
    let bytes = BASE64.decode(row.sha256.as_bytes()).ok();
    let sha256 = bytes.and_then(|bytes| bytes.try_into().ok());
    let sha256 = sha256
        .ok_or_else(|| malformed(format!("the hash of part {} is no SHA-256 in base64", row.number)))?;
    Ok(WantedPart { number: row.number, sha256 })
}

fn granted_out((number, signed): (u32, SignedRequest)) -> Granted {
    let headers = signed.headers.into_iter().filter(|(name, _)| *name != "content-length").collect();
    let (method, url) = (signed.method, signed.url.to_string());
    Granted { number, method, url, headers, expires_at_ms: signed.expires_at_s.saturating_mul(1_000) }
}

fn malformed(text: String) -> Refused {
    LaneError::Malformed(text).into()
}

impl From<LaneError> for Refused {
    fn from(error: LaneError) -> Self {
        match error {
            // The ticket is an argument of the service's; here it stands in the head.
            LaneError::Service(error) if error.code() == "upload_ticket_wrong" => told("ticket_wrong"),
            LaneError::Service(error) if error.code() == "upload_ticket_expired" => told("ticket_expired"),
            error => Self(error.to_string()),
        }
    }
}
