//! Stores kept in `fixtures/`: written and read. Owns the form of the files, not what is in the stores.
//!
//! A fixture is two gzip files, records and heap: `size in 64 KiB pages u64`, then for every 4 KiB page that is not
//! zero its `number u64` and its bytes, all little-endian.

use crate::sparse_memory::{Image, PAGE_BYTES, SparseMemory};
use flate2::{Compression, GzBuilder, read::GzDecoder};
use keepsake_core::layout::LAYOUT_VERSION;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

/// Whether this run writes the fixtures of today's layout.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE_FIXTURES").is_some()
}

fn path(what: &str, version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/layout-{version}-{what}.gz"))
}

/// Writes one memory of a store of today's layout.
pub(crate) fn save(what: &str, image: &Image) {
    let file = std::fs::File::create(path(what, LAYOUT_VERSION)).unwrap();
    // No time and no name in the header: the same store makes the same file.
    let mut out = GzBuilder::new().mtime(0).write(file, Compression::best());
    out.write_all(&image.size.to_le_bytes()).unwrap();
    for (number, page) in image.pages.iter().filter(|(_, page)| page.iter().any(|byte| *byte != 0)) {
        out.write_all(&number.to_le_bytes()).unwrap();
        out.write_all(&page[..]).unwrap();
    }
    out.finish().unwrap();
}

/// Reads one memory of a store of layout `version`.
pub(crate) fn load(what: &str, version: u32) -> SparseMemory {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path(what, version)).expect("run once with UPDATE_FIXTURES=1");
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    let (size, rows) = bytes.split_at(8);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let page = |row: &[u8]| (number(&row[..8]), Rc::new(row[8..].try_into().unwrap()));
    SparseMemory::of(Image { size: number(size), pages: rows.chunks(8 + PAGE_BYTES).map(page).collect() })
}
