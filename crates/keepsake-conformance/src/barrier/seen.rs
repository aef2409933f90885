//! What every client must see of a thing that was just made: each method that shows it, asked at once. Owns no
//! change.

use crate::access::table::get;
use crate::api::{AssetType, MemoryAssetData, SessionState};
use crate::host::{Host, Who};
use crate::http::with_headers;
use crate::samples::sha256;
use crate::verdict::allowed;
use futures_util::future::{join, join_all, join4};
use keepsake_client::Client;

/// Other clients than those that write, each over connections of its own.
pub(super) struct Readers<'a, H: Host> {
    host: &'a H,
    capsule: &'a str,
    owners: Vec<Client<H::Transport>>,
    guests: Vec<Client<H::Transport>>,
    member: Client<H::Transport>,
    nobody: Client<H::Transport>,
}

/// A memory as it must be seen: kind, locator where it is a blob, and bytes of each asset.
pub(super) struct Made {
    id: String,
    pub(super) assets: Vec<(AssetType, Option<String>, Vec<u8>)>,
}

impl Made {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), assets: Vec::new() }
    }
}

impl<'a, H: Host> Readers<'a, H> {
    pub(super) async fn new(host: &'a H, capsule: &'a str) -> Self {
        let (owners, guests) = join(
            join_all((0..2).map(|_| host.client(Who::Owner))),
            join_all((0..2).map(|_| host.client(Who::Guest))),
        )
        .await;
        let (member, nobody) = join(host.client(Who::Member), host.client(Who::Anonymous)).await;
        Self { host, capsule, owners, guests, member, nobody }
    }

    fn everybody(&self) -> impl Iterator<Item = &Client<H::Transport>> {
        self.owners.iter().chain(&self.guests)
    }

    /// The session's own caller, over another connection, sees what it became.
    pub(super) async fn see_session(&self, id: u64, blob: &str) {
        let (status, list) = join(self.member.uploads_status(id), self.member.sessions_list()).await;
        let expected = SessionState::Finished(blob.to_owned());
        assert_eq!(allowed(status).state, expected, "uploads_status {id}");
        let row = allowed(list).into_iter().find(|row| row.session_id == id);
        assert_eq!(row.map(|row| row.state), Some(expected), "sessions_list, session {id}");
    }

    /// Everybody reads the blob, whole and in parts.
    pub(super) async fn see_blob(&self, locator: &str, file: &[u8]) {
        join_all(self.everybody().map(|client| see_blob(client, locator, file))).await;
    }

    /// Everybody lists and reads the memory; its assets come over HTTP too.
    pub(super) async fn see_memory(&self, made: &Made) {
        let looks = self.everybody().map(|client| self.see_memory_by(client, made));
        join(join_all(looks), self.see_by_http(made)).await;
    }

    async fn see_memory_by(&self, client: &Client<H::Transport>, made: &Made) {
        let (id, ids) = (made.id.as_str(), [made.id.clone()]);
        let (page, read, list, ping) = join4(
            client.memories_list(self.capsule, None, None),
            client.memories_read(id),
            client.memories_list_assets(id),
            client.memories_ping(&ids),
        )
        .await;
        let page = allowed(page);
        let row = page.items.iter().find(|row| row.id == id);
        let row = row.unwrap_or_else(|| panic!("{id} is not on the first page"));
        let count = made.assets.len();
        assert_eq!(row.assets.len(), count, "memories_list: assets of {id}");
        let read = allowed(read);
        let read = (read.capsule_id.as_str(), read.blob_internal_assets.len() + read.inline_assets.len());
        assert_eq!(read, (self.capsule, count), "memories_read {id}");
        let list = allowed(list);
        assert_eq!((list.total_count as usize, list.assets.len()), (count, count), "{id}");
        let present: Vec<_> =
            allowed(ping).iter().map(|row| row.metadata_present && row.asset_present).collect();
        assert_eq!(present, [true], "memories_ping {id}");
        let assets = (0_u32..).zip(&made.assets);
        join_all(assets.map(|(index, asset)| see_asset(client, id, index, asset))).await;
    }

    /// By token, whole and in part, by every road the host has.
    async fn see_by_http(&self, made: &Made) {
        let minted = self.guests[0].mint_http_token(&made.id, &[], None, 60).await;
        let token = allowed(minted);
        let fetches = made.assets.iter().map(async |(kind, _, file)| {
            let url = format!("/asset/{}/{}?token={token}", made.id, name(*kind));
            let end = file.len().min(400);
            let part = with_headers(&url, &[("Range", &format!("bytes=7-{}", end - 1))]);
            for (request, status, bytes) in [(get(&url), 200, &file[..]), (part, 206, &file[7..end])] {
                let (gateway, direct) =
                    join(self.nobody.http_request(&request), self.host.direct_http(&request)).await;
                for answer in direct.into_iter().chain([allowed(gateway)]) {
                    assert_eq!(answer.status_code, status, "GET {url}");
                    assert!(answer.body == bytes, "GET {url} {status}: other bytes");
                }
            }
        });
        join_all(fetches).await;
    }
}

async fn see_blob<T: keepsake_client::Transport>(client: &Client<T>, locator: &str, file: &[u8]) {
    let (middle, rest) = (file.len() / 2, u32::try_from(file.len()).expect("samples are small"));
    let (meta, whole, first, part) = join4(
        client.blob_get_meta(locator),
        client.blob_read(locator),
        client.blob_read_chunk(locator, 0),
        client.blob_read_range(locator, middle as u64, rest),
    )
    .await;
    let meta = allowed(meta);
    assert_eq!((meta.size, meta.sha256.into_vec()), (file.len() as u64, sha256(file)), "{locator}");
    assert!(allowed(whole) == file, "blob_read {locator}: other bytes");
    assert!(allowed(part) == file[middle..], "blob_read_range {locator}: other bytes");
    let rest = join_all((1..meta.chunk_count).map(|index| client.blob_read_chunk(locator, index))).await;
    let chunks: Vec<u8> = std::iter::once(first).chain(rest).flat_map(allowed).collect();
    assert!(chunks == file, "blob_read_chunk {locator}: other bytes");
}

async fn see_asset<T: keepsake_client::Transport>(
    client: &Client<T>,
    id: &str,
    index: u32,
    (_, blob, file): &(AssetType, Option<String>, Vec<u8>),
) {
    let data = allowed(client.memories_read_asset(id, index).await);
    let (size, hash) = match data {
        MemoryAssetData::Inline { bytes, size, sha256, .. } => {
            assert!(blob.is_none() && bytes == *file, "asset {index} of {id}: other inline bytes");
            (size, sha256)
        }
        MemoryAssetData::InternalBlob { blob_id, size, sha256, .. } => {
            assert_eq!(Some(&blob_id), blob.as_ref(), "asset {index} of {id}");
            (size, sha256)
        }
        MemoryAssetData::ExternalUrl { .. } => panic!("asset {index} of {id} is elsewhere"),
    };
    let hash = hash.map(serde_bytes::ByteBuf::into_vec);
    assert_eq!((size, hash), (file.len() as u64, Some(sha256(file))), "asset {index} of {id}");
}

fn name(kind: AssetType) -> &'static str {
    match kind {
        AssetType::Original => "original",
        AssetType::Display => "display",
        AssetType::Thumbnail => "thumbnail",
        AssetType::Placeholder => "placeholder",
        other => panic!("the barrier makes no {other:?}"),
    }
}
