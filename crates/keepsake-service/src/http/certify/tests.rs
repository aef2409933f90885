//! The hashes are those that the IC's own crate makes.

use super::site::EXPRESSION_OF_404;
use super::*;
use ic_http_certification::{
    DefaultCelBuilder, DefaultResponseCertification, HttpRequest, HttpResponse, Method, StatusCode,
    request_hash, response_hash,
};

fn expression() -> ic_http_certification::DefaultFullCelExpression<'static> {
    DefaultCelBuilder::full_certification()
        .with_request_headers(vec!["range", "if-none-match"])
        .with_response_certification(DefaultResponseCertification::response_header_exclusions(vec![]))
        .build()
}

#[test]
fn the_expression_is_the_one_that_the_ics_builder_makes() {
    assert_eq!(EXPRESSION, expression().to_string());
    let of_404 = DefaultCelBuilder::response_only_certification()
        .with_response_certification(DefaultResponseCertification::response_header_exclusions(vec![]))
        .build();
    assert_eq!(EXPRESSION_OF_404, of_404.to_string());
}

#[test]
fn requests_hash_as_gateways_hash_them() {
    let expression = expression();
    for (method, asked, header) in [
        (Method::GET, Asked::Get, None),
        (Method::HEAD, Asked::Head, None),
        (Method::GET, Asked::Known("\"7\""), Some(("If-None-Match", "\"7\""))),
        (Method::GET, Asked::Piece(4_000_000), Some(("Range", "bytes=4000000-"))),
    ] {
        let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = HttpRequest::builder()
            .with_method(method)
            .with_url("/asset/mem_1/original?token=abc")
            .with_headers(headers.into_iter().chain([("Accept".into(), "*/*".into())]).collect())
            .build();
        assert_eq!(asked.hash(&mut Hashes::default()), request_hash(&request, &expression.request).unwrap());
    }
}

#[test]
fn responses_hash_as_gateways_hash_them() {
    let headers = vec![("content-type", "image/png".to_owned()), ("etag", "\"7\"".into())];
    for status in [200, 206, 304, 404] {
        let sent = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let response = HttpResponse::builder()
            .with_status_code(StatusCode::from_u16(status).unwrap())
            .with_headers(sent.chain([("IC-CertificateExpression".into(), EXPRESSION.into())]).collect())
            .with_body(b"the body".as_slice())
            .build();
        let mut hashes = Hashes::default();
        let body = hashes.of("the body");
        let hash = pair(&hashes.response_headers(&headers, status), &body);
        assert_eq!(hash, response_hash(&response, &expression().response, None));
    }
}
