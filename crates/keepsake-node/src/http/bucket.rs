//! Assets whose bytes are in the bucket: whoever may see one is sent there, or gets it through this host.
//!
//! Owns which of the two. Who may see it, and as what, the service has decided by then. An address in the bucket is good for five
//! minutes, for one object, and tells the type and the name that this host would tell. What a browser might run, or show as a page,
//! never comes from another origin: it goes through here, with the headers of every asset.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_s3::{Error as S3Error, Key, ReadMethod, Shown};
use keepsake_service::http::ObjectRange;
use keepsake_service::http::page::with_bucket;

use super::road::Refused;
use crate::engine::AssetStream;
use crate::lane::{Lane, LaneError};

/// An address in the bucket is good for a minute at least: so long may whoever asked keep the way there.
const KEPT: &str = "max-age=60";

/// Lets a page load from the bucket, and send there.
pub(super) fn allow(lane: Option<&Lane>, mut response: Response) -> Response {
    let Some(lane) = lane else { return response };
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|text| text.to_str().ok());
    // Only a page's own policy says where it may send to.
    let Some(policy) = policy.filter(|policy| policy.contains("connect-src")) else { return response };
    let policy = with_bucket(policy, &lane.bucket().signer().public_origin());
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Answers with the bytes, or with the way to them.
pub(super) async fn answer(
    lane: Option<&Lane>,
    planned: &AssetStream,
    object: &ObjectRange,
    now_s: u64,
) -> Response {
    let Some(lane) = lane else {
        let text = "bytes_elsewhere: they are in a bucket, and this node was started without it (--s3)\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let answered = match Key::new(object.key.clone()) {
        Ok(key) if may_come_from_elsewhere(planned) => way(lane, planned, &key, object, now_s),
        Ok(key) => through(lane, planned, &key, object).await,
        Err(error) => Err(S3Error::from(error).into()),
    };
    answered.unwrap_or_else(|error: LaneError| Refused::from(error).into_response())
}

/// Pictures, sound, films and documents in PDF: nothing that acts.
fn may_come_from_elsewhere(planned: &AssetStream) -> bool {
    let Some(mime_type) = value(planned, "content-type").map(str::to_ascii_lowercase) else { return false };
    let is_shown = ["image/", "audio/", "video/"].iter().any(|family| mime_type.starts_with(family));
    mime_type == "application/pdf" || is_shown && !mime_type.contains('+')
}

fn way(
    lane: &Lane,
    planned: &AssetStream,
    key: &Key,
    object: &ObjectRange,
    now_s: u64,
) -> Result<Response, LaneError> {
    let told = |name| value(planned, name).map(str::to_owned);
    let is_private = told("cache-control").is_none_or(|caching| caching.contains("private"));
    let shown = Shown {
        content_type: told("content-type"),
        content_disposition: told("content-disposition"),
        // The address is the same for some minutes: the browser of whoever may see it need not fetch it twice.
        cache_control: Some("private, max-age=300".to_owned()),
        version: object.version.clone(),
    };
    let signed = lane.bucket().signer().sign_get(key, ReadMethod::Get, &shown, now_s);
    let location = HeaderValue::from_str(signed.url.as_str())
        .map_err(|_| LaneError::Records("an address that is no header".to_owned()))?;
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    let caching = if is_private { "private, no-store".to_owned() } else { format!("public, {KEPT}") };
    for (name, text) in [("cache-control", caching.as_str()), ("referrer-policy", "no-referrer")] {
        headers.insert(name, HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("no-store")));
    }
    if let Some(embedders) = told("cross-origin-resource-policy").and_then(|text| text.parse().ok()) {
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), embedders);
    }
    Ok(response)
}

/// The bytes as they come from the bucket, under the headers that the service planned.
async fn through(
    lane: &Lane,
    planned: &AssetStream,
    key: &Key,
    object: &ObjectRange,
) -> Result<Response, LaneError> {
    let body = if object.len == 0 {
        Body::empty()
    } else {
        let range = object.offset..object.offset + object.len;
        let reading = lane.bucket().get_version(key, object.version.as_deref(), Some(range)).await?;
        Body::from_stream(reading.into_stream())
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(planned.status).unwrap_or(StatusCode::OK);
    for (name, text) in &planned.headers {
        if let Ok(text) = HeaderValue::from_str(text) {
            response.headers_mut().append(HeaderName::from_static(name), text);
        }
    }
    Ok(response)
}

fn value<'a>(planned: &'a AssetStream, name: &str) -> Option<&'a str> {
    planned.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}
