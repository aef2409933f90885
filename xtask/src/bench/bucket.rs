//! `cargo xtask bench bucket`: an original into a bucket by the program, beside the same bytes by rclone to the same server, one
//! after the other in each round. Owns the measurement and its table; asserts nothing but that all of it works.

use super::disk;
use super::process::{Peak, Usage};
use crate::child::{Running, StopFlag};
use crate::run::node::{Node, Program};
use crate::test::s3;
use crate::{table, workspace};
use anyhow::{Context, Result, ensure};
use lexopt::prelude::*;
use serde_json::Value as Json;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MIB_DEFAULT: u64 = 1_024;
const ROUNDS_DEFAULT: usize = 3;
/// As many as the program sends at once.
const PARTS_IN_FLIGHT: &str = "4";
/// As long as the program's.
const PART: &str = "16Mi";
/// Of rclone's time.
const TARGET: &str = "1.3";

/// What was measured.
#[derive(Debug, Default)]
struct Measured {
    keepsake: Vec<Duration>,
    rclone: Vec<Duration>,
    /// Peaks of all rounds, bytes.
    program_rss: u64,
    node_rss: u64,
}

struct Place<'a> {
    folder: &'a Path,
    file: &'a Path,
    /// As `s3-server` tells it.
    server: &'a Json,
    rclone: &'a Path,
    stop: &'a StopFlag,
}

/// # Errors
/// When a step fails; never because something is slow.
pub(super) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let (mut mib, mut rounds, mut is_debug) = (MIB_DEFAULT, ROUNDS_DEFAULT, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("mib") => mib = arguments.value()?.parse()?,
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Long("debug") => is_debug = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    ensure!(mib > 0 && rounds > 0, "--mib and --rounds must be at least 1");
    let variables = s3::variables()?;
    let server_named = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, path)| path);
    let rclone = server_named("KEEPSAKE_RCLONE").context("there is no rclone to compare with")?;
    server_named("KEEPSAKE_SEAWEEDFS").context("there is no S3 server to send to")?;
    let (keepsake, s3_server) = programs(is_debug)?;
    let stop = StopFlag::install()?;
    let folder = workspace::target_dir()?.join("keepsake-bench");
    std::fs::create_dir_all(&folder)?;
    let folder = tempfile::Builder::new().prefix("bucket-").tempdir_in(folder)?;
    let file = folder.path().join("random.bin");
    println!("Making {mib} MiB of random bytes …");
    disk::make_random(&file, mib << 20, &stop)?;
    let (mut running, server) = start_server(&s3_server, &variables)?;
    let (rclone, folder) = (Path::new(rclone), folder.path());
    let place = Place { folder, file: &file, server: &server, rclone, stop: &stop };
    let measured = place.measure(&keepsake, rounds);
    // It ends with its input, and removes what it has.
    drop(running.child.stdin.take());
    running.child.wait()?;
    print(mib, &measured?);
    Ok(())
}

/// `keepsake` and `s3-server`.
fn programs(is_debug: bool) -> Result<(PathBuf, PathBuf)> {
    println!("Building the programs (the first time takes minutes) …");
    let mut command = workspace::cargo();
    command.args(["build", "--package", "keepsake-cli", "--bin", "keepsake"]);
    command.args(["--package", "keepsake-s3-servers", "--bin", "s3-server"]);
    if !is_debug {
        command.arg("--release");
    }
    ensure!(command.status().context("cannot start cargo")?.success(), "they do not build, see above");
    let folder = workspace::target_dir()?.join(if is_debug { "debug" } else { "release" });
    Ok((folder.join("keepsake"), folder.join("s3-server")))
}

