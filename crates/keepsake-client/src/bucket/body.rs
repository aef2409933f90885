//! The bytes of a part, read piece by piece while they go out. Owns the bound of what is held of them, and the count of what went.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Read at once, bytes.
pub(crate) const PIECE_BYTES: usize = 128 << 10;
/// Pieces that wait. With one that is read and one that is sent, a part in flight takes 512 KiB.
const PIECES_AHEAD: usize = 2;

type OnBytes = Box<dyn Fn(u64) + Send + Sync>;

/// The bytes of a part.
pub struct PartBody {
    len: u64,
    pieces: mpsc::Receiver<Bytes>,
    sent: Arc<Sent>,
    on_bytes: OnBytes,
}

/// What became of the bytes, for whoever sent them.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    bytes: AtomicU64,
    is_unreadable: AtomicBool,
}

impl Sent {
    /// Went out.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// They ended early.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.is_unreadable.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for PartBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartBody").field("len", &self.len).field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl PartBody {
    /// A body of `len` bytes, and where to put them. One that ends early ends its request. `on_bytes` is told how many went out.
    pub(crate) fn new(len: u64, on_bytes: OnBytes) -> (mpsc::Sender<Bytes>, Self) {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        (sender, Self { len, pieces, sent: Arc::default(), on_bytes })
    }

    /// Length, bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn sent(&self) -> Arc<Sent> {
        Arc::clone(&self.sent)
    }
}

impl Body for PartBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let sent = self.sent.bytes();
        if sent == self.len {
            return Poll::Ready(None);
        }
        match self.pieces.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(piece)) => {
                let sent = sent + piece.len() as u64;
                self.sent.bytes.store(sent, Ordering::Relaxed);
                (self.on_bytes)(sent);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(None) => {
                self.sent.is_unreadable.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.sent.bytes() == self.len
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len - self.sent.bytes())
    }
}
