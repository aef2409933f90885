//! Devices: one person by several keys, and what becomes of a key that is removed.

use super::gets_nothing;
use crate::api::{Error, LinkOptions, Passkey, PersonRef, Role, Standing};
use crate::host::{Host, Who};
use crate::http::assert_status;
use crate::samples::{bytes, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, finish, pending, upload};
use candid::Principal;
use keepsake_client::{Client, Transport};
use serde_bytes::ByteBuf;

/// Makes `device` a device of `account`.
async fn join<T: Transport>(account: &Client<T>, device: &Client<T>, name: &str) {
    let code = allowed(account.devices_invite("").await);
    assert_eq!(allowed(device.devices_join(&code, name, None).await), account.principal());
}

/// Two keys, one person: the same capsules, the same uploads, one finishes what the other began.
pub async fn a_device_is_its_account<H: Host>(host: &H) {
    let world = World::new(host, "device").await;
    let (member, device) = (world.member(), host.client(Who::Device).await);
    let things = world.things().await;
    let before = allowed(device.whoami().await);
    assert_eq!((before.account, before.devices), (device.principal(), 1));
    refused(device.memories_read(&things.memory).await, "not_found");
    join(member, &device, "Phone").await;

    let who = allowed(device.whoami().await);
    assert_eq!((who.principal, who.account, who.devices), (device.principal(), member.principal(), 2));
    assert_eq!(who.standing, Standing::Admitted);
    assert_eq!(allowed(device.capsules_list().await), allowed(member.capsules_list().await));
    assert_eq!(
        allowed(device.memories_read(&things.memory).await),
        allowed(member.memories_read(&things.memory).await)
    );
    let listed = allowed(device.sessions_list().await);
    assert!(listed.iter().any(|session| session.session_id == things.session), "begun on the other device");
    let begun = pending(&device, &world.capsule, b"begun on the phone", 9).await;
    assert_eq!(allowed(member.uploads_status(begun).await).received_chunks, 2);
    let blob = finish(member, begun, b"begun on the phone").await.blob_id;
    assert_eq!(allowed(device.blob_read(&blob).await), b"begun on the phone");
    allowed(device.memories_delete(&things.memory, true).await);

    let devices = allowed(member.devices_list().await);
    let phone = devices.iter().find(|one| one.principal == device.principal()).expect("it is listed");
    assert_eq!((phone.name.as_str(), phone.is_this, phone.is_passkey), ("Phone", false, false));
    assert!(phone.added_at.is_some() && phone.last_upload_day.is_some());
    let first = devices.iter().find(|one| one.principal == member.principal()).expect("it is listed");
    assert_eq!((first.is_this, first.added_at), (true, None));
    allowed(member.devices_rename(device.principal(), "Anna's phone").await);
    refused(member.devices_rename(device.principal(), " ").await, "name_empty");
    refused(world.owner().devices_rename(device.principal(), "Mine").await, "not_found");
    let devices = allowed(device.devices_list().await);
    assert!(devices.iter().any(|one| one.name == "Anna's phone" && one.is_this));
    // A role that is given to a device is its account's.
    allowed(world.owner().capsules_grant(&world.capsule, device.principal(), Role::Admin).await);
    let capsule = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await);
    let role = |who: Principal| capsule.members.iter().find(|one| one.principal == who).map(|one| one.role);
    assert_eq!((role(member.principal()), role(device.principal())), (Some(Role::Admin), None));
}

