//! Memories and assets between wire and core. Owns their mapping only: on the way out, lengths and hashes are
//! those of the stored bytes, whatever the client said.

use ic_stable_structures::Memory;
use keepsake_api as api;
use keepsake_api::{Answer, AssetMetadata, AssetType, Error};
use keepsake_core::Store;
use keepsake_core::ids::{AssetId, BlobId, CapsuleId, MemoryId};
use keepsake_core::memory::{
    AssetBytes, AssetKind, AssetMeta, AssetRecord, AssetSource, Hosting, MediaType, MemoryMeta, MemoryRecord,
    NewAsset, NewSource,
};
use serde_bytes::ByteBuf;

macro_rules! pairs {
    ($into:ident, $out:ident, $wire:ty, $core:ty, $($name:ident),*) => {
        pub(crate) fn $into(wire: $wire) -> $core {
            match wire { $(<$wire>::$name => <$core>::$name),* }
        }

        pub(crate) fn $out(core: $core) -> $wire {
            match core { $(<$core>::$name => <$wire>::$name),* }
        }
    };
}

pairs!(
    kind_in,
    kind_out,
    AssetType,
    AssetKind,
    Original,
    Display,
    Thumbnail,
    Placeholder,
    Preview,
    Derivative,
    Metadata
);
pairs!(media_in, media_out, api::MemoryType, MediaType, Note, Image, Document, Audio, Video);
pairs!(hosting_in, hosting_out, api::BlobHosting, Hosting, S3, Icp, Vercel, Ipfs, Arweave, Neon);

pub(crate) fn meta_in(meta: api::MemoryMetadata) -> MemoryMeta {
    MemoryMeta {
        title: meta.title,
        description: meta.description,
        tags: meta.tags,
        content_type: meta.content_type,
        memory_type: media_in(meta.memory_type),
        date_of_memory_ns: meta.date_of_memory,
        file_created_at_ns: meta.file_created_at,
        people_in_memory: meta.people_in_memory,
        location: meta.location,
        memory_notes: meta.memory_notes,
        parent_folder_id: meta.parent_folder_id,
        created_by: meta.created_by,
        created_at_ns: meta.created_at,
        updated_at_ns: meta.updated_at,
        uploaded_at_ns: meta.uploaded_at,
    }
}

fn meta_out(meta: MemoryMeta) -> api::MemoryMetadata {
    api::MemoryMetadata {
        title: meta.title,
        description: meta.description,
        tags: meta.tags,
        content_type: meta.content_type,
        memory_type: media_out(meta.memory_type),
        date_of_memory: meta.date_of_memory_ns,
        file_created_at: meta.file_created_at_ns,
        people_in_memory: meta.people_in_memory,
        location: meta.location,
        memory_notes: meta.memory_notes,
        parent_folder_id: meta.parent_folder_id,
        created_by: meta.created_by,
        created_at: meta.created_at_ns,
        updated_at: meta.updated_at_ns,
        uploaded_at: meta.uploaded_at_ns,
    }
}

/// The metadata of a memory that is made from a single asset.
pub(crate) fn meta_of_asset(metadata: &AssetMetadata) -> MemoryMeta {
    let base = metadata.base();
    MemoryMeta {
        title: Some(base.name.clone()).filter(|name| !name.is_empty()),
        description: base.description.clone(),
        tags: base.tags.clone(),
        content_type: base.mime_type.clone(),
        memory_type: media_of(metadata),
        date_of_memory_ns: None,
        file_created_at_ns: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at_ns: base.created_at,
        updated_at_ns: base.updated_at,
        uploaded_at_ns: 0,
    }
}

/// Applies what is given; what is null stays.
pub(crate) fn patch(meta: &mut MemoryMeta, data: api::MemoryUpdateData) {
    if let Some(whole) = data.metadata {
        *meta = meta_in(whole);
    }
    if let Some(tags) = data.tags {
        meta.tags = tags;
    }
    let title = data.title.or(data.name);
    let texts = [
        (&mut meta.title, title),
        (&mut meta.description, data.description),
        (&mut meta.location, data.location),
        (&mut meta.memory_notes, data.memory_notes),
        (&mut meta.parent_folder_id, data.parent_folder_id),
    ];
    for (field, text) in texts {
        if text.is_some() {
            *field = text;
        }
    }
    meta.date_of_memory_ns = data.date_of_memory.or(meta.date_of_memory_ns);
    if data.people_in_memory.is_some() {
        meta.people_in_memory = data.people_in_memory;
    }
}

fn media_of(metadata: &AssetMetadata) -> MediaType {
    match metadata {
        AssetMetadata::Note(_) => MediaType::Note,
        AssetMetadata::Image(_) => MediaType::Image,
        AssetMetadata::Document(_) => MediaType::Document,
        AssetMetadata::Audio(_) => MediaType::Audio,
        AssetMetadata::Video(_) => MediaType::Video,
    }
}

