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
use crate::engine::{Looked, Reader, Rejection};
use crate::lane::Lane;
use keepsake_service::http::ObjectRange;
use keepsake_service::{Reply, reads_bytes};

/// What a reader has of an answer.
enum Read {
    /// All of it, signed.
    Signed(Vec<u8>),
    /// Its bytes are in the bucket.
    Elsewhere(ObjectRange, RequestId),
}

/// Answers `/api/v2|v3/canister/<id>/query`. Rejections are replies too, and signed.
///
/// # Errors
/// [`RequestError`] when the query is not taken.
pub(crate) async fn answer(
    ic: &IcInterface,
    lane: Option<&Lane>,
    url_id: Principal,
    body: Received,
) -> Result<Response, RequestError> {
    let (this, has_bucket) = (ic.clone(), lane.is_some());
    // Decoding, running and signing in one hop.
    let answered = ic
        .engine()
        .asked_by(body.permit.peer())
        .read(move |reader| {
            let Received { bytes, permit: _permit } = body;
            answer_on(reader, &this, has_bucket, url_id, &bytes)
        })
        .await;
    match (answered.map_err(RequestError::Engine)??, lane) {
        (Read::Elsewhere(range, request_id), Some(lane)) => {
            let fetched = lane.fetch(&range).await;
            let arg = fetched.map_or_else(|why| Reply::no_bytes(&why.to_string()), Reply::bytes);
            let reply = QueryResponse::Replied { reply: ReplyResponse { arg }, signatures: Vec::new() };
            Ok(super::cbor_response(cbor::encode(&sign(ic, reply, request_id))))
        }
        (Read::Signed(bytes), _) => Ok(super::cbor_response(bytes)),
        (Read::Elsewhere(..), None) => Err(RequestError::Worker),
    }
}

fn answer_on(
    reader: &mut Reader,
    ic: &IcInterface,
    has_bucket: bool,
    url_id: Principal,
    body: &[u8],
) -> Result<Read, RequestError> {
    let message = decode_message(body, MessageKind::Query, url_id, ic.engine().now_ns())?;
    let (sender, method, arg) = (message.sender, &message.method, &message.arg);
    let rejected = |reject| QueryResponse::Rejected { reject, signatures: Vec::new() };
    let response = if let Some(reject) = ic.not_here(message.canister_id) {
        rejected(reject)
    } else {
        // Other queries cost nothing more.
        let looked = if has_bucket && reads_bytes(method) {
            reader.query_for_bytes(sender, method, arg)
        } else {
            reader.query(sender, method, arg).map(Looked::Here)
        };
        match looked {
            Ok(Looked::Elsewhere(range)) => return Ok(Read::Elsewhere(range, message.request_id)),
            Ok(Looked::Here(arg)) => {
                QueryResponse::Replied { reply: ReplyResponse { arg }, signatures: Vec::new() }
            }
            Err(rejection) => rejected(reject_response(rejection)),
        }
    };
    Ok(Read::Signed(cbor::encode(&sign(ic, response, message.request_id))))
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
