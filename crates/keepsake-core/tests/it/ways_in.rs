//! Ways into accounts and capsules, and how each ends: codes, links, devices, and whom an operator names. Each test is what
//! somebody tried who was shut out.

use crate::inputs::{START_NS, asset_meta, link_public_key, memory_meta, person};
use crate::small_store::{TestStore, assert_sound, call, empty, opened};
use ic_stable_structures::VectorMemory;
use keepsake_core::access::Role;
use keepsake_core::capsule::{CapsuleError, Subject};
use keepsake_core::devices::DeviceError;
use keepsake_core::door::Standing;
use keepsake_core::ids::{CapsuleId, MemoryId};
use keepsake_core::links::{LinkError, NewLink, link_id};
use keepsake_core::memory::{AssetKind, NewAsset, NewSource};
use keepsake_core::operator::OperatorError;
use keepsake_core::{Call, Config, Limit, Principal, RecordLimits, Store};

/// A memory of person 1.
fn note(store: &mut TestStore, id: CapsuleId, at: u32) -> MemoryId {
    let asset =
        NewAsset { meta: asset_meta(AssetKind::Original), source: NewSource::Inline(b"note".to_vec()) };
    store.memory_create(&call(1), id, memory_meta("m"), vec![asset], &at.to_string()).unwrap()
}

fn link_key(number: u32) -> Principal {
    Principal::self_authenticating(link_public_key(number))
}

#[test]
fn a_key_that_was_a_links_is_never_somebodys() {
    for ends in ["taken back", "by its time", "with its maker's role", "with its maker's smaller role"] {
        let mut store = empty();
        let id = store.capsule_create(&call(1), None).unwrap().id;
        store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
        store.capsule_accept(&call(2), id).unwrap();
        let (public_key, key, expires_ns) = (link_public_key(7), link_key(7), Some(START_NS + 10));
        let new = NewLink { expires_ns, ..NewLink::default() };
        store.link_create(&call(1), id, &public_key, new.clone()).unwrap();
        let mut by_link = Call { caller: key, ..call(0) };
        match ends {
            "taken back" => store.link_revoke(&call(1), id, &key).unwrap(),
            "by its time" => by_link.now_ns += 10,
            "with its maker's role" => store.capsule_revoke(&call(2), id, &person(1)).unwrap(),
            _ => store.capsule_grant(&call(2), id, &person(1), Role::Admin).unwrap(),
        }
        assert_eq!(store.standing(&key, by_link.now_ns), Standing::LinkEnded, "{ends}");
        let acts = store.enter_to_change(&by_link);
        assert_eq!(acts.caller, Principal::anonymous(), "{ends}");
        assert!(store.capsule_create(&acts, None).is_err(), "{ends}");
        assert_eq!(store.enter(&by_link).caller, Principal::anonymous(), "{ends}");
        let other = store.capsule_create(&call(3), None).unwrap().id;
        assert_eq!(
            store.link_create(&call(3), other, &public_key, new).unwrap_err(),
            LinkError::KeyTaken,
            "{ends}"
        );
        let code = store.devices_invite(&call(3), "").unwrap();
        assert!(store.devices_join(&by_link, &code, "", None).is_err(), "{ends}");
        let granted = store.capsule_grant(&call(3), other, &key, Role::Guest);
        assert_eq!(granted.unwrap_err(), CapsuleError::RoleNotForLink, "{ends}");
        assert_sound(&store);
    }
}

