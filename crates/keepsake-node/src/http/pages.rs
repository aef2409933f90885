//! The few pages that the node itself writes: index, health, not found.

use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::engine::ClockState;
use crate::ic::IcInterface;

/// `GET /`: what this is.
pub(super) fn index(ic: &IcInterface) -> Html<String> {
    let (version, canister_id) = (env!("CARGO_PKG_VERSION"), ic.canister_id());
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Keepsake</title>\n\
         <h1>Keepsake {version}</h1>\n\
         <p>A store for photos and other memories, canister <code>{canister_id}</code>.</p>\n\
         <p>It speaks the Internet Computer's HTTPS interface at <code>/api</code>, serves assets at \
         <code>/asset/…</code> and tells its health at <a href=\"/health\"><code>/health</code></a>.</p>\n"
    ))
}

/// `GET /health`. It answers 200 while the node serves, and says what is not as it should be.
pub(super) fn health(ic: &IcInterface) -> Response {
    let (status, clock) = match ic.clock() {
        ClockState::Trusted => ("ok", "ok".into()),
        ClockState::Jumped(seconds) => {
            let to = if seconds < 0 { "back" } else { "ahead" };
            ("degraded", format!("jumped {} s {to}: not followed yet", seconds.unsigned_abs()))
        }
        ClockState::Held => ("ok", "put ahead within the last hour: nothing expires by it yet".to_owned()),
    };
    let body = json!({
        "status": status,
        "clock": clock,
        "version": env!("CARGO_PKG_VERSION"),
        "canister_id": ic.canister_id().to_text(),
    });
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body.to_string())
        .into_response()
}

/// Everything else.
pub(super) fn not_found(uri: &Uri) -> (StatusCode, String) {
    let path: String = uri.path().chars().take(200).collect();
    let text = format!(
        "There is nothing at {path}. Here are /api/v2/status, /api/v2|v3|v4/canister/<id>/…, \
         /asset/<memory>/<asset>, /health and /.\n"
    );
    (StatusCode::NOT_FOUND, text)
}
