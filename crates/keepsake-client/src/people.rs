//! Methods of people: who a key is, devices, passkeys, names, invitations and links. Thin, one per method of the interface. Owns no
//! rule.

use crate::client::{CallError, Client, Delivery};
use crate::transport::Transport;
use candid::Principal;
use keepsake_api::{Device, Invitation, Link, LinkOptions, Passkey, PersonName, Redeemed, Role, WhoAmI};
use serde_bytes::ByteBuf;

impl<T: Transport> Client<T> {
    /// Whose key this is, and what the host thinks of it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn whoami(&self) -> Result<WhoAmI, CallError> {
        self.query_bare("whoami", ()).await
    }

    /// A code by which one more device joins this account, once, within 15 minutes.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn devices_invite(&self, name: &str) -> Result<String, CallError> {
        self.update("devices_invite", Delivery::Once, (name,)).await
    }

    /// Makes this key a device of the account that `code` is for, with all that the key has. Gives back the account.
    ///
    /// # Errors
    /// [`CallError`]; `code_unknown`, `code_used` or `code_expired` where the code opens nothing, `device_busy` while this key
    /// uploads, `device_taken` where it is a device of somebody else.
    pub async fn devices_join(
        &self,
        code: &str,
        name: &str,
        passkey: Option<&Passkey>,
    ) -> Result<Principal, CallError> {
        self.update("devices_join", Delivery::Repeatable, (code, name, passkey)).await
    }

    /// The devices of this account.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn devices_list(&self) -> Result<Vec<Device>, CallError> {
        self.query("devices_list", ()).await
    }

    /// Calls a device of this account by another name.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn devices_rename(&self, device: Principal, name: &str) -> Result<(), CallError> {
        self.update("devices_rename", Delivery::Repeatable, (device, name)).await
    }

    /// Shuts a device out of this account, at once and on every road.
    ///
    /// # Errors
    /// [`CallError`]; `last_device` where nothing else could sign.
    pub async fn devices_remove(&self, device: Principal) -> Result<(), CallError> {
        self.update("devices_remove", Delivery::Once, (device,)).await
    }

    /// Keeps the public key of the passkey that signs, to be found by its credential id.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn passkeys_register(&self, passkey: &Passkey) -> Result<(), CallError> {
        self.update("passkeys_register", Delivery::Repeatable, (passkey,)).await
    }

    /// The public key of a passkey, DER with the COSE key in it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn passkeys_find(&self, credential_id: &[u8]) -> Result<Vec<u8>, CallError> {
        let key: ByteBuf = self.query("passkeys_find", (ByteBuf::from(credential_id),)).await?;
        Ok(key.into_vec())
    }

    /// What this account calls itself, and its colour as `0xrrggbb`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn profile_set(&self, name: Option<&str>, colour: Option<u32>) -> Result<(), CallError> {
        self.update("profile_set", Delivery::Repeatable, (name, colour)).await
    }

    /// What this account calls somebody.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn people_name(
        &self,
        person: Principal,
        name: Option<&str>,
        colour: Option<u32>,
    ) -> Result<(), CallError> {
        self.update("people_name", Delivery::Repeatable, (person, name, colour)).await
    }

    /// Whom this account has names for.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn people_list(&self) -> Result<Vec<PersonName>, CallError> {
        self.query("people_list", ()).await
    }

    /// Says yes to a role that somebody gave.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn capsules_accept(&self, capsule_id: &str) -> Result<(), CallError> {
        self.update("capsules_accept", Delivery::Repeatable, (capsule_id,)).await
    }

    /// Gives one's own role in a capsule up.
    ///
    /// # Errors
    /// [`CallError`]; `last_owner` where it would be nobody's.
    pub async fn capsules_leave(&self, capsule_id: &str) -> Result<(), CallError> {
        self.update("capsules_leave", Delivery::Once, (capsule_id,)).await
    }

    /// Calls a capsule by a name, or by none.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn capsules_rename(&self, capsule_id: &str, name: Option<&str>) -> Result<(), CallError> {
        self.update("capsules_rename", Delivery::Repeatable, (capsule_id, name)).await
    }

    /// A code that gives a role in a capsule, so many times, until `expires_at` (ns since 1970).
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn invitations_create(
        &self,
        capsule_id: &str,
        role: Role,
        uses: u32,
        expires_at: Option<u64>,
        label: Option<&str>,
    ) -> Result<String, CallError> {
        let args = (capsule_id, role, uses, expires_at, label);
        self.update("invitations_create", Delivery::Once, args).await
    }

    /// What a code opens.
    ///
    /// # Errors
    /// [`CallError`]; `code_unknown`, `code_used` or `code_expired`.
    pub async fn invitations_read(&self, code: &str) -> Result<Invitation, CallError> {
        self.query("invitations_read", (code,)).await
    }

    /// Takes what a code gives.
    ///
    /// # Errors
    /// [`CallError`]; `code_unknown`, `code_used` or `code_expired`.
    pub async fn invitations_redeem(&self, code: &str) -> Result<Redeemed, CallError> {
        self.update("invitations_redeem", Delivery::Repeatable, (code,)).await
    }

    /// Invitations into a capsule; `None`: those onto the host, for controllers.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn invitations_list(&self, capsule_id: Option<&str>) -> Result<Vec<Invitation>, CallError> {
        self.query("invitations_list", (capsule_id,)).await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn invitations_revoke(&self, id: u64) -> Result<(), CallError> {
        self.update("invitations_revoke", Delivery::Once, (id,)).await
    }

    /// Makes a link: whoever signs with the key of this public key, Ed25519 in DER, sees what it covers.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn links_create(
        &self,
        capsule_id: &str,
        public_key: &[u8],
        options: &LinkOptions,
    ) -> Result<Link, CallError> {
        let args = (capsule_id, ByteBuf::from(public_key), Some(options));
        self.update("links_create", Delivery::Repeatable, args).await
    }

    /// The links into a capsule.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn links_list(&self, capsule_id: &str) -> Result<Vec<Link>, CallError> {
        self.query("links_list", (capsule_id,)).await
    }

    /// Ends a link, at once and on every road.
    ///
    /// # Errors
    /// [`CallError`]; only an owner may.
    pub async fn links_revoke(&self, capsule_id: &str, key: Principal) -> Result<(), CallError> {
        self.update("links_revoke", Delivery::Repeatable, (capsule_id, key)).await
    }
}
