//! The transport over the IC HTTPS interface, by `ic-agent` with its default checks on.
//!
//! Owns the agent, the choice of the root key, and how the agent's errors are understood. Certificates
//! of updates and signatures of queries are verified by the agent; nothing here turns that off. Where this computer's clock
//! is wrong, the host's is used (`clock.rs`).

use crate::bucket::{self, LaneAnswer, LaneAsk, PartBody, PartEnd, PutPartError, SignedRequest};
use crate::clock::{ClockedAgent, hinted};
use crate::faults::{of_payload, shown};
use crate::health::canister_at;
use crate::known_nodes::KnownNodes;
use crate::line::{Line, watched_tcp};
use crate::put_road::{self, PutChunk, PutError};
use crate::transport::{Transport, TransportError};
use crate::upload::blocking;
use candid::Principal;
use ic_agent::agent::agent_error::TransportError as AgentTransportError;
use ic_agent::agent::{AgentBuilder, RejectResponse};
use ic_agent::{Agent, AgentError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use url::Url;

pub use ic_agent::Identity;
pub use ic_agent::identity::{
    AnonymousIdentity, BasicIdentity, DelegatedIdentity, Delegation, Secp256k1Identity, SignedDelegation,
};

/// Hosts of the Internet Computer itself. Their root key is built in and is never fetched.
const MAINNET_DOMAINS: [&str; 6] =
    ["ic0.app", "icp0.io", "icp-api.io", "icp1.io", "icp.net", "internetcomputer.org"];

/// No connection within this time counts as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is not watched by its bytes has no longer than this.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// [Reject code](https://internetcomputer.org/docs/references/ic-interface-spec#reject-codes) where there is no such canister.
const REJECT_DESTINATION_INVALID: u8 = 3;

/// The agent's own bound on requests at once; the lanes stay below it.
const REQUESTS_AT_ONCE_MAX: usize = 64;

/// Where the root key that all answers are checked against comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RootKey {
    /// The built-in key for hosts of the Internet Computer; fetched from any other node on first use.
    /// Fetching trusts the connection to that node, each time anew.
    #[default]
    Auto,
    /// As [`Self::Auto`], but what is fetched must be the key that the node had when it was first met: only that first
    /// time trusts the connection.
    Known(KnownNodes),
    /// This key, DER encoded: for a node whose key is known beforehand.
    Pinned(Vec<u8>),
}

/// What to connect to, as whom.
#[derive(Clone)]
pub struct AgentOptions {
    /// Address of the node, such as `http://127.0.0.1:4943`.
    pub node_url: String,
    /// The service's canister id.
    pub canister_id: Principal,
    /// Who signs.
    pub identity: Arc<dyn Identity>,
    /// The key that answers are checked against.
    pub root_key: RootKey,
}

/// Sends messages through `ic-agent`.
pub struct AgentTransport {
    /// Another one once the host's clock turned out not to be this computer's.
    agent: Mutex<Arc<ClockedAgent>>,
    reading_clock: tokio::sync::Mutex<()>,
    http: reqwest::Client,
    line: Arc<Line>,
    /// To the host's bucket, once there is something to send.
    bucket_line: OnceCell<Line>,
    canister_id: Principal,
    principal: Principal,
    url: Url,
    root_key: RootKey,
    root_key_ready: OnceCell<()>,
}

impl AgentTransport {
    /// Prepares the connection; sends nothing yet.
    ///
    /// # Errors
    /// [`TransportError::Protocol`] where the address or the identity cannot be used.
    pub fn new(options: AgentOptions) -> Result<Self, TransportError> {
        let url = parse_node_url(&options.node_url)?;
        let principal = options.identity.sender().map_err(TransportError::Protocol)?;
        let http = http_client(&url)?;
        let line = Arc::new(Line::new(http.clone()));
        let agent = ClockedAgent::new(builder(&url, &line), options.identity)
            .map_err(|error| TransportError::Protocol(error.to_string()))?;
        if let RootKey::Pinned(key) = &options.root_key {
            agent.agent().set_root_key(key.clone());
        }
        let AgentOptions { canister_id, root_key, .. } = options;
        Ok(Self {
            agent: Mutex::new(Arc::new(agent)),
            reading_clock: tokio::sync::Mutex::default(),
            http,
            line,
            bucket_line: OnceCell::new(),
            canister_id,
            principal,
            url,
            root_key,
            root_key_ready: OnceCell::new(),
        })
    }

