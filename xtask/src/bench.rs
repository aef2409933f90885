//! `cargo xtask bench node`: what an upload and a download cost, beside the raw disk in the same run; `bench roads`, `bench
//! bucket` and `bench canister`, which are in [`roads`], [`bucket`] and [`canister`]; and `bench tree`, which runs an example of
//! the core.
//!
//! Owns the order of the node's measurements and their report. Asserts nothing: times are for people.
//! Uses release builds and two processes, so that the memory and the processor time of each are seen.

mod bucket;
pub(crate) mod canister;
mod crowd;
mod disk;
mod process;
mod report;
mod roads;

use crate::child::{Running, StopFlag};
use crate::http;
use crate::run::node::{Node, Program};
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use crowd::Crowd;
use lexopt::prelude::*;
use process::{Peak, Usage};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const MIB_DEFAULT: u64 = 2_048;
/// Chunks in one synced group, as the node's group commit sees it with a full pipe.
const SYNC_EVERY: u32 = 16;
const CHUNK_BYTES: usize = 1_800_000;
const SMALL_CHUNK_BYTES: usize = 64 << 10;
const SMALL_MIB: u64 = 128;

/// Everything that was measured.
#[derive(Debug, Default)]
struct Measured {
    bytes: u64,
    small_bytes: u64,
    raw_append: Duration,
    raw_append_small: Duration,
    raw_read: Duration,
    upload: Duration,
    upload_small: Duration,
    download_http: Duration,
    download_client: Duration,
    /// The same file, that came from its end to its begin.
    reversed_upload: Duration,
    reversed_http: Duration,
    reversed_client: Duration,
    uploading_node: Usage,
    uploading_client: Usage,
    downloading_http_node: Usage,
    downloading_node: Usage,
    downloading_client: Usage,
    /// Peak of the node until the crowd came, and with it, bytes.
    node_rss_peak: u64,
    node_rss_peak_crowded: u64,
    /// (message, microseconds).
    latencies: Vec<(String, u64)>,
    crowd: crowd::Measured,
}

/// # Errors
/// When a step fails; never because something is slow.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let (mut what, mut mib, mut data) = (None, MIB_DEFAULT, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("mib") => mib = arguments.value()?.parse()?,
            Long("data") => data = Some(PathBuf::from(arguments.value()?)),
            Value(name) if what.is_none() && name == "canister" => return canister::command(arguments),
            Value(name) if what.is_none() && name == "tree" => return tree(arguments),
            Value(name) if what.is_none() && name == "roads" => return roads::command(arguments),
            Value(name) if what.is_none() && name == "bucket" => return bucket::command(arguments),
            Value(name) if what.is_none() => what = Some(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    match what.as_deref() {
        Some("node") => {}
        _ => bail!("say what to measure: `cargo xtask bench node`, `roads`, `bucket`, `canister` or `tree`"),
    }
    ensure!(mib > 0, "--mib must be at least 1");
    let folder =
        data.map_or_else(|| Ok(workspace::target_dir()?.join("keepsake-bench")), Ok::<_, anyhow::Error>)?;
    let measured = node(mib << 20, &folder)?;
    report::print(&measured);
    Ok(())
}

/// The map that records lie in, beside the one whose form it keeps.
fn tree(mut arguments: lexopt::Parser) -> Result<()> {
    if let Some(argument) = arguments.next()? {
        return Err(argument.unexpected().into());
    }
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--release", "--package", "keepsake-core", "--example", "map"]);
    ensure!(command.status().context("cannot start cargo")?.success(), "the example failed, see above");
    Ok(())
}

