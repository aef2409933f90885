//! `s3-server`: a real S3 server for tests in other languages. It makes a bucket that pages may write to, prints one line of JSON
//! about it, and stays until its input ends.

use anyhow::{Result, bail};
use keepsake_s3::{Bucket, CorsRules};
use keepsake_s3_servers::{KEEPSAKE_SEAWEEDFS, REGION, Server, program};
use lexopt::prelude::*;
use std::io::{Read, Write};

const HELP: &str = "s3-server [--bucket NAME] [--origin URL]...
Starts SeaweedFS, which KEEPSAKE_SEAWEEDFS names, with a bucket that pages of these origins (of all, where none is named) may
write to. Prints one line: {endpoint, bucket, region, access_key, secret_key}. Ends when its input does.";

fn main() -> Result<()> {
    let (mut bucket, mut origins) = ("keepsake".to_owned(), Vec::new());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("bucket") => bucket = arguments.value()?.string()?,
            Long("origin") => origins.push(arguments.value()?.string()?),
            Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    if origins.is_empty() {
        origins.push("*".to_owned());
    }
    let Some(program) = program(KEEPSAKE_SEAWEEDFS) else {
        bail!("SeaweedFS is not here: {KEEPSAKE_SEAWEEDFS} names no program");
    };
    serve(&Server::seaweedfs(&program)?, &bucket, origins)
}

fn serve(server: &Server, bucket: &str, origins: Vec<String>) -> Result<()> {
    let opened = Bucket::open(&server.bucket(bucket)?, server.credentials())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(opened.set_cors(&CorsRules { origins }))?;
    let about = serde_json::json!({
        "endpoint": format!("http://{}", server.address),
        "bucket": bucket,
        "region": REGION,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
    });
    println!("{about}");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
