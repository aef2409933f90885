//! An HTTP gateway in small: it asks by a query, checks the answer, and asks again by an update where it is told to. Owns
//! no rule of verification: that is `ic-response-verification`.
//! Source: [HTTP gateway protocol](https://docs.internetcomputer.org/references/http-gateway-protocol-spec).

use candid::{Principal, decode_one, encode_one};
use ic_http_certification as http;
use ic_response_verification::{ResponseVerificationError, verify_request_response_pair};
use keepsake_api::{HttpRequest, HttpResponse};
use keepsake_wasm_host::Canister;
use serde_bytes::ByteBuf;

/// Oldest certificate that is taken, ns: five minutes, as gateways have it.
const AGE_NS_MAX: u128 = 300_000_000_000;

/// How an answer was made sure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    /// A query's answer with a proof.
    Verified,
    /// An update's answer.
    Agreed,
}

/// What the browser gets.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) road: Road,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn of(answer: &HttpResponse) -> Self {
        let road = if answer.upgrade == Some(true) { Road::Agreed } else { Road::Verified };
        let (headers, body) = (answer.headers.clone(), answer.body.to_vec());
        Self { road, status: answer.status_code, headers, body }
    }
}

pub(crate) fn get(url: &str) -> HttpRequest {
    with(url, &[])
}

pub(crate) fn with(url: &str, headers: &[(&str, &str)]) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: ByteBuf::new(),
        certificate_version: Some(2),
    }
}

/// A request on its whole way; panics where a gateway would answer that it cannot verify.
pub(crate) fn send(canister: &mut Canister, request: &HttpRequest) -> Seen {
    let answer = ask(canister, request);
    if answer.upgrade == Some(true) {
        let arg = encode_one(request).unwrap();
        let reply = canister.update(Principal::anonymous(), "http_request_update", &arg).unwrap();
        let agreed: HttpResponse = decode_one(&reply).unwrap();
        assert_eq!(agreed.upgrade, None, "{request:?}: asked again and again");
        return Seen { road: Road::Agreed, ..Seen::of(&agreed) };
    }
    verify(canister, request, &answer).unwrap_or_else(|why| panic!("{request:?}: {why}"));
    Seen::of(&answer)
}

pub(crate) fn ask(canister: &mut Canister, request: &HttpRequest) -> HttpResponse {
    let arg = encode_one(request).unwrap();
    decode_one(&canister.query(Principal::anonymous(), "http_request", &arg).unwrap()).unwrap()
}

pub(crate) fn verify(
    canister: &Canister,
    request: &HttpRequest,
    answer: &HttpResponse,
) -> Result<(), ResponseVerificationError> {
    let request = http::HttpRequest::builder()
        .with_method(request.method.parse().unwrap())
        .with_url(request.url.as_str())
        .with_headers(request.headers.clone())
        .with_body(request.body.to_vec())
        .build();
    let answer = http::HttpResponse::builder()
        .with_status_code(http::StatusCode::from_u16(answer.status_code).unwrap())
        .with_headers(answer.headers.clone())
        .with_body(answer.body.to_vec())
        .build();
    let (id, now_ns) = (canister.id(), canister.now_ns().into());
    let info = verify_request_response_pair(
        request,
        answer,
        id.as_slice(),
        now_ns,
        AGE_NS_MAX,
        canister.root_key(),
        2,
    )?;
    assert!(info.response.is_some(), "it was verified, not skipped");
    Ok(())
}
