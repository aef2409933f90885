//! Operators: what they may do, that it is noted, and that nobody else may; and what anybody may do about a gift.

use super::gets_nothing;
use crate::api::{PersonRef, Role, Settings, Standing};
use crate::host::{Host, Who};
use crate::http::assert_status;
use crate::samples::unique;
use crate::verdict::{allowed, refused};
use crate::world::World;

/// Sessions are ended, things removed, people shut out and let in, capsules given, limits set; each use is noted.
pub async fn operators_see_to_their_host<H: Host>(host: &H) {
    let world = World::new(host, "operator").await;
    let (owner, controller) = (world.owner(), world.by(Who::Controller));
    let (blocked, device) = (host.client(Who::Blocked).await, host.client(Who::Device).await);
    let (things, id) = (world.things().await, world.capsule.as_str());
    let log = || async { allowed(controller.admin_log(None).await) };
    let before = log().await.len();
    refused(owner.admin_log(None).await, "unauthorized");
    refused(owner.admin_evict(things.session).await, "unauthorized");
    refused(owner.admin_remove(&things.memory).await, "unauthorized");
    refused(owner.admin_block(blocked.principal(), None).await, "unauthorized");
    assert_eq!(log().await.len(), before, "what is refused is not noted");

    // Shut out by every device, on every road; what is there stays.
    allowed(owner.capsules_grant(id, blocked.principal(), Role::Admin).await);
    let code = allowed(blocked.devices_invite("").await);
    allowed(device.devices_join(&code, "Phone", None).await);
    let token = allowed(device.mint_http_token(&things.memory, &[], None, 600).await);
    let url = format!("/asset/{}/original?token={token}", things.memory);
    assert_status(host, &world, &url, 200).await;
    let code = allowed(blocked.devices_invite("").await);
    allowed(controller.admin_block(device.principal(), Some("spam")).await);
    for client in [&blocked, &device] {
        assert_eq!(allowed(client.whoami().await).standing, Standing::Blocked);
        refused(client.memories_read(&things.memory).await, "not_found");
        gets_nothing(client.uploads_begin(id, 1, &unique("blocked"), None).await);
        gets_nothing(client.capsules_create(None).await);
        gets_nothing(client.devices_invite("").await);
    }
    assert_status(host, &world, &url, 401).await;
    let another = host.client(Who::Newcomer).await;
    gets_nothing(another.devices_join(&code, "", None).await);
    refused(controller.admin_block(controller.principal(), None).await, "block_of_controller");
    refused(controller.admin_block(candid::Principal::anonymous(), None).await, "not_a_person");
    allowed(controller.admin_unblock(blocked.principal()).await);
    allowed(device.memories_read(&things.memory).await);
    assert_status(host, &world, &url, 200).await;

    allowed(controller.admin_evict(things.session).await);
    refused(world.member().uploads_status(things.session).await, "not_found");
    refused(controller.admin_evict(987_654_321).await, "not_found");
    allowed(controller.admin_remove(&things.memory).await);
    refused(owner.memories_read(&things.memory).await, "not_found");
    refused(owner.blob_read(&things.referenced).await, "not_found");
    for nothing in [things.memory.as_str(), "capsule_987654321", "capsule_01", "x", ""] {
        refused(controller.admin_remove(nothing).await, "not_found");
    }
    let other = world.another_capsule("operator").await.id;
    allowed(controller.admin_remove(&other).await);
    refused(owner.capsules_read_full(Some(&other)).await, "not_found");

    // A capsule that nobody reaches goes to somebody, and its members see it.
    allowed(controller.admin_give(id, device.principal()).await);
    let seen = allowed(world.by(Who::Guest).capsules_read_full(Some(id)).await);
    let gift = seen.given_by_operator.expect("it was given");
    assert_eq!((gift.to, gift.by), (blocked.principal(), controller.principal()));
    assert_eq!(allowed(blocked.capsules_read_basic(Some(id)).await).role, Role::Owner);
    refused(controller.admin_give("capsule_987654321", device.principal()).await, "not_found");
    refused(controller.memories_list(id, None, None).await, "not_found");

    let settings = Settings { sessions_per_caller_max: Some(1), ..Settings::default() };
    let kept = allowed(controller.admin_settings().await);
    assert_eq!(kept.controllers, [controller.principal()]);
    refused(owner.admin_settings().await, "unauthorized");
    refused(owner.admin_set(&settings).await, "unauthorized");
    allowed(controller.admin_set(&settings).await);
    allowed(owner.uploads_begin(id, 1, &unique("one"), None).await);
    refused(owner.uploads_begin(id, 1, &unique("two"), None).await, "resource_exhausted");
    let now = allowed(controller.admin_settings().await).settings;
    assert_eq!(now, Settings { sessions_per_caller_max: Some(1), ..kept.settings.clone() });
    allowed(controller.admin_set(&kept.settings).await);
    allowed(controller.admin_quota(owner.principal(), Some(1)).await);
    refused(
        owner
            .memories_create_with_internal_blobs_and_inline_assets(
                id,
                &crate::samples::memory("Too much"),
                &[],
                &[crate::samples::inline(crate::api::AssetType::Original, b"two")],
                &unique("quota"),
            )
            .await,
        "resource_exhausted",
    );
    allowed(controller.admin_quota(owner.principal(), None).await);

    let log = log().await;
    let actions: Vec<_> = log.iter().rev().map(|entry| entry.action.as_str()).skip(before).collect();
    assert_eq!(
        actions,
        ["block", "unblock", "evict", "remove", "remove", "give", "set", "set", "quota", "quota"]
    );
    assert!(log.iter().all(|entry| entry.by == controller.principal()));
    let page = allowed(controller.admin_log(Some(log[1].number)).await);
    assert_eq!(page.first(), log.get(2));
}