/// From its removal on a device gets nothing: by no update, query, token or ticket.
pub async fn a_removed_device_is_shut_out_on_every_road<H: Host>(host: &H) {
    let world = World::new(host, "removed").await;
    let (owner, device) = (world.owner(), host.client(Who::Removed).await);
    let things = world.things().await;
    join(owner, &device, "Old phone").await;
    let session = pending(&device, &world.capsule, b"unfinished", 5).await;
    let token = allowed(device.mint_http_token(&things.memory, &[], None, 600).await);
    let url = format!("/asset/{}/original?token={token}", things.memory);
    assert_status(host, &world, &url, 200).await;

    let made_before = allowed(device.devices_invite("").await);
    let stranger = world.by(Who::Stranger);
    refused(stranger.devices_remove(device.principal()).await, "not_found");
    allowed(owner.devices_remove(device.principal()).await);
    refused(owner.devices_remove(device.principal()).await, "not_found");
    assert_status(host, &world, &url, 401).await;
    refused(device.memories_read(&things.memory).await, "not_found");
    refused(device.blob_read(&things.blob).await, "not_found");
    gets_nothing(device.uploads_put_chunk(session, 0, b"unfi").await);
    refused(device.uploads_status(session).await, "device_removed");
    gets_nothing(device.uploads_begin(&world.capsule, 1, &unique("removed"), None).await);
    gets_nothing(device.capsules_create(None).await);
    refused(device.admin_log(None).await, "device_removed");
    refused(device.devices_list().await, "device_removed");
    assert_eq!(allowed(device.whoami().await).standing, Standing::Removed);
    refused(device.mint_http_token(&things.memory, &[], None, 60).await, "not_found");
    assert_eq!(allowed(device.capsules_list().await), []);
    // What it left unfinished is its account's.
    assert_eq!(finish(owner, session, b"unfinished").await.size, 10);
    refused(owner.devices_remove(owner.principal()).await, "last_device");
    // It comes back by a new code from the account alone: by none of before, nor by another account's.
    refused(device.devices_join(&made_before, "", None).await, "code_unknown");
    let newcomer = host.client(Who::Newcomer).await;
    refused(newcomer.devices_join(&made_before, "", None).await, "code_unknown");
    let others = allowed(stranger.devices_invite("").await);
    refused(device.devices_join(&others, "", None).await, "device_removed");
    join(owner, &device, "Found again").await;
    allowed(device.memories_read(&things.memory).await);
}

/// A ticket sends for whoever minted it, as long as that key may: not for its account.
pub async fn a_ticket_ends_with_its_key<H: Host>(host: &H) {
    let world = World::new(host, "ticket").await;
    if world.put_road.is_none() {
        return;
    }
    let put = async |ticket: &str, session, index, bytes: &[u8]| {
        host.put_chunk(ticket, session, index, bytes).await.expect("a host with tickets takes chunks by them")
    };
    let (device, blocked) = (host.client(Who::Device).await, host.client(Who::Blocked).await);
    let (owner, controller) = (world.owner(), world.by(Who::Controller));
    // Whoever is shut out, by all devices; and goes on after.
    allowed(owner.capsules_grant(&world.capsule, blocked.principal(), Role::Member).await);
    join(&blocked, &device, "Phone").await;
    let begin = async |client: &Client<H::Transport>| {
        let session = allowed(client.uploads_begin(&world.capsule, 3, &unique("ticket"), None).await);
        (session, allowed(client.mint_upload_ticket(session, 600).await))
    };
    let (session, by_phone) = begin(&device).await;
    let by_first = allowed(blocked.mint_upload_ticket(session, 600).await);
    assert_eq!(put(&by_phone, session, 0, b"by a device").await, Ok(()));
    assert_eq!(put(&by_first, session, 1, b"the 1st key").await, Ok(()));
    allowed(controller.admin_block(blocked.principal(), None).await);
    for ticket in [&by_phone, &by_first] {
        assert_eq!(put(ticket, session, 2, b"out").await, Err(Error::Unauthorized));
    }
    allowed(controller.admin_unblock(blocked.principal()).await);
    assert_eq!(allowed(blocked.uploads_status(session).await).received_chunks, 2);
    assert_eq!(put(&by_phone, session, 2, b"in").await, Ok(()));
    assert_eq!(finish(&blocked, session, b"by a devicethe 1st keyin").await.size, 24);
    // A device that was removed, and the first key of an account that was.
    let (session, by_phone) = begin(&device).await;
    let by_first = allowed(blocked.mint_upload_ticket(session, 600).await);
    allowed(device.devices_remove(blocked.principal()).await);
    assert_eq!(put(&by_first, session, 0, b"gone").await, Err(Error::Unauthorized));
    assert_eq!(put(&by_phone, session, 0, b"here").await, Ok(()));
    let code = allowed(device.devices_invite("").await);
    allowed(blocked.devices_join(&code, "", None).await);
    assert_eq!(put(&by_first, session, 1, b"back").await, Ok(()));
    allowed(blocked.devices_remove(device.principal()).await);
    assert_eq!(put(&by_phone, session, 2, b"gone").await, Err(Error::Unauthorized));
    assert_eq!(allowed(blocked.uploads_status(session).await).received_chunks, 2);
}

