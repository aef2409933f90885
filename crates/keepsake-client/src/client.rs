//! The typed client: encode arguments, send with retries, decode the answer.
//!
//! Owns the call loop and its error. The methods themselves are in one file per family:
//! [`crate::capsules`], [`crate::uploads`], [`crate::blobs`], [`crate::memories`], [`crate::http`].

use crate::retry::{Attempts, RetryPolicy, jitter};
use crate::transport::{Transport, TransportError};
use crate::upload::CHUNKS_IN_FLIGHT_LIMIT;
use crate::upload::bucket::road::{KnownBucket, PARTS_IN_FLIGHT_LIMIT};
use crate::upload::road::KnownRoad;
use crate::upload::window::Window;
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use keepsake_api::{Answer, UploadConfig};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::sync::{OnceCell, Semaphore};

/// Why a call did not give its result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The service refused: nothing changed.
    #[error("{method}: {error}")]
    Refused {
        /// The method called.
        method: &'static str,
        /// What the service said.
        error: keepsake_api::Error,
    },
    /// No answer of the service, after all attempts.
    #[error("{method}: {error}")]
    Transport {
        /// The method called.
        method: &'static str,
        /// What went wrong.
        error: TransportError,
    },
    /// The answer does not have the type that this client knows.
    #[error("{method}: the answer cannot be read ({reason}): use a client as new as the service")]
    Decode {
        /// The method called.
        method: &'static str,
        /// What Candid said.
        reason: String,
    },
}

impl CallError {
    /// The refusal of the service, if that is what it is.
    pub fn refusal(&self) -> Option<&keepsake_api::Error> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The refusal's stable code, if the service refused. See [`keepsake_api::codes::CODES`].
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(keepsake_api::Error::code)
    }

    /// The message without the name of the method.
    pub fn told(&self) -> String {
        match self {
            Self::Refused { error, .. } => error.to_string(),
            Self::Transport { error, .. } => error.to_string(),
            Self::Decode { reason, .. } => {
                format!("the answer cannot be read ({reason}): use a client as new as the service")
            }
        }
    }

    /// The method that was called.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Refused { method, .. } | Self::Transport { method, .. } | Self::Decode { method, .. } => {
                method
            }
        }
    }

    /// A proxy on the way let no message of this length through.
    pub(crate) fn is_body_limit(&self) -> bool {
        matches!(self, Self::Transport { error: TransportError::BodyLimit { .. }, .. })
    }

    /// The service says that there is no such thing for this caller.
    pub fn is_not_found(&self) -> bool {
        matches!(self.refusal(), Some(keepsake_api::Error::NotFound))
    }
}

/// How often a message may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Delivered twice it leaves the state of one: sent again on every transient error.
    Repeatable,
    /// Sent again only when it surely did not run.
    Once,
}

/// Talks to one service through one transport. Cheap to clone; clones share what they learned.
pub struct Client<T> {
    transport: Arc<T>,
    retry: RetryPolicy,
    config: Arc<OnceCell<UploadConfig>>,
    /// The longest chunk that the way lets through, as far as is known, bytes.
    chunk_bytes_max: Arc<AtomicU32>,
    pub(crate) known_road: Arc<KnownRoad>,
    pub(crate) known_bucket: Arc<KnownBucket>,
    /// What flies on the line to the host.
    pub(crate) window: Window,
    /// What flies on the line to its bucket: a long part is no reason for a small chunk to wait.
    pub(crate) bucket_window: Window,
    /// One image is decoded at a time: each may take 104 MiB.
    pub(crate) decoding: Arc<Semaphore>,
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            retry: self.retry.clone(),
            config: Arc::clone(&self.config),
            chunk_bytes_max: Arc::clone(&self.chunk_bytes_max),
            known_road: Arc::clone(&self.known_road),
            known_bucket: Arc::clone(&self.known_bucket),
            window: self.window.clone(),
            bucket_window: self.bucket_window.clone(),
            decoding: Arc::clone(&self.decoding),
        }
    }
}

