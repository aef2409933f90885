//! Real S3 servers for tests: `SeaweedFS`, which is strict, and rclone, which keeps a claimed checksum unseen. Each has keys, ports
//! and data of its own, is killed when it is dropped or when this process ends, however it ends.
//!
//! Owns finding the programs and starting them. `cargo xtask test` fetches them; where one is not there, tests say so and pass.

mod guard;
mod program;

pub use program::{KEEPSAKE_RCLONE, KEEPSAKE_SEAWEEDFS, program};

use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use guard::Guard;
use keepsake_s3::{Bucket, Credentials, Options};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// On a busy machine too.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Somebody else may take a port between its choice and its use.
const STARTS_MAX: u32 = 3;
/// What all buckets are said to be in.
pub const REGION: &str = "us-east-1";

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Made for this run.
    pub access_key: String,
    /// Made for this run.
    pub secret_key: String,
    data: PathBuf,
    guard: Guard,
}

/// The one `SeaweedFS` of this process: it takes some seconds to start and 110 MiB. Tests use buckets or prefixes of their own.
/// None where the program is not there: then one line says so.
///
/// # Panics
/// When it does not start.
pub fn seaweedfs() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start =
        || program(KEEPSAKE_SEAWEEDFS).map(|program| Server::seaweedfs(&program).expect("SeaweedFS starts"));
    let server = SERVER.get_or_init(start).as_ref();
    if server.is_none() {
        skipped("SeaweedFS", KEEPSAKE_SEAWEEDFS);
    }
    server
}

/// The one rclone of this process, likewise.
///
/// # Panics
/// When it does not start.
pub fn rclone() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || program(KEEPSAKE_RCLONE).map(|program| Server::rclone(&program).expect("rclone starts"));
    let server = SERVER.get_or_init(start).as_ref();
    if server.is_none() {
        skipped("rclone", KEEPSAKE_RCLONE);
    }
    server
}

fn skipped(what: &str, variable: &str) {
    println!("skipped: {what} is not here; `cargo xtask test` fetches it, or {variable} names the program");
}

