//! Update calls: v2 (answered at once, polled for) and v3/v4 (answered with a certificate when done in time).
//!
//! Source: [synchronous](https://internetcomputer.org/docs/references/ic-interface-spec#http-call) and
//! [asynchronous](https://internetcomputer.org/docs/references/ic-interface-spec#http-async-call) calls.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use candid::Principal;
use ic_transport_types::{RejectResponse, TransportCallResponse};

use super::certifier::RequestId;
use super::envelope::{Message, MessageKind, decode_message};
use super::error::RequestError;
use super::query::reject_response;
use super::state_tree::Selection;
use super::{IcInterface, cbor};
use crate::admission::{Permit, Received};
use crate::engine::{EngineError, RequestStatus, UpdateMessage};

/// A synchronous call that takes longer is answered with 202, and the client polls.
const SYNC_WAIT: Duration = Duration::from_secs(10);

/// Answers `/api/v3|v4/canister/<id>/call`. The two versions differ in delegations only, and there are none here.
///
/// # Errors
/// [`RequestError`] when the call is not taken.
pub(crate) async fn synchronous(
    ic: &IcInterface,
    url_id: Principal,
    body: Received,
) -> Result<Response, RequestError> {
    let (message, permit) = decode(ic, url_id, body).await?;
    if let Some(reject) = ic.not_here(message.canister_id) {
        let reply = TransportCallResponse::NonReplicatedRejection(reject);
        return Ok(super::cbor_response(cbor::encode(&reply)));
    }
    let id: RequestId = *message.request_id;
    let engine = ic.engine().clone();
    // In its own task: once taken, a call runs to its end, whether or not the client still waits.
    let running = tokio::spawn(async move { engine.update(update_message(message, permit)).await });
    let status = match tokio::time::timeout(SYNC_WAIT, running).await {
        Err(_) => return Ok(StatusCode::ACCEPTED.into_response()),
        Ok(joined) => match joined.map_err(|_| RequestError::Worker)? {
            Err(EngineError::Refused(rejection)) => {
                let reply = TransportCallResponse::NonReplicatedRejection(reject_response(rejection));
                return Ok(super::cbor_response(cbor::encode(&reply)));
            }
            finished => finished?,
        },
    };
    if matches!(status, RequestStatus::Processing) {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    let mut selection = Selection::default();
    selection.add(&[b"request_status".as_slice(), &id]);
    let certificate = ic.certifier().certify(Some((id, Some(status)))).await?.certificate(selection);
    Ok(super::cbor_response(cbor::encode(&TransportCallResponse::Replied { certificate })))
}

/// Answers `/api/v2/canister/<id>/call`.
///
/// # Errors
/// As [`synchronous`].
pub(crate) async fn asynchronous(
    ic: &IcInterface,
    url_id: Principal,
    body: Received,
) -> Result<Response, RequestError> {
    let (message, permit) = decode(ic, url_id, body).await?;
    if let Some(reject) = ic.not_here(message.canister_id) {
        return Ok(super::cbor_response(cbor::encode::<RejectResponse>(&reject)));
    }
    match ic.engine().submit(update_message(message, permit)) {
        Err(EngineError::Refused(rejection)) => {
            return Ok(super::cbor_response(cbor::encode(&reject_response(rejection))));
        }
        submitted => submitted?,
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The message, with the room of the body that it came in.
async fn decode(
    ic: &IcInterface,
    url_id: Principal,
    body: Received,
) -> Result<(Message, Permit), RequestError> {
    let now_ns = ic.engine().now_ns();
    ic.off_thread(move || {
        let Received { bytes, permit } = body;
        decode_message(&bytes, MessageKind::Call, url_id, now_ns).map(|message| (message, permit))
    })
    .await
}

fn update_message(message: Message, permit: Permit) -> UpdateMessage {
    UpdateMessage {
        request_id: *message.request_id,
        caller: message.sender,
        method: message.method,
        arg: message.arg.into(),
        ingress_expiry_ns: message.ingress_expiry_ns,
        permit: Some(Arc::new(permit)),
    }
}
