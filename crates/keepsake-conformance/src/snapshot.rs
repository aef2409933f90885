//! Everything that can be observed of a capsule and its sessions, as the bytes of the answers. Owns the comparison
//! "an error changed nothing".

use crate::api::{Answer, Page};
use crate::host::Who;
use crate::world::{Things, World};
use candid::utils::ArgumentEncoder;
use keepsake_client::Transport;
use std::collections::{BTreeMap, BTreeSet};

/// Question to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Vec<u8>>);

impl Snapshot {
    /// Asks everything about the world's capsule and the things in it.
    pub async fn take<T: Transport>(world: &World<T>, things: &Things) -> Self {
        let mut taken = Self(BTreeMap::new());
        let capsule = things.capsule.as_str();
        for who in [Who::Owner, Who::Member, Who::Colleague, Who::Stranger] {
            taken.ask(world, who, "capsules_list", ()).await;
            taken.ask(world, who, "sessions_list", ()).await;
            taken.ask(world, who, "sessions_stats", ()).await;
        }
        taken.ask(world, Who::Controller, "sessions_stats", ()).await;
        taken.ask(world, Who::Controller, "_probe_sessions", ()).await;
        taken.ask(world, Who::Owner, "capsules_read_full", (Some(capsule),)).await;
        taken.ask(world, Who::Member, "uploads_status", (things.session,)).await;
        for locator in [things.blob.as_str(), things.referenced.as_str()] {
            taken.ask(world, Who::Member, "blob_get_meta", (locator,)).await;
            taken.ask(world, Who::Member, "blob_read", (locator,)).await;
        }
        let none: Option<String> = None;
        let page = taken.ask(world, Who::Owner, "memories_list", (capsule, none, Some(100_u32))).await;
        if let Ok(page) = candid::decode_one::<Answer<Page>>(&page).expect("a page decodes") {
            for row in page.items {
                taken.ask(world, Who::Owner, "memories_read", (row.id.as_str(),)).await;
            }
        }
        taken
    }

    /// The questions whose answers differ.
    pub fn changes<'a>(&'a self, after: &'a Self) -> Vec<&'a str> {
        let all: BTreeSet<&String> = self.0.keys().chain(after.0.keys()).collect();
        all.into_iter().filter(|key| self.0.get(*key) != after.0.get(*key)).map(String::as_str).collect()
    }

    async fn ask<T: Transport, A: ArgumentEncoder>(
        &mut self,
        world: &World<T>,
        who: Who,
        method: &'static str,
        args: A,
    ) -> Vec<u8> {
        let arg = candid::encode_args(args).expect("samples encode");
        let question = format!("{method} by {who:?} #{}", self.0.len());
        let reply = world.by(who).transport().query(method, arg).await;
        let reply = reply.unwrap_or_else(|error| panic!("{question}: {error}"));
        self.0.insert(question, reply.clone());
        reply
    }
}