impl<T: Transport> Client<T> {
    /// A client with the default [`RetryPolicy`].
    pub fn new(transport: T) -> Self {
        Self {
            transport: Arc::new(transport),
            retry: RetryPolicy::default(),
            config: Arc::new(OnceCell::new()),
            chunk_bytes_max: Arc::new(AtomicU32::new(u32::MAX)),
            known_road: Arc::default(),
            known_bucket: Arc::default(),
            bucket_window: Window::new(PARTS_IN_FLIGHT_LIMIT),
            window: Window::new(u32::try_from(CHUNKS_IN_FLIGHT_LIMIT).expect("it is small")),
            decoding: Arc::new(Semaphore::new(1)),
        }
    }

    /// The same client with another policy.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The policy of this client.
    pub fn retry_policy(&self) -> &RetryPolicy {
        &self.retry
    }

    /// The transport of this client.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The principal that the service sees as the caller.
    pub fn principal(&self) -> Principal {
        self.transport.principal()
    }

    /// The service's limits, asked for once per client and then remembered.
    ///
    /// # Errors
    /// [`CallError`] when the first question fails; the next call asks again.
    pub async fn limits(&self) -> Result<&UploadConfig, CallError> {
        self.config.get_or_try_init(|| self.upload_config()).await
    }

    pub(crate) fn chunk_bytes_max(&self) -> u32 {
        self.chunk_bytes_max.load(Ordering::Relaxed)
    }

    /// Longer chunks do not get through.
    pub(crate) fn cut_no_larger_than(&self, chunk_bytes: u32) {
        self.chunk_bytes_max.fetch_min(chunk_bytes, Ordering::Relaxed);
    }

    /// An update whose answer is `variant { Ok; Err }`.
    pub(crate) async fn update<A: ArgumentEncoder, R: CandidType + DeserializeOwned>(
        &self,
        method: &'static str,
        delivery: Delivery,
        args: A,
    ) -> Result<R, CallError> {
        let arg = encode(args);
        let reply = self.attempt(method, delivery, || self.transport.update(method, arg.clone())).await?;
        decode_answer(method, &reply)
    }

    /// A query whose answer is `variant { Ok; Err }`.
    pub(crate) async fn query<A: ArgumentEncoder, R: CandidType + DeserializeOwned>(
        &self,
        method: &'static str,
        args: A,
    ) -> Result<R, CallError> {
        let arg = encode(args);
        let reply =
            self.attempt(method, Delivery::Repeatable, || self.transport.query(method, arg.clone())).await?;
        decode_answer(method, &reply)
    }

    /// A query whose answer is bare.
    pub(crate) async fn query_bare<A: ArgumentEncoder, R: CandidType + DeserializeOwned>(
        &self,
        method: &'static str,
        args: A,
    ) -> Result<R, CallError> {
        let arg = encode(args);
        let reply =
            self.attempt(method, Delivery::Repeatable, || self.transport.query(method, arg.clone())).await?;
        decode(method, &reply)
    }

