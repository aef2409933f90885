//! `GET|HEAD` of the web app's files: headers, entity tags, compression's part. Owns no file: they are in [`WebApp`].

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web_app::{WebApp, WebFile};

/// What the app's page may load: its own files, pictures that it makes itself, and what this origin answers.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; \
    media-src 'self' blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; connect-src 'self'; \
    object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Files whose names change with their bytes.
const HASHED: &str = "/assets/";

/// The answer, where the app has a file at this path.
pub(super) fn answer(app: &WebApp, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let file = app.file(path)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return Some((StatusCode::METHOD_NOT_ALLOWED, allowed, "use GET or HEAD\n").into_response());
    }
    let mut response = Response::new(Body::empty());
    response.headers_mut().extend(headers(path, file)?);
    if knows(request.headers(), &file.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    if request.method() == Method::GET {
        *response.body_mut() = Body::from(file.bytes.clone());
    }
    Some(response)
}

fn headers(path: &str, file: &WebFile) -> Option<HeaderMap> {
    let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let is_page = file.mime_type == "text/html";
    let mime_type = if file.mime_type.starts_with("text/") {
        format!("{}; charset=utf-8", file.mime_type)
    } else {
        file.mime_type.clone()
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&mime_type).ok()?);
    headers.insert(header::ETAG, HeaderValue::from_str(&file.etag).ok()?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if is_page {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    Some(headers)
}

/// The client has these bytes. Weak comparison: RFC 9110, section 13.1.2.
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}
