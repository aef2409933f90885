//! Request bodies within bounds: of size, of time, and of all bodies together.
//!
//! Owns the only place where request bytes gather in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::ic::RequestError;

/// Largest body. The IC takes 2 MiB ingress messages; queries may be larger.
pub(crate) const BODY_BYTES_MAX: usize = 4 << 20;

/// All bodies in memory together: 17 chunks of 1.8 MB. More wait for their turn.
const BUDGET_BYTES: usize = 32 << 20;

/// Granularity of the budget; also what the smallest request takes.
const UNIT_BYTES: usize = 4 << 10;

/// Longest wait for room in the budget.
const ROOM_WAIT: Duration = Duration::from_secs(20);

/// A body must arrive within this time.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// And never pause longer than this.
const PAUSE_WAIT: Duration = Duration::from_secs(10);

/// An oversized body is read and thrown away for this long, so that the client gets to read its answer instead of
/// a reset connection.
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// Room for bodies in memory.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    units: Arc<Semaphore>,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self { units: Arc::new(Semaphore::new(BUDGET_BYTES / UNIT_BYTES)) }
    }
}

impl BodyBudget {
    /// Reads the body of `request`. Hold the permit for as long as its bytes are held.
    ///
    /// # Errors
    /// [`RequestError`] when it is too large (told before any of it is read, where its length is declared), too
    /// slow, broken, or when there is no room for it.
    pub(crate) async fn read(&self, request: Request) -> Result<(Bytes, OwnedSemaphorePermit), RequestError> {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let declared = length.and_then(|text| text.parse::<usize>().ok());
        let body = request.into_body();
        let reserved = declared.unwrap_or(BODY_BYTES_MAX);
        if reserved > BODY_BYTES_MAX {
            return Err(too_large(body));
        }
        let units = u32::try_from(reserved.div_ceil(UNIT_BYTES).max(1)).expect("a body is at most 4 MiB");
        let permit = timeout(ROOM_WAIT, Arc::clone(&self.units).acquire_many_owned(units))
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(RequestError::Overloaded)?;
        let bytes = collect(body, reserved.min(declared.unwrap_or(UNIT_BYTES))).await?;
        Ok((bytes, permit))
    }
}

async fn collect(mut body: Body, capacity: usize) -> Result<Bytes, RequestError> {
    let late = |_| RequestError::Timeout { limit_s: BODY_WAIT.as_secs() };
    let deadline = Instant::now() + BODY_WAIT;
    let mut bytes = BytesMut::with_capacity(capacity);
    loop {
        let pause_ends = (Instant::now() + PAUSE_WAIT).min(deadline);
        let Some(frame) = timeout_at(pause_ends, body.frame()).await.map_err(late)? else {
            return Ok(bytes.freeze());
        };
        let frame = frame.map_err(|error| RequestError::Body(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > BODY_BYTES_MAX {
                return Err(too_large(body));
            }
            bytes.extend_from_slice(&data);
        }
    }
}

fn too_large(body: Body) -> RequestError {
    tokio::spawn(timeout(DRAIN_WAIT, drain(body)));
    RequestError::TooLarge { limit_bytes: BODY_BYTES_MAX }
}

async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}
