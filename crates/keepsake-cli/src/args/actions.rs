//! The actions of `sessions`, `capsule`, `identity` and `admin`. Owns no behaviour.

use clap::{Subcommand, ValueEnum};
use keepsake_client::api::{Principal, Role};
use keepsake_client::{Hosting as ClientHosting, Road as ClientRoad};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsAction {
    /// List your uploads: pending first, then those that ended lately.
    Ls,
    /// Give uploads up and free what they hold.
    Abort {
        /// Session numbers.
        #[arg(required_unless_present = "all", value_name = "SESSION")]
        session_ids: Vec<u64>,
        /// All of yours that are pending.
        #[arg(long, conflicts_with = "session_ids")]
        all: bool,
    },
    /// Evict sessions whose time ran out.
    Cleanup,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SiteAction {
    /// Make the files of a folder the site, in place of those that are there; only files that changed are sent.
    ///
    /// At most 500 files of up to 2,000,000 bytes; names of letters, digits and -._~@+. Hidden files, links and empty
    /// files are left out, but for .well-known. A file service.json is added where there is none: by it the page finds
    /// its canister on a custom domain.
    Set {
        /// Folder of a built web app, with an index.html.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Remove all files of the site.
    Clear {
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CapsuleAction {
    /// List the capsules that you have a role in.
    Ls,
    /// Show a capsule with its members.
    Show {
        /// The capsule [default: your own].
        capsule_id: Option<String>,
    },
    /// Make your own capsule, or one about somebody.
    Create {
        /// A name or a principal: whom the capsule is about [default: you].
        #[arg(long, value_name = "PERSON")]
        about: Option<String>,
    },
    /// Delete a capsule with all its memories.
    Delete {
        /// The capsule.
        capsule_id: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Give somebody a role.
    #[command(after_help = "Example:\n  keepsake capsule grant capsule_1 public guest    everybody may look")]
    Grant {
        /// The capsule.
        capsule_id: String,
        /// Who: a principal, or `public` for everybody.
        #[arg(value_parser = parse_person, value_name = "PRINCIPAL")]
        who: Principal,
        /// What they may do.
        #[arg(ignore_case = true)]
        role: RoleName,
    },
    /// Say yes to a capsule that somebody else gave you.
    Accept {
        /// The capsule.
        capsule_id: String,
    },
    /// Give your own role in a capsule up.
    Leave {
        /// The capsule.
        capsule_id: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Call a capsule by a name.
    Rename {
        /// The capsule.
        capsule_id: String,
        /// The name; none takes it away.
        name: Option<String>,
    },
    /// Make a code that gives a role to whoever redeems it.
    #[command(
        after_help = "Example:\n  keepsake capsule invite capsule_1 guest --uses 5 --expires 7d --label Cousins"
    )]
    Invite {
        /// The capsule.
        capsule_id: String,
        /// What they may do.
        #[arg(ignore_case = true)]
        role: RoleName,
        /// How many people may redeem it.
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// How long it is good: `2h`, `7d`, or `never`.
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_time)]
        expires: Time,
        /// What you call it.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
    },
    /// List the invitations into a capsule.
    Invitations {
        /// The capsule.
        capsule_id: String,
    },
    /// Take an invitation back.
    Uninvite {
        /// Its number, from `invitations`.
        invitation: u64,
    },
    /// Take what a code gives: a role in a capsule, or a place on the host.
    Redeem {
        /// The code: 22 characters, 12 words, or the address that you were sent.
        #[arg(required = true, value_name = "CODE")]
        code: Vec<String>,
    },
    /// Make a link: whoever has it may look, and nobody else.
    #[command(
        after_help = "Example:\n  keepsake capsule share capsule_1 --expires 7d\n  keepsake capsule share capsule_1 mem_3 mem_4 --no-download"
    )]
    Share {
        /// The capsule.
        capsule_id: String,
        /// Memories that it shows [default: all, those to come too].
        #[arg(value_name = "MEMORY")]
        memories: Vec<String>,
        /// How long it is good: `1d`, `365d`, or `never`.
        #[arg(long, value_name = "TIME", default_value = "never", value_parser = parse_time)]
        expires: Time,
        /// Show no originals, only the versions made for looking.
        #[arg(long)]
        no_download: bool,
        /// Ask for a password, which is part of the key: read from the terminal, or a line of standard input.
        #[arg(long)]
        password: bool,
        /// Let chats and the like show a title and a small picture of it to whoever gets the address, their servers included. Only
        /// a node does; the canister keeps the wish.
        #[arg(long, conflicts_with = "password")]
        preview: bool,
        /// What you call it.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
    },
    /// List the links into a capsule.
    Shares {
        /// The capsule.
        capsule_id: String,
    },
    /// End a link, at once.
    Unshare {
        /// The capsule.
        capsule_id: String,
        /// The link's principal, from `shares`.
        #[arg(value_name = "PRINCIPAL")]
        link: Principal,
    },
    /// Take somebody's role away.
    Revoke {
        /// The capsule.
        capsule_id: String,
        /// Who: a principal, or `public` for everybody.
        #[arg(value_parser = parse_person, value_name = "PRINCIPAL")]
        who: Principal,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Also grants roles and deletes the capsule.
    Owner,
    /// Also changes and deletes any memory.
    Admin,
    /// Also uploads.
    Member,
    /// Looks.
    Guest,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Admin => Self::Admin,
            RoleName::Member => Self::Member,
            RoleName::Guest => Self::Guest,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityAction {
    /// Show the key in use: its name and principal.
    Show,
    /// List all keys.
    List,
    /// Make a new Ed25519 key.
    New {
        /// Its name.
        name: String,
    },
    /// Take over a key from a PEM file: Ed25519 (PKCS#8) or secp256k1.
    Import {
        /// Its name here.
        name: String,
        /// The file.
        pem: PathBuf,
    },
    /// Print a key as PEM. Whoever has it can act as you.
    Export {
        /// Its name [default: the one in use].
        name: Option<String>,
    },
    /// Sign with this key from now on.
    Use {
        /// Its name.
        name: String,
    },
    /// Make a code by which one more device joins your account, within 15 minutes.
    Invite {
        /// What to call the device.
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
    },
    /// Make this key a device of the account that a code is for, with all that it has.
    #[command(
        after_help = "Examples:\n  keepsake identity join q83vEjRWeJCrze8SNFZ4kA\n  keepsake identity join abandon ability able …      the 12 words\n  keepsake identity join 'http://localhost:4943/#join=…'"
    )]
    Join {
        /// The code: 22 characters, 12 words, or the address with it.
        #[arg(required = true, value_name = "CODE")]
        code: Vec<String>,
        /// What to call this device.
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
        /// Do not ask, where this key has photos already that the account gets.
        #[arg(short, long)]
        yes: bool,
    },
    /// Make a recovery sheet: 24 words that open your account where no device is left.
    Sheet,
    /// Come back to your account by the 24 words of its recovery sheet, read from the terminal or standard input.
    Recover {
        /// What to call this device.
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
    },
    /// List the devices of your account.
    Devices,
    /// Shut a device out of your account, at once.
    Remove {
        /// Its principal, from `devices`.
        #[arg(value_name = "PRINCIPAL")]
        device: Principal,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

/// What whoever runs the host may do.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminAction {
    /// All unfinished uploads of everybody.
    Sessions,
    /// End unfinished uploads.
    Evict {
        /// Session numbers.
        #[arg(required = true, value_name = "SESSION")]
        session_ids: Vec<u64>,
    },
    /// Remove memories or capsules, whoever they are of.
    Remove {
        /// Ids of memories or capsules.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Shut a person out, by all of its devices. What it has stays.
    Block {
        /// The person, by any of its devices.
        #[arg(value_name = "PRINCIPAL")]
        who: Principal,
        /// Why; told to controllers alone.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let a person in again.
    Unblock {
        /// The person.
        #[arg(value_name = "PRINCIPAL")]
        who: Principal,
    },
    /// How many bytes all capsules may have that a person makes.
    Quota {
        /// The person.
        #[arg(value_name = "PRINCIPAL")]
        who: Principal,
        /// Such as 50GiB, or `none`.
        #[arg(value_name = "SIZE", value_parser = parse_quota)]
        quota: Quota,
    },
    /// Show what is set, or set who may come in and the limits of everybody. It stays set until it is set otherwise: here, or by an
    /// option of `keepsake serve` at its next start.
    #[command(name = "set")]
    Set(Box<AdminSettings>),
    /// Who may come in: everybody, or only who was invited.
    Admission {
        /// Who.
        who: super::Admission,
    },
    /// Make a code that lets people onto the host.
    Invite {
        /// How many people may redeem it.
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// How long it is good: `2h`, `7d`, or `never`.
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_time)]
        expires: Time,
        /// What you call it.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// Bytes of all capsules that each of them makes, at most.
        #[arg(long, value_name = "SIZE", value_parser = crate::sizes::size)]
        quota: Option<u64>,
    },
    /// List the invitations onto the host.
    Invitations,
    /// Make a person an owner of a capsule that nobody reaches any more. Its members see it.
    Give {
        /// The capsule.
        capsule_id: String,
        /// The person.
        #[arg(value_name = "PRINCIPAL")]
        who: Principal,
    },
    /// What operators did, newest first.
    Log,
}

/// What may be set while the host runs; left out, each stays.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminSettings {
    /// Who may make capsules here.
    #[arg(long, value_name = "WHO")]
    pub(crate) admission: Option<super::Admission>,
    /// Most bytes of all memories together.
    #[arg(long, value_name = "SIZE", value_parser = crate::sizes::size)]
    pub(crate) heap_bytes_max: Option<u64>,
    /// Most bytes of all records together.
    #[arg(long, value_name = "SIZE", value_parser = crate::sizes::size)]
    pub(crate) record_bytes_max: Option<u64>,
    /// Most bytes of one capsule.
    #[arg(long, value_name = "SIZE", value_parser = crate::sizes::size)]
    pub(crate) capsule_bytes_max: Option<u64>,
    /// Most bytes of the records of one capsule.
    #[arg(long, value_name = "SIZE", value_parser = crate::sizes::size)]
    pub(crate) capsule_record_bytes_max: Option<u64>,
    /// Most bytes of one person's unfinished uploads.
    #[arg(long, value_name = "SIZE", value_parser = crate::sizes::size)]
    pub(crate) bytes_in_flight_per_caller_max: Option<u64>,
    /// Most unfinished uploads of one person.
    #[arg(long, value_name = "N")]
    pub(crate) sessions_per_caller_max: Option<u32>,
}

