//! Which names this node answers to, and pages of which origins may talk to it. Owns the two lists, and how a request is
//! held against them.
//!
//! Any page in a browser can send requests to the browser's own machine, and with a name of its own that leads there it
//! could read the answers too. So a node that listens on loopback answers to the names of loopback, and to those that it
//! was given; and only pages of its own origin, or of one that it was told, read what it says or change anything. Programs
//! that are no browsers send no `Origin`, and are not concerned.
//! Source: [CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol), RFC 6761 (names of loopback), RFC 9110
//! (sections 7.2 and 15.5.20).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const EMBEDDERS: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A name or an origin that cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Of a host.
    #[error("{0:?} is no name of a host: give it alone, as in --host photos.example")]
    Host(String),
    /// Of a page.
    #[error(
        "{0:?} is no origin: give scheme and host, as in --cors-origin https://photos.example, or * for all"
    )]
    Origin(String),
}

/// The two lists. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Arc<Lists>);

#[derive(Debug)]
struct Lists {
    /// The node is reached from this machine only, or by a proxy on it.
    is_local: bool,
    /// Beside the names of loopback.
    hosts: Vec<String>,
    any_origin: bool,
    origins: Vec<String>,
}

impl Origins {
    /// Of a node that listens on `address`, with what its operator gave.
    ///
    /// # Errors
    /// [`OriginError`], which names what cannot be used.
    pub(crate) fn new(
        address: SocketAddr,
        hosts: &[String],
        origins: &[String],
    ) -> Result<Self, OriginError> {
        let hosts = hosts.iter().map(|host| given_host(host)).collect::<Result<_, _>>()?;
        let listed = origins.iter().filter(|origin| *origin != "*").map(|origin| given_origin(origin));
        Ok(Self(Arc::new(Lists {
            is_local: address.ip().to_canonical().is_loopback(),
            hosts,
            any_origin: origins.iter().any(|origin| origin == "*"),
            origins: listed.collect::<Result<_, _>>()?,
        })))
    }

    /// What browsers are told about pages of other origins.
    pub(crate) fn cors(&self) -> CorsLayer {
        let exposed = [
            header::ACCEPT_RANGES,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ETAG,
            header::RETRY_AFTER,
            header::X_CONTENT_TYPE_OPTIONS,
        ];
        let this = self.clone();
        let allowed = if self.0.any_origin {
            AllowOrigin::any()
        } else {
            AllowOrigin::predicate(move |origin, parts| this.may_talk(origin, parts))
        };
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed)
            .max_age(std::time::Duration::from_secs(3600))
    }

    /// An asset's answer, with who may embed it. The service says: pages of this origin, of a public asset all pages. A
    /// list of origins cannot be told, so with one it is all pages; without one, a local node's public assets are for
    /// pages of this machine.
    pub(crate) fn embeddable(&self, mut response: Response) -> Response {
        if let Some(embedders) = response.headers_mut().get_mut(EMBEDDERS) {
            if self.0.any_origin || !self.0.origins.is_empty() {
                *embedders = HeaderValue::from_static("cross-origin");
            } else if self.0.is_local && embedders == "cross-origin" {
                *embedders = HeaderValue::from_static("same-site");
            }
        }
        response
    }

    /// Any name is this node's: others reach it, and it was given none.
    fn has_any_name(&self) -> bool {
        !self.0.is_local && self.0.hosts.is_empty()
    }

    fn answers_to(&self, name: &str) -> bool {
        self.has_any_name() || is_loopback(name) || self.0.hosts.iter().any(|host| host == name)
    }

    /// Why a request is not answered, if so.
    fn refusal(&self, parts: &Parts) -> Option<(StatusCode, String)> {
        let Some(asked) = hosts_asked(&parts.uri, &parts.headers) else {
            return Some((StatusCode::BAD_REQUEST, "the request has a Host that is none\n".into()));
        };
        if let Some(other) = asked.iter().map(name_of).find(|name| !self.answers_to(name)) {
            return Some((StatusCode::MISDIRECTED_REQUEST, other_name(&other)));
        }
        if asked.is_empty() && !self.has_any_name() {
            return Some((StatusCode::MISDIRECTED_REQUEST, other_name("")));
        }
        let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let origin = parts.headers.get(header::ORIGIN).filter(|_| changes && !self.has_any_name())?;
        (!self.may_talk(origin, parts)).then(|| (StatusCode::FORBIDDEN, other_origin(origin)))
    }

    /// A page of this origin may read answers and change something.
    fn may_talk(&self, origin: &HeaderValue, parts: &Parts) -> bool {
        if self.0.any_origin {
            return true;
        }
        let Ok(origin) = origin.to_str() else { return false };
        self.0.origins.iter().any(|listed| listed == origin) || self.is_own(origin, parts)
    }

    /// The origin is this node's: by the name that the browser asked for, by a name that the node was given, or because the
    /// browser says so, which a page cannot. Behind a proxy, `Host` may name something else.
    fn is_own(&self, origin: &str, parts: &Parts) -> bool {
        let says_so = parts.headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let Some(Ok(place)) = place.map(Authority::try_from) else { return false };
        let asked = hosts_asked(&parts.uri, &parts.headers).unwrap_or_default();
        let is_asked = |asked: &Authority| name_of(asked) == name_of(&place) && asked.port() == place.port();
        says_so || asked.iter().any(is_asked) || self.0.hosts.contains(&name_of(&place))
    }
}

