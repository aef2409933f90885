//! The command line: every argument, its help and its default. Owns no behaviour.

mod actions;
mod s3;

pub(crate) use actions::{
    AdminAction, AdminSettings, CapsuleAction, Hosting, IdentityAction, Road, SessionsAction, SiteAction,
    Time,
};

pub(crate) use s3::{S3Action, S3Args, S3Check};

use crate::globs::glob;
use crate::sizes::size;
use clap::{Args, Parser, Subcommand};
use globset::Glob;
use keepsake_client::api::Principal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  keepsake serve --data ./data            start a node of your own
  keepsake upload holiday/*.jpg           upload photos, or go on after a crash
  keepsake ls                             list what is there
  keepsake get mem_1 --asset display      save the screen-sized picture
  keepsake capsule grant capsule_1 PRINCIPAL guest

Exit codes:
  0 ok                    4 not allowed               8 some files failed, the others are there
  1 failed                5 conflict, exists already  130 interrupted
  2 wrong arguments       6 quota or storage used up
  3 not found             7 the node cannot be reached
Of several files that all fail for different reasons the code is 1.

With --json each command prints one JSON object or array to standard output; `upload` and `rm` print one \
object per line and file, and `upload` of several files a last one with the sum. Fields are added, never renamed. Times are ns since 1970, lengths are bytes. \
A command that fails prints {\"error\":{\"code\",\"message\",\"kind\"},\"exit_code\"} there too, unless \
standard output carries the file itself (`get -o -`). Messages and progress go to standard error.";

/// Photos and other memories: upload, browse, and serve them.
#[derive(Debug, Parser)]
#[command(name = "keepsake", version, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Whether a failure is told as JSON: not among the bytes of a file.
    pub(crate) fn json_errors(&self) -> bool {
        let streams = match &self.command {
            Command::Get(get) => get.output.as_deref().is_some_and(|path| path.as_os_str() == "-"),
            _ => false,
        };
        self.global.json && !streams
    }
}

/// Where to, as whom, and how to print.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Address of the node.
    #[arg(
        long,
        global = true,
        env = "KEEPSAKE_NODE",
        value_name = "URL",
        default_value = "http://127.0.0.1:4943"
    )]
    pub(crate) node: String,
    /// Canister id of the service.
    #[arg(
        long,
        global = true,
        env = "KEEPSAKE_CANISTER",
        value_name = "ID",
        default_value = keepsake_node::serve::DEFAULT_CANISTER_ID,
    )]
    pub(crate) canister: Principal,
    /// The node's root key: hexadecimal, or a file that holds it [default: the one that the node had when it was first
    /// met].
    #[arg(long, global = true, env = "KEEPSAKE_ROOT_KEY", value_name = "HEX|FILE")]
    pub(crate) root_key: Option<String>,
    /// The capsule to work in [default: your own, made on first use].
    #[arg(long = "capsule", global = true, env = "KEEPSAKE_CAPSULE", value_name = "ID")]
    pub(crate) capsule_id: Option<String>,
    /// The key to sign with, see `keepsake identity` [default: the one in use].
    #[arg(long, global = true, env = "KEEPSAKE_IDENTITY", value_name = "NAME")]
    pub(crate) identity: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results and errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more; twice: log requests too.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How much goes to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
    Debug,
}

impl Global {
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node on this machine.
    Serve(Box<Serve>),
    /// Check a data directory that no node uses: exit code 0 sound, 1 broken.
    Fsck(Fsck),
    /// Upload files; each becomes a memory.
    Upload(Upload),
    /// List the memories of a capsule, newest first.
    Ls(Ls),
    /// Show one memory with its assets.
    Show(Show),
    /// Save an asset of a memory as a file.
    Get(Get),
    /// Print addresses that open a memory's assets in a browser.
    Link(Link),
    /// Delete memories with their assets.
    Rm(Rm),
    /// Your uploads: pending, and those that ended lately.
    Sessions {
        #[command(subcommand)]
        action: Option<SessionsAction>,
    },
    /// What you and a capsule use of each limit, and what is left.
    #[command(visible_alias = "df")]
    Usage {
        /// Default: --capsule, else your own.
        capsule_id: Option<String>,
    },
    /// Capsules and who may see them.
    Capsule {
        #[command(subcommand)]
        action: Option<CapsuleAction>,
    },
    /// The web app that the canister or node shows; without an action, its files. Controllers set it.
    #[command(after_help = "Example:\n  keepsake site set web/packages/app/dist")]
    Site {
        #[command(subcommand)]
        action: Option<SiteAction>,
    },
    /// The keys that you sign with.
    Identity {
        #[command(subcommand)]
        action: Option<IdentityAction>,
    },
    /// What whoever runs the host may do; each use is logged. On a host that runs, with a controller's key; with the node
    /// stopped, by `--data`.
    #[command(
        after_help = "Examples:\n  keepsake admin sessions\n  keepsake admin block PRINCIPAL --reason spam\n  keepsake admin give capsule_3 PRINCIPAL --data ~/keepsake     with the node stopped"
    )]
    Admin {
        /// The data directory of a node that does not run.
        #[arg(long, global = true, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(subcommand)]
        action: AdminAction,
    },
    /// The S3 bucket that a node keeps originals in.
    S3 {
        #[command(subcommand)]
        action: S3Action,
    },
    /// Print a completion script for your shell.
    #[command(
        after_help = "Example:\n  keepsake completions bash > ~/.local/share/bash-completion/completions/keepsake"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What the store keeps of the options.
const KEPT: &str = "Kept in the store: left out, each stays as it was at the last start";

/// Who may see every session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    /// Nobody any more.
    Nobody,
    /// Beside others.
    One(Principal),
}

impl Controller {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::Nobody),
            text => match Principal::from_text(text) {
                Ok(nobody)
                    if nobody == Principal::anonymous() || nobody == Principal::management_canister() =>
                {
                    Err("nobody has the key of this principal: name one of a person".to_owned())
                }
                Ok(principal) => Ok(Self::One(principal)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Admission {
    /// Whoever has a key may make capsules.
    Everybody,
    /// Only who was invited, and whom the store knows already.
    Invited,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  keepsake serve --data ~/keepsake --listen 127.0.0.1:4943\n  keepsake serve --data ~/keepsake --host photos.example     behind a proxy with TLS\n  keepsake serve --data ~/keepsake --listen 0.0.0.0:4943 --tls-cert cert.pem --tls-key key.pem\n  keepsake serve --config keepsake.toml\n\nA SIZE is in bytes, or has a unit: 500GiB, 2TB. A certificate is read anew when its files change, and on SIGHUP. Browsers on other machines need https to use the page: docs/home.md.\n\nStop it with Ctrl-C: requests under way are finished first."
)]
pub(crate) struct Serve {
    /// Directory that holds everything; made on the first start.
    #[arg(long, env = "KEEPSAKE_DATA", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// A file with options of this command, in TOML: `listen = "0.0.0.0:4943"`, `host = ["photos.home"]`. An option that is given
    /// here wins.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = keepsake_node::serve::DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Folder of a built web app to serve at `/`, where `keepsake site` set none [default: the one built into this
    /// program].
    #[arg(long, value_name = "DIR")]
    pub(crate) app: Option<PathBuf>,
    /// A name that the node answers to, as behind a proxy; may be given several times [default: on loopback the names of this
    /// machine, else any].
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// An origin whose pages may use the node beside its own, such as `https://photos.example`, or `*` for all; may be given
    /// several times.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) cors_origin: Vec<String>,
    /// PEM file with the node's own certificate, and those that lead to its authority: it speaks https then.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key, which only you can read.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Log one JSON object per line.
    #[arg(long)]
    pub(crate) log_json: bool,
    /// A principal that may see every session and set the site, or `none`; may be given several times [default for a new store:
    /// none].
    #[arg(long, value_name = "PRINCIPAL", value_parser = Controller::parse, help_heading = KEPT)]
    pub(crate) controller: Vec<Controller>,
    /// Who may make capsules here [default: everybody on loopback; only who was invited where others can reach it, by
    /// another address or by a --host].
    #[arg(long, value_name = "WHO", help_heading = KEPT)]
    pub(crate) admission: Option<Admission>,
    /// Most bytes of all memories together [default for a new store: 500 GiB].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = KEPT)]
    pub(crate) heap_bytes_max: Option<u64>,
    /// Most bytes of all records together: texts, indexes, sessions [default for a new store: 16 GiB].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = KEPT)]
    pub(crate) record_bytes_max: Option<u64>,
    /// Most bytes of one capsule [default for a new store: 500 GiB].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = KEPT)]
    pub(crate) capsule_bytes_max: Option<u64>,
    /// Most bytes of the records of one capsule, mostly texts [default for a new store: 2 GiB].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = KEPT)]
    pub(crate) capsule_record_bytes_max: Option<u64>,
    /// Most bytes of one person's unfinished uploads [default for a new store: 256 GiB].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = KEPT)]
    pub(crate) bytes_in_flight_per_caller_max: Option<u64>,
    /// Most unfinished uploads of one person [default for a new store: 1000].
    #[arg(long, value_name = "N", help_heading = KEPT)]
    pub(crate) sessions_per_caller_max: Option<u32>,
    #[command(flatten)]
    pub(crate) s3: S3Args,
    /// Originals that are here so long move into the bucket, those that clients would send there today: 7d, 12h [default: they stay
    /// here].
    #[arg(long, value_name = "TIME", requires = "s3", value_parser = humantime::parse_duration, help_heading = s3::BUCKET)]
    pub(crate) tier_after: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  keepsake fsck --bytes ~/keepsake\n  keepsake fsck --s3 https://s3.example.com --s3-bucket photos ~/keepsake\n\nStop the node first. Nothing is repaired, but for what --s3-remove-orphans removes. Exit codes: 0 sound, 1 broken, 2 cannot be read, 3 no data \
                  directory, 5 a node uses it, 7 the bucket does not answer."
)]
pub(crate) struct Fsck {
    /// The directory that `keepsake serve --data` uses.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Read all bytes too, and compare them with their SHA-256.
    #[arg(long)]
    pub(crate) bytes: bool,
    /// Remove what lies in the bucket and no record names any more. Not where DIR comes from a backup: what was uploaded after it
    /// is named by no record there.
    #[arg(long, requires = "s3", help_heading = s3::BUCKET)]
    pub(crate) s3_remove_orphans: bool,
    /// With a bucket, what is in it is compared with the records.
    #[command(flatten)]
    pub(crate) s3: S3Args,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  keepsake upload photo.jpg\n  keepsake upload -r ~/Pictures/2024 --tag holiday\n  keepsake upload -r ~/Takeout --exclude '*.json' --exclude raw/\n\nOf folders, links, pipes, empty and hidden files are skipped, and what systems keep there (@eaDir, Thumbs.db and the like). When no other file can fare better (no room, no node, no right) the rest is not tried. Exit code 8: some files are there and others are not. A GLOB with a slash is of the path below the folder; a file that is named itself is always taken.\n\nAn upload that was interrupted goes on where it stopped: run the same command again.\nA file whose bytes are in the capsule already is not sent: its memory is named instead; --again makes another one. Two runs over one folder share it."
)]
pub(crate) struct Upload {
    /// Files, and with -r folders.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Go into folders.
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Of folders, only files with such a name, as '*.jpg', or in such a folder; may be given several times.
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) include: Vec<Glob>,
    /// Of folders, no file or folder with such a name; may be given several times.
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) exclude: Vec<Glob>,
    /// A tag for the memories; may be given several times.
    #[arg(short, long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Title of the memory [default: the file name].
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// Send the original only, without display, thumbnail and placeholder.
    #[arg(long)]
    pub(crate) no_derivatives: bool,
    /// Make another memory of a file that is there already.
    #[arg(long)]
    pub(crate) again: bool,
    /// Files at once.
    #[arg(short, long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) jobs: u16,
    /// Chunks in flight at once, of all files together.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(crate) in_flight: u16,
    /// Which way chunks go: for tests and measurements.
    #[arg(long, value_enum, default_value_t = Road::Auto, hide = true)]
    pub(crate) road: Road,
    /// Where originals go, on a node that keeps them in an S3 bucket; what is made of them stays on the node.
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = Hosting::Auto)]
    pub(crate) hosting: Hosting,
    /// While the node or its bucket cannot be reached, keep trying for this long, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) retry_for: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Rows of one page.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Go on after an earlier page: its `next_cursor`.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// All pages.
    #[arg(short, long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The memory, such as `mem_1`.
    #[arg(value_name = "MEMORY")]
    pub(crate) memory_id: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  keepsake get mem_1\n  keepsake get mem_1 --asset thumbnail -o small.jpg\n  keepsake get mem_1 -o - | less\n\nA download that was interrupted goes on where it stopped: run the same command again. Until the file is complete its bytes are beside it in a hidden file that ends with .part. An original gets the time that its file had when it was uploaded."
)]
pub(crate) struct Get {
    /// The memory, such as `mem_1`.
    #[arg(value_name = "MEMORY")]
    pub(crate) memory_id: String,
    /// original, display, thumbnail, placeholder, or the id of an asset.
    #[arg(short, long, value_name = "ASSET", default_value = "original")]
    pub(crate) asset: String,
    /// File or folder to write to, `-` for standard output [default: the asset's own name, here].
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite a file that is there.
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  keepsake link mem_1 --valid-for 600\n\nWhoever has such an address can open it while it is valid."
)]
pub(crate) struct Link {
    /// The memory, such as `mem_1`.
    #[arg(value_name = "MEMORY")]
    pub(crate) memory_id: String,
    /// How long the addresses open, seconds; at most 86400, a day.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) valid_for: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Memories, such as `mem_1`.
    #[arg(required = true, value_name = "MEMORY")]
    pub(crate) memory_ids: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_names_every_exit_code() {
        for exit in crate::failure::Exit::ALL {
            assert!(EXAMPLES.contains(&format!("{} ", exit as u8)), "{exit:?}");
        }
    }
}
