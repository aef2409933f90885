//! The HTTP server: routes, request bodies within bounds, who is let in, assets, health, headers for browsers.
//!
//! Owns no rule of the service and no cryptography: [`crate::ic`] answers the IC's endpoints, the
//! [`Engine`] plans and reads assets.

mod access_log;
mod asset;
mod body;
mod bucket;
pub(crate) mod connection;
mod handshake;
mod link_page;
pub(crate) mod origins;
mod pages;
mod peer;
pub(crate) mod places;
mod road;
mod s3;
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
use keepsake_service::http::preview;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::admission::Admission;
use crate::engine::{Engine, PUT_ROAD};
use crate::ic::read_state::Effective;
use crate::ic::{IcInterface, RequestError, call, query, read_state};
use crate::lane::Lane;
use crate::web_app::WebApp;
use keepsake_service::S3_PATH;
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
    /// It has a certificate of its own.
    has_tls: bool,
    /// It has a bucket.
    lane: Option<Lane>,
}

/// The whole HTTP surface of a node.
pub(crate) fn router(
    ic: IcInterface,
    engine: Engine,
    web_app: WebApp,
    origins: Origins,
    room: Arc<Admission>,
    has_tls: bool,
    lane: Option<Lane>,
) -> Router {
    let put_road =
        PutRoad { engine: engine.clone(), ic: ic.clone(), room: Arc::clone(&room), key: Arc::default() };
    let app =
        App { ic, engine, room, files: Arc::new(web_app), origins: origins.clone(), put_road, has_tls, lane };
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
        .route(&format!("{S3_PATH}{{session}}/{{deed}}"), any(s3::answer))
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
    app.origins.embeddable(asset::answer(&app.engine, app.lane.as_ref(), request).await)
}

/// A file of the site that a controller set; else of the web app that the node was given; without one, a page in its
/// stead; else what there is. Only the site's files, and what links' addresses tell, need the engine.
async fn page(State(app): State<App>, uri: Uri, request: Request) -> Response {
    if app.engine.has_page(uri.path()) {
        let (engine, asked) = (asset::reads_for(&app.engine, &request), asset::asset_request(&request));
        if let Some(response) = asset::page(&engine, app.lane.as_ref(), asked).await {
            return bucket::allow(app.lane.as_ref(), response);
        }
    }
    if let Some(response) = web_app::answer(&app.files, &request) {
        return bucket::allow(app.lane.as_ref(), response);
    }
    if preview::is_picture(uri.path()) {
        return asset(State(app), request).await;
    }
    if preview::name_in(uri.path()).is_some() {
        let asked = link_page::Asked::of(&app, &request);
        let lane = app.lane.clone();
        if let Some(response) = link_page::answer(app, asked).await {
            return bucket::allow(lane.as_ref(), response);
        }
    } else if uri.path() == "/" {
        return pages::index(&app.ic).into_response();
    }
    pages::not_found(&uri).into_response()
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
        query::answer(&app.ic, app.lane.as_ref(), id, body).await
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
