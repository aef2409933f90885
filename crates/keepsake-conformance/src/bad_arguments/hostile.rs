//! Hostile texts: as ids they name nothing; as titles, names and keys they are kept and given back as they are.

use super::{refusal, send};
use crate::access::table::{Of, TABLE};
use crate::access::{prefix, with_id};
use crate::api::{AssetType, BulkDeleteResult, Error};
use crate::host::{Host, Who};
use crate::samples::{asset, changed, memory, unique};
use crate::snapshot::Snapshot;
use crate::verdict::allowed;
use crate::world::World;
use keepsake_client::BytesSource;

/// What comes after an id's prefix, or stands in its place.
const TAILS: &[&str] = &[
    "",
    "01",
    "+1",
    "-1",
    " 1",
    "1 ",
    "1\0",
    "1\n",
    "１",
    "0x1",
    "1e0",
    "1/../2",
    "%31",
    "1?x=1",
    "\u{202e}1",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "💥",
];
const OTHERS: &[&str] =
    &["", " ", "1", "null", "../../etc/passwd", "CAPSULE_1", "capsule_1capsule_1", "\u{feff}mem_1"];

/// Every method with every hostile id, by whoever may most: `NotFound`, or nothing done; nothing changed.
pub async fn hostile_ids_name_nothing<H: Host>(host: &H) {
    let world = World::new(host, "hostile").await;
    let things = world.things().await;
    let before = Snapshot::take(&world, &things).await;
    for row in TABLE.iter().filter(|row| !matches!(row.of, Of::Nothing | Of::Session)) {
        let tails = TAILS.iter().map(|tail| format!("{}{tail}", prefix(row.of)));
        let long = [format!("{}{}", prefix(row.of), "1".repeat(60_000)), "é".repeat(30_000)];
        for id in tails.chain(OTHERS.iter().map(|id| (*id).to_owned())).chain(long) {
            let arg = (row.args)(&with_id(&things, row.of, &id, 0), &unique("hostile"));
            // Of operators' methods nobody else learns anything.
            let who = if row.method.starts_with("admin_") { Who::Controller } else { Who::Owner };
            let reply = send(&world, who, row.method, arg).await;
            let id: String = id.chars().take(40).collect();
            match row.method {
                "memories_ping" | "mint_http_tokens_bulk" | "http_request" | "http_request_update" => {}
                "memories_delete_bulk" if row.of == Of::Memory => {
                    let done: crate::api::Answer<BulkDeleteResult> =
                        candid::decode_one(&reply).expect("an answer decodes");
                    assert_eq!(done.map(|d| (d.deleted_count, d.failed_count)), Ok((0, 1)), "{id:?}");
                }
                // For whoever keeps the bucket's keys: others learn nothing either.
                method if method.starts_with("objects_") => {
                    assert_eq!(refusal(&reply), Some(Error::Unauthorized), "{method} {id:?}");
                }
                method => {
                    assert_eq!(refusal(&reply), Some(Error::NotFound), "{method} of {:?} {id:?}", row.of);
                }
            }
        }
        let after = Snapshot::take(&world, &things).await;
        assert_eq!(before.changes(&after), Vec::<&str>::new(), "{}: it changed this", row.method);
    }
}

const TEXTS: &[&str] = &[
    "Möwe 🕊 海鷗",
    "\u{202e}gpj.exe\u{200b}",
    "a\0b\r\nc\u{7f}\u{1b}[2J",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "'; drop table memories; --",
    "",
];

/// Any text within its limit comes back byte for byte.
pub async fn hostile_texts_are_kept_as_they_are<H: Host>(host: &H) {
    let world = World::new(host, "texts").await;
    let member = world.member();
    let longest = "é".repeat(512);
    for text in TEXTS.iter().copied().chain([longest.as_str()]) {
        let metadata = changed(asset(AssetType::Original, "text/plain"), |base| {
            base.name = text.into();
            base.description = Some(text.into());
            base.tags = vec![text.chars().take(32).collect()];
        });
        let source = BytesSource::Inline(b"x".to_vec());
        let idem = format!("{}{}", unique("k"), text.chars().take(60).collect::<String>());
        let id = allowed(member.memories_create(&world.capsule, source.clone(), &metadata, &idem).await);
        assert_eq!(allowed(member.memories_create(&world.capsule, source, &metadata, &idem).await), id);
        let read = allowed(member.memories_read(&id).await);
        assert_eq!(read.inline_assets[0].metadata.base().name, text);
        assert_eq!(read.metadata.description.as_deref(), Some(text));
        let whole = crate::api::MemoryUpdateData {
            metadata: Some(memory(text)),
            location: Some(text.into()),
            ..Default::default()
        };
        let updated = allowed(member.memories_update(&id, &whole).await);
        assert_eq!(
            (updated.metadata.title.as_deref(), updated.metadata.location.as_deref()),
            (Some(text), Some(text))
        );
        assert_eq!(allowed(member.memories_read(&id).await), updated);
        let page = allowed(member.memories_list(&world.capsule, None, Some(1)).await);
        assert_eq!(page.items[0].title.as_deref(), Some(text));
    }
}
