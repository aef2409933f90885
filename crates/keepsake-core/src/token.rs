//! HTTP tokens: who minted them, for which assets of one memory, until when. Owns their form and their check; a
//! host turns them into text and says which header they came in.
//!
//! ```text
//!  version u8 = 1 | memory u64 | expires s u64 | kinds u8 (bit per kind) | minter 1+29 | n u8 | n × asset u64
//!  | HMAC-SHA256 over canister id (1+29) and all of the above, under the store's secret
//! ```
//! A token carries no right of its own: it lends the minter's, and ends with it. Source of the MAC: RFC 2104.

use crate::access::{Denied, Sight};
use crate::call::Call;
use crate::ids::{AssetId, MemoryId};
use crate::limits::{TOKEN_ASSET_IDS_MAX, TOKEN_TTL_SECS_MAX};
use crate::memory::{AssetChoice, AssetKind, AssetRecord};
use crate::record::{principal_key, principal_of_key, u64_be};
use crate::refusal::{Refusal, RefusalKind};
use crate::store::Store;
use hmac::{Hmac, KeyInit, Mac};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use sha2::Sha256;

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 1 + 8 + 8 + 1 + 30 + 1;
pub(crate) const MAC_BYTES: usize = 32;

/// What a token covers. No kinds and no ids: every asset of the memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenScope {
    /// Assets of these kinds.
    pub kinds: Vec<AssetKind>,
    /// These assets.
    pub assets: Vec<AssetId>,
}

impl TokenScope {
    /// Whether `asset` is among what is covered.
    pub fn covers(&self, asset: &AssetRecord) -> bool {
        let all = self.kinds.is_empty() && self.assets.is_empty();
        all || self.kinds.contains(&asset.meta.kind) || self.assets.contains(&AssetId(asset.id))
    }

    /// Whether what is asked for by kind or by id is named, whether or not there is such an asset: only then may
    /// the holder learn that there is none.
    pub fn names(&self, choice: Option<AssetChoice>) -> bool {
        match choice {
            _ if self.kinds.is_empty() && self.assets.is_empty() => true,
            Some(AssetChoice::Kind(kind)) => self.kinds.contains(&kind),
            Some(AssetChoice::Id(id)) => self.assets.contains(&id),
            Some(AssetChoice::Index(_)) | None => false,
        }
    }
}

/// Why a token, or an upload ticket, is not minted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The caller may not read the memory, or not write the session.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Too short or too long a life.
    #[error("ttl_out_of_range: {0} s, allowed 1..={TOKEN_TTL_SECS_MAX}")]
    Ttl(u32),
    /// Too many asset ids.
    #[error("too_many_items: asset_ids has {0}, allowed {TOKEN_ASSET_IDS_MAX}")]
    AssetIds(usize),
    /// No kind and an empty list of ids: it would cover nothing.
    #[error("token_scope_empty: name variants or asset_ids, or leave asset_ids null to cover all assets")]
    ScopeEmpty,
    /// The host has not brought the secret yet.
    #[error("token_secret_pending: the host waits for its random secret; try again in a few seconds")]
    SecretPending,
}

impl Refusal for TokenError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::SecretPending => RefusalKind::Conflict,
            _ => RefusalKind::InvalidArgument,
        }
    }
}

/// A genuine token that is alive, minted by somebody who may still read its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGrant {
    /// The memory it is for.
    pub memory: MemoryId,
    scope: TokenScope,
    sight: Sight,
}

impl TokenGrant {
    /// Whether it opens `asset`: it is among what the token covers, and its minter may see it.
    pub fn covers(&self, asset: &AssetRecord) -> bool {
        self.scope.covers(asset) && self.sight.shows(asset.meta.kind)
    }

