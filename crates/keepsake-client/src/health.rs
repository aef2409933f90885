//! What a node says of itself at `/health`. Owns the question; its answer is advice, for nothing proves it.

use candid::Principal;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// Nobody waits longer for advice.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 4_096;

#[derive(Deserialize)]
struct Health {
    canister_id: Principal,
}

/// The canister of the node at `url`, if it says so.
pub(crate) async fn canister_at(http: &reqwest::Client, url: &Url) -> Option<Principal> {
    let mut answer = http.get(url.join("/health").ok()?).timeout(TIMEOUT).send().await.ok()?;
    let mut text = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        text.extend_from_slice(&part);
        if text.len() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    Some(serde_json::from_slice::<Health>(&text).ok()?.canister_id)
}
