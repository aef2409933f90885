//! A capsule with everybody in it, and things made by its member. Owns the setting of the questions.

use crate::api::{AssetType, Capsule, PersonRef, PutRoad, Role, UploadFinishResult};
use crate::host::{Host, Who};
use crate::samples::{blob, bytes, inline, memory, sha256, unique};
use crate::verdict::allowed;
use keepsake_client::{Client, Transport};

/// A capsule and a client for everybody.
pub struct World<T> {
    clients: Vec<(Who, Client<T>)>,
    /// The capsule.
    pub capsule: String,
    /// Where the host takes chunks without envelopes, if it does.
    pub put_road: Option<PutRoad>,
}

/// Things in the capsule that the member made.
#[derive(Clone, Debug)]
pub struct Things {
    /// The capsule.
    pub capsule: String,
    /// A memory with an original (a blob) and a placeholder (inline).
    pub memory: String,
    /// Its first asset, the original.
    pub asset: String,
    /// The original's blob.
    pub referenced: String,
    /// A blob that no memory refers to.
    pub blob: String,
    /// A pending session whose one chunk, [`CHUNK`], is there.
    pub session: u64,
}

/// The bytes in [`Things::session`].
pub const CHUNK: &[u8] = b"the one chunk of a pending session";

/// The bytes of [`Things::blob`].
pub const BLOB: &[u8] = b"a blob that no memory refers to";

impl<T: Transport> World<T> {
    /// Makes a new capsule and grants each role once.
    pub async fn new<H: Host<Transport = T>>(host: &H, name: &str) -> Self {
        let mut clients = Vec::new();
        for who in Who::COLUMNS {
            clients.push((who, host.client(who).await));
        }
        let mut world = Self { clients, capsule: String::new(), put_road: None };
        world.put_road = allowed(world.owner().upload_config().await).put_road;
        world.capsule = world.another_capsule(name).await.id;
        world
    }

    /// A new capsule of the owner with the same roles.
    pub async fn another_capsule(&self, name: &str) -> Capsule {
        let owner = self.by(Who::Owner);
        let capsule = allowed(owner.capsules_create(Some(PersonRef::Opaque(unique(name)))).await);
        for (who, role) in [
            (Who::Admin, Role::Admin),
            (Who::Member, Role::Member),
            (Who::Colleague, Role::Member),
            (Who::Guest, Role::Guest),
        ] {
            allowed(owner.capsules_grant(&capsule.id, self.by(who).principal(), role).await);
        }
        capsule
    }

    /// The client that calls as `who`.
    pub fn by(&self, who: Who) -> &Client<T> {
        let found = self.clients.iter().find(|(one, _)| *one == who);
        &found.expect("there is a client for every column").1
    }

    /// The owner's client.
    pub fn owner(&self) -> &Client<T> {
        self.by(Who::Owner)
    }

    /// The client of the member that makes things.
    pub fn member(&self) -> &Client<T> {
        self.by(Who::Member)
    }

    /// Makes one of each thing.
    pub async fn things(&self) -> Things {
        self.things_in(&self.capsule).await
    }

    /// Makes one of each thing in another capsule of the same people.
    pub async fn things_in(&self, capsule: &str) -> Things {
        let member = self.member();
        let session = pending(member, capsule, CHUNK, CHUNK.len()).await;
        let free = upload(member, capsule, BLOB, 10).await.blob_id;
        let referenced = upload(member, capsule, &bytes(100, 7), 40).await.blob_id;
        let (original, placeholder) =
            (blob(AssetType::Original, &referenced), inline(AssetType::Placeholder, b"tiny"));
        let memory = allowed(
            member
                .memories_create_with_internal_blobs_and_inline_assets(
                    capsule,
                    &memory("Harbour"),
                    &[original],
                    &[placeholder],
                    &unique("things"),
                )
                .await,
        );
        let asset = allowed(member.memories_list_assets(&memory).await).internal_assets.remove(0);
        Things { capsule: capsule.to_owned(), memory, asset, referenced, blob: free, session }
    }
}

/// Begins a session and puts every chunk, in order.
pub async fn pending<T: Transport>(client: &Client<T>, capsule: &str, bytes: &[u8], chunk_len: usize) -> u64 {
    let count = bytes.len().div_ceil(chunk_len);
    let expected = u32::try_from(count).expect("samples are small");
    let id = allowed(client.uploads_begin(capsule, expected, &unique("begin"), None).await);
    for (index, chunk) in (0..).zip(bytes.chunks(chunk_len)) {
        allowed(client.uploads_put_chunk(id, index, chunk).await);
    }
    id
}

/// Uploads a blob.
pub async fn upload<T: Transport>(
    client: &Client<T>,
    capsule: &str,
    bytes: &[u8],
    chunk_len: usize,
) -> UploadFinishResult {
    let id = pending(client, capsule, bytes, chunk_len).await;
    finish(client, id, bytes).await
}

/// Finishes a session that has all of `bytes`.
pub async fn finish<T: Transport>(client: &Client<T>, id: u64, bytes: &[u8]) -> UploadFinishResult {
    allowed(client.uploads_finish(id, &sha256(bytes), bytes.len() as u64).await)
}
