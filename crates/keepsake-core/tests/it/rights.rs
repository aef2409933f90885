//! Rights and limits that others tried to bend: owners who never said yes, gifts that hide a capsule, limits that lower, codes that
//! were used, strangers.

use crate::inputs::{START_NS, person};
use crate::small_store::{TestStore, assert_sound, call, empty, opened};
use keepsake_core::access::Role;
use keepsake_core::capsule::{CapsuleError, Subject};
use keepsake_core::invitations::CodeError;
use keepsake_core::limits::{CAPSULES_PER_CALLER_MAX, CODE_KNOWN_AFTER_NS};
use keepsake_core::operator::Settings;
use keepsake_core::{Admission, Call, Config, Limit};

/// With a controller.
fn operated() -> Config {
    Config { controllers: vec![person(9)], ..Config::default() }
}

#[test]
fn what_somebody_said_yes_to_comes_before_what_others_gave() {
    let mut store = empty();
    let gifts = CAPSULES_PER_CALLER_MAX + 5;
    for at in 0..gifts {
        let about = Some(Subject::Opaque(at.to_string()));
        // Nobody makes more than a thousand.
        let giver = call(10 + at % 2);
        let id = store.capsule_create(&giver, about).unwrap().id;
        store.capsule_grant(&giver, id, &person(1), Role::Owner).unwrap();
    }
    let real = store.capsule_create(&call(2), None).unwrap().id;
    let (_, code) = store.invitation_create(&call(2), real, Role::Guest, 1, None, "").unwrap();
    store.invitation_redeem(&call(1), &code).unwrap();
    let listed =
        |store: &TestStore| store.capsule_list(&person(1)).iter().map(|view| view.id).collect::<Vec<_>>();
    assert_eq!((listed(&store).len(), listed(&store)[0]), (1_000, real));
    let other = store.capsule_create(&call(3), None).unwrap().id;
    store.capsule_grant(&call(3), other, &person(1), Role::Guest).unwrap();
    assert!(!listed(&store).contains(&other), "one gift more");
    store.capsule_accept(&call(1), other).unwrap();
    assert_eq!(listed(&store)[..2], [real, other]);
    let own = store.capsule_create(&call(1), None).unwrap().id;
    assert_eq!(listed(&store)[..3], [own, real, other]);
    store.capsule_leave(&call(1), real).unwrap();
    assert_eq!(listed(&store)[..2], [own, other]);
    assert_sound(&store);
}

#[test]
fn a_capsule_keeps_an_owner_who_said_yes() {
    let mut store = empty();
    let id = store.capsule_create(&call(1), None).unwrap().id;
    store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
    for refused in [
        store.capsule_leave(&call(1), id),
        store.capsule_revoke(&call(2), id, &person(1)),
        store.capsule_grant(&call(2), id, &person(1), Role::Guest),
    ] {
        assert_eq!(refused.unwrap_err(), CapsuleError::LastOwner);
    }
    store.capsule_leave(&call(2), id).unwrap();
    assert_eq!(store.capsule_members(&person(1), id).unwrap().len(), 1);
    store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
    store.capsule_accept(&call(2), id).unwrap();
    store.capsule_leave(&call(1), id).unwrap();
    assert_sound(&store);
}

