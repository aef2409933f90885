//! The disk without anything above it: random bytes, appends with fdatasync, reads.
//! Owns what "raw" means in the report.

use crate::child::StopFlag;
use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const PIECE_BYTES: usize = 1 << 20;

/// Writes bytes that no file system can make smaller (splitmix64), and syncs them.
pub(super) fn make_random(path: &Path, bytes: u64, stop: &StopFlag) -> Result<()> {
    let mut file = BufWriter::with_capacity(PIECE_BYTES, File::create(path)?);
    let mut piece = vec![0; PIECE_BYTES];
    for index in 0..bytes.div_ceil(PIECE_BYTES as u64) {
        stop.check()?;
        for (at, word) in piece.chunks_exact_mut(8).enumerate() {
            let mut mixed = (index << 20 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
        }
        file.write_all(&piece).with_context(|| path.display().to_string())?;
    }
    let file = file.into_inner()?;
    file.set_len(bytes)?;
    Ok(file.sync_all()?)
}

/// Appends the first `bytes` of `from` to the new file `to`, with fdatasync after every `sync_every`
/// pieces and at the end. The time to read `from`, which is in memory, is not counted.
pub(super) fn append(
    from: &Path,
    to: &Path,
    bytes: u64,
    piece_bytes: usize,
    sync_every: u32,
    stop: &StopFlag,
) -> Result<Duration> {
    let (mut source, mut target) = (File::open(from)?.take(bytes), File::create(to)?);
    let mut piece = Vec::with_capacity(piece_bytes);
    let (mut took, mut unsynced) = (Duration::ZERO, 0);
    loop {
        stop.check()?;
        piece.clear();
        source.by_ref().take(piece_bytes as u64).read_to_end(&mut piece)?;
        let begun = Instant::now();
        target.write_all(&piece)?;
        unsynced += 1;
        if unsynced == sync_every || piece.is_empty() {
            target.sync_data()?;
            unsynced = 0;
        }
        took += begun.elapsed();
        if piece.is_empty() {
            return Ok(took);
        }
    }
}

/// Reads the file from its beginning to its end.
pub(super) fn read(path: &Path, piece_bytes: usize, stop: &StopFlag) -> Result<Duration> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; piece_bytes];
    let begun = Instant::now();
    while file.read(&mut piece)? > 0 {
        stop.check()?;
    }
    Ok(begun.elapsed())
}

/// Asks the system to drop what it keeps of the file in memory.
pub(super) fn forget(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    file.sync_all()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}