fn start_server(program: &Path, variables: &[(&'static str, OsString)]) -> Result<(Running, Json)> {
    let mut command = Command::new(program);
    command.args(["--bucket", "bench"]).envs(variables.iter().cloned());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running::start("s3-server", &mut command)?;
    let stdout = running.child.stdout.take().context("standard output is piped")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let told = serde_json::from_str(&line).context("s3-server tells nothing of itself")?;
    Ok((running, told))
}

impl Place<'_> {
    fn told(&self, name: &str) -> &str {
        self.server[name].as_str().unwrap_or_default()
    }

    fn measure(&self, keepsake: &Path, rounds: usize) -> Result<Measured> {
        let (data, log) = (self.folder.join("data"), self.folder.join("node.log"));
        let listen = "127.0.0.1:0".parse().context("the address parses")?;
        let mut command = Node::command(keepsake, &data, listen);
        command.args(["--s3", self.told("endpoint"), "--s3-bucket", self.told("bucket")]);
        command.args(["--s3-region", self.told("region")]);
        command.env("KEEPSAKE_S3_ACCESS_KEY_ID", self.told("access_key"));
        command.env("KEEPSAKE_S3_SECRET_ACCESS_KEY", self.told("secret_key"));
        let mut node = Node::start_by(command, &log, self.stop)?;
        let program = Program::new(keepsake.to_owned(), node.url.clone(), self.folder.join("identity"));
        program.ask(&["capsule", "create"])?;
        let mut measured = Measured::default();
        for round in 1..=rounds {
            println!("Round {round} of {rounds} …");
            measured.keepsake.push(self.upload(&program, &mut measured.program_rss)?);
            measured.rclone.push(self.copy(round)?);
        }
        measured.node_rss = Usage::of(node.pid())?.rss_peak;
        node.stop()?;
        Ok(measured)
    }

    fn upload(&self, program: &Program, rss: &mut u64) -> Result<Duration> {
        let mut command = program.command(&["upload", "--json", "--quiet", "--again", "--hosting", "s3"]);
        command.arg(self.file).stdout(Stdio::piped());
        let begun = Instant::now();
        let mut running = Running::start("keepsake upload", &mut command)?;
        let stdout = running.child.stdout.take().context("standard output is piped")?;
        let mut peak = Peak::default();
        let status = running.wait(self.stop, |pid| peak.sample(pid))?;
        let took = begun.elapsed();
        ensure!(status.success(), "the upload failed with {status}");
        let told: Json = serde_json::from_reader(stdout)?;
        ensure!(told["in_bucket"] == true, "it did not go into the bucket");
        *rss = peak.usage().rss_peak.max(*rss);
        Ok(took)
    }

    fn copy(&self, round: usize) -> Result<Duration> {
        let mut command = Command::new(self.rclone);
        command.args(["copyto", "--s3-chunk-size", PART, "--s3-upload-concurrency", PARTS_IN_FLIGHT]);
        command.arg(self.file).arg(format!("bench:{}/rclone-{round}", self.told("bucket")));
        let remote = [
            ("TYPE", "s3"),
            ("PROVIDER", "Other"),
            ("ENDPOINT", self.told("endpoint")),
            ("REGION", self.told("region")),
            ("ACCESS_KEY_ID", self.told("access_key")),
            ("SECRET_ACCESS_KEY", self.told("secret_key")),
            ("FORCE_PATH_STYLE", "true"),
            ("NO_CHECK_BUCKET", "true"),
        ];
        command.env("RCLONE_CONFIG", "");
        command.envs(remote.map(|(name, value)| (format!("RCLONE_CONFIG_BENCH_{name}"), value)));
        let begun = Instant::now();
        let status = Running::start("rclone", &mut command)?.wait(self.stop, |_| ())?;
        ensure!(status.success(), "rclone failed with {status}");
        Ok(begun.elapsed())
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

fn print(mib: u64, measured: &Measured) {
    let (keepsake, rclone) = (median(&measured.keepsake), median(&measured.rclone));
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let ratio = keepsake.as_secs_f64() / rclone.as_secs_f64();
    let row = |what: &str, figure: String, target: &str| vec![what.to_owned(), figure, target.to_owned()];
    println!();
    table::print(
        &[&format!("{mib} MIB INTO A BUCKET"), "HERE", "TARGET"],
        &[
            row("rclone, the same bytes to the same server", seconds(rclone), ""),
            row("keepsake upload: hashed, sent, read back by the node, published", seconds(keepsake), ""),
            row("of rclone's time", format!("{ratio:.2}"), TARGET),
            row("most memory of the program", table::bytes(measured.program_rss), "150 MiB"),
            row("most memory of the node", table::bytes(measured.node_rss), "150 MiB"),
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_rounds_the_middle_one_counts() {
        let times = [5, 1, 9].map(Duration::from_secs);
        assert_eq!(median(&times), Duration::from_secs(5));
    }
}
