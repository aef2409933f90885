//! Uploads a file from its end to its begin, one chunk after the other, and publishes it for everybody: no order leaves a
//! file in more pieces. `cargo xtask bench node` reads it back beside one that came in order.
//!
//! Prints `memory_id ID` and `upload_us MICROSECONDS`.
//!
//! ```text
//! cargo run --release -p keepsake-client --example reversed -- NODE_URL CANISTER_ID FILE
//! ```

use keepsake_client::agent::BasicIdentity;
use keepsake_client::api::{
    AssetMetadata, AssetMetadataBase, AssetType, BeginOptions, MemoryMetadata, MemoryType,
    PlainAssetMetadata, PublishRequest, PublishSession, Role,
};
use keepsake_client::{AgentOptions, AgentTransport, Client, RootKey};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Instant;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Service = Client<AgentTransport>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [node_url, canister_id, file] = arguments.as_slice() else {
        return Err("give NODE_URL, CANISTER_ID and FILE".into());
    };
    let client = Client::new(AgentTransport::new(AgentOptions {
        node_url: node_url.clone(),
        canister_id: canister_id.parse()?,
        identity: Arc::new(BasicIdentity::from_raw_key(&rand::random())),
        root_key: RootKey::Auto,
    })?);
    let capsule_id = client.own_capsule_id().await?;
    client.capsules_grant(&capsule_id, candid::Principal::anonymous(), Role::Guest).await?;
    let begun = Instant::now();
    let mut file = File::open(file)?;
    let session = put_all(&client, &capsule_id, &mut file).await?;
    let memory_id = publish(&client, &capsule_id, session, &mut file).await?;
    println!("memory_id {memory_id}");
    println!("upload_us {}", begun.elapsed().as_micros());
    Ok(())
}

async fn put_all(client: &Service, capsule_id: &str, file: &mut File) -> Result<u64, Failure> {
    let (len, chunk_size) = (file.metadata()?.len(), client.limits().await?.chunk_size);
    let count = u32::try_from(len.div_ceil(chunk_size.into()))?;
    let options = BeginOptions { total_len: Some(len), ..BeginOptions::default() };
    let session = client.uploads_begin(capsule_id, count, "reversed", Some(options)).await?;
    let mut chunk = Vec::new();
    for index in (0..count).rev() {
        chunk.clear();
        file.seek(SeekFrom::Start(u64::from(index) * u64::from(chunk_size)))?;
        file.by_ref().take(chunk_size.into()).read_to_end(&mut chunk)?;
        client.uploads_put_chunk(session, index, &chunk).await?;
    }
    Ok(session)
}

async fn publish(
    client: &Service,
    capsule_id: &str,
    session_id: u64,
    file: &mut File,
) -> Result<String, Failure> {
    let request = PublishRequest {
        capsule_id: capsule_id.to_owned(),
        metadata: memory(),
        sessions: vec![PublishSession {
            session_id,
            sha256: ByteBuf::from(sha256(file)?),
            total_len: file.metadata()?.len(),
            metadata: AssetMetadata::Document(PlainAssetMetadata { base: asset() }),
        }],
        inline_assets: Vec::new(),
        carried_assets: None,
        if_present: None,
        idem: "reversed".to_owned(),
    };
    loop {
        match client.uploads_publish(&request).await {
            // The chunks that came early are hashed now, message by message.
            Err(error) if error.code() == Some("hash_pending") => {}
            published => return Ok(published?.memory_id),
        }
    }
}

fn sha256(file: &mut File) -> Result<Vec<u8>, Failure> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    file.rewind()?;
    loop {
        let len = file.read(&mut piece)?;
        if len == 0 {
            return Ok(hash.finalize().to_vec());
        }
        hash.update(&piece[..len]);
    }
}

fn memory() -> MemoryMetadata {
    MemoryMetadata {
        title: None,
        description: None,
        tags: Vec::new(),
        content_type: "application/octet-stream".to_owned(),
        memory_type: MemoryType::Document,
        date_of_memory: None,
        file_created_at: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

fn asset() -> AssetMetadataBase {
    AssetMetadataBase::new(AssetType::Original, "random.bin", "application/octet-stream")
}
