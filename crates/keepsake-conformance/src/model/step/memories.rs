//! Steps of memories, assets and blobs.

use super::{ASSET_MIME as MIME, Step, Stepper, agree};
use crate::model::Subject;
use crate::model::memories::{MADE_TITLE, Making, NewAsset};
use crate::model::observe::number;
use crate::model::operation::{ENTITLED, Operation};
use crate::model::state::{Model, Source};
use crate::samples;
use keepsake_client::api::{self, AssetType, Role};
use serde_bytes::ByteBuf;

impl<S: Subject> Stepper<'_, S> {
    pub(super) fn create(&mut self, who: u8, capsule: u8, blob: u8, inline: u8, key: u8) -> Step {
        let (now, bounds, blob) = (self.now(), self.subject.bounds(), self.blob_at(blob));
        let known = self.model.blobs.get(&blob).filter(|_| who == ENTITLED);
        let (who, capsule) = match known {
            Some(known) => (self.device_of(&known.creator), known.capsule.clone()),
            None => (self.by(who, |_| None), self.capsule_at(capsule)),
        };
        let bytes = inline_bytes(inline);
        let mut assets: Vec<NewAsset> = vec![(AssetType::Original, Source::Blob(blob.clone()))];
        assets.extend(bytes.iter().map(|bytes| (AssetType::Thumbnail, Source::Inline(bytes.clone()))));
        let blobs = vec![api::InternalBlobAssetInput {
            blob_id: blob,
            metadata: samples::asset(AssetType::Original, MIME),
        }];
        let inline: Vec<_> = bytes.iter().map(|bytes| inline_input(AssetType::Thumbnail, bytes)).collect();
        let idem = format!("key{key}");
        let method = "memories_create_with_internal_blobs_and_inline_assets";
        let making = Making {
            key: ("memory", who.account, capsule.clone(), idem.clone()),
            arguments: format!("{assets:?}"),
            assets: &assets,
        };
        let expected = self.model.may_create(&bounds, &who.account, &capsule, &making);
        let answer =
            self.send::<String>(who, method, (&capsule, samples::memory(MADE_TITLE), blobs, inline, idem))?;
        match (&answer, expected) {
            (Ok(id), Ok(None)) => {
                self.fresh(id)?;
                let (key, arguments) = (making.key.clone(), making.arguments.clone());
                let made = samples::memory(MADE_TITLE);
                self.model.make_memory(number(id), who.account, &capsule, made, assets, now);
                self.model.answers.insert(key, (arguments, id.clone()));
                Ok(())
            }
            (_, expected) => agree(method, &answer, &expected.map(Option::unwrap_or_default)),
        }
    }

    pub(super) fn add_asset(&mut self, who: u8, memory: u8, blob: Option<u8>, kind: u8, key: u8) -> Step {
        let (now, bounds, id) = (self.now(), self.subject.bounds(), self.memory_at(memory));
        let who = self.owner_of_memory(who, id);
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        let source = blob
            .map_or_else(|| Source::Inline(vec![kind as u8 + 1; 70]), |at| Source::Blob(self.blob_at(at)));
        let (text, idem) = (format!("mem_{id}"), format!("key{key}"));
        let capsule = self.model.memories.get(&id).map(|memory| memory.capsule.clone()).unwrap_or_default();
        let assets = [(kind, source.clone())];
        let making = Making {
            key: ("asset", who.account, capsule.clone(), idem.clone()),
            arguments: format!("{id} {assets:?}"),
            assets: &assets,
        };
        let expected = self.model.may_add(&bounds, &who.account, id, &making);
        let answer = match source.clone() {
            Source::Inline(bytes) => self.send::<String>(
                who,
                "memories_add_inline_asset",
                (text, inline_input(kind, &bytes), &idem),
            )?,
            Source::Blob(blob_id) => {
                let input = api::InternalBlobAssetInput { blob_id, metadata: samples::asset(kind, MIME) };
                self.send::<String>(who, "memories_add_asset", (text, input, &idem))?
            }
        };
        match (&answer, expected) {
            (Ok(asset), Ok(None)) => {
                let (known, arguments) = (making.key.clone(), making.arguments.clone());
                let mut memory = self.model.memories.remove(&id).expect("it is changeable");
                self.model.attach(
                    id,
                    &mut memory,
                    (kind, source),
                    Some((who.account, capsule.clone(), idem)),
                );
                memory.updated_ns = now;
                let made = memory.assets.last().map(|asset| asset.id.clone());
                self.model.memories.insert(id, memory);
                self.model.capsules.get_mut(&capsule).expect("it is there").updated_ns = now;
                self.model.answers.insert(known, (arguments, asset.clone()));
                if made.as_ref() == Some(asset) { Ok(()) } else { Err(format!("{asset} is not {made:?}")) }
            }
            (_, expected) => agree("memories_add_asset", &answer, &expected.map(Option::unwrap_or_default)),
        }
    }

    pub(super) fn change(&mut self, operation: Operation) -> Step {
        let (now, ttl) = (self.now(), self.ttl());
        match operation {
            Operation::RemoveAsset { who, memory, asset } => {
                let id = self.memory_at(memory);
                let who = self.owner_of_memory(who, id);
                let asset = format!("asset_{}", asset + 1);
                let text = format!("mem_{id}");
                let answer =
                    self.send::<api::AssetRemovalResult>(who, "asset_remove_by_id", (text, &asset))?;
                let expected = self.model.remove_asset(&who.account, id, &asset, now, ttl);
                agree("asset_remove_by_id", &answer.map(drop), &expected)
            }
            Operation::Update { who, memory, title } => self.update(who, memory, title, now),
            Operation::Delete { who, memory, assets } => {
                let id = self.memory_at(memory);
                let who = self.owner_of_memory(who, id);
                let expected = self.model.changeable(&who.account, id).map(drop);
                let answer = self.send::<()>(who, "memories_delete", (format!("mem_{id}"), assets))?;
                agree("memories_delete", &answer, &expected)?;
                if answer.is_ok() {
                    self.model.drop_memory(id, assets, now, ttl);
                }
                Ok(())
            }
            Operation::DeleteBulk { who, capsule, memories, assets } => {
                self.delete_bulk(who, capsule, memories, assets)
            }
            Operation::DeleteAll { who, capsule, assets } => self.delete_all(who, capsule, assets),
            Operation::DeleteBlob { who, blob } => {
                let id = self.blob_at(blob);
                let who = self.by(who, |model| model.blobs.get(&id).map(|blob| blob.creator));
                let answer = self.send::<String>(who, "blob_delete", (&id,))?;
                agree("blob_delete", &answer.map(drop), &self.model.delete_blob(&who.account, &id))
            }
            other => unreachable!("handled before: {other:?}"),
        }
    }

    fn update(&mut self, who: u8, memory: u8, title: u8, now: u64) -> Step {
        let id = self.memory_at(memory);
        let who = self.owner_of_memory(who, id);
        // One title in three comes in a whole metadata, whose times say nothing.
        let whole = (title == 2).then(|| samples::memory("replaced"));
        let data = api::MemoryUpdateData {
            // A long one meets the bounds of records.
            title: Some(format!("title {title}{}", " and more".repeat(if title == 1 { 40 } else { 0 }))),
            metadata: whole.clone(),
            ..Default::default()
        };
        let answer = self.send::<api::Memory>(who, "memories_update", (format!("mem_{id}"), &data))?;
        let bounds = self.subject.bounds();
        let expected = self.model.changed(&bounds, &who.account, id, whole, data.title).map(|metadata| {
            let memory = self.model.memories.get_mut(&id).expect("it is changeable");
            memory.metadata = api::MemoryMetadata { updated_at: now, ..metadata };
            memory.updated_ns = now;
            let capsule = memory.capsule.clone();
            self.model.capsules.get_mut(&capsule).expect("it is there").updated_ns = now;
        });
        agree("memories_update", &answer.map(drop), &expected)
    }

    fn delete_bulk(&mut self, who: u8, capsule: u8, memories: [u8; 2], assets: bool) -> Step {
        let (now, ttl, capsule) = (self.now(), self.ttl(), self.capsule_at(capsule));
        let who = self.owner(who, &capsule);
        let ids: Vec<u64> = memories.iter().map(|at| self.memory_at(*at)).collect();
        let texts: Vec<String> = ids.iter().map(|id| format!("mem_{id}")).collect();
        let answer =
            self.send::<api::BulkDeleteResult>(who, "memories_delete_bulk", (&capsule, texts, assets))?;
        let expected = Model::somebody(&who.account)
            .and_then(|()| self.model.require(&capsule, &who.account, Role::Member));
        let rows_max = self.subject.bounds().rows_max;
        let expected = expected.map(|()| {
            let mut counts = (0, 0, 0);
            for id in ids {
                if counts.0 == rows_max {
                    // What is left counts as failed too.
                    counts = (counts.0, counts.1 + 1, counts.2 + 1);
                    continue;
                }
                let may =
                    self.model.changeable(&who.account, id).is_ok_and(|memory| memory.capsule == capsule);
                if may {
                    self.model.drop_memory(id, assets, now, ttl);
                    counts.0 += 1;
                } else {
                    counts.1 += 1;
                }
            }
            counts
        });
        let answer =
            answer.map(|done| (done.deleted_count, done.failed_count, done.left_count.unwrap_or_default()));
        self.leaves(answer.as_ref().map_or(0, |(_, _, left)| *left));
        agree("memories_delete_bulk", &answer, &expected)
    }

    fn delete_all(&mut self, who: u8, capsule: u8, assets: bool) -> Step {
        let (now, ttl, capsule) = (self.now(), self.ttl(), self.capsule_at(capsule));
        let who = self.owner(who, &capsule);
        let answer = self.send::<api::BulkDeleteResult>(who, "memories_delete_all", (&capsule, assets))?;
        let rows_max = self.subject.bounds().rows_max;
        let expected = Model::somebody(&who.account)
            .and_then(|()| self.model.require(&capsule, &who.account, Role::Admin));
        let expected = expected.map(|()| {
            let own = self.model.memories.iter().filter(|(_, memory)| memory.capsule == capsule);
            let mut ids: Vec<u64> = own.map(|(id, _)| *id).collect();
            let left = ids.split_off(ids.len().min(rows_max as usize)).len();
            for id in &ids {
                self.model.drop_memory(*id, assets, now, ttl);
            }
            (u32::try_from(ids.len()).expect("a small world"), left as u64)
        });
        let answer = answer.map(|done| (done.deleted_count, done.left_count.unwrap_or_default()));
        self.leaves(answer.as_ref().map_or(0, |(_, left)| *left));
        agree("memories_delete_all", &answer, &expected)
    }

    /// A message that left something would delete more of it: it is not delivered twice.
    fn leaves(&mut self, left: u64) {
        if left > 0 {
            self.last = None;
        }
    }
}

const KINDS: [AssetType; 7] = [
    AssetType::Original,
    AssetType::Display,
    AssetType::Thumbnail,
    AssetType::Placeholder,
    AssetType::Preview,
    AssetType::Derivative,
    AssetType::Metadata,
];

pub(super) fn inline_bytes(choice: u8) -> Option<Vec<u8>> {
    match choice {
        0 => Some(Vec::new()),
        1 => Some(vec![1; 32_769]),
        2 => Some(vec![2; 300]),
        3 => Some(vec![3; 9_000]),
        _ => None,
    }
}

pub(super) fn inline_input(kind: AssetType, bytes: &[u8]) -> api::InlineAssetInput {
    api::InlineAssetInput { bytes: ByteBuf::from(bytes.to_vec()), metadata: samples::asset(kind, MIME) }
}