    fn agent(&self) -> Arc<ClockedAgent> {
        Arc::clone(&self.agent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The canister id that messages go to.
    pub fn canister_id(&self) -> Principal {
        self.canister_id
    }

    /// Messages go to the Internet Computer itself, not to a node or a network of somebody's own.
    pub fn is_mainnet(&self) -> bool {
        is_mainnet(&self.url)
    }

    /// Messages go to another machine as anybody on the way can read them: by `http`, not by `https`.
    pub fn is_readable_on_the_way(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    async fn ready(&self) -> Result<(), TransportError> {
        self.root_key_ready.get_or_try_init(|| self.find_root_key()).await.copied()
    }

    async fn find_root_key(&self) -> Result<(), TransportError> {
        let known = match &self.root_key {
            RootKey::Pinned(_) => return Ok(()),
            _ if self.is_mainnet() => return Ok(()),
            RootKey::Auto => None,
            RootKey::Known(known) => Some(known.clone()),
        };
        let agent = self.agent();
        agent.agent().fetch_root_key().await.map_err(|error| understand(error, &self.url))?;
        let Some(known) = known else { return Ok(()) };
        let (url, key) = (self.url.clone(), agent.agent().read_root_key());
        let checked = blocking(move || known.check(&url, &key)).await;
        checked.map_err(|error| TransportError::UnknownNode(error.to_string()))
    }

    /// Why a message failed. A host answers for another canister than its own with what looks forged.
    async fn understand(&self, error: AgentError, used: &Arc<ClockedAgent>) -> TransportError {
        let error = match (is_outdated(&error), understand(error, &self.url)) {
            // It may have run: its answer alone looks old.
            (true, error) => match self.read_clock(used).await {
                Ok(()) => TransportError::Timeout(error.to_string()),
                Err(wrong) => wrong,
            },
            (false, error @ TransportError::Expired(_)) => self.read_clock(used).await.err().unwrap_or(error),
            // The sign-in was made by a clock that is behind: another one would be over too.
            (false, error @ TransportError::SignedOut(_)) if used.signs_on() => {
                self.wrong_clock().await.unwrap_or(error)
            }
            (false, error) => error,
        };
        match error {
            TransportError::NotAuthentic(_)
            | TransportError::Rejected { code: REJECT_DESTINATION_INVALID, .. }
                if !self.is_mainnet() =>
            {
                match canister_at(&self.http, &self.url).await {
                    Some(here) if here != self.canister_id => {
                        TransportError::OtherCanister { asked: self.canister_id, here }
                    }
                    _ => error,
                }
            }
            _ => error,
        }
    }

    /// Goes by the host's clock from now on, if that is another than the one `used`.
    async fn read_clock(&self, used: &Arc<ClockedAgent>) -> Result<(), TransportError> {
        let _one_at_a_time = self.reading_clock.lock().await;
        if !Arc::ptr_eq(used, &self.agent()) {
            return Ok(());
        }
        match used.by_the_hosts_clock(|| builder(&self.url, &self.line), self.canister_id).await {
            Ok(Some(agent)) => {
                *self.agent.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(agent);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(self.wrong_clock().await.unwrap_or_else(|| understand(error, &self.url))),
        }
    }

    /// What is told where the host's clock cannot be used instead; none where the two agree.
    async fn wrong_clock(&self) -> Option<TransportError> {
        let offset = hinted(&self.http, &self.url).await?;
        (!offset.is_small()).then(|| TransportError::WrongClock(offset.told()))
    }
}

fn builder(url: &Url, line: &Arc<Line>) -> AgentBuilder {
    Agent::builder()
        .with_url(url.as_str())
        .with_arc_http_middleware(Arc::<Line>::clone(line))
        .with_max_concurrent_requests(REQUESTS_AT_ONCE_MAX)
}

impl Transport for AgentTransport {
    fn principal(&self) -> Principal {
        self.principal
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.ready().await?;
        let agent = self.agent();
        match agent.update(self.canister_id, method, arg).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.understand(error, &agent).await),
        }
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.ready().await?;
        let agent = self.agent();
        match agent.query(self.canister_id, method, arg).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.understand(error, &agent).await),
        }
    }

    async fn put_chunk(&self, chunk: PutChunk<'_>) -> Result<(), PutError> {
        put_road::put(&self.line, &self.url, chunk).await
    }

    fn reaches_buckets(&self) -> bool {
        true
    }

    async fn ask_lane(&self, ask: LaneAsk<'_>) -> Result<LaneAnswer, TransportError> {
        bucket::ask(&self.line, &self.url, ask).await
    }