#[test]
fn nobody_makes_a_link_of_a_key_whose_principal_is_all_they_know() {
    let mut store = empty();
    let id = store.capsule_create(&call(1), None).unwrap().id;
    let (principal, whole) = (link_key(7), link_public_key(7));
    let mut of_another_kind = whole.clone();
    of_another_kind[8] = 0x71;
    let longer = [whole.as_slice(), &[0]].concat();
    for wrong in [&[], principal.as_slice(), &whole[12..], &whole[..43], &of_another_kind, &longer] {
        let made = store.link_create(&call(1), id, wrong, NewLink::default());
        assert_eq!(made.unwrap_err(), LinkError::Key(wrong.len()));
    }
    // Whoever's it is comes in as if nothing had been tried.
    let by_key = Call { caller: principal, ..call(0) };
    store.capsule_create(&store.enter_to_change(&by_key), None).unwrap();
    let made = store.link_create(&call(1), id, &whole, NewLink::default());
    assert_eq!(made.unwrap_err(), LinkError::KeyTaken, "it is somebody's");
    assert_sound(&store);
}

#[test]
fn a_removed_device_stays_one_and_comes_back_by_a_new_code_alone() {
    let mut store = empty();
    store.capsule_create(&call(1), None).unwrap();
    let code = store.devices_invite(&call(1), "").unwrap();
    store.devices_join(&call(2), &code, "", None).unwrap();
    let acts = store.enter_to_change(&call(2));
    let before = store.devices_invite(&acts, "").unwrap();
    store.devices_remove(&call(1), &person(2)).unwrap();
    assert_eq!(store.standing(&person(2), START_NS), Standing::Removed);
    assert!(store.opens_something(&call(0), &before).is_err(), "it made this code, and whoever has it now");
    for key in [2, 3] {
        assert!(store.devices_join(&call(key), &before, "", None).is_err(), "{key}");
    }
    store.capsule_create(&call(4), None).unwrap();
    let others = store.devices_invite(&call(4), "").unwrap();
    let refused = store.devices_join(&call(2), &others, "", None);
    assert_eq!(refused.unwrap_err(), DeviceError::Removed, "it begins anew nowhere");
    assert_eq!(store.enter_to_change(&call(2)).caller, Principal::anonymous());
    assert_sound(&store);
    let code = store.devices_invite(&call(1), "").unwrap();
    assert_eq!(store.devices_join(&call(2), &code, "", None).unwrap(), person(1));
    assert_eq!(store.enter_to_change(&call(2)).caller, person(1));
    assert_eq!(store.devices_list(&person(1)).unwrap().len(), 2);
    assert_sound(&store);
}

#[test]
fn every_removed_device_is_remembered_and_no_new_one_joins_beyond_a_thousand() {
    let mut store = empty();
    let join = |store: &mut TestStore, account: u32, key: u32| {
        let code = store.devices_invite(&call(account), "").unwrap();
        store.devices_join(&call(key), &code, "", None)
    };
    for key in 10..1_010 {
        join(&mut store, 1, key).unwrap();
        store.devices_remove(&call(1), &person(key)).unwrap();
    }
    assert_eq!(join(&mut store, 1, 5), Err(DeviceError::RemovedDevices(1_000)));
    // One that was removed comes back; no account gets more by taking another one in.
    assert_eq!(join(&mut store, 1, 10), Ok(person(1)));
    store.devices_remove(&call(1), &person(10)).unwrap();
    assert_eq!(join(&mut store, 3, 1), Err(DeviceError::RemovedDevices(1_000)));
    let standings = (10..1_010).map(|key| store.standing(&person(key), START_NS));
    assert!(standings.into_iter().all(|standing| standing == Standing::Removed));
    assert_eq!(store.devices_list(&person(1)).unwrap().len(), 1);
    assert_sound(&store);
}

#[test]
fn what_removed_devices_leave_goes_along_into_another_account() {
    let mut store = empty();
    let code = store.devices_invite(&call(1), "").unwrap();
    store.devices_join(&call(2), &code, "", None).unwrap();
    store.devices_remove(&call(1), &person(2)).unwrap();
    let code = store.devices_invite(&call(3), "").unwrap();
    store.devices_join(&call(1), &code, "", None).unwrap();
    assert_eq!(store.standing(&person(2), START_NS), Standing::Removed);
    assert_sound(&store);
    let code = store.devices_invite(&call(3), "").unwrap();
    assert_eq!(store.devices_join(&call(2), &code, "", None).unwrap(), person(3));
    assert_sound(&store);
}

