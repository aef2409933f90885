//! The IC HTTPS interface: agents of the Internet Computer talk to this node with their checks on.
//!
//! Owns envelopes, sender authentication, the certified state tree, certificates and query signatures. Owns no
//! state and no socket: calls go to the [`Engine`], bodies come from the HTTP server.
//!
//! The node is a subnet of its own: the root key is its BLS key, so certificates carry no delegation; the subnet's
//! id is the self-authenticating principal of that key; its one node signs queries with an Ed25519 key that the
//! certified state publishes.
//!
//! Source: [HTTPS interface](https://internetcomputer.org/docs/references/ic-interface-spec#http-interface).

mod authentication;
pub(crate) mod call;
mod cbor;
pub(crate) mod certifier;
mod envelope;
pub mod error;
pub mod keys;
pub(crate) mod query;
pub(crate) mod read_state;
mod signature;
mod state_tree;
mod webauthn;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use candid::Principal;
use ic_transport_types::{RejectCode, RejectResponse};
use serde::Serialize;
use tokio::sync::Semaphore;

pub use certifier::{CertifiedFacts, CertifyError};
pub use error::RequestError;

use crate::engine::{Clock, ClockState, Engine};
use certifier::Certifier;
use keys::{NodeKey, RootKey};

/// Version of the interface specification that this follows.
const API_VERSION: &str = "0.36.0";

/// Decodings and signature checks at once, per processor: more would only wait for each other.
const WORKERS_PER_CPU: usize = 2;

/// Everything that answers the IC's endpoints. Cheap to clone.
#[derive(Clone)]
pub struct IcInterface {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    canister_id: Principal,
    subnet_id: Principal,
    root_key_der: Vec<u8>,
    node_key: NodeKey,
    certifier: Certifier,
    workers: Arc<Semaphore>,
}

impl std::fmt::Debug for IcInterface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IcInterface")
            .field("canister_id", &self.inner.canister_id.to_text())
            .finish_non_exhaustive()
    }
}

impl IcInterface {
    /// Starts the signing thread and answers for the canister in `facts`.
    ///
    /// # Errors
    /// [`CertifyError::Thread`] when no thread can be started.
    pub fn new(
        engine: Engine,
        root_key: RootKey,
        node_key: NodeKey,
        facts: &CertifiedFacts,
        clock: Clock,
    ) -> Result<Self, CertifyError> {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (subnet_id, root_key_der) = (root_key.subnet_id(), root_key.public_der().to_vec());
        let certifier = Certifier::start(root_key, &node_key, facts, clock)?;
        let workers = Arc::new(Semaphore::new(cpus * WORKERS_PER_CPU));
        let canister_id = facts.canister_id;
        let inner = Inner { engine, canister_id, subnet_id, root_key_der, node_key, certifier, workers };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The one canister.
    pub fn canister_id(&self) -> Principal {
        self.inner.canister_id
    }

    /// What the engine makes of this computer's clock.
    pub(crate) fn clock(&self) -> ClockState {
        self.engine().clock()
    }

    /// The subnet that this node is.
    pub fn subnet_id(&self) -> Principal {
        self.inner.subnet_id
    }

    /// The body of `/api/v2/status`.
    ///
    /// Source: [status](https://internetcomputer.org/docs/references/ic-interface-spec#api-status).
    pub(crate) fn status(&self) -> Response {
        #[derive(Serialize)]
        struct Status<'a> {
            ic_api_version: &'a str,
            impl_source: &'a str,
            impl_version: &'a str,
            #[serde(rename = "replica_health_status")]
            health: &'a str,
            #[serde(with = "serde_bytes")]
            root_key: &'a [u8],
        }
        cbor_response(cbor::encode(&Status {
            ic_api_version: API_VERSION,
            impl_source: env!("CARGO_PKG_NAME"),
            impl_version: env!("CARGO_PKG_VERSION"),
            health: "healthy",
            root_key: &self.inner.root_key_der,
        }))
    }

    fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    fn certifier(&self) -> &Certifier {
        &self.inner.certifier
    }

    fn node_key(&self) -> &NodeKey {
        &self.inner.node_key
    }

    /// The rejection of messages to any canister but ours.
    fn not_here(&self, canister_id: Principal) -> Option<RejectResponse> {
        let here = self.inner.canister_id;
        if canister_id == here {
            return None;
        }
        let reject_message = if canister_id == Principal::management_canister() {
            format!(
                "This node has no management canister: it hosts one canister, {here}, and installs no code"
            )
        } else {
            format!("Canister {canister_id} not found: this node hosts one canister, {here}")
        };
        Some(RejectResponse {
            reject_code: RejectCode::DestinationInvalid,
            reject_message,
            error_code: Some("IC0301".into()),
        })
    }

    /// Runs CPU-bound work on the blocking threads, a bounded number at once.
    pub(crate) async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let permit =
            Arc::clone(&self.inner.workers).acquire_owned().await.map_err(|_| RequestError::Worker)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| RequestError::Worker)?
    }
}

fn cbor_response(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
    response
}
