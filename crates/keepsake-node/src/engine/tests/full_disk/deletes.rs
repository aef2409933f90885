//! Deletions that are larger than what a full disk can commit at once: they go in several messages, and all of it goes.

use super::{Hand, Owner, SmallDisk, call};
use crate::data_dir::DataDir;
use crate::engine::tests::{options, sender};
use crate::engine::{Engine, EngineOptions};
use crate::fsck;
use candid::{Decode, Encode};
use keepsake_api::{
    Answer, AssetMetadata, AssetMetadataBase, AssetType, BulkDeleteResult, InlineAssetInput,
    InternalBlobAssetInput, MemoryMetadata, MemoryType, Page, PlainAssetMetadata, Usage,
};
use serde_bytes::ByteBuf;
use std::time::Duration;

/// As long as a text may be, bytes.
const TEXT_BYTES: usize = 16_384;

/// With the reserves of a real node.
fn node(hand: &Hand) -> EngineOptions {
    let of_node = EngineOptions::new(sender());
    let mut options = options();
    options.reserve_bytes = of_node.reserve_bytes;
    options.freeing_reserve_bytes = of_node.freeing_reserve_bytes;
    options.settings.controllers = Some(vec![sender()]);
    options.clock = hand.clock();
    options.tick_interval = Duration::from_millis(10);
    options
}

