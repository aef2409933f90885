//! What a browser is told with a file of a web app, whoever has the file: its type, how long it is good for, what the page
//! may load. Owns these headers; a host that has an app of its own answers with them too.

use super::headers::{Headers, sound_mime_type};

/// Files whose names change with their bytes.
const HASHED: &str = "assets/";

/// Where the page's messages go, beside the origin that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// Nowhere: the host answers them itself.
    Origin,
    /// To the Internet Computer's API too: a gateway's names do not take messages.
    OriginAndInternetComputer,
}

/// All headers of the file at `path`, without its first slash. The policy goes with scripts too, as Workers take theirs
/// from their own file.
pub fn headers(path: &str, mime_type: &str, etag: &str, connect: Connect) -> Vec<(&'static str, String)> {
    let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mime_type = sound_mime_type(mime_type);
    let is_text = mime_type.starts_with("text/");
    let content_type = if is_text { format!("{mime_type}; charset=utf-8") } else { mime_type.to_owned() };
    let mut headers: Headers = vec![
        ("content-type", content_type),
        ("etag", etag.to_owned()),
        ("cache-control", caching.into()),
        // Signing in opens a window of another origin, which answers to this one.
        ("cross-origin-opener-policy", "same-origin-allow-popups".into()),
        ("cross-origin-resource-policy", "same-origin".into()),
        ("referrer-policy", "no-referrer".into()),
        ("x-content-type-options", "nosniff".into()),
    ];
    if mime_type == "text/html" || mime_type.ends_with("javascript") {
        headers.push(("content-security-policy", policy(connect)));
    }
    headers
}

/// The same policy, on a host with a bucket: pictures and films come from its origin too, and originals go there.
pub fn with_bucket(policy: &str, origin: &str) -> String {
    ["img-src 'self'", "media-src 'self'", "connect-src 'self'"]
        .iter()
        .fold(policy.to_owned(), |policy, source| policy.replace(source, &format!("{source} {origin}")))
}

/// Its own files, pictures that it makes itself, and what the service answers.
fn policy(connect: Connect) -> String {
    let connect = match connect {
        Connect::Origin => "'self'",
        Connect::OriginAndInternetComputer => "'self' https://icp-api.io",
    };
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; \
         media-src 'self' blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; \
         connect-src {connect}; \
         object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}
