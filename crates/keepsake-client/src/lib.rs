//! Rust SDK of Keepsake: a typed client for every method of the service, uploads by two parallel lanes
//! with resume and retry, and checked downloads. Generic over its [`Transport`].
//!
//! Owns what a client does; owns no rule of the service and no image codec.
//!
//! ```no_run
//! use keepsake_client::{AgentOptions, AgentTransport, Client, RootKey, Source, UploadOptions, upload_events};
//! use keepsake_client::agent::AnonymousIdentity;
//! use std::sync::Arc;
//!
//! # async fn run(identity: Arc<dyn keepsake_client::agent::Identity>) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(AgentTransport::new(AgentOptions {
//!     node_url: "http://127.0.0.1:4943".to_owned(),
//!     canister_id: "uxrrr-q7777-77774-qaaaq-cai".parse()?,
//!     identity, // such as BasicIdentity::from_pem_file("me.pem")
//!     root_key: RootKey::Auto,
//! })?);
//!
//! // Upload: both lanes, then one publish. Run it again after a crash: it sends only what is missing.
//! let (events, mut progress) = upload_events();
//! let options = UploadOptions { events: Some(events), ..UploadOptions::default() };
//! let upload = client.upload(Source::file("photo.jpg"), options);
//! let print = async { while let Some(event) = progress.next().await { println!("{event:?}") } };
//! let (uploaded, ()) = tokio::join!(upload, print);
//! let uploaded = uploaded?;
//!
//! // Read it back.
//! let memory = client.memories_read(&uploaded.memory_id).await?;
//! for asset in &memory.blob_internal_assets {
//!     println!("{} {} bytes", asset.asset_id, asset.blob_ref.len);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent again, and when
//! Only transient faults are tried again, see [`TransportError::transience`] and [`RetryPolicy`]. Every
//! message of an upload is idempotent, so that a lost reply is harmless. Messages that are not (a new
//! capsule, a delete) are sent again only when they surely did not run.

pub mod agent;
mod blobs;
pub mod bucket;
mod capsules;
pub mod client;
mod clock;
pub mod code;
pub mod download;
mod faults;
mod health;
mod http;
pub mod known_nodes;
mod line;
pub mod link;
pub mod memories;
mod objects;
mod operator;
mod originals;
mod people;
pub mod put_road;
pub mod recovery;
pub mod retry;
#[cfg(test)]
mod rules;
mod secret;
pub mod site;
pub mod transport;
pub mod turns;
pub mod upload;
mod uploads;
mod usage;
pub mod words;

pub use agent::{AgentOptions, AgentTransport, RootKey};
pub use bucket::BucketFault;
pub use client::{CallError, Client};
pub use code::{Code, CodeError};
pub use download::{BlobFacts, DownloadError};
pub use keepsake_api as api;
pub use known_nodes::{KnownNodes, KnownNodesError};
pub use link::{Link, LinkError};
pub use memories::BytesSource;
pub use put_road::{PutChunk, PutError};
pub use recovery::RecoveryWords;
pub use retry::RetryPolicy;
pub use tokio_util::sync::CancellationToken;
pub use transport::{Transience, Transport, TransportError};
pub use turns::{Claim, Turn, Turns};
pub use upload::{
    ChunkCounts, EventSender, EventStream, Hosting, Lane, Road, Source, UploadError, UploadEvent,
    UploadOptions, Uploaded, text_of, upload_events,
};
pub use words::WordsError;
