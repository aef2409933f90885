//! Candid types that are made once for a thread. Owns when they are made; what they are is said by `keepsake-api`.
//!
//! `candid` forgets the types that it made whenever it begins to encode a reply, keeps a list of all types that there
//! ever were, and compares each one that it makes with that list: on the canister the types of one publish and its
//! reply cost half a million instructions, and twice that once many methods were called. Types do not change, so here each
//! one is made by the first message that needs it, or by [`super::prepare`]. None of them may name itself: `candid` would
//! look for it in the list that it forgot.

use candid::ser::{TypeSerialize, ValueSerializer};
use candid::types::{Serializer, Type, TypeId};
use candid::{CandidType, Deserialize};
use serde::Deserializer;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static TYPES: RefCell<BTreeMap<TypeId, Type>> = const { RefCell::new(BTreeMap::new()) };
    static HEADERS: RefCell<BTreeMap<TypeId, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A `T` whose type is made once.
pub(super) struct Known<T>(pub(super) T);

impl<T: CandidType> CandidType for Known<T> {
    fn ty() -> Type {
        let known = TYPES.with_borrow(|types| types.get(&T::id()).cloned());
        known.unwrap_or_else(|| {
            let made = T::ty();
            TYPES.with_borrow_mut(|types| types.insert(T::id(), made.clone()));
            made
        })
    }

    fn id() -> TypeId {
        T::id()
    }

    fn _ty() -> Type {
        T::_ty()
    }

    fn idl_serialize<S: Serializer>(&self, serializer: S) -> Result<(), S::Error> {
        self.0.idl_serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Known)
    }
}

/// A message with one value, as `candid::encode_one` makes it.
pub(super) fn encode<T: CandidType>(value: &T) -> Vec<u8> {
    let mut values = ValueSerializer::new();
    value.idl_serialize(&mut values).expect("wire types encode");
    let values = values.get_result();
    HEADERS.with_borrow_mut(|headers| [headers.entry(T::id()).or_insert_with(header::<T>), values].concat())
}

/// Bytes of a message with one `T` before the value.
pub(super) fn value_at<T: CandidType>() -> usize {
    HEADERS.with_borrow_mut(|headers| headers.entry(T::id()).or_insert_with(header::<T>).len())
}

/// Makes the type of an argument.
pub(super) fn prepare<T: CandidType>() {
    Known::<T>::ty();
}

/// Makes what replies of a type begin with.
pub(super) fn prepare_reply<T: CandidType>() {
    HEADERS.with_borrow_mut(|headers| drop(headers.insert(T::id(), header::<T>())));
}

/// What comes before the value in a message with one `T`: the table of its types.
fn header<T: CandidType>() -> Vec<u8> {
    let mut types = TypeSerialize::new();
    types.push_type(&Known::<T>::ty()).and_then(|()| types.serialize()).expect("wire types encode");
    [b"DIDL", types.get_result()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_api as api;

    #[test]
    fn a_message_is_what_candid_makes_of_it_the_first_time_and_after() {
        let error: api::Answer<api::PublishResult> = Err(api::Error::NotFound);
        for _ in 0..2 {
            assert_eq!(encode(&error), candid::encode_one(&error).unwrap());
            assert_eq!(encode(&7_u64), candid::encode_one(7_u64).unwrap());
            assert_eq!(encode(&Some("text")), candid::encode_one(Some("text")).unwrap());
        }
    }

    #[test]
    fn a_known_type_reads_as_its_own() {
        let bytes = candid::encode_args(("text", 5_u8)).unwrap();
        let (text, number) = candid::decode_args::<(Known<String>, Known<Option<u8>>)>(&bytes).unwrap();
        assert_eq!((text.0.as_str(), number.0), ("text", Some(5)));
    }
}
