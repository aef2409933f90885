//! Handlers for whoever runs the host. Owns their mapping only.

use super::{Query, Update};
use crate::wire::people::{code_out, log_entry, settings_in, settings_out};
use crate::wire::{ids, refuse};
use candid::Principal;
use ic_stable_structures::Memory;
use keepsake_api::{Answer, Error, HostSettings, LogEntry, Settings};
use keepsake_core::ids::{CapsuleId, MemoryId, SessionId};

pub(super) fn settings<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Answer<HostSettings> {
    let config = query.store.operator_settings(query.call).map_err(refuse)?;
    let settings = settings_out(config, query.store.admission());
    Ok(HostSettings { settings, controllers: config.controllers.clone() })
}

pub(super) fn set<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (settings,): (Settings,),
) -> Answer<()> {
    update.store.operator_set(update.call, &settings_in(&settings)).map_err(refuse)
}

pub(super) fn invite<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (uses, expires_at, label, quota_bytes): (u32, Option<u64>, Option<String>, Option<u64>),
) -> Answer<String> {
    let label = label.unwrap_or_default();
    let made = update.store.invitation_onto_host(update.call, uses, expires_at, &label, quota_bytes);
    made.map(|(_, code)| code_out(code)).map_err(refuse)
}

pub(super) fn evict<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (u64,)) -> Answer<()> {
    update.store.operator_evict(update.call, SessionId(id)).map_err(refuse)
}

/// Of a memory or a capsule, as the id says.
pub(super) fn remove<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (String,)) -> Answer<()> {
    // Who is no controller learns nothing of an id, not even that it is none.
    update.store.operator_settings(update.call).map_err(refuse)?;
    if let Some(id) = MemoryId::parse(&id) {
        return update.store.operator_remove_memory(update.call, id).map_err(refuse);
    }
    let id = CapsuleId::parse(&id).ok_or(Error::NotFound)?;
    update.store.operator_remove_capsule(update.call, id).map_err(refuse)
}

pub(super) fn block<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (who, reason): (Principal, Option<String>),
) -> Answer<()> {
    update.store.operator_block(update.call, &who, &reason.unwrap_or_default()).map_err(refuse)
}

pub(super) fn unblock<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (who,): (Principal,),
) -> Answer<()> {
    update.store.operator_unblock(update.call, &who).map_err(refuse)
}

pub(super) fn quota<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (who, quota_bytes): (Principal, Option<u64>),
) -> Answer<()> {
    update.store.operator_quota(update.call, &who, quota_bytes).map_err(refuse)
}

pub(super) fn give<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, who): (String, Principal),
) -> Answer<()> {
    update.store.operator_settings(update.call).map_err(refuse)?;
    update.store.operator_give(update.call, ids::capsule(&capsule)?, &who).map_err(refuse)
}

pub(super) fn log<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (before,): (Option<u64>,),
) -> Answer<Vec<LogEntry>> {
    let entries = query.store.operator_log(query.call, before).map_err(refuse)?;
    Ok(entries.into_iter().map(log_entry).collect())
}
