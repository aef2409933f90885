//! A node as a child process, users with their own keys, and files to upload. Asserts nothing.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A running `keepsake serve`. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
    /// Hexadecimal DER.
    pub(crate) root_key: String,
    data: PathBuf,
    options: Vec<String>,
}

impl Node {
    /// Starts on a free port.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// As [`Self::start`], with more options.
    pub(crate) fn start_with(data: &Path, options: &[&str]) -> Self {
        Self::start_at(data, "127.0.0.1:0", owned(options), None)
    }

    /// As [`Self::start_with`]; what it logs goes to a file.
    pub(crate) fn start_logging(data: &Path, options: &[&str], log: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0", owned(options), Some(log))
    }

    fn start_at(data: &Path, address: &str, options: Vec<String>, log: Option<&Path>) -> Self {
        let mut command = Command::new(program());
        if let Some(log) = log {
            let file = std::fs::File::create(log).expect("the file can be made");
            command.env("KEEPSAKE_LOG", "warn").stderr(file);
        }
        command.args(["serve", "--json", "--quiet", "--listen", address, "--data"]).arg(data).args(&options);
        Self::run(command, data, options)
    }

    /// By these options alone, which say where its data is.
    pub(crate) fn start_by(options: &[&str], data: &Path) -> Self {
        let mut command = Command::new(program());
        command.args(["serve", "--json", "--quiet"]).args(options);
        Self::run(command, data, owned(options))
    }

    fn run(mut command: Command, data: &Path, options: Vec<String>) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the node prints its address");
        let started: Value = serde_json::from_str(&line).expect("the node prints JSON");
        let told = |field: &str| started[field].as_str().expect("the field is there").to_owned();
        let (url, root_key) = (told("url"), told("root_key"));
        Self { child, url, root_key, data: data.to_owned(), options }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the node runs");
        self.child.wait().expect("the node ends");
    }

    /// Another node, over other data, takes the place of this one at its address.
    pub(crate) fn replace(&mut self, data: &Path) {
        self.kill();
        data.clone_into(&mut self.data);
        self.restart();
    }

    /// Starts again at the same address, over the same data.
    pub(crate) fn restart(&mut self) {
        let address = self.url.strip_prefix("http://").expect("the address is http").to_owned();
        *self = Self::start_at(&self.data.clone(), &address, self.options.clone(), None);
    }
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A user: a folder of keys and a node to talk to.
pub(crate) struct User {
    pub(crate) home: PathBuf,
    pub(crate) url: String,
}

impl User {
    pub(crate) fn new(dir: &Path, name: &str, node: &Node) -> Self {
        Self { home: dir.join(name), url: node.url.clone() }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).env("KEEPSAKE_HOME", &self.home).env("KEEPSAKE_NODE", &self.url);
        for name in ["KEEPSAKE_CANISTER", "KEEPSAKE_CAPSULE", "KEEPSAKE_IDENTITY", "KEEPSAKE_LOG"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().expect("the program runs")
    }

    /// Runs with `--json`, which must succeed, and gives what it printed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON value")
    }

    /// Runs and gives the exit code and the text on standard error.
    pub(crate) fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        (output.status.code().expect("it ends by itself"), text(&output.stderr))
    }

    pub(crate) fn principal(&self) -> String {
        self.json(&["identity", "show"])["principal"].as_str().expect("a principal").to_owned()
    }
}

/// A node, a user, and a file of random bytes to upload.
pub(crate) struct Scene {
    pub(crate) node: Node,
    pub(crate) user: User,
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
    // Dropped last: the node writes into it.
    pub(crate) dir: TempDir,
}

impl Scene {
    pub(crate) fn new(file_len: u64) -> Self {
        let dir = fresh_dir();
        let node = Node::start(&dir.path().join("data"));
        let user = User::new(dir.path(), "ann", &node);
        let file = dir.path().join("big.bin");
        let sha256 = random_file(&file, file_len);
        Self { node, user, file, sha256, dir }
    }
}

/// As Ctrl-C does.
#[cfg(unix)]
pub(crate) fn interrupt(child: &Child) {
    signal(child, "INT");
}

/// Sends a signal by its name.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    signal_pid(child.id(), name);
}

#[cfg(unix)]
pub(crate) fn signal_pid(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.expect("there is a program `kill`").success());
}

pub(crate) fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin!("keepsake").to_owned()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

pub(crate) fn fresh_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Writes a file that only its owner can read.
pub(crate) fn private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the folder can be written");
    set_mode(path, 0o600);
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

/// A photo that differs for each seed.
pub(crate) fn jpeg(width: u16, height: u16, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let (shift, tint) = (random.byte(), random.byte());
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..height {
        for x in 0..width {
            let ([x, _], [y, _]) = (x.to_le_bytes(), y.to_le_bytes());
            pixels.extend([x.wrapping_add(shift), y.wrapping_mul(3) ^ tint, x / 7 + y / 5]);
        }
    }
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .expect("encoding into memory works");
    bytes
}

/// Writes `len` bytes that do not repeat; gives their SHA-256 in hexadecimal.
pub(crate) fn random_file(path: &Path, len: u64) -> String {
    std::fs::write(path, []).expect("the file can be made");
    random_bytes_after(path, len)
}

/// Makes a file `len` bytes long with bytes that do not repeat; gives the SHA-256 of the whole in hexadecimal.
pub(crate) fn random_bytes_after(path: &Path, len: u64) -> String {
    let head = std::fs::read(path).expect("the file is there");
    let file = std::fs::File::options().append(true).open(path).expect("the file can be written");
    let (mut file, mut random) = (std::io::BufWriter::new(file), Random(len ^ 0x5eed));
    let mut hasher = Sha256::new_with_prefix(&head);
    let mut left = len - head.len() as u64;
    while left > 0 {
        let word = random.next().to_le_bytes();
        let part = &word[..usize::try_from(left.min(8)).expect("at most 8")];
        file.write_all(part).expect("the disk has room");
        hasher.update(part);
        left -= part.len() as u64;
    }
    file.flush().expect("the disk has room");
    hex(&hasher.finalize())
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn sha256_of(path: &Path) -> String {
    let (mut file, mut hasher) = (std::fs::File::open(path).expect("the file is there"), Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).expect("the file can be read") {
            0 => return hex(&hasher.finalize()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    keepsake_client::upload::hex(bytes)
}

/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
