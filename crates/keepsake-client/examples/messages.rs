//! Measures single messages against a running node: `cargo xtask bench node` starts it.
//!
//! Prints one `name value` per line. Owns the measuring of begin, put and finish, and of small chunks with
//! many in flight; whole files are measured with the `keepsake` program.
//!
//! ```text
//! cargo run --release -p keepsake-client --example messages -- NODE_URL CANISTER_ID MIB
//! ```

use futures_util::StreamExt;
use keepsake_client::agent::BasicIdentity;
use keepsake_client::api::BeginOptions;
use keepsake_client::{AgentOptions, AgentTransport, Client, RootKey};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Service = Client<AgentTransport>;

const SMALL_CHUNK_BYTES: usize = 64 << 10;
const IN_FLIGHT: usize = 16;
const ROUNDS: u32 = 40;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [node_url, canister_id, mib] = arguments.as_slice() else {
        return Err("give NODE_URL, CANISTER_ID and MIB".into());
    };
    let client = Client::new(AgentTransport::new(AgentOptions {
        node_url: node_url.clone(),
        canister_id: canister_id.parse()?,
        identity: Arc::new(BasicIdentity::from_raw_key(&rand::random())),
        root_key: RootKey::Auto,
    })?);
    let capsule_id = client.own_capsule_id().await?;
    latencies(&client, &capsule_id).await?;
    small_chunks(&client, &capsule_id, mib.parse::<usize>()? << 20).await
}

/// One message at a time: each waits for its own commit.
async fn latencies(client: &Service, capsule_id: &str) -> Result<(), Failure> {
    let chunk_bytes = usize::try_from(client.limits().await?.chunk_size)?;
    let (mut begins, mut small_puts, mut puts, mut finishes) = (vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let (large, small) =
            (bytes(chunk_bytes, u64::from(round)), bytes(SMALL_CHUNK_BYTES, u64::from(round)));
        let sha256 = Sha256::new().chain_update(&large).chain_update(&small).finalize();
        let idem = format!("latency-{round}");
        let session = timed(&mut begins, client.uploads_begin(capsule_id, 2, &idem, None)).await?;
        timed(&mut puts, client.uploads_put_chunk(session, 0, &large)).await?;
        timed(&mut small_puts, client.uploads_put_chunk(session, 1, &small)).await?;
        let total_len = (large.len() + small.len()) as u64;
        timed(&mut finishes, client.uploads_finish(session, &sha256, total_len)).await?;
    }
    println!("begin_median_us {}", median(begins).as_micros());
    println!("put_large_median_us {}", median(puts).as_micros());
    println!("put_small_median_us {}", median(small_puts).as_micros());
    println!("finish_median_us {}", median(finishes).as_micros());
    Ok(())
}

async fn timed<T, E>(into: &mut Vec<Duration>, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let begun = Instant::now();
    let result = work.await;
    into.push(begun.elapsed());
    result
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Many small chunks at once.
async fn small_chunks(client: &Service, capsule_id: &str, len: usize) -> Result<(), Failure> {
    let file = bytes(len, u64::MAX);
    let sha256 = Sha256::digest(&file);
    let options = BeginOptions { total_len: Some(len as u64), ..BeginOptions::default() };
    let count = u32::try_from(len.div_ceil(SMALL_CHUNK_BYTES))?;
    let begun = Instant::now();
    let session = client.uploads_begin(capsule_id, count, "small-chunks", Some(options)).await?;
    let mut puts = futures_util::stream::iter((0..count).zip(file.chunks(SMALL_CHUNK_BYTES)))
        .map(|(index, chunk)| client.uploads_put_chunk(session, index, chunk))
        .buffer_unordered(IN_FLIGHT);
    while let Some(put) = puts.next().await {
        put?;
    }
    client.uploads_finish(session, &sha256, len as u64).await?;
    println!("small_chunks_us {}", begun.elapsed().as_micros());
    Ok(())
}

/// Bytes that no compression makes smaller, by a linear congruence.
fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