fn node(bytes: u64, folder: &Path) -> Result<Measured> {
    let Programs { keepsake: program, messages, load, reversed } = programs()?;
    let stop = StopFlag::install()?;
    std::fs::create_dir_all(folder)?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(folder)?;
    let at = |name: &str| folder.path().join(name);
    let mut measured = Measured { bytes, small_bytes: SMALL_MIB << 20, ..Measured::default() };
    println!("Making {} MiB of random bytes …", bytes >> 20);
    let file = at("random.bin");
    disk::make_random(&file, bytes, &stop)?;
    raw(&mut measured, &file, &at("raw.bin"), &stop)?;
    let data = at("data");
    let listen = "127.0.0.1:0".parse().expect("the address parses");
    let mut node = Node::start(&program, &data, listen, &at("node.log"), &stop)?;
    let program = Program::new(program, node.url.clone(), at("identity"));
    let memory_id = upload(&mut measured, &node, &program, &file, &stop)?;
    // All reads come from the disk, not from what the writes left in memory.
    disk::forget(&data.join("heap.bin"))?;
    download_http(&mut measured, &node, &program, &memory_id, &stop)?;
    disk::forget(&data.join("heap.bin"))?;
    download_client(&mut measured, &node, &program, &memory_id, &stop)?;
    let memory_id = upload_reversed(&mut measured, &node, &reversed, &file)?;
    disk::forget(&data.join("heap.bin"))?;
    let url = format!("{}/asset/{memory_id}/original", node.url);
    measured.reversed_http = get(&url, bytes, &stop)?;
    disk::forget(&data.join("heap.bin"))?;
    measured.reversed_client = get_checked(&program, &memory_id, &stop)?.0;
    let canister_id = canister_id(&node)?;
    single_messages(&mut measured, &node, &canister_id, &messages)?;
    measured.node_rss_peak = process::rss_peak(node.pid())?;
    let (node_now, canister_id, folder) = (&node, canister_id.as_str(), at("crowd"));
    let crowd = Crowd { node: node_now, program: &program, canister_id, load: &load, folder };
    measured.crowd = crowd.measure(&stop)?;
    measured.node_rss_peak_crowded = process::rss_peak(node.pid())?;
    node.stop()?;
    Ok(measured)
}

struct Programs {
    keepsake: PathBuf,
    /// Examples of the client.
    messages: PathBuf,
    load: PathBuf,
    reversed: PathBuf,
}

/// The `keepsake` program, and the examples of the client that send single messages and load, in one build: apart they
/// would choose other features for some dependencies and compile them twice.
fn programs() -> Result<Programs> {
    println!("Building the programs for release (the first time takes minutes) …");
    let mut command = workspace::cargo();
    command.args(["build", "--release", "--package", "keepsake-cli", "--bin", "keepsake"]);
    command.args(["--package", "keepsake-client", "--example", "messages", "--example", "load"]);
    command.args(["--example", "reversed"]);
    ensure!(
        command.status().context("cannot start cargo")?.success(),
        "the programs do not build, see above"
    );
    let folder = workspace::target_dir()?.join("release");
    let example = |name| folder.join("examples").join(name);
    let (messages, load, reversed) = (example("messages"), example("load"), example("reversed"));
    Ok(Programs { keepsake: folder.join("keepsake"), messages, load, reversed })
}

fn raw(measured: &mut Measured, file: &Path, copy: &Path, stop: &StopFlag) -> Result<()> {
    println!("Writing and reading them raw …");
    measured.raw_append = disk::append(file, copy, measured.bytes, CHUNK_BYTES, SYNC_EVERY, stop)?;
    disk::forget(copy)?;
    measured.raw_read = disk::read(copy, CHUNK_BYTES, stop)?;
    std::fs::remove_file(copy)?;
    measured.small_bytes = measured.small_bytes.min(measured.bytes);
    measured.raw_append_small =
        disk::append(file, copy, measured.small_bytes, SMALL_CHUNK_BYTES, SYNC_EVERY, stop)?;
    Ok(std::fs::remove_file(copy)?)
}

fn upload(
    measured: &mut Measured,
    node: &Node,
    program: &Program,
    file: &Path,
    stop: &StopFlag,
) -> Result<String> {
    println!("Uploading them …");
    let mut command = program.command(&["upload", "--json", "--quiet"]);
    command.arg(file).stdout(Stdio::piped());
    let before = Usage::of(node.pid())?;
    let begun = Instant::now();
    let mut running = Running::start("keepsake upload", &mut command)?;
    let stdout = running.child.stdout.take().expect("standard output is piped");
    let mut peak = Peak::default();
    let status = running.wait(stop, |pid| peak.sample(pid))?;
    measured.upload = begun.elapsed();
    ensure!(status.success(), "the upload failed with {status}");
    measured.uploading_client = peak.usage();
    measured.uploading_node = Usage::of(node.pid())?.since(before);
    let told: serde_json::Value = serde_json::from_reader(stdout)?;
    Ok(told["memory_id"].as_str().context("`keepsake upload` told no memory_id")?.to_owned())
}

