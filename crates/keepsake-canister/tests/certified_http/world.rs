//! A canister with one owner and what it publishes. Owns the calls that make things.

use super::PARTS;
use super::gateway::ask;
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use keepsake_api::{
    Answer, AssetMetadata, AssetMetadataBase, AssetType, Capsule, HttpRequest, HttpResponse,
    InlineAssetInput, MemoryMetadata, MemoryType, PlainAssetMetadata, PublishRequest, PublishResult,
    PublishSession, Role, SiteFileInput, UploadFinishResult,
};
use keepsake_canister::install::Settings;
use keepsake_wasm_host::{Canister, CanisterModule, Options};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(crate) struct World {
    pub(crate) canister: Canister,
    owner: Principal,
    capsule: String,
    made: u8,
    /// Of the last publish.
    pub(crate) publish_instructions: u64,
}

/// A memory of [`PARTS`].
pub(crate) struct Published {
    pub(crate) memory: String,
    pub(crate) assets: Vec<String>,
    pub(crate) bytes: Vec<Vec<u8>>,
}

fn module() -> &'static CanisterModule {
    static MODULE: OnceLock<CanisterModule> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = path();
        let bytes = std::fs::read(&path).unwrap_or_else(|why| {
            panic!(
                "{}: {why}\nThere is no module to test. Run `cargo xtask build canister` first.",
                path.display()
            )
        });
        CanisterModule::compile(&bytes).unwrap()
    })
}

fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("KEEPSAKE_WASM") {
        return path.into();
    }
    // This test runs from `<target>/<profile>/deps`.
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).map(Path::to_owned).unwrap().join("canister/keepsake.wasm.gz")
}

impl World {
    pub(crate) fn start() -> Self {
        let owner = Principal::self_authenticating([1; 32]);
        let settings = Settings { controllers: Some(vec![owner]), ..Settings::default() };
        let arg = candid::encode_one(Some(settings)).unwrap();
        let mut canister = Canister::install(module(), &arg, &Options::default()).unwrap();
        canister.advance(2_000_000_000);
        let mut world = Self { canister, owner, capsule: String::new(), made: 0, publish_instructions: 0 };
        let capsule: Answer<Capsule> = world.update("capsules_create", (None::<keepsake_api::PersonRef>,));
        world.capsule = capsule.unwrap().id;
        world
    }

    fn update<T: DeserializeOwned + CandidType>(&mut self, method: &str, args: impl ArgumentEncoder) -> T {
        let arg = candid::encode_args(args).unwrap();
        let reply = self.canister.update(self.owner, method, &arg).unwrap();
        candid::decode_one(&reply).unwrap()
    }

    fn query<T: DeserializeOwned + CandidType>(&mut self, method: &str, args: impl ArgumentEncoder) -> T {
        let arg = candid::encode_args(args).unwrap();
        let reply = self.canister.query(self.owner, method, &arg).unwrap();
        candid::decode_one(&reply).unwrap()
    }

    /// A memory with all four assets: three blobs, and a placeholder that comes along.
    pub(crate) fn publish(&mut self, idem: &str) -> Published {
        self.made += 1;
        let bytes: Vec<Vec<u8>> = PARTS
            .iter()
            .map(|(_, _, len)| (0..*len).map(|at| u8::try_from(at % 251).unwrap() ^ self.made).collect())
            .collect();
        let capsule_id = self.capsule.clone();
        let mut sessions = Vec::new();
        for (at, part) in PARTS.iter().enumerate().take(3) {
            let id = self.upload(&format!("{idem} {at}"), &bytes[at]);
            sessions.push(PublishSession {
                session_id: id,
                sha256: ByteBuf::from(Sha256::digest(&bytes[at]).to_vec()),
                total_len: bytes[at].len() as u64,
                metadata: metadata(part.0),
            });
        }
        let placeholder = InlineAssetInput {
            bytes: ByteBuf::from(bytes[3].clone()),
            metadata: metadata(AssetType::Placeholder),
        };
        let request = PublishRequest {
            capsule_id,
            metadata: memory(),
            sessions,
            inline_assets: vec![placeholder],
            carried_assets: None,
            if_present: None,
            idem: idem.into(),
        };
        let done: Answer<PublishResult> = self.update("uploads_publish", (request,));
        let done = done.unwrap();
        self.publish_instructions = self.canister.last_cost().total();
        let assets = done.assets.into_iter().map(|asset| asset.asset_id).collect();
        Published { memory: done.memory_id, assets, bytes }
    }

    fn upload(&mut self, idem: &str, bytes: &[u8]) -> u64 {
        let capsule = self.capsule.clone();
        let begun: Answer<u64> =
            self.update("uploads_begin", (capsule, 1_u32, idem, None::<keepsake_api::BeginOptions>));
        let id = begun.unwrap();
        let put: Answer<()> = self.update("uploads_put_chunk", (id, 0_u32, serde_bytes::Bytes::new(bytes)));
        put.unwrap();
        id
    }

