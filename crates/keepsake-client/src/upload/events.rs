//! Progress of an upload as a stream of events. Owns the channel; decides nothing.

use futures_util::Stream;
use keepsake_api::AssetType;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// One of the two parallel parts of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Lane A: the original, byte for byte.
    Original,
    /// Lane B: display, thumbnail and placeholder.
    Derived,
}

impl Lane {
    /// The lane that an asset goes by.
    pub fn of(kind: AssetType) -> Self {
        if kind == AssetType::Original { Self::Original } else { Self::Derived }
    }
}

/// What just happened. Counts of bytes and chunks are totals so far, not differences.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadEvent {
    /// The source is opened and is this long, in bytes.
    Started {
        /// File name.
        name: String,
        /// Length, bytes.
        total_len: u64,
        /// MIME type.
        mime_type: String,
    },
    /// A session is open. Chunks, or parts, that are there already came from an earlier, interrupted upload.
    SessionOpened {
        /// The asset that it becomes.
        asset: AssetType,
        /// The session.
        session_id: u64,
        /// Chunks of the whole asset.
        chunks_total: u32,
        /// Chunks that are there already.
        chunks_present: u32,
        /// Length of the whole asset, bytes.
        bytes_total: u64,
        /// Bytes that are there already.
        bytes_present: u64,
        /// It is in the host's bucket, in parts.
        in_bucket: bool,
    },
    /// So many bytes of the original are hashed.
    Hashed {
        /// Bytes so far.
        bytes: u64,
    },
    /// A chunk arrived.
    ChunkSent {
        /// The asset that it is part of.
        asset: AssetType,
        /// Its index.
        index: u32,
        /// Its length, bytes.
        bytes: u32,
    },
    /// So many bytes of an original are in the host's bucket or on their way there. Fewer than before where a part goes out anew.
    PartsMoved {
        /// Bytes so far.
        bytes: u64,
    },
    /// A part of the original arrived in the host's bucket.
    PartSent {
        /// Its number, from 1.
        number: u32,
        /// Its length, bytes.
        bytes: u64,
    },
    /// The host reads the original in its bucket, to see that it is what was announced.
    Verifying {
        /// Bytes so far.
        bytes: u64,
    },
    /// The host's bucket is not for this client: the original goes to the host itself.
    BucketShut {
        /// Why.
        reason: String,
    },
    /// An asset went along in the publish: it has no session.
    Carried {
        /// Its kind.
        asset: AssetType,
        /// Its length, bytes.
        bytes: u64,
    },
    /// A chunk, or a part, did not arrive and is sent again after a pause.
    ChunkRetried {
        /// The asset that it is part of.
        asset: AssetType,
        /// Its index.
        index: u32,
        /// Its failures so far.
        failures: u32,
        /// The pause.
        pause: Duration,
        /// What went wrong.
        reason: String,
    },
    /// The session held other bytes or was gone: it is begun anew.
    SessionRestarted {
        /// The asset that it becomes.
        asset: AssetType,
        /// Why.
        reason: String,
    },
    /// Lane B made an asset.
    DerivativeMade {
        /// Its kind.
        asset: AssetType,
        /// Width, pixels.
        width: u32,
        /// Height, pixels.
        height: u32,
        /// Length, bytes.
        bytes: u64,
    },
    /// There is no lane B for this file.
    DerivativesSkipped {
        /// Why.
        reason: String,
    },
    /// A date before 1970, which memories cannot have, is left out.
    DateLeftOut {
        /// The date.
        date: String,
    },
    /// What has a session is there; the memory is being made.
    Publishing,
    /// The memory is there with all its assets.
    Published {
        /// Its id.
        memory_id: String,
        /// It was there, and nothing was made.
        already: bool,
    },
}

/// Where an upload puts its events.
#[derive(Clone, Debug)]
pub struct EventSender(mpsc::UnboundedSender<UploadEvent>);

/// Where they come out, in order. Ends after the upload.
#[derive(Debug)]
pub struct EventStream(mpsc::UnboundedReceiver<UploadEvent>);

/// A channel for the events of one upload.
///
/// It never makes the upload wait. What is not read piles up: about two events of 100 bytes per chunk.
/// Dropping the stream drops the events.
pub fn upload_events() -> (EventSender, EventStream) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (EventSender(sender), EventStream(receiver))
}

impl EventSender {
    pub(crate) fn send(&self, event: UploadEvent) {
        // Nobody listening is fine.
        let _ = self.0.send(event);
    }
}

impl EventStream {
    /// The next event; none after the last one.
    pub async fn next(&mut self) -> Option<UploadEvent> {
        self.0.recv().await
    }
}

impl Stream for EventStream {
    type Item = UploadEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<UploadEvent>> {
        self.0.poll_recv(cx)
    }
}
