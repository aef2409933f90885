//! `GET|HEAD` of the web app's files. Owns no file: they are in [`WebApp`]; and no header: those are the service's.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_service::http::condition::is_known;
use keepsake_service::http::page::{Connect, headers};

use crate::web_app::WebApp;

/// The answer, where the app has a file at this path.
pub(super) fn answer(app: &WebApp, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let file = app.file(path)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return Some((StatusCode::METHOD_NOT_ALLOWED, allowed, "use GET or HEAD\n").into_response());
    }
    let mut response = Response::new(Body::empty());
    for (name, value) in headers(path.trim_start_matches('/'), &file.mime_type, &file.etag, Connect::Origin) {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    if is_there(request.headers(), &file.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    if request.method() == Method::GET {
        *response.body_mut() = Body::from(file.bytes.clone());
    } else {
        response.headers_mut().insert(header::CONTENT_LENGTH, file.bytes.len().into());
    }
    Some(response)
}

/// The client has these bytes.
fn is_there(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines.into_iter().any(|line| is_known(line, etag))
}
