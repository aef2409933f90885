//! `read_state`: which paths may be asked for, by whom, and the certificate that answers them.
//!
//! Source: [read state](https://internetcomputer.org/docs/references/ic-interface-spec#http-read-state).

use axum::response::Response;
use candid::Principal;
use ic_transport_types::ReadStateResponse;

use super::certifier::RequestId;
use super::envelope::{PathsRequest, decode_read_state};
use super::error::RequestError;
use super::state_tree::Selection;
use super::{IcInterface, cbor};
use crate::admission::Received;
use crate::engine::RequestStatus;

/// What the URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effective {
    Canister(Principal),
    Subnet(Principal),
}

/// Answers `/api/v2|v3/{canister|subnet}/<id>/read_state`.
///
/// # Errors
/// [`RequestError`] when the request is not proven to come from its sender or asks for what it may not see.
pub(crate) async fn answer(
    ic: &IcInterface,
    effective: Effective,
    body: Received,
) -> Result<Response, RequestError> {
    if let Effective::Subnet(asked) = effective
        && asked != ic.subnet_id()
    {
        return Err(RequestError::OtherSubnet { asked, here: ic.subnet_id() });
    }
    let canister_id = ic.canister_id();
    let now_ns = ic.engine().now_ns();
    let request = ic
        .off_thread(move || {
            let Received { bytes, permit: _permit } = body;
            decode_read_state(&bytes, canister_id, now_ns)
        })
        .await?;
    let about = check_paths(&request, effective)?;
    let status = match about {
        None => None,
        Some(id) => Some((id, own_status(ic, id, request.sender).await?)),
    };
    let mut selection = Selection::default();
    for path in &request.paths {
        selection.add(path);
    }
    let certificate = ic.certifier().certify(status).await?.certificate(selection);
    Ok(super::cbor_response(cbor::encode(&ReadStateResponse { certificate })))
}

/// Checks the form of every path. Returns the one request whose status is asked for.
fn check_paths(request: &PathsRequest, effective: Effective) -> Result<Option<RequestId>, RequestError> {
    let mut about: Option<RequestId> = None;
    for path in &request.paths {
        let labels: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
        match labels.as_slice() {
            [b"time" | b"api_boundary_nodes" | b"subnet" | b"canister_ranges"]
            | [b"api_boundary_nodes" | b"subnet" | b"canister_ranges", _]
            | [b"api_boundary_nodes", _, b"domain" | b"ipv4_address" | b"ipv6_address"]
            | [b"subnet", _, b"public_key" | b"canister_ranges" | b"node" | b"type"]
            | [b"subnet", _, b"node", _]
            | [b"subnet", _, b"node", _, b"public_key"]
            | [b"canister_ranges", _, _] => {}
            [b"subnet", id, b"metrics"] => match effective {
                Effective::Subnet(subnet) if subnet.as_slice() == *id => {}
                _ => return Err(bad_path(path, "metrics are readable at the URL of their subnet only")),
            },
            [b"canister", id, b"controllers" | b"module_hash"] => check_canister(path, id, effective)?,
            [b"canister", id, b"metadata", name] => {
                check_canister(path, id, effective)?;
                if std::str::from_utf8(name).is_err() {
                    return Err(RequestError::BadPaths("the name of a metadata section is not UTF-8".into()));
                }
            }
            [b"request_status", id]
            | [
                b"request_status",
                id,
                b"status" | b"reply" | b"reject_code" | b"reject_message" | b"error_code",
            ] => {
                let id = RequestId::try_from(*id)
                    .map_err(|_| RequestError::BadPaths("a request id must have 32 bytes".into()))?;
                if about.is_some_and(|other| other != id) {
                    let text = "all request_status paths must be about the same request id";
                    return Err(RequestError::BadPaths(text.into()));
                }
                about = Some(id);
            }
            _ => return Err(bad_path(path, "no such path can be read")),
        }
    }
    Ok(about)
}

fn check_canister(path: &[Vec<u8>], id: &[u8], effective: Effective) -> Result<(), RequestError> {
    match effective {
        Effective::Canister(canister) if canister.as_slice() == id => Ok(()),
        Effective::Canister(_) => Err(RequestError::BadPaths(
            "Effective principal id in URL does not match the canister id in a path".into(),
        )),
        Effective::Subnet(_) => {
            Err(bad_path(path, "canister paths are readable at the URL of the canister only"))
        }
    }
}

fn bad_path(path: &[Vec<u8>], why: &str) -> RequestError {
    let labels: Vec<String> = path.iter().map(|label| label.escape_ascii().to_string()).collect();
    let mut text = format!("/{} ({why})", labels.join("/"));
    if text.len() > 300 {
        text.truncate(300);
    }
    RequestError::BadPath(text)
}

/// The status of request `id`, which only its own sender may see.
async fn own_status(
    ic: &IcInterface,
    id: RequestId,
    sender: Principal,
) -> Result<Option<RequestStatus>, RequestError> {
    let engine = ic.engine().clone();
    match ic.off_thread(move || Ok(engine.request_status(&id)?)).await? {
        None => Ok(None),
        Some((owner, status)) if owner == sender => Ok(Some(status)),
        Some(_) => {
            Err(RequestError::Forbidden("The user tries to access Request ID not signed by the caller."))
        }
    }
}
