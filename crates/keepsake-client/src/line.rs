//! One HTTP exchange, watched by its bytes: it ends when none moves any more, and not after so much time. A slow line may take
//! as long as it needs; a dead one is left for a new connection soon.
//!
//! Owns the watching, and what of a refusal's head has to reach [`crate::faults`]. The system helps: what it holds in its own
//! buffers is given up when nobody acknowledges it ([`watched_tcp`]).

use crate::bucket::PartBody;
use crate::faults::told_in_content_type;
use crate::transport::STALLED;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use ic_agent::AgentError;
use ic_agent::agent::HttpService;
use ic_agent::agent::agent_error::TransportError;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Without a byte for so long, a connection counts as dead.
const STALL: Duration = Duration::from_secs(20);
/// Bodies go out in pieces of this length, so that it is seen that they move, bytes.
const PIECE_BYTES: usize = 32 * 1024;
/// What the system may hold of a body after the last piece: it moves unseen, bytes.
const UNSEEN_BYTES_MAX: u64 = 512 * 1024;
/// It moves at least so fast, bytes a second; eight of them share 0.5 Mbit/s.
const UNSEEN_RATE_MIN: u64 = 8 * 1024;
/// It moves at least so many times slower than what went before.
const UNSEEN_SLOWER_MAX: u64 = 8;
/// An exchange that is watched needs no other bound than this one, which is none.
const NO_BOUND: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Has the system give up connections whose other end is gone, also while it only waits for an answer.
pub(crate) fn watched_tcp(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let half = STALL / 2;
    let builder = builder.tcp_keepalive(half).tcp_keepalive_interval(half / 2).tcp_keepalive_retries(2);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(STALL);
    builder
}

/// The way to a host, for the agent.
#[derive(Debug)]
pub(crate) struct Line {
    http: reqwest::Client,
    /// Of the last large body that arrived, bytes a second; 0 where none has.
    rate: AtomicU64,
    stall: Duration,
}

impl Line {
    pub(crate) fn new(http: reqwest::Client) -> Self {
        Self { http, rate: AtomicU64::new(0), stall: STALL }
    }

    /// One exchange; an answer longer than `answer_bytes_max` is an error.
    pub(crate) async fn exchange(
        &self,
        request: http::Request<Bytes>,
        answer_bytes_max: usize,
    ) -> Result<http::Response<Bytes>, AgentError> {
        let (head, body) = request.into_parts();
        let (sent, began, moves) = (body.len() as u64, Instant::now(), Arc::new(Moves::new()));
        let pieces = || Pieces { rest: body.clone(), moves: Arc::clone(&moves) };
        let whole = self.whole(&head, reqwest::Body::wrap(pieces()), sent, answer_bytes_max, &moves);
        let answer = tokio::select! {
            answer = whole => answer?,
            () = moves.ended(|unseen| self.patience(unseen)) => return Err(self.stalled()),
        };
        // Only a body at hand as a whole is sent after a redirect.
        let again =
            matches!(answer.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if again {
            return self.whole(&head, body.clone().into(), sent, answer_bytes_max, &moves).await;
        }
        if sent > UNSEEN_BYTES_MAX && answer.status().is_success() {
            let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
            self.rate.store(sent.saturating_mul(1_000) / millis, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// One exchange with a body that is read as it goes out. An error names no address: it may let whoever reads it write.
    pub(crate) async fn send(
        &self,
        request: http::Request<PartBody>,
        answer_bytes_max: usize,
    ) -> Result<http::Response<Bytes>, AgentError> {
        let (head, body) = request.into_parts();
        let (len, moves) = (body.len(), Arc::new(Moves::new()));
        let body = reqwest::Body::wrap(Watched { body, moves: Arc::clone(&moves) });
        let answer = tokio::select! {
            answer = self.whole(&head, body, len, answer_bytes_max, &moves) => answer,
            () = moves.ended(|unseen| self.patience(unseen)) => Err(self.stalled()),
        };
        answer.map_err(|error| match error {
            AgentError::TransportError(TransportError::Reqwest(error)) => {
                AgentError::TransportError(TransportError::Reqwest(error.without_url()))
            }
            other => other,
        })
    }

    /// An exchange to its end.
    async fn whole(
        &self,
        head: &http::request::Parts,
        body: reqwest::Body,
        len: u64,
        answer_bytes_max: usize,
        moves: &Moves,
    ) -> Result<http::Response<Bytes>, AgentError> {
        let request = http::Request::from_parts(head.clone(), body);
        let mut request = reqwest::Request::try_from(request)
            .map_err(|error| AgentError::InvalidReplicaUrl(error.to_string()))?;
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
        *request.timeout_mut() = Some(NO_BOUND);
        let network = |error| AgentError::TransportError(TransportError::Reqwest(error));
        let mut answer = self.http.execute(request).await.map_err(network)?;
        moves.came();
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(network)? {
            moves.came();
            if bytes.len() + part.len() > answer_bytes_max {
                return Err(AgentError::ResponseSizeExceededLimit());
            }
            bytes.extend_from_slice(&part);
        }
        let mut whole = http::Response::new(Bytes::from(bytes));
        *whole.status_mut() = answer.status();
        std::mem::swap(whole.headers_mut(), answer.headers_mut());
        if answer.status().is_client_error() || answer.status().is_server_error() {
            let told = told_in_content_type(whole.headers());
            whole.headers_mut().insert(CONTENT_TYPE, told);
        }
        Ok(whole)
    }

    /// How long nothing may be seen to move, where so many bytes may move unseen.
    fn patience(&self, unseen: u64) -> Duration {
        let rate = (self.rate.load(Ordering::Relaxed) / UNSEEN_SLOWER_MAX).max(UNSEEN_RATE_MIN);
        self.stall + Duration::from_millis(unseen.min(UNSEEN_BYTES_MAX) * 1_000 / rate)
    }

    pub(crate) fn stalled(&self) -> AgentError {
        let text = format!("{STALLED} {} s", self.stall.as_secs());
        AgentError::TransportError(TransportError::Generic(text))
    }
}

impl HttpService for Line {
    fn call<'a, 'async_trait>(
        &'a self,
        req: &'a (dyn Fn() -> Result<http::Request<Bytes>, AgentError> + Send + Sync),
        _: usize,
        size_limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, AgentError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.exchange(req()?, size_limit.unwrap_or(usize::MAX)).await })
    }
}

/// When a byte was last seen to move, and how many went out.
#[derive(Debug)]
struct Moves(Mutex<(Instant, u64)>);

impl Moves {
    fn new() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }

    fn state(&self) -> (Instant, u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn went(&self, bytes: usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (Instant::now(), state.1 + bytes as u64);
    }

    /// What comes shows that all that went out has arrived.
    fn came(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), 0);
    }