/// Answers what is not for this node, or not for this page; passes on the rest.
pub(crate) async fn admit(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = origins.refusal(&parts) {
        return refusal.into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// All names that a request is sent to; none where one of them cannot be read.
pub(super) fn hosts_asked(uri: &Uri, headers: &HeaderMap) -> Option<Vec<Authority>> {
    let named = headers.get_all(header::HOST).iter().map(|host| Authority::try_from(host.as_bytes()).ok());
    uri.authority().cloned().map(Some).into_iter().chain(named).collect()
}

/// As it is compared: without port, in small letters, an address in its one form.
fn name_of(authority: &Authority) -> String {
    normal(authority.host())
}

fn normal(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare.unwrap_or(host).parse::<Ipv6Addr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
    }
}

/// Source: RFC 6761, section 6.3.
fn is_loopback(name: &str) -> bool {
    let is_address = || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    name == "localhost" || name.ends_with(".localhost") || is_address()
}

fn given_host(host: &str) -> Result<String, OriginError> {
    let name = normal(host);
    let sound = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let is_name = !name.is_empty() && (sound(&name) || name.parse::<Ipv6Addr>().is_ok());
    if is_name { Ok(name) } else { Err(OriginError::Host(host.into())) }
}

/// As browsers write it: small letters, no slash at its end, no port that follows from the scheme.
fn given_origin(origin: &str) -> Result<String, OriginError> {
    let wrong = || OriginError::Origin(origin.into());
    let name = origin.to_ascii_lowercase();
    let (scheme, place) = name.split_once("://").ok_or_else(wrong)?;
    let place = Authority::try_from(place.strip_suffix('/').unwrap_or(place)).map_err(|_| wrong())?;
    if scheme.is_empty() || place.host().is_empty() || place.as_str().contains('@') {
        return Err(wrong());
    }
    let default = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let port = place.port_u16().filter(|port| Some(*port) != default);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    Ok(format!("{scheme}://{}{port}", place.host()))
}

fn other_name(name: &str) -> String {
    let name: String = name.chars().take(200).collect();
    format!(
        "This node does not answer to the name {name:?}. On its own machine it is localhost or 127.0.0.1, each with its \
         port. Where the name is its own, as in its certificate or behind a proxy, start it with `keepsake serve --host NAME`.\n"
    )
}

fn other_origin(origin: &HeaderValue) -> String {
    let origin: String = String::from_utf8_lossy(origin.as_bytes()).chars().take(200).collect();
    format!(
        "A page of {origin:?} may not use this node. To let it, start the node with `keepsake serve --cors-origin ORIGIN`; \
         behind a proxy, tell the node its own name by --host.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(address: &str, hosts: &[&str], origins: &[&str]) -> Origins {
        let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        Origins::new(address.parse().unwrap(), &owned(hosts), &owned(origins)).unwrap()
    }

    fn status(origins: &Origins, method: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        origins.refusal(&parts).map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn on_loopback_only_names_of_loopback_and_given_ones_are_answered() {
        let node = origins("127.0.0.1:4943", &["Photos.Example."], &[]);
        for name in [
            "localhost",
            "LOCALHOST:1",
            "a.localhost:4943",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]:4943",
            "localhost.",
            "[::ffff:127.0.0.1]",
            "photos.example",
            "photos.example:443",
        ] {
            assert_eq!(status(&node, "GET", &[("host", name)]), 200, "{name}");
        }
        for name in [
            "evil.test",
            "evil.test:4943",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "evillocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "2130706433",
            "a.photos.example",
        ] {
            assert_eq!(status(&node, "GET", &[("host", name)]), 421, "{name}");
        }
        assert_eq!(status(&node, "GET", &[]), 421, "a request without a name");
        assert_eq!(status(&node, "GET", &[("host", "localhost"), ("host", "evil.test")]), 421);
        assert_eq!(status(&node, "GET", &[("host", "")]), 400);
    }

    #[test]
    fn beyond_loopback_any_name_is_answered_until_one_is_given() {
        assert_eq!(status(&origins("0.0.0.0:80", &[], &[]), "GET", &[("host", "whatever.test")]), 200);
        let named = origins("[::]:80", &["photos.example"], &[]);
        assert_eq!(status(&named, "GET", &[("host", "whatever.test")]), 421);
        assert_eq!(status(&named, "GET", &[("host", "127.0.0.1")]), 200, "from this machine");
        assert_eq!(status(&named, "GET", &[("host", "photos.example")]), 200);
    }

    #[test]
    fn only_pages_of_its_own_origin_or_a_listed_one_change_something() {
        let node = origins("127.0.0.1:4943", &["photos.example"], &["HTTPS://App.Example:443/"]);
        let post = |origin: &str| status(&node, "POST", &[("host", "127.0.0.1:4943"), ("origin", origin)]);
        for own in ["http://127.0.0.1:4943", "https://photos.example", "https://app.example"] {
            assert_eq!(post(own), 200, "{own}");
        }
        for other in [
            "http://127.0.0.1:4944",
            "http://localhost:4943",
            "https://evil.test",
            "null",
            "http://app.example",
            "file://",
            "",
        ] {
            assert_eq!(post(other), 403, "{other}");
            let get = status(&node, "GET", &[("host", "127.0.0.1"), ("origin", other)]);
            assert_eq!(get, 200, "{other}: the browser keeps the answer from the page");
        }
        let put = [("host", "localhost"), ("origin", "https://evil.test")];
        assert_eq!(status(&node, "PUT", &put), 403, "chunks too");
        assert_eq!(status(&node, "POST", &[("host", "localhost:4943")]), 200, "no browser");
        let proxied =
            [("host", "127.0.0.1:4943"), ("origin", "https://x.test"), ("sec-fetch-site", "same-origin")];
        assert_eq!(status(&node, "POST", &proxied), 200, "behind a proxy that names the node by its address");
        let open = origins("127.0.0.1:4943", &[], &["*"]);
        assert_eq!(status(&open, "POST", &[("host", "localhost"), ("origin", "null")]), 200);
    }

    #[test]
    fn who_may_embed_an_asset_follows_from_who_may_talk() {
        let told = |node: &Origins, planned: &'static str| {
            let response = ([(EMBEDDERS, planned)], "an asset").into_response();
            node.embeddable(response).headers()[EMBEDDERS].to_str().unwrap().to_owned()
        };
        for (address, origin, private, public) in [
            ("127.0.0.1:1", None, "same-origin", "same-site"),
            ("0.0.0.0:1", None, "same-origin", "cross-origin"),
            ("127.0.0.1:1", Some("https://app.example"), "cross-origin", "cross-origin"),
            ("127.0.0.1:1", Some("*"), "cross-origin", "cross-origin"),
        ] {
            let node = origins(address, &[], origin.as_slice());
            assert_eq!(
                (told(&node, "same-origin").as_str(), told(&node, "cross-origin").as_str()),
                (private, public)
            );
        }
    }

    #[test]
    fn what_is_no_name_and_no_origin_is_told() {
        let address = "127.0.0.1:1".parse().unwrap();
        for host in ["", "http://a", "a/b", "a:1", "*", "a b"] {
            assert!(Origins::new(address, &[host.to_owned()], &[]).is_err(), "{host}");
        }
        for origin in ["", "photos.example", "null", "https://", "https://a/b", "https://u@a", "https://a b"]
        {
            assert!(Origins::new(address, &[], &[origin.to_owned()]).is_err(), "{origin}");
        }
    }
}
