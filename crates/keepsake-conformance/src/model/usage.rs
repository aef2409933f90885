//! What the model says of room: what records cost, and the answer of `usage`. Owns the prices as the interface's users can
//! reckon them, from what was sent.

use super::Subject;
use super::observe::{ask, same};
use super::state::{Bounds, KeyState, Link, Model};
use super::step::{ASSET_MIME, Signer};
use crate::samples;
use candid::Principal;
use keepsake_client::api::{self, Answer, AssetType, Error, LimitUse, MemoryMetadata, Role, Usage};

const INLINE_MAX: u64 = 1 << 30;
const CAPSULES_MAX: u64 = 1_000;
const MEMBERS_MAX: u64 = 1_000;
/// Limits of the host: what is left of them is the host's to say.
const OF_HOST: [&str; 3] = ["heap_bytes", "host_bytes", "record_bytes"];

fn text(text: &str) -> u64 {
    4 + text.len() as u64
}

fn some(given: Option<&String>) -> u64 {
    given.map_or(0, |given| text(given))
}

/// What an asset costs; all assets of a run have the same texts.
pub(super) fn of_asset() -> u64 {
    let metadata = samples::asset(AssetType::Original, ASSET_MIME);
    let base = metadata.base();
    384 + text(&base.name) + text(&base.mime_type) + base.tags.iter().map(|tag| text(tag)).sum::<u64>()
}

/// What a memory costs.
pub(super) fn of_memory(meta: &MemoryMetadata, assets: usize) -> u64 {
    let lists = meta.tags.iter().chain(meta.people_in_memory.iter().flatten());
    let texts = [&meta.title, &meta.description, &meta.location, &meta.memory_notes];
    let others = [&meta.parent_folder_id, &meta.created_by];
    let texts = texts.into_iter().chain(others).map(|given| some(given.as_ref())).sum::<u64>();
    512 + text(&meta.content_type)
        + texts
        + lists.map(|one| text(one)).sum::<u64>()
        + of_asset() * assets as u64
}

/// What a blob costs.
pub(super) fn of_blob(mime_type: Option<&String>) -> u64 {
    512 + mime_type.map_or(0, |mime_type| mime_type.len() as u64)
}

/// What a link costs; those of a run have no label.
pub(super) fn of_link(link: &Link) -> u64 {
    512 + 128 * link.named.as_ref().map_or(0, |named| named.len() as u64)
}

impl Model {
    pub(super) fn record_bytes(&self, capsule: &str) -> u64 {
        let memories = self.memories.values().filter(|memory| memory.capsule == capsule);
        let blobs = self.blobs.values().filter(|blob| blob.capsule == capsule);
        let links = self.keys.values().filter_map(|key| match key {
            KeyState::Link(link) if link.capsule == capsule => Some(of_link(link)),
            KeyState::EndedLink(of) if of == capsule => Some(256),
            _ => None,
        });
        memories.map(|memory| of_memory(&memory.metadata, memory.assets.len())).sum::<u64>()
            + blobs.map(|blob| of_blob(blob.mime_type.as_ref())).sum::<u64>()
            + links.sum::<u64>()
    }

    /// There is room for `more` bytes of records.
    pub(super) fn records_allow(&self, bounds: &Bounds, capsule: &str, more: u64) -> Result<(), Error> {
        let within = self.record_bytes(capsule) + more <= bounds.capsule_record_bytes_max;
        if more == 0 || within { Ok(()) } else { Err(Error::ResourceExhausted) }
    }

    fn usage(&self, bounds: &Bounds, who: &Principal, capsule: Option<&str>) -> Answer<Usage> {
        Self::somebody(who)?;
        let made = self.capsules.values().filter(|capsule| capsule.creator == *who).count();
        let mut limits = vec![
            row("sessions_per_caller", self.pending_of(who) as u64, bounds.sessions_per_caller_max.into()),
            row(
                "bytes_in_flight_per_caller",
                self.caller_in_flight(who),
                bounds.bytes_in_flight_per_caller_max,
            ),
            row("capsules_per_caller", made as u64, CAPSULES_MAX),
        ];
        let of_account = |account: &Principal| {
            self.account_quota(account).map(|(used, max)| row("account_bytes", used, max))
        };
        if capsule.is_none() {
            limits.extend(of_account(who));
        }
        if let Some(id) = capsule {
            self.require(id, who, Role::Member)?;
            limits.extend(of_account(&self.capsules[id].creator));
            let bytes = self.bytes_used(id) + self.in_flight(id);
            limits.extend([
                row("capsule_bytes", bytes, bounds.capsule_bytes_max),
                row("inline_bytes_per_capsule", self.inline_used(id), INLINE_MAX),
                row("capsule_record_bytes", self.record_bytes(id), bounds.capsule_record_bytes_max),
                row("members_per_capsule", self.capsules[id].members.len() as u64, MEMBERS_MAX),
            ]);
        }
        Ok(Usage { limits })
    }

    /// Compares what somebody hears of its own limits and of each capsule's.
    pub(super) fn compare_usage(&self, subject: &mut impl Subject, who: Signer) -> Result<(), String> {
        let Signer { key, account: who } = who;
        let bounds = subject.bounds();
        let missing = "capsule_999".to_owned();
        let asked = self.capsules.keys().chain([&missing]).map(Some).chain([None]);
        for capsule in asked {
            let mut seen: Answer<Usage> = ask(subject, key, "usage", (capsule,))?;
            if let Ok(usage) = &mut seen {
                let of_host = |limit: &LimitUse| OF_HOST.contains(&limit.code.as_str());
                // Of the host, who does not control it hears what is left, and nothing of what others use.
                if !Self::is_controller(&who)
                    && let Some(leak) = usage
                        .limits
                        .iter()
                        .find(|limit| of_host(limit) && (limit.used > 0 || limit.max != limit.left))
                {
                    return Err(format!("usage tells a stranger of the host: {leak:?}"));
                }
                usage.limits.retain(|limit| !of_host(limit));
            }
            let told = self.usage(&bounds, &who, capsule.map(String::as_str));
            if !same(&seen, &told) {
                return Err(format!("usage of {capsule:?}\n  system: {seen:?}\n  model:  {told:?}"));
            }
        }
        Ok(())
    }
}

fn row(code: &str, used: u64, max: u64) -> LimitUse {
    api::LimitUse { code: code.to_owned(), used, max, left: max.saturating_sub(used) }
}
