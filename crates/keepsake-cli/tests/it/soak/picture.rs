//! Photos by number: each number is another small JPEG, the same on every run, and what the service must hold of it.
//! Owns the comparison of a stored memory with what was sent.

use super::node::Service;
use keepsake_client::api::{AssetType, Memory};
use keepsake_derivatives::{Limits, derive};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly enough in `0..end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// `len` bytes that do not compress.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// The title of photo `number`.
pub(crate) fn title(number: u64) -> String {
    format!("picture-{number}")
}

/// Photo `number`: a JPEG of 64 × 48 to 127 × 111 pixels in random blocks, some KiB.
pub(crate) fn original(number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let mut side = |least: u16| least + u16::from(random.next().to_le_bytes()[0] % 64);
    let (width, height) = (side(64), side(48));
    let columns = usize::from(width.div_ceil(4));
    let blocks = random.bytes(columns * usize::from(height.div_ceil(4)) * 3);
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..usize::from(height) {
        for x in 0..usize::from(width) {
            let at = (y / 4 * columns + x / 4) * 3;
            pixels.extend(&blocks[at..at + 3]);
        }
    }
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 80)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .expect("encoding into memory works");
    bytes
}

type Hashes = BTreeMap<AssetType, [u8; 32]>;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of the four assets that photo `number` must have.
fn expected(number: u64) -> Hashes {
    let original = original(number);
    let derived = derive(&original, &Limits::default()).expect("a good JPEG");
    // A plain original is its own display where the made one, of the same pixels, is not shorter.
    let (made, of) = (&derived.display, &derived.original);
    let is_original =
        original.len() <= made.bytes.len() && (made.width, made.height) == (of.width, of.height);
    let display = if is_original { &original } else { &made.bytes };
    Hashes::from([
        (AssetType::Original, sha256(&original)),
        (AssetType::Display, sha256(display)),
        (AssetType::Thumbnail, sha256(&derived.thumbnail.bytes)),
        (AssetType::Placeholder, sha256(&derived.placeholder.bytes)),
    ])
}

/// How a stored memory compares with what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All four assets, byte for byte.
    Whole,
    /// It, or some of it, is not there.
    Lost(String),
    /// It has bytes of something else.
    Mixed(String),
}

/// Reads every asset of a memory and compares it with photo `number`.
pub(crate) async fn compare(client: &Service, memory_id: &str, number: u64) -> Verdict {
    let memory = match client.memories_read(memory_id).await {
        Ok(memory) => memory,
        Err(error) => return Verdict::Lost(format!("{memory_id}: {error}")),
    };
    match stored(client, &memory).await {
        Ok(found) => judge(&memory, &found, number),
        Err(error) => Verdict::Lost(format!("{memory_id}: {error}")),
    }
}

/// Compares what the record says, without reading the blobs.
pub(crate) async fn compare_record(client: &Service, memory_id: &str, number: u64) -> Verdict {
    let memory = match client.memories_read(memory_id).await {
        Ok(memory) => memory,
        Err(error) => return Verdict::Lost(format!("{memory_id}: {error}")),
    };
    let mut found = inline(&memory);
    for asset in &memory.blob_internal_assets {
        let hash = asset.blob_ref.hash.as_ref().and_then(|hash| hash.as_slice().try_into().ok());
        found.insert(asset.metadata.base().asset_type, hash.unwrap_or_default());
    }
    judge(&memory, &found, number)
}

fn judge(memory: &Memory, found: &Hashes, number: u64) -> Verdict {
    let expected = expected(number);
    let id = &memory.id;
    if memory.metadata.title.as_deref() != Some(&title(number)) {
        return Verdict::Mixed(format!(
            "{id}: title {:?} instead of {}",
            memory.metadata.title,
            title(number)
        ));
    }
    for (kind, hash) in &expected {
        match found.get(kind) {
            None => return Verdict::Lost(format!("{id}: no {kind:?}")),
            Some(other) if other != hash => {
                return Verdict::Mixed(format!("{id}: {kind:?} of something else"));
            }
            Some(_) => {}
        }
    }
    if found.len() > expected.len() {
        return Verdict::Mixed(format!("{id}: {} assets", found.len()));
    }
    Verdict::Whole
}

fn inline(memory: &Memory) -> Hashes {
    let hash = |bytes: &[u8]| sha256(bytes);
    memory.inline_assets.iter().map(|asset| (asset.metadata.base().asset_type, hash(&asset.bytes))).collect()
}

async fn stored(client: &Service, memory: &Memory) -> Result<Hashes, keepsake_client::CallError> {
    let mut found = inline(memory);
    for asset in &memory.blob_internal_assets {
        let bytes = client.blob_read(&asset.blob_ref.locator).await?;
        found.insert(asset.metadata.base().asset_type, sha256(&bytes));
    }
    Ok(found)
}
