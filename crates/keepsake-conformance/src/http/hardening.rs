//! What a client says of an asset cannot harm who opens it: types, names, headers; other methods and paths.

use super::{answers, header, published, with_headers};
use crate::access::table::get;
use crate::api::{AssetType, BlobHosting, HttpRequest};
use crate::host::{Host, Who};
use crate::samples::{asset, changed, unique};
use crate::verdict::allowed;
use crate::world::World;
use keepsake_client::BytesSource;

/// A type as the client gave it, the type that is sent, and whether a browser may show it by itself.
const TYPES: &[(&str, &str, bool)] = &[
    ("image/jpeg", "image/jpeg", true),
    ("application/pdf", "application/pdf", true),
    ("text/plain", "text/plain", true),
    ("Video/MP4", "Video/MP4", true),
    ("image/svg+xml", "image/svg+xml", false),
    ("image/SVG+xml", "image/SVG+xml", false),
    ("text/html", NEUTRAL, false),
    ("application/javascript", NEUTRAL, false),
    ("Text/JavaScript", NEUTRAL, false),
    ("text/css", NEUTRAL, false),
    ("application/json", NEUTRAL, false),
    ("image/x+json", NEUTRAL, false),
    ("application/manifest+json", NEUTRAL, false),
    ("application/wasm", NEUTRAL, false),
    ("text/xml", NEUTRAL, false),
    ("text/event-stream", NEUTRAL, false),
    ("", "application/octet-stream", false),
    ("image", "application/octet-stream", false),
    ("text/html; charset=utf-8", "application/octet-stream", false),
    ("image/png\r\nset-cookie: a=b", "application/octet-stream", false),
    ("image/png\0", "application/octet-stream", false),
    ("image/ünï", "application/octet-stream", false),
];

/// Bytes that mean nothing to a browser.
const NEUTRAL: &str = "application/octet-stream";

const NAMES: &[&str] = &[
    "harbour.jpg",
    "",
    "../../etc/passwd",
    "a\"; filename=\"evil.exe",
    "a\r\nset-cookie: a=b",
    "\0\u{7f}\u{202e}gpj.exe",
    "Möwe 🕊.jpg",
];

/// Hostile types and names give no header of their own, and nothing that a browser would run.
pub async fn names_and_types_cannot_harm<H: Host>(host: &H) {
    let world = World::new(host, "hardening").await;
    for (given, sent, shown) in TYPES {
        check(host, &world, given, "harbour.jpg", sent, *shown).await;
    }
    for name in NAMES {
        check(host, &world, "image/jpeg", name, "image/jpeg", true).await;
    }
}

async fn check<H: Host>(
    host: &H,
    world: &World<H::Transport>,
    mime_type: &str,
    name: &str,
    sent: &str,
    shown: bool,
) {
    let member = world.member();
    let metadata = changed(asset(AssetType::Original, mime_type), |base| base.name = name.into());
    let source = BytesSource::Inline(b"<script>alert(1)</script>".to_vec());
    let memory =
        allowed(member.memories_create(&world.capsule, source, &metadata, &unique("hardening")).await);
    let token = allowed(member.mint_http_token(&memory, &[], None, 600).await);
    let read = allowed(member.memories_read(&memory).await);
    let base = read.inline_assets[0].metadata.base();
    assert_eq!((base.mime_type.as_str(), base.name.as_str()), (mime_type, name), "stored as it was given");
    let request = get(&format!("/asset/{memory}/original?token={token}"));
    for answer in answers(host, world.by(Who::Anonymous), &request).await {
        let place = format!("{mime_type:?} named {name:?}");
        assert_eq!(answer.status_code, 200, "{place}");
        assert_eq!(header(&answer, "content-type"), Some(sent), "{place}");
        let disposition = header(&answer, "content-disposition").unwrap_or_default();
        let (kind, rest) =
            disposition.split_once("; filename*=UTF-8''").unwrap_or_else(|| panic!("{disposition}"));
        assert_eq!(kind, if shown { "inline" } else { "attachment" }, "{place}");
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"%.-_~".contains(&byte);
        assert!(rest.bytes().all(safe), "{place}: {disposition}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(header(&answer, name), Some(value), "{place}");
        }
        let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        // By plain HTTP, there is a second `vary` at most.
        assert!(names.windows(2).all(|pair| pair[0] != pair[1] || pair[0] == "vary"), "{place}: {names:?}");
        let policy = header(&answer, "content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{place}: {policy}");
        assert_eq!(header(&answer, "set-cookie"), None, "{place}");
        for (_, value) in &answer.headers {
            assert!(!value.contains(['\r', '\n', '\0']), "{place}: {value:?}");
        }
    }
}

