//! Lengths of chunks: all but the last are equal, the last is not longer, and they add up to what was announced.

use super::assert_blob_is;
use crate::api::BeginOptions;
use crate::host::Host;
use crate::samples::{bytes, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, finish};

/// One put: index and length.
type Put = (u32, usize);

/// Chunks announced, total announced, puts that are taken, the put that is not.
const MISFITS: &[(u32, Option<u64>, &[Put], Put)] = &[
    (3, None, &[(0, 10)], (1, 9)),
    (3, None, &[(0, 10)], (1, 11)),
    (3, None, &[(0, 10)], (2, 11)),
    (3, None, &[(2, 10)], (0, 9)),
    (3, None, &[(1, 10), (2, 3)], (0, 4)),
    (3, Some(25), &[], (0, 8)),
    (3, Some(25), &[], (0, 13)),
    (3, Some(25), &[], (2, 6)),
    (3, Some(25), &[], (2, 25)),
    (3, Some(25), &[(0, 10)], (2, 4)),
    (3, Some(25), &[(2, 5)], (0, 11)),
    (1, Some(7), &[], (0, 6)),
    (1, Some(7), &[], (0, 8)),
];

/// A chunk of the wrong length is refused and not marked as received; the right one is taken after it.
pub async fn chunk_lengths_are_held<H: Host>(host: &H) {
    let world = World::new(host, "lengths").await;
    let member = world.member();
    for (number, (expected, total_len, puts, misfit)) in MISFITS.iter().enumerate() {
        let options = total_len.map(|len| BeginOptions { total_len: Some(len), ..BeginOptions::default() });
        let id = allowed(member.uploads_begin(&world.capsule, *expected, &unique("misfit"), options).await);
        for (index, len) in *puts {
            allowed(member.uploads_put_chunk(id, *index, &bytes(*len, 1)).await);
        }
        let before = allowed(member.uploads_status(id).await);
        let put = member.uploads_put_chunk(id, misfit.0, &bytes(misfit.1, 1)).await;
        let code = put.as_ref().err().and_then(|error| error.code());
        assert_eq!(code, Some("chunk_length_differs"), "misfit {number}: {put:?}");
        let after = allowed(member.uploads_status(id).await);
        assert_eq!(before, after, "misfit {number}: a refused chunk changed the session");
        allowed(member.uploads_abort(id).await);
    }
}

/// The last chunk may come first, and tells nothing about the others but that they are not shorter.
pub async fn the_last_chunk_may_come_first<H: Host>(host: &H) {
    let world = World::new(host, "last-first").await;
    let member = world.member();
    for tail_len in [1, 63, 64] {
        let file = bytes(64 * 4 + tail_len, 9);
        let id = allowed(member.uploads_begin(&world.capsule, 5, &unique("tail"), None).await);
        allowed(member.uploads_put_chunk(id, 4, &file[256..]).await);
        let status = allowed(member.uploads_status(id).await);
        assert_eq!((status.bytes_received, status.chunk_size), (tail_len as u64, None));
        assert_eq!(status.missing, [(0, 4)]);
        if tail_len > 1 {
            refused(member.uploads_put_chunk(id, 0, &file[..tail_len - 1]).await, "chunk_length_differs");
        }
        for index in [2_u32, 0, 3, 1] {
            let at = index as usize * 64;
            allowed(member.uploads_put_chunk(id, index, &file[at..at + 64]).await);
        }
        let finished = finish(member, id, &file).await;
        assert_blob_is(member, &finished.blob_id, &file).await;
    }
}