/// An account outlives the key that it began with.
pub async fn a_first_key_can_be_removed<H: Host>(host: &H) {
    let world = World::new(host, "first").await;
    let (owner, device) = (world.owner(), host.client(Who::Device).await);
    let things = world.things().await;
    join(owner, &device, "New phone").await;
    allowed(owner.devices_remove(owner.principal()).await);

    let who = allowed(owner.whoami().await);
    assert_eq!((who.standing, who.is_controller), (Standing::Removed, false));
    refused(owner.memories_read(&things.memory).await, "not_found");
    gets_nothing(owner.capsules_create(None).await);
    gets_nothing(owner.capsules_delete(&world.capsule).await);
    allowed(device.memories_read(&things.memory).await);
    refused(device.devices_remove(device.principal()).await, "last_device");
    // Whoever holds it does not take the account along.
    let stranger = world.by(Who::Stranger);
    allowed(stranger.capsules_create(None).await);
    let code = allowed(stranger.devices_invite("").await);
    gets_nothing(owner.devices_join(&code, "", None).await);
    assert_eq!(allowed(device.whoami().await).account, owner.principal());
    allowed(device.memories_read(&things.memory).await);
    // It may be asked in again.
    let code = allowed(device.devices_invite("Found again").await);
    assert_eq!(allowed(owner.devices_join(&code, "", None).await), owner.principal());
    allowed(owner.memories_read(&things.memory).await);
    let names = allowed(owner.devices_list().await).into_iter().map(|one| one.name).collect::<Vec<_>>();
    assert!(names.contains(&"Found again".to_owned()), "{names:?}");
}

/// Who was two people becomes one: capsules, roles and devices of the key are the account's.
pub async fn a_key_brings_along_what_it_has<H: Host>(host: &H) {
    let world = World::new(host, "along").await;
    let (owner, newcomer) = (world.owner(), host.client(Who::Newcomer).await);
    let device = host.client(Who::Device).await;
    let own = allowed(newcomer.capsules_create(None).await).id;
    let other = allowed(newcomer.capsules_create(Some(PersonRef::Opaque("Grandmother".into()))).await).id;
    let blob = upload(&newcomer, &own, &bytes(50, 3), 50).await.blob_id;
    join(&newcomer, &device, "Tablet").await;
    allowed(world.owner().capsules_grant(&world.capsule, newcomer.principal(), Role::Guest).await);
    let guest = world.by(Who::Guest);
    let theirs = allowed(guest.capsules_create(None).await).id;
    allowed(guest.capsules_grant(&theirs, newcomer.principal(), Role::Member).await);

    let busy = pending(&newcomer, &own, b"on its way", 10).await;
    let code = allowed(owner.devices_invite("").await);
    refused(newcomer.devices_join(&code, "", None).await, "device_busy");
    allowed(newcomer.uploads_abort(busy).await);
    refused(device.devices_join(&code, "", None).await, "device_taken");
    let controller = world.by(Who::Controller);
    refused(controller.devices_join(&code, "", None).await, "device_is_controller");
    assert_eq!(allowed(newcomer.devices_join(&code, "", None).await), owner.principal());

    for client in [owner, &newcomer, &device] {
        assert_eq!(allowed(client.blob_read(&blob).await), bytes(50, 3));
        let listed = allowed(client.capsules_list().await);
        let role = |id: &str| listed.iter().find(|one| one.id == id).map(|one| (one.role, one.creator));
        assert_eq!(role(&other), Some((Role::Owner, Some(owner.principal()))));
        assert_eq!(role(&world.capsule).map(|found| found.0), Some(Role::Owner), "the larger role stays");
        assert_eq!(role(&theirs).map(|found| found.0), Some(Role::Member));
    }
    assert_eq!(allowed(owner.devices_list().await).len(), 3);
    // The owner had none of its own before, or has two now; asking for it makes none.
    let count = allowed(owner.capsules_list().await).len();
    allowed(owner.capsules_create(None).await);
    assert_eq!(allowed(owner.capsules_list().await).len(), count);
    allowed(newcomer.capsules_delete(&own).await);
    allowed(owner.capsules_delete(&other).await);
    let capsule = allowed(owner.capsules_read_full(Some(&world.capsule)).await);
    assert!(capsule.members.iter().all(|member| member.principal != newcomer.principal()));
}