#[test]
fn a_limit_that_comes_with_a_code_or_a_key_lowers_nobody_who_has_none() {
    for invited in [false, true] {
        let admission = if invited { Admission::Invited } else { Admission::Everybody };
        let mut store = opened(&Config { admission: Some(admission), ..operated() });
        let code = |store: &mut TestStore, limit| {
            store.invitation_onto_host(&call(9), 1, None, "", limit).unwrap().1
        };
        let unlimited = code(&mut store, None);
        store.invitation_redeem(&call(1), &unlimited).unwrap();
        let limited = code(&mut store, Some(5));
        store.invitation_redeem(&call(2), &limited).unwrap();
        let limit = |store: &TestStore, who| store.person(&person(who)).quota_bytes;
        assert_eq!(limit(&store, 2), Some(5), "that everybody may come in today is no right of theirs");
        store.operator_quota(&call(9), &person(2), Some(7)).unwrap();
        let device = store.devices_invite(&call(1), "").unwrap();
        store.devices_join(&call(2), &device, "", None).unwrap();
        assert_eq!(limit(&store, 1), None);
        assert_sound(&store);
    }
    // Whom only the key lets in has the key's limit.
    let mut store = opened(&Config { admission: Some(Admission::Invited), ..operated() });
    let id = store.capsule_create(&call(9), None).unwrap().id;
    store.capsule_grant(&call(9), id, &person(1), Role::Guest).unwrap();
    let (_, code) = store.invitation_onto_host(&call(9), 1, None, "", Some(5)).unwrap();
    store.invitation_redeem(&call(2), &code).unwrap();
    let device = store.devices_invite(&call(1), "").unwrap();
    store.devices_join(&call(2), &device, "", None).unwrap();
    let person = store.person(&person(1));
    assert_eq!((person.admitted, person.quota_bytes), (true, Some(5)));
}

#[test]
fn a_code_that_was_used_says_so_and_lets_nobody_to_the_door() {
    let mut store = empty();
    let code = store.devices_invite(&call(1), "").unwrap();
    assert!(store.opens_something(&call(3), &code).is_ok());
    store.devices_join(&call(2), &code, "", None).unwrap();
    assert!(store.opens_something(&call(3), &code).is_err());
    assert_eq!(store.devices_join(&call(3), &code, "", None).unwrap_err(), CodeError::Used.into());
    assert_sound(&store);
    // It takes no place from those that wait.
    for _ in 0..10 {
        store.devices_invite(&call(1), "").unwrap();
    }
    assert_eq!(store.devices_join(&call(3), &code, "", None).unwrap_err(), CodeError::Used.into());
    let late = Call { now_ns: START_NS + 16 * 60 * 1_000_000_000 + CODE_KNOWN_AFTER_NS, ..call(3) };
    while store.tick(&late).more {}
    assert_eq!(store.devices_join(&late, &code, "", None).unwrap_err(), CodeError::Unknown.into());
    assert_sound(&store);
}

#[test]
fn a_stranger_of_a_host_by_invitation_leaves_nothing_and_hears_nothing_of_its_room() {
    let mut store = opened(&Config { admission: Some(Admission::Invited), ..operated() });
    let stranger = call(5);
    assert!(store.devices_rename(&stranger, &person(5), "a name").is_err());
    let codes: Vec<_> = store.usage(&stranger, None).unwrap().iter().map(|row| row.limit.code()).collect();
    assert!(!codes.contains(&"heap_bytes") && !codes.contains(&"record_bytes"), "{codes:?}");
    let seen = store.usage(&call(9), None).unwrap();
    assert!(seen.iter().any(|row| row.limit == Limit::HeapBytes));
    assert_sound(&store);
}

#[test]
fn a_name_has_something_to_see() {
    let mut store = empty();
    for name in ["", " ", "\u{200b}", "\u{202e}\u{feff} ", "\u{3164}"] {
        assert!(store.profile_set(&call(1), Some(name.into()), None).is_err(), "{name:?}");
    }
    store.profile_set(&call(1), Some("\u{200f}Anna".into()), None).unwrap();
}

#[test]
fn what_sets_nothing_is_not_noted() {
    let mut store = opened(&operated());
    store.operator_set(&call(9), &Settings::default()).unwrap();
    assert_eq!(store.operator_log(&call(9), None).unwrap(), []);
    let some = Settings { sessions_per_caller_max: Some(1), ..Settings::default() };
    store.operator_set(&call(9), &some).unwrap();
    assert_eq!(store.operator_log(&call(9), None).unwrap().len(), 1);
    assert!(store.operator_set(&call(1), &Settings::default()).is_err());
}
