//! The node beside others' connections: a small public file by HTTP, beside nginx in the same run, and the time of a small
//! query while slow connections and uploads are there. Owns these measurements and their table; asserts nothing.

use crate::child::{Running, StopFlag};
use crate::run::node::{Node, Program};
use crate::table;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILE_BYTES: u64 = 28_000;
const CONNECTIONS: &str = "16";
const SECONDS: &str = "5";
/// Servers take turns, so that what else the machine does meets both.
const ROUNDS: usize = 3;
const QUERIES: &str = "1000";
const UPLOADS: &str = "16";
const NGINX_START_MAX: Duration = Duration::from_secs(10);

/// What a measurement needs.
pub(super) struct Crowd<'a> {
    pub(super) node: &'a Node,
    pub(super) program: &'a Program,
    pub(super) canister_id: &'a str,
    /// The example `load` of the client.
    pub(super) load: &'a Path,
    /// For nginx and its files, on the same disk as the node's.
    pub(super) folder: PathBuf,
}

/// Small query: median and 99th percentile, µs.
#[derive(Clone, Copy, Debug)]
struct Latency {
    p50: u64,
    p99: u64,
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Requests per second, one for each round.
    node: Vec<u64>,
    /// None where nginx is not installed.
    nginx: Vec<u64>,
    latencies: Vec<(&'static str, Latency)>,
}

impl Crowd<'_> {
    pub(super) fn measure(&self, stop: &StopFlag) -> Result<Measured> {
        let mut measured = Measured::default();
        self.gets(&mut measured, stop)?;
        self.queries(&mut measured, stop)?;
        Ok(measured)
    }

    fn gets(&self, measured: &mut Measured, stop: &StopFlag) -> Result<()> {
        println!("Getting a public file of 28 KB …");
        std::fs::create_dir_all(self.folder.join("root"))?;
        let file = self.folder.join("root").join("file.bin");
        super::disk::make_random(&file, FILE_BYTES, stop)?;
        let node_url = self.publish(&file)?;
        let nginx = Nginx::start(&self.folder)?;
        if nginx.is_none() {
            println!("nginx is not installed (apt-get install nginx-light): the node is measured alone");
        }
        for _ in 0..ROUNDS {
            stop.check()?;
            measured.node.push(self.rate(&node_url)?);
            if let Some(nginx) = &nginx {
                measured.nginx.push(self.rate(&nginx.url)?);
            }
        }
        Ok(())
    }

    /// The address of the file, which everybody may see.
    fn publish(&self, file: &Path) -> Result<String> {
        let path = file.to_str().context("the folder's name is no text")?;
        let told = self.program.ask(&["upload", "--quiet", path])?;
        let memory_id = told["memory_id"].as_str().context("`keepsake upload` told no memory_id")?;
        let shown = self.program.ask(&["capsule", "show"])?;
        let capsule_id = shown["id"].as_str().context("`keepsake capsule show` told no id")?;
        self.program.ask(&["capsule", "grant", capsule_id, "public", "guest"])?;
        Ok(format!("{}/asset/{memory_id}/original", self.node.url))
    }

    fn rate(&self, url: &str) -> Result<u64> {
        let told = self.load(&["get", url, CONNECTIONS, SECONDS])?;
        ensure!(number(&told, "body_bytes")? == FILE_BYTES, "another file came:\n{told}");
        number(&told, "per_second")
    }