#[test]
fn what_somebody_made_ends_with_their_role_and_waits_while_they_are_shut_out() {
    for ends in ["revoked", "smaller", "left"] {
        let mut store = opened(&operated());
        let id = store.capsule_create(&call(1), None).unwrap().id;
        store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
        store.capsule_accept(&call(2), id).unwrap();
        let (_, code) = store.invitation_create(&call(2), id, Role::Owner, 10, None, "").unwrap();
        let (_, others) = store.invitation_create(&call(1), id, Role::Owner, 10, None, "").unwrap();
        store.link_create(&call(2), id, &link_public_key(7), NewLink::default()).unwrap();
        store.link_create(&call(1), id, &link_public_key(8), NewLink::default()).unwrap();
        let device = store.devices_invite(&call(2), "").unwrap();
        let opens = |store: &TestStore, device_too: bool| {
            let link = store.standing(&link_key(7), START_NS) == Standing::Link;
            assert_eq!(store.opens_something(&call(0), &code).is_ok(), link);
            assert_eq!(store.opens_something(&call(0), &device).is_ok(), device_too);
            assert_eq!(store.link_preview(&link_id(&link_key(7)).unwrap(), START_NS), None);
            assert_eq!(store.standing(&link_key(8), START_NS), Standing::Link, "another's goes on");
            assert!(store.opens_something(&call(0), &others).is_ok());
            link
        };
        assert!(opens(&store, true));
        store.operator_block(&call(9), &person(2), "").unwrap();
        assert!(!opens(&store, false), "of whoever is shut out nothing opens");
        assert_eq!(
            store.invitation_redeem(&call(5), &code).unwrap_err(),
            keepsake_core::invitations::CodeError::Unknown.into()
        );
        store.operator_unblock(&call(9), &person(2)).unwrap();
        assert!(opens(&store, true), "it comes back with its maker");
        match ends {
            "revoked" => store.capsule_revoke(&call(1), id, &person(2)).unwrap(),
            "smaller" => store.capsule_grant(&call(1), id, &person(2), Role::Admin).unwrap(),
            _ => store.capsule_leave(&call(2), id).unwrap(),
        }
        for _ in 0..2 {
            assert!(!opens(&store, true), "{ends}: they let nobody in");
            let listed = store.link_list(&call(1), id).unwrap();
            assert_eq!(listed.iter().map(|link| link.key).collect::<Vec<_>>(), [link_key(8)], "{ends}");
            assert_eq!(store.invitation_list(&call(1), Some(id)).unwrap().len(), 1, "{ends}");
            // What ended does not come back with the role.
            store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
        }
        assert_sound(&store);
    }
}

#[test]
fn an_owner_who_never_said_yes_takes_their_links_along() {
    let mut store = empty();
    let id = store.capsule_create(&call(1), None).unwrap().id;
    store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
    store.link_create(&call(2), id, &link_public_key(7), NewLink::default()).unwrap();
    store.capsule_leave(&call(2), id).unwrap();
    assert_eq!(store.standing(&link_key(7), START_NS), Standing::LinkEnded);
    assert_sound(&store);
}

#[test]
fn what_a_phone_made_before_it_joined_is_the_accounts() {
    let mut store = empty();
    let id = store.capsule_create(&call(2), None).unwrap().id;
    let (_, code) = store.invitation_create(&call(2), id, Role::Guest, 10, None, "").unwrap();
    store.link_create(&call(2), id, &link_public_key(7), NewLink::default()).unwrap();
    let account = store.devices_invite(&call(3), "").unwrap();
    store.devices_join(&call(2), &account, "", None).unwrap();
    store.devices_remove(&call(3), &person(2)).unwrap();
    assert!(store.opens_something(&call(0), &code).is_ok());
    assert_eq!(store.standing(&link_key(7), START_NS), Standing::Link);
    let listed = store.link_list(&call(3), id).unwrap();
    assert_eq!(listed.iter().map(|link| link.record.creator).collect::<Vec<_>>(), [person(3)]);
    // It ends with the account's role, as all that the account made.
    store.capsule_grant(&call(3), id, &person(4), Role::Owner).unwrap();
    store.capsule_accept(&call(4), id).unwrap();
    store.capsule_revoke(&call(4), id, &person(3)).unwrap();
    assert!(store.opens_something(&call(0), &code).is_err());
    assert_eq!(store.standing(&link_key(7), START_NS), Standing::LinkEnded);
    assert_sound(&store);
}

