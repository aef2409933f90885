//! Handlers of objects, for whoever keeps the bucket's keys. Owns their mapping only.

use super::{Query, Update};
use crate::http::token;
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{Answer, Attestation, Error, MovableBlobs, Object, ObjectGrant, ObjectHolder};
use keepsake_core::ids::{BlobId, ObjectId, SessionId};
use keepsake_core::objects::{Holder, ObjectView};
use keepsake_core::ticket::TicketError;
use keepsake_core::upload;
use keepsake_core::{Call, Store};
use serde_bytes::ByteBuf;

/// The ticket says whose session it is; whoever keeps the keys asks in that person's place.
pub(super) fn grant<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (ticket,): (String,),
) -> Answer<ObjectGrant> {
    require_attestor(update.store, update.call)?;
    let (call, session) = in_place_of(update.store, update.call, &ticket)?;
    let view = update.store.upload_grant(&call, session).map_err(refuse)?;
    Ok(grant_out(update.store, session, view))
}

/// What was granted, for a look at the bucket: by the same rules, and nothing is signed by it.
pub(super) fn granted<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (ticket,): (String,),
) -> Answer<ObjectGrant> {
    require_attestor(query.store, query.call)?;
    let (call, session) = in_place_of(query.store, query.call, &ticket)?;
    let view = query.store.upload_granted(&call, session).map_err(refuse)?;
    Ok(grant_out(query.store, session, view))
}

/// A message of whoever the ticket is for, and its session.
fn in_place_of<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    ticket: &str,
) -> Answer<(Call, SessionId)> {
    let bytes = token::bytes(ticket).ok_or(TicketError::Wrong);
    let key = store.ticket_key().ok_or(TicketError::Wrong);
    let opened = key.and_then(|key| key.open(call.now_ns, &bytes?));
    let ticket = opened.map_err(|why| {
        let code = match why {
            TicketError::Wrong => "upload_ticket_wrong: this host made no such ticket",
            TicketError::Expired => "upload_ticket_expired: mint another one and go on",
        };
        Error::InvalidArgument(code.into())
    })?;
    let signed = Call { caller: ticket.caller, ..*call };
    Ok((store.enter_to_change(&signed), ticket.session))
}

fn grant_out<R: Memory, H: Memory>(store: &Store<R, H>, session: SessionId, view: ObjectView) -> ObjectGrant {
    let record = view.record;
    ObjectGrant {
        session_id: session.0,
        object_id: view.id.0,
        key: view.key,
        len: record.len,
        sha256: ByteBuf::from(record.sha256.to_vec()),
        mime_type: view.mime_type,
        part_bytes: upload::part_bytes(record.len),
        upload_id: record.upload_id,
        attested: store.upload_is_attested(session),
    }
}

pub(super) fn multipart<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (session, upload_id): (u64, String),
) -> Answer<String> {
    update.store.upload_multipart(update.call, SessionId(session), &upload_id).map_err(refuse)
}

pub(super) fn attest<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (session, found): (u64, Attestation),
) -> Answer<()> {
    let found =
        upload::Attestation { len: found.len, sha256: found.sha256.into_vec(), version: found.version };
    update.store.upload_attest(update.call, SessionId(session), &found).map_err(refuse)
}

pub(super) fn removable<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Answer<Vec<Object>> {
    let views = query.store.objects_to_remove(query.call).map_err(refuse)?;
    Ok(views.into_iter().map(object_out).collect())
}

pub(super) fn removed<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (ids,): (Vec<u64>,),
) -> Answer<u64> {
    update.store.objects_removed(update.call, &ids).map_err(refuse)
}

pub(super) fn list<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (first,): (Option<u64>,),
) -> Answer<Vec<Object>> {
    let views = query.store.objects_list(query.call, ObjectId(first.unwrap_or(0))).map_err(refuse)?;
    Ok(views.into_iter().map(object_out).collect())
}

pub(super) fn movable<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (first, created_at, len_min): (Option<String>, u64, u64),
) -> Answer<MovableBlobs> {
    require_attestor(query.store, query.call)?;
    let first = first.map_or(Ok(BlobId(0)), |text| ids::blob(&text))?;
    let (blobs, next) = query.store.blobs_to_move(query.call, first, created_at, len_min).map_err(refuse)?;
    let text = |id: BlobId| id.to_string();
    Ok(MovableBlobs { blobs: blobs.into_iter().map(text).collect(), next: next.map(text) })
}

pub(super) fn move_begin<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (blob,): (String,),
) -> Answer<Object> {
    require_attestor(update.store, update.call)?;
    update.store.blob_move_begin(update.call, ids::blob(&blob)?).map(object_out).map_err(refuse)
}

pub(super) fn moved<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (blob, found): (String, Attestation),
) -> Answer<()> {
    require_attestor(update.store, update.call)?;
    let Attestation { len, sha256, version } = found;
    update.store.blob_moved(update.call, ids::blob(&blob)?, &sha256, len, version).map_err(refuse)
}

/// Before an id is looked at: others learn nothing of one, not even that it is none.
fn require_attestor<R: Memory, H: Memory>(store: &Store<R, H>, call: &Call) -> Answer<()> {
    if store.is_attestor(&call.caller) { Ok(()) } else { Err(Error::Unauthorized) }
}

fn object_out(view: ObjectView) -> Object {
    let ObjectView { id, key, mime_type, record } = view;
    Object {
        object_id: id.0,
        key,
        len: record.len,
        sha256: ByteBuf::from(record.sha256.to_vec()),
        mime_type,
        upload_id: record.upload_id,
        version: record.version,
        holder: match record.holder {
            Holder::Session(id) => ObjectHolder::Session(id),
            Holder::Blob(id) => ObjectHolder::Blob(BlobId(id).to_string()),
            Holder::Nobody(at_ns) => ObjectHolder::Nobody(at_ns),
        },
    }
}
