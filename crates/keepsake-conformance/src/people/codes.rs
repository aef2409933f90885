//! Codes: once, in their time, for what they were made for; and a host that is by invitation.

use super::gets_nothing;
use crate::api::{Admission, InvitationInto, Role, Settings, Standing};
use crate::host::{Host, Who};
use crate::samples::unique;
use crate::verdict::{allowed, refused};
use crate::world::World;

use std::time::Duration;

/// A code of the right form that nobody made.
const GUESS: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A device's code is good once; two that come together with it do not both get in.
pub async fn a_code_opens_once<H: Host>(host: &H) {
    let world = World::new(host, "once").await;
    let owner = world.owner();
    let (one, other) = (host.client(Who::Device).await, host.client(Who::Newcomer).await);
    let code = allowed(owner.devices_invite("Phone").await);
    assert_eq!(code.len(), 22);
    for malformed in ["", "x", &code[1..], &format!("{code}A"), &format!("{code} "), "AAAAAAAAAAAAAAAAAAAAAB"]
    {
        refused(one.devices_join(malformed, "", None).await, "code_malformed");
        refused(one.invitations_redeem(malformed).await, "code_malformed");
    }
    refused(one.devices_join(GUESS, "", None).await, "code_unknown");
    refused(one.invitations_redeem(&code).await, "code_of_another_kind");
    let read = allowed(one.invitations_read(&code).await);
    assert_eq!(read.into, InvitationInto::Account(owner.principal()));
    assert_eq!((read.label.as_str(), read.uses_max, read.uses), ("Phone", 1, 0));

    let (first, second) =
        tokio::join!(one.devices_join(&code, "", None), other.devices_join(&code, "", None));
    let (joined, refused_one) = if first.is_ok() { (&one, second) } else { (&other, first) };
    refused(refused_one, "code_used");
    let again = allowed(joined.devices_join(&code, "", None).await);
    assert_eq!(again, owner.principal(), "a lost reply is harmless");
    assert_eq!(allowed(owner.devices_list().await).len(), 2);
    // One that is taken back opens nothing.
    let code = allowed(owner.devices_invite("").await);
    let id = allowed(one.invitations_read(&code).await).id;
    refused(world.by(Who::Stranger).invitations_revoke(id).await, "not_found");
    allowed(owner.invitations_revoke(id).await);
    let left = if joined.principal() == one.principal() { &other } else { &one };
    refused(left.devices_join(&code, "", None).await, "code_unknown");
    // Of many that nobody used, the last ten are good.
    let mut codes = Vec::new();
    for _ in 0..11 {
        codes.push(allowed(owner.devices_invite("").await));
    }
    refused(left.devices_join(&codes[0], "", None).await, "code_unknown");
    allowed(left.devices_join(&codes[1], "", None).await);
}

/// Nobody joins or redeems after the time of a code. False where the clock cannot be moved.
pub async fn a_code_ends_with_its_time<H: Host>(host: &H) -> bool {
    let world = World::new(host, "late").await;
    let (owner, device) = (world.owner(), host.client(Who::Device).await);
    let (early, late) = (allowed(owner.devices_invite("").await), allowed(owner.devices_invite("").await));
    let made = allowed(owner.invitations_read(&early).await).created_at;
    let until = made + 3_600 * 1_000_000_000;
    let id = world.capsule.as_str();
    let invitation = allowed(owner.invitations_create(id, Role::Guest, 9, Some(until), None).await);
    refused(owner.invitations_create(id, Role::Guest, 1, Some(1), None).await, "expires_in_the_past");
    if !host.advance_clock(Duration::from_secs(14 * 60)).await {
        return false;
    }
    allowed(device.devices_join(&early, "", None).await);
    host.advance_clock(Duration::from_secs(2 * 60)).await;
    let newcomer = host.client(Who::Newcomer).await;
    refused(newcomer.devices_join(&late, "", None).await, "code_expired");
    allowed(newcomer.invitations_read(&invitation).await);
    host.advance_clock(Duration::from_secs(3_600)).await;
    refused(newcomer.invitations_redeem(&invitation).await, "code_expired");
    refused(newcomer.invitations_read(&invitation).await, "code_expired");
    true
}

