//! How a connection begins where the node has a certificate: with TLS, or as somebody who does not know that it is wanted.
//!
//! Owns the choice and the handshake. Owns no patience: to its place, a connection until then waits for a head.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::places::Place;
use super::stall::Observed;
use crate::tls::Tls;

/// A connection that has begun.
pub(super) enum Begun {
    Secure(Box<TlsStream<Observed<TcpStream>>>),
    /// It speaks HTTP, not TLS.
    Plain(Observed<TcpStream>),
}

/// Waits for the first byte, and for the handshake.
///
/// # Errors
/// When the peer goes, or no handshake comes about.
pub(super) async fn begin(tls: &Tls, stream: TcpStream, place: &Arc<Place>) -> io::Result<Begun> {
    let mut first = [0];
    let count = stream.peek(&mut first).await?;
    let stream = Observed::new(stream, Arc::clone(place));
    // A handshake begins with 22; a request with its method.
    if count == 1 && first[0].is_ascii_uppercase() {
        return Ok(Begun::Plain(stream));
    }
    let secure = tls.acceptor().accept(stream).await?;
    place.handshake_ends();
    Ok(Begun::Secure(Box::new(secure)))
}

/// Answers requests that came without TLS.
pub(super) fn told() -> Router {
    Router::new().fallback(|request: Request| async move {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host: String = host.unwrap_or("HOST:PORT").chars().take(200).collect();
        (
            StatusCode::BAD_REQUEST,
            [(header::CONNECTION, "close")],
            format!("This address speaks https: open https://{host}\n"),
        )
    })
}
