//! `canister_inspect_message`: turns ingress away that would be refused anyway, before the canister pays for it.
//!
//! Owns no protection: one replica runs it, and calls of other canisters go around it. Every rule that it looks at
//! is applied again when the message runs. What it saves are cycles: a chunk of 1.8 MB costs some billion cycles to take
//! in, so it is not taken from somebody who has no such session.
//! Source: [message inspection](https://docs.internetcomputer.org/references/ic-interface-spec/#system-api-inspect-message).

use crate::host;
use candid::Principal;
use keepsake_service::Kind;
use keepsake_service::endpoints::kind;

/// Longest argument, bytes: a largest chunk and its Candid header; the interface refuses more anyway.
pub const ARGUMENT_BYTES_MAX: usize = 1_800_000 + 65_536;
/// Longest request of a gateway that is taken in as an update, bytes: an address and headers. Nobody has to sign one.
const GATEWAY_REQUEST_BYTES_MAX: usize = 65_536;
/// Enough of a chunk's argument to read its session: types and two numbers.
const HEAD_BYTES: usize = 64;

/// `canister_inspect_message`: accepts the message or leaves it.
pub fn inspect_message() {
    host::catch_panics();
    let len = ic0::msg_arg_data_size();
    let mut head = vec![0; len.min(HEAD_BYTES)];
    ic0::msg_arg_data_copy(&mut head, 0);
    let (call, method) = (host::call(), ic_cdk::api::msg_method_name());
    if let Err(why) = look(&call.caller, &method, len, &head) {
        ic_cdk::trap(why);
    }
    if method == "uploads_put_chunk" && !host::with(|host| host.service.may_take_chunk(&call, &head)) {
        ic_cdk::trap("no such upload session of this caller: begin one first");
    }
    ic_cdk::api::accept_message();
}

/// What can be told from the message alone.
///
/// # Errors
/// Why it is not taken.
pub fn look(caller: &Principal, method: &str, len: usize, head: &[u8]) -> Result<(), &'static str> {
    let kind = kind(method).ok_or("there is no such method; see candid:service for those that there are")?;
    let by_gateway = method.starts_with("http_request");
    if kind == Kind::Update && *caller == Principal::anonymous() && !by_gateway {
        return Err("updates need an identity");
    }
    if len > ARGUMENT_BYTES_MAX {
        return Err("the argument is longer than any that is taken; see upload_config for the limits");
    }
    if by_gateway && len > GATEWAY_REQUEST_BYTES_MAX {
        return Err("the request is too long: assets need an address and headers only");
    }
    if !head.starts_with(b"DIDL") {
        return Err("the argument is not Candid");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_refused_is_turned_away_and_nothing_else() {
        let somebody = Principal::self_authenticating([1]);
        let anonymous = Principal::anonymous();
        let ok = |caller, method, len, head| look(caller, method, len, head).is_ok();
        assert!(ok(&somebody, "uploads_put_chunk", ARGUMENT_BYTES_MAX, b"DIDL\0\0"));
        assert!(ok(&anonymous, "capsules_list", 6, b"DIDL\0\0"), "a query called as an update");
        assert!(ok(&anonymous, "http_request_update", GATEWAY_REQUEST_BYTES_MAX, b"DIDL\0\0"));
        assert!(!ok(&anonymous, "http_request_update", GATEWAY_REQUEST_BYTES_MAX + 1, b"DIDL\0\0"));
        assert!(!ok(&anonymous, "site_set", 6, b"DIDL\0\0"));
        assert!(!ok(&anonymous, "uploads_put_chunk", 6, b"DIDL\0\0"));
        assert!(!ok(&somebody, "uploads_put", 6, b"DIDL\0\0"));
        assert!(!ok(&somebody, "uploads_put_chunk", ARGUMENT_BYTES_MAX + 1, b"DIDL\0\0"));
        assert!(!ok(&somebody, "uploads_put_chunk", 6, b"{\"id\""));
        assert!(!ok(&somebody, "uploads_put_chunk", 0, b""));
    }
}
