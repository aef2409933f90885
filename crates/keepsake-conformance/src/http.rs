//! Part 7: HTTP. Conditions, ranges and headers of `/asset/…`, by the gateway's query and, where the host has it,
//! by plain HTTP. Tokens are in `http/tokens.rs`.

mod hardening;
mod tokens;

pub use hardening::{
    an_asset_kept_elsewhere_is_no_redirect, names_and_types_cannot_harm, other_methods_and_paths_are_refused,
    uploaded_files_never_run,
};
pub use tokens::{
    a_changed_token_opens_nothing, a_token_covers_what_it_names, a_token_ends_with_its_minters_rights,
    a_token_expires, public_assets_need_no_token, tokens_in_bulk_are_as_single_ones,
};

use crate::access::table::get;
use crate::api::{AssetType, HttpRequest, HttpResponse};
use crate::host::{Host, Who};
use crate::samples::{asset, bytes, sha256, unique};
use crate::verdict::allowed;
use crate::world::{World, upload};
use keepsake_client::api::BlobRef;
use keepsake_client::{BytesSource, Client, Transport};
use std::fmt::Write;

/// Answers by every road the host has, the gateway's first.
pub(crate) async fn answers<H: Host>(
    host: &H,
    client: &Client<H::Transport>,
    request: &HttpRequest,
) -> Vec<HttpResponse> {
    let mut answers = vec![allowed(client.http_request(request).await)];
    answers.extend(host.direct_http(request).await);
    answers
}

/// The value of a header.
pub(crate) fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The status by every road.
pub(crate) async fn assert_status<H: Host>(host: &H, world: &World<H::Transport>, url: &str, status: u16) {
    for answer in answers(host, world.by(Who::Anonymous), &get(url)).await {
        assert_eq!(answer.status_code, status, "GET {url}");
        if status != 200 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!answer.body.is_empty(), "GET {url}: {status} says nothing");
            assert_eq!(header(&answer, "cache-control"), Some("no-store"), "GET {url}: {text}");
        }
    }
}

/// A memory whose original is `file`, and an address with a token for it.
pub(crate) async fn published<T: Transport>(world: &World<T>, file: &[u8], mime: &str) -> (String, String) {
    let member = world.member();
    let locator = upload(member, &world.capsule, file, 700_000).await.blob_id;
    let source = BytesSource::Blob(BlobRef { locator, len: 0, hash: None });
    let metadata = asset(AssetType::Original, mime);
    let memory = allowed(member.memories_create(&world.capsule, source, &metadata, &unique("http")).await);
    let token = allowed(member.mint_http_token(&memory, &[], None, 600).await);
    let url = format!("/asset/{memory}/original?token={token}");
    (memory, url)
}

pub(crate) fn with_headers(url: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    HttpRequest { headers, ..get(url) }
}

fn etag_of(file: &[u8]) -> String {
    let hex = sha256(file).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    });
    format!("\"{hex}\"")
}

/// `ETag` is the SHA-256; a client that has it gets 304 and no bytes.
pub async fn a_known_etag_is_not_sent_again<H: Host>(host: &H) {
    let world = World::new(host, "etag").await;
    let file = bytes(5_000, 80);
    let (_, url) = published(&world, &file, "image/jpeg").await;
    let (etag, nobody) = (etag_of(&file), world.by(Who::Anonymous));
    for answer in answers(host, nobody, &get(&url)).await {
        assert_eq!((answer.status_code, header(&answer, "etag")), (200, Some(etag.as_str())));
        assert_eq!(header(&answer, "content-type"), Some("image/jpeg"));
        assert_eq!(header(&answer, "content-length"), Some("5000"));
        assert_eq!(header(&answer, "accept-ranges"), Some("bytes"));
        let cache = header(&answer, "cache-control").unwrap_or_default();
        assert!(cache.contains("no-store"), "a private answer may be stored: {cache}");
        assert!(answer.body == file, "the body is the file");
    }
    let weak = format!("\"other\", W/{etag}");
    for tags in [etag.as_str(), weak.as_str(), "*"] {
        for answer in answers(host, nobody, &with_headers(&url, &[("If-None-Match", tags)])).await {
            assert_eq!((answer.status_code, answer.body.len()), (304, 0), "If-None-Match: {tags}");
            assert_eq!(header(&answer, "etag"), Some(etag.as_str()));
            // RFC 9110, section 8.6: the length that 200 would have, or none.
            let length = header(&answer, "content-length");
            assert!(matches!(length, None | Some("5000")), "content-length of a 304 is {length:?}");
        }
    }
    for answer in answers(host, nobody, &with_headers(&url, &[("if-none-match", "\"other\"")])).await {
        assert_eq!(answer.status_code, 200, "another ETag");
    }
    let no_token = url.split_once('?').expect("it has a token").0;
    for answer in answers(host, nobody, &with_headers(no_token, &[("if-none-match", &etag)])).await {
        assert_eq!(answer.status_code, 401, "a known ETag is no token");
        assert_eq!(header(&answer, "etag"), None);
    }
}

