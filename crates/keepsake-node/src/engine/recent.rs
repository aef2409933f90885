//! Small answers that everybody gets, kept in memory while the commit that they were planned on is the newest.
//!
//! Owns that memory. What a photo's link shows is asked for again and again; with this it costs no hop to a reader, no
//! plan and no file. The next commit forgets all of it, so that whoever asks after a reply gets what the reply promised.

use bytes::Bytes;
use keepsake_service::http::AssetRequest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All answers together, bytes.
const BYTES_MAX: usize = 8 << 20;
/// What an answer takes beside its body, address and headers.
const OVERHEAD_BYTES: usize = 1 << 10;

/// An answer whose body is in memory.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// The kept answers.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    bytes: usize,
    answers: HashMap<AssetRequest, Arc<Answer>>,
}

impl Recent {
    /// Whether an answer may be kept: all of it, that others may keep too, asked for without a token, whose time runs out, and
    /// without conditions, which callers could make up by the thousand.
    pub(crate) fn may_keep(request: &AssetRequest, status: u16, headers: &[(&'static str, String)]) -> bool {
        let conditions = [&request.range, &request.if_none_match, &request.if_range];
        let is_plain = !request.url.contains('?') && conditions.iter().all(|condition| condition.is_none());
        // What a link shows ends by the clock, without a commit.
        let is_forbidden =
            headers.iter().any(|(name, value)| *name == "cache-control" && value.contains("no-store"));
        status == 200 && is_plain && !is_forbidden
    }

    /// The answer to `request`, if it was planned on commit `epoch`.
    pub(crate) fn find(&self, epoch: u64, request: &AssetRequest) -> Option<Arc<Answer>> {
        let state = self.lock();
        if state.epoch != epoch {
            return None;
        }
        state.answers.get(request).cloned()
    }

    /// Keeps an answer that was planned on commit `epoch`, unless it is an old one.
    pub(crate) fn keep(&self, epoch: u64, request: AssetRequest, answer: Arc<Answer>) {
        // Of the headers, names of files are as long as their owners like.
        let headers: usize = answer.headers.iter().map(|(_, value)| value.len()).sum();
        let bytes = answer.body.len() + request.url.len() + headers + OVERHEAD_BYTES;
        let state = &mut *self.lock();
        if epoch < state.epoch || bytes > BYTES_MAX {
            return;
        }
        if epoch > state.epoch || state.bytes + bytes > BYTES_MAX {
            *state = State { epoch, ..State::default() };
        }
        if state.answers.insert(request, answer).is_none() {
            state.bytes += bytes;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> AssetRequest {
        AssetRequest { method: "GET".into(), url: url.into(), ..AssetRequest::default() }
    }

    fn answer(len: usize) -> Arc<Answer> {
        Arc::new(Answer { status: 200, headers: Vec::new(), body: vec![1; len].into() })
    }

    #[test]
    fn an_answer_is_kept_for_its_commit_only() {
        let recent = Recent::default();
        recent.keep(5, request("/a"), answer(10));
        assert!(recent.find(5, &request("/a")).is_some());
        assert!(recent.find(6, &request("/a")).is_none());
        assert!(recent.find(5, &request("/b")).is_none());
        let range = AssetRequest { range: Some("bytes=1-".into()), ..request("/a") };
        assert!(recent.find(5, &range).is_none());
        recent.keep(6, request("/b"), answer(10));
        recent.keep(5, request("/a"), answer(10));
        assert!(recent.find(6, &request("/b")).is_some() && recent.find(6, &request("/a")).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let recent = Recent::default();
        for number in 0..10_000 {
            recent.keep(1, request(&format!("/{number}")), answer(if number % 2 == 0 { 0 } else { 100_000 }));
            assert!(recent.lock().bytes <= BYTES_MAX);
        }
        recent.keep(1, request("/large"), answer(BYTES_MAX));
        assert!(recent.find(1, &request("/large")).is_none());
        let headers = vec![("content-disposition", "x".repeat(BYTES_MAX))];
        recent.keep(1, request("/named"), Arc::new(Answer { status: 200, headers, body: Bytes::new() }));
        assert!(recent.find(1, &request("/named")).is_none());
        assert!(recent.find(1, &request("/9999")).is_some());
    }

    #[test]
    fn answers_to_a_token_or_a_links_preview_are_not_kept() {
        let public = [("cache-control", "public, no-cache".to_owned())];
        assert!(Recent::may_keep(&request("/asset/mem_1/thumbnail"), 200, &public));
        assert!(!Recent::may_keep(&request("/asset/mem_1/thumbnail?token=x"), 200, &public));
        assert!(!Recent::may_keep(&request("/asset/mem_1/thumbnail"), 404, &public));
        let private = [("cache-control", "private, no-store".to_owned())];
        assert!(!Recent::may_keep(&request("/l/x/picture"), 200, &private));
        let condition =
            AssetRequest { if_none_match: Some("\"x\"".into()), ..request("/asset/mem_1/thumbnail") };
        assert!(!Recent::may_keep(&condition, 200, &public));
    }
}
