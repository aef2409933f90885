//! Queries: answered from a snapshot and signed by the node.
//!
//! Source: [query](https://internetcomputer.org/docs/references/ic-interface-spec#http-query).

use axum::response::Response;
use candid::Principal;
use ic_transport_types::{
    NodeSignature, QueryResponse, RejectCode, RejectResponse, ReplyResponse, RequestId,
};

use super::envelope::{MessageKind, decode_message};
use super::error::RequestError;
use super::{IcInterface, cbor};
use crate::admission::Received;
use crate::engine::{Reader, Rejection};

/// Answers `/api/v2|v3/canister/<id>/query`. Rejections are replies too, and signed.
///
/// # Errors
/// [`RequestError`] when the query is not taken.
pub(crate) async fn answer(
    ic: &IcInterface,
    url_id: Principal,
    body: Received,
) -> Result<Response, RequestError> {
    let this = ic.clone();
    // Decoding, running and signing in one hop.
    let answered = ic
        .engine()
        .asked_by(body.permit.peer())
        .read(move |reader| {
            let Received { bytes, permit: _permit } = body;
            answer_on(reader, &this, url_id, &bytes)
        })
        .await;
    answered.map_err(RequestError::Engine)?.map(super::cbor_response)
}

fn answer_on(
    reader: &mut Reader,
    ic: &IcInterface,
    url_id: Principal,
    body: &[u8],
) -> Result<Vec<u8>, RequestError> {
    let message = decode_message(body, MessageKind::Query, url_id, ic.engine().now_ns())?;
    let response = match ic.not_here(message.canister_id) {
        Some(reject) => QueryResponse::Rejected { reject, signatures: Vec::new() },
        None => match reader.query(message.sender, &message.method, &message.arg) {
            Ok(arg) => QueryResponse::Replied { reply: ReplyResponse { arg }, signatures: Vec::new() },
            Err(rejection) => {
                QueryResponse::Rejected { reject: reject_response(rejection), signatures: Vec::new() }
            }
        },
    };
    Ok(cbor::encode(&sign(ic, response, message.request_id)))
}

fn sign(ic: &IcInterface, mut response: QueryResponse, request_id: RequestId) -> QueryResponse {
    let timestamp = ic.engine().now_ns();
    let signature = ic.node_key().sign(&response.signable(request_id, timestamp));
    let signed = NodeSignature { timestamp, signature, identity: ic.node_key().id() };
    let (QueryResponse::Replied { signatures, .. } | QueryResponse::Rejected { signatures, .. }) =
        &mut response;
    signatures.push(signed);
    response
}

/// A rejection in the form of the IC. Unknown codes become 5, an error of the canister.
pub(crate) fn reject_response(rejection: Rejection) -> RejectResponse {
    RejectResponse {
        reject_code: RejectCode::try_from(u64::from(rejection.code)).unwrap_or(RejectCode::CanisterError),
        reject_message: rejection.message,
        error_code: Some(rejection.error_code),
    }
}
