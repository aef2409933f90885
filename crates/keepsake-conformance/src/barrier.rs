//! Part 8: the barrier. What `Ok` promised is there in the very next message, by every road and for every other
//! client, byte for byte, while other uploads go on. Owns the rounds of uploads; what must be seen afterwards is in
//! [`seen`].

mod seen;

use crate::api::{AssetType, PublishRequest};
use crate::host::{Host, Who};
use crate::samples::{blob, bytes, inline, memory, session, sha256, unique};
use crate::verdict::allowed;
use crate::world::World;
use futures_util::future::join_all;
use keepsake_client::Client;
use seen::{Made, Readers};

const ROUNDS: u64 = 12;
/// Uploads at once; each goes on while the others read what they have just made.
const UPLOADS: u64 = 4;

/// An upload at work: who writes, who looks at once, and what its files are made from.
struct Upload<'a, H: Host> {
    readers: &'a Readers<'a, H>,
    member: &'a Client<H::Transport>,
    capsule: &'a str,
    seed: u64,
}

/// Right after finish, publish, create and add, everybody sees it; the same message again gets the same answer.
pub async fn retrieval_right_after_finish<H: Host>(host: &H) {
    let world = World::new(host, "barrier").await;
    // Clients of their own: what one was answered, the others must see as well.
    let readers = Readers::new(host, &world.capsule).await;
    let writers = join_all((0..UPLOADS).map(|_| host.client(Who::Member))).await;
    let before = allowed(world.member().sessions_stats().await);
    for round in 0..ROUNDS {
        let upload = |(lane, member)| {
            let seed = 1_000 + round * UPLOADS + lane;
            Upload { readers: &readers, member, capsule: &world.capsule, seed }
        };
        let uploads: Vec<_> = (0..).zip(&writers).map(upload).collect();
        join_all(uploads.iter().map(Upload::run)).await;
    }
    let after = allowed(world.member().sessions_stats().await);
    let open = (after.pending, after.bytes_in_flight);
    assert_eq!(open, (before.pending, before.bytes_in_flight), "every upload was finished");
}

impl<H: Host> Upload<'_, H> {
    async fn run(&self) {
        if self.seed.is_multiple_of(2) { self.finish_create_add().await } else { self.publish().await }
    }

    /// One of the upload's files: another length and another number of chunks each time, one of them of several
    /// answers' size.
    fn file(&self, number: u64) -> (Vec<u8>, usize) {
        let (len, chunk) = match (self.seed, number) {
            (1_000, 0) => (1_800_500, 1_800_000),
            (seed, number) => match (seed + number) % 4 {
                0 => (700, 700),
                1 => (2_600, 900),
                2 => (5_000, 1_024),
                _ => (9_001, 3_000),
            },
        };
        (bytes(len, self.seed * 10 + number), chunk)
    }

    /// A session with all chunks, put at once and in no order.
    async fn session(&self, file: &[u8], chunk: usize) -> u64 {
        let expected = u32::try_from(file.len().div_ceil(chunk)).expect("samples are small");
        let begun = self.member.uploads_begin(self.capsule, expected, &unique("barrier"), None).await;
        let id = allowed(begun);
        let put = |(index, bytes)| self.member.uploads_put_chunk(id, index, bytes);
        let mut puts: Vec<_> = (0..).zip(file.chunks(chunk)).map(put).collect();
        puts.reverse();
        join_all(puts).await.into_iter().for_each(allowed);
        id
    }

    async fn finished(&self, number: u64) -> (String, Vec<u8>) {
        let (file, chunk) = self.file(number);
        let (id, hash, len) = (self.session(&file, chunk).await, sha256(&file), file.len() as u64);
        let done = allowed(self.member.uploads_finish(id, &hash, len).await);
        self.readers.see_session(id, &done.blob_id).await;
        self.readers.see_blob(&done.blob_id, &file).await;
        assert_eq!(done.size, len, "session {id}");
        let again = allowed(self.member.uploads_finish(id, &hash, len).await);
        assert_eq!(again, done, "the same finish again");
        (done.blob_id, file)
    }

    async fn finish_create_add(&self) {
        let (first, first_bytes) = self.finished(0).await;
        let assets = [blob(AssetType::Original, &first)];
        let (metadata, idem) = (memory("Barrier"), unique("create"));
        let create =
            || self.member.memories_create_with_internal_blobs(self.capsule, &metadata, &assets, &idem);
        let id = allowed(create().await);
        let mut made = Made::new(&id);
        made.assets.push((AssetType::Original, Some(first), first_bytes));
        self.readers.see_memory(&made).await;
        assert_eq!(allowed(create().await), id, "the same create again");

        let (second, second_bytes) = self.finished(1).await;
        let (asset, idem) = (blob(AssetType::Display, &second), unique("add"));
        let asset_id = allowed(self.member.memories_add_asset(&id, &asset, &idem).await);
        made.assets.push((AssetType::Display, Some(second), second_bytes));
        self.readers.see_memory(&made).await;
        let again = allowed(self.member.memories_add_asset(&id, &asset, &idem).await);
        assert_eq!(again, asset_id, "the same add again");

        let (small, idem) = (inline(AssetType::Placeholder, b"as small as can be"), unique("inline"));
        allowed(self.member.memories_add_inline_asset(&id, &small, &idem).await);
        made.assets.push((AssetType::Placeholder, None, small.bytes.into_vec()));
        self.readers.see_memory(&made).await;
    }

    async fn publish(&self) {
        let kinds = [AssetType::Original, AssetType::Display, AssetType::Thumbnail];
        let files: Vec<_> = (0..3).map(|number| self.file(number)).collect();
        let ids = join_all(files.iter().map(|(file, chunk)| self.session(file, *chunk))).await;
        let sessions = kinds.iter().zip(&ids).zip(&files);
        let placeholder = inline(AssetType::Placeholder, b"a blur of light");
        let request = PublishRequest {
            capsule_id: self.capsule.into(),
            metadata: memory("Barrier"),
            sessions: sessions.map(|((kind, id), (file, _))| session(*kind, *id, file)).collect(),
            inline_assets: vec![placeholder.clone()],
            carried_assets: None,
            if_present: None,
            idem: unique("publish"),
        };
        let done = allowed(self.member.uploads_publish(&request).await);
        let mut made = Made::new(&done.memory_id);
        let blobs = done.assets.iter().map(|asset| asset.blob_id.clone());
        let files = files.into_iter().map(|(file, _)| file).chain([placeholder.bytes.into_vec()]);
        let kinds = kinds.into_iter().chain([AssetType::Placeholder]);
        made.assets = kinds.zip(blobs).zip(files).map(|((kind, blob), file)| (kind, blob, file)).collect();
        assert_eq!(made.assets.len(), 4, "three sessions and one inline asset");
        self.readers.see_memory(&made).await;
        for (id, (_, locator, file)) in ids.iter().zip(&made.assets) {
            let locator = locator.as_deref().expect("a session becomes a blob");
            self.readers.see_session(*id, locator).await;
            self.readers.see_blob(locator, file).await;
        }
        assert_eq!(allowed(self.member.uploads_publish(&request).await), done, "the same publish again");
    }
}
