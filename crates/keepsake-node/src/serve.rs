//! A node from start to end: data directory, keys, engine, HTTP, graceful stop.
//!
//! Owns the options of an operator and the order of starting and stopping. Owns no protocol and no rule.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use candid::Principal;
use tokio::net::TcpListener;

use crate::admission::Admission;
use crate::data_dir::{DataDir, DataDirError};
use crate::engine::own::Own;
use crate::engine::{Engine, EngineError, EngineOptions};
use crate::http;
pub use crate::http::origins::OriginError;
use crate::http::origins::Origins;
use crate::http::places::Places;
use crate::ic::keys::{KeyError, NodeKey, RootKey};
use crate::ic::{CertifiedFacts, CertifyError, IcInterface};
use crate::lane::{self, Lane};
use crate::tls::{Tls, TlsError, TlsFiles};
use crate::web_app::WebApp;

pub use crate::http::places::PlaceLimits;
pub use crate::lane::S3Settings;
pub use keepsake_service::{Admission as AdmissionSetting, Settings};

/// The canister id of a node that is given none: the first one a local IC network hands out.
pub const DEFAULT_CANISTER_ID: &str = "uxrrr-q7777-77774-qaaaq-cai";

/// Where a node listens when it is told nothing.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:4943";

const CANISTER_ID_FILE: &str = "canister_id";

/// Open files for all places, those of the store, and some to spare.
const OPEN_FILES_WANTED: u64 = 4096;

/// What an operator decides about a node.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Data directory, made on the first start.
    pub data: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The canister id to answer as; fixed at the first start.
    pub canister_id: Principal,
    /// What changes of what the store was told before, or of the defaults where it is new.
    pub settings: Settings,
    /// The page at `/` with its files.
    pub web_app: WebApp,
    /// Names that the node answers to, without scheme and port. On loopback they add to the names of loopback; beyond it,
    /// none means any.
    pub hosts: Vec<String>,
    /// Origins whose pages may use the node beside its own, such as `https://photos.example`; `*` is all.
    pub cors_origins: Vec<String>,
    /// The node's own certificate; none where it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Bounds on connections.
    pub places: PlaceLimits,
    /// A bucket for originals; none where all bytes stay here.
    pub s3: Option<S3Settings>,
}

impl ServeOptions {
    /// The defaults, over the data directory `data`.
    #[expect(clippy::missing_panics_doc, reason = "constants that parse")]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            listen: DEFAULT_LISTEN.parse().expect("the default address parses"),
            canister_id: Principal::from_text(DEFAULT_CANISTER_ID).expect("the default canister id parses"),
            settings: Settings::default(),
            web_app: WebApp::default(),
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            tls: None,
            places: PlaceLimits::default(),
            s3: None,
        }
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The keys in it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store in it.
    #[error("cannot open the store: {0}")]
    Engine(#[from] EngineError),
    /// The signing thread.
    #[error(transparent)]
    Certify(#[from] CertifyError),
    /// The directory belongs to another canister id.
    #[error(
        "the data directory {} was made for canister {stored}, not {asked}: leave the canister id out, or choose \
         another directory", dir.display()
    )]
    OtherCanisterId {
        /// The data directory.
        dir: PathBuf,
        /// In the directory.
        stored: String,
        /// In the options.
        asked: Principal,
    },
    /// The canister id's file cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    CanisterId {
        /// The file.
        path: PathBuf,
        /// From the file system.
        source: io::Error,
    },
    /// A name or an origin in the options.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Its certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The bucket cannot be used as it is.
    #[error("the bucket {bucket} cannot be used: {why}")]
    Bucket {
        /// Its name.
        bucket: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose another one (--listen), or stop what listens there")]
    Listen {
        /// Asked for.
        address: SocketAddr,
        /// From the network.
        source: io::Error,
    },
}

/// A node that is ready: everything is open and the address is bound.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    root_key_der: Vec<u8>,
    ic: IcInterface,
    engine: Engine,
    web_app: WebApp,
    origins: Origins,
    tls: Option<Tls>,
    load: LoadMeter,
    lane: Option<Lane>,
}

/// What callers hold of a node now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Open connections.
    pub connections: usize,
    /// Memory that small bodies take, bytes.
    pub small_body_bytes: u64,
    /// Memory that larger bodies take, bytes.
    pub chunk_body_bytes: u64,
    /// Memory that answers take which nobody has taken yet, bytes; without what is read ahead.
    pub answer_bytes: u64,
}

/// Tells the [`Load`] of a node that runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LoadMeter {
    room: Arc<Admission>,
    places: Arc<Places>,
}

impl LoadMeter {
    /// The load now.
    pub fn load(&self) -> Load {
        let (small_body_bytes, chunk_body_bytes) = self.room.held();
        let (connections, answer_bytes) = (self.places.taken(), self.places.untaken());
        Load { connections, small_body_bytes, chunk_body_bytes, answer_bytes }
    }
}

impl Server {
    /// Binds the address, opens the data directory and makes what is missing.
    ///
    /// # Errors
    /// [`ServeError`], whose text tells the operator what to do.
    pub async fn bind(options: ServeOptions) -> Result<Self, ServeError> {
        Self::bind_with(options, |_| ()).await
    }