fn memory(texts: usize) -> MemoryMetadata {
    let text = |at: usize| (at < texts).then(|| "t".repeat(TEXT_BYTES));
    MemoryMetadata {
        title: None,
        description: text(0),
        tags: Vec::new(),
        content_type: "image/jpeg".into(),
        memory_type: MemoryType::Image,
        date_of_memory: None,
        file_created_at: None,
        people_in_memory: None,
        location: None,
        memory_notes: text(1),
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

impl Owner {
    async fn open(disk: &SmallDisk, options: EngineOptions) -> Self {
        Self::new(Engine::open(DataDir::open(disk.data()).unwrap(), options).unwrap()).await
    }

    /// Makes so many memories with long texts, 64 messages at once; their ids, oldest first.
    async fn remember(&self, round: &str, memories: usize, texts: usize) -> Vec<String> {
        let mut made = Vec::new();
        let mut base = AssetMetadataBase::new(AssetType::Placeholder, "p.png", "image/png");
        base.description = (texts > 2).then(|| "t".repeat(TEXT_BYTES));
        let asset = InlineAssetInput {
            bytes: ByteBuf::from(vec![7; 100]),
            metadata: AssetMetadata::Note(PlainAssetMetadata { base }),
        };
        for first in (0..memories).step_by(64) {
            let all = (first..memories.min(first + 64)).map(|key| {
                let (none, key) = (Vec::<InternalBlobAssetInput>::new(), format!("{round} {key}"));
                let arg = Encode!(&self.capsule, &memory(texts), &none, &vec![asset.clone()], &key).unwrap();
                let engine = self.engine.clone();
                tokio::spawn(async move {
                    let method = "memories_create_with_internal_blobs_and_inline_assets";
                    call::<String>(&engine, method, arg).await.unwrap()
                })
            });
            for task in all.collect::<Vec<_>>() {
                made.push(task.await.unwrap());
            }
        }
        made
    }

    /// Deletes these in lists as long as they may be, each again with what is left of it; how many messages that took.
    async fn delete_lists(&self, ids: &[String]) -> usize {
        let mut messages = 0;
        for list in ids.chunks(1000) {
            let mut rest = list;
            while !rest.is_empty() {
                let arg = Encode!(&self.capsule, &rest, &true).unwrap();
                let done: Answer<BulkDeleteResult> = call(&self.engine, "memories_delete_bulk", arg).await;
                let done = done.unwrap();
                let left = usize::try_from(done.left_count.unwrap()).unwrap();
                assert!(done.deleted_count > 0, "{done:?}");
                assert_eq!(done.deleted_count as usize + left, rest.len(), "{done:?}");
                assert_eq!(
                    done.failed_count as usize, left,
                    "those who do not know of the left see that some failed"
                );
                rest = &rest[rest.len() - left..];
                messages += 1;
            }
        }
        messages
    }

    /// Deletes all memories; how many there were, and how many messages that took.
    async fn delete_all(&self) -> (u32, usize) {
        let (mut deleted, mut messages) = (0, 0);
        loop {
            let arg = Encode!(&self.capsule, &true).unwrap();
            let done: Answer<BulkDeleteResult> = call(&self.engine, "memories_delete_all", arg).await;
            let done = done.unwrap();
            deleted += done.deleted_count;
            messages += 1;
            if done.left_count == Some(0) {
                return (deleted, messages);
            }
            assert!(done.deleted_count > 0, "{done:?}");
        }
    }

    /// Deletes each of these in a message of its own, 64 at once.
    async fn delete_at_once(&self, ids: &[String]) {
        for group in ids.chunks(64) {
            let all = group.iter().map(|id| {
                let (engine, arg) = (self.engine.clone(), Encode!(id, &true).unwrap());
                tokio::spawn(async move { call::<()>(&engine, "memories_delete", arg).await })
            });
            for task in all.collect::<Vec<_>>() {
                assert_eq!(task.await.unwrap(), Ok(()));
            }
        }
    }

    async fn memories(&self) -> usize {
        let arg = Encode!(&self.capsule, &None::<String>, &None::<u32>).unwrap();
        let page = self.engine.query(sender(), "memories_list".into(), arg).await.unwrap();
        Decode!(&page, Answer<Page>).unwrap().unwrap().items.len()
    }

    /// Bytes of all records, which a controller sees.
    async fn record_bytes(&self) -> u64 {
        let usage =
            self.engine.query(sender(), "usage".into(), Encode!(&None::<String>).unwrap()).await.unwrap();
        let limits = Decode!(&usage, Answer<Usage>).unwrap().unwrap().limits;
        limits.iter().find(|limit| limit.code == "record_bytes").unwrap().used
    }

    async fn end(self, disk: &SmallDisk) {
        self.engine.shutdown().await;
        drop(self);
        let found = fsck::check(&disk.data(), true, |_| {}).unwrap();
        assert_eq!(found.violations, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_deletions_of_very_many_long_memories_and_then_uploads_again() {
    let Some(disk) = SmallDisk::new(160) else { return };
    let hand = Hand::new();
    let owner = Owner::open(&disk, node(&hand)).await;
    let made = owner.remember("first", 2000, 1).await;
    disk.fill_to(0);
    // Every second one: each leaf of the records is among what changes.
    let (odd, even): (Vec<_>, Vec<_>) = made.into_iter().enumerate().partition(|(at, _)| at % 2 == 1);
    let ids = |of: Vec<(usize, String)>| of.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    let (odd, even) = (ids(odd), ids(even));
    let lists = owner.delete_lists(&odd).await;
    assert!(lists > 1, "one message held it all: this disk was not full");
    owner.delete_at_once(&even[..128]).await;
    let (deleted, messages) = owner.delete_all().await;
    assert_eq!(deleted, 1000 - 128);
    assert!(messages > 1, "one message held it all: this disk was not full");
    assert_eq!(owner.memories().await, 0);
    println!("a list of 1,000 in {lists} messages, then {deleted} in {messages}");

    std::fs::remove_file(disk.dir.path().join("filler")).unwrap();
    owner.upload("again", 1 << 20).await.unwrap();
    owner.remember("again", 64, 1).await;
    owner.end(&disk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_the_deletion_of_a_capsule_and_works_it_off_by_itself() {
    let Some(disk) = SmallDisk::new(160) else { return };
    let hand = Hand::new();
    // A slice of housekeeping as it is on a roomy disk does not fit this.
    let options = EngineOptions { freeing_reserve_bytes: 8 << 20, ..node(&hand) };
    let owner = Owner::open(&disk, options).await;
    owner.remember("first", 600, 3).await;
    disk.fill_to(0);
    call::<()>(&owner.engine, "capsules_delete", Encode!(&owner.capsule).unwrap()).await.unwrap();
    while owner.record_bytes().await > 1 << 20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    owner.end(&disk).await;
}
