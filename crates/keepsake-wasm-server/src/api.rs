//! The IC's HTTPS interface: `/api/…`, as unmodified agents call it with all their checks on.
//!
//! Owns the endpoints and what each answers. Proving senders is in `envelope.rs`, running messages in `ingress.rs`.
//!
//! Source: [HTTPS interface](https://internetcomputer.org/docs/references/ic-interface-spec#http-interface).

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use candid::Principal;
use candid::types::principal::PrincipalError;
use ic_transport_types::{
    EnvelopeContent, QueryResponse, ReadStateResponse, RejectCode, RejectResponse, ReplyResponse,
    RequestId as TransportRequestId, TransportCallResponse,
};
use keepsake_wasm_host::Rejection;
use serde::Serialize;

use crate::envelope::{self, EnvelopeError, Proven};
use crate::ingress::{Call, Ended, ReplicaThread, RequestId, now_ns};
use crate::node_key::NodeKey;
use crate::state_tree::{Shown, cbor, subnet_id};

/// Largest body: a message of 2 MiB in its envelope, as the IC's boundary takes it.
const BODY_BYTES_MAX: usize = 4 << 20;

/// A synchronous call that takes longer is answered with 202, and the agent polls.
const SYNC_WAIT: Duration = Duration::from_secs(10);

/// What all endpoints know.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) replica: ReplicaThread,
    pub(crate) node: NodeKey,
    pub(crate) canister_id: Principal,
    pub(crate) root_key_der: Vec<u8>,
}

/// Why a request gets no answer of the canister. The texts are the body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("this is no principal: {0}")]
    Principal(#[from] PrincipalError),
    #[error("The message is for {in_message}, its address says {in_url}")]
    OtherCanister { in_message: Principal, in_url: Principal },
    #[error("There is no such subnet here: {0}")]
    OtherSubnet(Principal),
    #[error("Invalid path requested: {0}")]
    Path(String),
    #[error("The user tries to access Request ID not signed by the caller.")]
    OtherSender,
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Path(_) => StatusCode::NOT_FOUND,
            Self::OtherSender => StatusCode::FORBIDDEN,
            Self::Ended(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

/// The endpoints.
pub(crate) fn router(api: Api) -> Router {
    let mut router = Router::new()
        .route("/api/v2/status", get(status))
        .route("/api/v2/canister/{id}/call", post(asynchronous_call))
        .route("/api/v3/canister/{id}/call", post(synchronous_call))
        .route("/api/v4/canister/{id}/call", post(synchronous_call));
    for version in ["v2", "v3"] {
        router = router
            .route(&format!("/api/{version}/canister/{{id}}/query"), post(query))
            .route(&format!("/api/{version}/canister/{{id}}/read_state"), post(read_canister_state))
            .route(&format!("/api/{version}/subnet/{{id}}/read_state"), post(read_subnet_state));
    }
    router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(api)
}

async fn status(State(api): State<Api>) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        ic_api_version: &'a str,
        impl_version: &'a str,
        replica_health_status: &'a str,
        #[serde(with = "serde_bytes")]
        root_key: &'a [u8],
    }
    answer(&Body {
        ic_api_version: "0.36.0",
        impl_version: env!("CARGO_PKG_VERSION"),
        replica_health_status: "healthy",
        root_key: &api.root_key_der,
    })
}

