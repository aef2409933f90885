//! One log line per request: method, path, status, bytes and time. Never the query string, which holds tokens; nor what
//! stands in a path and is as long as one, or names a link.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use keepsake_service::http::preview;

/// Runs the request and logs it when its answer has been sent or given up.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), speakable(request.uri().path()));
    let response = next.run(request).await;
    let status = response.status();
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = length.and_then(|text| text.parse().ok());
    let line = Line { method: method.to_string(), path, status, begun, bytes: 0, ended: false };
    response.map(|inner| {
        // The server drops a body when its announced length is out, and asks it for no end.
        let expected = inner.size_hint().exact().or(announced);
        let ended = inner.is_end_stream();
        Body::new(Logged { inner, expected, line: Line { ended, ..line } })
    })
}

/// Tokens and upload tickets have more characters than this. No path that a node knows has such a long part.
const PART_CHARS_MAX: usize = 100;

/// The path without parts that may open something: whoever puts them there by mistake finds them in no log.
fn speakable(path: &str) -> String {
    if path.starts_with(preview::PATH) {
        // Whoever has a link's public name sees what its address tells.
        return format!("{}…", preview::PATH);
    }
    let parts = path.split('/').map(|part| if part.len() > PART_CHARS_MAX { "…" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

struct Line {
    method: String,
    path: String,
    status: StatusCode,
    begun: Instant,
    bytes: u64,
    ended: bool,
}

struct Logged {
    inner: Body,
    /// All its bytes, where that is known.
    expected: Option<u64>,
    line: Line,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(error)) => tracing::warn!(path = %self.line.path, %error, "answer broke off"),
            None => {}
        }
        let is_all = self.expected == Some(self.line.bytes);
        self.line.ended |= frame.is_none() || is_all || self.inner.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let Line { method, path, status, begun, bytes, ended } = &self.line;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%method, %path, status = status.as_u16(), bytes, ms, complete = ended, "request");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_open_something_is_not_logged() {
        assert_eq!(speakable("/asset/mem_1/original"), "/asset/mem_1/original");
        assert_eq!(speakable("/upload/7"), "/upload/7");
        assert_eq!(speakable("/l/3SMMq7BqGsIfCvmCfxDrGw/picture"), "/l/…");
        let ticket = "A".repeat(106);
        assert_eq!(speakable(&format!("/upload/7/{ticket}")), "/upload/7/…");
        assert_eq!(speakable(&format!("/upload/{ticket}/7")), "/upload/…/7");
        assert_eq!(speakable(&format!("/{ticket}%20")), "/…");
    }
}
