//! The steps of `cargo xtask test`, in their order. Owns what each one runs, and when it cannot.

use super::{Outcome, Step, deny, s3, tour};
use crate::workspace::{self, KEEPSAKE_BIN};
use crate::{bench, build, debian, run, web};
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsString;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Names the server; the crate `pocket-ic` reads it too.
const POCKET_IC_BIN: &str = "POCKET_IC_BIN";
/// Where the crate fetches the server from otherwise.
const POCKET_IC_SOURCE: &str = "github.com";
/// Names the module that tests run.
const KEEPSAKE_WASM: &str = "KEEPSAKE_WASM";
/// Names the program that serves the module to them.
const KEEPSAKE_WASM_SERVER: &str = "KEEPSAKE_WASM_SERVER";
/// Names the program that starts an S3 server for them.
const KEEPSAKE_S3_SERVER: &str = "KEEPSAKE_S3_SERVER";
/// Each with the variable that names it to tests, its package, and where that has it.
const PROXIES: [(&str, &str, &str); 2] =
    [("CADDY", "caddy", "usr/bin/caddy"), ("NGINX", "nginx", "usr/sbin/nginx")];
const REACHABLE_WITHIN: Duration = Duration::from_secs(3);

/// A variable of the environment and its value.
type Variable = (&'static str, OsString);

/// All steps. Cheap ones come first; `test` builds the programs that the later ones use.
pub(super) const ALL: &[Step] = &[
    Step { name: "fmt", about: "the formatter has nothing to change", run: fmt },
    Step {
        name: "web",
        about: "SDK, Uppy plugin and app: lint, types, build, size of the first load",
        run: web,
    },
    Step { name: "clippy", about: "no warning in any target", run: clippy },
    Step { name: "doc", about: "documentation builds without a warning", run: doc },
    Step { name: "test", about: "all Rust tests", run: test },
    Step { name: "counts", about: "benches/instructions.toml is what the module costs", run: counts },
    Step {
        name: "pocket-ic",
        about: "the exam and the costs in PocketIC, the Internet Computer's own engine",
        run: pocket_ic,
    },
    Step { name: "deny", about: "licences, bans, sources and advisories of dependencies", run: deny::run },
    Step { name: "agents", about: "the JavaScript agents, unmodified, against a real node", run: agents },
    Step {
        name: "sdk",
        about: "the web SDK and the Uppy plugin in Node.js, against a real node; uploads against the canister too",
        run: sdk,
    },
    Step { name: "browser", about: "the app in a real Chromium, against a real node", run: browser },
    Step { name: "run", about: "cargo xtask run --once", run: run_once },
    Step {
        name: "tour",
        about: "the tour in README.md, command by command",
        run: || tour::take(&program()?),
    },
];

fn fmt() -> Result<Outcome> {
    pass(workspace::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<Outcome> {
    pass(workspace::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

fn doc() -> Result<Outcome> {
    let mut command = workspace::cargo();
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    // A link to something private is fine where private things are documented.
    pass(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

/// Tests run the canister's module. It is built beside them: most of its time is one linker on one processor.
fn test() -> Result<Outcome> {
    let (module, tests) = std::thread::scope(|scope| {
        let module = scope.spawn(|| build::canister(None));
        let tests = pass(workspace::cargo().args(["test", "--workspace", "--no-run", "--quiet"]));
        (module.join(), tests)
    });
    let module = module.map_err(|_| anyhow!("building the canister panicked, see above"))??;
    tests?;
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).env(KEEPSAKE_WASM, module);
    pass(command.envs(proxies()?).envs(s3::variables()?))
}

/// The proxies that stand before a node in tests, where this machine has none of its own. The tests say so where there is none.
fn proxies() -> Result<Vec<Variable>> {
    let folder = workspace::target_dir()?.join("debian");
    let missing = |path: &&(&str, &str, &str)| {
        let (variable, _, path) = path;
        std::env::var_os(variable).is_none() && !Path::new("/").join(path).exists()
    };
    let unpacked = PROXIES.iter().filter(missing).filter_map(|(variable, package, path)| {
        Some((*variable, debian::unpacked(package, path, &folder)?.into()))
    });
    Ok(unpacked.collect())
}

fn counts() -> Result<Outcome> {
    if let Some(why) = bench::canister::incomparable()? {
        return Ok(Outcome::Skipped(why));
    }
    bench::canister::compare(&build::canister(None)?)?;
    Ok(Outcome::Passed)
}

/// Compiled everywhere, so that it does not rot; run where the server can be had. With the main workspace's profiles and
/// in its target folder, so that what both lock files name is not compiled again.
fn pocket_ic() -> Result<Outcome> {
    let manifest = workspace::root().join("pocket-ic/Cargo.toml");
    let profiles = workspace::root().join("Cargo.toml");
    let target = workspace::target_dir()?;
    let cargo = |word: &str| {
        let mut command = workspace::cargo();
        command.args([word, "--tests", "--locked", "--quiet", "--manifest-path"]).arg(&manifest);
        command.arg("--config").arg(&profiles).arg("--target-dir").arg(&target);
        command
    };
    if std::env::var_os(POCKET_IC_BIN).is_some() || answers_at(POCKET_IC_SOURCE) {
        let mut test = cargo("test");
        test.env(KEEPSAKE_WASM, build::canister(None)?)
            .env("KEEPSAKE_COUNTED_WASM", build::counted_canister()?);
        return pass(test.args(["--", "--nocapture"]));
    }
    pass(&mut cargo("check"))?;
    let why = format!(
        "compiled, not run: {POCKET_IC_BIN} names no server, and {POCKET_IC_SOURCE}, where it is fetched, does not answer"
    );
    Ok(Outcome::Skipped(why))
}

/// Before anything of Rust: the program takes the built app in.
fn web() -> Result<Outcome> {
    with_npm(&["run", "check", "--silent"], &[])
}

fn agents() -> Result<Outcome> {
    with_npm(&["test", "--workspace", "tests-agents", "--silent"], &[])
}

fn sdk() -> Result<Outcome> {
    let arguments = ["test", "--workspace", "packages/sdk", "--workspace", "packages/uppy", "--silent"];
    with_npm(&arguments, &[canister_variables()?, s3_variables()?].concat())
}

fn browser() -> Result<Outcome> {
    let Some(chromium) = web::chromium() else {
        return missing("needs Chromium: install it, or name one in CHROMIUM".to_owned());
    };
    let mut variables = canister_variables()?;
    variables.push((web::CHROMIUM, chromium.into()));
    variables.extend(s3_variables()?);
    with_npm(&["test", "--workspace", "tests-browser", "--silent"], &variables)
}

/// What tests need to serve the canister's module: the program, which `test` built, and the module.
fn canister_variables() -> Result<Vec<Variable>> {
    let server = match std::env::var_os(KEEPSAKE_WASM_SERVER) {
        Some(path) => path,
        None => workspace::built_program("keepsake-wasm-server")?.into(),
    };
    let module = match std::env::var_os(KEEPSAKE_WASM) {
        Some(path) => path,
        None => build::canister(None)?.into(),
    };
    Ok(vec![(KEEPSAKE_WASM_SERVER, server), (KEEPSAKE_WASM, module)])
}

/// What tests need to start an S3 server: the program that starts one, which `test` built, and the server itself.
fn s3_variables() -> Result<Vec<Variable>> {
    let mut variables = s3::variables()?;
    let starter = match std::env::var_os(KEEPSAKE_S3_SERVER) {
        Some(path) => path,
        None => workspace::built_program("s3-server")?.into(),
    };
    variables.push((KEEPSAKE_S3_SERVER, starter));
    Ok(variables)
}

/// Programs that npm starts find the node's program, and what else their tests need.
fn with_npm(arguments: &[&str], more: &[Variable]) -> Result<Outcome> {
    if let Some(what) = web::node_missing()? {
        return missing(what);
    }
    let program = workspace::built()?;
    let mut variables =
        vec![(KEEPSAKE_BIN, std::env::var_os(KEEPSAKE_BIN).unwrap_or_else(|| program.into()))];
    variables.extend_from_slice(more);
    web::npm(arguments, &variables)?;
    Ok(Outcome::Passed)
}

/// Whoever tests in CI relies on every step.
fn missing(what: String) -> Result<Outcome> {
    if std::env::var_os("CI").is_some() {
        bail!(what);
    }
    Ok(Outcome::Skipped(what))
}

/// In this process: `cargo test` may have replaced the file that it was started from.
fn run_once() -> Result<Outcome> {
    run::once(program()?)?;
    Ok(Outcome::Passed)
}

/// The program that `test` built. Building it anew for itself alone would choose other features for some
/// dependencies and compile them twice.
fn program() -> Result<std::path::PathBuf> {
    let built = workspace::built()?;
    if std::env::var_os(KEEPSAKE_BIN).is_none() && built.exists() {
        return Ok(built);
    }
    workspace::keepsake()
}

/// Whether a server can be reached.
pub(super) fn answers_at(host: &str) -> bool {
    let addresses: std::io::Result<Vec<_>> = (host, 443).to_socket_addrs().map(Iterator::collect);
    addresses
        .unwrap_or_default()
        .iter()
        .any(|address| TcpStream::connect_timeout(address, REACHABLE_WITHIN).is_ok())
}

/// Whether a program is there at all.
pub(super) fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub(super) fn pass(command: &mut Command) -> Result<Outcome> {
    let status =
        command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} {} ended with {status}", command.get_program().display(), shown(command));
    }
    Ok(Outcome::Passed)
}

fn shown(command: &Command) -> String {
    command.get_args().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
