//! The HTTP gateway in front of the canister: every path that is not `/api/…`.
//!
//! Owns which canister a request is for, and the agent. What a gateway does is `ic-http-gateway`'s, the one that the IC
//! runs: it asks `http_request` by a query, verifies the answer against the root key, asks `http_request_update` where it is
//! told to, and joins an answer that comes in parts.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use candid::Principal;
use http_body_util::BodyExt;
use ic_agent::Agent;
use ic_http_gateway::{HttpGatewayClient, HttpGatewayRequestArgs, HttpGatewayResponse};
use tokio::sync::OnceCell;

/// Largest body of a request.
const BODY_BYTES_MAX: usize = 4 << 20;

/// Tells tests how the answer was made sure of: [`VERIFIED`], [`AGREED`] or [`REFUSED`].
const ROAD: HeaderName = HeaderName::from_static("x-gateway-road");
/// A query's answer whose proof is good.
const VERIFIED: HeaderValue = HeaderValue::from_static("verified");
/// An update's answer.
const AGREED: HeaderValue = HeaderValue::from_static("agreed");
/// The gateway's own answer, in place of one that it does not believe or did not get.
const REFUSED: HeaderValue = HeaderValue::from_static("refused");

/// The gateway of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway {
    url: Arc<str>,
    client: Arc<OnceCell<HttpGatewayClient>>,
}

impl Gateway {
    /// Before the server at `url`; it is asked for its root key at the first request.
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.into(), client: Arc::default() }
    }

    async fn client(&self) -> anyhow::Result<&HttpGatewayClient> {
        self.client
            .get_or_try_init(async || {
                // The server is on this machine: no proxy knows the way.
                let http = reqwest::Client::builder().no_proxy().build()?;
                let agent = Agent::builder().with_url(&*self.url).with_http_client(http).build()?;
                agent.fetch_root_key().await?;
                Ok(HttpGatewayClient::builder().with_agent(agent).build()?)
            })
            .await
    }
}

/// Answers a request for a canister's own address.
pub(crate) async fn answer(State(gateway): State<Gateway>, request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(canister_id) = canister_of(host, request.uri()) else {
        let text =
            "Which canister? Say it by the host, <canister-id>.localhost, or by ?canisterId=<canister-id>\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let client = match gateway.client().await {
        Ok(client) => client,
        Err(error) => return (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
    };
    let canister_request = axum::http::Request::<Bytes>::from_parts(head, body);
    let request = client.request(HttpGatewayRequestArgs { canister_request, canister_id });
    passed_on(request.send().await)
}

fn passed_on(answer: HttpGatewayResponse) -> Response {
    let HttpGatewayResponse { canister_response, metadata } = answer;
    let road = match (&metadata.internal_error, metadata.response_verification_version) {
        (None, Some(_)) => VERIFIED,
        (None, None) if metadata.upgraded_to_update_call => AGREED,
        _ => REFUSED,
    };
    if let Some(error) = metadata.internal_error {
        eprintln!("gateway: {error}");
    }
    let lengths: Vec<_> = canister_response.headers().get_all(header::CONTENT_LENGTH).iter().collect();
    if lengths.len() > 1 {
        // Of an agreed 206, the gateway keeps the part's length and adds that of the whole. No browser takes such an answer,
        // and HTTP/1 servers do not send it.
        eprintln!("gateway: an answer with several lengths, {lengths:?}, breaks the connection");
    }
    // A part that is not believed ends the body.
    let told = |error| {
        eprintln!("gateway: {error}");
        error
    };
    let mut response = canister_response.map(|body| Body::new(body.map_err(told)));
    response.headers_mut().insert(ROAD, road);
    response
}

/// The canister that the host names, or else the query, as at the local gateways of the IC's tools.
fn canister_of(host: &str, uri: &Uri) -> Option<Principal> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let by_host = name.strip_suffix(".localhost").and_then(|id| Principal::from_text(id).ok());
    by_host.or_else(|| {
        let mut pairs = uri.query().unwrap_or_default().split('&');
        pairs.find_map(|pair| Principal::from_text(pair.strip_prefix("canisterId=")?).ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canister_is_named_by_the_host_or_by_the_query() {
        let id = "uxrrr-q7777-77774-qaaaq-cai";
        let of = |host: &str, uri: &str| canister_of(host, &uri.parse().unwrap()).map(|id| id.to_text());
        assert_eq!(of(&format!("{id}.localhost:80"), "/a").as_deref(), Some(id));
        assert_eq!(of(&format!("{id}.localhost"), "/a?b=c").as_deref(), Some(id));
        assert_eq!(of("127.0.0.1:80", &format!("/a?b=c&canisterId={id}")).as_deref(), Some(id));
        for (host, uri) in [("localhost:80", "/"), ("a.localhost", "/"), ("", "/?canisterId=x")] {
            assert_eq!(of(host, uri), None, "{host} {uri}");
        }
    }
}
