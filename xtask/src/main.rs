//! Developer commands: `cargo xtask run | test | build | bench`. Owns how the project is built, run and tested.
//!
//! Does not own any behaviour of the product: it drives the `keepsake` program from outside, as a user does.

mod bench;
mod build;
mod child;
mod debian;
mod http;
mod mutants;
mod photo;
mod picture;
mod pypi;
mod run;
mod soak;
mod table;
mod test;
mod web;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
Developer commands of Keepsake.

  cargo xtask run [OPTIONS] [FILE…]    a photo goes in and comes back: start a node, upload by both lanes,
                                       publish, show the assets, download them and compare;
                                       then serve the page, which shows them
      --once                           in a temporary folder, and stop afterwards
      --data DIR                       data directory of the node [default: target/keepsake-run/data]
      --listen ADDRESS                 [default: 127.0.0.1:4943, or a free port when that is taken]
      FILE…                            your files instead of the photo that is made for it

  cargo xtask test [STEP…]             everything that has to pass; with names: these steps only
      --list                           name the steps

  cargo xtask build canister [OPTIONS] one optimised module, the same bytes on every build; its size and SHA-256
      --toolchain T                    rustup or debian [default: rustup's wasm target where it can be had]

  cargo xtask bench node [OPTIONS]     memory, throughput and latency of node and client, beside the raw disk
      --mib N                          size of the file [default: 2048]
      --data DIR                       folder to measure in [default: target/keepsake-bench]

  cargo xtask bench roads [OPTIONS]    the ways to a node, beside dd, tus (installed by npm) and the targets: a large
                                       file, small photos, slow lines, by the CLI, the SDK in Node.js and in
                                       Chromium; takes an hour
      --only PART[,PART…]              of large, browser, photos, sdk-photos, lines
      --rounds N, --line-rounds N      medians of so many; 0 leaves the part out [default: 5]
      --mib N, --photos N, --line-mb N [default: 512, 2000, 20]
      --debug                          to try it quickly: with the programs that tests use
      --data DIR                       folder to measure in [default: target/keepsake-bench]

  cargo xtask bench canister [OPTIONS] instructions of each message of the canister, beside the targets; writes
                                       benches/instructions.toml
      --module FILE                    measure this module [default: one that is built now]
      --check                          write nothing; fail where what is kept is off by more than 2 %

  cargo xtask bench bucket             an original into an S3 bucket, beside the same bytes by rclone to the same server
      --mib N                          of so many MiB [default: 1024]
      --rounds N                       medians of so many rounds [default: 3]
      --debug                          with the build of `cargo xtask test` [default: a release build]

  cargo xtask bench tree               time and calls of the records' own map, beside the one whose form it keeps

  cargo xtask mutants [WORD…]          break the core by hand, one promise at a time, and see that a test
                                       notices; with words: the mutants whose names contain one

  cargo xtask soak [OPTIONS]           1,000,000 operations of the model, 200 kills of a node under load,
                                       10,000 uploads by 32 clients, 200 into a bucket by 8 people while programs
                                       and node are killed, a film of 2 GiB by parts: no promise may break
      --minutes N                      stop after about so long [default: the full programme]
      --seed S                         the same choices as an earlier soak
      --operations N, --rounds N, --uploads N, --bucket N, --film MIB
                                       other sizes; 0 leaves the part out
      --release                        with a release build [default: the build of `cargo xtask test`]

  cargo xtask help                     this text

Environment:
  KEEPSAKE_BIN    a `keepsake` program to use instead of building one (run, test)";

fn main() -> ExitCode {
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> anyhow::Result<()> {
    let mut arguments = lexopt::Parser::from_env();
    let name = match arguments.next()? {
        Some(lexopt::Arg::Value(name)) => name.to_string_lossy().into_owned(),
        None | Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) => "help".to_owned(),
        Some(other) => return Err(other.unexpected().into()),
    };
    match name.as_str() {
        "run" => run::command(arguments),
        "test" => test::command(arguments),
        "bench" => bench::command(arguments),
        "build" => build::command(arguments),
        "mutants" => mutants::command(arguments),
        "soak" => soak::command(arguments),
        "help" => {
            println!("{HELP}");
            Ok(())
        }
        other => anyhow::bail!("there is no command `{other}`; `cargo xtask help` lists them"),
    }
}
