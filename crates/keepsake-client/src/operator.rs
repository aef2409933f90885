//! Methods of whoever runs the host: thin, one per method of the interface. Owns no rule. All but controllers are refused with
//! `Unauthorized`.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use candid::Principal;
use keepsake_api::{HostSettings, LogEntry, Settings};

impl<T: Transport> Client<T> {
    /// What is set on the host.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_settings(&self) -> Result<HostSettings, CallError> {
        self.query("admin_settings", ()).await
    }

    /// Sets what is given; the rest stays.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_set(&self, settings: &Settings) -> Result<(), CallError> {
        self.update("admin_set", Delivery::Repeatable, (settings,)).await
    }

    /// A code that lets people onto the host, so many times, until `expires_at` (ns since 1970).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_invite(
        &self,
        uses: u32,
        expires_at: Option<u64>,
        label: Option<&str>,
        quota_bytes: Option<u64>,
    ) -> Result<String, CallError> {
        self.update("admin_invite", Delivery::Once, (uses, expires_at, label, quota_bytes)).await
    }

    /// Ends anybody's unfinished upload.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_evict(&self, session_id: u64) -> Result<(), CallError> {
        self.update("admin_evict", Delivery::Once, (session_id,)).await
    }

    /// Removes anybody's memory or capsule.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_remove(&self, id: &str) -> Result<(), CallError> {
        self.update("admin_remove", Delivery::Once, (id,)).await
    }

    /// Shuts a person out.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_block(&self, person: Principal, reason: Option<&str>) -> Result<(), CallError> {
        self.update("admin_block", Delivery::Repeatable, (person, reason)).await
    }

    /// Lets a person in again.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_unblock(&self, person: Principal) -> Result<(), CallError> {
        self.update("admin_unblock", Delivery::Repeatable, (person,)).await
    }

    /// How many bytes a person's capsules may have; `None`: no limit of its own.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_quota(&self, person: Principal, quota_bytes: Option<u64>) -> Result<(), CallError> {
        self.update("admin_quota", Delivery::Repeatable, (person, quota_bytes)).await
    }

    /// Makes a person an owner of a capsule, which its members see.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_give(&self, capsule_id: &str, person: Principal) -> Result<(), CallError> {
        self.update("admin_give", Delivery::Repeatable, (capsule_id, person)).await
    }

    /// Uses of these rights before entry `before`, newest first.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn admin_log(&self, before: Option<u64>) -> Result<Vec<LogEntry>, CallError> {
        self.query("admin_log", (before,)).await
    }
}