    async fn put_part(&self, request: &SignedRequest, body: PartBody) -> Result<PartEnd, PutPartError> {
        let line = self.bucket_line.get_or_try_init(|| std::future::ready(bucket_line(&request.url))).await;
        let line = line.map_err(|error| PutPartError::Unanswered(error.to_string()))?;
        bucket::put(line, request, body).await
    }
}

fn parse_node_url(text: &str) -> Result<Url, TransportError> {
    let url = Url::parse(text).map_err(|error| {
        TransportError::Protocol(format!(
            "the node address {text:?} is no URL ({error}): write http://HOST:PORT"
        ))
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        let text = format!("the node address {text:?} is no web address: write http://HOST:PORT");
        return Err(TransportError::Protocol(text));
    }
    Ok(url)
}

fn is_mainnet(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    MAINNET_DOMAINS
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An address is signed for one place: nothing is sent on from there.
fn bucket_line(url: &Url) -> Result<Line, TransportError> {
    let builder = http_builder(url).redirect(reqwest::redirect::Policy::none());
    Ok(Line::new(builder.build().map_err(|error| TransportError::Protocol(with_causes(&error)))?))
}

fn http_client(url: &Url) -> Result<reqwest::Client, TransportError> {
    http_builder(url).build().map_err(|error| TransportError::Protocol(with_causes(&error)))
}

fn http_builder(url: &Url) -> reqwest::ClientBuilder {
    let mut builder = watched_tcp(reqwest::Client::builder())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .tcp_nodelay(true);
    if is_loopback(url) {
        // A proxy cannot reach this machine's own node.
        builder = builder.no_proxy();
    }
    builder
}

pub(crate) fn understand(error: AgentError, url: &Url) -> TransportError {
    match error {
        AgentError::TransportError(AgentTransportError::Reqwest(error)) => understand_network(&error, url),
        AgentError::TransportError(AgentTransportError::Generic(reason)) => {
            TransportError::Unreachable { reason, maybe_sent: true }
        }
        AgentError::TimeoutWaitingForResponse() => TransportError::Timeout("no certified answer".into()),
        AgentError::RequestStatusDoneNoReply(id) => {
            TransportError::Timeout(format!("request {id} was pruned"))
        }
        AgentError::HttpError(payload) => of_payload(&payload, url),
        AgentError::CertifiedReject { reject, .. } | AgentError::UncertifiedReject { reject, .. } => {
            understand_reject(&reject)
        }
        AgentError::CertificateOutdated(_) => TransportError::Expired(error.to_string()),
        AgentError::CertificateVerificationFailed()
        | AgentError::QuerySignatureVerificationFailed
        | AgentError::CertificateNotAuthorized()
        | AgentError::CertificateHasTooManyDelegations
        | AgentError::MissingSignature
        | AgentError::MalformedSignature
        | AgentError::MalformedPublicKey
        | AgentError::TooManySignatures { .. }
        | AgentError::DerKeyLengthMismatch { .. }
        | AgentError::DerPrefixMismatch { .. } => TransportError::NotAuthentic(error.to_string()),
        AgentError::SigningError(why) if why == crate::link::LINK_ONLY_LOOKS => TransportError::LinkOnlyLooks,
        other => TransportError::Protocol(format!("the node's answer cannot be used: {other}")),
    }
}

/// The answer looks too old by this computer's clock.
fn is_outdated(error: &AgentError) -> bool {
    matches!(error, AgentError::CertificateOutdated(_))
}

/// How the check of a host's certificate begins what it says.
const CERTIFICATE_REFUSED: &str = "invalid peer certificate: ";

fn understand_network(error: &reqwest::Error, url: &Url) -> TransportError {
    let reason = with_causes(error);
    if let Some(refused) = certificate_refused(&reason, url) {
        refused
    } else if error.is_connect() {
        TransportError::Unreachable { reason, maybe_sent: false }
    } else if error.is_timeout() {
        TransportError::Timeout(reason)
    } else if error.is_builder() {
        TransportError::Protocol(reason)
    } else {
        TransportError::Unreachable { reason, maybe_sent: true }
    }
}

/// The check of the host's certificate, where that is what failed.
pub(crate) fn certificate_refused(reason: &str, url: &Url) -> Option<TransportError> {
    let (_, reason) = reason.split_once(CERTIFICATE_REFUSED)?;
    Some(TransportError::Certificate { url: shown(url), reason: reason.to_owned() })
}

fn understand_reject(reject: &RejectResponse) -> TransportError {
    let message = match &reject.error_code {
        Some(code) => format!("{code}: {}", reject.reject_message),
        None => reject.reject_message.clone(),
    };
    TransportError::Rejected { code: reject.reject_code as u8, message }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_root_key_of_the_internet_computer_is_never_fetched() {
        for mainnet in
            ["https://ic0.app", "https://icp-api.io/", "https://a.b.icp0.io", "https://ICP-API.io."]
        {
            assert!(is_mainnet(&url(mainnet)), "{mainnet}");
        }
        for other in ["http://127.0.0.1:4943", "https://notic0.app", "https://ic0.app.example.org"] {
            assert!(!is_mainnet(&url(other)), "{other}");
        }
    }

    #[test]
    fn an_address_without_scheme_is_refused_with_advice() {
        for wrong in ["127.0.0.1:4943", "localhost:4943", "ftp://host", ""] {
            let error = parse_node_url(wrong).unwrap_err().to_string();
            assert!(error.contains("write http://HOST:PORT"), "{wrong}: {error}");
        }
    }

    /// Answers every request with `status` and the time of `ago`, until the test ends.
    fn host_that_answers(status: &'static str, said: &'static str, ago: Duration) -> String {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut request) = (stream.unwrap(), [0; 4_096]);
                let _ = stream.read(&mut request);
                let date = httpdate::fmt_http_date(std::time::SystemTime::now() - ago);
                let body = if request.starts_with(b"HEAD") { "" } else { said };
                let head = format!("HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\n");
                let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        url
    }

    #[tokio::test]
    async fn where_the_hosts_time_cannot_be_read_a_wrong_clock_is_told_at_once() {
        for (ago, wrong) in [(Duration::from_secs(360), Some("6 min ahead of")), (Duration::ZERO, None)] {
            let transport = AgentTransport::new(AgentOptions {
                node_url: host_that_answers(
                    "400 Bad Request",
                    "ingress_expiry not within expected range",
                    ago,
                ),
                canister_id: Principal::management_canister(),
                identity: Arc::new(AnonymousIdentity),
                root_key: RootKey::Pinned(vec![0; 133]),
            })
            .unwrap();
            let error = transport.query("upload_config", Vec::new()).await.unwrap_err();
            match wrong {
                Some(wrong) => assert_eq!(error, TransportError::WrongClock(wrong.to_owned())),
                None => assert!(matches!(error, TransportError::Expired(_)), "{error:?}"),
            }
        }
    }

    /// Who is signed in until `left` from now, by this computer's clock.
    fn signed_in_for(left: Duration) -> DelegatedIdentity {
        let [person, session] = [1, 2].map(|seed| BasicIdentity::from_raw_key(&[seed; 32]));
        let until = std::time::UNIX_EPOCH.elapsed().unwrap() + left;
        let delegation = Delegation {
            pubkey: session.public_key().unwrap(),
            expiration: until.as_nanos().try_into().unwrap(),
            targets: None,
            permissions: None,
        };
        let signature = person.sign_delegation(&delegation).unwrap().signature.unwrap();
        let chain = vec![SignedDelegation { delegation, signature }];
        DelegatedIdentity::new_unchecked(person.public_key().unwrap(), Box::new(session), chain)
    }

    #[tokio::test]
    async fn a_sign_in_that_ended_by_the_hosts_clock_alone_blames_this_computers() {
        let hour = Duration::from_secs(3_600);
        for (left, ago, is_clock) in
            [(hour, hour, true), (hour, Duration::ZERO, false), (Duration::ZERO, hour, false)]
        {
            let said = "Invalid delegation expiry: Specified sender delegation has expired";
            let transport = AgentTransport::new(AgentOptions {
                node_url: host_that_answers("400 Bad Request", said, ago),
                canister_id: Principal::management_canister(),
                identity: Arc::new(signed_in_for(left)),
                root_key: RootKey::Pinned(vec![0; 133]),
            })
            .unwrap();
            let error = transport.query("upload_config", Vec::new()).await.unwrap_err();
            let expected = if is_clock { "wrong_clock" } else { "delegation_expired" };
            assert_eq!(error.code(), expected, "{left:?} {ago:?}: {error}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_surely_not_run() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let transport = AgentTransport::new(AgentOptions {
            node_url: format!("http://{closed}"),
            canister_id: Principal::management_canister(),
            identity: Arc::new(AnonymousIdentity),
            root_key: RootKey::Auto,
        })
        .unwrap();
        let error = transport.query("upload_config", Vec::new()).await.unwrap_err();
        assert!(error.surely_not_run(), "{error:?}");
    }
}
