//! A node as a child process that can be killed at any moment, clients for it, and `keepsake fsck`. Asserts only that
//! the program starts and that a store is sound.

use keepsake_client::agent::BasicIdentity;
use keepsake_client::{AgentOptions, AgentTransport, Client, RetryPolicy, RootKey};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

pub(crate) type Service = Client<AgentTransport>;

/// A running `keepsake serve`. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    address: String,
    data: PathBuf,
    options: Vec<String>,
}

impl Node {
    /// Starts on a free port, over `data`.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, Vec::new())
    }

    /// With more options.
    pub(crate) fn start_with(data: &Path, options: Vec<String>) -> Self {
        Self::start_at(data, "127.0.0.1:0", options)
    }

    fn start_at(data: &Path, address: &str, options: Vec<String>) -> Self {
        let mut child = serve(data, address, &options, Stdio::piped());
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the node's output can be read");
        let told: Option<Value> = serde_json::from_str(&line).ok();
        let Some(url) = told.as_ref().and_then(|told| told["url"].as_str()) else {
            panic!("the node does not start: it ended with {:?}", child.wait())
        };
        let address = url.strip_prefix("http://").expect("the address is http").to_owned();
        Self { child, address, data: data.to_owned(), options }
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the node runs");
        self.child.wait().expect("the node ends");
    }

    /// Starts again at the same address, over the same data. It must have been killed.
    pub(crate) fn restart(&mut self) {
        let options = std::mem::take(&mut self.options);
        *self = Self::start_at(&self.data.clone(), &self.address.clone(), options);
    }

    /// Begins to start again and is killed after `pause`, somewhere in the recovery.
    pub(crate) fn start_in_vain(&mut self, pause: std::time::Duration) {
        let mut child = serve(&self.data, &self.address, &self.options, Stdio::null());
        std::thread::sleep(pause);
        child.kill().expect("it was not waited for yet");
        child.wait().expect("it ends");
    }

    /// Asks it to stop, as Ctrl-C does, and waits for the clean end.
    pub(crate) fn stop(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("there is a program `kill`");
        assert!(asked.success());
        let ended = self.child.wait().expect("the node ends");
        assert!(ended.success(), "the node ended with {ended}");
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(data: &Path, address: &str, options: &[String], stdout: Stdio) -> Child {
    Command::new(program())
        .args(["serve", "--json", "--quiet", "--listen", address, "--data"])
        .arg(data)
        .args(options)
        .stdin(Stdio::null())
        .stdout(stdout)
        .spawn()
        .expect("the program starts")
}

/// The program under test: the one that `KEEPSAKE_BIN` names, for a soak that must outlast a new build of it.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("KEEPSAKE_BIN")
        .map_or_else(|| assert_cmd::cargo::cargo_bin!("keepsake").to_owned(), PathBuf::from)
}

/// A client that signs with `key`, over connections of its own.
pub(crate) fn client(url: &str, key: [u8; 32], retry: RetryPolicy) -> Service {
    let transport = AgentTransport::new(AgentOptions {
        node_url: url.to_owned(),
        canister_id: keepsake_node::serve::DEFAULT_CANISTER_ID.parse().expect("the default is an id"),
        identity: Arc::new(BasicIdentity::from_raw_key(&key)),
        root_key: RootKey::Auto,
    });
    Client::new(transport.expect("the address can be used")).with_retry(retry)
}

/// What `keepsake fsck --bytes` finds in `dir`, which must be sound.
pub(crate) fn sound(dir: &Path) -> Value {
    let output = Command::new(program()).args(["fsck", "--bytes", "--json"]).arg(dir).output();
    let output = output.expect("the program starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "the store is broken: {told}{why}");
    serde_json::from_str(&told).expect("fsck prints JSON")
}

/// [`sound`] of a copy as a kill left it, so that the node itself recovers from the same state.
pub(crate) fn sound_as_killed(dir: &Path, copy: &Path) -> Value {
    std::fs::create_dir_all(copy).expect("the disk has room");
    for entry in std::fs::read_dir(dir).expect("the directory is there") {
        let entry = entry.expect("the directory can be read");
        std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("the disk has room");
    }
    let found = sound(copy);
    std::fs::remove_dir_all(copy).expect("the copy can be removed");
    found
}
