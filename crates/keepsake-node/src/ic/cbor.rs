//! Encoding of replies. Owns the tag that every reply of the IC starts with.

/// CBOR with the self-describing tag 55799.
///
/// Source: [CBOR](https://internetcomputer.org/docs/references/ic-interface-spec#cbor).
pub(crate) fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut serializer = serde_cbor::Serializer::new(Vec::new());
    serializer.self_describe().expect("writing to memory does not fail");
    value.serialize(&mut serializer).expect("replies hold only maps, strings, bytes and integers");
    serializer.into_inner()
}
