//! Equal files of one run take turns, so that the later ones find what the first one made. Owns the waiting; comparing whole
//! contents is [`crate::originals`]' task.

use crate::upload::hash::Sha;
use crate::upload::sample::sample;
use crate::upload::{Source, UploadError, blocking};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// The files that are under way, by length and sample of the content. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// How many files of the run have each length, bytes.
    lengths: Arc<HashMap<u64, usize>>,
    by_content: Arc<Mutex<HashMap<Content, TurnLock>>>,
}

/// Length, bytes, and sample.
type Content = (u64, Sha);
/// Held by whoever's turn it is.
type TurnLock = Arc<tokio::sync::Mutex<()>>;

/// A file's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held until the end of the turn")] Option<OwnedMutexGuard<()>>);

impl Turns {
    /// For a run over these files. Asks for the length of each.
    pub async fn among(files: &[PathBuf]) -> Self {
        let files = files.to_vec();
        let lengths = blocking(move || {
            let mut lengths = HashMap::new();
            for metadata in files.iter().filter_map(|file| std::fs::metadata(file).ok()) {
                *lengths.entry(metadata.len()).or_default() += 1;
            }
            lengths
        });
        Self { lengths: Arc::new(lengths.await), by_content: Arc::default() }
    }

    /// Waits until no file with the same content is under way. Reads nothing where no other file is as long.
    ///
    /// # Errors
    /// [`UploadError`] where the file cannot be read.
    pub async fn of(&self, file: &Path) -> Result<Turn, UploadError> {
        let path = file.to_owned();
        let lengths = Arc::clone(&self.lengths);
        let content = blocking(move || {
            let len = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            if lengths.get(&len).is_none_or(|files| *files < 2) {
                return Ok(None);
            }
            Ok::<_, UploadError>(Some((len, sample(&Source::file(&path).open()?)?)))
        });
        let Some(content) = content.await? else { return Ok(Turn(None)) };
        let turn = {
            let mut by_content = self.by_content.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(by_content.entry(content).or_default())
        };
        Ok(Turn(Some(turn.lock_owned().await)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn only_files_of_one_content_wait_for_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let files: Vec<_> = [("a", "same"), ("b", "same"), ("c", "else"), ("d", "another length")]
            .map(|(name, content)| {
                let file = dir.path().join(name);
                std::fs::write(&file, content).unwrap();
                file
            })
            .into();
        let turns = Turns::among(&files).await;
        let first = turns.of(&files[0]).await.unwrap();
        for other in &files[2..] {
            turns.of(other).await.unwrap();
        }
        let second = tokio::spawn({
            let (turns, file) = (turns.clone(), files[1].clone());
            async move { turns.of(&file).await }
        });
        while turns.by_content.lock().unwrap().values().all(|turn| Arc::strong_count(turn) < 3) {
            tokio::task::yield_now().await;
        }
        let mut second = second;
        assert!((&mut second).now_or_never().is_none(), "the first one is under way");
        drop(first);
        second.await.unwrap().unwrap();
    }
}
