//! Reading and hashing a source in order, on a blocking thread, at the pace of the sender.
//!
//! Owns the one pass over the source. Chunks that are missing go on to the sender; all of them go into
//! the hash, so that a resumed upload is checked as a whole, unless the hash is known. The channel bounds what is read ahead.

use super::UploadError;
use super::events::{EventSender, UploadEvent};
use super::hash::Sha;
use super::plan::{Cut, Missing};
use super::source::OpenSource;
use bytes::Bytes;
use keepsake_api::AssetType;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A chunk to send.
pub(crate) struct Chunk {
    pub(crate) index: u32,
    pub(crate) bytes: Bytes,
}

/// Chunks read ahead of the sender. Each is 1.8 MB.
const READ_AHEAD_CHUNKS: usize = 1;

/// What the blocking thread needs.
pub(crate) struct Reader {
    pub(crate) source: Arc<OpenSource>,
    pub(crate) cut: Cut,
    pub(crate) missing: Missing,
    pub(crate) kind: AssetType,
    pub(crate) events: Option<EventSender>,
}

impl Reader {
    /// Starts reading. The chunks come out of the channel, the hash of the whole from the task. Dropping
    /// the receiver stops the thread at its next chunk.
    pub(crate) fn start(self) -> (mpsc::Receiver<Chunk>, impl Future<Output = Result<Sha, UploadError>>) {
        let (sender, receiver) = mpsc::channel(READ_AHEAD_CHUNKS);
        let hash = super::blocking(move || self.read_all(&sender));
        (receiver, hash)
    }

    fn read_all(&self, sender: &mpsc::Sender<Chunk>) -> Result<Sha, UploadError> {
        let known = self.source.sha256();
        let mut hasher = Sha256::new();
        let mut buffer = Vec::new();
        for index in 0..self.cut.chunks() {
            let is_missing = self.missing.contains(index);
            if is_missing || known.is_none() {
                read_chunk(&self.source, &self.cut, index, &mut buffer)?;
            }
            if known.is_none() {
                hasher.update(&buffer);
            }
            if is_missing {
                let bytes = Bytes::from(std::mem::take(&mut buffer));
                if sender.blocking_send(Chunk { index, bytes }).is_err() {
                    return Err(UploadError::Cancelled);
                }
            } else if sender.is_closed() {
                return Err(UploadError::Cancelled);
            }
            self.report(index);
        }
        Ok(known.unwrap_or_else(|| hasher.finalize().into()))
    }

    fn report(&self, index: u32) {
        if let (AssetType::Original, Some(events)) = (self.kind, &self.events) {
            let bytes = self.cut.offset(index) + u64::from(self.cut.len(index));
            events.send(UploadEvent::Hashed { bytes });
        }
    }
}

/// Reads chunk `index` into `buffer`, which gets its length. Blocks on the disk.
fn read_chunk(source: &OpenSource, cut: &Cut, index: u32, buffer: &mut Vec<u8>) -> Result<(), UploadError> {
    buffer.resize(usize::try_from(cut.len(index)).expect("a chunk fits memory"), 0);
    source.read_at(cut.offset(index), buffer)
}

/// Reads one chunk again, for another attempt. Blocks on the disk.
pub(crate) fn read_again(source: &OpenSource, cut: &Cut, index: u32) -> Result<Bytes, UploadError> {
    let mut buffer = Vec::new();
    read_chunk(source, cut, index, &mut buffer)?;
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_api::{SessionState, UploadStatus};

    fn reader(missing: Vec<(u32, u32)>) -> Reader {
        let source = Arc::new(OpenSource::of_bytes("a", (0..100).collect::<Vec<u8>>().into(), None));
        let cut = Cut::new(100, 30).unwrap();
        let status = UploadStatus {
            expected_chunks: 4,
            received_chunks: 0,
            bytes_received: 0,
            chunk_size: None,
            missing,
            missing_truncated: false,
            expires_at: 0,
            state: SessionState::Pending,
            capsule_id: String::new(),
        };
        let missing = Missing::new(&status, &cut);
        Reader { source, cut, missing, kind: AssetType::Original, events: None }
    }

    #[tokio::test]
    async fn a_resumed_upload_hashes_the_whole_file_and_sends_the_missing_part() {
        let (mut chunks, hash) = reader(vec![(2, 3)]).start();
        let hash = tokio::spawn(hash);
        let chunk = chunks.recv().await.unwrap();
        assert_eq!((chunk.index, chunk.bytes.len()), (2, 30));
        assert!(chunks.recv().await.is_none());
        let whole: Vec<u8> = (0..100).collect();
        assert_eq!(hash.await.unwrap().unwrap(), super::super::hash::sha256(&whole));
    }

    #[tokio::test]
    async fn dropping_the_receiver_stops_the_reader() {
        let (chunks, hash) = reader(vec![(0, 4)]).start();
        drop(chunks);
        assert!(matches!(hash.await, Err(UploadError::Cancelled)));
    }
}
