//! `GET|HEAD` of a link's own address: the page that `/` shows, with tags for programs that show what a link is about. Owns the page's
//! way there and the origin that the tags name. What is told, and of which links, is the service's.
//!
//! Where nothing is told the answer is the page as it is, whether or not there ever was such a link: whoever guesses learns nothing.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keepsake_service::http::AssetRequest;

use super::origins::hosts_asked;
use super::places::Remote;
use super::{App, asset, web_app};
use crate::engine::Engine;

/// Largest page that is answered so, bytes: it is copied for each answer. The page of `web/packages/app` has one thousand.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// The scheme by which a proxy was asked:
/// [MDN](https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-Proto).
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// What counts of a request.
pub(super) struct Asked {
    engine: Engine,
    method: Method,
    path: String,
    origin: String,
}

impl Asked {
    pub(super) fn of(app: &App, request: &Request) -> Self {
        Self {
            engine: asset::reads_for(&app.engine, request),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            origin: origin(request, app.has_tls),
        }
    }
}

/// The answer; none where this node has no page.
pub(super) async fn answer(app: App, asked: Asked) -> Option<Response> {
    let Asked { engine, method, path, origin } = asked;
    let (parts, body) = index(&app, &engine).await?.into_parts();
    if !matches!(method, Method::GET | Method::HEAD) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return Some((StatusCode::METHOD_NOT_ALLOWED, allowed, "use GET or HEAD\n").into_response());
    }
    if parts.status != StatusCode::OK {
        return Some(Response::from_parts(parts, body));
    }
    let page = to_bytes(body, PAGE_BYTES_MAX).await.ok()?;
    // Whoever opens the link needs no tags: without a reader it gets the page all the same.
    let preview = engine.preview(path.clone()).await.ok().flatten();
    let page = preview.map_or_else(|| page.to_vec(), |preview| preview.in_page(&page, &origin, &path));
    let mut answer = Response::from_parts(parts, Body::empty());
    let headers = answer.headers_mut();
    headers.remove(header::ETAG);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, page.len().into());
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    if method == Method::GET {
        *answer.body_mut() = page.into();
    }
    Some(answer)
}

/// What `/` shows: the site that a controller set, or else the app that the node was given.
async fn index(app: &App, engine: &Engine) -> Option<Response> {
    if app.engine.has_page("/") {
        let asked = AssetRequest { method: "GET".into(), url: "/".into(), ..AssetRequest::default() };
        if let Some(page) = asset::page(engine, None, asked).await {
            return Some(page);
        }
    }
    web_app::answer(&app.files, &Request::new(Body::empty()))
}

/// The node's origin as the asker knows it: by the name that it asked for. Of the scheme, a proxy on this machine is believed.
fn origin(request: &Request, has_tls: bool) -> String {
    let is_local = request.extensions().get::<Remote>().is_some_and(|remote| remote.peer().is_none());
    let proxied = request.headers().get_all(X_FORWARDED_PROTO).iter().next_back().filter(|_| is_local);
    let is_https = has_tls || proxied.is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let asked = hosts_asked(request.uri(), request.headers()).unwrap_or_default();
    let name = asked.first().map_or("localhost", |place| place.host());
    let port =
        asked.first().and_then(|place| place.port_u16()).map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{name}{port}", if is_https { "https" } else { "http" })
}
