//! Accepting and ending connections: each in a place of its own, through TLS where the node has a certificate, with a
//! graceful end.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::Service;

use super::handshake::{self, Begun};
use super::places::{Entry, Held, Place, Places, SWEEP_EVERY};
use super::stall::Observed;
use crate::tls::{self, Tls};

/// Pause after a failed accept, such as when file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// At the end, requests under way may take this long.
const DRAIN_WAIT: Duration = Duration::from_secs(15);

/// Bytes of one connection that are read before anybody asked for them; also the longest head.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// Bytes that the operating system keeps for a connection beyond what is on its way to the peer. Otherwise it takes some
/// megabytes, of which it tells nothing until a third is taken: a reader of 100 KiB a second looks like one that takes
/// nothing for ten seconds. Less than this costs throughput.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 << 10;

/// Serves `router` on `listener` until `shutdown` completes; then finishes what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    places: Arc<Places>,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    // Nobody waits at the end for handshakes, which are no requests.
    let (serving, still_serving) = watch::channel(());
    let connections = Connections { router, tls: tls.clone(), places: Arc::clone(&places) };
    let accepting = async {
        loop {
            let (stream, entry) = accept(&listener, &places).await;
            let place = Arc::clone(&entry.place);
            let run = connections.clone().run(stream, entry, graceful.watcher(), still_serving.clone());
            let task = tokio::spawn(async move {
                if let Err(error) = run.await {
                    tracing::debug!(%error, "connection ended");
                }
            });
            place.runs_in(task.abort_handle());
        }
    };
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            places.sweep();
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accepting => {}
        () = sweeping => {}
        () = renewing(tls) => {}
    }
    drop((listener, serving));
    if tokio::time::timeout(DRAIN_WAIT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

/// The next connection with its place.
async fn accept(listener: &TcpListener, places: &Arc<Places>) -> (TcpStream, Entry) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if let Some(entry) = places.enter(address.ip()).await {
                    return (stream, entry);
                }
                tracing::debug!(%address, "a peer has as many connections as it may");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes the certificate from its files when they change. Never ends.
async fn renewing(tls: Option<Tls>) {
    let Some(tls) = tls else { return std::future::pending().await };
    loop {
        tokio::time::sleep(tls::LOOK_EVERY).await;
        let tls = tls.clone();
        tokio::task::spawn_blocking(move || tls.renew()).await.ok();
    }
}

/// What all connections have in common.
#[derive(Clone)]
struct Connections {
    router: Router,
    tls: Option<Tls>,
    places: Arc<Places>,
}

impl Connections {
    /// One connection, from its first byte to its end.
    async fn run(
        self,
        stream: TcpStream,
        entry: Entry,
        watcher: Watcher,
        mut still_serving: watch::Receiver<()>,
    ) -> io::Result<()> {
        if let Err(error) = stream.set_nodelay(true).and_then(|()| keep_little_unsent(&stream)) {
            tracing::debug!(%error, "options of a connection");
        }
        let place = &entry.place;
        let served = match &self.tls {
            None => watcher.watch(self.http(Observed::new(stream, Arc::clone(place)), place)).await,
            Some(tls) => {
                let begun = tokio::select! {
                    begun = handshake::begin(tls, stream, place) => begun?,
                    _ = still_serving.changed() => return Ok(()),
                };
                match begun {
                    Begun::Secure(stream) => watcher.watch(self.http(stream, place)).await,
                    Begun::Plain(stream) => {
                        let told = Self { router: handshake::told(), ..self.clone() };
                        watcher.watch(told.http(stream, place)).await
                    }
                }
            }
        };
        served.map_err(io::Error::other)
    }

    fn http<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        place: &Arc<Place>,
    ) -> http1::Connection<TokioIo<S>, Requests> {
        let (router, places, place) = (self.router.clone(), Arc::clone(&self.places), Arc::clone(place));
        http1::Builder::new()
            .timer(TokioTimer::new())
            // The place has the patience with heads.
            .header_read_timeout(None)
            .max_buf_size(READ_AHEAD_BYTES)
            .serve_connection(TokioIo::new(stream), Requests { router, places, place })
    }
}

#[cfg(target_os = "linux")]
fn keep_little_unsent(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)
}

#[cfg(not(target_os = "linux"))]
fn keep_little_unsent(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// The requests of one connection.
struct Requests {
    router: Router,
    places: Arc<Places>,
    place: Arc<Place>,
}

impl hyper::service::Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.place.request_begins();
        request.extensions_mut().insert(self.place.remote());
        let (places, place) = (Arc::clone(&self.places), Arc::clone(&self.place));
        let answered = self.router.clone().call(request);
        Box::pin(async move { Ok(answered.await?.map(|inner| Answer::new(inner, places, place))) })
    }
}

/// A body that tells how much memory it takes, and when it is over.
struct Answer {
    inner: Body,
    places: Arc<Places>,
    place: Arc<Place>,
    /// Of a body that is in memory as a whole, until that is given to the connection.
    whole: Option<Held>,
}

/// A part of a body with what it takes.
struct Part {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer {
    fn new(inner: Body, places: Arc<Places>, place: Arc<Place>) -> Self {
        // The connection may not ask for it as long as the answer before it is not taken.
        let whole = inner.size_hint().exact().filter(|bytes| *bytes > 0);
        let whole = whole.map(|bytes| places.holds(&place, bytes));
        Self { inner, places, place, whole }
    }

    /// What `bytes` take is counted until the last of them is taken: until then all of them stay in memory.
    fn counted(&mut self, bytes: Bytes) -> Bytes {
        let len = bytes.len() as u64;
        let whole = self.whole.take().filter(|whole| whole.bytes == len);
        let held = whole.unwrap_or_else(|| self.places.holds(&self.place, len));
        Bytes::from_owner(Part { bytes, _held: held })
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        polled.map(|polled| Some(polled?.map(|frame| frame.map_data(|bytes| self.counted(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.request_ends();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_operating_system_takes_little_for_a_reader_that_takes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _deaf = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        keep_little_unsent(&stream).unwrap();
        stream.writable().await.unwrap();
        let (mut taken, block) = (0, vec![0; 64 << 10]);
        while let Ok(bytes) = stream.try_write(&block) {
            taken += bytes;
        }
        assert!(taken < 1 << 20, "{taken} bytes");
    }
}
