//! From the bytes of a body to a message that its sender is proven to have sent.
//!
//! Owns the choice of checks per endpoint. Runs off the async threads: a 2 MB envelope is hashed
//! and its signatures are verified, which takes milliseconds.

mod fields;

use candid::Principal;
use ic_transport_types::{Envelope, EnvelopeContent, RequestId};

use super::authentication::{authenticate, hex};
use super::error::RequestError;

/// The specification's bounds on the paths of one request, and on the labels of one path.
const PATHS_MAX: usize = 1000;
const LABELS_MAX: usize = 127;

/// Which of the two kinds of calls an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Call,
    Query,
}

impl MessageKind {
    fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Query => "query",
        }
    }
}

/// A call or query whose sender is proven.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) request_id: RequestId,
    pub(crate) sender: Principal,
    pub(crate) canister_id: Principal,
    pub(crate) method: String,
    pub(crate) arg: Vec<u8>,
    pub(crate) ingress_expiry_ns: u64,
}

/// A request for paths of the state tree whose sender is proven.
#[derive(Debug)]
pub(crate) struct PathsRequest {
    pub(crate) sender: Principal,
    pub(crate) paths: Vec<Vec<Vec<u8>>>,
}

/// Decodes and authenticates a body of `/call` or `/query`; `effective_id` is the canister in the URL.
///
/// # Errors
/// [`RequestError`] when it is malformed, of another kind, or not proven to come from its sender.
pub(crate) fn decode_message(
    body: &[u8],
    kind: MessageKind,
    effective_id: Principal,
    now_ns: u64,
) -> Result<Message, RequestError> {
    let envelope = decode(body, kind.name())?;
    let in_message = match (&*envelope.content, kind) {
        (EnvelopeContent::Call { canister_id, .. }, MessageKind::Call)
        | (EnvelopeContent::Query { canister_id, .. }, MessageKind::Query) => *canister_id,
        (other, _) => return Err(other_type(kind.name(), other)),
    };
    // The management canister is reached through the id of the canister that the message is about.
    if in_message != effective_id && in_message != Principal::management_canister() {
        return Err(RequestError::EffectiveCanisterId { in_message, in_url: effective_id });
    }
    let request_id = envelope.content.to_request_id();
    check(&envelope, &request_id, Some(in_message), now_ns)?;
    match envelope.content.into_owned() {
        EnvelopeContent::Call { ingress_expiry, sender, canister_id, method_name, arg, .. }
        | EnvelopeContent::Query { ingress_expiry, sender, canister_id, method_name, arg, .. } => {
            Ok(Message {
                request_id,
                sender,
                canister_id,
                method: method_name,
                arg,
                ingress_expiry_ns: ingress_expiry,
            })
        }
        other @ EnvelopeContent::ReadState { .. } => Err(other_type(kind.name(), &other)),
    }
}

/// Decodes and authenticates a body of `/read_state`. Delegations must cover `canister_id` when a request's status
/// is among the paths.
///
/// # Errors
/// As [`decode_message`], and when the paths are too many or too long.
pub(crate) fn decode_read_state(
    body: &[u8],
    canister_id: Principal,
    now_ns: u64,
) -> Result<PathsRequest, RequestError> {
    let envelope = decode(body, "read_state")?;
    let EnvelopeContent::ReadState { sender, paths, .. } = &*envelope.content else {
        return Err(other_type("read_state", &envelope.content));
    };
    let paths: Vec<Vec<Vec<u8>>> =
        paths.iter().map(|path| path.iter().map(|label| label.as_bytes().to_vec()).collect()).collect();
    check_limits(&paths)?;
    let receiver = paths.iter().any(|path| path.first().is_some_and(|first| first == b"request_status"));
    let request_id = envelope.content.to_request_id();
    check(&envelope, &request_id, receiver.then_some(canister_id), now_ns)?;
    Ok(PathsRequest { sender: *sender, paths })
}

/// The limits of the specification on the paths of one request.
///
/// # Errors
/// [`RequestError::BadPaths`].
fn check_limits(paths: &[Vec<Vec<u8>>]) -> Result<(), RequestError> {
    if paths.len() > PATHS_MAX {
        return Err(RequestError::BadPaths(format!(
            "{} paths, at most {PATHS_MAX} are allowed",
            paths.len()
        )));
    }
    match paths.iter().map(Vec::len).max() {
        Some(labels) if labels > LABELS_MAX => Err(RequestError::BadPaths(format!(
            "{labels} labels in one path, at most {LABELS_MAX} are allowed"
        ))),
        _ => Ok(()),
    }
}

fn decode(body: &[u8], expected: &'static str) -> Result<Envelope<'static>, RequestError> {
    fields::read(body).map_err(|error| RequestError::Malformed { expected, detail: error.to_string() })
}

fn check(
    envelope: &Envelope<'_>,
    request_id: &RequestId,
    receiver: Option<Principal>,
    now_ns: u64,
) -> Result<(), RequestError> {
    authenticate(envelope, request_id, receiver, now_ns).map_err(|source| RequestError::Authentication {
        request_id: format!("0x{}", hex(request_id.as_slice())),
        source,
    })
}

fn other_type(expected: &'static str, content: &EnvelopeContent) -> RequestError {
    let found = match content {
        EnvelopeContent::Call { .. } => "call",
        EnvelopeContent::Query { .. } => "query",
        EnvelopeContent::ReadState { .. } => "read_state",
    };
    RequestError::Malformed { expected, detail: format!("its request_type is {found}") }
}