impl Server {
    /// Starts `SeaweedFS`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn seaweedfs(program: &Path) -> Result<Self> {
        Self::start(8, |data, keys, ports| {
            let identities = data.join("identities.json");
            std::fs::write(&identities, identities_of(keys)).context("cannot write the identities")?;
            let mut arguments = vec![program.display().to_string(), "server".to_owned()];
            let names = [
                "s3.port",
                "master.port",
                "master.port.grpc",
                "volume.port",
                "volume.port.grpc",
                "filer.port",
                "filer.port.grpc",
                "s3.port.grpc",
            ];
            arguments.extend(names.iter().zip(ports).map(|(name, port)| format!("-{name}={port}")));
            arguments.push(format!("-dir={}", data.display()));
            arguments.push(format!("-s3.config={}", identities.display()));
            // It tells nobody outside that it runs, and listens for nobody else.
            let more = "-master.telemetry=false -ip=127.0.0.1 -ip.bind=127.0.0.1 -filer -s3 -s3.port.iceberg=0 \
                        -s3.port.lance=0 -s3.iam=false -s3.autoCreateBucket=false -volume.max=1000 \
                        -master.volumeSizeLimitMB=64";
            arguments.extend(more.split_whitespace().map(str::to_owned));
            Ok(arguments)
        })
    }

    /// Starts rclone's S3 server. Its buckets are folders.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn rclone(program: &Path) -> Result<Self> {
        Self::start(1, |data, keys, ports| {
            let program = program.display().to_string();
            let folder = data.join("buckets");
            std::fs::create_dir(&folder).context("cannot make a folder")?;
            let address = format!("127.0.0.1:{}", ports[0]);
            let keys = format!("{},{}", keys[0], keys[1]);
            let words = [
                "--config",
                "",
                "serve",
                "s3",
                "--addr",
                &address,
                "--auth-key",
                &keys,
                "--vfs-cache-mode",
                "off",
            ];
            let folder = folder.display().to_string();
            let words = words.into_iter().map(str::to_owned);
            Ok(std::iter::once(program).chain(words).chain([folder]).collect())
        })
    }

    fn start(
        ports: usize,
        arguments: impl Fn(&Path, &[String; 2], &[u16]) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let mut last = None;
        for _ in 0..STARTS_MAX {
            let keys = [random(10)?, random(20)?];
            let data = tempfile::Builder::new().prefix("keepsake-s3-").tempdir()?.keep();
            let ports = free_ports(ports)?;
            let guard = Guard::start(&arguments(&data, &keys, &ports)?, &data, &ports)?;
            let [access_key, secret_key] = keys;
            let address = (Ipv4Addr::LOCALHOST, ports[0]).into();
            let server = Self { address, access_key, secret_key, data, guard };
            match server.wait() {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("it was never tried")?)
    }

    /// Until an object can be written: it answers before its volumes are there.
    fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        let bucket = Bucket::open(&self.options("ready"), self.credentials())?;
        loop {
            let why = match block_on(probe(bucket.clone())) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            if self.guard.has_ended() || begun.elapsed() > STARTS_WITHIN {
                bail!("the server does not answer ({why}):\n{}", self.guard.log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `kill -9`, and a start over the same data at the same address.
    ///
    /// # Errors
    /// When it does not answer again.
    pub fn restart(&self) -> Result<()> {
        self.guard.restart()?;
        // The old one must not be taken for the new one.
        std::thread::sleep(Duration::from_millis(500));
        self.wait()
    }

    /// How a bucket of it is reached; the bucket may have to be [made](Self::bucket) first.
    pub fn options(&self, bucket: &str) -> Options {
        Options {
            endpoint: self.endpoint(),
            public: None,
            bucket: bucket.to_owned(),
            region: REGION.to_owned(),
            prefix: String::new(),
            path_style: true,
        }
    }

    /// Its address.
    pub fn endpoint(&self) -> url::Url {
        format!("http://{}", self.address).parse().expect("an address is a URL")
    }

    /// Its keys.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(&self.access_key, &self.secret_key)
    }

    /// Keys that may read and list, and nothing else; `SeaweedFS` alone has them.
    pub fn reader(&self) -> Credentials {
        Credentials::new(reader_of(&self.access_key), &self.secret_key)
    }

    /// A new bucket of this name; fine where it is there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn bucket(&self, name: &str) -> Result<Options> {
        let options = self.options(name);
        let bucket = Bucket::open(&options, self.credentials())?;
        block_on(async move { bucket.create().await })?;
        Ok(options)
    }

    /// Where it keeps what it has.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

/// Runs it on a thread of its own, so that tests may call this from within a runtime.
fn block_on<T: Send>(
    work: impl Future<Output = std::result::Result<T, keepsake_s3::Error>> + Send,
) -> Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(work)?)
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("the thread does not panic"))
}

async fn probe(bucket: Bucket) -> std::result::Result<(), keepsake_s3::Error> {
    let once = keepsake_s3::Retry { tries: 1, ..keepsake_s3::Retry::default() };
    let bucket = bucket.with_retry(once).with_abilities(keepsake_s3::Abilities::NONE);
    bucket.create().await?;
    let key = keepsake_s3::Key::new("ready")?;
    bucket.delete(&key, None).await?;
    let upload = bucket.create_multipart(&key, "text/plain").await?;
    bucket.abort(&key, &upload).await
}

fn identities_of([access_key, secret_key]: &[String; 2]) -> String {
    serde_json::json!({ "identities": [{
        "name": "keepsake",
        "credentials": [{ "accessKey": access_key, "secretKey": secret_key }],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }, {
        "name": "reader",
        "credentials": [{ "accessKey": reader_of(access_key), "secretKey": secret_key }],
        "actions": ["Read", "List"],
    }] })
    .to_string()
}

fn reader_of(access_key: &str) -> String {
    format!("reader{access_key}")
}

fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).context("no random bytes")?;
    Ok(HEXLOWER.encode(&random))
}

/// All are held until each is known, so that they differ.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<std::io::Result<_>>()?;
    Ok(listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?)
}
