//! Capsule methods: thin, one per method of the interface. Owns no rule.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use candid::Principal;
use keepsake_api::{Capsule, CapsuleHeader, CapsuleInfo, PersonRef, Role};

impl<T: Transport> Client<T> {
    /// `None`: the caller's own capsule, made on the first call. `Some`: a new capsule about that person.
    ///
    /// # Errors
    /// [`CallError`]; the anonymous principal is refused with `Unauthorized`.
    pub async fn capsules_create(&self, subject: Option<PersonRef>) -> Result<Capsule, CallError> {
        let delivery = if subject.is_none() { Delivery::Repeatable } else { Delivery::Once };
        self.update("capsules_create", delivery, (subject,)).await
    }

    /// Every capsule that the caller has a role in.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn capsules_list(&self) -> Result<Vec<CapsuleHeader>, CallError> {
        self.query_bare("capsules_list", ()).await
    }

    /// A capsule at a glance; `None` is the caller's own.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` where there is none that the caller may see.
    pub async fn capsules_read_basic(&self, capsule_id: Option<&str>) -> Result<CapsuleInfo, CallError> {
        self.query("capsules_read_basic", (capsule_id,)).await
    }

    /// A capsule with its members and counters; `None` is the caller's own.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` where there is none that the caller may see.
    pub async fn capsules_read_full(&self, capsule_id: Option<&str>) -> Result<Capsule, CallError> {
        self.query("capsules_read_full", (capsule_id,)).await
    }

    /// Deletes a capsule with its memories, blobs and sessions.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn capsules_delete(&self, capsule_id: &str) -> Result<(), CallError> {
        self.update("capsules_delete", Delivery::Once, (capsule_id,)).await
    }

    /// Gives `who` a role, or another one.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn capsules_grant(
        &self,
        capsule_id: &str,
        who: Principal,
        role: Role,
    ) -> Result<(), CallError> {
        self.update("capsules_grant", Delivery::Repeatable, (capsule_id, who, role)).await
    }

    /// Takes the role of `who` away.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may; `last_owner` where it would be nobody's.
    pub async fn capsules_revoke(&self, capsule_id: &str, who: Principal) -> Result<(), CallError> {
        self.update("capsules_revoke", Delivery::Once, (capsule_id, who)).await
    }

    /// The id of the caller's own capsule; makes the capsule where there is none yet.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn own_capsule_id(&self) -> Result<String, CallError> {
        match self.capsules_read_basic(None).await {
            Ok(info) => Ok(info.capsule_id),
            Err(error) if error.is_not_found() => Ok(self.capsules_create(None).await?.id),
            Err(error) => Err(error),
        }
    }
}
