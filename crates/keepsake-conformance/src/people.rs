//! Part 9: people. Devices, invitations, links, who may come in, and what operators may do.

mod codes;
mod devices;
mod links;
mod operators;

pub use codes::{
    a_code_ends_with_its_time, a_code_opens_once, an_invitation_gives_a_role_so_often,
    only_who_is_invited_comes_in,
};
pub use devices::{
    a_device_is_its_account, a_first_key_can_be_removed, a_key_brings_along_no_capsule_that_it_lost,
    a_key_brings_along_what_it_has, a_removed_device_is_shut_out_on_every_road, a_ticket_ends_with_its_key,
    names_are_seen_by_whom_they_are_for, passkeys_are_found_again, what_a_key_made_is_its_accounts,
};
pub(crate) use links::preview_path;
pub use links::{
    a_link_ends_with_its_makers_right, a_link_ends_with_its_time, a_link_shows_what_it_covers,
    a_link_tells_what_it_shows_where_its_owner_allows, a_link_to_some_memories_shows_no_other,
    a_link_without_download_shows_no_original,
};
pub use operators::{a_capsule_that_others_gave_is_marked_and_can_be_left, operators_see_to_their_host};

use keepsake_client::CallError;
use std::fmt::Debug;

/// A call by somebody who gets nothing: the service refuses it, or the host did not take it in.
#[track_caller]
fn gets_nothing<T: Debug>(result: Result<T, CallError>) {
    if let Ok(value) = result {
        panic!("expected nothing, got Ok({value:?})");
    }
}