pub(crate) fn asset_in(metadata: AssetMetadata) -> AssetMeta {
    let media = media_of(&metadata);
    match metadata {
        AssetMetadata::Image(image) => AssetMeta {
            dpi: image.dpi,
            color_space: image.color_space,
            exif_data: image.exif_data,
            compression_ratio: image.compression_ratio,
            orientation: image.orientation,
            ..base_in(image.base, media)
        },
        AssetMetadata::Note(plain)
        | AssetMetadata::Document(plain)
        | AssetMetadata::Audio(plain)
        | AssetMetadata::Video(plain) => base_in(plain.base, media),
    }
}

fn base_in(base: api::AssetMetadataBase, media: MediaType) -> AssetMeta {
    AssetMeta {
        media,
        name: base.name,
        mime_type: base.mime_type,
        description: base.description,
        tags: base.tags,
        kind: kind_in(base.asset_type),
        width: base.width,
        height: base.height,
        url: base.url,
        storage_key: base.storage_key,
        bucket: base.bucket,
        asset_location: base.asset_location,
        processing_status: base.processing_status,
        processing_error: base.processing_error,
        created_at_ns: base.created_at,
        updated_at_ns: base.updated_at,
        deleted_at_ns: base.deleted_at,
        dpi: None,
        color_space: None,
        exif_data: None,
        compression_ratio: None,
        orientation: None,
    }
}

fn metadata_out(meta: AssetMeta, source: &AssetSource) -> AssetMetadata {
    let image = (
        meta.dpi,
        meta.color_space.clone(),
        meta.exif_data.clone(),
        meta.compression_ratio,
        meta.orientation,
    );
    let media = meta.media;
    let plain = api::PlainAssetMetadata { base: base_out(meta, source) };
    match media {
        MediaType::Note => AssetMetadata::Note(plain),
        MediaType::Document => AssetMetadata::Document(plain),
        MediaType::Audio => AssetMetadata::Audio(plain),
        MediaType::Video => AssetMetadata::Video(plain),
        MediaType::Image => {
            let (dpi, color_space, exif_data, compression_ratio, orientation) = image;
            let base = plain.base;
            AssetMetadata::Image(api::ImageAssetMetadata {
                base,
                dpi,
                color_space,
                exif_data,
                compression_ratio,
                orientation,
            })
        }
    }
}

fn base_out(meta: AssetMeta, source: &AssetSource) -> api::AssetMetadataBase {
    api::AssetMetadataBase {
        name: meta.name,
        mime_type: meta.mime_type,
        description: meta.description,
        tags: meta.tags,
        asset_type: kind_out(meta.kind),
        bytes: source.len().unwrap_or(0),
        sha256: source.sha256().map(bytes),
        width: meta.width,
        height: meta.height,
        url: meta.url,
        storage_key: meta.storage_key,
        bucket: meta.bucket,
        asset_location: meta.asset_location,
        processing_status: meta.processing_status,
        processing_error: meta.processing_error,
        created_at: meta.created_at_ns,
        updated_at: meta.updated_at_ns,
        deleted_at: meta.deleted_at_ns,
    }
}

fn bytes(slice: &[u8]) -> ByteBuf {
    ByteBuf::from(slice.to_vec())
}

pub(crate) fn inline_in(asset: api::InlineAssetInput) -> NewAsset {
    NewAsset { meta: asset_in(asset.metadata), source: NewSource::Inline(asset.bytes.into_vec()) }
}

pub(crate) fn blob_in(asset: api::InternalBlobAssetInput) -> Answer<NewAsset> {
    let source = NewSource::Blob(super::ids::blob(&asset.blob_id)?.0);
    Ok(NewAsset { meta: asset_in(asset.metadata), source })
}

/// The one source of bytes among those that `memories_create` offers.
pub(crate) fn source_in(
    inline: Option<ByteBuf>,
    blob: Option<api::BlobRef>,
    location: Option<api::BlobHosting>,
    storage_key: Option<String>,
    url: Option<String>,
    size: Option<u64>,
    sha256: Option<ByteBuf>,
) -> Answer<NewSource> {
    let elsewhere = location.is_some() || storage_key.is_some() || url.is_some();
    match (inline, blob, elsewhere) {
        (Some(bytes), None, false) => Ok(NewSource::Inline(bytes.into_vec())),
        (None, Some(blob), false) => Ok(NewSource::Blob(super::ids::blob(&blob.locator)?.0)),
        (None, None, true) => {
            let (Some(location), Some(storage_key)) = (location, storage_key) else {
                return Err(bytes_source());
            };
            let sha256 = sha256.map(ByteBuf::into_vec);
            Ok(NewSource::External { hosting: hosting_in(location), storage_key, url, len: size, sha256 })
        }
        _ => Err(bytes_source()),
    }
}