async fn asynchronous_call(
    State(api): State<Api>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let call = match api.take_in(&id, &body).await? {
        Ok(call) => call,
        Err(reject) => return Ok(answer(&TransportCallResponse::NonReplicatedRejection(reject))),
    };
    tokio::spawn(async move { api.replica.run(move |replica| replica.execute(&call)).await });
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn synchronous_call(
    State(api): State<Api>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let call = match api.take_in(&id, &body).await? {
        Ok(call) => call,
        Err(reject) => return Ok(answer(&TransportCallResponse::NonReplicatedRejection(reject))),
    };
    let certified = api.replica.run(move |replica| {
        let request = Some((call.id, replica.execute(&call)));
        replica.certify(&Shown { request, ..Shown::default() })
    });
    match tokio::time::timeout(SYNC_WAIT, certified).await {
        Ok(certificate) => Ok(answer(&TransportCallResponse::Replied { certificate: certificate? })),
        Err(_) => Ok((StatusCode::ACCEPTED, cbor(&TransportCallResponse::Accepted)).into_response()),
    }
}

async fn query(State(api): State<Api>, Path(id): Path<String>, body: Bytes) -> Result<Response, ApiError> {
    let Proven { id: request, content } = envelope::open(&body, now_ns())?;
    let EnvelopeContent::Query { sender, canister_id, method_name, arg, .. } = content else {
        return Err(EnvelopeError::OtherType.into());
    };
    let replied = match api.elsewhere(&id, canister_id)? {
        Some(reject) => Err(reject),
        None => {
            api.replica
                .run(move |replica| replica.query(sender, &method_name, &arg).map_err(rejected))
                .await?
        }
    };
    let response = match replied {
        Ok(arg) => QueryResponse::Replied { reply: ReplyResponse { arg }, signatures: vec![] },
        Err(reject) => QueryResponse::Rejected { reject, signatures: vec![] },
    };
    Ok(answer(&api.node.sign(response, TransportRequestId::new(&request), now_ns())))
}

async fn read_canister_state(
    State(api): State<Api>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let canister_id = Principal::from_text(id)?;
    api.read_state(Some(canister_id), &body).await
}

async fn read_subnet_state(
    State(api): State<Api>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked = Principal::from_text(id)?;
    if asked != subnet_id(&api.root_key_der) {
        return Err(ApiError::OtherSubnet(asked));
    }
    api.read_state(None, &body).await
}

impl Api {
    /// The call in a body, once the canister has let it in.
    async fn take_in(&self, url_id: &str, body: &[u8]) -> Result<Result<Call, RejectResponse>, ApiError> {
        let Proven { id, content } = envelope::open(body, now_ns())?;
        let EnvelopeContent::Call { ingress_expiry, sender, canister_id, method_name, arg, .. } = content
        else {
            return Err(EnvelopeError::OtherType.into());
        };
        if let Some(reject) = self.elsewhere(url_id, canister_id)? {
            return Ok(Err(reject));
        }
        let call = Call { id, sender, method: method_name, arg, expiry_ns: ingress_expiry };
        let accepted = self.replica.run(move |replica| replica.accept(&call).map(|()| call));
        Ok(accepted.await?.map_err(rejected))
    }

    /// The rejection of messages to any canister but ours.
    fn elsewhere(&self, url_id: &str, canister_id: Principal) -> Result<Option<RejectResponse>, ApiError> {
        let in_url = Principal::from_text(url_id)?;
        // The management canister is reached through the id of the canister that the message is about.
        if canister_id != in_url && canister_id != Principal::management_canister() {
            return Err(ApiError::OtherCanister { in_message: canister_id, in_url });
        }
        Ok((canister_id != self.canister_id).then(|| RejectResponse {
            reject_code: RejectCode::DestinationInvalid,
            reject_message: format!("Canister {canister_id} not found: {} is the only one", self.canister_id),
            error_code: Some("IC0301".into()),
        }))
    }

    async fn read_state(&self, canister: Option<Principal>, body: &[u8]) -> Result<Response, ApiError> {
        let EnvelopeContent::ReadState { sender, paths, .. } = envelope::open(body, now_ns())?.content else {
            return Err(EnvelopeError::OtherType.into());
        };
        let mut asked = Asked::default();
        for path in &paths {
            let labels: Vec<&[u8]> = path.iter().map(|label| label.as_bytes()).collect();
            asked.add(&labels, canister)?;
        }
        let certificate = self.replica.run(move |replica| {
            let known = asked.request.and_then(|id| Some((id, replica.status(&id)?)));
            if known.as_ref().is_some_and(|(_, (owner, _))| *owner != sender) {
                return Err(ApiError::OtherSender);
            }
            let request = known.map(|(id, (_, status))| (id, status));
            Ok(replica.certify(&Shown { request, metadata: asked.metadata }))
        });
        Ok(answer(&ReadStateResponse { certificate: certificate.await?? }))
    }
}

/// What the paths of one request ask for.
#[derive(Default)]
struct Asked {
    request: Option<RequestId>,
    metadata: Vec<String>,
}

impl Asked {
    /// Source: [read state](https://internetcomputer.org/docs/references/ic-interface-spec#http-read-state).
    fn add(&mut self, path: &[&[u8]], canister: Option<Principal>) -> Result<(), ApiError> {
        let refused = || {
            let labels: Vec<_> = path.iter().map(|label| label.escape_ascii().to_string()).collect();
            ApiError::Path(format!("/{}", labels.join("/")))
        };
        let is_ours = |id: &[u8]| canister.is_some_and(|canister| canister.as_slice() == id);
        match path {
            [b"time" | b"subnet" | b"canister_ranges" | b"api_boundary_nodes", ..] => Ok(()),
            [b"canister", id, b"controllers" | b"module_hash"] if is_ours(id) => Ok(()),
            [b"canister", id, b"metadata", name] if is_ours(id) => {
                self.metadata.push(String::from_utf8_lossy(name).into_owned());
                Ok(())
            }
            [b"request_status", id, ..] => {
                let id = RequestId::try_from(*id).map_err(|_| refused())?;
                if self.request.is_some_and(|other| other != id) {
                    return Err(refused());
                }
                self.request = Some(id);
                Ok(())
            }
            _ => Err(refused()),
        }
    }
}

fn rejected(rejection: Rejection) -> RejectResponse {
    RejectResponse {
        reject_code: RejectCode::try_from(u64::from(rejection.code)).unwrap_or(RejectCode::CanisterError),
        reject_message: rejection.message,
        error_code: Some(rejection.error_code.to_owned()),
    }
}

fn answer<T: Serialize>(value: &T) -> Response {
    ([(header::CONTENT_TYPE, "application/cbor")], cbor(value)).into_response()
}
