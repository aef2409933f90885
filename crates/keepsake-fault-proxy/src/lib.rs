//! A proxy that does to connections what networks and proxies do: answers of its own, lost and cut replies, bounds on bodies,
//! slow lines, stalls and connections that go dead. Tests of clients put it before a real node.
//!
//! Owns the forwarding; what goes wrong is a [`Plan`], and the line itself is in [`mod@line`].

pub mod line;
mod plan;

pub use plan::{Answer, Counts, Dead, Plan, Stall};

use anyhow::{Result, bail};
use http_body_util::{BodyExt, Either};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use line::{Fate, Line};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpSocket};

/// Bytes that the operating system takes ahead of a slow line.
const RECEIVE_BYTES: u32 = 64 << 10;

/// A ticket that opens nothing.
const FORGED: &str = "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

type Reply = Response<Either<Incoming, Own>>;

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where clients connect.
    pub address: SocketAddr,
    /// What goes wrong.
    pub line: Line,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Listens at `address` and forwards to `upstream`.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub fn start(address: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let (address, line) = (listener.local_addr()?, Line::new());
        let task = tokio::spawn(serve(listener, line.clone(), upstream));
        Ok(Self { address, line, task })
    }

    /// The address of the proxy, as a client is given it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(listener: TcpListener, line: Line, upstream: SocketAddr) {
    let client: Client<HttpConnector, Incoming> = Client::builder(TokioExecutor::new()).build_http();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (connection, line, client) = (line.connect(stream), line.clone(), client.clone());
        let service = service_fn(move |request| {
            let (line, client) = (line.clone(), client.clone());
            async move { forward(&line, &client, upstream, request).await }
        });
        let serving =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service);
        // An error is a fault that was asked for, or the client's.
        tokio::spawn(async move { serving.await.ok() });
    }
}

async fn forward(
    line: &Line,
    client: &Client<HttpConnector, Incoming>,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Reply> {
    line.came(request.method(), request.uri().path());
    let fate = line.fate(request.method(), request.uri().path(), request.body().size_hint().exact());
    if let Some(ticket) = request.headers_mut().get_mut(AUTHORIZATION)
        && line.forges()
    {
        *ticket = HeaderValue::from_static(FORGED);
    }
    match fate {
        Fate::Answered(status, retry_after) => {
            // As proxies do: what is on its way is taken first, or the client sees no answer at all.
            if request.method() != Method::GET && status != 413 {
                request.into_body().collect().await.ok();
            }
            return own(status, retry_after);
        }
        Fate::RequestLost => bail!("the request is lost"),
        Fate::ReplyLost | Fate::ReplyCut | Fate::Passed => {}
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() =
        Uri::builder().scheme("http").authority(upstream.to_string()).path_and_query(path).build()?;
    let Ok(reply) = client.request(request).await else { return own(502, None) };
    match fate {
        Fate::ReplyLost => {
            reply.into_body().collect().await.ok();
            bail!("the reply is lost")
        }
        Fate::ReplyCut => {
            let (head, body) = reply.into_parts();
            let whole = body.collect().await?.to_bytes();
            if whole.len() < 2 {
                bail!("there is nothing to cut");
            }
            let mut cut = Response::from_parts(head, Either::Right(Own::new(whole.slice(..whole.len() / 2))));
            // Said to be longer than it is: the connection ends in its middle.
            cut.headers_mut().insert(CONTENT_LENGTH, whole.len().into());
            Ok(cut)
        }
        _ => Ok(reply.map(Either::Left)),
    }
}

/// A proxy's own page.
fn own(status: u16, retry_after: Option<u64>) -> Result<Reply> {
    let status = StatusCode::from_u16(status)?;
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>fault proxy</center>\r\n</body>\r\n</html>\r\n"
    );
    let mut reply = Response::builder().status(status).header(CONTENT_TYPE, "text/html");
    if let Some(seconds) = retry_after {
        reply = reply.header(RETRY_AFTER, seconds);
    }
    reply = reply.header(CONTENT_LENGTH, page.len());
    Ok(reply.body(Either::Right(Own::new(page)))?)
}

/// A body of the proxy's own, which does not say its length: the header does. It pauses before its end, so that what there is
/// goes out even where that is less than was said.
#[derive(Debug)]
struct Own {
    bytes: Option<Bytes>,
    paused: bool,
}

impl Own {
    fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: Some(bytes.into()), paused: false }
    }
}

impl Body for Own {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let bytes = self.bytes.take();
        if bytes.is_none() && !std::mem::replace(&mut self.paused, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
