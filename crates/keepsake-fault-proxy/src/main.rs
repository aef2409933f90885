//! `keepsake-fault-proxy`: the proxy as a program, for tests in other languages. Owns the command line and the two lines it
//! speaks: it prints its address, and takes one plan, a JSON object, with each line of standard input. An empty line asks
//! for the counts. It ends with its standard input.

use anyhow::{Context, Result, bail};
use keepsake_fault_proxy::{Plan, Proxy};
use lexopt::prelude::*;
use std::io::{BufRead, Write};
use std::net::SocketAddr;

const USAGE: &str = "keepsake-fault-proxy --upstream ADDRESS [--listen ADDRESS]

Prints `http://ADDRESS`. Each line of standard input is a plan in JSON, such as {\"lose_replies\": 0.2}; it is answered with
`ok`. An empty line is answered with the counts.";

fn main() -> Result<()> {
    let (mut listen, mut upstream) = (SocketAddr::from(([127, 0, 0, 1], 0)), None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => listen = arguments.value()?.parse()?,
            Long("upstream") => upstream = Some(arguments.value()?.parse()?),
            Long("help") => {
                println!("{USAGE}");
                return Ok(());
            }
            other => bail!(other.unexpected()),
        }
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let proxy = Proxy::start(listen, upstream.context(USAGE)?)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", proxy.url())?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            writeln!(out, "{}", serde_json::to_string(&proxy.line.counts())?)?;
            continue;
        }
        match serde_json::from_str::<Plan>(&line) {
            Ok(plan) => {
                proxy.line.set(plan);
                writeln!(out, "ok")?;
            }
            Err(error) => writeln!(out, "this is no plan: {error}")?,
        }
    }
    Ok(())
}
