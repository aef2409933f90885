//! Chunks by PUT: a transport that sends them so wherever it gets a ticket, and every other message as it is. With it the
//! node takes the exam's questions about chunks on the second road. Where no ticket is to be had, the envelope hears why not.

use super::node::{self, Node};
use keepsake_client::api::{Answer, Error, HttpRequest, HttpResponse};
use keepsake_client::{AgentTransport, Client, PutChunk, PutError, RetryPolicy, Transport, TransportError};
use keepsake_conformance::{Host, Who};
use serde_bytes::ByteBuf;
use std::time::Duration;

/// The node, asked by those who send chunks by PUT.
struct ByPut(Node);

async fn start() -> ByPut {
    ByPut(node::start().await)
}

/// Sends chunks by PUT.
pub(crate) struct PutTransport(AgentTransport);

impl Host for ByPut {
    type Transport = PutTransport;

    async fn client(&self, who: Who) -> Client<PutTransport> {
        Client::new(PutTransport(self.0.transport(who))).with_retry(RetryPolicy::never())
    }

    async fn direct_http(&self, request: &HttpRequest) -> Option<HttpResponse> {
        self.0.direct_http(request).await
    }

    async fn advance_clock(&self, by: Duration) -> bool {
        self.0.advance_clock(by).await
    }

    async fn restart(&self) -> bool {
        self.0.restart().await
    }
}

impl Transport for PutTransport {
    fn principal(&self) -> candid::Principal {
        self.0.principal()
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        match chunk_of(method, &arg) {
            Some((session_id, index, bytes)) => match self.ticket(session_id).await {
                Some(ticket) => put(&self.0, &ticket, session_id, index, bytes.into_vec()).await,
                None => self.0.update(method, arg).await,
            },
            None => self.0.update(method, arg).await,
        }
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.0.query(method, arg).await
    }
}

impl PutTransport {
    async fn ticket(&self, session_id: u64) -> Option<String> {
        let arg = candid::encode_args((session_id, 600_u32)).unwrap();
        let reply = self.0.query("mint_upload_ticket", arg).await.ok()?;
        candid::decode_one::<Answer<String>>(&reply).unwrap().ok()
    }
}

/// The chunk in a message that puts one.
pub(crate) fn chunk_of(method: &str, arg: &[u8]) -> Option<(u64, u32, ByteBuf)> {
    if method == "uploads_put_chunk" { candid::decode_args(arg).ok() } else { None }
}

/// Puts a chunk, and gives the answer that an envelope would have got.
pub(crate) async fn put(
    transport: &AgentTransport,
    ticket: &str,
    session_id: u64,
    index: u32,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, TransportError> {
    let chunk = PutChunk { path: "/upload/", ticket, session_id, index, bytes: bytes.into() };
    let answer: Result<(), Error> = match transport.put_chunk(chunk).await {
        Ok(()) => Ok(()),
        Err(PutError::Refused(error)) => Err(error),
        Err(PutError::Transport(error)) => return Err(error),
        Err(other) => panic!("session {session_id}, chunk {index}: {other}"),
    };
    Ok(candid::encode_one(answer).unwrap())
}

keepsake_conformance::exam!(chunks: start, restarts: true);
