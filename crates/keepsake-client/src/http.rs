//! HTTP methods: tokens for private assets, and the gateway's query. Owns no rule and no socket.

use crate::client::{CallError, Client};
use crate::transport::Transport;
use keepsake_api::{HttpRequest, HttpResponse, MintedToken, TokenRequest};

impl<T: Transport> Client<T> {
    /// What the [HTTP gateway](https://internetcomputer.org/docs/references/http-gateway-protocol-spec) asks.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn http_request(&self, request: &HttpRequest) -> Result<HttpResponse, CallError> {
        self.query_bare("http_request", (request,)).await
    }

    /// A token for `?token=` that opens the named assets of a memory for `ttl_secs`.
    /// No variants and no ids: all assets.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn mint_http_token(
        &self,
        memory_id: &str,
        variants: &[String],
        asset_ids: Option<&[String]>,
        ttl_secs: u32,
    ) -> Result<String, CallError> {
        self.query("mint_http_token", (memory_id, variants, asset_ids, ttl_secs)).await
    }

    /// Tokens for many memories at once.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn mint_http_tokens_bulk(
        &self,
        requests: &[TokenRequest],
        ttl_secs: u32,
    ) -> Result<Vec<MintedToken>, CallError> {
        self.query("mint_http_tokens_bulk", (requests, ttl_secs)).await
    }
}
