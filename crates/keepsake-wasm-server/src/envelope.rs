//! From the bytes of a body to a message that its sender is proven to have sent.
//!
//! Owns the rules for envelopes, in short: expiry, sender, delegations, signatures with Ed25519 and ECDSA on secp256k1 and
//! P-256. `WebAuthn` and canister signatures are not known here. It is for tests: the node has the whole of the rules, with
//! bounds against hostile input.
//!
//! Source: [authentication](https://internetcomputer.org/docs/references/ic-interface-spec#authentication).

use candid::Principal;
use ic_transport_types::{DelegationPermissions, Envelope, EnvelopeContent, SignedDelegation};

use crate::ingress::RequestId;

/// A message is taken this long before its expiry at most, and clients' clocks may be ahead by a minute.
const EXPIRY_NS_MAX: u64 = (5 + 1) * 60 * 1_000_000_000;

/// Why a body is no message of its sender. Texts follow the IC's, because agents match on them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("Unable to parse the envelope: {0}")]
    Malformed(#[from] serde_cbor::Error),
    #[error("The request_type is not what this address takes")]
    OtherType,
    #[error(
        "Invalid request expiry: Specified ingress_expiry not within expected range: \
         Minimum allowed expiry: {now_ns}, Maximum allowed expiry: {max_ns}, Provided expiry: {expiry_ns}"
    )]
    Expiry { now_ns: u64, max_ns: u64, expiry_ns: u64 },
    #[error("Signature is not allowed for the anonymous user")]
    AnonymousSignature,
    #[error("Missing signature from user: {0}")]
    MissingSignature(Principal),
    #[error("The user id {0} does not match the public key")]
    OtherKey(Principal),
    #[error("Invalid delegation: it has expired, or does not cover this message")]
    Delegation,
    #[error("Invalid signature, or of a kind that this server does not know")]
    Signature,
}

/// What an envelope holds, from the sender that it names.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) id: RequestId,
    pub(crate) content: EnvelopeContent,
}

/// Decodes a body and proves its sender at this time.
///
/// # Errors
/// [`EnvelopeError`], the first rule broken.
pub(crate) fn open(body: &[u8], now_ns: u64) -> Result<Proven, EnvelopeError> {
    let envelope: Envelope<'static> = serde_cbor::from_slice(body)?;
    let id = envelope.content.to_request_id();
    let (sender, is_call) =
        (*envelope.content.sender(), matches!(&*envelope.content, EnvelopeContent::Call { .. }));
    let anonymous = sender == Principal::anonymous();
    // Anonymous queries prove nothing, so clients may ask with a wrong clock, for the time.
    if is_call || !anonymous {
        check_expiry(envelope.content.ingress_expiry(), now_ns)?;
    }
    match (&envelope.sender_pubkey, &envelope.sender_sig) {
        (None, None) if anonymous => {}
        _ if anonymous => return Err(EnvelopeError::AnonymousSignature),
        (Some(key), Some(signature)) => {
            if Principal::self_authenticating(key) != sender {
                return Err(EnvelopeError::OtherKey(sender));
            }
            let chain = envelope.sender_delegation.as_deref().unwrap_or_default();
            let signer = follow(chain, key, &envelope.content, now_ns)?;
            verify(signer, &id.signable(), signature)?;
        }
        _ => return Err(EnvelopeError::MissingSignature(sender)),
    }
    Ok(Proven { id: *id, content: envelope.content.into_owned() })
}

fn check_expiry(expiry_ns: u64, now_ns: u64) -> Result<(), EnvelopeError> {
    let max_ns = now_ns.saturating_add(EXPIRY_NS_MAX);
    let fits = (now_ns..=max_ns).contains(&expiry_ns);
    if fits { Ok(()) } else { Err(EnvelopeError::Expiry { now_ns, max_ns, expiry_ns }) }
}

/// The key that signs the message: that of the sender, or the one that the last delegation names.
fn follow<'a>(
    chain: &'a [SignedDelegation],
    sender_key: &'a [u8],
    content: &EnvelopeContent,
    now_ns: u64,
) -> Result<&'a [u8], EnvelopeError> {
    let (receiver, is_call) = match content {
        EnvelopeContent::Call { canister_id, .. } => (Some(canister_id), true),
        EnvelopeContent::Query { canister_id, .. } => (Some(canister_id), false),
        EnvelopeContent::ReadState { .. } => (None, false),
    };
    let mut signer = sender_key;
    for SignedDelegation { delegation, signature } in chain {
        let targets = delegation.targets.as_ref();
        let covers = receiver.is_none_or(|to| targets.is_none_or(|targets| targets.contains(to)));
        let permits = !is_call || delegation.permissions != Some(DelegationPermissions::Queries);
        if delegation.expiration < now_ns || !covers || !permits {
            return Err(EnvelopeError::Delegation);
        }
        verify(signer, &delegation.signable(), signature)?;
        signer = &delegation.pubkey;
    }
    Ok(signer)
}

