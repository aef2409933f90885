//! Who sent a request: expiry, sender, delegation chain and signature.
//!
//! Owns the rules of the IC for envelopes. Knows no endpoint, no engine and no HTTP.
//!
//! Source: [authentication](https://internetcomputer.org/docs/references/ic-interface-spec#authentication).

use std::collections::HashSet;
use std::fmt::Write as _;

use candid::Principal;
use ic_transport_types::{DelegationPermissions, Envelope, EnvelopeContent, RequestId, SignedDelegation};

use super::error::{AuthenticationError as Error, SignatureError};
use super::signature;

/// A request is taken this long before its expiry at most: 5 minutes, as on the IC.
const INGRESS_TTL_NS: u64 = 5 * 60 * 1_000_000_000;

/// Clients' clocks may be ahead by this much.
const PERMITTED_DRIFT_NS: u64 = 60 * 1_000_000_000;

const NONCE_BYTES_MAX: usize = 32;
const DELEGATIONS_MAX: usize = 20;
const TARGETS_MAX: usize = 1000;

/// Checks that the sender named in `envelope` sent it, that it holds at `now_ns`, and that its delegations cover
/// `receiver`, where there is one.
///
/// Hashes the argument once and verifies one signature per delegation plus one: up to a few milliseconds.
///
/// # Errors
/// [`Error`], the first rule broken.
pub(crate) fn authenticate(
    envelope: &Envelope<'_>,
    request_id: &RequestId,
    receiver: Option<Principal>,
    now_ns: u64,
) -> Result<(), Error> {
    let content = &*envelope.content;
    check_content(content)?;
    check_expiry(content, now_ns)?;
    let sender = *content.sender();
    let (public_key, signature) =
        match (&envelope.sender_pubkey, &envelope.sender_sig, &envelope.sender_delegation) {
            (None, None, None) if sender == Principal::anonymous() => return Ok(()),
            _ if sender == Principal::anonymous() => return Err(Error::AnonymousSignature),
            (Some(public_key), Some(signature), _) => (public_key, signature),
            _ => return Err(Error::MissingSignature(sender)),
        };
    if Principal::self_authenticating(public_key) != sender {
        return Err(Error::SenderMismatch { sender, public_key: hex(public_key) });
    }
    let chain = envelope.sender_delegation.as_deref().unwrap_or_default();
    check_chain(chain, public_key, now_ns)?;
    check_scope(chain, content, receiver)?;
    let signer = verify_chain(chain, public_key)?;
    signature::verify(signer, &request_id.signable(), signature).map_err(Error::Signature)
}

fn check_content(content: &EnvelopeContent) -> Result<(), Error> {
    match content {
        EnvelopeContent::Call { sender_info: Some(_), .. }
        | EnvelopeContent::Query { sender_info: Some(_), .. } => Err(Error::SenderInfo),
        EnvelopeContent::Call { nonce: Some(nonce), .. }
        | EnvelopeContent::Query { nonce: Some(nonce), .. }
            if nonce.len() > NONCE_BYTES_MAX =>
        {
            Err(Error::NonceTooBig(nonce.len()))
        }
        _ => Ok(()),
    }
}

/// Anonymous queries and reads change nothing and prove nothing, so they need no expiry: clients whose clock is
/// wrong read the node's time that way.
fn check_expiry(content: &EnvelopeContent, now_ns: u64) -> Result<(), Error> {
    let is_call = matches!(content, EnvelopeContent::Call { .. });
    if !is_call && *content.sender() == Principal::anonymous() {
        return Ok(());
    }
    let provided_ns = content.ingress_expiry();
    let max_ns = now_ns.saturating_add(INGRESS_TTL_NS + PERMITTED_DRIFT_NS);
    if provided_ns < now_ns || provided_ns > max_ns {
        return Err(Error::IngressExpiry { min_ns: now_ns, max_ns, provided_ns });
    }
    Ok(())
}

/// What can be refused without verifying a signature.
fn check_chain(chain: &[SignedDelegation], public_key: &[u8], now_ns: u64) -> Result<(), Error> {
    if chain.len() > DELEGATIONS_MAX {
        return Err(Error::ChainTooLong(chain.len()));
    }
    let mut seen = HashSet::from([public_key]);
    for SignedDelegation { delegation, .. } in chain {
        if !seen.insert(&delegation.pubkey) {
            return Err(Error::Cycle(hex(&delegation.pubkey)));
        }
        if delegation.expiration < now_ns {
            return Err(Error::DelegationExpired { expiry_ns: delegation.expiration, now_ns });
        }
        if let Some(targets) = &delegation.targets
            && targets.len() > TARGETS_MAX
        {
            return Err(Error::TooManyTargets(targets.len()));
        }
    }
    Ok(())
}

/// Every delegation of the chain must cover the canister and the kind of request.
fn check_scope(
    chain: &[SignedDelegation],
    content: &EnvelopeContent,
    receiver: Option<Principal>,
) -> Result<(), Error> {
    let is_call = matches!(content, EnvelopeContent::Call { .. });
    for SignedDelegation { delegation, .. } in chain {
        if let (Some(targets), Some(receiver)) = (&delegation.targets, receiver)
            && !targets.contains(&receiver)
        {
            return Err(Error::NotATarget(receiver));
        }
        if is_call && delegation.permissions == Some(DelegationPermissions::Queries) {
            return Err(Error::QueriesOnly);
        }
    }
    Ok(())
}

/// Verifies each delegation by the key before it. Returns the key that signs the request.
fn verify_chain<'a>(chain: &'a [SignedDelegation], public_key: &'a [u8]) -> Result<&'a [u8], Error> {
    let mut signer = public_key;
    for SignedDelegation { delegation, signature } in chain {
        let verified: Result<(), SignatureError> =
            signature::verify(signer, &delegation.signable(), signature);
        verified.map_err(Error::Delegation)?;
        signer = &delegation.pubkey;
    }
    Ok(signer)
}

/// Lower-case hexadecimal, cut where it gets long: keys are echoed in errors.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 160;
    let mut text = String::with_capacity(bytes.len().min(SHOWN_MAX) * 2 + 1);
    for byte in bytes.iter().take(SHOWN_MAX) {
        write!(text, "{byte:02x}").expect("writing to memory does not fail");
    }
    if bytes.len() > SHOWN_MAX {
        text.push('…');
    }
    text
}
