//! Handlers of uploads, sessions and publish. Owns their mapping only.

use super::{IntoMessage, Query, Update, bucket_of};
use crate::host::{Event, Reply, S3_PATH};
use crate::http::token;
use crate::wire::memories::{asset_in, inline_in, kind_out, meta_in};
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{
    Answer, BeginOptions, BlobHosting, Error, PublishRequest, PublishResult, PublishedAsset, PutRoad, S3Lane,
    SessionInfo, SessionState, SessionStats, UploadConfig, UploadFinishResult, UploadStatus,
};
use keepsake_core::ids::{AssetId, BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::publish::{CarriedAsset, IfPresent, Publication, PublishSession, Published};
use keepsake_core::upload::{Progress, SessionRecord, SessionState as State, SessionView};
use keepsake_core::{Config, limits, upload};
use serde_bytes::{ByteBuf, Bytes};

const NS_PER_SEC: u64 = 1_000_000_000;

pub(super) fn config<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> UploadConfig {
    let config: &Config = query.store.config();
    UploadConfig {
        chunk_size: limits::CHUNK_BYTES_MAX,
        inline_max: limits::INLINE_BYTES_MAX,
        inline_budget_per_capsule: limits::INLINE_BUDGET_PER_CAPSULE_BYTES,
        chunks_per_session_max: limits::CHUNKS_MAX,
        chunks_per_session_max_with_total_len: limits::CHUNKS_MAX_WITH_TOTAL_LEN,
        sessions_per_caller_max: config.quotas.sessions_per_caller_max,
        bytes_in_flight_per_caller_max: config.quotas.bytes_in_flight_per_caller_max,
        capsule_bytes_max: config.quotas.capsule_bytes_max,
        session_ttl_secs: limits::SESSION_TTL_NS / NS_PER_SEC,
        finished_ttl_secs: limits::ENDED_TTL_NS / NS_PER_SEC,
        blob_ttl_secs: limits::BLOB_TTL_NS / NS_PER_SEC,
        response_bytes_max: limits::RESPONSE_BYTES_MAX,
        page_items_max: limits::PAGE_ITEMS_MAX,
        assets_per_memory_max: small(limits::ASSETS_PER_MEMORY_MAX),
        idem_bytes_max: small(limits::IDEM_BYTES_MAX),
        text_short_bytes_max: small(limits::TEXT_SHORT_BYTES_MAX),
        text_long_bytes_max: small(limits::TEXT_LONG_BYTES_MAX),
        tags_max: small(limits::TAGS_MAX),
        tag_bytes_max: small(limits::TAG_BYTES_MAX),
        memory_text_bytes_max: Some(small(limits::MEMORY_TEXT_BYTES_MAX)),
        carried_bytes_max: Some(limits::CARRIED_BYTES_MAX),
        put_road: query
            .paths
            .put_road
            .map(|path| PutRoad { path: path.to_owned(), ticket_secs_max: limits::TOKEN_TTL_SECS_MAX }),
        s3: bucket_of(query.store, query.paths).map(|(from_len, url)| S3Lane {
            from_len,
            put_bytes_max: limits::OBJECT_PUT_BYTES_MAX,
            part_bytes_min: limits::OBJECT_PART_BYTES_MIN,
            parts_max: limits::OBJECT_PARTS_MAX,
            path: S3_PATH.to_owned(),
            url,
        }),
    }
}

fn small(limit: usize) -> u32 {
    u32::try_from(limit).expect("a limit fits 32 bits")
}

pub(super) fn begin<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, expected, idem, options): (String, u32, String, Option<BeginOptions>),
) -> Answer<u64> {
    let options = options.unwrap_or_default();
    let options = upload::BeginOptions {
        total_len: options.total_len,
        sha256: options.sha256.map(ByteBuf::into_vec),
        mime_type: options.mime_type,
        elsewhere: elsewhere_in(options.hosting, update)?,
    };
    let capsule = ids::capsule(&capsule)?;
    let id = update.store.upload_begin(update.call, capsule, expected, &idem, options).map_err(refuse)?;
    update.store.note_seen(update.signed);
    update.events.push(Event::SessionBegun(id.0));
    Ok(id.0)
}