/// The key's DER says which kind it is.
fn verify(key_der: &[u8], message: &[u8], signature: &[u8]) -> Result<(), EnvelopeError> {
    let good = if let Ok(key) = ic_ed25519::PublicKey::deserialize_rfc8410_der(key_der) {
        key.verify_signature(message, signature).is_ok()
    } else if let Ok(key) = ic_secp256k1::PublicKey::deserialize_der(key_der) {
        key.verify_ecdsa_signature_with_malleability(message, signature)
    } else if let Ok(key) = ic_secp256r1::PublicKey::deserialize_der(key_der) {
        key.verify_signature(message, signature)
    } else {
        false
    };
    if good { Ok(()) } else { Err(EnvelopeError::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ic_transport_types::Delegation;

    const NOW_NS: u64 = 1_750_000_000_000_000_000;

    fn query(sender: Principal) -> EnvelopeContent {
        EnvelopeContent::Query {
            ingress_expiry: NOW_NS + 60_000_000_000,
            sender,
            canister_id: Principal::management_canister(),
            method_name: "m".into(),
            arg: vec![],
            nonce: None,
            sender_info: None,
        }
    }

    fn sealed(content: &EnvelopeContent, key: &ic_ed25519::PrivateKey, named: &[u8]) -> Vec<u8> {
        let signature = key.sign_message(&content.to_request_id().signable()).to_vec();
        let envelope = Envelope {
            content: std::borrow::Cow::Borrowed(content),
            sender_pubkey: Some(named.to_vec()),
            sender_sig: Some(signature),
            sender_delegation: None,
        };
        envelope.encode_bytes()
    }

    #[test]
    fn only_the_key_of_the_sender_proves_a_message_and_only_for_its_time() {
        let [key, other] = [[1; 32], [2; 32]].map(|seed| ic_ed25519::PrivateKey::deserialize_raw_32(&seed));
        let [der, other_der] = [&key, &other].map(|key| key.public_key().serialize_rfc8410_der());
        let content = query(Principal::self_authenticating(&der));
        let good = sealed(&content, &key, &der);
        assert_eq!(open(&good, NOW_NS).unwrap().id, *content.to_request_id());
        assert!(matches!(open(&sealed(&content, &other, &der), NOW_NS), Err(EnvelopeError::Signature)));
        let named = sealed(&content, &other, &other_der);
        assert!(matches!(open(&named, NOW_NS), Err(EnvelopeError::OtherKey(_))));
        assert!(matches!(open(&good, NOW_NS + EXPIRY_NS_MAX), Err(EnvelopeError::Expiry { .. })));
        assert!(matches!(open(&good, NOW_NS - EXPIRY_NS_MAX), Err(EnvelopeError::Expiry { .. })));
        let another = EnvelopeContent::ReadState {
            ingress_expiry: NOW_NS + 1,
            sender: *content.sender(),
            paths: vec![],
        };
        let mut changed: Envelope<'_> = serde_cbor::from_slice(&good).unwrap();
        changed.content = std::borrow::Cow::Owned(another);
        assert!(matches!(open(&changed.encode_bytes(), NOW_NS), Err(EnvelopeError::Signature)));
    }

    #[test]
    fn a_delegation_holds_for_its_time_its_canisters_and_what_it_permits() {
        let [key, session] = [[1; 32], [2; 32]].map(|seed| ic_ed25519::PrivateKey::deserialize_raw_32(&seed));
        let [der, session_der] = [&key, &session].map(|key| key.public_key().serialize_rfc8410_der());
        let content = query(Principal::self_authenticating(&der));
        let delegated = |expiration, targets: Option<Vec<Principal>>, signer: &ic_ed25519::PrivateKey| {
            let pubkey = session_der.clone();
            let delegation = Delegation { pubkey, expiration, targets, permissions: None };
            let signature = signer.sign_message(&delegation.signable()).to_vec();
            let envelope = Envelope {
                content: std::borrow::Cow::Borrowed(&content),
                sender_pubkey: Some(der.clone()),
                sender_sig: Some(session.sign_message(&content.to_request_id().signable()).to_vec()),
                sender_delegation: Some(vec![SignedDelegation { delegation, signature }]),
            };
            open(&envelope.encode_bytes(), NOW_NS)
        };
        let here = vec![Principal::management_canister()];
        assert!(delegated(NOW_NS, None, &key).is_ok());
        assert!(delegated(NOW_NS, Some(here), &key).is_ok());
        let elsewhere = Some(vec![Principal::from_slice(&[1, 1])]);
        assert!(matches!(delegated(NOW_NS, elsewhere, &key), Err(EnvelopeError::Delegation)));
        assert!(matches!(delegated(NOW_NS - 1, None, &key), Err(EnvelopeError::Delegation)));
        assert!(matches!(delegated(NOW_NS, None, &session), Err(EnvelopeError::Signature)));
    }

    #[test]
    fn a_name_without_a_signature_is_not_believed() {
        let bare = |sender| {
            let content = std::borrow::Cow::Owned(query(sender));
            let envelope =
                Envelope { content, sender_pubkey: None, sender_sig: None, sender_delegation: None };
            open(&envelope.encode_bytes(), NOW_NS)
        };
        assert!(bare(Principal::anonymous()).is_ok());
        let somebody = Principal::self_authenticating(b"key");
        assert!(matches!(bare(somebody), Err(EnvelopeError::MissingSignature(_))));
    }
}