/// `HEAD` has the headers of `GET` and no body.
pub async fn head_is_get_without_the_body<H: Host>(host: &H) {
    let world = World::new(host, "head").await;
    let (_, url) = published(&world, &bytes(3_000_000, 81), "image/png").await;
    let request = HttpRequest { method: "HEAD".into(), ..get(&url) };
    for answer in answers(host, world.by(Who::Anonymous), &request).await {
        assert_eq!((answer.status_code, answer.body.len()), (200, 0));
        assert_eq!(header(&answer, "content-length"), Some("3000000"));
        assert_eq!(header(&answer, "content-type"), Some("image/png"));
        assert!(header(&answer, "etag").is_some());
    }
    let gone = format!("/asset/mem_987654321/original{}", &url[url.find('?').expect("a token")..]);
    let request = HttpRequest { method: "HEAD".into(), ..get(&gone) };
    for answer in answers(host, world.by(Who::Anonymous), &request).await {
        assert_eq!((answer.status_code, answer.body.len()), (403, 0));
    }
}

/// `Range`, the status, and the bytes `start..end` of 3,000,000.
const RANGES: &[(&str, u16, usize, usize)] = &[
    ("bytes=0-0", 206, 0, 1),
    ("bytes=5-9", 206, 5, 10),
    ("bytes=699999-700000", 206, 699_999, 700_001),
    ("bytes=2999990-", 206, 2_999_990, 3_000_000),
    ("bytes=2999990-9999999", 206, 2_999_990, 3_000_000),
    ("bytes=-10", 206, 2_999_990, 3_000_000),
    ("bytes=3000000-", 416, 0, 0),
    ("bytes=99999999999999999999999-", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
    ("bytes=9-5", 200, 0, 3_000_000),
    ("bytes=x-y", 200, 0, 3_000_000),
    ("items=0-5", 200, 0, 3_000_000),
    ("bytes=0-1,5-6", 200, 0, 3_000_000),
];

/// Ranges are cut as RFC 9110 says; where one answer cannot hold it, a first part comes as 206.
pub async fn ranges_are_cut_as_the_rfc_says<H: Host>(host: &H) {
    let world = World::new(host, "http-ranges").await;
    let file = bytes(3_000_000, 82);
    let (_, url) = published(&world, &file, "video/mp4").await;
    let (nobody, etag) = (world.by(Who::Anonymous), etag_of(&file));
    for (range, status, start, end) in RANGES {
        for (road, answer) in
            answers(host, nobody, &with_headers(&url, &[("Range", range)])).await.iter().enumerate()
        {
            let cut = *status == 200 && road == 0;
            let (status, end) = if cut { (206, 2_000_000) } else { (*status, *end) };
            assert_eq!(answer.status_code, status, "Range: {range}, road {road}");
            let content_range = header(answer, "content-range");
            if status == 416 {
                assert_eq!(content_range, Some("bytes */3000000"), "Range: {range}, road {road}");
                continue;
            }
            assert!(answer.body == file[*start..end], "Range: {range}, road {road}: other bytes");
            assert_eq!(header(answer, "content-length"), Some((end - start).to_string().as_str()));
            let told = format!("bytes {start}-{}/3000000", end - 1);
            assert_eq!(
                content_range,
                (status == 206).then_some(told.as_str()),
                "Range: {range}, road {road}"
            );
        }
    }
    for (tag, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
        let request = with_headers(&url, &[("Range", "bytes=1-3"), ("If-Range", tag)]);
        for (road, answer) in answers(host, nobody, &request).await.iter().enumerate() {
            let whole = if road == 0 { (206, 2_000_000) } else { (200, 3_000_000) };
            let (status, len) = if status == 206 { (206, 3) } else { whole };
            assert_eq!(
                (answer.status_code, answer.body.len()),
                (status, len),
                "If-Range: {tag}, road {road}"
            );
        }
    }
}
