//! The HTTP server: routes, request bodies within bounds, who is let in, assets, health, headers for browsers.
//!
//! Owns no rule of the service and no cryptography: [`crate::ic`] answers the IC's endpoints, the
//! [`Engine`] plans and reads assets.

mod access_log;
mod asset;
mod body;
pub(crate) mod connection;
pub(crate) mod origins;
mod pages;
mod peer;
pub(crate) mod places;
mod stall;
mod upload;
mod web_app;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use candid::Principal;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::admission::Admission;
use crate::engine::{Engine, PUT_ROAD};
use crate::ic::read_state::Effective;
use crate::ic::{IcInterface, RequestError, call, query, read_state};
use crate::web_app::WebApp;
use origins::Origins;
use upload::PutRoad;

/// What every handler sees.
#[derive(Clone)]
struct App {
    ic: IcInterface,
    engine: Engine,
    room: Arc<Admission>,
    files: Arc<WebApp>,
    origins: Origins,
    put_road: PutRoad,
}

/// The whole HTTP surface of a node.
pub(crate) fn router(
    ic: IcInterface,
    engine: Engine,
    web_app: WebApp,
    origins: Origins,
    room: Arc<Admission>,
) -> Router {
    let put_road =
        PutRoad { engine: engine.clone(), ic: ic.clone(), room: Arc::clone(&room), key: Arc::default() };
    let app = App { ic, engine, room, files: Arc::new(web_app), origins: origins.clone(), put_road };
    let pages = Router::new().fallback(page).layer(CompressionLayer::new());
    Router::new()
        .route("/api/v2/status", get(|State(app): State<App>| async move { app.ic.status() }))
        .route("/api/v2/canister/{id}/call", post(call_v2))
        .route("/api/v3/canister/{id}/call", post(call_v3))
        .route("/api/v4/canister/{id}/call", post(call_v3))
        .route("/api/v2/canister/{id}/query", post(query_call))
        .route("/api/v3/canister/{id}/query", post(query_call))
        .route("/api/v2/canister/{id}/read_state", post(read_canister_state))
        .route("/api/v3/canister/{id}/read_state", post(read_canister_state))
        .route("/api/v2/subnet/{id}/read_state", post(read_subnet_state))
        .route("/api/v3/subnet/{id}/read_state", post(read_subnet_state))
        .route(&format!("{PUT_ROAD}{{session}}"), put(put_chunk).fallback(page))
        .route("/asset/{*path}", any(asset))
        .route("/health", get(|State(app): State<App>| async move { pages::health(&app.ic) }))
        .fallback_service(pages.with_state(app.clone()))
        .with_state(app)
        .layer(origins.cors())
        .layer(axum::middleware::from_fn_with_state(origins, origins::admit))
        .layer(otherwise(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(otherwise(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(otherwise(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(otherwise(header::REFERRER_POLICY, "no-referrer"))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(access_log::log))
}

/// What answers say to browsers where the service, which plans assets and pages, has said nothing.
fn otherwise(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn asset(State(app): State<App>, request: Request) -> Response {
    app.origins.embeddable(asset::answer(app.engine, request).await)
}

/// A file of the site that a controller set; else of the web app that the node was given; without one, a page in its
/// stead; else what there is. Only the site's files need the engine.
async fn page(State(app): State<App>, uri: Uri, request: Request) -> Response {
    if app.engine.has_page(uri.path()) {
        let (engine, asked) = (asset::reads_for(&app.engine, &request), asset::asset_request(&request));
        if let Some(response) = asset::page(&engine, asked).await {
            return response;
        }
    }
    match web_app::answer(&app.files, &request) {
        Some(response) => response,
        None if uri.path() == "/" => pages::index(&app.ic).into_response(),
        None => pages::not_found(&uri).into_response(),
    }
}

async fn put_chunk(State(app): State<App>, Path(session): Path<String>, request: Request) -> Response {
    app.put_road.answer(&session, request).await
}

async fn call_v2(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let answered = async {
        let id = principal(&id)?;
        let body = body::read(&app.room, request).await?;
        call::asynchronous(&app.ic, id, body).await
    };
    answered.await.into_response()
}

async fn call_v3(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let answered = async {
        let id = principal(&id)?;
        let body = body::read(&app.room, request).await?;
        call::synchronous(&app.ic, id, body).await
    };
    answered.await.into_response()
}

async fn query_call(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let answered = async {
        let id = principal(&id)?;
        let body = body::read(&app.room, request).await?;
        query::answer(&app.ic, id, body).await
    };
    answered.await.into_response()
}

async fn read_canister_state(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let answered = async {
        let effective = Effective::Canister(principal(&id)?);
        let body = body::read(&app.room, request).await?;
        read_state::answer(&app.ic, effective, body).await
    };
    answered.await.into_response()
}

async fn read_subnet_state(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let answered = async {
        let effective = Effective::Subnet(principal(&id)?);
        let body = body::read(&app.room, request).await?;
        read_state::answer(&app.ic, effective, body).await
    };
    answered.await.into_response()
}

fn principal(text: &str) -> Result<Principal, RequestError> {
    Principal::from_text(text).map_err(|error| RequestError::BadPrincipal(error.to_string()))
}