#[test]
fn a_key_joins_its_account_whatever_others_gave_it() {
    let mut store = empty();
    let gifts = 1_100;
    let about = |name: u32| Some(Subject::Opaque(name.to_string()));
    for at in 0..gifts {
        let giver = Call { caller: person(1_000 + at / 500), ..call(0) };
        let id = store.capsule_create(&giver, about(at)).unwrap().id;
        store.capsule_grant(&giver, id, &person(2), Role::Owner).unwrap();
    }
    let own = store.capsule_create(&call(2), None).unwrap().id;
    let accepted = store.capsule_create(&call(5), None).unwrap().id;
    store.capsule_grant(&call(5), accepted, &person(2), Role::Member).unwrap();
    store.capsule_accept(&call(2), accepted).unwrap();
    // In three that stay behind it lets others in.
    let giver = Call { caller: person(1_000 + (gifts - 1) / 500), ..call(0) };
    let [revoked, lowered, raised] = [0, 1, 2].map(|back| CapsuleId(u64::from(gifts - back)));
    let left = [(revoked, 70), (lowered, 71), (raised, 72)];
    for (id, number) in left {
        store.link_create(&call(2), id, &link_public_key(number), NewLink::default()).unwrap();
        store.invitation_create(&call(2), id, Role::Owner, 1, None, "").unwrap();
    }
    let code = store.devices_invite(&call(3), "").unwrap();
    store.devices_join(&call(2), &code, "", None).unwrap();
    assert_eq!(store.role_of(own, &person(3)), Some(Role::Owner));
    assert_eq!(store.role_of(accepted, &person(3)), Some(Role::Member));
    let brought = (1..=u64::from(gifts)).filter(|id| store.role_of(CapsuleId(*id), &person(3)).is_some());
    assert_eq!(brought.count(), 998, "as many as there was room for");
    // Whoever gave it what stayed behind takes it back as before, and what lets others in ends with it.
    store.capsule_revoke(&giver, revoked, &person(2)).unwrap();
    store.capsule_grant(&giver, lowered, &person(2), Role::Guest).unwrap();
    store.capsule_grant(&giver, raised, &person(2), Role::Owner).unwrap();
    for ((id, number), (members, ways)) in left.into_iter().zip([(1, 0), (2, 0), (2, 1)]) {
        assert_eq!(store.capsule_members(&giver.caller, id).unwrap().len(), members, "{id}");
        assert_eq!(store.link_list(&giver, id).unwrap().len(), ways, "{id}");
        assert_eq!(store.invitation_list(&giver, Some(id)).unwrap().len(), ways, "{id}");
        let opens = if ways == 1 { Standing::Link } else { Standing::LinkEnded };
        assert_eq!(store.standing(&link_key(number), START_NS), opens, "{id}");
    }
    assert_eq!(store.role_of(raised, &person(3)), Some(Role::Owner));
    assert_sound(&store);
}

