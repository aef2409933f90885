//! A store that no node serves, for its operator at the machine itself: who can read the files needs no key. Owns opening it;
//! nothing is listened on, and nobody else's messages run.

use crate::data_dir::DataDir;
use crate::data_dir::DataDirError;
use crate::engine::own::Own;
pub use crate::engine::own::OwnError as OfflineError;
use crate::engine::{Engine, EngineOptions};
use crate::serve::{ServeError, fix_canister_id};
use candid::Principal;
use std::path::Path;

/// A store, open for its operator.
pub struct Offline {
    own: Own,
}

impl Offline {
    /// Opens the store in `data`, which must be there and used by nobody.
    ///
    /// # Errors
    /// [`ServeError`]: there is none, a node uses it, or it does not open.
    pub fn open(data: &Path, canister_id: Principal) -> Result<Self, ServeError> {
        if !data.join("records.redb").exists() {
            return Err(DataDirError::NoStore { dir: data.to_path_buf() }.into());
        }
        let dir = DataDir::open(data)?;
        fix_canister_id(&dir, canister_id)?;
        Ok(Self { own: Own::new(Engine::open(dir, EngineOptions::new(canister_id))?) })
    }

    /// Who its messages come from: the operator, whose key nobody has.
    pub fn principal() -> Principal {
        Own::principal()
    }

    /// Runs an update; it is durable when this resolves.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn update(&self, method: &str, arg: Vec<u8>) -> Result<Vec<u8>, OfflineError> {
        self.own.update(method, arg).await
    }

    /// Runs a query.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn query(&self, method: &str, arg: Vec<u8>) -> Result<Vec<u8>, OfflineError> {
        self.own.query(method, arg).await
    }

    /// Closes the store.
    pub async fn close(self) {
        self.own.engine().shutdown().await;
    }
}
