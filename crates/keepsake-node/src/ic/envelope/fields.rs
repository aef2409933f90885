//! The fields of an envelope, from CBOR to the IC's own type.
//!
//! Owns their names and types. Fields that are not known are passed, as the specification asks; one that comes twice is
//! refused. Believes nothing: whether the sender sent it is asked afterwards.
//!
//! Source: [authentication](https://internetcomputer.org/docs/references/ic-interface-spec#authentication).

use std::borrow::Cow;

use candid::Principal;
use ic_transport_types::{
    Delegation, DelegationPermissions, Envelope, EnvelopeContent, SenderInfo, SignedDelegation,
};

use crate::ic::cbor::{CborError, Reader, once};

/// Most characters of a wrong value that an error repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// Reads `bytes` as exactly one envelope.
///
/// # Errors
/// [`CborError`], the first violation found.
pub(super) fn read(bytes: &[u8]) -> Result<Envelope<'static>, CborError> {
    Reader::whole(bytes, envelope)
}

fn envelope(reader: &mut Reader<'_>) -> Result<Envelope<'static>, CborError> {
    let (mut content, mut sender_pubkey, mut sender_sig, mut sender_delegation) = (None, None, None, None);
    reader.fields(|reader, name| match name {
        "content" => once(&mut content, "content", self::content(reader)?),
        "sender_pubkey" => once(&mut sender_pubkey, "sender_pubkey", reader.optional(Reader::bytes)?),
        "sender_sig" => once(&mut sender_sig, "sender_sig", reader.optional(Reader::bytes)?),
        "sender_delegation" => {
            let chain = reader.optional(|reader| reader.list(signed_delegation))?;
            once(&mut sender_delegation, "sender_delegation", chain)
        }
        _ => reader.skip(),
    })?;
    Ok(Envelope {
        content: Cow::Owned(needed(content, "content")?),
        sender_pubkey: sender_pubkey.flatten(),
        sender_sig: sender_sig.flatten(),
        sender_delegation: sender_delegation.flatten(),
    })
}

/// What of a content has been read so far: its type may come last.
#[derive(Default)]
#[expect(clippy::option_option, reason = "outside: whether the field was there; inside: a value or null")]
struct Content {
    request_type: Option<String>,
    ingress_expiry: Option<u64>,
    sender: Option<Principal>,
    canister_id: Option<Principal>,
    method_name: Option<String>,
    arg: Option<Vec<u8>>,
    nonce: Option<Option<Vec<u8>>>,
    sender_info: Option<Option<SenderInfo>>,
    paths: Option<Vec<Vec<Vec<u8>>>>,
}

fn content(reader: &mut Reader<'_>) -> Result<EnvelopeContent, CborError> {
    let mut content = Content::default();
    reader.fields(|reader, name| content.field(reader, name))?;
    content.finish()
}

impl Content {
    fn field(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<(), CborError> {
        match name {
            "request_type" => once(&mut self.request_type, "request_type", reader.text()?.into_owned()),
            "ingress_expiry" => once(&mut self.ingress_expiry, "ingress_expiry", reader.u64()?),
            "sender" => once(&mut self.sender, "sender", reader.principal("sender")?),
            "canister_id" => once(&mut self.canister_id, "canister_id", reader.principal("canister_id")?),
            "method_name" => once(&mut self.method_name, "method_name", reader.text()?.into_owned()),
            "arg" => once(&mut self.arg, "arg", reader.bytes()?),
            "nonce" => once(&mut self.nonce, "nonce", reader.optional(Reader::bytes)?),
            "sender_info" => once(&mut self.sender_info, "sender_info", reader.optional(sender_info)?),
            "paths" => {
                let path = |reader: &mut Reader<'_>| reader.list(Reader::bytes);
                once(&mut self.paths, "paths", reader.list(path)?)
            }
            _ => reader.skip(),
        }
    }

    fn finish(self) -> Result<EnvelopeContent, CborError> {
        let request_type = needed(self.request_type, "request_type")?;
        let ingress_expiry = needed(self.ingress_expiry, "ingress_expiry")?;
        let sender = needed(self.sender, "sender")?;
        if request_type == "read_state" {
            let paths = needed(self.paths, "paths")?.into_iter();
            let paths = paths.map(|path| path.into_iter().map(Into::into).collect()).collect();
            return Ok(EnvelopeContent::ReadState { ingress_expiry, sender, paths });
        }
        let is_call = match request_type.as_str() {
            "call" => true,
            "query" => false,
            other => return Err(value("request_type", other)),
        };
        let canister_id = needed(self.canister_id, "canister_id")?;
        let method_name = needed(self.method_name, "method_name")?;
        let arg = needed(self.arg, "arg")?;
        let (nonce, sender_info) = (self.nonce.flatten(), self.sender_info.flatten());
        Ok(if is_call {
            EnvelopeContent::Call {
                nonce,
                ingress_expiry,
                sender,
                canister_id,
                method_name,
                arg,
                sender_info,
            }
        } else {
            EnvelopeContent::Query {
                ingress_expiry,
                sender,
                canister_id,
                method_name,
                arg,
                nonce,
                sender_info,
            }
        })
    }
}

fn sender_info(reader: &mut Reader<'_>) -> Result<SenderInfo, CborError> {
    let (mut info, mut signer, mut sig) = (None, None, None);
    reader.fields(|reader, name| match name {
        "info" => once(&mut info, "info", reader.bytes()?),
        "signer" => once(&mut signer, "signer", reader.bytes()?),
        "sig" => once(&mut sig, "sig", reader.bytes()?),
        _ => reader.skip(),
    })?;
    Ok(SenderInfo {
        info: needed(info, "info")?,
        signer: needed(signer, "signer")?,
        sig: needed(sig, "sig")?,
    })
}

fn signed_delegation(reader: &mut Reader<'_>) -> Result<SignedDelegation, CborError> {
    let (mut delegation, mut signature) = (None, None);
    reader.fields(|reader, name| match name {
        "delegation" => once(&mut delegation, "delegation", self::delegation(reader)?),
        "signature" => once(&mut signature, "signature", reader.bytes()?),
        _ => reader.skip(),
    })?;
    Ok(SignedDelegation {
        delegation: needed(delegation, "delegation")?,
        signature: needed(signature, "signature")?,
    })
}

fn delegation(reader: &mut Reader<'_>) -> Result<Delegation, CborError> {
    let (mut pubkey, mut expiration, mut targets, mut permissions) = (None, None, None, None);
    reader.fields(|reader, name| match name {
        "pubkey" => once(&mut pubkey, "pubkey", reader.bytes()?),
        "expiration" => once(&mut expiration, "expiration", reader.u64()?),
        "targets" => {
            let found = reader.optional(|reader| reader.list(|reader| reader.principal("target")))?;
            once(&mut targets, "targets", found)
        }
        "permissions" => once(&mut permissions, "permissions", reader.optional(self::permissions)?),
        _ => reader.skip(),
    })?;
    Ok(Delegation {
        pubkey: needed(pubkey, "pubkey")?,
        expiration: needed(expiration, "expiration")?,
        targets: targets.flatten(),
        permissions: permissions.flatten(),
    })
}

fn permissions(reader: &mut Reader<'_>) -> Result<DelegationPermissions, CborError> {
    match &*reader.text()? {
        "queries" => Ok(DelegationPermissions::Queries),
        "all" => Ok(DelegationPermissions::All),
        other => Err(value("permissions", other)),
    }
}

fn needed<T>(field: Option<T>, name: &'static str) -> Result<T, CborError> {
    field.ok_or(CborError::Missing(name))
}

fn value(field: &'static str, found: &str) -> CborError {
    CborError::Value { field, value: found.chars().take(SHOWN_CHARS_MAX).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_cbor::Value;

    fn sample() -> Envelope<'static> {
        let delegation = Delegation {
            pubkey: vec![9; 44],
            expiration: u64::MAX,
            targets: Some(vec![Principal::anonymous(), Principal::management_canister()]),
            permissions: Some(DelegationPermissions::Queries),
        };
        Envelope {
            content: Cow::Owned(EnvelopeContent::Call {
                nonce: Some(vec![1; 16]),
                ingress_expiry: 1 << 60,
                sender: Principal::self_authenticating([3; 44]),
                canister_id: Principal::from_slice(&[7; 10]),
                method_name: "uploads_put_chunk".into(),
                arg: vec![5; 300],
                sender_info: Some(SenderInfo { info: vec![1], signer: vec![2], sig: vec![3] }),
            }),
            sender_pubkey: Some(vec![3; 44]),
            sender_sig: Some(vec![4; 64]),
            sender_delegation: Some(vec![SignedDelegation { delegation, signature: vec![8; 64] }]),
        }
    }

    fn read_state() -> Envelope<'static> {
        let path = vec![b"request_status".to_vec().into(), vec![1; 32].into()];
        let content = EnvelopeContent::ReadState {
            ingress_expiry: 7,
            sender: Principal::anonymous(),
            paths: vec![path, vec![]],
        };
        Envelope {
            content: Cow::Owned(content),
            sender_pubkey: None,
            sender_sig: None,
            sender_delegation: None,
        }
    }

    #[test]
    fn what_an_agent_encodes_is_read_whole() {
        for sent in [sample(), read_state()] {
            let bytes = sent.encode_bytes();
            assert_eq!(read(&bytes).unwrap().encode_bytes(), bytes);
        }
    }

    /// The map `content` of the sample, changed.
    fn changed(change: impl FnOnce(&mut std::collections::BTreeMap<Value, Value>)) -> Vec<u8> {
        let Value::Map(mut envelope) = serde_cbor::from_slice(&sample().encode_bytes()).unwrap() else {
            panic!("no map")
        };
        let Some(Value::Map(content)) = envelope.get_mut(&Value::Text("content".into())) else {
            panic!("no content")
        };
        change(content);
        serde_cbor::to_vec(&envelope).unwrap()
    }

    fn text(name: &str) -> Value {
        Value::Text(name.into())
    }

    #[test]
    fn fields_that_are_not_known_are_passed_and_null_means_absent() {
        let more = changed(|content| {
            content.insert(
                text("new"),
                Value::Array(vec![Value::Map([(Value::Null, Value::Bool(true))].into())]),
            );
            content.insert(text("nonce"), Value::Null);
            content.remove(&text("sender_info"));
        });
        let EnvelopeContent::Call { nonce, sender_info, arg, .. } = read(&more).unwrap().content.into_owned()
        else {
            panic!("not a call")
        };
        assert!(nonce.is_none() && sender_info.is_none());
        assert_eq!(arg, [5; 300]);
    }

    #[test]
    fn every_field_that_is_needed_is_asked_for_by_name() {
        for name in ["request_type", "ingress_expiry", "sender", "canister_id", "method_name", "arg"] {
            let without = changed(|content| drop(content.remove(&text(name))));
            assert_eq!(read(&without).unwrap_err(), CborError::Missing(name));
            let wrong = changed(|content| drop(content.insert(text(name), Value::Bool(true))));
            assert!(matches!(read(&wrong), Err(CborError::Type { .. })), "{name}");
        }
        let other = changed(|content| drop(content.insert(text("request_type"), text("callback"))));
        assert_eq!(read(&other).unwrap_err().to_string(), "`callback` is not a request_type");
        let long = changed(|content| drop(content.insert(text("sender"), Value::Bytes(vec![1; 30]))));
        assert!(matches!(read(&long), Err(CborError::Value { field: "sender", .. })));
    }

    #[test]
    fn a_field_that_comes_twice_and_a_key_that_is_no_text_are_refused() {
        let one = sample().encode_bytes();
        // The self-describing tag and the head of the map, then another `sender_sig` before the rest.
        assert_eq!(one[3], 0xa4);
        let twice = [&one[..3], &[0xa5, 0x6a], b"sender_sig", &[0x41, 0x00], &one[4..]].concat();
        assert_eq!(read(&twice).unwrap_err(), CborError::Twice("sender_sig"));
        let number = [&one[..3], &[0xa5, 0x01, 0x01], &one[4..]].concat();
        assert!(matches!(read(&number), Err(CborError::Type { expected: "text", .. })));
        let bytes = [&one[..3], &[0xa5, 0x47], b"content", &[0x01], &one[4..]].concat();
        assert!(matches!(read(&bytes), Err(CborError::Type { expected: "text", .. })));
    }

    #[test]
    fn chunks_of_strings_and_maps_without_a_length_are_read() {
        let one = read_state().encode_bytes();
        assert_eq!(one[3], 0xa1);
        let open =
            [&one[..3], &[0xbf], &one[4..], &[0x6a], b"sender_sig", &[0x5f, 0x41, 1, 0x41, 2, 0xff, 0xff]];
        let envelope = read(&open.concat()).unwrap();
        assert_eq!(envelope.sender_sig, Some(vec![1, 2]));
        assert_eq!(envelope.content.to_request_id(), read_state().content.to_request_id());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Nothing panics, and what is taken is what another decoder makes of the same bytes.
        #[test]
        fn an_envelope_with_changed_bytes_is_refused_or_read_as_another_decoder_reads_it(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
            cut in proptest::option::of(any::<proptest::sample::Index>()),
            is_call in any::<bool>(),
        ) {
            let mut bytes = if is_call { sample() } else { read_state() }.encode_bytes();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let (Ok(ours), Ok(theirs)) = (read(&bytes), serde_cbor::from_slice::<Envelope<'static>>(&bytes)) {
                prop_assert_eq!(ours.encode_bytes(), theirs.encode_bytes());
            }
        }
    }
}