    pub(crate) async fn attempt<R, F: Future<Output = Result<R, TransportError>>>(
        &self,
        method: &'static str,
        delivery: Delivery,
        mut send: impl FnMut() -> F,
    ) -> Result<R, CallError> {
        let mut attempts = Attempts::default();
        loop {
            let error = match send().await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if delivery == Delivery::Once && !error.surely_not_run() {
                return Err(CallError::Transport { method, error });
            }
            let Some(pause) = attempts.pause_after(&self.retry, &error, Instant::now(), jitter()) else {
                return Err(CallError::Transport { method, error });
            };
            tracing::debug!(method, %error, ?pause, "trying again");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Candid bytes of an argument list.
pub(crate) fn encode<A: ArgumentEncoder>(args: A) -> Vec<u8> {
    candid::encode_args(args).expect("wire types always encode")
}

/// Reads `variant { Ok; Err }`.
pub(crate) fn decode_answer<R: CandidType + DeserializeOwned>(
    method: &'static str,
    reply: &[u8],
) -> Result<R, CallError> {
    decode::<Answer<R>>(method, reply)?.map_err(|error| CallError::Refused { method, error })
}

fn decode<R: CandidType + DeserializeOwned>(method: &'static str, reply: &[u8]) -> Result<R, CallError> {
    candid::decode_one(reply).map_err(|error| CallError::Decode { method, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::transport::Transience;
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::time::Duration;

    /// Fails as it is told, one error per message, then answers `Ok(7)`.
    struct FailingTransport(Mutex<VecDeque<TransportError>>);

    impl Transport for FailingTransport {
        fn principal(&self) -> Principal {
            Principal::anonymous()
        }

        async fn update(&self, _: &'static str, _: Vec<u8>) -> Result<Vec<u8>, TransportError> {
            let failure = self.0.lock().unwrap().pop_front();
            failure.map_or_else(|| Ok(encode((Answer::Ok(7_u64),))), Err)
        }

        async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
            self.update(method, arg).await
        }
    }

    /// The result, and how many of the failures were met.
    async fn update_meeting(
        failures: &[TransportError],
        delivery: Delivery,
    ) -> (Result<u64, CallError>, usize) {
        let client = Client::new(FailingTransport(Mutex::new(failures.iter().cloned().collect())))
            .with_retry(RetryPolicy { pause_first: Duration::ZERO, ..RetryPolicy::default() });
        let result = client.update("method", delivery, ()).await;
        let left = client.transport().0.lock().unwrap().len();
        (result, failures.len() - left)
    }

    fn unreachable(maybe_sent: bool) -> TransportError {
        TransportError::Unreachable { reason: String::new(), maybe_sent }
    }

    #[tokio::test]
    async fn a_repeatable_message_outlasts_every_passing_fault() {
        let failures = [
            unreachable(true),
            TransportError::Timeout(String::new()),
            TransportError::Busy { status: 429, reason: String::new(), retry_after: None },
            unreachable(false),
        ];
        assert_eq!(update_meeting(&failures, Delivery::Repeatable).await, (Ok(7), 4));
    }

    #[tokio::test]
    async fn a_message_that_may_have_run_is_not_sent_twice_where_twice_matters() {
        for error in [TransportError::Timeout(String::new()), unreachable(true)] {
            let (result, met) = update_meeting(&[error, unreachable(false)], Delivery::Once).await;
            assert!(result.is_err());
            assert_eq!(met, 1);
        }
        assert_eq!(update_meeting(&[unreachable(false)], Delivery::Once).await, (Ok(7), 1));
    }

    #[tokio::test]
    async fn a_permanent_error_ends_the_call_at_once() {
        let error = TransportError::Rejected { code: 5, message: String::new() };
        assert_eq!(error.transience(), Transience::Permanent);
        let (result, met) = update_meeting(&[error.clone(), error.clone()], Delivery::Repeatable).await;
        assert_eq!(result, Err(CallError::Transport { method: "method", error }));
        assert_eq!(met, 1);
    }

    #[tokio::test]
    async fn attempts_are_bounded() {
        let failures = vec![TransportError::Timeout(String::new()); 20];
        let (result, met) = update_meeting(&failures, Delivery::Repeatable).await;
        assert!(result.is_err());
        assert_eq!(met, 8);
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        let sent: Answer<u64> = Err(keepsake_api::Error::Conflict("chunk_differs: 3".into()));
        let error = decode_answer::<u64>("uploads_put_chunk", &encode((sent,))).unwrap_err();
        assert_eq!(error.code(), Some("chunk_differs"));
        assert!(!error.is_not_found());
    }

    #[test]
    fn an_answer_of_another_type_is_a_decode_error() {
        let error = decode_answer::<u64>("uploads_begin", &encode(("text",))).unwrap_err();
        assert!(matches!(error, CallError::Decode { .. }), "{error}");
    }
}
