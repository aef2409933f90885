//! `cargo xtask run`: a photo goes in and comes back, by the same road that a user takes.
//!
//! Owns the order of the steps and the options. The node and the program are in [`node`], the comparison
//! of what came back is in [`compare`], who may look at it afterwards in [`demo`].

mod compare;
mod demo;
pub(crate) mod node;

use crate::child::StopFlag;
use crate::http;
use crate::photo;
use crate::web;
use crate::workspace;
use anyhow::{Context, Result, bail};
use compare::Asset;
use demo::Demo;
use lexopt::prelude::*;
use node::{Node, Program};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEFAULT_LISTEN: &str = "127.0.0.1:4943";
const ANY_PORT: &str = "127.0.0.1:0";

#[derive(Debug, Default)]
struct Options {
    once: bool,
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    files: Vec<PathBuf>,
}

/// # Errors
/// Any step that fails, with what to do about it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("once") => options.once = true,
            Long("data") => options.data = Some(arguments.value()?.into()),
            Long("listen") => options.listen = Some(arguments.value()?.parse()?),
            Value(file) => options.files.push(file.into()),
            _ => return Err(argument.unexpected().into()),
        }
    }
    // A wrong file name is told before anything is built.
    options.files = absolute(&options.files)?;
    // First: the program takes the app in.
    match web::node_missing()? {
        None => web::build()?,
        Some(what) => println!("No web app: {what}"),
    }
    run(workspace::keepsake()?, options)
}

/// What `--once` does, with a program that is there already.
///
/// # Errors
/// Any step that fails.
pub(crate) fn once(program: PathBuf) -> Result<()> {
    run(program, Options { once: true, ..Options::default() })
}

fn run(program: PathBuf, options: Options) -> Result<()> {
    let stop = StopFlag::install()?;
    let target = workspace::target_dir()?;
    std::fs::create_dir_all(&target)?;
    // Dropped after the node, so that the node stops before its files go.
    let temporary = if options.once {
        Some(tempfile::Builder::new().prefix("keepsake-once-").tempdir_in(&target)?)
    } else {
        None
    };
    let folder = temporary.as_ref().map_or_else(|| target.join("keepsake-run"), |dir| dir.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let data = options.data.map_or_else(|| Ok(folder.join("data")), std::path::absolute)?;
    let listen = address(options.listen)?;
    let mut node = Node::start(&program, &data, listen, &folder.join("node.log"), &stop)?;
    println!("A node serves {} from {}", node.url, data.display());
    let page = app_is_served(&node)?;
    let program = Program::new(program, node.url.clone(), folder.join("identity"));
    let own_photo = options.files.is_empty();
    let files = if own_photo { vec![make_photo(&folder)?] } else { options.files };
    let demo = Demo::private(&program)?;
    let mut assets = Vec::new();
    for file in &files {
        assets.extend(go_and_come_back(&program, file, own_photo, &stop)?);
    }
    // Where others reach the node, it is not for us to show them the photos.
    let is_public = listen.ip().is_loopback();
    if is_public {
        demo.open_to_all(&assets)?;
        println!("{:12} read by anybody, now that their capsule is public", "all");
    }
    if options.once {
        return node.stop();
    }
    println!(
        "\nServing at {} until you press Ctrl-C. Its log: {}",
        node.url,
        folder.join("node.log").display()
    );
    match (page, is_public) {
        (true, true) => {
            println!("Your photos in the web app: {}", demo.address(&node.url));
            println!("Their capsule is public on this node, which listens on this machine only.");
            println!("To drop photos of your own: the button at the top of the page, or {}/", node.url);
        }
        (true, false) => {
            println!("The web app: {}/", node.url);
            println!("It does not show these photos: others reach this node, so their capsule is private.");
        }
        (false, _) => {}
    }
    println!("Your turn:\n  export {}", program.environment());
    println!("  {} ls", program.path().display());
    node.serve_until(&stop)
}

/// The app is at the node's root, where it was built.
fn app_is_served(node: &Node) -> Result<bool> {
    let Ok(page) = std::fs::read(web::app().join("index.html")) else { return Ok(false) };
    let (status, body) = http::get_all(&format!("{}/", node.url))?;
    if status != 200 || body != page {
        bail!("the node serves another page than the app that is built, with status {status}");
    }
    Ok(true)
}

fn absolute(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    files
        .iter()
        .map(|file| file.canonicalize().with_context(|| format!("cannot read {}", file.display())))
        .collect()
}

/// The address to listen on: the one that was asked for, or the usual one if it is free, or any.
fn address(asked: Option<SocketAddr>) -> Result<SocketAddr> {
    let wanted = asked.map_or_else(|| DEFAULT_LISTEN.parse(), Ok).expect("the default address parses");
    // Closed again at once; when somebody takes it before the node does, the node says so.
    match TcpListener::bind(wanted) {
        Ok(_) => Ok(wanted),
        Err(error) if asked.is_some() => Err(error)
            .with_context(|| format!("cannot listen on {wanted}: choose another address with --listen")),
        Err(error) => {
            println!(
                "{DEFAULT_LISTEN} cannot be had ({error}), so a free port is used; --listen chooses one"
            );
            Ok(ANY_PORT.parse().expect("the address parses"))
        }
    }
}

fn make_photo(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("upright-landscape.jpg");
    if !path.exists() {
        let unfinished = folder.join("unfinished.jpg");
        photo::write(&unfinished).context("cannot make the photo")?;
        std::fs::rename(&unfinished, &path)?;
    }
    println!("The photo: 12 megapixels, EXIF orientation 6: {}", path.display());
    Ok(path)
}

fn go_and_come_back(program: &Program, file: &Path, own_photo: bool, stop: &StopFlag) -> Result<Vec<Asset>> {
    let name = file.display();
    println!("\nUploading {name} by both lanes …");
    let uploaded = program.upload(file, stop)?;
    let memory_id = uploaded["memory_id"].as_str().context("`keepsake upload` told no memory_id")?;
    let seconds = uploaded["seconds"].as_f64().map(Duration::from_secs_f64).unwrap_or_default();
    println!("Published as {memory_id} after {:.2} s", seconds.as_secs_f64());
    stop.check()?;
    let assets = compare::assets(program, memory_id)?;
    compare::print(&assets);
    compare::all(&assets, file, own_photo)
        .with_context(|| format!("{name} did not come back as it should"))?;
    stop.check()?;
    Ok(assets)
}
