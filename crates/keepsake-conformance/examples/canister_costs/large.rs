//! Large stores: many memories, many sessions, many bytes. Owns how they are made and what is measured in them.

use crate::files::{CHUNK, CHUNK_BYTES, Photo, begin, put};
use crate::native::Native;
use crate::on_canister::OnCanister;
use crate::sender::{Sender, user};
use crate::{Failure, tell};
use candid::Principal;
use keepsake_conformance::api::{
    Answer, AssetType, InlineAssetInput, InternalBlobAssetInput, Page, UploadStatus,
};
use keepsake_conformance::samples;
use keepsake_wasm_host::{CanisterModule, StableMemory};

/// Rows of the page that is read.
const PAGE_ROWS: u32 = 50;
const MEMORIES: u32 = 100_000;
const OPEN_SESSIONS: u32 = 10_000;
/// By default, one caller may have so many open.
const SESSIONS_PER_CALLER: u32 = 1_000;
/// Chunks of a file of 100 GB.
const STORED_CHUNKS: u32 = 55_556;
/// An original of five chunks: with its derivatives, about 10 MB.
const PHOTO_BYTES: u64 = 5 * CHUNK_BYTES;

/// A store with one upload of `len` zeros, complete and not finished, and its derivatives.
pub(crate) fn one_file(len: u64) -> Result<StableMemory, Failure> {
    let mut native = Native::new()?;
    let capsule = native.capsule()?;
    Photo::uploaded(&mut native, &capsule, len)?;
    Ok(native.into_stable())
}

/// A store with `count` photos that were published within the last day: their finished sessions are there still.
pub(crate) fn published(count: u32) -> Result<StableMemory, Failure> {
    let mut native = Native::new()?;
    let capsule = native.capsule()?;
    for number in 0..count {
        let name = format!("photo {number}");
        Photo::tiny(&mut native, &capsule, &name)?.publish(&mut native, &capsule, &name)?;
    }
    Ok(native.into_stable())
}

/// One page out of the capsule's `count` memories, each with its four assets.
pub(crate) fn page(module: &CanisterModule, count: u32) -> Result<(), Failure> {
    let mut native = Native::new()?;
    let capsule = fill(&mut native, count)?;
    let mut reader = OnCanister::over(module, native.into_stable())?;
    let page: Answer<Page> = reader.ask("memories_list", (&capsule, None::<String>, Some(PAGE_ROWS)))?;
    let page = page.map_err(|error| format!("{error:?}"))?;
    if page.items.len() != PAGE_ROWS as usize || page.next_cursor.is_none() {
        return Err("the page is not full".into());
    }
    tell(&format!("list_page_of_{count}"), reader.cost().total());
    Ok(())
}

/// Makes `count` memories that share the blobs of one photo.
fn fill(native: &mut Native, count: u32) -> Result<String, Failure> {
    let capsule = native.capsule()?;
    let photo = Photo::uploaded(native, &capsule, 1_000_000)?;
    let published = photo.publish(native, &capsule, "the first")?;
    let blobs: Vec<InternalBlobAssetInput> = [AssetType::Original, AssetType::Display, AssetType::Thumbnail]
        .into_iter()
        .zip(&published.assets)
        .map(|(kind, asset)| samples::blob(kind, asset.blob_id.as_deref().unwrap_or_default()))
        .collect();
    let inline: [InlineAssetInput; 1] = [samples::inline(AssetType::Placeholder, &[7; 700])];
    for number in 1..count {
        let name = format!("photo {number}");
        let made: Answer<String> = native.ask(
            "memories_create_with_internal_blobs_and_inline_assets",
            (&capsule, samples::memory(&name), &blobs, &inline[..], &name),
        )?;
        made.map_err(|error| format!("{error:?}"))?;
    }
    Ok(capsule)
}

/// An upgrade of a large store, in the middle of uploads that then go on.
pub(crate) fn upgrade(module: &CanisterModule) -> Result<(), Failure> {
    let mut native = Native::new()?;
    let capsule = fill(&mut native, MEMORIES)?;
    for caller in 0..OPEN_SESSIONS / SESSIONS_PER_CALLER {
        native.caller = Principal::self_authenticating(caller.to_le_bytes());
        let own = native.capsule()?;
        for session in 0..SESSIONS_PER_CALLER {
            begin(&mut native, &own, 3 * CHUNK_BYTES, &format!("upload {session}"))?;
        }
    }
    // A file of 100 GB in progress. Without its first chunk nothing is hashed, and zeros take no memory here.
    native.caller = user();
    let id = begin(&mut native, &capsule, u64::from(STORED_CHUNKS) * CHUNK_BYTES, "large")?;
    let zeros = vec![0; CHUNK];
    for index in 1..STORED_CHUNKS - 1 {
        put(&mut native, id, index, &zeros)?;
    }
    let mut canister = OnCanister::over(module, native.into_stable())?;
    assert!(canister.0.stable_bytes() > 100_000_000_000, "100 GB are stored");
    canister.0.upgrade(&[])?;
    tell("upgrade_large_store", canister.cost().total());
    put(&mut canister, id, 0, &zeros)?;
    let status: Answer<UploadStatus> = canister.ask("uploads_status", (id,))?;
    assert_eq!(
        status.map_err(|error| format!("{error:?}"))?.received_chunks,
        STORED_CHUNKS - 1,
        "the upload goes on"
    );
    Ok(())
}

/// The module's heap after so many photos came in by both lanes, two photos at a time.
pub(crate) fn heap(module: &CanisterModule, photos: u32, size: &str) -> Result<(), Failure> {
    let mut user = OnCanister::installed(module)?;
    let capsule = user.capsule()?;
    for number in (0..photos).step_by(2) {
        let names = [format!("photo {number}"), format!("photo {}", number + 1)];
        let one = Photo::named(&mut user, &capsule, PHOTO_BYTES, &names[0])?;
        let other = Photo::named(&mut user, &capsule, PHOTO_BYTES, &names[1])?;
        other.publish(&mut user, &capsule, &names[1])?;
        one.publish(&mut user, &capsule, &names[0])?;
    }
    tell(&format!("wasm_heap_bytes_after_{size}"), user.0.heap_bytes());
    Ok(())
}