fn elsewhere_in<R: Memory, H: Memory>(
    hosting: Option<BlobHosting>,
    update: &Update<'_, R, H>,
) -> Answer<bool> {
    let has_bucket = || bucket_of(update.store, update.paths).is_some();
    match hosting {
        None | Some(BlobHosting::Icp) => Ok(false),
        Some(BlobHosting::S3) if has_bucket() => Ok(true),
        Some(BlobHosting::S3) => {
            Err(Error::NotImplemented("s3_not_configured: this host has no bucket; leave hosting out".into()))
        }
        Some(_) => Err(Error::NotImplemented("hosting_not_offered: choose S3, or leave hosting out".into())),
    }
}

/// The chunk stays where it came in: its bytes are not copied before the heap takes them.
pub(super) fn put_chunk<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, index, bytes): (u64, u32, &Bytes),
) -> Answer<()> {
    update.store.upload_put(update.call, SessionId(id), index, bytes).map_err(refuse)?;
    update.events.push(Event::ChunkPut(id));
    Ok(())
}

/// A chunk that came by itself: the answer of [`put_chunk`], without arguments to decode.
pub(crate) fn put<R: Memory, H: Memory>(
    mut update: Update<'_, R, H>,
    session: u64,
    index: u32,
    bytes: &[u8],
) -> Reply {
    let answer = put_chunk(&mut update, (session, index, Bytes::new(bytes)));
    Reply { bytes: answer.into_message(), events: update.events }
}

pub(super) fn mint_ticket<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (session, ttl_secs): (u64, u32),
) -> Answer<String> {
    if query.paths.put_road.is_none() && bucket_of(query.store, query.paths).is_none() {
        let text = "no_put_road: this host takes chunks by uploads_put_chunk only";
        return Err(Error::NotImplemented(text.into()));
    }
    let minted = query.store.ticket_mint(query.signed, SessionId(session), ttl_secs);
    minted.map(|bytes| token::text(&bytes)).map_err(refuse)
}

pub(super) fn status<R: Memory, H: Memory>(query: &Query<'_, R, H>, (id,): (u64,)) -> Answer<UploadStatus> {
    let status = query.store.upload_status(query.call, SessionId(id)).map_err(refuse)?;
    let record = status.record;
    Ok(UploadStatus {
        expected_chunks: record.expected,
        received_chunks: record.received,
        bytes_received: record.bytes_received,
        chunk_size: (record.chunk_len > 0).then_some(record.chunk_len),
        missing: status.missing,
        missing_truncated: status.missing_truncated,
        expires_at: record.deadline_ns(),
        state: state_out(&record),
        capsule_id: CapsuleId(record.capsule).to_string(),
    })
}

pub(super) fn finish<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, sha256, total_len): (u64, ByteBuf, u64),
) -> Answer<UploadFinishResult> {
    let finished = update.store.upload_finish(update.call, SessionId(id), &sha256, total_len);
    let (blob_id, blob) = done(finished.map_err(refuse)?)?;
    update.events.push(Event::SessionFinished(id));
    Ok(UploadFinishResult {
        blob_id: blob_id.to_string(),
        memory_id: blob.memory.map(|id| MemoryId(id).to_string()).unwrap_or_default(),
        size: blob.len,
        checksum_sha256: Some(ByteBuf::from(blob.sha256.to_vec())),
        storage_backend: if blob.elsewhere().is_some() { BlobHosting::S3 } else { BlobHosting::Icp },
        storage_location: blob_id.to_string(),
        uploaded_at: blob.created_ns,
        expires_at: blob.expires_ns,
        remote_id: None,
    })
}

/// The interface has no answer for work that goes on: it is a conflict that passes by itself.
fn done<T>(progress: Progress<T>) -> Answer<T> {
    match progress {
        Progress::Done(done) => Ok(done),
        Progress::Hashing { hashed, expected } => Err(Error::Conflict(format!(
            "hash_pending: {hashed} of {expected} chunks hashed; send the same message again"
        ))),
    }
}

