//! What every command needs: a client for the given node, key and capsule. Owns its making.

use crate::args::{Global, Verbosity};
use crate::failure::{Exit, Failure};
use crate::identity::KeyStore;
use crate::output::Output;
use crate::root_key;
use crate::terminal;
use anyhow::Result;
use keepsake_client::agent::Identity;
use keepsake_client::api::Standing;
use keepsake_client::{AgentOptions, AgentTransport, Client, KnownNodes, RetryPolicy, RootKey};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

/// A command that only asks does not wait long for a node that is not there.
const UNREACHABLE_MAX: Duration = Duration::from_secs(2);

/// A client and how to print.
pub(crate) struct Context {
    pub(crate) client: Client<AgentTransport>,
    pub(crate) output: Output,
    capsule_id: Option<String>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Self> {
        let output = Output::new(global);
        let (key, made) = KeyStore::of_user()?.load(given(global.identity.as_ref()))?;
        if made {
            output.note(format_args!("made a key for you: {}", key.path.display()));
        }
        Self::signing_with(global, key.identity)
    }

    /// The same for another key than that of the user.
    pub(crate) fn signing_with(global: &Global, identity: Arc<dyn Identity>) -> Result<Self> {
        let output = Output::new(global);
        let store = KeyStore::of_user()?;
        let transport = AgentTransport::new(AgentOptions {
            node_url: global.node.clone(),
            canister_id: global.canister,
            identity,
            root_key: match given(global.root_key.as_ref()) {
                Some(key) => RootKey::Pinned(root_key::read(key)?),
                None => RootKey::Known(KnownNodes::in_file(store.known_nodes_file())),
            },
        })
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        if transport.is_readable_on_the_way() {
            output.note(format_args!(
                "warning: {} is plain http: whoever is on the way to it can read your photos; use https",
                global.node
            ));
        }
        let retry = RetryPolicy { unreachable_max: UNREACHABLE_MAX, ..RetryPolicy::default() };
        Ok(Self {
            client: Client::new(transport).with_retry(retry),
            output,
            capsule_id: given(global.capsule_id.as_ref()).map(str::to_owned),
        })
    }

    /// The capsule that was given, or the caller's own if there is one.
    pub(crate) async fn capsule_to_read(&self) -> Result<Option<String>> {
        if let Some(id) = &self.capsule_id {
            return Ok(Some(id.clone()));
        }
        match self.client.capsules_read_basic(None).await {
            Ok(info) => Ok(Some(info.capsule_id)),
            Err(error) if error.is_not_found() => {
                self.refuse_shut_out().await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A capsule was given: it need not be there.
    pub(crate) fn names_capsule(&self) -> bool {
        self.capsule_id.is_some()
    }

    /// The capsule that was given, or the caller's own, made when it is not there yet.
    pub(crate) async fn capsule_to_write(&self) -> Result<String> {
        if let Some(id) = &self.capsule_id {
            return Ok(id.clone());
        }
        let id = self.client.own_capsule_id().await;
        if id.is_err() {
            self.refuse_shut_out().await?;
        }
        Ok(id?)
    }

    /// Nothing is to be seen: says so where that is because the key is shut out.
    pub(crate) async fn refuse_shut_out(&self) -> Result<()> {
        let why = match self.client.whoami().await.map(|who| who.standing) {
            Ok(Standing::Blocked) => {
                "whoever runs this service shut you out: nothing that you have here was touched, and you reach none of it. Ask them"
            }
            Ok(Standing::Removed) => {
                "this key was removed from its account: ask for a new code on another device of yours (`keepsake identity invite`)"
            }
            // What else is wrong the caller says.
            _ => return Ok(()),
        };
        Err(Failure::of_shut_out(why).into())
    }
}

/// An empty variable in the environment means: not given.
pub(crate) fn given(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|value| !value.is_empty())
}

/// Logging to standard error, as far as the user wants it.
pub(crate) fn start_log(verbosity: Verbosity, log_json: bool, serving: bool) {
    let level = match verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal if serving => "info",
        Verbosity::Normal => "warn",
        Verbosity::Verbose => "info",
        Verbosity::Debug => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("KEEPSAKE_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(format!("warn,keepsake_node={level},keepsake_client={level}"))
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| terminal::Log)
        .with_ansi(std::io::stderr().is_terminal());
    // Somebody may have set one up already: then theirs is used.
    let _ = if log_json { builder.json().try_init() } else { builder.try_init() };
}
