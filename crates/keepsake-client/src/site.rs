//! The site: the files of a web app that the host shows to browsers. Owns bringing a whole app there, of which only files
//! that changed are sent; the two methods under it are thin.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use crate::upload::Road;
use crate::upload::hash::{hex, sha256};
use crate::upload::lane::LaneJob;
use crate::upload::opened::Opened;
use crate::upload::source::OpenSource;
use crate::{Source, UploadError};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use keepsake_api::{AssetType, LimitUse, SessionState, SiteFile, SiteFileInput};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Files on their way at once.
const FILES_AT_ONCE: usize = 4;
/// A blob that is nobody's: numbers begin at 1 and never come this far.
const NO_BLOB: &str = "blob_18446744073709551615";

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

/// A file and what is to be done for it.
struct Planned {
    page: SitePage,
    idem: String,
    size: u64,
    /// The blob with its bytes, where there is one already.
    known: Option<String>,
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
    /// [`UploadError`]; the site is as it was before. Before anything is sent, the host says whether the caller may set a
    /// site of these paths, and whether it is sure that there is no room.
    pub async fn site_replace(
        &self,
        pages: Vec<SitePage>,
        mut step: impl FnMut(SiteStep),
    ) -> Result<(), UploadError> {
        self.rehearse(&pages).await?;
        let site = self.site_list().await?;
        let capsule_id = self.capsules_create(None).await?.id;
        let there = There { site, sent: self.sent_before().await?, capsule_id };
        let plan = |page: SitePage| self.plan(page, &there);
        let planned: Vec<_> = stream::iter(pages).map(plan).buffered(FILES_AT_ONCE).collect().await;
        self.require_room(&planned, &there.capsule_id).await?;
        let window = Arc::new(Semaphore::new(FILES_AT_ONCE));
        let bring = |file: Planned| self.bring(file, &there, &window);
        let mut brought = stream::iter(planned).map(bring).buffered(FILES_AT_ONCE);
        let mut files = Vec::new();
        while let Some((file, done)) = brought.try_next().await? {
            step(done);
            files.push(file);
        }
        Ok(self.site_set(&files).await?)
    }

    /// Asks for a site of these paths whose bytes are nowhere. That changes nothing, and whatever else is wrong with it the
    /// host says first: who asks, how many files there are, and their paths.
    async fn rehearse(&self, pages: &[SitePage]) -> Result<(), CallError> {
        let file = |page: &SitePage| SiteFileInput {
            path: page.path.clone(),
            blob_id: NO_BLOB.to_owned(),
            mime_type: page.mime_type.clone(),
        };
        let files: Vec<_> = pages.iter().map(file).collect();
        if files.is_empty() {
            return Ok(());
        }
        match self.site_set(&files).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Refuses what surely does not fit. Of the heap that is only what is larger than all of it: it may have free parts.
    async fn require_room(&self, planned: &[Planned], capsule_id: &str) -> Result<(), UploadError> {
        let missing = planned.iter().filter(|file| file.known.is_none());
        let needed = missing.map(|file| file.size).sum();
        let room = |limit: &LimitUse| match limit.code.as_str() {
            "capsule_bytes" => limit.left,
            "heap_bytes" => limit.max,
            _ => u64::MAX,
        };
        let limits = self.usage(Some(capsule_id)).await?.limits;
        match limits.into_iter().find(|limit| room(limit) < needed) {
            Some(limit) => Err(UploadError::NoRoom { needed, limit }),
            None => Ok(()),
        }
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

    async fn plan(&self, page: SitePage, there: &There) -> Planned {
        let (hash, size) = (sha256(&page.bytes), page.bytes.len() as u64);
        // Of the path too: two files with the same bytes would share a session, and one of them its end.
        let idem = format!("site-{}-{}", hex(&hash), hex(&sha256(page.path.as_bytes())[..8]));
        let known = self.known(there, &hash, &idem).await;
        Planned { page, idem, size, known }
    }

    async fn bring(
        &self,
        file: Planned,
        there: &There,
        window: &Arc<Semaphore>,
    ) -> Result<(SiteFileInput, SiteStep), UploadError> {
        let Planned { page, idem, size, known } = file;
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
            opened: Opened::default(),
            capsule_id: capsule_id.to_owned(),
            mime_type: page.mime_type.clone(),
            source: Arc::new(source),
            chunk_bytes: self.limits().await?.chunk_size,
            window,
            road: Road::Auto,
            events: None,
        };
        let done = job.run().await?;
        let finished = self.uploads_finish(done.session_id, &done.sha256, done.total_len).await?;
        Ok(finished.blob_id)
    }
}