/// An invitation gives its role as often as it says, never a smaller one, and ends with its maker's ownership.
pub async fn an_invitation_gives_a_role_so_often<H: Host>(host: &H) {
    let world = World::new(host, "invited").await;
    let (owner, id) = (world.owner(), world.capsule.as_str());
    for (who, code) in
        [(Who::Admin, "unauthorized"), (Who::Stranger, "not_found"), (Who::Anonymous, "unauthorized")]
    {
        refused(world.by(who).invitations_create(id, Role::Guest, 1, None, None).await, code);
    }
    for uses in [0, 1_001] {
        refused(owner.invitations_create(id, Role::Guest, uses, None, None).await, "uses_out_of_range");
    }
    let long = "x".repeat(257);
    refused(owner.invitations_create(id, Role::Guest, 1, None, Some(&long)).await, "text_too_long");
    let code = allowed(owner.invitations_create(id, Role::Member, 2, None, Some("Cousins")).await);
    let (newcomer, stranger, device) =
        (host.client(Who::Newcomer).await, world.by(Who::Stranger), host.client(Who::Device).await);
    let read = allowed(newcomer.invitations_read(&code).await);
    assert_eq!((read.invited_by, read.label.as_str()), (owner.principal(), "Cousins"));
    assert!(matches!(read.into, InvitationInto::Capsule { role: Role::Member, .. }));

    let redeemed = allowed(newcomer.invitations_redeem(&code).await);
    let header = redeemed.capsule.expect("it is into a capsule");
    assert_eq!((header.id.as_str(), header.role, header.accepted), (id, Role::Member, true));
    allowed(newcomer.invitations_redeem(&code).await);
    assert_eq!(allowed(owner.invitations_list(Some(id)).await)[0].uses, 1, "again is not twice");
    // Whoever has more keeps it, and uses nothing up.
    allowed(owner.invitations_redeem(&code).await);
    allowed(world.by(Who::Admin).invitations_redeem(&code).await);
    assert_eq!(allowed(world.by(Who::Admin).capsules_read_basic(Some(id)).await).role, Role::Admin);
    // Whoever has less gets more.
    allowed(world.by(Who::Guest).invitations_redeem(&code).await);
    assert_eq!(allowed(world.by(Who::Guest).capsules_read_basic(Some(id)).await).role, Role::Member);
    refused(stranger.invitations_redeem(&code).await, "code_used");
    refused(stranger.memories_list(id, None, None).await, "not_found");
    refused(world.by(Who::Anonymous).invitations_redeem(&code).await, "unauthorized");
    refused(device.devices_join(&code, "", None).await, "code_used");

    let code = allowed(owner.invitations_create(id, Role::Owner, 5, None, None).await);
    refused(device.devices_join(&code, "", None).await, "code_of_another_kind");
    refused(world.by(Who::Admin).invitations_list(Some(id)).await, "unauthorized");
    let number = allowed(owner.invitations_list(Some(id)).await)[1].id;
    refused(world.by(Who::Admin).invitations_revoke(number).await, "unauthorized");
    allowed(owner.invitations_revoke(number).await);
    refused(stranger.invitations_redeem(&code).await, "code_unknown");
    refused(owner.invitations_revoke(number).await, "not_found");

    let code = allowed(newcomer_is_owner(&world, &newcomer).await);
    allowed(owner.capsules_revoke(id, newcomer.principal()).await);
    refused(stranger.invitations_redeem(&code).await, "code_unknown");
}

/// A code of somebody who is an owner now.
async fn newcomer_is_owner<T: keepsake_client::Transport>(
    world: &World<T>,
    newcomer: &keepsake_client::Client<T>,
) -> Result<String, keepsake_client::CallError> {
    allowed(world.owner().capsules_grant(&world.capsule, newcomer.principal(), Role::Owner).await);
    newcomer.invitations_create(&world.capsule, Role::Admin, 5, None, None).await
}

