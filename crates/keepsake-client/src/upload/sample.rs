//! A sample of a content, by which equal files are found without reading them whole. Owns which bytes it is made of, as all
//! clients do it: `fixtures/client/keys.json` has its cases. Two contents may share a sample; a SHA-256 decides then.

use super::UploadError;
use super::hash::Sha;
use super::source::OpenSource;
use sha2::{Digest, Sha256};

/// A content of up to so many bytes is its own sample.
const WHOLE_BYTES_MAX: u64 = 1 << 20;
/// Of a longer one, so many pieces are taken, the first at its start and the last at its end.
const PIECES: u64 = 16;
/// Their length, bytes.
const PIECE_BYTES: u64 = 64 * 1024;

/// SHA-256 of the sample. Reads at most 1 MiB; blocks on the disk.
pub(crate) fn sample(source: &OpenSource) -> Result<Sha, UploadError> {
    if let Some(sha256) = source.sha256().filter(|_| is_whole(source)) {
        return Ok(sha256);
    }
    let (len, mut hasher) = (source.len(), Sha256::new());
    let mut add = |offset: u64, count: u64| {
        let mut buffer = vec![0; usize::try_from(count).expect("at most 1 MiB")];
        source.read_at(offset, &mut buffer)?;
        hasher.update(&buffer);
        Ok::<_, UploadError>(())
    };
    if is_whole(source) {
        add(0, len)?;
    } else {
        for piece in 0..PIECES {
            let offset = u128::from(len - PIECE_BYTES) * u128::from(piece) / u128::from(PIECES - 1);
            add(u64::try_from(offset).expect("within the content"), PIECE_BYTES)?;
        }
    }
    Ok(hasher.finalize().into())
}

/// The sample is the SHA-256 of the content.
pub(crate) fn is_whole(source: &OpenSource) -> bool {
    source.len() <= WHOLE_BYTES_MAX
}
