//! The bytes of an asset on their way out. Owns reading the heap in blocks off the async threads; the plan
//! (who may see what, which headers) comes from the service.

use crate::storage::heap_file::HeapFile;
use crate::storage::views::View;
use bytes::Bytes;
use futures_core::Stream;
use keepsake_service::http::{AssetBody, HeapRange};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// Bytes read at once: large enough that the hop to a blocking thread costs little, small enough that
/// hundreds of slow readers hold little memory (two blocks each).
pub(crate) const BLOCK_BYTES: u64 = 256 << 10;

/// The answer to an asset request.
#[derive(Debug)]
pub struct AssetStream {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case and their values; `content-length` is among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: AssetBytes,
}

/// A stream of blocks. Until it ends or is dropped, the heap bytes it reads are not overwritten. Poll it
/// inside a tokio runtime.
#[derive(Debug)]
pub struct AssetBytes {
    inline: Option<Bytes>,
    ranges: VecDeque<HeapRange>,
    /// The block after the one given last, being read ahead.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    heap: Arc<HeapFile>,
    /// Keeps the heap bytes as they are; not needed for a body in memory.
    _view: Option<Arc<View>>,
}

impl AssetBytes {
    pub(crate) fn new(body: AssetBody, heap: Arc<HeapFile>, view: Arc<View>) -> Self {
        let (inline, ranges): (_, VecDeque<_>) = match body {
            AssetBody::Bytes(bytes) => {
                (Some(Bytes::from(bytes)).filter(|bytes| !bytes.is_empty()), VecDeque::new())
            }
            AssetBody::Heap(ranges) => (None, ranges.into()),
        };
        let view = Some(view).filter(|_| !ranges.is_empty());
        Self { inline, ranges, reading: None, heap, _view: view }
    }

    /// Takes the next block off the ranges.
    fn next_block(&mut self) -> Option<HeapRange> {
        loop {
            let range = self.ranges.front_mut()?;
            let block = HeapRange { offset: range.offset, len: range.len.min(BLOCK_BYTES) };
            range.offset += block.len;
            range.len -= block.len;
            if range.len == 0 {
                self.ranges.pop_front();
            }
            if block.len > 0 {
                return Some(block);
            }
        }
    }

    fn read_ahead(&mut self) {
        self.reading = self.next_block().map(|block| {
            let heap = Arc::clone(&self.heap);
            tokio::task::spawn_blocking(move || read(&heap, block))
        });
    }
}

fn read(heap: &HeapFile, block: HeapRange) -> io::Result<Bytes> {
    let len = usize::try_from(block.len).expect("a block is small");
    let mut bytes = vec![0; len];
    heap.read(block.offset, &mut bytes)?;
    Ok(bytes.into())
}

impl Stream for AssetBytes {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(bytes) = this.inline.take() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        if this.reading.is_none() {
            this.read_ahead();
        }
        let Some(reading) = &mut this.reading else { return Poll::Ready(None) };
        let block = std::task::ready!(Pin::new(reading).poll(context));
        let block = block.unwrap_or_else(|error| Err(io::Error::other(error)));
        this.reading = None;
        if block.is_ok() {
            this.read_ahead();
        } else {
            this.ranges.clear();
        }
        Poll::Ready(Some(block))
    }
}