/// What a key made to let others in is its account's once it joined: it does not end with the device.
pub async fn what_a_key_made_is_its_accounts<H: Host>(host: &H) {
    let (owner, newcomer) = (host.client(Who::Owner).await, host.client(Who::Newcomer).await);
    let (link, stranger) = (host.client(Who::Link).await, host.client(Who::Stranger).await);
    let own = allowed(newcomer.capsules_create(None).await).id;
    allowed(newcomer.links_create(&own, &Who::Link.public_key(), &LinkOptions::default()).await);
    let code = allowed(newcomer.invitations_create(&own, Role::Guest, 9, None, None).await);
    join(&owner, &newcomer, "Phone").await;
    allowed(owner.devices_remove(newcomer.principal()).await);
    assert_eq!(allowed(link.whoami().await).standing, Standing::Link);
    let made = allowed(owner.links_list(&own).await);
    assert_eq!(made.iter().map(|link| link.created_by).collect::<Vec<_>>(), [owner.principal()]);
    assert_eq!(allowed(stranger.invitations_read(&code).await).invited_by, owner.principal());
    allowed(stranger.invitations_redeem(&code).await);
}

/// A capsule that a key made and lost is not its account's own later, nor has anybody two of them.
pub async fn a_key_brings_along_no_capsule_that_it_lost<H: Host>(host: &H) {
    let (owner, newcomer) = (host.client(Who::Owner).await, host.client(Who::Newcomer).await);
    let lost = allowed(newcomer.capsules_create(None).await).id;
    allowed(newcomer.capsules_grant(&lost, owner.principal(), Role::Owner).await);
    allowed(owner.capsules_accept(&lost).await);
    allowed(owner.capsules_revoke(&lost, newcomer.principal()).await);
    join(&owner, &newcomer, "Phone").await;
    let own = allowed(owner.capsules_create(None).await).id;
    assert_ne!(own, lost, "it is about whoever made it first");
    assert_eq!(allowed(newcomer.capsules_create(None).await).id, own);
    let listed = allowed(newcomer.capsules_list().await);
    let own_ones = listed.iter().filter(|one| one.is_self_capsule).map(|one| one.id.as_str());
    assert_eq!(own_ones.collect::<Vec<_>>(), [own.as_str()]);
}

