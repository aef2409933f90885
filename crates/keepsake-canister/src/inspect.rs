//! `canister_inspect_message`: turns ingress away that no rule would answer, before the canister pays for it.
//!
//! Owns no protection: one replica runs it, and calls of other canisters go around it. What it saves are cycles: a chunk
//! of 1.8 MB costs some billion cycles to take in. What it turns away is no Candid, longer than its method ever needs, or from
//! somebody whom the service does not let in: a stranger who sends much, or anything but a code where the service is by
//! invitation, a link, somebody who was shut out. Everybody else gets the answer that the rules give, the same as on every host.
//! Source: [message inspection](https://docs.internetcomputer.org/references/ic-interface-spec/#system-api-inspect-message).

use crate::host;
use candid::Principal;
use keepsake_service::endpoints::{argument_bytes_max, kind};
use keepsake_service::{HTTP_UPDATE, Kind};
use std::borrow::Cow;

/// What every Candid message begins with.
const MAGIC: &[u8] = b"DIDL";

/// `canister_inspect_message`: accepts the message or leaves it.
pub fn inspect_message() {
    host::catch_panics();
    let len = ic0::msg_arg_data_size();
    let mut head = vec![0; len.min(MAGIC.len())];
    ic0::msg_arg_data_copy(&mut head, 0);
    let (caller, method) = (ic_cdk::api::msg_caller(), ic_cdk::api::msg_method_name());
    let lets_in =
        || host::with(|host| host.service.lets_in(&host::call(), &method, len, ic_cdk::api::msg_arg_data));
    if let Err(why) = look(&caller, &method, len, &head, lets_in) {
        let method: String = method.chars().take(64).collect();
        ic_cdk::trap(format!("'{method}' was not taken in: {why}"));
    }
    ic_cdk::api::accept_message();
}

/// Whether a message is taken in. `lets_in` asks the service about the caller, and is asked only where that counts.
///
/// # Errors
/// Why it is not taken.
pub fn look(
    caller: &Principal,
    method: &str,
    len: usize,
    head: &[u8],
    lets_in: impl FnOnce() -> Result<(), Cow<'static, str>>,
) -> Result<(), Cow<'static, str>> {
    let kind = kind(method).ok_or("there is no such method; see keepsake.did for those that there are")?;
    if !head.starts_with(MAGIC) {
        return Err("the argument is not Candid; see keepsake.did for its types".into());
    }
    if len > argument_bytes_max(method) {
        return Err(
            "the argument is longer than the method ever needs; see upload_config for the limits, keepsake.did for its types"
                .into(),
        );
    }
    if method == HTTP_UPDATE {
        return Ok(());
    }
    if *caller == Principal::anonymous() && kind == Kind::Query {
        return Err("without an identity, call this method as a query".into());
    }
    lets_in()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANDID: &[u8] = b"DIDL";
    const CHUNK: usize = 1_800_000 + 100;

    fn somebody() -> Principal {
        Principal::self_authenticating([1])
    }

    #[test]
    fn whom_the_service_lets_in_may_send_what_the_method_needs() {
        let known = |method, len| look(&somebody(), method, len, CANDID, || Ok(())).is_ok();
        assert!(known("uploads_put_chunk", CHUNK));
        assert!(known("uploads_put_chunk", argument_bytes_max("uploads_put_chunk")));
        assert!(!known("uploads_put_chunk", argument_bytes_max("uploads_put_chunk") + 1));
        assert!(known("capsules_list", 65_536), "a query called as an update");
        assert!(!known("capsules_list", 65_537));
        assert!(!known("uploads_put", 6), "there is no such method");
    }

    #[test]
    fn others_may_ask_over_http_only() {
        for stranger in [somebody(), Principal::anonymous()] {
            let look = |method, len| look(&stranger, method, len, CANDID, || Err("a stranger".into()));
            for method in ["capsules_create", "uploads_put_chunk", "uploads_finish", "site_set"] {
                assert_eq!(look(method, 6), Err("a stranger".into()), "{method}");
            }
            assert_eq!(look("http_request_update", 65_536), Ok(()), "browsers have no key");
            assert!(look("http_request_update", 65_537).is_err());
        }
    }

    #[test]
    fn without_an_identity_a_query_is_no_update() {
        let anonymous = |method| look(&Principal::anonymous(), method, 6, CANDID, || Ok(())).is_ok();
        for method in ["capsules_list", "memories_ping", "blob_read", "http_request"] {
            assert!(!anonymous(method), "{method}");
        }
    }

    #[test]
    fn what_is_no_candid_is_turned_away() {
        for head in [&b"{\"id"[..], b"DID", b""] {
            assert!(look(&somebody(), "uploads_put_chunk", 6, head, || Ok(())).is_err(), "{head:?}");
        }
    }
}