    /// Ends when nothing has moved for as long as `patience` says.
    async fn ended(&self, patience: impl Fn(u64) -> Duration) {
        loop {
            let (last, unseen) = self.state();
            let end = last + patience(unseen);
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// A body in pieces.
#[derive(Debug)]
struct Pieces {
    rest: Bytes,
    moves: Arc<Moves>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let len = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(len);
        self.moves.went(len);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// A body that is read as it goes out.
#[derive(Debug)]
struct Watched {
    body: PartBody,
    moves: Arc<Moves>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.moves.went(frame.data_ref().map_or(0, Bytes::len));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const STALL_IN_TESTS: Duration = Duration::from_millis(300);

    /// A host that does with its one connection what it is told, and the answer that comes.
    async fn exchange<F: Future<Output = ()>>(
        len: usize,
        host: impl FnOnce(TcpStream) -> F,
    ) -> Result<http::Response<Bytes>, AgentError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let line = Line { stall: STALL_IN_TESTS, ..Line::new(http) };
        // What moves unseen gets no time in these tests.
        line.rate.store(u64::MAX, Ordering::Relaxed);
        let request = http::Request::post(url).body(Bytes::from(vec![7; len])).unwrap();
        let host = async { host(listener.accept().await.unwrap().0).await };
        tokio::select! {
            answer = line.exchange(request, usize::MAX) => answer,
            () = async { host.await; std::future::pending().await } => unreachable!("it never ends"),
        }
    }

    async fn read_all(stream: &mut TcpStream, len: usize) {
        let (mut text, mut buffer) = (Vec::new(), vec![0; 65_536]);
        let body_from = |text: &[u8]| text.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
        while body_from(&text).is_none_or(|at| text.len() < at + len) {
            let count = stream.read(&mut buffer).await.unwrap();
            text.extend_from_slice(&buffer[..count]);
        }
        let head = String::from_utf8_lossy(&text[..body_from(&text).unwrap()]).to_ascii_lowercase();
        assert!(head.contains(&format!("content-length: {len}\r\n")) && !head.contains("chunked"), "{head}");
    }

    #[tokio::test]
    async fn a_host_that_never_answers_is_left() {
        let error = exchange(1_000, |mut stream| async move {
            read_all(&mut stream, 1_000).await;
            std::future::pending::<()>().await;
        });
        let error = error.await.unwrap_err().to_string();
        assert!(error.contains("no byte moved"), "{error}");
    }

    #[tokio::test]
    async fn a_host_that_takes_no_more_is_left() {
        let error = exchange(50_000_000, |stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        });
        let error = error.await.unwrap_err().to_string();
        assert!(error.contains("no byte moved"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_that_stops_in_the_middle_is_left() {
        let error = exchange(10, |mut stream| async move {
            read_all(&mut stream, 10).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
            std::future::pending::<()>().await;
        });
        let error = error.await.unwrap_err().to_string();
        assert!(error.contains("no byte moved"), "{error}");
    }

    #[tokio::test]
    async fn a_slow_exchange_may_take_longer_than_a_stall() {
        let began = Instant::now();
        let answer = exchange(10, |mut stream| async move {
            read_all(&mut stream, 10).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n").await.unwrap();
            for _ in 0..8 {
                tokio::time::sleep(STALL_IN_TESTS / 4).await;
                stream.write_all(b"x").await.unwrap();
            }
        });
        assert_eq!(answer.await.unwrap().body().as_ref(), b"xxxxxxxx");
        assert!(began.elapsed() > STALL_IN_TESTS);
    }

    #[tokio::test]
    async fn a_redirect_gets_the_whole_body() {
        let answer = exchange(100_000, |mut stream| async move {
            read_all(&mut stream, 100_000).await;
            let there = "HTTP/1.1 308 Permanent Redirect\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(there.as_bytes()).await.unwrap();
            for reply in [there, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"] {
                read_all(&mut stream, 100_000).await;
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        assert_eq!(answer.await.unwrap().body().as_ref(), b"ok");
    }

    #[test]
    fn what_moves_unseen_gets_the_time_of_a_slow_line_until_a_faster_one_is_known() {
        let line = Line::new(reqwest::Client::new());
        assert_eq!(line.patience(0), Duration::from_secs(20));
        assert_eq!(line.patience(1_800_000), Duration::from_secs(84));
        line.rate.store(8 << 20, Ordering::Relaxed);
        assert_eq!(line.patience(1_800_000), Duration::from_millis(20_500));
    }
}
