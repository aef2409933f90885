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
use keepsake_api::{AssetType, SessionState, SiteFile, SiteFileInput};
use std::collections::HashMap;
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

/// What need not be sent.
struct There {
    site: Vec<SiteFile>,
    sent: HashMap<String, String>,
    capsule_id: String,
}

fn same(file: &SiteFile) -> SiteFileInput {
    let SiteFile { path, blob_id, mime_type, .. } = file.clone();
    SiteFileInput { path, blob_id, mime_type }
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
    /// sets all at once. `step` is told of each file. Run again after a fault, it goes on; what was sent and is not set
    /// within a day goes away.
    ///
    /// # Errors
    /// [`UploadError`]; the site is as it was before. Whoever is no controller hears so before anything is sent.
    pub async fn site_replace(
        &self,
        pages: Vec<SitePage>,
        mut step: impl FnMut(SiteStep),
    ) -> Result<(), UploadError> {
        let site = self.site_list().await?;
        self.site_set(&site.iter().map(same).collect::<Vec<_>>()).await?;
        let capsule_id = self.capsules_create(None).await?.id;
        let there = There { site, sent: self.sent_before().await?, capsule_id };
        let window = Arc::new(Semaphore::new(FILES_AT_ONCE));
        let bring = |page: SitePage| self.bring(page, &there, &window);
        let mut brought = stream::iter(pages).map(bring).buffered(FILES_AT_ONCE);
        let mut files = Vec::new();
        while let Some((file, done)) = brought.try_next().await? {
            step(done);
            files.push(file);
        }
        Ok(self.site_set(&files).await?)
    }

    /// The blobs of this caller's finished sessions, by the sessions' keys.
    async fn sent_before(&self) -> Result<HashMap<String, String>, UploadError> {
        let own = self.principal();
        let sessions = self.sessions_list().await?.into_iter().filter(|session| session.caller == own);
        let blob = |session: keepsake_api::SessionInfo| match session.state {
            SessionState::Finished(blob_id) => Some((session.idem, blob_id)),
            SessionState::Pending => None,
        };
        Ok(sessions.filter_map(blob).collect())
    }

    async fn bring(
        &self,
        page: SitePage,
        there: &There,
        window: &Arc<Semaphore>,
    ) -> Result<(SiteFileInput, SiteStep), UploadError> {
        let (hash, size) = (sha256(&page.bytes), page.bytes.len() as u64);
        // Of the path too: two files with the same bytes would share a session, and one of them its end.
        let idem = format!("site-{}-{}", hex(&hash), hex(&sha256(page.path.as_bytes())[..8]));
        let known = self.known(there, &hash, &idem).await;
        let sent = known.is_none();
        let blob_id = match known {
            Some(blob_id) => blob_id,
            None => self.send(&page, idem, &there.capsule_id, Arc::clone(window)).await?,
        };
        let done = SiteStep { path: page.path.clone(), size, sent };
        Ok((SiteFileInput { path: page.path, blob_id, mime_type: page.mime_type }, done))
    }

    /// The blob with these bytes, of the site or of a set that was interrupted.
    async fn known(&self, there: &There, hash: &[u8; 32], idem: &str) -> Option<String> {
        if let Some(file) = there.site.iter().find(|file| file.sha256 == hash) {
            return Some(file.blob_id.clone());
        }
        let blob_id = there.sent.get(idem)?;
        let meta = self.blob_get_meta(blob_id).await.ok()?;
        (meta.sha256 == hash && meta.references == 0).then(|| blob_id.clone())
    }

    async fn send(
        &self,
        page: &SitePage,
        idem: String,
        capsule_id: &str,
        window: Arc<Semaphore>,
    ) -> Result<String, UploadError> {
        let source: OpenSource = Source::bytes(&page.path, page.bytes.clone()).open()?;
        let job = LaneJob {
            client: self.clone(),
            kind: AssetType::Original,
            idem,
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
