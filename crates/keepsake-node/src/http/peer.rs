//! Whose request it is, for all that one peer has a bound of: room for bodies, and turns of readers.
//!
//! Owns the answer for requests that come through a proxy on this machine. Connections from elsewhere are their own address,
//! whatever their headers say.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};

use super::places::Remote;
use crate::admission::Peer;

/// Each proxy adds the address that it was asked from at the end:
/// [MDN](https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For).
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// None where no peer's bound applies: to what is on this machine, and to proxies there that do not say who asks.
pub(super) fn peer_of(request: &Request) -> Option<Peer> {
    let remote = request.extensions().get::<Remote>();
    remote.and_then(Remote::peer).or_else(|| forwarded(request.headers()))
}

/// What the nearest proxy says. What stands before it may be anybody's invention.
fn forwarded(headers: &HeaderMap) -> Option<Peer> {
    let last = headers.get_all(X_FORWARDED_FOR).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    let address = last.parse::<IpAddr>().ok().or_else(|| Some(last.parse::<SocketAddr>().ok()?.ip()));
    address.filter(|address| !address.to_canonical().is_loopback()).map(Peer::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_last_address_counts_and_nothing_else_does() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            forwarded(&headers)
        };
        let peer = |address: &str| Some(Peer::of(address.parse().unwrap()));
        assert_eq!(of(&["203.0.113.9"]), peer("203.0.113.9"));
        assert_eq!(of(&["198.51.100.1, 203.0.113.9"]), peer("203.0.113.9"));
        assert_eq!(of(&["198.51.100.1", "203.0.113.9"]), peer("203.0.113.9"));
        assert_eq!(of(&["203.0.113.9:50000"]), peer("203.0.113.9"));
        assert_eq!(of(&["2001:db8::1"]), peer("2001:db8::2"), "one network");
        assert_eq!(of(&["[2001:db8::1]:50000"]), peer("2001:db8::1"));
        for nobody in ["", ",", "unknown", "203.0.113.9,", "127.0.0.1", "::ffff:127.0.0.1", "::1", "é"] {
            assert_eq!(of(&[nobody]), None, "{nobody}");
        }
        assert_eq!(of(&[]), None);
    }
}