#[test]
fn a_limit_that_a_code_gives_counts_though_everybody_may_come_in_today() {
    let mut store = opened(&operated());
    let (_, code) = store.invitation_onto_host(&call(9), 10, None, "", Some(100)).unwrap();
    let limit = |store: &TestStore, who| store.person(&person(who)).quota_bytes;
    store.invitation_redeem(&call(1), &code).unwrap();
    assert_eq!(limit(&store, 1), Some(100));
    // It comes along into an account that has nothing yet.
    let account = store.devices_invite(&call(3), "").unwrap();
    store.devices_join(&call(1), &account, "", None).unwrap();
    assert_eq!(limit(&store, 3), Some(100));
    // Whoever made capsules without one loses nothing.
    store.capsule_create(&call(4), None).unwrap();
    store.invitation_redeem(&call(4), &code).unwrap();
    assert_eq!(limit(&store, 4), None);
}

#[test]
fn who_is_shut_out_is_not_the_other_owner() {
    let mut store = opened(&operated());
    let id = store.capsule_create(&call(1), None).unwrap().id;
    store.capsule_grant(&call(1), id, &person(2), Role::Owner).unwrap();
    store.capsule_accept(&call(2), id).unwrap();
    store.operator_block(&call(9), &person(2), "").unwrap();
    assert_eq!(store.capsule_leave(&call(1), id).unwrap_err(), CapsuleError::LastOwner);
    store.operator_unblock(&call(9), &person(2)).unwrap();
    store.capsule_leave(&call(1), id).unwrap();
    assert_sound(&store);
}

/// With a controller.
fn operated() -> Config {
    Config { controllers: vec![person(9)], ..Config::default() }
}

#[test]
fn nobody_is_no_controller_whatever_was_set() {
    let nobody = [Principal::anonymous(), Principal::management_canister()];
    let controllers = nobody.into_iter().chain([person(9), person(2)]).collect();
    let config = Config { controllers, ..Config::default() };
    let mut store = opened(&config);
    for who in nobody {
        assert!(!store.is_controller(&who), "{who}");
        assert_eq!(store.operator_block(&call(9), &who, "").unwrap_err(), OperatorError::NotAPerson);
        assert_eq!(store.operator_quota(&call(9), &who, None).unwrap_err(), OperatorError::NotAPerson);
    }
    assert!(store.is_controller(&person(2)));
}

#[test]
fn a_device_that_is_named_as_controller_is_none_before_and_after_it_is_removed() {
    let (records, heap) = (VectorMemory::default(), VectorMemory::default());
    let open = |controllers: Vec<Principal>| {
        let config = Config { controllers, ..Config::default() };
        Store::open(records.clone(), heap.clone(), &config, &[7; 32]).unwrap()
    };
    let mut store = open(Vec::new());
    let code = store.devices_invite(&call(1), "").unwrap();
    store.devices_join(&call(2), &code, "", None).unwrap();
    drop(store);
    let mut store = open(vec![person(2)]);
    assert!(!store.is_controller(&person(2)));
    assert_eq!(store.controller_by_account(&person(2)), Some(person(1)), "that account has to be named");
    store.devices_remove(&call(1), &person(2)).unwrap();
    assert!(!store.is_controller(&person(2)));
    assert_eq!(store.enter(&call(2)).caller, Principal::anonymous());
    let code = store.devices_invite(&call(1), "").unwrap();
    store.devices_join(&call(2), &code, "", None).unwrap();
    assert_sound(&store);
}

#[test]
fn a_links_key_is_no_person_to_an_operator() {
    let mut store = opened(&operated());
    let id = store.capsule_create(&call(1), None).unwrap().id;
    let key = link_key(7);
    store.link_create(&call(1), id, &link_public_key(7), NewLink::default()).unwrap();
    for standing in [Standing::Link, Standing::LinkEnded] {
        assert_eq!(store.operator_block(&call(9), &key, "").unwrap_err(), OperatorError::OfLink);
        assert_eq!(store.operator_unblock(&call(9), &key).unwrap_err(), OperatorError::OfLink);
        assert_eq!(store.standing(&key, START_NS), standing, "what its maker shared goes on, or stays ended");
        store.link_revoke(&call(1), id, &key).unwrap();
    }
    assert_sound(&store);
}

