//! Handlers of invitations and links. Owns their mapping only.

use super::{Query, Update};
use crate::wire::capsules::{header, role_in};
use crate::wire::people::{code_in, code_out, invitation, link};
use crate::wire::{ids, refuse};
use candid::Principal;
use ic_stable_structures::Memory;
use keepsake_api::{Answer, Invitation, Link, LinkOptions, Redeemed, Role};
use keepsake_core::ids::InvitationId;
use keepsake_core::links::NewLink;
use serde_bytes::ByteBuf;

pub(super) fn create<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, role, uses, expires_at, label): (String, Role, u32, Option<u64>, Option<String>),
) -> Answer<String> {
    let (capsule, label) = (ids::capsule(&capsule)?, label.unwrap_or_default());
    let made = update.store.invitation_create(update.call, capsule, role_in(role), uses, expires_at, &label);
    made.map(|(_, code)| code_out(code)).map_err(refuse)
}

pub(super) fn read<R: Memory, H: Memory>(query: &Query<'_, R, H>, (code,): (String,)) -> Answer<Invitation> {
    let view = query.store.invitation_read(query.call, &code_in(&code)?).map_err(refuse)?;
    Ok(invitation(query.store, view))
}

pub(super) fn redeem<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (code,): (String,),
) -> Answer<Redeemed> {
    let done = update.store.invitation_redeem(update.call, &code_in(&code)?).map_err(refuse)?;
    Ok(Redeemed {
        invitation: invitation(update.store, done.invitation),
        capsule: done.capsule.map(|view| header(update.store, view)),
    })
}

pub(super) fn list<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (capsule,): (Option<String>,),
) -> Answer<Vec<Invitation>> {
    let capsule = capsule.map(|id| ids::capsule(&id)).transpose()?;
    let found = query.store.invitation_list(query.call, capsule).map_err(refuse)?;
    Ok(found.into_iter().map(|view| invitation(query.store, view)).collect())
}

pub(super) fn revoke<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (u64,)) -> Answer<()> {
    update.store.invitation_revoke(update.call, InvitationId(id)).map_err(refuse)
}

pub(super) fn link_create<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, public_key, options): (String, ByteBuf, Option<LinkOptions>),
) -> Answer<Link> {
    let options = options.unwrap_or_default();
    let memories = options.memories.map(|ids| ids.iter().map(|id| ids::memory(id)).collect()).transpose()?;
    let new = NewLink {
        memories,
        expires_ns: options.expires_at,
        originals: options.download.unwrap_or(true),
        password: options.password.unwrap_or(false),
        label: options.label.unwrap_or_default(),
        preview: options.preview.unwrap_or(false),
    };
    let made = update.store.link_create(update.call, ids::capsule(&capsule)?, &public_key, new);
    Ok(link(made.map_err(refuse)?, update.paths))
}

pub(super) fn link_list<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (capsule,): (String,),
) -> Answer<Vec<Link>> {
    let links = query.store.link_list(query.call, ids::capsule(&capsule)?).map_err(refuse)?;
    Ok(links.into_iter().map(|view| link(view, query.paths)).collect())
}

pub(super) fn link_revoke<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, key): (String, Principal),
) -> Answer<()> {
    update.store.link_revoke(update.call, ids::capsule(&capsule)?, &key).map_err(refuse)
}