/// A browser that would run what it gets, or build on it, gets nothing; one that shows or saves it does. Whether the thing is
/// there makes no difference.
pub async fn uploaded_files_never_run<H: Host>(host: &H) {
    let world = World::new(host, "scripts").await;
    let (memory, url) = published(&world, b"alert(1)", "text/javascript").await;
    let nobody = world.by(Who::Anonymous);
    let gone = url.replace(&memory, "mem_987654321");
    let run =
        "script worker sharedworker serviceworker audioworklet paintworklet style manifest xslt json new-one";
    let by = run.split_ascii_whitespace().map(|destination| ("Sec-Fetch-Dest", destination));
    for (name, value) in by.chain([("Service-Worker", "script")]) {
        for url in [&url, &gone] {
            for answer in answers(host, nobody, &with_headers(url, &[(name, value)])).await {
                assert_eq!(answer.status_code, 403, "{name}: {value}");
                assert!(!answer.body.starts_with(b"alert"), "{name}: {value}");
                assert_eq!(header(&answer, "cache-control"), Some("no-store"), "{name}: {value}");
            }
        }
    }
    for shown in ["document", "empty", "image", "video", "audio", "iframe", "track"] {
        for answer in answers(host, nobody, &with_headers(&url, &[("sec-fetch-dest", shown)])).await {
            assert_eq!((answer.status_code, &answer.body[..]), (200, &b"alert(1)"[..]), "{shown}");
            assert_eq!(header(&answer, "content-type"), Some(NEUTRAL), "{shown}");
        }
    }
    let read = allowed(world.member().memories_read(&memory).await);
    assert_eq!(read.blob_internal_assets[0].metadata.base().mime_type, "text/javascript", "as it was given");
}

/// Whoever can make a memory cannot send a browser anywhere: the address is told by the interface only.
pub async fn an_asset_kept_elsewhere_is_no_redirect<H: Host>(host: &H) {
    let world = World::new(host, "elsewhere").await;
    let member = world.member();
    let source = BytesSource::External {
        location: BlobHosting::S3,
        storage_key: "a file".into(),
        url: Some("https://elsewhere.example/file".into()),
        size: Some(5),
        sha256: None,
    };
    let metadata = asset(AssetType::Original, "image/jpeg");
    let memory =
        allowed(member.memories_create(&world.capsule, source, &metadata, &unique("elsewhere")).await);
    let token = allowed(member.mint_http_token(&memory, &[], None, 600).await);
    let request = get(&format!("/asset/{memory}/original?token={token}"));
    for answer in answers(host, world.by(Who::Anonymous), &request).await {
        assert_eq!((answer.status_code, header(&answer, "location")), (404, None));
    }
    let read = allowed(member.memories_read(&memory).await);
    assert_eq!(read.blob_external_assets[0].url.as_deref(), Some("https://elsewhere.example/file"));
}

/// Other methods get 405, other paths 404; neither says anything of what is there.
pub async fn other_methods_and_paths_are_refused<H: Host>(host: &H) {
    let world = World::new(host, "paths").await;
    let things = world.things().await;
    let token = allowed(world.member().mint_http_token(&things.memory, &[], None, 600).await);
    let nobody = world.by(Who::Anonymous);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let url = format!("/asset/{}/original?token={token}", things.memory);
        let request = HttpRequest { method: method.into(), ..get(&url) };
        for answer in answers(host, nobody, &request).await {
            assert_eq!(answer.status_code, 405, "{method}");
            assert_eq!(header(&answer, "allow"), Some("GET, HEAD"), "{method}");
        }
    }
    for path in
        ["/asset/", "/asset", "/asset/mem_1", "/asset/mem_1/", "/asset//original", "/asset/mem_1/original/x"]
    {
        for answer in answers(host, nobody, &get(&format!("{path}?token={token}"))).await {
            assert_eq!(answer.status_code, 404, "{path}");
        }
    }
    for path in ["/", "/asse", "", "asset/mem_1/original", "/../asset/mem_1/original", "\u{0}", "/\u{202e}"] {
        let answer = allowed(nobody.http_request(&get(path)).await);
        assert_eq!(answer.status_code, 404, "{path:?}");
    }
    let odd = allowed(nobody.http_request(&HttpRequest { method: String::new(), ..get("/asset/a/b") }).await);
    assert_eq!(odd.status_code, 405);
}
