//! The files that come next in a run: claimed against other processes, hashed, and asked for in the capsule, some at a time and
//! before their turn. Owns the queue; uploads nothing.

use crate::progress::Progress;
use keepsake_client::{
    AgentTransport, CancellationToken, Claim, Client, Hosting, Source, UploadError, text_of,
};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::{JoinError, JoinSet};

/// Files of one question.
const FILES_MAX: usize = 16;
/// Bytes that are hashed for one question; a longer file is asked for alone.
const BYTES_MAX: u64 = 32 << 20;
/// To read so much takes seconds: it is said.
const LONG_BYTES: u64 = 2 << 30;
/// Between two looks at files that other processes upload.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// What is claimed for longer may be claimed by something else: the file is uploaded without a claim.
const BUSY_MAX: Duration = Duration::from_secs(120);

/// A file whose turn it is.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) file: PathBuf,
    /// Hashed, unless nothing is to be asked.
    pub(super) source: Result<Source, UploadError>,
    /// The memory that has its bytes.
    pub(super) found: Option<String>,
    /// Held until the file is uploaded.
    pub(super) claim: Option<Claim>,
}

/// Where the files are looked for.
#[derive(Clone)]
pub(super) struct Lookup {
    pub(super) client: Client<AgentTransport>,
    pub(super) capsule_id: String,
    pub(super) hosting: Hosting,
    pub(super) cancel: CancellationToken,
    pub(super) progress: Progress,
    /// It was said that others have files.
    pub(super) is_told: Arc<AtomicBool>,
}

/// The queue.
#[derive(Default)]
pub(super) struct Ahead {
    /// None: nothing is asked.
    lookup: Option<Lookup>,
    waiting: VecDeque<Waiting>,
    /// What is asked for now.
    asked: Vec<PathBuf>,
    asking: JoinSet<Batch>,
    ready: VecDeque<Next>,
}

#[derive(Debug)]
struct Waiting {
    file: PathBuf,
    /// Since when another process is seen to have it.
    busy_since: Option<Instant>,
}

/// What came of a question.
#[derive(Debug, Default)]
struct Batch {
    ready: Vec<Next>,
    /// Others have them, or nothing is known of them.
    back: Vec<Waiting>,
}

impl Ahead {
    pub(super) fn new(files: Vec<PathBuf>, lookup: Option<Lookup>) -> Self {
        let waiting = files.into_iter().map(|file| Waiting { file, busy_since: None }).collect();
        Self { lookup, waiting, ..Self::default() }
    }

    /// The files that were not handed out.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let waiting = self.waiting.iter().map(|waiting| waiting.file.as_path());
        let asked = self.asked.iter().map(PathBuf::as_path);
        waiting.chain(asked).chain(self.ready.iter().map(|next| next.file.as_path()))
    }

    /// The next file; none after the last. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Option<Next> {
        let Some(lookup) = self.lookup.clone() else {
            let Waiting { file, .. } = self.waiting.pop_front()?;
            return Some(Next { source: Ok(Source::file(&file)), file, found: None, claim: None });
        };
        loop {
            if let Some(asked) = self.asking.try_join_next() {
                self.take(asked);
            }
            self.ask(&lookup);
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            let asked = self.asking.join_next().await?;
            self.take(asked);
        }
    }

    /// Asks for more when little is left.
    fn ask(&mut self, lookup: &Lookup) {
        if !self.asking.is_empty() || self.ready.len() > FILES_MAX / 2 || self.waiting.is_empty() {
            return;
        }
        let (mut files, mut bytes) = (Vec::new(), 0);
        while let Some(waiting) = self.waiting.front() {
            bytes += std::fs::metadata(&waiting.file).map_or(0, |metadata| metadata.len());
            if !files.is_empty() && (bytes > BYTES_MAX || files.len() == FILES_MAX) {
                break;
            }
            files.extend(self.waiting.pop_front());
        }
        self.asked = files.iter().map(|waiting| waiting.file.clone()).collect();
        self.asking.spawn(look_up(lookup.clone(), files));
    }

    fn take(&mut self, asked: Result<Batch, JoinError>) {
        let batch = asked.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody polls this any more.
            Err(_) => Batch::default(),
        });
        self.asked.clear();
        self.ready.extend(batch.ready);
        self.waiting.extend(batch.back);
    }
}

async fn look_up(lookup: Lookup, files: Vec<Waiting>) -> Batch {
    let mut batch = Batch::default();
    for Waiting { file, busy_since } in files {
        let claim = Claim::of(&file);
        if claim.is_none() && busy_since.is_none_or(|since| since.elapsed() < BUSY_MAX) {
            if !lookup.is_told.swap(true, Ordering::Relaxed) {
                lookup.progress.note(&format!("{}: another program uploads it: waiting", text_of(&file)));
            }
            batch.back.push(Waiting { file, busy_since: busy_since.or_else(|| Some(Instant::now())) });
            continue;
        }
        if std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() >= LONG_BYTES) {
            lookup.progress.note(&format!("{}: read first, to see whether it is there", text_of(&file)));
        }
        let source = lookup.client.hashed(Source::file(&file), lookup.hosting, &lookup.cancel).await;
        batch.ready.push(Next { file, source, found: None, claim });
    }
    if batch.ready.is_empty() {
        tokio::time::sleep(BUSY_PAUSE).await;
        return batch;
    }
    let hashes: Vec<_> =
        batch.ready.iter().filter_map(|next| next.source.as_ref().ok()?.sha256().copied()).collect();
    if hashes.is_empty() {
        return batch;
    }
    match lookup.client.find_originals(&lookup.capsule_id, &hashes).await {
        Ok(found) => {
            let asked = batch.ready.iter_mut().filter(|next| next.source.is_ok());
            asked.zip(found).for_each(|(next, found)| next.found = found);
        }
        Err(error) => give_back(&mut batch, error.into()),
    }
    batch
}

/// The first file gets the error; of the others nothing is known.
fn give_back(batch: &mut Batch, error: UploadError) {
    let (hashed, failed): (Vec<_>, Vec<_>) = batch.ready.drain(..).partition(|next| next.source.is_ok());
    let mut hashed = hashed.into_iter();
    batch.ready = failed;
    batch.ready.extend(hashed.next().map(|next| Next { source: Err(error), ..next }));
    batch.back.extend(hashed.map(|next| Waiting { file: next.file, busy_since: None }));
}
