//! The check of a data directory whose records are damaged: what is broken in a map's tree is said in words, and the check
//! neither crashes nor runs in circles.

use candid::{Encode, Principal};
use keepsake_api::PersonRef;
use keepsake_node::data_dir::DataDir;
use keepsake_node::engine::{Engine, EngineOptions, RequestStatus, UpdateMessage};
use keepsake_node::fsck::{FsckReport, check};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;

const PAGE_BYTES: usize = 4_080;
const PAGES: TableDefinition<'_, u64, &[u8; PAGE_BYTES]> = TableDefinition::new("pages");
const NODE_MAGIC: &[u8] = b"BTN\x02";
/// Enough for trees of more than one node.
const CAPSULES: u8 = 40;

async fn fill(dir: &Path) {
    let options = EngineOptions::new(Principal::from_slice(&[1; 10]));
    let engine = Engine::open(DataDir::open(dir).unwrap(), options).unwrap();
    for number in 0..CAPSULES {
        let message = UpdateMessage {
            request_id: [number; 32],
            caller: Principal::self_authenticating([7; 32]),
            method: "capsules_create".into(),
            arg: Encode!(&Some(PersonRef::Opaque(format!("person {number}")))).unwrap().into(),
            ingress_expiry_ns: u64::MAX,
            permit: None,
        };
        let answer = engine.update(message).await.unwrap();
        assert!(matches!(answer, RequestStatus::Replied(_)), "{answer:?}");
    }
}

/// Where nodes of trees begin: page and offset.
fn nodes(records: &Path) -> Vec<(u64, usize)> {
    let database = Database::open(records).unwrap();
    let pages = database.begin_read().unwrap().open_table(PAGES).unwrap();
    let mut found = Vec::new();
    for row in pages.iter().unwrap() {
        let (number, page) = row.unwrap();
        let starts = page.value().windows(16).enumerate().filter(|(_, part)| part.starts_with(NODE_MAGIC));
        found.extend(starts.map(|(at, _)| (number.value(), at)));
    }
    found
}

/// Turns all bits of a byte over.
fn damage(records: &Path, page: u64, at: usize) {
    let database = Database::open(records).unwrap();
    let change = database.begin_write().unwrap();
    {
        let mut pages = change.open_table(PAGES).unwrap();
        let mut bytes = *pages.get(page).unwrap().unwrap().value();
        bytes[at] ^= 0xFF;
        pages.insert(page, &bytes).unwrap();
    }
    change.commit().unwrap();
}

fn fsck(dir: &Path) -> FsckReport {
    check(dir, true, |_| ()).unwrap()
}

#[tokio::test]
async fn a_damaged_tree_is_told_and_is_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    assert_eq!(fsck(dir.path()).violations, Vec::<String>::new());
    let records = dir.path().join("records.redb");
    let nodes = nodes(&records);
    assert!(nodes.len() > 20, "{} nodes", nodes.len());
    for (nth, (page, at)) in nodes.into_iter().enumerate().step_by(3) {
        // Its magic, its kind, its count, the address of a further page.
        let byte = at + [0, 4, 5, 7][nth % 4];
        damage(&records, page, byte);
        let found = fsck(dir.path());
        assert!(
            found.violations.iter().any(|text| text.starts_with("the tree of")),
            "byte {byte} of page {page}: {found:?}"
        );
        damage(&records, page, byte);
    }
    assert_eq!(fsck(dir.path()).violations, Vec::<String>::new());
}