fn bytes_source() -> Error {
    Error::InvalidArgument(
        "bytes_source: give exactly one of inline, blob, or location with storage_key".into(),
    )
}

pub(crate) fn memory<R: Memory, H: Memory>(
    store: &Store<R, H>,
    id: MemoryId,
    record: MemoryRecord,
) -> api::Memory {
    let mut memory = api::Memory {
        id: id.to_string(),
        capsule_id: CapsuleId(record.capsule).to_string(),
        metadata: meta_out(record.meta),
        creator: record.creator,
        inline_assets: Vec::new(),
        blob_internal_assets: Vec::new(),
        blob_external_assets: Vec::new(),
    };
    for asset in record.assets {
        let asset_id = AssetId(asset.id).to_string();
        let metadata = metadata_out(asset.meta, &asset.source);
        match asset.source {
            AssetSource::Inline { .. } => {
                let bytes = store.inline_bytes(id, AssetId(asset.id)).expect("an inline asset has its bytes");
                let bytes = ByteBuf::from(bytes);
                memory.inline_assets.push(api::MemoryAssetInline { asset_id, bytes, metadata });
            }
            AssetSource::Blob { blob, len, sha256 } => {
                let blob_ref =
                    api::BlobRef { locator: BlobId(blob).to_string(), len, hash: Some(bytes(&sha256[..])) };
                memory.blob_internal_assets.push(api::MemoryAssetBlobInternal {
                    asset_id,
                    blob_ref,
                    metadata,
                });
            }
            AssetSource::External { hosting, storage_key, url, .. } => {
                let location = hosting_out(hosting);
                let asset = api::MemoryAssetBlobExternal { asset_id, location, storage_key, url, metadata };
                memory.blob_external_assets.push(asset);
            }
        }
    }
    memory
}

pub(crate) fn header(id: MemoryId, record: MemoryRecord) -> api::MemoryHeader {
    api::MemoryHeader {
        id: id.to_string(),
        capsule_id: CapsuleId(record.capsule).to_string(),
        title: record.meta.title,
        content_type: record.meta.content_type,
        memory_type: media_out(record.meta.memory_type),
        date_of_memory: record.meta.date_of_memory_ns,
        created_at: record.created_ns,
        updated_at: record.updated_ns,
        tags: record.meta.tags,
        assets: record.assets.iter().map(asset_header).collect(),
    }
}

fn asset_header(asset: &AssetRecord) -> api::AssetHeader {
    api::AssetHeader {
        asset_id: AssetId(asset.id).to_string(),
        asset_type: kind_out(asset.meta.kind),
        mime_type: asset.meta.mime_type.clone(),
        bytes: asset.source.len().unwrap_or(0),
        width: asset.meta.width,
        height: asset.meta.height,
    }
}

pub(crate) fn assets_list(memory_id: String, record: &MemoryRecord) -> api::MemoryAssetsList {
    let ids = |wanted: fn(&AssetSource) -> bool| {
        let found = record.assets.iter().filter(|asset| wanted(&asset.source));
        found.map(|asset| AssetId(asset.id).to_string()).collect()
    };
    api::MemoryAssetsList {
        memory_id,
        inline_assets: ids(|source| matches!(source, AssetSource::Inline { .. })),
        internal_assets: ids(|source| matches!(source, AssetSource::Blob { .. })),
        external_assets: ids(|source| matches!(source, AssetSource::External { .. })),
        total_count: u32::try_from(record.assets.len()).expect("a memory has at most four assets"),
        assets: record.assets.iter().map(asset_header).collect(),
    }
}

pub(crate) fn asset_data(asset: AssetBytes) -> api::MemoryAssetData {
    let AssetRecord { id, meta, source, .. } = asset.record;
    let asset_id = AssetId(id).to_string();
    let content_type = meta.mime_type;
    let sha256 = source.sha256().map(bytes);
    match source {
        AssetSource::Inline { len, .. } => {
            let bytes = ByteBuf::from(asset.inline.expect("an inline asset has its bytes"));
            api::MemoryAssetData::Inline { asset_id, bytes, content_type, size: len, sha256 }
        }
        AssetSource::Blob { blob, len, .. } => {
            let blob_id = BlobId(blob).to_string();
            api::MemoryAssetData::InternalBlob { asset_id, blob_id, content_type, size: len, sha256 }
        }
        AssetSource::External { hosting, storage_key, url, len, .. } => api::MemoryAssetData::ExternalUrl {
            asset_id,
            location: hosting_out(hosting),
            storage_key,
            url,
            content_type,
            size: len,
            sha256,
        },
    }
}
