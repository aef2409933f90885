//! The site: the files of a web app that the host shows to browsers. Owns bringing a whole app there, of which only files
//! that changed are sent; the two methods under it are thin.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use crate::upload::hash::{hex, sha256};
use crate::upload::lane::LaneJob;
use crate::upload::source::OpenSource;
use crate::{Source, UploadError};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use keepsake_api::{AssetType, SiteFile, SiteFileInput};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Files on their way at once.
const FILES_AT_ONCE: usize = 4;

/// A file of the app.
#[derive(Clone, Debug)]
pub struct SitePage {
    /// Below the root, as `index.html` or `assets/main.js`.
    pub path: String,
    /// As it is to be sent.
    pub mime_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteStep {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// It was sent; else it was there already.
    pub sent: bool,
}

impl<T: Transport> Client<T> {
    /// Puts these files in place of the whole site. Controllers.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn site_set(&self, files: &[SiteFileInput]) -> Result<(), CallError> {
        self.update("site_set", Delivery::Repeatable, (files,)).await
    }

    /// The files of the site.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn site_list(&self) -> Result<Vec<SiteFile>, CallError> {
        self.query_bare("site_list", ()).await
    }

    /// Makes `pages` the site: sends those that the site does not have yet, through the caller's own capsule, then
    /// sets all at once. `step` is told of each file. Run again after a fault, it goes on.
    ///
    /// # Errors
    /// [`UploadError`]; the site is as it was before.
    pub async fn site_replace(
        &self,
        pages: Vec<SitePage>,
        mut step: impl FnMut(SiteStep),
    ) -> Result<(), UploadError> {
        let there = self.site_list().await?;
        let capsule_id = self.capsules_create(None).await?.id;
        let window = Arc::new(Semaphore::new(FILES_AT_ONCE));
        let bring = |page: SitePage| self.bring(page, &there, &capsule_id, &window);
        let mut brought = stream::iter(pages).map(bring).buffered(FILES_AT_ONCE);
        let mut files = Vec::new();
        while let Some((file, done)) = brought.try_next().await? {
            step(done);
            files.push(file);
        }
        Ok(self.site_set(&files).await?)
    }

    async fn bring(
        &self,
        page: SitePage,
        there: &[SiteFile],
        capsule_id: &str,
        window: &Arc<Semaphore>,
    ) -> Result<(SiteFileInput, SiteStep), UploadError> {
        let (hash, size) = (sha256(&page.bytes), page.bytes.len() as u64);
        let known = there.iter().find(|file| file.sha256 == hash && file.size == size);
        let blob_id = match known {
            Some(file) => file.blob_id.clone(),
            None => self.send(&page, &hash, capsule_id, Arc::clone(window)).await?,
        };
        let done = SiteStep { path: page.path.clone(), size, sent: known.is_none() };
        Ok((SiteFileInput { path: page.path, blob_id, mime_type: page.mime_type }, done))
    }

    async fn send(
        &self,
        page: &SitePage,
        hash: &[u8; 32],
        capsule_id: &str,
        window: Arc<Semaphore>,
    ) -> Result<String, UploadError> {
        let source: OpenSource = Source::bytes(&page.path, page.bytes.clone()).open()?;
        let job = LaneJob {
            client: self.clone(),
            kind: AssetType::Original,
            // Of the path too: two files with the same bytes would share a session, and one of them its end.
            idem: format!("site-{}-{}", hex(hash), hex(&sha256(page.path.as_bytes())[..8])),
            capsule_id: capsule_id.to_owned(),
            mime_type: page.mime_type.clone(),
            source: Arc::new(source),
            chunk_bytes: self.limits().await?.chunk_size,
            window,
            events: None,
        };
        let done = job.run().await?;
        let finished = self.uploads_finish(done.session_id, &done.sha256, done.total_len).await?;
        Ok(finished.blob_id)
    }
}
