//! What messages about people need to have an effect: a role that waits, a code that opens, a device to remove. Owns these; the rest
//! of what is sent is in the exam's access table.

use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal, encode_args};
use keepsake_conformance::Who;
use keepsake_conformance::api::{Admission, Answer, Invitation, Link, LinkOptions, Passkey, Role, Settings};
use keepsake_conformance::samples::link_key;
use keepsake_conformance::world::Things;
use keepsake_wasm_host::{Canister, Rejection};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

/// A public key, as the service takes it: what its principal is made of.
fn key() -> ByteBuf {
    link_key("fresh")
}

fn fresh() -> Principal {
    Principal::self_authenticating(key())
}

/// What is asked before, and who asks then for what; none where the table says it.
pub(super) fn prepare(
    canister: &mut Canister,
    method: &str,
    things: &Things,
) -> Option<(Principal, Vec<u8>)> {
    let owner = Who::Owner.principal();
    let controller = Who::Controller.principal();
    let capsule = things.capsule.as_str();
    Some(match method {
        "capsules_accept" => {
            ask::<()>(canister, owner, "capsules_grant", (capsule, fresh(), Role::Member));
            (fresh(), args((capsule,)))
        }
        "devices_join" => (fresh(), args((invite(canister, owner), "Phone"))),
        "devices_rename" => (owner, args((owner, "Laptop"))),
        "devices_remove" => {
            join(canister, owner);
            (owner, args((fresh(),)))
        }
        "passkeys_register" => {
            join(canister, owner);
            let passkey = Passkey { credential_id: ByteBuf::from([7; 16]), public_key: key() };
            (fresh(), args((passkey,)))
        }
        "invitations_redeem" => (fresh(), args((code_into(canister, owner, capsule),))),
        "invitations_revoke" => {
            code_into(canister, owner, capsule);
            let made: Vec<Invitation> =
                asked(canister.query(owner, "invitations_list", &args((Some(capsule),))));
            (owner, args((made.last().expect("it was made").id,)))
        }
        "links_revoke" => {
            ask::<Link>(canister, owner, "links_create", (capsule, key(), None::<LinkOptions>));
            (owner, args((capsule, fresh())))
        }
        "admin_set" => {
            let settings = Settings { admission: Some(Admission::Invited), ..Settings::default() };
            (controller, args((settings,)))
        }
        "admin_unblock" => {
            ask::<()>(canister, controller, "admin_block", (fresh(), None::<String>));
            (controller, args((fresh(),)))
        }
        _ => return None,
    })
}

/// A code for one more device of somebody.
fn invite(canister: &mut Canister, who: Principal) -> String {
    ask(canister, who, "devices_invite", ("Phone",))
}

fn join(canister: &mut Canister, who: Principal) {
    let code = invite(canister, who);
    ask::<Principal>(canister, fresh(), "devices_join", (code, "Phone"));
}

fn code_into(canister: &mut Canister, owner: Principal, capsule: &str) -> String {
    let wanted = (capsule, Role::Guest, 1_u32, None::<u64>, None::<String>);
    ask(canister, owner, "invitations_create", wanted)
}

pub(super) fn args(values: impl ArgumentEncoder) -> Vec<u8> {
    encode_args(values).expect("it encodes")
}

pub(super) fn ask<T: CandidType + DeserializeOwned>(
    canister: &mut Canister,
    who: Principal,
    method: &str,
    values: impl ArgumentEncoder,
) -> T {
    asked(canister.update(who, method, &args(values)))
}

pub(super) fn asked<T: CandidType + DeserializeOwned>(reply: Result<Vec<u8>, Rejection>) -> T {
    let reply = reply.expect("it is answered");
    candid::decode_one::<Answer<T>>(&reply).expect("its answer").expect("it is allowed")
}
