//! The line between clients and the proxy: how fast it is, and when it stands still. Owns what a connection may read now.

use crate::plan::{Answer, Counts, Plan};
use hyper::Method;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// What one read takes at most, and what a slow line lets through at once.
const PIECE_BYTES: usize = 4 << 10;

/// A line goes on while the proxy sleeps too long, as timers and busy machines have it: so much is made up for.
const LATE_MAX: Duration = Duration::from_millis(100);

/// The line, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Line(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    plan: Plan,
    since: Instant,
    counts: Counts,
    /// Bytes since the plan came.
    bytes: u64,
    answered: u64,
    /// Requests that an answer of the proxy's own was for, and those with a ticket, since the plan.
    meant: u64,
    tickets: u64,
    dead: u64,
    stalled_until: Option<Instant>,
    /// When what was read so far has come over the line.
    free_at: Instant,
    random: u64,
}

/// What a request meets.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// The proxy answers.
    Answered(u16, Option<u64>),
    /// It is lost on its way.
    RequestLost,
    /// It is done; its reply is lost.
    ReplyLost,
    /// It is done; half of the reply comes.
    ReplyCut,
    /// Nothing happens to it.
    Passed,
}

impl Line {
    /// A line with nothing wrong.
    pub fn new() -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            plan: Plan::default(),
            since: now,
            counts: Counts::default(),
            bytes: 0,
            answered: 0,
            meant: 0,
            tickets: 0,
            dead: 0,
            stalled_until: None,
            free_at: now,
            random: 0,
        })))
    }

    /// From now on this goes wrong.
    pub fn set(&self, plan: Plan) {
        let state = &mut *self.lock();
        let now = Instant::now();
        state.random = plan.seed;
        (state.since, state.free_at) = (now, now);
        (state.bytes, state.answered, state.dead, state.stalled_until) = (0, 0, 0, None);
        (state.meant, state.tickets) = (0, 0);
        state.plan = plan;
    }

    /// What happened.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Counts a request by its kind.
    pub fn came(&self, method: &Method, path: &str) {
        let counts = &mut self.lock().counts;
        if method == Method::PUT {
            counts.puts += 1;
        } else if path.ends_with("/call") {
            counts.updates += 1;
        } else if path.ends_with("/query") {
            counts.queries += 1;
        }
    }

    /// Whether a request's ticket is to be another one.
    pub fn forges(&self) -> bool {
        let state = &mut *self.lock();
        let forges = state.plan.forge_tickets.is_some_and(|every| state.tickets.is_multiple_of(every));
        state.tickets += 1;
        state.counts.forged += u64::from(forges);
        forges
    }

    /// What becomes of a request to `path` whose body has `len` bytes, as far as it says.
    pub fn fate(&self, method: &Method, path: &str, len: Option<u64>) -> Fate {
        let state = &mut *self.lock();
        state.counts.requests += 1;
        let is_meant = |answer: &Answer| answer.method.as_ref().is_none_or(|meant| method == meant.as_str());
        state.meant += u64::from(state.plan.answer.as_ref().is_some_and(is_meant));
        if let Some(answer) = &state.plan.answer
            && is_meant(answer)
            && state.meant > answer.after
            && answer.times.is_none_or(|times| state.answered < times)
            && answer.for_ms.is_none_or(|ms| state.since.elapsed() < Duration::from_millis(ms))
        {
            let fate = Fate::Answered(answer.status, answer.retry_after);
            state.answered += 1;
            state.counts.answered += 1;
            return fate;
        }
        if state.plan.body_max.is_some_and(|max| len.is_none_or(|len| len > max)) && len != Some(0) {
            state.counts.answered += 1;
            return Fate::Answered(413, None);
        }
        if state.plan.faults_at.as_ref().is_some_and(|end| !path.ends_with(end)) {
            return Fate::Passed;
        }
        let (lose, lose_reply, cut) =
            (state.plan.lose_requests, state.plan.lose_replies, state.plan.cut_replies);
        if state.happens(lose) {
            state.counts.lost += 1;
            Fate::RequestLost
        } else if state.happens(lose_reply) {
            state.counts.lost += 1;
            Fate::ReplyLost
        } else if state.happens(cut) {
            state.counts.cut += 1;
            Fate::ReplyCut
        } else {
            Fate::Passed
        }
    }

    /// A connection that came.
    pub fn connect(&self, stream: TcpStream) -> Connection {
        self.lock().counts.connections += 1;
        Connection { stream, line: self.clone(), waits: None, bytes: 0, is_dead: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn happens(&mut self, share: f64) -> bool {
        // Knuth's multiplier; the upper bits are good enough for faults.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = u32::try_from(self.random >> 32).expect("32 bits are left");
        f64::from(number) < share * f64::from(u32::MAX)
    }

    /// How long to wait before more is read; nothing where the line is free.
    fn waits(&self) -> Duration {
        let free_at = self.stalled_until.map_or(self.free_at, |until| until.max(self.free_at));
        free_at.saturating_duration_since(Instant::now())
    }

    fn has_read(&mut self, bytes: usize) {
        if let Some(bits) = self.plan.bits_per_s {
            let takes = Duration::from_nanos(bytes as u64 * 8_000_000_000 / bits.max(1));
            let now = Instant::now();
            self.free_at = self.free_at.max(now.checked_sub(LATE_MAX).unwrap_or(now)) + takes;
        }
        let before = self.bytes;
        self.bytes += bytes as u64;
        self.counts.bytes += bytes as u64;
        if let Some(stall) = &self.plan.stall
            && before <= stall.after_bytes
            && self.bytes > stall.after_bytes
        {
            self.stalled_until = Some(Instant::now() + Duration::from_millis(stall.ms));
        }
    }

    fn goes_dead(&mut self, bytes: u64) -> bool {
        let dies = self
            .plan
            .dead
            .as_ref()
            .is_some_and(|dead| self.dead < dead.connections && bytes > dead.after_bytes);
        if dies {
            self.dead += 1;
            self.counts.dead += 1;
        }
        dies
    }
}

/// A client's connection over the line.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    line: Line,
    waits: Option<Pin<Box<Sleep>>>,
    bytes: u64,
    is_dead: bool,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.is_dead {
                // Nobody wakes it: that is what dead means.
                return Poll::Pending;
            }
            if let Some(waits) = &mut self.waits {
                ready!(waits.as_mut().poll(context));
                self.waits = None;
            }
            let waits = self.line.lock().waits();
            if waits > Duration::ZERO {
                self.waits = Some(Box::pin(sleep(waits)));
                continue;
            }
            let mut bytes = [0; PIECE_BYTES];
            let most = PIECE_BYTES.min(buf.remaining());
            let mut piece = ReadBuf::new(&mut bytes[..most]);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
            let read = piece.filled().len();
            buf.put_slice(piece.filled());
            self.bytes += read as u64;
            let (line, total) = (self.line.clone(), self.bytes);
            let state = &mut *line.lock();
            state.has_read(read);
            self.is_dead = state.goes_dead(total);
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_dead {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_waits_for_what_was_read_to_have_come() {
        let line = Line::new();
        line.set(Plan { bits_per_s: Some(80_000), ..Plan::default() });
        assert_eq!(line.lock().waits(), Duration::ZERO);
        line.lock().has_read(1_000_000);
        // At 10,000 bytes a second; some of it has passed since.
        let waits = line.lock().waits();
        assert!(waits > Duration::from_secs(50) && waits <= Duration::from_secs(100), "{waits:?}");
        line.set(Plan::default());
        assert_eq!(line.lock().waits(), Duration::ZERO);
    }

    #[test]
    fn what_the_proxy_slept_too_long_is_made_up_for_and_no_more() {
        let line = Line::new();
        line.set(Plan { bits_per_s: Some(80_000), ..Plan::default() });
        // Read 50 ms after it could have been: it takes 100 ms, half of which has passed.
        line.lock().free_at = Instant::now().checked_sub(Duration::from_millis(50)).unwrap();
        line.lock().has_read(1_000);
        let waits = line.lock().waits();
        assert!(waits <= Duration::from_millis(50), "{waits:?}");
        // A line that was idle for long has saved nothing up.
        line.lock().free_at = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        line.lock().has_read(10_000);
        let waits = line.lock().waits();
        assert!(waits > Duration::from_millis(500), "{waits:?}");
    }
}
