//! Part 3: uploads. Owns the list of its questions and what they share; the questions are in `uploads/…`.

mod lengths;
mod orders;
mod road;
mod sessions;

pub use lengths::{chunk_lengths_are_held, the_last_chunk_may_come_first};
pub use orders::{
    chunks_come_in_any_order, late_duplicates_are_harmless, one_session_goes_on_after_a_restart,
    two_sessions_take_chunks_in_turn,
};
pub use road::a_host_says_whether_chunks_come_without_envelopes;
pub use sessions::{
    a_begin_is_idempotent, a_failed_finish_leaves_the_session_to_go_on, a_pending_session_expires_alone,
    a_repeated_finish_is_the_same, an_abort_is_final_and_repeatable, sessions_do_not_touch_each_other,
    status_tells_what_is_missing,
};

use crate::api::UploadFinishResult;
use crate::samples::sha256;
use crate::verdict::allowed;
use keepsake_client::{Client, Transport};
use serde_bytes::ByteBuf;

/// Reads a blob back by chunks and by ranges and compares; its meta too.
pub(crate) async fn assert_blob_is<T: Transport>(client: &Client<T>, locator: &str, bytes: &[u8]) {
    let meta = allowed(client.blob_get_meta(locator).await);
    assert_eq!(meta.size, bytes.len() as u64, "{locator}: size");
    assert_eq!(meta.sha256, ByteBuf::from(sha256(bytes)), "{locator}: SHA-256");
    let mut read = Vec::new();
    for index in 0..meta.chunk_count {
        read.extend(allowed(client.blob_read_chunk(locator, index).await));
    }
    assert!(read == bytes, "{locator}: the bytes read by chunks differ from those sent");
}

/// A finish result that says what was sent.
pub(crate) fn assert_finished(finished: &UploadFinishResult, bytes: &[u8]) {
    assert_eq!(finished.size, bytes.len() as u64, "size");
    assert_eq!(finished.checksum_sha256, Some(ByteBuf::from(sha256(bytes))), "SHA-256");
    assert!(finished.blob_id.starts_with("blob_"), "{}", finished.blob_id);
    assert_eq!(finished.storage_location, finished.blob_id, "the locator");
    assert_eq!(finished.memory_id, "", "no memory is published yet");
    let expires_at = finished.expires_at.expect("an unreferenced blob expires");
    assert!(expires_at > finished.uploaded_at, "it expires later");
}
