//! The paths of the site, as the newest durable commit has them. Owns the list, so that whoever asks for any other page
//! needs no reader; the files themselves are read like assets.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

/// The list. The commit thread writes it before the replies of its commit, so a page is never older than an answer.
#[derive(Debug, Default)]
pub(crate) struct SitePaths(RwLock<BTreeSet<String>>);

impl SitePaths {
    /// `paths` are those of addresses, such as `/` and `/index.html`.
    pub(crate) fn set(&self, paths: &[String]) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = paths.iter().cloned().collect();
    }

    /// An address with this path shows a file of the site.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(path)
    }
}
