//! Handlers of capsules. Owns their mapping only.

use super::{Query, Update};
use crate::wire::capsules::{header, info, role_in, subject_in, whole};
use crate::wire::{ids, refuse};
use candid::Principal;
use ic_stable_structures::Memory;
use keepsake_api::{Answer, Capsule, CapsuleHeader, CapsuleInfo, PersonRef, Role};

pub(super) fn create<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (subject,): (Option<PersonRef>,),
) -> Answer<Capsule> {
    let made = update.store.capsule_create(update.call, subject.map(subject_in)).map_err(refuse)?;
    let members = update.store.capsule_members(&update.call.caller, made.id).map_err(refuse)?;
    Ok(whole(update.store, made, &members))
}

pub(super) fn list<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Vec<CapsuleHeader> {
    query.store.capsule_list(&query.call.caller).into_iter().map(|view| header(query.store, view)).collect()
}

pub(super) fn read_basic<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (id,): (Option<String>,),
) -> Answer<CapsuleInfo> {
    let id = id.map(|id| ids::capsule(&id)).transpose()?;
    let view = query.store.capsule(&query.call.caller, id).map_err(refuse)?;
    Ok(info(query.store, view, &query.call.caller))
}

pub(super) fn read_full<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (id,): (Option<String>,),
) -> Answer<Capsule> {
    let id = id.map(|id| ids::capsule(&id)).transpose()?;
    let view = query.store.capsule(&query.call.caller, id).map_err(refuse)?;
    let members = query.store.capsule_members(&query.call.caller, view.id).map_err(refuse)?;
    Ok(whole(query.store, view, &members))
}

pub(super) fn delete<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (String,)) -> Answer<()> {
    update.store.capsule_delete(update.call, ids::capsule(&id)?).map_err(refuse)
}

pub(super) fn grant<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, who, role): (String, Principal, Role),
) -> Answer<()> {
    update.store.capsule_grant(update.call, ids::capsule(&id)?, &who, role_in(role)).map_err(refuse)
}

pub(super) fn revoke<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, who): (String, Principal),
) -> Answer<()> {
    update.store.capsule_revoke(update.call, ids::capsule(&id)?, &who).map_err(refuse)
}

pub(super) fn accept<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (String,)) -> Answer<()> {
    update.store.capsule_accept(update.call, ids::capsule(&id)?).map_err(refuse)
}

pub(super) fn leave<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (String,)) -> Answer<()> {
    update.store.capsule_leave(update.call, ids::capsule(&id)?).map_err(refuse)
}

pub(super) fn rename<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, name): (String, Option<String>),
) -> Answer<()> {
    update.store.capsule_rename(update.call, ids::capsule(&id)?, name).map_err(refuse)
}