/// A capsule about somebody that somebody else made is not their own, says who made it, and can be left, though they be its only
/// owner.
pub async fn a_capsule_that_others_gave_is_marked_and_can_be_left<H: Host>(host: &H) {
    let world = World::new(host, "gift").await;
    let (attacker, victim) = (world.by(Who::Stranger), host.client(Who::Newcomer).await);
    let about = PersonRef::Principal(victim.principal());
    let trap = allowed(attacker.capsules_create(Some(about.clone())).await).id;
    allowed(attacker.capsules_grant(&trap, victim.principal(), Role::Owner).await);
    let own = allowed(victim.capsules_create(None).await).id;
    assert_ne!(own, trap, "the own capsule is made though somebody made one that looks like it");

    let listed = allowed(victim.capsules_list().await);
    assert_eq!(listed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [own.as_str(), trap.as_str()]);
    assert_eq!((listed[0].is_self_capsule, listed[0].accepted), (true, true));
    assert_eq!((listed[1].is_self_capsule, listed[1].accepted), (false, false));
    assert_eq!(listed[1].creator, Some(attacker.principal()));
    let full = allowed(victim.capsules_read_full(Some(&trap)).await);
    assert!(full.members.iter().any(|member| member.principal == attacker.principal() && member.accepted));
    assert!(full.members.iter().any(|member| member.principal == victim.principal() && !member.accepted));
    assert!(!allowed(victim.capsules_read_basic(Some(&trap)).await).is_self_capsule);

    // Whoever made it does not leave it to somebody who never said yes, nor become less than its owner.
    refused(attacker.capsules_revoke(&trap, attacker.principal()).await, "last_owner");
    refused(attacker.capsules_leave(&trap).await, "last_owner");
    refused(attacker.capsules_grant(&trap, attacker.principal(), Role::Guest).await, "last_owner");
    allowed(victim.capsules_leave(&trap).await);
    refused(victim.capsules_leave(&trap).await, "not_found");
    refused(victim.capsules_read_full(Some(&trap)).await, "not_found");
    assert_eq!(allowed(attacker.capsules_read_full(Some(&trap)).await).members.len(), 1);
    assert_eq!(allowed(victim.capsules_list().await).len(), 1);

    // Who says yes is a member as others are.
    allowed(world.owner().capsules_grant(&world.capsule, victim.principal(), Role::Guest).await);
    allowed(victim.capsules_accept(&world.capsule).await);
    allowed(world.owner().capsules_grant(&world.capsule, victim.principal(), Role::Member).await);
    let listed = allowed(victim.capsules_list().await);
    assert!(listed.iter().any(|one| one.id == world.capsule && one.accepted && one.role == Role::Member));
    refused(world.owner().capsules_leave(&world.capsule).await, "last_owner");
    refused(world.by(Who::Controller).capsules_leave(&world.capsule).await, "not_found");
    allowed(victim.capsules_leave(&world.capsule).await);
    refused(victim.capsules_read_full(Some(&world.capsule)).await, "not_found");
}
