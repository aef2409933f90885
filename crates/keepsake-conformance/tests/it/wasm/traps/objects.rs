//! What messages about objects in a bucket need to have an effect: a session whose bytes go there, and a ticket for it. Owns these.

use super::people::{args, ask, asked};
use candid::Principal;
use keepsake_conformance::Who;
use keepsake_conformance::api::{Attestation, BeginOptions, BlobHosting, Object, ObjectGrant};
use keepsake_conformance::samples::sha256;
use keepsake_conformance::world::Things;
use keepsake_wasm_host::Canister;
use serde_bytes::ByteBuf;

const BYTES: &[u8] = b"an original elsewhere";
/// After this no address works that was signed before.
const SIGNED_FOR_NS: u64 = 2 * 3_600 * 1_000_000_000;

/// Blobs stay where answers are certified: these are refused.
pub(super) const REFUSED: [&str; 2] = ["objects_move", "objects_moved"];

/// What is asked before, and who asks then for what; none where it is not about objects.
pub(super) fn prepare(
    canister: &mut Canister,
    method: &str,
    things: &Things,
) -> Option<(Principal, Vec<u8>)> {
    let gate = Who::Gate.principal();
    let found = Attestation { len: BYTES.len() as u64, sha256: ByteBuf::from(sha256(BYTES)), version: None };
    Some((
        gate,
        match method {
            "uploads_grant" => {
                let session = begin(canister, things);
                let minted =
                    canister.query(Who::Owner.principal(), "mint_upload_ticket", &args((session, 60_u32)));
                args((asked::<String>(minted),))
            }
            "uploads_multipart" => args((begin(canister, things), "parts")),
            "uploads_attest" => args((begin(canister, things), found)),
            "objects_removed" => {
                let session = begin(canister, things);
                let owner = Who::Owner.principal();
                let minted = canister.query(owner, "mint_upload_ticket", &args((session, 60_u32)));
                ask::<ObjectGrant>(canister, gate, "uploads_grant", (asked::<String>(minted),));
                ask::<()>(canister, owner, "uploads_abort", (session,));
                canister.stall(SIGNED_FOR_NS);
                let due: Vec<Object> = asked(canister.query(gate, "objects_removable", &args(())));
                args((vec![due[0].object_id],))
            }
            _ => return None,
        },
    ))
}

fn begin(canister: &mut Canister, things: &Things) -> u64 {
    let options = BeginOptions {
        total_len: Some(BYTES.len() as u64),
        sha256: Some(ByteBuf::from(sha256(BYTES))),
        mime_type: None,
        hosting: Some(BlobHosting::S3),
    };
    let about = (things.capsule.as_str(), 1_u32, "elsewhere", Some(options));
    ask(canister, Who::Owner.principal(), "uploads_begin", about)
}
