//! The actions of `sessions`, `capsule` and `identity`. Owns no behaviour.

use clap::{Subcommand, ValueEnum};
use keepsake_client::Road as ClientRoad;
use keepsake_client::api::{Principal, Role};
use std::path::PathBuf;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_means_the_anonymous_principal() {
        for word in ["public", "Public"] {
            assert_eq!(parse_person(word), Ok(Principal::anonymous()));
        }
        assert!(parse_person("nobody").is_err());
    }
}