fn download_http(
    measured: &mut Measured,
    node: &Node,
    program: &Program,
    memory_id: &str,
    stop: &StopFlag,
) -> Result<()> {
    println!("Downloading them over HTTP …");
    let links = program.ask(&["link", memory_id])?;
    let url = links["links"][0]["url"].as_str().context("`keepsake link` told no address")?;
    let before = Usage::of(node.pid())?;
    measured.download_http = get(url, measured.bytes, stop)?;
    measured.downloading_http_node = Usage::of(node.pid())?.since(before);
    Ok(())
}

/// Gets so many bytes over HTTP.
fn get(url: &str, bytes: u64, stop: &StopFlag) -> Result<Duration> {
    let (begun, mut len) = (Instant::now(), 0);
    let status = http::get(url, |piece| {
        len += piece.len() as u64;
        stop.check()
    })?;
    ensure!(status == 200 && len == bytes, "{len} bytes came with HTTP status {status}");
    Ok(begun.elapsed())
}

fn download_client(
    measured: &mut Measured,
    node: &Node,
    program: &Program,
    memory_id: &str,
    stop: &StopFlag,
) -> Result<()> {
    println!("Downloading them with the client, checked …");
    let before = Usage::of(node.pid())?;
    (measured.download_client, measured.downloading_client) = get_checked(program, memory_id, stop)?;
    measured.downloading_node = Usage::of(node.pid())?.since(before);
    Ok(())
}

/// Gets a memory's original with the client: the time, and what the client used.
fn get_checked(program: &Program, memory_id: &str, stop: &StopFlag) -> Result<(Duration, Usage)> {
    let mut command = program.command(&["get", memory_id, "--quiet", "-o", "-"]);
    command.stdout(Stdio::null());
    let begun = Instant::now();
    let mut running = Running::start("keepsake get", &mut command)?;
    let mut peak = Peak::default();
    let status = running.wait(stop, |pid| peak.sample(pid))?;
    ensure!(status.success(), "the download failed with {status}");
    Ok((begun.elapsed(), peak.usage()))
}

/// Uploads the file once more, from its end to its begin: the memory that everybody may see.
fn upload_reversed(measured: &mut Measured, node: &Node, reversed: &Path, file: &Path) -> Result<String> {
    println!("Uploading them from the end to the begin, and reading them back …");
    let mut command = std::process::Command::new(reversed);
    command.args([&node.url, &canister_id(node)?]).arg(file);
    let output = command.stderr(Stdio::inherit()).output().context("cannot start `reversed`")?;
    ensure!(output.status.success(), "`reversed` failed with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("`reversed` told no {name}"))
    };
    measured.reversed_upload = Duration::from_micros(value("upload_us")?.parse()?);
    value("memory_id")
}

fn canister_id(node: &Node) -> Result<String> {
    let (_, health) = http::get_all(&format!("{}/health", node.url))?;
    let health: serde_json::Value = serde_json::from_slice(&health)?;
    Ok(health["canister_id"].as_str().context("/health told no canister_id")?.to_owned())
}

fn single_messages(measured: &mut Measured, node: &Node, canister_id: &str, messages: &Path) -> Result<()> {
    println!("Sending single messages …");
    let mut command = std::process::Command::new(messages);
    command.args([&node.url, canister_id, &(measured.small_bytes >> 20).max(1).to_string()]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot start `messages`")?;
    ensure!(output.status.success(), "`messages` failed with {}", output.status);
    for line in String::from_utf8(output.stdout)?.lines() {
        let (name, value) = line.split_once(' ').context("`messages` printed something else")?;
        let micros: u64 = value.parse()?;
        match name.strip_suffix("_median_us") {
            Some(message) => measured.latencies.push((message.replace('_', " "), micros)),
            None => measured.upload_small = Duration::from_micros(micros),
        }
    }
    Ok(())
}
