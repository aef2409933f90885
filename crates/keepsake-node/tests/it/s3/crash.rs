//! The node is killed at each step of a move into the bucket, by `kill -9`: nothing is lost, nothing is left over, and it goes on.
//! A proxy before the bucket knows the step; the node that is killed is this program again.

use super::tiering::{here, tiering, until_moved};
use super::{Scene, file};
use keepsake_node::fsck;
use keepsake_node::serve::{S3Settings, ServeOptions, Server};
use keepsake_s3::{Bucket, Credentials, Options};
use keepsake_s3_servers::{REGION, seaweedfs};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const LEN: usize = 3_000_000;
const MIB: usize = 1 << 20;
/// Steps of a move as the proxy sees them: PUT, its first and second MiB, the reply; HEAD, its reply; GET, its reply.
const STEPS: usize = 8;
/// After the last one the records are told: the node is killed so much later.
const LATER_MS: [u64; 4] = [5, 20, 60, 200];

/// Lets everything through until the step, and then nothing.
struct Proxy {
    endpoint: String,
    reached: Arc<Notify>,
}

struct Steps {
    /// Counted are requests about objects of this capsule.
    about: String,
    seen: AtomicUsize,
    until: usize,
    reached: Arc<Notify>,
}

impl Steps {
    /// One more step. It never returns from the last one.
    async fn step(&self) {
        if self.seen.fetch_add(1, Ordering::SeqCst) + 1 >= self.until {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl Proxy {
    async fn start(server: String, prefix: &str, until: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let reached = Arc::new(Notify::new());
        let about = format!("/{prefix}/1/");
        let steps =
            Arc::new(Steps { about, seen: AtomicUsize::new(0), until, reached: Arc::clone(&reached) });
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (steps, server) = (Arc::clone(&steps), server.clone());
                tokio::spawn(async move {
                    let far = TcpStream::connect(server).await.unwrap();
                    pass(near, far, &steps).await;
                });
            }
        });
        Self { endpoint, reached }
    }
}

async fn pass(near: TcpStream, far: TcpStream, steps: &Steps) {
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
    let is_about = std::sync::atomic::AtomicBool::new(false);
    let there = async {
        let (mut buffer, mut sent) = (vec![0; 64 << 10], 0);
        while let Ok(read @ 1..) = near_in.read(&mut buffer).await {
            let line = String::from_utf8_lossy(&buffer[..read.min(300)]).into_owned();
            if ["PUT /", "GET /", "HEAD /", "POST /", "DELETE /"].iter().any(|verb| line.starts_with(verb)) {
                let about = line.lines().next().is_some_and(|line| line.contains(&steps.about));
                is_about.store(about, Ordering::SeqCst);
                sent = 0;
                if about {
                    steps.step().await;
                }
            }
            if is_about.load(Ordering::SeqCst) && sent / MIB < (sent + read) / MIB {
                steps.step().await;
            }
            sent += read;
            if far_out.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = far_in.read(&mut buffer).await {
            if buffer.starts_with(b"HTTP/1.1 ") && is_about.swap(false, Ordering::SeqCst) {
                steps.step().await;
            }
            if near_out.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(there, back);
}

/// The node that is killed.
fn spawn_child(data: &Path, endpoint: &str, options: &Options) -> Child {
    let keys = seaweedfs().expect("it runs by now");
    let test = "s3::crash::the_node_that_is_killed";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("KEEPSAKE_CRASH_DATA", data)
        .env("KEEPSAKE_CRASH_ENDPOINT", endpoint)
        .env("KEEPSAKE_CRASH_BUCKET", &options.bucket)
        .env("KEEPSAKE_CRASH_PREFIX", &options.prefix)
        .env("KEEPSAKE_S3_ACCESS_KEY_ID", &keys.access_key)
        .env("KEEPSAKE_S3_SECRET_ACCESS_KEY", &keys.secret_key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// No test by itself: what [`spawn_child`] runs.
#[tokio::test(flavor = "multi_thread")]
async fn the_node_that_is_killed() {
    let Ok(data) = std::env::var("KEEPSAKE_CRASH_DATA") else { return };
    let told = |name: &str| std::env::var(format!("KEEPSAKE_CRASH_{name}")).unwrap();
    let settings = S3Settings {
        options: Options {
            endpoint: told("ENDPOINT").parse().unwrap(),
            public: None,
            bucket: told("BUCKET"),
            region: REGION.to_owned(),
            prefix: told("PREFIX"),
            path_style: true,
        },
        credentials: Credentials::from_environment().unwrap(),
        from_len: MIB as u64,
        tier_after: Some(Duration::from_millis(1)),
    };
    let mut options = ServeOptions::new(data);
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.s3 = Some(settings);
    Server::bind(options).await.unwrap().run(std::future::pending()).await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_at_any_step_of_a_move_loses_nothing() {
    let Some(mut scene) = Scene::new("tier-crash").await else { return };
    let bytes = file(LEN, 1);
    let published = here(&scene, &bytes, "one").await;
    let original = scene.settings.clone();
    let steps = (1..=STEPS).map(|step| (step, 0)).chain(LATER_MS.map(|later| (STEPS, later)));
    for (step, later_ms) in steps {
        let prefix = format!("step{step}-{later_ms}");
        let name = prefix.clone();
        let settings = S3Settings {
            options: Options { prefix: prefix.clone(), ..original.options.clone() },
            ..original.clone()
        };
        let endpoint = &original.options.endpoint;
        let server = format!("{}:{}", endpoint.host_str().unwrap(), endpoint.port().unwrap());
        let proxy = Proxy::start(server, &prefix, step + usize::from(later_ms > 0)).await;
        let kill = async |data: &Path| {
            let before = data.with_file_name("before");
            if !before.exists() {
                copy(data, &before);
            }
            std::fs::remove_dir_all(data).unwrap();
            copy(&before, data);
            let mut child = spawn_child(data, &proxy.endpoint, &settings.options);
            if later_ms == 0 {
                tokio::time::timeout(Duration::from_secs(60), proxy.reached.notified())
                    .await
                    .unwrap_or_else(|_| panic!("step {step} is not reached"));
            } else {
                wait_for_object(&settings, &name).await;
                tokio::time::sleep(Duration::from_millis(later_ms)).await;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let checked = fsck::check(data, true, |_| ()).unwrap();
            assert_eq!(checked.violations, Vec::<String>::new(), "killed at {name}");
        };
        scene.settings = settings.clone();
        scene = scene.restart_after(kill, tiering(Duration::from_millis(1))).await;
        until_moved(&scene, &published).await;
        let way = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
        let there = way.headers()["location"].to_str().unwrap().to_owned();
        assert!(scene.http.get(there).send().await.unwrap().bytes().await.unwrap() == bytes, "{prefix}");
        let bucket = Bucket::open(&settings.options, settings.credentials.clone()).unwrap();
        let compare = async |data: &Path| {
            let told =
                fsck::bucket::compare(data, &bucket, false, |finding| panic!("{finding}")).await.unwrap();
            assert_eq!((told.objects, told.needed, told.unfinished), (1, 1, 0), "killed at {prefix}");
        };
        scene = scene.restart_after(compare, |_| ()).await;
    }
}

/// Waits until the object is there.
async fn wait_for_object(settings: &S3Settings, name: &str) {
    let bucket = Bucket::open(&settings.options, settings.credentials.clone()).unwrap();
    for _ in 0..600 {
        let listed = bucket.list("1/", None).await.unwrap();
        if !listed.objects.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{name}: nothing is moved");
}