#[test]
fn a_link_is_charged_to_its_capsule_and_goes_with_it_in_slices() {
    let mut store = empty();
    let id = store.capsule_create(&call(1), None).unwrap().id;
    let memories: Vec<_> = (0..900).map(|at| note(&mut store, id, at)).collect();
    let used = |store: &TestStore| {
        let usage = store.usage(&call(1), Some(id)).unwrap();
        usage.into_iter().find(|row| row.limit == Limit::CapsuleRecordBytes).unwrap().used
    };
    let before = used(&store);
    let new = NewLink { memories: Some(memories), label: "Cousins".into(), ..NewLink::default() };
    store.link_create(&call(1), id, &link_public_key(1), new.clone()).unwrap();
    assert_eq!(used(&store), before + 512 + 900 * 128 + 7);
    store.link_create(&call(1), id, &link_public_key(1), new.clone()).unwrap();
    assert_eq!(used(&store), before + 512 + 900 * 128 + 7, "again is not twice");
    store.link_revoke(&call(1), id, &link_key(1)).unwrap();
    assert_sound(&store);
    assert_eq!(store.standing(&link_key(1), START_NS), Standing::LinkEnded, "at once");
    assert_eq!(used(&store), before + 256 + 700 * 128, "200 rows are gone");
    while store.tick(&call(0)).more {
        assert_sound(&store);
    }
    assert_eq!(used(&store), before + 256, "that it was one");
    for key in 2..4 {
        store.link_create(&call(1), id, &link_public_key(key), new.clone()).unwrap();
    }
    assert_sound(&store);
    store.capsule_delete(&call(1), id).unwrap();
    for key in 1..4 {
        assert_eq!(store.standing(&link_key(key), START_NS), Standing::LinkEnded, "at once");
    }
    let mut slices = 0;
    loop {
        assert_sound(&store);
        slices += 1;
        if !store.tick(&call(0)).more {
            break;
        }
    }
    assert!(slices > 12, "900 memories and 1,800 rows of links, 200 at a time: {slices}");
    // Of a capsule that is gone nothing is kept.
    assert_eq!(store.standing(&link_key(2), START_NS), Standing::Admitted);
    assert_eq!(store.check().capsules, 0);
    // The least that a host may do at a time gets there too.
    let id = store.capsule_create(&call(1), None).unwrap().id;
    let memories = (0..20).map(|at| note(&mut store, id, at)).collect();
    let new = NewLink { memories: Some(memories), ..NewLink::default() };
    store.link_create(&call(1), id, &link_public_key(4), new).unwrap();
    let little = Call { rows_max: 1, ..call(1) };
    store.capsule_delete(&little, id).unwrap();
    assert!((0..200).any(|_| !store.tick(&little).more));
    assert_eq!(store.check().capsules, 0);
}

#[test]
fn links_that_a_capsule_has_no_room_for_are_refused() {
    let records = RecordLimits { capsule_record_bytes_max: 1_000, ..RecordLimits::default() };
    let config = Config { records, ..Config::default() };
    let mut store = opened(&config);
    let id = store.capsule_create(&call(1), None).unwrap().id;
    store.link_create(&call(1), id, &link_public_key(1), NewLink::default()).unwrap();
    let refused = store.link_create(&call(1), id, &link_public_key(2), NewLink::default()).unwrap_err();
    assert!(matches!(refused, LinkError::Exhausted(_)), "{refused}");
    assert_sound(&store);
    // Nor do links that ended take room without end: 256 bytes stay of each.
    store.link_revoke(&call(1), id, &link_key(1)).unwrap();
    store.link_create(&call(1), id, &link_public_key(2), NewLink::default()).unwrap();
    store.link_revoke(&call(1), id, &link_key(2)).unwrap();
    let refused = store.link_create(&call(1), id, &link_public_key(3), NewLink::default()).unwrap_err();
    assert!(matches!(refused, LinkError::Exhausted(_)), "{refused}");
}
