//! Part 2: bad arguments. Every one gets the documented error, and changes nothing that can be observed.

mod candid_bytes;
mod cases;
mod hostile;
mod order;

pub use candid_bytes::{
    a_query_answers_as_an_update_too, what_is_longer_than_its_method_needs_is_rejected,
    what_is_no_method_is_rejected, what_is_not_the_methods_candid_is_rejected,
};
pub use hostile::{hostile_ids_name_nothing, hostile_texts_are_kept_as_they_are};
pub use order::calls_in_the_wrong_order_are_refused;

use crate::api::{Answer, Error};
use crate::host::{Host, Who};
use crate::samples::unique;
use crate::snapshot::Snapshot;
use crate::verdict::known;
use crate::world::{Things, World};
use candid::{Principal, Reserved};
use cases::CASES;
use keepsake_client::Transport;
use keepsake_service::Kind;
use keepsake_service::endpoints;

/// Not every host has it.
const MINT: &str = "mint_upload_ticket";

/// One bad argument list of a method, sent by the member, or by the owner where only owners may.
pub(crate) struct Case {
    /// The method.
    pub(crate) method: &'static str,
    /// What is wrong, for the reader.
    pub(crate) wrong: &'static str,
    /// The code of the refusal.
    pub(crate) code: &'static str,
    /// The arguments, with a new idempotency key and the owner's principal at hand.
    pub(crate) args: fn(&Things, &Given<'_>) -> Vec<u8>,
}

/// What arguments are made of beside the things.
pub(crate) struct Given<'a> {
    /// A new idempotency key.
    pub(crate) idem: &'a str,
    /// The owner.
    pub(crate) owner: Principal,
}

/// Each case is refused with its code, and nothing changed.
pub async fn each_bad_argument_has_its_error<H: Host>(host: &H) {
    let world = World::new(host, "bad").await;
    let things = world.things().await;
    let mut before = Snapshot::take(&world, &things).await;
    for Case { method, wrong, code, args } in CASES {
        let who = if method.starts_with("capsules_") { Who::Owner } else { Who::Member };
        let given = Given { idem: &unique("bad"), owner: world.owner().principal() };
        let place = format!("{method} with {wrong} by {who:?}");
        let reply = send(&world, who, method, args(&things, &given)).await;
        let error = refusal(&reply).unwrap_or_else(|| panic!("{place}: expected {code}, got Ok"));
        let got = known(&error).unwrap_or_else(|unknown| panic!("{place}: {unknown}"));
        let code = if *method == MINT && world.put_road.is_none() { "no_put_road" } else { *code };
        assert_eq!(got, code, "{place}: {error}");
        let after = Snapshot::take(&world, &things).await;
        assert_eq!(before.changes(&after), Vec::<&str>::new(), "{place}: it changed this");
        before = after;
    }
}

/// Sends bytes as they are.
pub(crate) async fn send<T: Transport>(
    world: &World<T>,
    who: Who,
    method: &'static str,
    arg: Vec<u8>,
) -> Vec<u8> {
    let transport = world.by(who).transport();
    let reply = match endpoints::kind(method) {
        Some(Kind::Update) => transport.update(method, arg).await,
        _ => transport.query(method, arg).await,
    };
    reply.unwrap_or_else(|error| panic!("{method} by {who:?}: {error}"))
}

/// The error of an answer.
pub(crate) fn refusal(reply: &[u8]) -> Option<Error> {
    candid::decode_one::<Answer<Reserved>>(reply).expect("an answer decodes").err()
}