/// A passkey signs in where only its credential id is known.
pub async fn passkeys_are_found_again<H: Host>(host: &H) {
    let owner = host.client(Who::Owner).await;
    let device = host.client(Who::Device).await;
    allowed(owner.capsules_create(None).await);
    let key = Passkey {
        credential_id: ByteBuf::from(unique("credential")),
        public_key: ByteBuf::from(Who::Device.public_key()),
    };
    refused(device.passkeys_find(&key.credential_id).await, "not_found");
    let code = allowed(owner.devices_invite("").await);
    let wrong = Passkey { public_key: ByteBuf::from(Who::Owner.public_key()), ..key.clone() };
    refused(device.devices_join(&code, "", Some(&wrong)).await, "public_key_differs");
    let unnamed = Passkey { credential_id: ByteBuf::new(), ..key.clone() };
    refused(device.devices_join(&code, "", Some(&unnamed)).await, "credential_id_length");
    let long = Passkey { credential_id: ByteBuf::from(vec![7; 1_024]), ..key.clone() };
    refused(device.devices_join(&code, "", Some(&long)).await, "credential_id_length");
    allowed(device.devices_join(&code, "Passkey", Some(&key)).await);
    let nobody = host.client(Who::Anonymous).await;
    assert_eq!(allowed(nobody.passkeys_find(&key.credential_id).await), key.public_key.to_vec());
    let listed = allowed(owner.devices_list().await);
    assert!(listed.iter().any(|one| one.is_passkey && one.principal == device.principal()));

    let own = Passkey { public_key: ByteBuf::from(Who::Owner.public_key()), ..key.clone() };
    refused(owner.passkeys_register(&own).await, "credential_taken");
    let own = Passkey { credential_id: ByteBuf::from(unique("another")), ..own };
    allowed(owner.passkeys_register(&own).await);
    allowed(owner.passkeys_register(&own).await);
    allowed(owner.devices_remove(device.principal()).await);
    refused(nobody.passkeys_find(&key.credential_id).await, "not_found");
    assert_eq!(allowed(nobody.passkeys_find(&own.credential_id).await), own.public_key.to_vec());

    // One that was a person's before stays found, and goes with its device.
    let newcomer = host.client(Who::Newcomer).await;
    let before = Passkey {
        credential_id: ByteBuf::from(unique("before")),
        public_key: ByteBuf::from(Who::Newcomer.public_key()),
    };
    allowed(newcomer.passkeys_register(&before).await);
    join(&owner, &newcomer, "Phone").await;
    assert_eq!(allowed(nobody.passkeys_find(&before.credential_id).await), before.public_key.to_vec());
    let listed = allowed(owner.devices_list().await);
    assert!(listed.iter().any(|one| one.is_passkey && one.principal == newcomer.principal()));
    allowed(owner.devices_remove(newcomer.principal()).await);
    refused(nobody.passkeys_find(&before.credential_id).await, "not_found");
}

/// What one calls oneself is for the members of one's capsules, what one calls others for oneself.
pub async fn names_are_seen_by_whom_they_are_for<H: Host>(host: &H) {
    let world = World::new(host, "names").await;
    let (owner, member, device) = (world.owner(), world.member(), host.client(Who::Device).await);
    join(owner, &device, "Phone").await;
    allowed(owner.profile_set(Some("Anna"), Some(0x00_33_66)).await);
    refused(owner.profile_set(Some(&"x".repeat(257)), None).await, "text_too_long");
    refused(owner.profile_set(None, Some(0x0100_0000)).await, "colour_out_of_range");
    let seen = allowed(member.capsules_read_full(Some(&world.capsule)).await);
    let anna = seen.members.iter().find(|one| one.principal == owner.principal()).expect("the owner");
    assert_eq!((anna.name.as_deref(), anna.colour), (Some("Anna"), Some(0x00_33_66)));
    assert_eq!(seen.creator_name.as_deref(), Some("Anna"));
    assert_eq!(allowed(device.whoami().await).name.as_deref(), Some("Anna"));

    allowed(owner.people_name(member.principal(), Some("Aunt"), None).await);
    allowed(owner.people_name(world.by(Who::Guest).principal(), None, Some(7)).await);
    let names = allowed(device.people_list().await);
    assert_eq!(names.len(), 2);
    assert!(
        names.iter().any(|one| one.principal == member.principal() && one.name.as_deref() == Some("Aunt"))
    );
    assert_eq!(allowed(member.people_list().await), []);
    allowed(owner.people_name(member.principal(), None, None).await);
    assert_eq!(allowed(owner.people_list().await).len(), 1);

    allowed(owner.capsules_rename(&world.capsule, Some("Family")).await);
    refused(owner.capsules_rename(&world.capsule, Some("")).await, "name_empty");
    let header = allowed(member.capsules_list().await).into_iter().find(|one| one.id == world.capsule);
    assert_eq!(header.expect("it is listed").name.as_deref(), Some("Family"));
    allowed(owner.capsules_rename(&world.capsule, None).await);
    assert_eq!(allowed(owner.capsules_read_basic(Some(&world.capsule)).await).name, None);
}
