//! Puts load on a server for `cargo xtask bench node`, which starts both.
//!
//! Prints one `name value` per line. Owns the load: the same for every server.
//!
//! ```text
//! cargo run --release -p keepsake-client --example load -- get URL CONNECTIONS SECONDS
//! cargo run --release -p keepsake-client --example load -- query NODE_URL CANISTER_ID COUNT
//! cargo run --release -p keepsake-client --example load -- upload NODE_URL CANISTER_ID UPLOADS
//! ```
//! `upload` goes on until it is stopped.

use keepsake_client::agent::BasicIdentity;
use keepsake_client::{AgentOptions, AgentTransport, Client, RootKey};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Service = Client<AgentTransport>;

/// Chunks of one upload at once, as the `keepsake` program has them.
const CHUNKS_AT_ONCE: u32 = 8;
/// Chunks of one file.
const CHUNKS: u32 = 64;

// One thread: what is measured has the other processors.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["get", url, connections, seconds] => {
            get(url, connections.parse()?, Duration::from_secs(seconds.parse()?)).await
        }
        ["query", node_url, canister_id, count] => {
            query(&client(node_url, canister_id)?, count.parse()?).await
        }
        ["upload", node_url, canister_id, uploads] => upload(node_url, canister_id, uploads.parse()?).await,
        _ => Err("see the top of this file".into()),
    }
}

fn client(node_url: &str, canister_id: &str) -> Result<Service, Failure> {
    Ok(Client::new(AgentTransport::new(AgentOptions {
        node_url: node_url.to_owned(),
        canister_id: canister_id.parse()?,
        identity: Arc::new(BasicIdentity::from_raw_key(&rand::random())),
        root_key: RootKey::Auto,
    })?))
}

/// Gets one address again and again on connections that stay open.
async fn get(url: &str, connections: usize, during: Duration) -> Result<(), Failure> {
    let rest = url.strip_prefix("http://").ok_or("not an http:// address")?;
    let (authority, path) = rest.split_once('/').ok_or("the address has no path")?;
    let request: Arc<str> = format!("GET /{path} HTTP/1.1\r\nhost: {authority}\r\n\r\n").into();
    let ends = Instant::now() + during;
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(get_until(authority.to_owned(), Arc::clone(&request), ends)))
        .collect();
    let (mut requests, mut body_bytes) = (0, 0);
    for task in tasks {
        let (done, bytes) = task.await??;
        requests += done;
        body_bytes = bytes;
    }
    println!("requests {requests}");
    println!("body_bytes {body_bytes}");
    println!("per_second {}", u128::from(requests) * 1000 / during.as_millis().max(1));
    Ok(())
}

/// Requests that were answered, and the length of the last body.
async fn get_until(authority: String, request: Arc<str>, ends: Instant) -> Result<(u64, usize), Failure> {
    let mut stream = TcpStream::connect(&authority).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 128 << 10];
    let (mut requests, mut body_bytes) = (0, 0);
    while Instant::now() < ends {
        stream.write_all(request.as_bytes()).await?;
        let (mut filled, mut expected) = (0, usize::MAX);
        while filled < expected {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Err("the server hung up, or its answer is too long".into());
            }
            filled += read;
            if expected == usize::MAX
                && let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n")
            {
                body_bytes = content_length(&buffer[..head])?;
                expected = head + 4 + body_bytes;
            }
        }
        requests += 1;
    }
    Ok((requests, body_bytes))
}

fn content_length(head: &[u8]) -> Result<usize, Failure> {
    let head = std::str::from_utf8(head)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(head.lines().next().unwrap_or_default().into());
    }
    let lengths = head.lines().filter_map(|line| line.split_once(": "));
    let mut lengths = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(lengths.next().ok_or("the answer has no length")?.1.parse()?)
}

/// One small query after the other.
async fn query(client: &Service, count: usize) -> Result<(), Failure> {
    for _ in 0..10 {
        client.upload_config().await?;
    }
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        client.upload_config().await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("p50_us {}", times[count / 2].as_micros());
    println!("p99_us {}", times[count * 99 / 100].as_micros());
    Ok(())
}

/// Sends files and takes them back, for ever.
async fn upload(node_url: &str, canister_id: &str, uploads: usize) -> Result<(), Failure> {
    let tasks: Vec<_> = (0..uploads)
        .map(|_| client(node_url, canister_id).map(|client| tokio::spawn(upload_one(client))))
        .collect::<Result<_, _>>()?;
    println!("uploads {uploads}");
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn upload_one(client: Service) -> Result<(), Failure> {
    use futures_util::StreamExt;
    let capsule_id = client.own_capsule_id().await?;
    let chunk = vec![7; usize::try_from(client.limits().await?.chunk_size)?];
    for file in 0.. {
        let session = client.uploads_begin(&capsule_id, CHUNKS, &format!("load-{file}"), None).await?;
        let mut puts = futures_util::stream::iter(0..CHUNKS)
            .map(|index| client.uploads_put_chunk(session, index, &chunk))
            .buffer_unordered(CHUNKS_AT_ONCE as usize);
        while let Some(put) = puts.next().await {
            put?;
        }
        drop(puts);
        client.uploads_abort(session).await?;
    }
    Ok(())
}