    /// A memory with one short asset.
    pub(crate) fn note(&mut self, text: &str) {
        let capsule = self.capsule.clone();
        let none = (None::<keepsake_api::BlobRef>, None::<keepsake_api::BlobHosting>, None::<String>);
        let made: Answer<String> = self.update(
            "memories_create",
            (
                capsule,
                Some(serde_bytes::Bytes::new(text.as_bytes())),
                none.0,
                none.1,
                none.2,
                None::<String>,
                None::<u64>,
                None::<ByteBuf>,
                metadata(AssetType::Original),
                text,
            ),
        );
        made.unwrap();
    }

    /// A blob of the owner's as the original of a new memory.
    pub(crate) fn large(&mut self, chunks: &[Vec<u8>]) -> String {
        let capsule = self.capsule.clone();
        let count = u32::try_from(chunks.len()).unwrap();
        let begun: Answer<u64> =
            self.update("uploads_begin", (&capsule, count, "large", None::<keepsake_api::BeginOptions>));
        let id = begun.unwrap();
        for (index, chunk) in (0_u32..).zip(chunks) {
            let put: Answer<()> =
                self.update("uploads_put_chunk", (id, index, serde_bytes::Bytes::new(chunk)));
            put.unwrap();
        }
        let all = chunks.concat();
        let sha256 = ByteBuf::from(Sha256::digest(&all).to_vec());
        let done: Answer<UploadFinishResult> = self.update("uploads_finish", (id, sha256, all.len() as u64));
        let blob_id = done.unwrap().blob_id;
        let asset = keepsake_api::InternalBlobAssetInput { blob_id, metadata: metadata(AssetType::Original) };
        let made: Answer<String> =
            self.update("memories_create_with_internal_blobs", (capsule, memory(), vec![asset], "large"));
        made.unwrap()
    }

    /// A preview in place of the placeholder.
    pub(crate) fn replace_placeholder(&mut self, memory: &str, text: &str) {
        let removed: Answer<keepsake_api::AssetRemovalResult> =
            self.update("asset_remove_by_id", (memory, "asset_4"));
        removed.unwrap();
        let asset = InlineAssetInput {
            bytes: ByteBuf::from(text.as_bytes()),
            metadata: metadata(AssetType::Preview),
        };
        let added: Answer<String> = self.update("memories_add_inline_asset", (memory, asset, text));
        added.unwrap();
    }

    /// Makes these files the site: path, MIME type, bytes.
    pub(crate) fn set_site(&mut self, files: &[(&str, &str, &[u8])]) {
        let mut site = Vec::new();
        for (path, mime_type, content) in files {
            self.made += 1;
            let id = self.upload(&format!("{path} {}", self.made), content);
            let sha256 = ByteBuf::from(Sha256::digest(content).to_vec());
            let done: Answer<UploadFinishResult> =
                self.update("uploads_finish", (id, sha256, content.len() as u64));
            let blob_id = done.unwrap().blob_id;
            site.push(SiteFileInput { path: (*path).into(), blob_id, mime_type: (*mime_type).into() });
        }
        let done: Answer<()> = self.update("site_set", (site,));
        done.unwrap();
    }

    pub(crate) fn delete(&mut self, memory: &str) {
        let deleted: Answer<()> = self.update("memories_delete", (memory, true));
        deleted.unwrap();
    }

    pub(crate) fn set_public(&mut self, public: bool) {
        let (capsule, anonymous) = (self.capsule.clone(), Principal::anonymous());
        let done: Answer<()> = if public {
            self.update("capsules_grant", (capsule, anonymous, Role::Guest))
        } else {
            self.update("capsules_revoke", (capsule, anonymous))
        };
        done.unwrap();
    }

    pub(crate) fn token(&mut self, memory: &str) -> String {
        let token: Answer<String> =
            self.query("mint_http_token", (memory, Vec::<String>::new(), None::<Vec<String>>, 600_u32));
        token.unwrap()
    }

    /// A round later: the timer certified what waited.
    pub(crate) fn settle(&mut self) {
        self.canister.advance(1_000_000_000);
        let failed =
            self.canister.printed().into_iter().find(|line| line.starts_with("canister_global_timer"));
        assert_eq!(failed, None);
    }

    pub(crate) fn ask(&mut self, request: &HttpRequest) -> HttpResponse {
        ask(&mut self.canister, request)
    }
}

fn metadata(kind: AssetType) -> AssetMetadata {
    AssetMetadata::Document(PlainAssetMetadata {
        base: AssetMetadataBase::new(kind, "harbour.jpg", "image/jpeg"),
    })
}

fn memory() -> MemoryMetadata {
    MemoryMetadata {
        title: Some("Harbour".into()),
        description: None,
        tags: Vec::new(),
        content_type: "image/jpeg".into(),
        memory_type: MemoryType::Image,
        date_of_memory: None,
        file_created_at: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}
