//! Eight clients at once, two lanes each: every memory is published and every asset is what was sent.

use crate::support::{Node, User, fresh_dir, jpeg, path, text};
use keepsake_client::agent::BasicIdentity;
use keepsake_client::{AgentOptions, AgentTransport, BlobFacts, Client, RootKey};
use keepsake_derivatives::Limits;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

const CLIENTS: u64 = 8;
const PHOTOS_EACH: u64 = 25;

#[test]
fn eight_clients_publish_two_hundred_memories_and_all_are_equal_to_what_was_sent() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let users: Vec<_> = (0..CLIENTS).map(|n| User::new(dir.path(), &format!("user{n}"), &node)).collect();
    let folders: Vec<_> = (0..CLIENTS).map(|n| dir.path().join(format!("photos{n}"))).collect();
    for (n, folder) in (0..).zip(&folders) {
        std::fs::create_dir(folder).unwrap();
        for (photo, width) in (0..PHOTOS_EACH).zip((500..).step_by(16)) {
            let bytes = jpeg(width, 400, n * 1_000 + photo);
            std::fs::write(folder.join(format!("{photo}.jpg")), bytes).unwrap();
        }
    }
    let uploads: Vec<_> = users
        .iter()
        .zip(&folders)
        .map(|(user, folder)| {
            let mut command = user.command(&["upload", "-r", "--json", "--quiet", path(folder)]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let published: Vec<BTreeMap<String, Value>> = uploads
        .into_iter()
        .map(|upload| {
            let output = upload.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            let lines = text(&output.stdout);
            let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let files = lines.filter(|line| line["file"].is_string());
            files.map(|line| (line["file"].as_str().unwrap().to_owned(), line)).collect()
        })
        .collect();
    assert!(published.iter().all(|user| user.len() as u64 == PHOTOS_EACH));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (user, published) in users.iter().zip(&published) {
        let client = client_of(user);
        for (file, line) in published {
            runtime.block_on(check(&client, Path::new(file), line["memory_id"].as_str().unwrap()));
        }
    }
}

fn client_of(user: &User) -> Client<AgentTransport> {
    let identity = BasicIdentity::from_pem_file(user.home.join("identities").join("default.pem")).unwrap();
    let transport = AgentTransport::new(AgentOptions {
        node_url: user.url.clone(),
        canister_id: keepsake_node::serve::DEFAULT_CANISTER_ID.parse().unwrap(),
        identity: Arc::new(identity),
        root_key: RootKey::Auto,
    });
    Client::new(transport.unwrap())
}

async fn check(client: &Client<AgentTransport>, file: &Path, memory_id: &str) {
    let original = std::fs::read(file).unwrap();
    let derived = keepsake_derivatives::derive(&original, &Limits::default()).unwrap();
    let memory = client.memories_read(memory_id).await.unwrap();
    let mut found = BTreeMap::new();
    for asset in &memory.blob_internal_assets {
        let blob = BlobFacts {
            locator: asset.blob_ref.locator.clone(),
            len: asset.blob_ref.len,
            sha256: asset.blob_ref.hash.as_ref().unwrap().as_slice().try_into().unwrap(),
        };
        let mut bytes = Vec::new();
        client.download(&blob, &mut bytes, |_| {}).await.unwrap();
        found.insert(format!("{:?}", asset.metadata.base().asset_type), bytes);
    }
    for asset in &memory.inline_assets {
        found.insert(format!("{:?}", asset.metadata.base().asset_type), asset.bytes.to_vec());
    }
    let sent = BTreeMap::from([
        ("Original".to_owned(), original),
        ("Display".to_owned(), derived.display.bytes),
        ("Thumbnail".to_owned(), derived.thumbnail.bytes),
        ("Placeholder".to_owned(), derived.placeholder.bytes),
    ]);
    assert!(found == sent, "{}: an asset differs", file.display());
}
