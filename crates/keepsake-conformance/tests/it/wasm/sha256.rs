//! The SHA-256 that runs in the module, with vectors for the message schedule, meets the vectors of NIST. Native tests
//! run the same code over plain arrays, so only this one sees the vectors' own instructions.
//!
//! Source: NIST, examples with intermediate values for SHA-256, and FIPS 180-2, appendix B.3.

use super::host::Module;
use keepsake_conformance::Who;
use keepsake_conformance::api::PersonRef;
use keepsake_conformance::verdict::{allowed, refused};

const MILLION: &str = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

/// Bytes, how long their chunks are, and their SHA-256.
fn vectors() -> Vec<(Vec<u8>, usize, &'static str)> {
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let more = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let mut vectors = vec![
        (b"abc".to_vec(), 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (two_blocks.to_vec(), 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (more.to_vec(), 112, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
    ];
    // In one piece, and cut so that groups of blocks begin at every place of a block.
    for chunk in [1_000_000, 99_991, 4_096, 1_025, 257] {
        vectors.push((vec![b'a'; 1_000_000], chunk, MILLION));
    }
    vectors
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("it is ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("it is hexadecimal")).collect()
}

#[tokio::test]
async fn the_module_hashes_as_nist_says() {
    let host = Module::start();
    let client = host.client_of(Who::Owner.principal());
    let capsule = allowed(client.capsules_create(None::<PersonRef>).await).id;
    for (nth, (bytes, chunk, expected)) in vectors().into_iter().enumerate() {
        let (count, len) = (u32::try_from(bytes.len().div_ceil(chunk)).expect("few"), bytes.len() as u64);
        let id = allowed(client.uploads_begin(&capsule, count, &format!("vector {nth}"), None).await);
        for (index, chunk) in (0..).zip(bytes.chunks(chunk)) {
            allowed(client.uploads_put_chunk(id, index, chunk).await);
        }
        let mut wrong = bytes_of(expected);
        wrong[31] ^= 1;
        refused(client.uploads_finish(id, &wrong, len).await, "sha256_differs");
        allowed(client.uploads_finish(id, &bytes_of(expected), len).await);
    }
}