/// A quota, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota(pub(crate) Option<u64>);

fn parse_quota(text: &str) -> Result<Quota, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Quota(None));
    }
    crate::sizes::size(text).map(|bytes| Quota(Some(bytes)))
}

/// How long something is good; none: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Option<Duration>);

fn parse_time(text: &str) -> Result<Time, String> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(Time(None));
    }
    let time =
        humantime::parse_duration(text).map_err(|error| format!("{error}; write 2h, 7d, or `never`"))?;
    if time.is_zero() { Err("it would end before it begins".into()) } else { Ok(Time(Some(time))) }
}

fn parse_person(text: &str) -> Result<Principal, String> {
    if text.eq_ignore_ascii_case("public") {
        return Ok(Principal::anonymous());
    }
    Principal::from_text(text)
        .map_err(|error| format!("write a principal, or `public` for everybody; {error}"))
}

/// Which way chunks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Road {
    /// By PUT where the host has it, else in envelopes.
    Auto,
    /// By PUT or not at all.
    Put,
    /// In envelopes.
    Envelopes,
}

impl From<Road> for ClientRoad {
    fn from(road: Road) -> Self {
        match road {
            Road::Auto => Self::Auto,
            Road::Put => Self::Put,
            Road::Envelopes => Self::Envelopes,
        }
    }
}

/// Where originals go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hosting {
    /// Into the node's S3 bucket where it has one and they are long enough for it, else to the node.
    Auto,
    /// Into the node's S3 bucket, whatever their length, or not at all.
    S3,
    /// To the node itself.
    Host,
}

impl From<Hosting> for ClientHosting {
    fn from(hosting: Hosting) -> Self {
        match hosting {
            Hosting::Auto => Self::Auto,
            Hosting::S3 => Self::S3,
            Hosting::Host => Self::Host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_quotas_are_written_as_people_write_them() {
        assert_eq!(parse_time("7d"), Ok(Time(Some(Duration::from_secs(7 * 86_400)))));
        assert_eq!(parse_time("never"), Ok(Time(None)));
        for wrong in ["0s", "7", "soon", ""] {
            assert!(parse_time(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse_quota("None"), Ok(Quota(None)));
        assert_eq!(parse_quota("1KiB"), Ok(Quota(Some(1_024))));
        assert!(parse_quota("much").is_err());
    }

    #[test]
    fn public_means_the_anonymous_principal() {
        for word in ["public", "Public"] {
            assert_eq!(parse_person(word), Ok(Principal::anonymous()));
        }
        assert!(parse_person("nobody").is_err());
    }
}
