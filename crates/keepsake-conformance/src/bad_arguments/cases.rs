//! Bad arguments as data: method, what is wrong, code.

use super::{Case, Given};
use crate::api::{
    AssetMetadata, AssetMetadataBase, AssetType, BeginOptions, BlobHosting, InlineAssetInput, MemoryMetadata,
    MemoryUpdateData, PersonRef, PublishRequest, PublishSession, Role, TokenRequest,
};
use crate::samples::{asset, blob, bytes, changed, inline, memory, session, sha256};
use crate::world::{CHUNK, Things};
use candid::Principal;
use candid::utils::ArgumentEncoder;
use serde_bytes::ByteBuf;

const fn case(
    method: &'static str,
    wrong: &'static str,
    code: &'static str,
    args: fn(&Things, &Given<'_>) -> Vec<u8>,
) -> Case {
    Case { method, wrong, code, args }
}

pub(crate) const CASES: &[Case] = &[
    case("capsules_create", "a nameless person", "subject_empty", |_, _| person("")),
    case("capsules_create", "a long name", "text_too_long", |_, _| person(&"é".repeat(129))),
    case("capsules_grant", "an anonymous owner", "role_not_for_anonymous", |t, _| {
        encode((&t.capsule, Principal::anonymous(), Role::Owner))
    }),
    case("capsules_grant", "the last owner made admin", "last_owner", |t, g| {
        encode((&t.capsule, g.owner, Role::Admin))
    }),
    case("capsules_revoke", "the last owner", "last_owner", |t, g| encode((&t.capsule, g.owner))),
    case("uploads_begin", "no chunks", "expected_chunks_out_of_range", |t, g| begin(t, g.idem, 0, None)),
    case("uploads_begin", "16,385 chunks", "expected_chunks_out_of_range", |t, g| {
        begin(t, g.idem, 16_385, None)
    }),
    case("uploads_begin", "u32::MAX chunks", "expected_chunks_out_of_range", |t, g| {
        begin(t, g.idem, u32::MAX, None)
    }),
    case("uploads_begin", "many chunks of a small file", "expected_chunks_out_of_range", |t, g| {
        begin(t, g.idem, 20_000, Some(1_000_000))
    }),
    case("uploads_begin", "more chunks than any file", "expected_chunks_out_of_range", |t, g| {
        begin(t, g.idem, (1 << 20) + 1, Some(u64::MAX))
    }),
    case("uploads_begin", "an empty file", "total_len_out_of_range", |t, g| begin(t, g.idem, 1, Some(0))),
    case("uploads_begin", "more than its chunks hold", "total_len_out_of_range", |t, g| {
        begin(t, g.idem, 1, Some(1_800_001))
    }),
    case("uploads_begin", "less than its chunks need", "total_len_out_of_range", |t, g| {
        begin(t, g.idem, 3, Some(2))
    }),
    case("uploads_begin", "a file beyond all quotas", "resource_exhausted", |t, g| {
        begin(t, g.idem, 1 << 20, Some(1 << 40))
    }),
    case("uploads_begin", "an empty key", "idem_length", |t, _| begin(t, "", 1, None)),
    case("uploads_begin", "a long key", "idem_length", |t, _| begin(t, &"k".repeat(257), 1, None)),
    case("uploads_begin", "a short hash", "sha256_length", |t, g| {
        let sha256 = Some(ByteBuf::from(vec![0; 31]));
        encode((&t.capsule, 1_u32, g.idem, Some(BeginOptions { sha256, ..BeginOptions::default() })))
    }),
    case("uploads_begin", "a long MIME type", "text_too_long", |t, g| {
        let mime_type = Some("m".repeat(1_025));
        encode((&t.capsule, 1_u32, g.idem, Some(BeginOptions { mime_type, ..BeginOptions::default() })))
    }),
    case("uploads_put_chunk", "no bytes", "chunk_empty", |t, _| put(t, 0, b"")),
    case("uploads_put_chunk", "too many bytes", "chunk_too_large", |t, _| put(t, 0, &bytes(1_800_001, 1))),
    case("uploads_put_chunk", "an index beyond", "chunk_index_out_of_range", |t, _| put(t, 1, b"x")),
    case("uploads_put_chunk", "index u32::MAX", "chunk_index_out_of_range", |t, _| put(t, u32::MAX, b"x")),
    case("uploads_put_chunk", "other bytes", "chunk_differs", |t, _| put(t, 0, &bytes(CHUNK.len(), 1))),
    case("uploads_put_chunk", "fewer bytes", "chunk_differs", |t, _| put(t, 0, &CHUNK[1..])),
    case("uploads_finish", "an empty hash", "sha256_length", |t, _| finish(t, &[], CHUNK.len() as u64)),
    case("uploads_finish", "a long hash", "sha256_length", |t, _| finish(t, &[0; 33], CHUNK.len() as u64)),
    case("uploads_finish", "another hash", "sha256_differs", |t, _| finish(t, &[0; 32], CHUNK.len() as u64)),
    case("uploads_finish", "another length", "total_len_differs", |t, _| finish(t, &sha256(CHUNK), u64::MAX)),
    case("uploads_publish", "five sessions", "sessions_count", |t, g| {
        let sessions = (0..5).map(|n| session(AssetType::Preview, n, b"x")).collect();
        publish(t, g.idem, sessions, memory("x"))
    }),
    case("uploads_publish", "nothing", "sessions_count", |t, g| carry(t, g.idem, Vec::new())),
    case("uploads_publish", "a file without bytes", "carried_empty", |t, g| {
        carry(t, g.idem, vec![inline(AssetType::Original, b"x"), inline(AssetType::Display, b"")])
    }),
    case("uploads_publish", "files that are too long together", "carried_too_large", |t, g| {
        let long = inline(AssetType::Original, &bytes(1_799_999, 1));
        carry(t, g.idem, vec![long, inline(AssetType::Display, b"ab")])
    }),
    case("uploads_publish", "five files", "assets_count", |t, g| {
        carry(t, g.idem, vec![inline(AssetType::Preview, b"x"); 5])
    }),
    case("uploads_publish", "two originals that come along", "asset_kind_taken", |t, g| {
        carry(t, g.idem, vec![inline(AssetType::Original, b"x"), inline(AssetType::Original, b"y")])
    }),
    case("uploads_publish", "65 tags", "too_many_items", |t, g| {
        let metadata = MemoryMetadata { tags: vec!["t".into(); 65], ..memory("x") };
        publish(t, g.idem, vec![session(AssetType::Original, t.session, CHUNK)], metadata)
    }),
    case("uploads_publish", "a long tag", "text_too_long", |t, g| {
        let metadata = MemoryMetadata { tags: vec!["t".repeat(129)], ..memory("x") };
        publish(t, g.idem, vec![session(AssetType::Original, t.session, CHUNK)], metadata)
    }),
    case("uploads_publish", "a long key", "idem_length", |t, _| {
        publish(t, &"k".repeat(257), vec![session(AssetType::Original, t.session, CHUNK)], memory("x"))
    }),
    case("blob_read_chunk", "an index beyond", "chunk_index_beyond_end", |t, _| encode((&t.blob, 1_u32))),
    case("blob_read_range", "a start beyond", "range_beyond_end", |t, _| encode((&t.blob, u64::MAX, 1_u32))),
    case("blob_delete", "a blob in use", "blob_referenced", |t, _| encode((&t.referenced,))),
    case("memories_create", "no bytes at all", "bytes_source", |t, g| create(t, g.idem, None, None, None)),
    case("memories_create", "two sources", "bytes_source", |t, g| {
        create(t, g.idem, Some(b"x"), Some(BlobHosting::S3), Some("key"))
    }),
    case("memories_create", "a place without key", "bytes_source", |t, g| {
        create(t, g.idem, None, Some(BlobHosting::S3), None)
    }),
    case("memories_create", "a key without place", "bytes_source", |t, g| {
        create(t, g.idem, None, None, Some("key"))
    }),
    case("memories_create", "empty bytes", "inline_empty", |t, g| create(t, g.idem, Some(b""), None, None)),
    case("memories_create", "too many bytes", "inline_too_large", |t, g| {
        create(t, g.idem, Some(&bytes(32_769, 1)), None, None)
    }),
    case("memories_create", "an empty key", "idem_length", |t, _| create(t, "", Some(b"x"), None, None)),
    case("memories_create", "a long storage key", "text_too_long", |t, g| {
        create(t, g.idem, None, Some(BlobHosting::Ipfs), Some(&"k".repeat(1_025)))
    }),
    case("memories_create_with_internal_blobs", "no asset", "assets_count", |t, g| {
        encode((&t.capsule, memory("x"), blobs(t, &[]), g.idem))
    }),
    case("memories_create_with_internal_blobs", "five assets", "assets_count", |t, g| {
        encode((&t.capsule, memory("x"), blobs(t, &[AssetType::Preview; 5]), g.idem))
    }),
    case("memories_create_with_internal_blobs", "two originals", "asset_kind_taken", |t, g| {
        encode((&t.capsule, memory("x"), blobs(t, &[AssetType::Original; 2]), g.idem))
    }),
    case("memories_create_with_internal_blobs", "a long note", "text_too_long", |t, g| {
        let metadata = MemoryMetadata { memory_notes: Some("n".repeat(16_385)), ..memory("x") };
        encode((&t.capsule, metadata, blobs(t, &[AssetType::Original]), g.idem))
    }),
    case("memories_create_with_internal_blobs_and_inline_assets", "five assets", "assets_count", |t, g| {
        let inline = vec![inline(AssetType::Preview, b"x"), inline(AssetType::Preview, b"y")];
        encode((&t.capsule, memory("x"), blobs(t, &[AssetType::Preview; 3]), inline, g.idem))
    }),
    case("memories_create_with_internal_blobs_and_inline_assets", "empty bytes", "inline_empty", |t, g| {
        let inline = vec![inline(AssetType::Placeholder, b"")];
        encode((&t.capsule, memory("x"), blobs(t, &[AssetType::Original]), inline, g.idem))
    }),
    case("memories_add_asset", "a kind that is there", "asset_kind_taken", |t, g| {
        encode((&t.memory, blob(AssetType::Original, &t.blob), g.idem))
    }),
    case("memories_add_asset", "an empty key", "idem_length", |t, _| {
        encode((&t.memory, blob(AssetType::Display, &t.blob), ""))
    }),
    case("memories_add_inline_asset", "a kind that is there", "asset_kind_taken", |t, g| {
        encode((&t.memory, inline(AssetType::Placeholder, b"x"), g.idem))
    }),
    case("memories_add_inline_asset", "a long name", "text_too_long", |t, g| {
        let mut asset = inline(AssetType::Display, b"x");
        asset.metadata = long(asset.metadata, |base| base.name = "n".repeat(1_025));
        encode((&t.memory, asset, g.idem))
    }),
    case("memories_add_inline_asset", "more texts than a memory may have", "text_too_long", |t, g| {
        let mut asset = inline(AssetType::Display, b"x");
        asset.metadata = long(asset.metadata, |base| {
            for text in [&mut base.description, &mut base.url, &mut base.processing_error] {
                *text = Some("t".repeat(16_384));
            }
            base.tags = vec!["t".repeat(128); 64];
            base.name = "n".repeat(1_024);
        });
        if let AssetMetadata::Image(image) = &mut asset.metadata {
            image.exif_data = Some("t".repeat(16_384));
        }
        encode((&t.memory, asset, g.idem))
    }),
    case("memories_add_inline_asset", "too many tags", "too_many_items", |t, g| {
        let mut asset = inline(AssetType::Display, b"x");
        asset.metadata = long(asset.metadata, |base| base.tags = vec![String::new(); 65]);
        encode((&t.memory, asset, g.idem))
    }),
    case("memories_read_asset", "an index beyond", "asset_index_out_of_range", |t, _| {
        encode((&t.memory, 2_u32))
    }),
    case("memories_read_asset", "index u32::MAX", "asset_index_out_of_range", |t, _| {
        encode((&t.memory, u32::MAX))
    }),
    case("asset_get_by_id", "an asset that is not there", "not_found", |t, _| {
        encode((&t.memory, "asset_99"))
    }),
    case("memories_list", "no rows", "limit_out_of_range", |t, _| list(t, None, 0)),
    case("memories_list", "a made-up cursor", "cursor_malformed", |t, _| list(t, Some("../1"), 1)),
    case("memories_list_by_capsule", "an empty cursor", "cursor_malformed", |t, _| list(t, Some(""), 1)),
    case("memories_list_by_capsule", "no rows", "limit_out_of_range", |t, _| list(t, None, 0)),
    case("memories_ping", "a long id", "id_too_long", |t, _| {
        encode((vec![t.memory.clone(), "m".repeat(33)],))
    }),
    case("memories_ping", "a thousand long ids", "id_too_long", |_, _| {
        encode((vec!["m".repeat(60); 1_000],))
    }),
    case("memories_ping", "1,001 ids", "too_many_items", |_, _| encode((vec!["mem_1"; 1_001],))),
    case("memories_find", "a short hash", "sha256_length", |t, _| find(t, 1, 31)),
    case("memories_find", "an empty hash", "sha256_length", |t, _| find(t, 1, 0)),
    case("memories_find", "1,001 hashes", "too_many_items", |t, _| find(t, 1_001, 32)),
    case("memories_update", "a long title", "text_too_long", |t, _| {
        encode((
            &t.memory,
            MemoryUpdateData { title: Some("t".repeat(1_025)), ..MemoryUpdateData::default() },
        ))
    }),
    case("memories_update", "too many people", "too_many_items", |t, _| {
        let people_in_memory = Some(vec!["p".into(); 65]);
        encode((&t.memory, MemoryUpdateData { people_in_memory, ..MemoryUpdateData::default() }))
    }),
    case("memories_update", "a long tag, in the whole metadata", "text_too_long", |t, _| {
        let metadata = Some(MemoryMetadata { tags: vec!["t".repeat(129)], ..memory("x") });
        encode((&t.memory, MemoryUpdateData { metadata, ..MemoryUpdateData::default() }))
    }),
    case("memories_delete_bulk", "1,001 ids", "too_many_items", |t, _| {
        encode((&t.capsule, vec!["mem_1"; 1_001], true))
    }),
    case("memories_delete_all", "a member's role", "unauthorized", |t, _| encode((&t.capsule, true))),
    case("mint_upload_ticket", "no time", "ttl_out_of_range", |t, _| encode((t.session, 0_u32))),
    case("mint_upload_ticket", "too long a time", "ttl_out_of_range", |t, _| encode((t.session, 86_401_u32))),
    case("mint_upload_ticket", "time u32::MAX", "ttl_out_of_range", |t, _| encode((t.session, u32::MAX))),
    case("mint_upload_ticket", "session 0", "not_found", |_, _| encode((0_u64, 60_u32))),
    case("mint_upload_ticket", "session u64::MAX", "not_found", |_, _| encode((u64::MAX, 60_u32))),
    case("mint_http_token", "no time", "ttl_out_of_range", |t, _| mint(t, &[], None, 0)),
    case("mint_http_token", "too long a time", "ttl_out_of_range", |t, _| mint(t, &[], None, 86_401)),
    case("mint_http_token", "an unknown variant", "variant_unknown", |t, _| {
        mint(t, &["\u{202e}huge"], None, 60)
    }),
    case("mint_http_token", "an empty scope", "token_scope_empty", |t, _| mint(t, &[], Some(&[]), 60)),
    case("mint_http_token", "17 ids", "too_many_items", |t, _| mint(t, &[], Some(&["asset_1"; 17]), 60)),
    case("mint_http_tokens_bulk", "1,001 requests", "too_many_items", |t, _| {
        let one = TokenRequest { memory_id: t.memory.clone(), variants: Vec::new(), asset_ids: None };
        encode((vec![one; 1_001], 60_u32))
    }),
    case("mint_http_tokens_bulk", "a long id", "id_too_long", |_, _| {
        let one = TokenRequest { memory_id: "m".repeat(33), variants: Vec::new(), asset_ids: None };
        encode((vec![one], 60_u32))
    }),
    case("mint_http_tokens_bulk", "no time", "ttl_out_of_range", |t, _| {
        let one = TokenRequest { memory_id: t.memory.clone(), variants: Vec::new(), asset_ids: None };
        encode((vec![one], 0_u32))
    }),
];

pub(crate) fn encode<A: ArgumentEncoder>(args: A) -> Vec<u8> {
    candid::encode_args(args).expect("samples encode")
}

fn person(name: &str) -> Vec<u8> {
    encode((Some(PersonRef::Opaque(name.into())),))
}

fn begin(t: &Things, idem: &str, chunks: u32, total_len: Option<u64>) -> Vec<u8> {
    let options = total_len.map(|len| BeginOptions { total_len: Some(len), ..BeginOptions::default() });
    encode((&t.capsule, chunks, idem, options))
}

fn put(t: &Things, index: u32, bytes: &[u8]) -> Vec<u8> {
    encode((t.session, index, ByteBuf::from(bytes)))
}

fn finish(t: &Things, sha256: &[u8], total_len: u64) -> Vec<u8> {
    encode((t.session, ByteBuf::from(sha256), total_len))
}

fn publish(t: &Things, idem: &str, sessions: Vec<PublishSession>, metadata: MemoryMetadata) -> Vec<u8> {
    let (capsule_id, idem) = (t.capsule.clone(), idem.into());
    let (inline_assets, carried_assets, if_present) = (Vec::new(), None, None);
    encode((PublishRequest {
        capsule_id,
        metadata,
        sessions,
        inline_assets,
        carried_assets,
        if_present,
        idem,
    },))
}

/// A publish of files that come along, without a session.
fn carry(t: &Things, idem: &str, files: Vec<InlineAssetInput>) -> Vec<u8> {
    let (capsule_id, metadata, idem) = (t.capsule.clone(), memory("x"), idem.into());
    let (sessions, inline_assets, carried_assets) = (Vec::new(), Vec::new(), Some(files));
    encode((PublishRequest {
        capsule_id,
        metadata,
        sessions,
        inline_assets,
        carried_assets,
        if_present: None,
        idem,
    },))
}

fn create(
    t: &Things,
    idem: &str,
    bytes: Option<&[u8]>,
    location: Option<BlobHosting>,
    key: Option<&str>,
) -> Vec<u8> {
    let blob: Option<crate::api::BlobRef> = None;
    let (url, size, hash) = (None::<String>, None::<u64>, None::<ByteBuf>);
    let metadata = asset(AssetType::Original, "image/jpeg");
    encode((&t.capsule, bytes.map(ByteBuf::from), blob, location, key, url, size, hash, metadata, idem))
}

fn blobs(t: &Things, kinds: &[AssetType]) -> Vec<crate::api::InternalBlobAssetInput> {
    kinds.iter().map(|kind| blob(*kind, &t.blob)).collect()
}

fn long(
    metadata: crate::api::AssetMetadata,
    change: impl FnOnce(&mut AssetMetadataBase),
) -> crate::api::AssetMetadata {
    changed(metadata, change)
}

fn list(t: &Things, cursor: Option<&str>, limit: u32) -> Vec<u8> {
    encode((&t.capsule, cursor, Some(limit)))
}

fn find(t: &Things, count: usize, len: usize) -> Vec<u8> {
    encode((&t.capsule, vec![ByteBuf::from(vec![7; len]); count]))
}

fn mint(t: &Things, variants: &[&str], assets: Option<&[&str]>, ttl_secs: u32) -> Vec<u8> {
    encode((&t.memory, variants, assets, ttl_secs))
}
