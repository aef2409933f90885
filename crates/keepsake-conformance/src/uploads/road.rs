//! The road for chunks without envelopes, as far as every host has an answer: said in `upload_config`, and held.

use crate::access::table::get;
use crate::host::{Host, Who};
use crate::samples::unique;
use crate::verdict::{allowed, refused};
use crate::world::{World, finish};

/// A host that says null mints no ticket for anybody. One that has the road mints for the session's caller alone, for as long
/// as it says; and a ticket opens no asset.
pub async fn a_host_says_whether_chunks_come_without_envelopes<H: Host>(host: &H) {
    let world = World::new(host, "road").await;
    let (member, owner) = (world.member(), world.owner());
    let id = allowed(member.uploads_begin(&world.capsule, 1, &unique("road"), None).await);
    let Some(road) = &world.put_road else {
        for client in [member, owner, world.by(Who::Anonymous)] {
            refused(client.mint_upload_ticket(id, 60).await, "no_put_road");
        }
        return;
    };
    assert!(road.path.starts_with('/') && road.path.ends_with('/'), "{}: a path before a number", road.path);
    assert!(road.ticket_secs_max >= 3_600, "an hour at least: {}", road.ticket_secs_max);
    for secs in [1, 3_600, road.ticket_secs_max] {
        let ticket = allowed(member.mint_upload_ticket(id, secs).await);
        assert!(ticket.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{secs}: {ticket}");
        assert!(ticket.len() > 100, "{secs}: whatever is shorter may be logged");
    }
    for secs in [0, road.ticket_secs_max + 1] {
        refused(member.mint_upload_ticket(id, secs).await, "ttl_out_of_range");
    }
    refused(owner.mint_upload_ticket(id, 60).await, "not_found");

    let things = world.things().await;
    let ticket = allowed(member.mint_upload_ticket(things.session, 600).await);
    let url = format!("/asset/{}/original?token={ticket}", things.memory);
    assert_eq!(allowed(world.by(Who::Anonymous).http_request(&get(&url)).await).status_code, 401);
    allowed(member.uploads_put_chunk(id, 0, b"x").await);
    finish(member, id, b"x").await;
    allowed(member.mint_upload_ticket(id, 60).await);
}
