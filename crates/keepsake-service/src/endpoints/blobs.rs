//! Handlers of blobs. Owns their mapping only.

use super::{IntoMessage, Query, Update};
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{Answer, BlobMeta, Error};
use keepsake_core::blob::{BlobError, BlobPart};
use keepsake_core::ids::CapsuleId;
use keepsake_core::limits::CHUNK_BYTES_MAX;
use serde_bytes::ByteBuf;

pub(super) fn meta<R: Memory, H: Memory>(query: &Query<'_, R, H>, (locator,): (String,)) -> Answer<BlobMeta> {
    let blob = query.store.blob_meta(&query.call.caller, ids::blob(&locator)?).map_err(refuse)?;
    Ok(BlobMeta {
        locator,
        size: blob.len,
        chunk_count: blob.chunk_count(),
        chunk_size: CHUNK_BYTES_MAX,
        sha256: ByteBuf::from(blob.sha256.to_vec()),
        mime_type: blob.mime_type,
        capsule_id: CapsuleId(blob.capsule).to_string(),
        created_at: blob.created_ns,
        references: blob.references,
        expires_at: blob.expires_ns,
    })
}

/// An answer with bytes in it, encoded already: the bytes are read to where they go out from. Candid's encoder would copy
/// them twice, and each of a canister's bytes and pages costs.
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    fn new<R: Memory, H: Memory>(query: &Query<'_, R, H>, part: Result<BlobPart, BlobError>) -> Self {
        let part = match part {
            Ok(part) => part,
            Err(why) => return Self::refused(refuse(why)),
        };
        if part.elsewhere.is_some() {
            let text = "bytes_elsewhere: they are in the host's bucket; read them at /asset/";
            return Self::refused(Error::NotImplemented(text.into()));
        }
        let empty: Answer<ByteBuf> = Ok(ByteBuf::new());
        let mut bytes = empty.into_message();
        let count = bytes.pop();
        assert_eq!(count, Some(0), "the value comes last, and a blob begins with the number of its bytes");
        bytes.reserve_exact(COUNT_BYTES_MAX + part.len());
        write_count(&mut bytes, part.len());
        query.store.blob_append(&part, &mut bytes);
        Self(bytes)
    }

    fn refused(error: Error) -> Self {
        let answer: Answer<ByteBuf> = Err(error);
        Self(answer.into_message())
    }
}

/// Bytes of the longest LEB128 of 64 bits.
pub(super) const COUNT_BYTES_MAX: usize = 10;

/// Unsigned LEB128, seven bits in a byte, as [Candid](https://github.com/dfinity/candid/blob/master/spec/Candid.md#binary-format)
/// writes the number of elements of a vector.
pub(super) fn write_count(bytes: &mut Vec<u8>, mut count: usize) {
    loop {
        let seven = u8::try_from(count & 0x7f).expect("seven bits");
        count >>= 7;
        if count == 0 {
            bytes.push(seven);
            return;
        }
        bytes.push(0x80 | seven);
    }
}

pub(super) fn read<R: Memory, H: Memory>(query: &Query<'_, R, H>, (locator,): (String,)) -> Message {
    let part = |id| query.store.blob_read(&query.call.caller, id);
    ids::blob(&locator).map_or_else(Message::refused, |id| Message::new(query, part(id)))
}

pub(super) fn read_chunk<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (locator, index): (String, u32),
) -> Message {
    let part = |id| query.store.blob_chunk(&query.call.caller, id, index);
    ids::blob(&locator).map_or_else(Message::refused, |id| Message::new(query, part(id)))
}

pub(super) fn read_range<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (locator, offset, len): (String, u64, u32),
) -> Message {
    let part = |id| query.store.blob_range(&query.call.caller, id, offset, len);
    ids::blob(&locator).map_or_else(Message::refused, |id| Message::new(query, part(id)))
}

pub(super) fn delete<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (locator,): (String,),
) -> Answer<String> {
    update.store.blob_delete(update.call, ids::blob(&locator)?).map_err(refuse)?;
    Ok(format!("{locator} deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_written_as_candid_writes_it() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 1_800_000] {
            let answer: Answer<ByteBuf> = Ok(ByteBuf::from(vec![7; len]));
            let empty: Answer<ByteBuf> = Ok(ByteBuf::new());
            let mut bytes = empty.into_message();
            bytes.pop();
            write_count(&mut bytes, len);
            bytes.resize(bytes.len() + len, 7);
            assert!(bytes == answer.into_message(), "{len} bytes");
        }
    }
}