/// Where the host is by invitation, a fresh key gets nothing but what a code gives.
pub async fn only_who_is_invited_comes_in<H: Host>(host: &H) {
    let world = World::new(host, "by-invitation").await;
    let (owner, controller) = (world.owner(), world.by(Who::Controller));
    let (newcomer, device) = (host.client(Who::Newcomer).await, host.client(Who::Device).await);
    let stranger = world.by(Who::Stranger);
    let things = world.things().await;
    let set = async |admission| {
        let settings = Settings { admission: Some(admission), ..Settings::default() };
        allowed(controller.admin_set(&settings).await);
    };
    set(Admission::Invited).await;
    let who = allowed(newcomer.whoami().await);
    assert_eq!((who.standing, who.may_create_capsules), (Standing::Stranger, false));
    assert_eq!(who.admission, Admission::Invited);
    gets_nothing(newcomer.capsules_create(None).await);
    gets_nothing(newcomer.devices_invite("").await);
    gets_nothing(newcomer.profile_set(Some("Mallory"), None).await);
    gets_nothing(newcomer.uploads_begin(&world.capsule, 1, &unique("invited"), None).await);
    gets_nothing(newcomer.invitations_redeem(GUESS).await);
    gets_nothing(newcomer.devices_join(GUESS, "", None).await);
    refused(newcomer.memories_read(&things.memory).await, "not_found");
    assert_eq!(allowed(newcomer.capsules_list().await), []);

    // Whoever made a capsule before goes on; who was only given a role uses it, and makes none.
    allowed(owner.capsules_create(None).await);
    allowed(world.member().uploads_begin(&world.capsule, 1, &unique("invited"), None).await);
    let known = allowed(world.member().whoami().await);
    assert_eq!((known.standing, known.may_create_capsules), (Standing::Known, false));
    refused(world.member().capsules_create(None).await, "not_admitted");
    let into_capsule = allowed(owner.invitations_create(&world.capsule, Role::Guest, 1, None, None).await);
    allowed(stranger.invitations_redeem(&into_capsule).await);
    allowed(stranger.memories_read(&things.memory).await);
    refused(stranger.capsules_create(None).await, "not_admitted");

    // A device is who its account is.
    let code = allowed(owner.devices_invite("").await);
    allowed(device.devices_join(&code, "", None).await);
    allowed(device.capsules_create(None).await);

    refused(owner.admin_invite(1, None, None, None).await, "unauthorized");
    let onto_host = allowed(controller.admin_invite(1, None, Some("Neighbours"), Some(100)).await);
    let read = allowed(newcomer.invitations_read(&onto_host).await);
    assert_eq!(read.into, InvitationInto::Host { quota_bytes: Some(100) });
    let redeemed = allowed(newcomer.invitations_redeem(&onto_host).await);
    assert_eq!(redeemed.capsule, None);
    allowed(newcomer.invitations_redeem(&onto_host).await);
    let own = allowed(newcomer.capsules_create(None).await).id;
    allowed(newcomer.uploads_begin(&own, 1, &unique("quota"), Some(announced(60))).await);
    refused(
        newcomer.uploads_begin(&own, 1, &unique("quota"), Some(announced(60))).await,
        "resource_exhausted",
    );
    let usage = allowed(newcomer.usage(Some(&own)).await);
    let account = usage.limits.iter().find(|limit| limit.code == "account_bytes").expect("it has a limit");
    assert_eq!((account.used, account.max), (60, 100));
    refused(stranger.invitations_redeem(&onto_host).await, "code_used");
    assert_eq!(allowed(controller.invitations_list(None).await).len(), 1);
    refused(owner.invitations_list(None).await, "unauthorized");

    // Links and what is public need no invitation.
    let link = host.client(Who::Link).await;
    allowed(
        owner
            .links_create(&world.capsule, &Who::Link.public_key(), &crate::api::LinkOptions::default())
            .await,
    );
    allowed(link.memories_read(&things.memory).await);
    set(Admission::Everybody).await;
    allowed(stranger.capsules_create(None).await);

    // A limit counts though everybody may come in today.
    let limited = allowed(controller.admin_invite(1, None, None, Some(100)).await);
    let late = host.client(Who::Removed).await;
    allowed(late.invitations_redeem(&limited).await);
    let own = allowed(late.capsules_create(None).await).id;
    let usage = allowed(late.usage(Some(&own)).await);
    let account = usage.limits.iter().find(|limit| limit.code == "account_bytes").expect("it has a limit");
    assert_eq!(account.max, 100);
}

fn announced(total_len: u64) -> crate::api::BeginOptions {
    crate::api::BeginOptions { total_len: Some(total_len), ..crate::api::BeginOptions::default() }
}
