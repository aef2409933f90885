//! What a browser is told with an asset and with a refusal: its type, who may keep it for how long, and that it is shown
//! and never run. Owns these headers; those of a web app's files are in `page.rs`.
//!
//! Uploaded bytes come from the page's own origin, so nothing in them may act in its name. Three things see to that, each
//! for itself: only types that no browser runs are told (`shown_type`); a browser that says that it wants something to run
//! is refused (`runs`); and what is opened as a page is in a sandbox without scripts.
//! Source: [Fetch, `Sec-Fetch-Dest`](https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header),
//! [MIME Sniffing](https://mimesniff.spec.whatwg.org/), RFC 9111.

use super::AssetRequest;
use keepsake_core::memory::AssetMeta;

pub(super) type Headers = Vec<(&'static str, String)>;

/// Bytes that mean nothing to a browser.
const NEUTRAL: &str = "application/octet-stream";
/// What may be shown of an asset that is opened as a page. It loads nothing and runs nothing.
const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// What a browser does with an asset that it may have; anything else wants code, a style sheet, a manifest or modules.
const SHOWN: [&str; 11] =
    ["audio", "document", "embed", "empty", "frame", "iframe", "image", "object", "track", "video", ""];

/// Who may keep an answer, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// It took a token: nobody keeps it.
    Private,
    /// Everybody may see it, and the address names one asset, whose bytes never change. Caches that many share ask again
    /// after a minute, as it may be private by then.
    Fixed,
    /// Everybody may see it, and the address names whatever is of that kind now: kept, and asked about each time.
    Current,
    /// Whoever has the address of a preview may see it: any page, and nobody keeps it, as it may be over at any time.
    Shown,
}

impl Caching {
    fn value(self) -> &'static str {
        match self {
            Self::Private | Self::Shown => "private, no-store",
            Self::Fixed => "public, max-age=31536000, s-maxage=60, immutable",
            Self::Current => "public, no-cache",
        }
    }

    /// Pages that may embed it: this origin's own, or everybody's where no rights of this page's visitor count.
    fn embedders(self) -> &'static str {
        match self {
            Self::Private => "same-origin",
            Self::Fixed | Self::Current | Self::Shown => "cross-origin",
        }
    }
}

/// Headers of an asset, but for its length.
pub(super) fn of_asset(meta: &AssetMeta, etag: &str, caching: Caching) -> Headers {
    let mime_type = shown_type(&meta.mime_type);
    let disposition = format!("{}; filename*=UTF-8''{}", disposition(mime_type), percent(&meta.name));
    let mut headers = vec![
        ("content-type", mime_type.to_owned()),
        ("etag", etag.to_owned()),
        ("accept-ranges", "bytes".into()),
        ("cache-control", caching.value().into()),
        ("content-disposition", disposition),
    ];
    headers.extend(inert(caching.embedders()));
    headers
}

/// Headers of an answer in words.
pub(super) fn of_text(text: &str) -> Headers {
    let mut headers = vec![
        ("content-type", "text/plain; charset=utf-8".into()),
        ("content-length", text.len().to_string()),
        ("cache-control", "no-store".into()),
    ];
    headers.extend(inert("same-origin"));
    headers
}

/// It is what its type says, it runs nothing, and it tells nobody where it was opened.
fn inert(embedders: &str) -> [(&'static str, String); 5] {
    [
        ("x-content-type-options", "nosniff".into()),
        ("content-security-policy", SANDBOX.into()),
        ("cross-origin-opener-policy", "same-origin".into()),
        ("cross-origin-resource-policy", embedders.into()),
        ("referrer-policy", "no-referrer".into()),
    ]
}

/// The browser says that it would run what it gets, or build on it: a script, a Worker, a style sheet.
pub(super) fn runs(request: &AssetRequest) -> bool {
    let is_shown =
        |destination: &str| SHOWN.iter().any(|shown| destination.trim().eq_ignore_ascii_case(shown));
    request.service_worker.is_some() || request.destination.as_deref().is_some_and(|asked| !is_shown(asked))
}

/// The stored type where no browser runs, links or imports what has it. Types are compared without case (RFC 9110, section
/// 8.3.1). A type with a suffix, such as `image/x+json`, is the suffix's, and may be a module; drawings are the one that is
/// known to be none.
fn shown_type(stored: &str) -> &str {
    let name = sound_mime_type(stored).to_ascii_lowercase();
    let is_picture = ["image/", "audio/", "video/"].iter().any(|family| name.starts_with(family));
    let is_shown = match name.as_str() {
        "text/plain" | "application/pdf" | "image/svg+xml" => true,
        name => is_picture && !name.contains('+'),
    };
    if is_shown { stored } else { NEUTRAL }
}

/// What a browser shows by itself; the rest is offered as a download.
fn disposition(shown_type: &str) -> &'static str {
    let is_page = [NEUTRAL, "image/svg+xml"].iter().any(|name| shown_type.eq_ignore_ascii_case(name));
    if is_page { "attachment" } else { "inline" }
}

/// The stored type where it is one, so that no client can smuggle a header line in.
pub(super) fn sound_mime_type(stored: &str) -> &str {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    let sound = stored.split_once('/').is_some_and(|(family, name)| token(family) && token(name));
    if sound { stored } else { NEUTRAL }
}

/// Percent-encoding of RFC 8187.
fn percent(name: &str) -> String {
    use std::fmt::Write;
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) {
            text.push(byte.into());
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_browser_runs_keeps_its_type() {
        let kept = "image/jpeg image/PNG image/svg+xml image/vnd.adobe.photoshop audio/mpeg video/mp4 text/plain \
            Text/Plain application/pdf";
        for stored in kept.split_ascii_whitespace() {
            assert_eq!(shown_type(stored), stored);
        }
        let neutral = "text/javascript TEXT/JavaScript application/x-javascript text/jscript text/ecmascript \
            text/livescript text/css application/wasm application/manifest+json application/json text/json image/x+json \
            video/x+json text/xml application/xml image/x+xml application/xhtml+xml text/xsl application/xslt+xml \
            text/html text/event-stream multipart/x-mixed-replace message/rfc822 text/cache-manifest \
            application/signed-exchange application/octet-stream image text/plain;charset=utf-8 ";
        for stored in neutral.split_ascii_whitespace() {
            assert_eq!(
                (shown_type(stored), disposition(shown_type(stored))),
                (NEUTRAL, "attachment"),
                "{stored}"
            );
        }
    }

    #[test]
    fn whoever_would_run_it_is_known_by_what_the_browser_says() {
        let by = |destination: &str| AssetRequest {
            destination: Some(destination.into()),
            ..AssetRequest::default()
        };
        for shown in SHOWN {
            assert!(!runs(&by(shown)), "{shown}");
        }
        assert!(!runs(&AssetRequest::default()), "no browser");
        for run in "script worker sharedworker serviceworker audioworklet paintworklet style manifest xslt json text font \
            speculationrules report SCRIPT something-new image,script"
            .split_ascii_whitespace()
        {
            assert!(runs(&by(run)), "{run}");
        }
        let service_worker =
            AssetRequest { service_worker: Some("script".into()), ..AssetRequest::default() };
        assert!(runs(&service_worker));
    }
}
