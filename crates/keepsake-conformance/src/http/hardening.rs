//! What a client says of an asset cannot harm who opens it: types, names, headers; other methods and paths.

use super::{answers, header};
use crate::access::table::get;
use crate::api::{AssetType, HttpRequest};
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
    ("text/html", "text/html", false),
    ("image/svg+xml", "image/svg+xml", false),
    ("image/SVG+xml", "image/SVG+xml", false),
    ("application/javascript", "application/javascript", false),
    ("", "application/octet-stream", false),
    ("image", "application/octet-stream", false),
    ("text/html; charset=utf-8", "application/octet-stream", false),
    ("image/png\r\nset-cookie: a=b", "application/octet-stream", false),
    ("image/png\0", "application/octet-stream", false),
    ("image/ünï", "application/octet-stream", false),
];

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
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{place}");
        let policy = header(&answer, "content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{place}: {policy}");
        assert_eq!(header(&answer, "set-cookie"), None, "{place}");
        for (_, value) in &answer.headers {
            assert!(!value.contains(['\r', '\n', '\0']), "{place}: {value:?}");
        }
    }
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
