//! What an HTTP answer that is no answer of the service means: whether to try again, when, and what to tell whom.
//!
//! Owns the mapping from statuses, one for all roads; `fixtures/client/retry.json` has its cases. A proxy in front of a host
//! answers for it: its pages are never shown, its limits are named as its own.

use crate::transport::TransportError;
use ic_agent::agent::agent_error::HttpErrorPayload;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use std::time::{Duration, SystemTime};
use url::Url;

/// Longest reason that is told, characters.
const REASON_CHARS_MAX: usize = 300;

/// The parameter by which the wait that a host asks for passes through the agent, which keeps of a refusal's head the type alone.
const WAIT_PARAMETER: &str = ";keepsake-retry-after-ms=";

/// The content type with what else of the head is needed.
pub(crate) fn told_in_content_type(head: &HeaderMap) -> HeaderValue {
    let plain = head.get(CONTENT_TYPE).cloned().unwrap_or_else(|| HeaderValue::from_static("text/plain"));
    let Some(wait) = retry_after(head, SystemTime::now()) else { return plain };
    let text = plain.to_str().unwrap_or("text/plain");
    HeaderValue::try_from(format!("{text}{WAIT_PARAMETER}{}", wait.as_millis())).unwrap_or(plain)
}

/// [Seconds or a date](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after).
pub(crate) fn retry_after(head: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = head.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u32::MAX.into())));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// What the agent passes on of a refusal.
pub(crate) fn of_payload(payload: &HttpErrorPayload, url: &Url) -> TransportError {
    of_status(payload.status, &payload.content, wait_told(payload), url)
}

/// The wait that passed through.
pub(crate) fn wait_told(payload: &HttpErrorPayload) -> Option<Duration> {
    let content_type = payload.content_type.as_deref().unwrap_or_default();
    let millis = content_type.rsplit_once(WAIT_PARAMETER).and_then(|(_, millis)| millis.parse().ok());
    millis.map(Duration::from_millis)
}

/// What an answer with a status of 400 or more means, whatever road it came by.
pub(crate) fn of_status(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    url: &Url,
) -> TransportError {
    let reason = reason(body);
    match status {
        400 if is_about_delegation(&reason) && is_about_expiry(&reason) => TransportError::SignedOut(reason),
        400 if is_about_expiry(&reason) => TransportError::Expired(reason),
        400 if is_about_targets(&reason) => TransportError::SignInElsewhere(reason),
        400 if is_about_delegation(&reason) => TransportError::SignInInvalid(reason),
        408 => TransportError::Timeout(reason),
        // No host of this service refuses what its own limits allow.
        413 => TransportError::BodyLimit { url: shown(url) },
        // A proxy answers for a node that is not there, or the node says that it is about to be.
        502..=504 => TransportError::Away { status, reason, retry_after },
        429 | 500.. => TransportError::Busy { status, reason, retry_after },
        _ => TransportError::Http { status, reason },
    }
}

/// Without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Neither fails for a web address.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// The first line; of a page its title.
pub(crate) fn reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start();
    let text = if text.starts_with('<') { title(text).unwrap_or_default() } else { text };
    text.trim().lines().next().unwrap_or_default().chars().take(REASON_CHARS_MAX).collect()
}

fn title(page: &str) -> Option<&str> {
    // ASCII has the same length in both cases.
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower[start..].find("</title>")?;
    Some(&page[start..end])
}

fn is_about_expiry(reason: &str) -> bool {
    reason.to_ascii_lowercase().contains("expir")
}

/// A delegation that ran out is not helped by signing again.
fn is_about_delegation(reason: &str) -> bool {
    reason.to_ascii_lowercase().contains("delegation")
}

/// As the IC says it: "Canister … is not one of the delegation targets".
fn is_about_targets(reason: &str) -> bool {
    reason.to_ascii_lowercase().contains("delegation target")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://ann:secret@photos.example/").unwrap()
    }

    #[test]
    fn a_proxys_page_is_never_shown_and_its_limit_is_named_as_its_own() {
        let page = b"\n<html><head><TITLE>502 Bad Gateway</TITLE></head><body><hr>nginx</body></html>";
        let told = of_status(502, page, None, &url()).to_string();
        assert!(told.contains("502 Bad Gateway") && !told.contains('<') && !told.contains("nginx"), "{told}");
        let told = of_status(413, b"<html><title>413</title></html>", None, &url()).to_string();
        assert!(
            told.contains("https://photos.example/") && told.contains("client_max_body_size 4m"),
            "{told}"
        );
        assert!(!told.contains("secret") && !told.contains('<'), "{told}");
        assert_eq!(reason(b"<html><body>no title</body>"), "");
        assert_eq!(reason(b"one\ntwo"), "one");
    }

    #[test]
    fn the_wait_that_a_host_asks_for_passes_through_the_agent() {
        let mut head = HeaderMap::new();
        head.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        head.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let content_type = told_in_content_type(&head).to_str().ok().map(str::to_owned);
        let payload = HttpErrorPayload { status: 503, content_type, content: Vec::new() };
        assert_eq!(of_payload(&payload, &url()).retry_after(), Some(Duration::from_secs(7)));
        let payload = HttpErrorPayload { content_type: None, ..payload };
        assert_eq!(of_payload(&payload, &url()).retry_after(), None);
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, wait) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("soon", None),
            ("", None),
            ("-3", None),
        ] {
            let head = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(retry_after(&head, now), wait.map(Duration::from_secs), "{value}");
        }
    }
}
