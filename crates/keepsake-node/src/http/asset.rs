//! `GET|HEAD` of assets and of the site: from the HTTP request to the engine's plan, and its stream to the client.
//!
//! Owns no decision about who may see what, ranges, caching or what browsers may do: the service plans all of that. It owns
//! `download=1` in an address: what is there is saved under its name, and not shown.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_service::http::AssetRequest;

use super::bucket;
use super::peer::peer_of;
use crate::engine::{AssetStream, Engine};
use crate::ic::RequestError;
use crate::lane::Lane;

/// Answers one request under `/asset/`.
pub(super) async fn answer(engine: &Engine, lane: Option<&Lane>, request: Request) -> Response {
    respond(&reads_for(engine, &request), lane, asset_request(&request))
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// Answers with a file of the site; none where it has no such file.
pub(super) async fn page(engine: &Engine, lane: Option<&Lane>, asked: AssetRequest) -> Option<Response> {
    let response = respond(engine, lane, asked).await.unwrap_or_else(IntoResponse::into_response);
    let elsewhere = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    (!elsewhere.contains(&response.status())).then_some(response)
}

async fn respond(
    engine: &Engine,
    lane: Option<&Lane>,
    asked: AssetRequest,
) -> Result<Response, RequestError> {
    let (is_head, is_saved) = (asked.method == "HEAD", is_saved(&asked.url));
    let mut stream = engine.asset(asked).await.map_err(RequestError::Engine)?;
    if is_saved {
        offer(&mut stream);
    }
    if let Some(object) = &stream.bucket {
        return Ok(bucket::answer(lane, &stream, object, engine.now_ns() / 1_000_000_000).await);
    }
    if let Some(lane) = lane {
        stream.body = stream.body.or_from(lane.opener());
    }
    response(stream, is_head).ok_or(RequestError::Worker)
}

/// The engine, which reads for whoever sent `request`.
pub(super) fn reads_for(engine: &Engine, request: &Request) -> Engine {
    engine.asked_by(peer_of(request))
}

pub(super) fn asset_request(request: &Request) -> AssetRequest {
    let headers = request.headers();
    let url = request.uri().path_and_query().map_or("/", |path_and_query| path_and_query.as_str());
    AssetRequest {
        method: request.method().as_str().to_owned(),
        url: url.to_owned(),
        range: text(headers, &header::RANGE),
        if_none_match: text(headers, &header::IF_NONE_MATCH),
        if_range: text(headers, &header::IF_RANGE),
        destination: text(headers, &HeaderName::from_static("sec-fetch-dest")),
        service_worker: text(headers, &HeaderName::from_static("service-worker")),
    }
}

/// The address says that its bytes are to be saved.
fn is_saved(url: &str) -> bool {
    url.split_once('?').is_some_and(|(_, query)| query.split('&').any(|pair| pair == "download=1"))
}

/// A browser saves it under its name, wherever the bytes come from.
fn offer(stream: &mut AssetStream) {
    let dispositions = stream.headers.iter_mut().filter(|(name, _)| *name == "content-disposition");
    for (_, value) in dispositions {
        if let Some(name) = value.strip_prefix("inline") {
            *value = format!("attachment{name}");
        }
    }
}

/// The header's value; repeated lines are one list, as RFC 9110, section 5.3 has it.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn response(mut stream: AssetStream, is_head: bool) -> Option<Response> {
    // A body that says that it is empty keeps the connection open: a 304 has no length of its own.
    let empty = is_head || stream.status == StatusCode::NOT_MODIFIED.as_u16();
    let whole = stream.body.take_whole();
    let body = || whole.map_or_else(|| Body::from_stream(stream.body), Body::from);
    let mut response = Response::new(if empty { Body::empty() } else { body() });
    *response.status_mut() = StatusCode::from_u16(stream.status).ok()?;
    let headers = response.headers_mut();
    for (name, value) in stream.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_says_so_is_saved() {
        for url in ["/asset/mem_1/original?download=1", "/asset/mem_1/original?token=abc&download=1"] {
            assert!(is_saved(url), "{url}");
        }
        for url in [
            "/asset/mem_1/original",
            "/asset/mem_1/download=1",
            "/asset/a/b?download=0",
            "/asset/a/b?xdownload=1",
        ] {
            assert!(!is_saved(url), "{url}");
        }
    }
}