    fn queries(&self, measured: &mut Measured, stop: &StopFlag) -> Result<()> {
        println!("Asking small queries …");
        let mut ask = |what: &'static str| -> Result<()> {
            stop.check()?;
            let told = self.load(&["query", &self.node.url, self.canister_id, QUERIES])?;
            let latency = Latency { p50: number(&told, "p50_us")?, p99: number(&told, "p99_us")? };
            measured.latencies.push((what, latency));
            Ok(())
        };
        ask("idle node")?;
        for (what, count) in [("8 slow connections", 8), ("1,000 slow connections", 1_000)] {
            let slow = self.slow(count)?;
            ask(what)?;
            drop(slow);
        }
        let mut command = Command::new(self.load);
        command.args(["upload", &self.node.url, self.canister_id, UPLOADS]).stdout(Stdio::null());
        let mut uploads = Running::start("uploads", &mut command)?;
        std::thread::sleep(Duration::from_secs(2));
        ask("16 uploads at full rate")?;
        if let Some(status) = uploads.ended()? {
            bail!("the uploads ended with {status}");
        }
        uploads.stop()?;
        ask("idle node again")
    }

    /// Connections that declare 4 MiB and send one byte.
    fn slow(&self, count: usize) -> Result<Vec<TcpStream>> {
        let authority = self.node.url.strip_prefix("http://").context("the node's address")?;
        let path = format!("/api/v3/canister/{}/call", self.canister_id);
        let text = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4194304\r\n\r\nx");
        let connections = (0..count).map(|_| {
            let mut stream = TcpStream::connect(authority)?;
            stream.write_all(text.as_bytes())?;
            Ok(stream)
        });
        connections.collect()
    }

    /// Runs the example and gives what it prints.
    fn load(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.load).args(arguments).stderr(Stdio::inherit()).output();
        let output = output.context("cannot start `load`")?;
        ensure!(output.status.success(), "`load` failed with {}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn number(told: &str, name: &str) -> Result<u64> {
    let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.with_context(|| format!("`load` told no {name}"))?.parse()?)
}

/// An nginx that serves the folder `root`.
struct Nginx {
    /// Of the file.
    url: String,
    _running: Running,
}

impl Nginx {
    /// None where it is not installed.
    fn start(folder: &Path) -> Result<Option<Self>> {
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.join("nginx.conf");
        std::fs::write(&config, configuration(&folder.display().to_string(), &address.to_string()))?;
        let mut command = Command::new(program);
        command.arg("-p").arg(folder).arg("-c").arg(&config).args(["-e", "stderr"]);
        command.stdin(Stdio::null()).stderr(std::fs::File::create(folder.join("nginx.log"))?);
        let mut running = Running::start("nginx", &mut command)?;
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if running.ended()?.is_some() || begun.elapsed() > NGINX_START_MAX {
                bail!("nginx does not start:\n{}", std::fs::read_to_string(folder.join("nginx.log"))?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(Self { url: format!("http://{address}/file.bin"), _running: running }))
    }
}

/// As Debian sets it up, in one folder: a line of log for each request, as the node writes one.
fn configuration(folder: &str, address: &str) -> String {
    let mut text = format!(
        "daemon off; user root; worker_processes auto; pid {folder}/nginx.pid;\n\
         events {{ worker_connections 768; }}\n\
         http {{\n  sendfile on; tcp_nopush on; keepalive_requests 100000000;\n  access_log {folder}/access.log;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "  {kind}_temp_path {folder}/{kind};").expect("text grows");
    }
    text + &format!("  server {{ listen {address}; root {folder}/root; }}\n}}\n")
}

/// Prints both tables.
pub(super) fn print(measured: &Measured) {
    let best = |rates: &[u64]| rates.iter().max().copied().unwrap_or(0);
    let row = |who: &str, rates: &[u64]| {
        let all: Vec<String> = rates.iter().map(u64::to_string).collect();
        vec![who.to_owned(), all.join(" "), ratio(best(rates), best(&measured.nginx))]
    };
    let mut rows = vec![row("node", &measured.node)];
    if !measured.nginx.is_empty() {
        rows.push(row("nginx, same disk, same run", &measured.nginx));
    }
    table::print(&["GET OF 28 KB, PUBLIC", "REQUESTS/S, EACH ROUND", "OF NGINX"], &rows);
    println!();
    let idle = measured.latencies.first().map(|(_, latency)| *latency);
    let rows = measured.latencies.iter().map(|(what, latency)| {
        let idle = idle.unwrap_or(*latency);
        vec![
            (*what).to_owned(),
            format!("{} µs", latency.p50),
            format!("{} µs", latency.p99),
            ratio(latency.p99, idle.p99),
        ]
    });
    table::print(&["SMALL QUERY", "P50", "P99", "P99 OF IDLE"], &rows.collect::<Vec<_>>());
}

#[allow(clippy::cast_precision_loss)] // For people.
fn ratio(value: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.2}", value as f64 / of as f64) }
}