    /// As [`Self::bind`], with the engine's options changed by `change`: a clock that is moved by hand, quotas.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub async fn bind_with(
        options: ServeOptions,
        change: impl FnOnce(&mut EngineOptions),
    ) -> Result<Self, ServeError> {
        let listen_error = |source| ServeError::Listen { address: options.listen, source };
        // First: an address that is taken leaves no directory behind.
        let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
        let local_addr = listener.local_addr().map_err(listen_error)?;
        let origins = Origins::new(local_addr, &options.hosts, &options.cors_origins)?;
        let tls = options.tls.map(Tls::read).transpose()?;
        let dir = DataDir::open(&options.data)?;
        fix_canister_id(&dir, options.canister_id)?;
        let (root_key, node_key) = (RootKey::load_or_make(&dir)?, NodeKey::load_or_make(&dir)?);
        let mut engine_options = EngineOptions::new(options.canister_id);
        engine_options.settings = options.settings;
        // A proxy in front listens for others, and has the node told its name.
        engine_options.invited_by_default = !local_addr.ip().is_loopback() || !options.hosts.is_empty();
        let bucket = match &options.s3 {
            Some(s3) => Some(lane::opened(s3).await?),
            None => None,
        };
        engine_options.s3_from_len = options.s3.as_ref().map(|s3| s3.from_len);
        engine_options.gives_back_free_runs = options.s3.as_ref().is_some_and(|s3| s3.tier_after.is_some());
        engine_options.read_ahead_max = options.places.read_ahead_max();
        change(&mut engine_options);
        let clock = engine_options.clock.clone();
        let engine = Engine::open(dir, engine_options)?;
        let facts = CertifiedFacts {
            canister_id: options.canister_id,
            controllers: engine.controllers()?,
            metadata: vec![("candid:service".into(), keepsake_api::DID.as_bytes().to_vec())],
        };
        raise_the_limit_of_open_files();
        let load = LoadMeter { room: Arc::default(), places: Arc::new(Places::new(options.places)) };
        let root_key_der = root_key.public_der().to_vec();
        let ic = IcInterface::new(engine.clone(), root_key, node_key, &facts, clock)?;
        let web_app = options.web_app;
        let lane = bucket.zip(options.s3.as_ref());
        let lane = lane.map(|(known, settings)| Lane::new(Own::new(engine.clone()), known, settings));
        Ok(Self { listener, local_addr, root_key_der, ic, engine, web_app, origins, tls, load, lane })
    }

    /// The bound address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The canister id that it answers as.
    pub fn canister_id(&self) -> Principal {
        self.ic.canister_id()
    }

    /// The public root key in DER, as `/api/v2/status` tells it.
    pub fn root_key_der(&self) -> &[u8] {
        &self.root_key_der
    }

    /// The certificate, where it has one: its files may be read anew at once.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Tells what callers hold, while it runs too.
    pub fn load_meter(&self) -> LoadMeter {
        self.load.clone()
    }

    /// Serves until `shutdown` completes, finishes the requests under way, and returns when all is on disk.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, local_addr, ic, engine, web_app, origins, tls, load, lane, .. } = self;
        if let Some(lane) = &lane {
            lane.start();
        }
        if tls.is_none() && !local_addr.ip().is_loopback() {
            tracing::warn!(
                %local_addr,
                "listening beyond this machine without TLS: give it a certificate (--tls-cert, --tls-key), put a proxy with TLS in \
                 front, or use --listen 127.0.0.1:…"
            );
        }
        tracing::info!(%local_addr, canister_id = %ic.canister_id(), "serving");
        let router =
            http::router(ic, engine.clone(), web_app, origins, load.room, tls.is_some(), lane.clone());
        http::connection::serve(listener, router, tls, load.places, shutdown).await;
        if let Some(lane) = lane {
            lane.stop().await;
        }
        engine.shutdown().await;
        tracing::info!("stopped");
    }
}

/// [`Server::bind`] and [`Server::run`] in one.
///
/// # Errors
/// As [`Server::bind`].
pub async fn serve(options: ServeOptions, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::bind(options).await?.run(shutdown).await;
    Ok(())
}

/// A place needs an open file each, and shells commonly start programs with as many as there are places.
fn raise_the_limit_of_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= OPEN_FILES_WANTED) {
        return;
    }
    limit.current = Some(limit.maximum.map_or(OPEN_FILES_WANTED, |maximum| maximum.min(OPEN_FILES_WANTED)));
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Tokens and certificates name the canister id, so a directory keeps the one it began with.
pub(crate) fn fix_canister_id(dir: &DataDir, asked: Principal) -> Result<(), ServeError> {
    let path = dir.path().join(CANISTER_ID_FILE);
    let stored = dir
        .secret(CANISTER_ID_FILE, || format!("{asked}\n").into_bytes())
        .map_err(|source| ServeError::CanisterId { path: path.clone(), source })?;
    let stored = String::from_utf8_lossy(&stored).trim().to_owned();
    if stored == asked.to_text() {
        Ok(())
    } else {
        Err(ServeError::OtherCanisterId { dir: dir.path().to_path_buf(), stored, asked })
    }
}