pub(super) fn abort<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (id,): (u64,)) -> Answer<()> {
    update.store.upload_abort(update.call, SessionId(id)).map_err(refuse)
}

pub(super) fn publish<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (request,): (PublishRequest,),
) -> Answer<PublishResult> {
    let capsule = ids::capsule(&request.capsule_id)?;
    let publication = Publication {
        meta: meta_in(request.metadata),
        sessions: request.sessions.into_iter().map(session_in).collect(),
        carried: request.carried_assets.unwrap_or_default().into_iter().map(carried_in).collect(),
        inline: request.inline_assets.into_iter().map(inline_in).collect(),
        if_present: match request.if_present {
            Some(keepsake_api::IfPresent::Return) => IfPresent::Return,
            Some(keepsake_api::IfPresent::Duplicate) | None => IfPresent::Duplicate,
        },
    };
    let sessions = publication.sessions.iter();
    let finished: Vec<_> = sessions.map(|session| Event::SessionFinished(session.session)).collect();
    let published = update.store.publish(update.call, capsule, publication, &request.idem);
    let published = done(published.map_err(refuse)?)?;
    update.store.note_seen(update.signed);
    if !published.already {
        update.events.extend(finished);
    }
    Ok(published_out(published))
}

fn session_in(session: keepsake_api::PublishSession) -> PublishSession {
    PublishSession {
        session: session.session_id,
        sha256: session.sha256.into_vec().into(),
        total_len: session.total_len,
        meta: asset_in(session.metadata),
    }
}

fn carried_in(asset: keepsake_api::InlineAssetInput) -> CarriedAsset {
    CarriedAsset { meta: asset_in(asset.metadata), bytes: asset.bytes.into_vec() }
}

fn published_out(published: Published) -> PublishResult {
    let asset = |asset: keepsake_core::publish::PublishedAsset| PublishedAsset {
        asset_id: AssetId(asset.id).to_string(),
        asset_type: kind_out(asset.kind),
        blob_id: asset.blob.map(|id| BlobId(id).to_string()),
        size: asset.len,
        sha256: ByteBuf::from(asset.sha256.to_vec()),
    };
    PublishResult {
        memory_id: MemoryId(published.memory).to_string(),
        assets: published.assets.into_iter().map(asset).collect(),
        published_at: published.published_ns,
        already: Some(published.already),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the interface gives every listing a Result")]
pub(super) fn list<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Answer<Vec<SessionInfo>> {
    Ok(query.store.session_list(&query.call.caller).into_iter().map(info_out).collect())
}

fn info_out(SessionView { id, record }: SessionView) -> SessionInfo {
    SessionInfo {
        session_id: id.0,
        capsule_id: CapsuleId(record.capsule).to_string(),
        caller: record.caller,
        expected_chunks: record.expected,
        received_chunks: record.received,
        bytes_received: record.bytes_received,
        total_len: record.total_len,
        created_at: record.created_ns,
        last_seen: record.last_seen_ns,
        expires_at: record.deadline_ns(),
        state: state_out(&record),
        idem: record.idem,
        mime_type: record.mime_type,
    }
}

fn state_out(record: &SessionRecord) -> SessionState {
    match record.state {
        State::Finished(blob) => SessionState::Finished(BlobId(blob).to_string()),
        State::Pending | State::Aborted => SessionState::Pending,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the interface gives every listing a Result")]
pub(super) fn stats<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Answer<SessionStats> {
    let stats = query.store.session_stats(&query.call.caller);
    Ok(SessionStats {
        pending: stats.pending,
        finished: stats.finished,
        bytes_in_flight: stats.bytes_in_flight,
        oldest_last_seen: stats.oldest_last_seen_ns,
    })
}

pub(super) fn cleanup_expired<R: Memory, H: Memory>(update: &mut Update<'_, R, H>, (): ()) -> Answer<u32> {
    update.store.require_let_in(&update.call.caller).map_err(refuse)?;
    Ok(update.store.tick(update.call).sessions_evicted)
}

pub(super) fn probe<R: Memory, H: Memory>(query: &Query<'_, R, H>, (): ()) -> Vec<u64> {
    query.store.session_ids().into_iter().map(|id| id.0).collect()
}
