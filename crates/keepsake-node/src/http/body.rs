//! Request bodies within bounds: of size, of pace, and of the room that [`Admission`] has.
//!
//! Owns the only place where request bytes gather in memory.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::peer::peer_of;
use super::places::Remote;
use crate::admission::{Admission, BODY_BYTES_MAX, Permit, Received, SMALL_BYTES_MAX};
use crate::ic::RequestError;

/// Longest wait for room for the next piece.
const ROOM_WAIT: Duration = Duration::from_secs(20);

/// A body may take this long, and a second more for each [`BYTES_PER_S_MIN`].
const GRACE: Duration = Duration::from_secs(5);

/// Slow enough for the slowest line; fast enough that whoever holds room sends for it.
const BYTES_PER_S_MIN: usize = 16 << 10;

/// A body never pauses longer than this.
const PAUSE_WAIT: Duration = Duration::from_secs(10);

/// While others wait for room, a body in one of the few lanes ends within this time.
const LANE_WAIT: Duration = Duration::from_secs(10);

/// A body that is refused is read and thrown away for this long, so that the client gets to read its answer instead of
/// a reset connection.
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// Reads the body of `request` into `room`.
///
/// # Errors
/// [`RequestError`] when it is too large (told before any of it is read, where its length is declared), too
/// slow, broken, or when there is no room for it.
pub(super) async fn read(room: &Admission, request: Request) -> Result<Received, RequestError> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = length.and_then(|text| text.parse::<usize>().ok());
    let remote = request.extensions().get::<Remote>().cloned();
    let peer = peer_of(&request);
    let mut body = request.into_body();
    if declared.is_some_and(|declared| declared > BODY_BYTES_MAX) {
        return Err(refused(body, too_large()));
    }
    let mut permit = room.permit(peer, declared);
    let collected = collect(&mut body, declared.unwrap_or(0), &mut permit, remote.as_ref()).await;
    if let Some(remote) = &remote {
        remote.has_body();
    }
    match collected {
        Ok(bytes) => Ok(Received { bytes, permit }),
        Err(error) => Err(refused(body, error)),
    }
}

async fn collect(
    body: &mut Body,
    declared: usize,
    permit: &mut Permit,
    remote: Option<&Remote>,
) -> Result<Bytes, RequestError> {
    let mut pace = Pace::begin(Instant::now());
    let mut bytes = BytesMut::new();
    loop {
        let deadline = pace.deadline(bytes.len(), permit.lane_since());
        if let Some(remote) = remote {
            remote.waits_for_body(pace.due(bytes.len()));
        }
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Pace::late(permit.lane_since()))?;
        let Some(frame) = frame else { return Ok(bytes.freeze()) };
        let frame = frame.map_err(|error| RequestError::Body(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        let len = bytes.len() + data.len();
        if len > BODY_BYTES_MAX {
            return Err(too_large());
        }
        if let Some(remote) = remote {
            remote.has_body();
        }
        let asked = Instant::now();
        permit.grow_to(len, ROOM_WAIT).await.map_err(|_| RequestError::Overloaded)?;
        pace.moved(asked);
        if bytes.capacity() < len {
            // Room for all of it is taken in one step, when it is more than a promise; pages that are not written cost
            // nothing.
            let expected = if len > SMALL_BYTES_MAX { declared } else { declared.min(SMALL_BYTES_MAX) };
            bytes.reserve(expected.max(len) - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
}

/// How fast a body comes. Time that it waits for room does not count.
struct Pace {
    begun: Instant,
    moved: Instant,
}

impl Pace {
    fn begin(now: Instant) -> Self {
        Self { begun: now, moved: now }
    }

    /// A piece came, and waited for its room since `asked`.
    fn moved(&mut self, asked: Instant) {
        self.moved = Instant::now();
        self.begun += self.moved - asked;
    }

    /// When `bytes` of them are there at the least rate.
    fn due(&self, bytes: usize) -> Instant {
        self.begun + Duration::from_secs((bytes / BYTES_PER_S_MIN) as u64)
    }

    /// When the next piece is too late after `bytes` of them.
    fn deadline(&self, bytes: usize, lane_since: Option<Instant>) -> Instant {
        let by_rate = self.due(bytes) + GRACE;
        let by_pause = self.moved + PAUSE_WAIT;
        let by_lane = lane_since.map_or(by_pause, |since| since + LANE_WAIT);
        by_rate.min(by_pause).min(by_lane)
    }

    fn late(lane_since: Option<Instant>) -> RequestError {
        match lane_since {
            Some(since) if Instant::now() >= since + LANE_WAIT => RequestError::Overloaded,
            _ => {
                RequestError::Timeout { bytes_per_s_min: BYTES_PER_S_MIN, pause_s_max: PAUSE_WAIT.as_secs() }
            }
        }
    }
}

fn too_large() -> RequestError {
    RequestError::TooLarge { limit_bytes: BODY_BYTES_MAX }
}

fn refused(body: Body, error: RequestError) -> RequestError {
    if matches!(error, RequestError::TooLarge { .. } | RequestError::Overloaded) {
        tokio::spawn(timeout(DRAIN_WAIT, drain(body)));
    }
    error
}

/// Throws the body of a request away that is refused by its head.
pub(super) fn refuse(request: Request) {
    // Whoever waits to be told to go on sends nothing when it is refused.
    if !request.headers().contains_key(header::EXPECT) {
        tokio::spawn(timeout(DRAIN_WAIT, drain(request.into_body())));
    }
}

async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_a_few_seconds_and_then_a_least_rate_and_never_pauses_long() {
        let begun = Instant::now();
        let pace = Pace::begin(begun);
        assert_eq!(pace.deadline(0, None), begun + GRACE);
        assert_eq!(pace.deadline(BYTES_PER_S_MIN * 3, None), begun + GRACE + Duration::from_secs(3));
        assert_eq!(pace.deadline(BODY_BYTES_MAX, None), begun + PAUSE_WAIT, "since the last piece");
        assert_eq!(
            pace.deadline(BODY_BYTES_MAX, Some(begun - Duration::from_secs(4))),
            begun + Duration::from_secs(6)
        );
    }
}
