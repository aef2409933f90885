//! Handlers of people: who a key is, devices, passkeys, names. Owns their mapping only.

use super::{Query, Update};
use crate::wire::people::{
    admission_out, bytes_out, code_in, code_out, device, name_out, passkey_in, standing,
};
use crate::wire::refuse;
use candid::Principal;
use ic_stable_structures::Memory;
use keepsake_api::{Answer, Device, Passkey, PersonName, WhoAmI};
use keepsake_core::people::NameRecord;
use serde_bytes::ByteBuf;

pub(super) fn whoami<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> WhoAmI {
    let (store, account) = (query.store, query.call.caller);
    let person = store.person(&account);
    let anonymous = account == Principal::anonymous();
    let devices = store.devices_list(&account).map_or(0, |devices| devices.len());
    WhoAmI {
        principal: query.signed.caller,
        account,
        standing: standing(store.standing(&query.signed.caller, query.call.now_ns)),
        admission: admission_out(store.admission()),
        may_create_capsules: !anonymous && store.link_of(&account).is_none() && store.is_admitted(&account),
        is_controller: store.is_controller(&account),
        name: person.name,
        colour: person.colour,
        devices: u32::try_from(devices).expect("an account has few devices"),
    }
}

pub(super) fn invite<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (name,): (String,),
) -> Answer<String> {
    update.store.devices_invite(update.call, &name).map(code_out).map_err(refuse)
}

pub(super) fn join<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (code, name, passkey): (String, String, Option<Passkey>),
) -> Answer<Principal> {
    let (code, passkey) = (code_in(&code)?, passkey.map(passkey_in));
    update.store.devices_join(update.signed, &code, &name, passkey.as_ref()).map_err(refuse)
}

pub(super) fn list<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Answer<Vec<Device>> {
    let devices = query.store.devices_list(&query.call.caller).map_err(refuse)?;
    Ok(devices.into_iter().map(|one| device(one, &query.signed.caller)).collect())
}

pub(super) fn rename<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (key, name): (Principal, String),
) -> Answer<()> {
    update.store.devices_rename(update.call, &key, &name).map_err(refuse)
}

pub(super) fn remove<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (key,): (Principal,),
) -> Answer<()> {
    update.store.devices_remove(update.call, &key).map_err(refuse)
}

pub(super) fn passkey_register<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (passkey,): (Passkey,),
) -> Answer<()> {
    update.store.passkey_register(update.signed, &passkey_in(passkey)).map_err(refuse)
}

pub(super) fn passkey_find<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (credential_id,): (ByteBuf,),
) -> Answer<ByteBuf> {
    query.store.passkey_find(&credential_id).map(bytes_out).map_err(refuse)
}

pub(super) fn profile_set<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (name, colour): (Option<String>, Option<u32>),
) -> Answer<()> {
    update.store.profile_set(update.call, name, colour).map_err(refuse)
}

pub(super) fn name<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (person, name, colour): (Principal, Option<String>, Option<u32>),
) -> Answer<()> {
    update.store.people_name(update.call, &person, &NameRecord { name, colour }).map_err(refuse)
}

#[expect(clippy::unnecessary_wraps, reason = "the interface gives every listing a Result")]
pub(super) fn names<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Answer<Vec<PersonName>> {
    Ok(query.store.people_list(&query.call.caller).into_iter().map(name_out).collect())
}