    /// As [`TokenScope::names`].
    pub fn names(&self, choice: Option<AssetChoice>) -> bool {
        self.scope.names(choice)
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Whether tokens can be made and opened. A store that was made with a secret of zeros has none yet.
    pub fn has_token_secret(&self) -> bool {
        self.header.token_secret() != [0; 32]
    }

    /// Brings the secret to a store that has none yet; one that has keeps its own, so that tokens stay good.
    pub fn set_token_secret(&mut self, token_secret: &[u8; 32]) {
        if !self.has_token_secret() {
            self.header.set_token_secret(token_secret);
        }
    }

    /// Makes a token for assets of a memory that the caller may read. The caller is the key that signed, before the door: a
    /// token ends with the device that minted it.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn token_mint(
        &self,
        call: &Call,
        memory: MemoryId,
        scope: &TokenScope,
        ttl_secs: u32,
    ) -> Result<Vec<u8>, TokenError> {
        self.memory_read(&self.enter(call).caller, memory)?;
        if ttl_secs == 0 || ttl_secs > TOKEN_TTL_SECS_MAX {
            return Err(TokenError::Ttl(ttl_secs));
        }
        if scope.assets.len() > TOKEN_ASSET_IDS_MAX {
            return Err(TokenError::AssetIds(scope.assets.len()));
        }
        if !self.has_token_secret() {
            return Err(TokenError::SecretPending);
        }
        let expires_s = call.now_ns / 1_000_000_000 + u64::from(ttl_secs);
        let mut token = vec![VERSION];
        token.extend(memory.0.to_be_bytes());
        token.extend(expires_s.to_be_bytes());
        token.push(scope.kinds.iter().fold(0, |bits, kind| bits | 1 << (*kind as u8)));
        token.extend(principal_key(&call.caller));
        token.push(u8::try_from(scope.assets.len()).expect("the number of ids was checked"));
        token.extend(scope.assets.iter().flat_map(|asset| asset.0.to_be_bytes()));
        let mac =
            mac(&self.header.token_secret(), &self.config().canister_id, &token).finalize().into_bytes();
        token.extend(mac);
        Ok(token)
    }

    /// What `token` opens now; none where it is not one of ours, was changed, has expired, or where its minter may
    /// not read the memory any more.
    pub fn token_open(&self, call: &Call, token: &[u8]) -> Option<TokenGrant> {
        let (memory, expires_s, minter, scope) = parse(self.authentic(token)?)?;
        if call.now_ns / 1_000_000_000 >= expires_s {
            return None;
        }
        let minter = self.acts_as(&minter, call.now_ns);
        let record = self.memories.get(memory)?;
        let (sight, _) = self.seen(&minter, memory, record).ok()?;
        Some(TokenGrant { memory, scope, sight })
    }

    fn authentic<'a>(&self, token: &'a [u8]) -> Option<&'a [u8]> {
        // A secret that everybody knows would make every token genuine.
        if !self.has_token_secret() {
            return None;
        }
        let (body, mac) = token.split_at_checked(token.len().checked_sub(MAC_BYTES)?)?;
        let genuine = crate::token::mac(&self.header.token_secret(), &self.config().canister_id, body);
        genuine.verify_slice(mac).ok().map(|()| body)
    }
}

/// What tokens and tickets end with: over the host's canister id and all that comes before.
pub(crate) fn mac(secret: &[u8; 32], canister_id: &Principal, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&principal_key(canister_id));
    mac.update(body);
    mac
}

fn parse(body: &[u8]) -> Option<(MemoryId, u64, Principal, TokenScope)> {
    if body.len() < FIXED_BYTES || body[0] != VERSION {
        return None;
    }
    let memory = MemoryId(u64_be(&body[1..9]));
    let expires_s = u64_be(&body[9..17]);
    let kinds = AssetKind::ALL.into_iter().filter(|kind| body[17] & (1 << (*kind as u8)) != 0).collect();
    let minter = principal_of_key(&body[18..48]);
    let assets: Vec<_> = body[FIXED_BYTES..].chunks(8).map(|id| AssetId(u64_be(id))).collect();
    (assets.len() == usize::from(body[48])).then_some((
        memory,
        expires_s,
        minter,
        TokenScope { kinds, assets },
    ))
}
