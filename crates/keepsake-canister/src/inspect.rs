//! `canister_inspect_message`: turns ingress away that no rule would answer, before the canister pays for it.
//!
//! Owns no protection: one replica runs it, and calls of other canisters go around it. What it saves are cycles: a chunk
//! of 1.8 MB costs some billion cycles to take in. What it turns away is no Candid, longer than its method ever needs, or
//! long and from somebody whom the store does not know. Everybody else gets the answer that the rules give, the same as on
//! every host.
//! Source: [message inspection](https://docs.internetcomputer.org/references/ic-interface-spec/#system-api-inspect-message).

use crate::host;
use candid::Principal;
use keepsake_service::endpoints::{STRANGER_ARGUMENT_BYTES_MAX, argument_bytes_max, kind};
use keepsake_service::{HTTP_UPDATE, Kind};

/// What every Candid message begins with.
const MAGIC: &[u8] = b"DIDL";

/// `canister_inspect_message`: accepts the message or leaves it.
pub fn inspect_message() {
    host::catch_panics();
    let len = ic0::msg_arg_data_size();
    let mut head = vec![0; len.min(MAGIC.len())];
    ic0::msg_arg_data_copy(&mut head, 0);
    let (caller, method) = (ic_cdk::api::msg_caller(), ic_cdk::api::msg_method_name());
    let is_known = || host::with(|host| host.service.knows(&caller));
    if let Err(why) = look(&caller, &method, len, &head, is_known) {
        let method: String = method.chars().take(64).collect();
        ic_cdk::trap(format!("'{method}' was not taken in: {why}"));
    }
    ic_cdk::api::accept_message();
}

/// Whether a message is taken in. `is_known` says whether the store knows the caller, and is asked only where that counts.
///
/// # Errors
/// Why it is not taken.
pub fn look(
    caller: &Principal,
    method: &str,
    len: usize,
    head: &[u8],
    is_known: impl FnOnce() -> bool,
) -> Result<(), &'static str> {
    let kind = kind(method).ok_or("there is no such method; see keepsake.did for those that there are")?;
    if !head.starts_with(MAGIC) {
        return Err("the argument is not Candid; see keepsake.did for its types");
    }
    if len > argument_bytes_max(method) {
        return Err(
            "the argument is longer than the method ever needs; see upload_config for the limits, keepsake.did for its types",
        );
    }
    if method == HTTP_UPDATE {
        return Ok(());
    }
    let anonymous = *caller == Principal::anonymous();
    if anonymous && kind == Kind::Query {
        return Err("without an identity, call this method as a query");
    }
    // Short enough to be told by the rules what is missing.
    if len > STRANGER_ARGUMENT_BYTES_MAX && (anonymous || !is_known()) {
        return Err("this service does not know the caller: call capsules_create first");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANDID: &[u8] = b"DIDL";
    const SMALL: usize = STRANGER_ARGUMENT_BYTES_MAX;
    const CHUNK: usize = 1_800_000 + 100;

    fn somebody() -> Principal {
        Principal::self_authenticating([1])
    }

    #[test]
    fn whom_the_store_knows_may_send_what_the_method_needs() {
        let known = |method, len| look(&somebody(), method, len, CANDID, || true).is_ok();
        assert!(known("uploads_put_chunk", CHUNK));
        assert!(known("uploads_put_chunk", argument_bytes_max("uploads_put_chunk")));
        assert!(!known("uploads_put_chunk", argument_bytes_max("uploads_put_chunk") + 1));
        assert!(known("capsules_list", 65_536), "a query called as an update");
        assert!(!known("capsules_list", 65_537));
        assert!(!known("uploads_put", 6), "there is no such method");
    }

    #[test]
    fn strangers_may_send_only_what_is_short() {
        for stranger in [somebody(), Principal::anonymous()] {
            let ok = |method, len| look(&stranger, method, len, CANDID, || false).is_ok();
            for method in ["capsules_create", "uploads_put_chunk", "uploads_finish", "site_set"] {
                assert!(ok(method, 6) && ok(method, SMALL), "{method}: its rule says what is missing");
                assert!(!ok(method, SMALL + 1), "{method}");
            }
            assert!(ok("http_request_update", 65_536), "browsers have no key");
            assert!(!ok("http_request_update", 65_537));
        }
    }

    #[test]
    fn without_an_identity_a_query_is_no_update() {
        let anonymous = |method| look(&Principal::anonymous(), method, 6, CANDID, || true).is_ok();
        for method in ["capsules_list", "memories_ping", "blob_read", "http_request"] {
            assert!(!anonymous(method), "{method}");
        }
    }

    #[test]
    fn what_is_no_candid_is_turned_away() {
        for head in [&b"{\"id"[..], b"DID", b""] {
            assert!(look(&somebody(), "uploads_put_chunk", 6, head, || true).is_err(), "{head:?}");
        }
    }
}
