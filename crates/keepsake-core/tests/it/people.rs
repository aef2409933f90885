//! Accounts, devices and members where two rules meet: each test is a short life that one of them alone does not have.

use crate::inputs::person;
use crate::small_store::{assert_sound, call, empty};
use keepsake_core::Principal;
use keepsake_core::access::Role;
use keepsake_core::capsule::Subject;
use keepsake_core::devices::Passkey;

#[test]
fn whoever_looks_because_everybody_may_is_no_member() {
    let mut store = empty();
    let id = store.capsule_create(&call(1), None).unwrap().id;
    let everybody = Principal::anonymous();
    store.capsule_grant(&call(1), id, &everybody, Role::Guest).unwrap();
    for visitor in [everybody, person(2)] {
        let seen = store.capsule(&visitor, Some(id)).unwrap();
        assert!(!seen.is_member, "members are told who made it");
        assert!(seen.is_accepted, "nobody has to say yes to what all may see");
    }
}

#[test]
fn a_key_that_lost_its_own_capsule_brings_none_along() {
    let mut store = empty();
    let id = store.capsule_create(&call(1), None).unwrap().id;
    store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
    store.capsule_accept(&call(2), id).unwrap();
    store.capsule_revoke(&call(2), id, &person(1)).unwrap();
    let code = store.devices_invite(&call(2), "").unwrap();
    store.devices_join(&call(1), &code, "", None).unwrap();
    assert_sound(&store);
    let own = store.capsule_create(&call(2), None).unwrap();
    assert_ne!(own.id, id);
    assert_eq!(own.record.subject, Subject::Principal(person(2)));
    assert_sound(&store);
}

#[test]
fn a_passkey_that_joins_is_found_as_before_and_goes_with_its_device() {
    let mut store = empty();
    let passkey = Passkey { credential_id: vec![5], public_key: 2_u32.to_le_bytes().to_vec() };
    store.passkey_register(&call(2), &passkey).unwrap();
    let code = store.devices_invite(&call(1), "").unwrap();
    store.devices_join(&call(2), &code, "", None).unwrap();
    assert_sound(&store);
    let devices = store.devices_list(&person(1)).unwrap();
    let joined = devices.iter().find(|device| device.key == person(2)).unwrap();
    assert!(joined.record.credential.is_some(), "it is shown as a passkey");
    assert!(store.passkey_find(&[5]).is_ok());
    store.devices_remove(&call(1), &person(2)).unwrap();
    assert!(store.passkey_find(&[5]).is_err(), "a removed device is found nowhere");
    assert_sound(&store);
}

#[test]
fn no_code_begins_as_an_option_of_a_program_does() {
    let mut store = empty();
    let codes = (0..200).map(|who| store.devices_invite(&call(who), "").unwrap());
    // In base64 a first byte of 0xf8 to 0xfb is a dash.
    assert_eq!(codes.filter(|code| code[0] > 0x7f).count(), 0);
}
