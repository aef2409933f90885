//! Addresses that let a session's owner write its object, and what of it the bucket has. Owns what is signed: these bytes, under
//! this key, for an hour at most.

use super::{Lane, LaneError, Purpose, sha256_of};
use keepsake_api::{Answer, ObjectGrant};
use keepsake_s3::{Bucket, Content, Error as S3Error, Key, Part, SignedRequest, WRITE_LIFE_S_MAX};

/// Addresses signed at once.
pub(crate) const GRANTED_MAX: usize = 100;
const ANY_TYPE: &str = "application/octet-stream";

/// A part that its owner wants to send.
#[derive(Clone, Debug)]
pub(crate) struct WantedPart {
    /// From 1.
    pub(crate) number: u32,
    /// SHA-256 of its bytes.
    pub(crate) sha256: [u8; 32],
}

/// What the bucket has of an object.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// The host found all bytes.
    pub(crate) is_found: bool,
    /// Numbers and lengths, bytes.
    pub(crate) parts: Vec<(u32, u64)>,
}

impl Lane {
    /// Signs for the parts that are wanted; for none where the host found all bytes already.
    ///
    /// # Errors
    /// [`LaneError`].
    pub(crate) async fn grant(
        &self,
        ticket: &str,
        session: u64,
        wanted: &[WantedPart],
    ) -> Result<Vec<(u32, SignedRequest)>, LaneError> {
        self.counted(self.sign(ticket, session, wanted).await)
    }

    async fn sign(
        &self,
        ticket: &str,
        session: u64,
        wanted: &[WantedPart],
    ) -> Result<Vec<(u32, SignedRequest)>, LaneError> {
        let (grant, key) = self.object(ticket, session, Purpose::Sign).await?;
        check(&grant, wanted)?;
        if grant.attested {
            return Ok(Vec::new());
        }
        let bucket = self.bucket();
        let at_s = self.own.engine().now_ns() / 1_000_000_000;
        let mime_type = grant.mime_type.as_deref().unwrap_or(ANY_TYPE);
        if is_whole(&grant) {
            let content = Content { len: grant.len, sha256: sha256_of(&grant)?, md5: None };
            let signed = bucket.signer().sign_put(&key, &content, mime_type, at_s, WRITE_LIFE_S_MAX);
            self.count_granted(1, grant.len);
            return Ok(vec![(1, signed)]);
        }
        let upload_id = self.upload_id(&bucket, &grant, &key, mime_type).await?;
        let sign = |part: &WantedPart| {
            let content = Content { len: len_of(&grant, part.number), sha256: part.sha256, md5: None };
            let number = u16::try_from(part.number).unwrap_or(u16::MAX);
            let signed =
                bucket.signer().sign_part(&key, &upload_id, number, &content, at_s, WRITE_LIFE_S_MAX);
            (part.number, signed)
        };
        let bytes = wanted.iter().map(|part| len_of(&grant, part.number)).sum();
        self.count_granted(wanted.len() as u64, bytes);
        Ok(wanted.iter().map(sign).collect())
    }

    fn count_granted(&self, addresses: u64, bytes: u64) {
        self.counter.add(|counts| {
            counts.granted += addresses;
            counts.granted_bytes += bytes;
        });
    }

    /// What the bucket has.
    ///
    /// # Errors
    /// [`LaneError`].
    pub(crate) async fn parts(&self, ticket: &str, session: u64) -> Result<Parts, LaneError> {
        self.counted(self.look(ticket, session).await)
    }

    async fn look(&self, ticket: &str, session: u64) -> Result<Parts, LaneError> {
        let (grant, key) = self.object(ticket, session, Purpose::Look).await?;
        let all = || (1..=count(&grant)).map(|number| (number, len_of(&grant, number))).collect();
        if grant.attested {
            return Ok(Parts { is_found: true, parts: all() });
        }
        let bucket = self.bucket();
        let parts = match listed(&bucket, &grant, &key).await? {
            Listed::Parts(parts) => {
                parts.into_iter().map(|part| (u32::from(part.number), part.len)).collect()
            }
            Listed::Whole => all(),
            Listed::Nothing => Vec::new(),
        };
        Ok(Parts { is_found: false, parts })
    }

    /// The bucket's name for the parts: the one that the record has, else a new one. Of two that set out at once the first stays.
    async fn upload_id(
        &self,
        bucket: &Bucket,
        grant: &ObjectGrant,
        key: &Key,
        mime_type: &str,
    ) -> Result<String, LaneError> {
        if let Some(known) = &grant.upload_id {
            return Ok(known.clone());
        }
        let made = bucket.create_multipart(key, mime_type).await?;
        let kept: Answer<String> =
            self.own.ask("uploads_multipart", (grant.session_id, made.as_str())).await?;
        let kept = kept?;
        if kept != made
            && let Err(error) = bucket.abort(key, &made).await
        {
            tracing::info!(%error, "an upload in parts that nobody uses goes with its object");
        }
        Ok(kept)
    }
}

/// What the bucket has of an object that is not found yet.
pub(super) enum Listed {
    /// Nothing at all.
    Nothing,
    /// Some parts, not put together.
    Parts(Vec<Part>),
    /// An object of that length.
    Whole,
}

pub(super) async fn listed(bucket: &Bucket, grant: &ObjectGrant, key: &Key) -> Result<Listed, LaneError> {
    let is_open = match (&grant.upload_id, is_whole(grant)) {
        (Some(upload_id), false) => match bucket.list_parts(key, upload_id).await {
            Ok(parts) => return Ok(Listed::Parts(parts)),
            Err(S3Error::NoUpload | S3Error::NoObject { .. }) => false,
            Err(error) => return Err(error.into()),
        },
        (None, false) => return Ok(Listed::Nothing),
        (_, true) => true,
    };
    match bucket.head(key).await {
        Ok(head) if head.len == grant.len => Ok(Listed::Whole),
        Ok(_) => Err(LaneError::Differs),
        Err(S3Error::NoObject { .. }) if is_open => Ok(Listed::Nothing),
        Err(S3Error::NoObject { .. }) => Err(LaneError::Gone),
        Err(error) => Err(error.into()),
    }
}

fn check(grant: &ObjectGrant, wanted: &[WantedPart]) -> Result<(), LaneError> {
    if wanted.len() > GRANTED_MAX {
        let text = format!("{} parts, at most {GRANTED_MAX} at once", wanted.len());
        return Err(LaneError::Malformed(text));
    }
    let most = count(grant);
    if let Some(part) = wanted.iter().find(|part| part.number == 0 || part.number > most) {
        return Err(LaneError::Malformed(format!("there is no part {}, they are 1 to {most}", part.number)));
    }
    let mut numbers: Vec<_> = wanted.iter().map(|part| part.number).collect();
    numbers.sort_unstable();
    if numbers.windows(2).any(|two| two[0] == two[1]) {
        return Err(LaneError::Malformed("a part is named twice".to_owned()));
    }
    if is_whole(grant) && wanted.iter().any(|part| part.sha256 != grant.sha256.as_slice()) {
        return Err(LaneError::Malformed("the only part has another SHA-256 than the file".to_owned()));
    }
    Ok(())
}

/// It goes in one.
pub(super) fn is_whole(grant: &ObjectGrant) -> bool {
    grant.part_bytes >= grant.len
}

pub(super) fn count(grant: &ObjectGrant) -> u32 {
    u32::try_from(grant.len.div_ceil(grant.part_bytes.max(1))).unwrap_or(u32::MAX)
}

/// Bytes of a part.
pub(super) fn len_of(grant: &ObjectGrant, number: u32) -> u64 {
    let before = u64::from(number - 1) * grant.part_bytes;
    grant.part_bytes.min(grant.len.saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_bytes::ByteBuf;

    fn grant(len: u64, part_bytes: u64) -> ObjectGrant {
        ObjectGrant {
            session_id: 1,
            object_id: 1,
            key: "1/1-00".into(),
            len,
            sha256: ByteBuf::from([7; 32]),
            mime_type: None,
            part_bytes,
            upload_id: None,
            attested: false,
        }
    }

    fn wanted(numbers: &[u32], sha256: [u8; 32]) -> Vec<WantedPart> {
        numbers.iter().map(|number| WantedPart { number: *number, sha256 }).collect()
    }

    #[test]
    fn only_parts_that_the_file_has_are_signed_and_each_once() {
        let grant = grant(25, 10);
        assert_eq!((1..=3).map(|number| len_of(&grant, number)).collect::<Vec<_>>(), [10, 10, 5]);
        assert!(check(&grant, &wanted(&[3, 1], [1; 32])).is_ok());
        for wrong in [&[0][..], &[4], &[1, 1]] {
            assert!(
                matches!(check(&grant, &wanted(wrong, [1; 32])), Err(LaneError::Malformed(_))),
                "{wrong:?}"
            );
        }
        assert!(check(&grant, &vec![WantedPart { number: 1, sha256: [1; 32] }; 101]).is_err());
    }

    #[test]
    fn a_file_in_one_part_has_one_hash() {
        let grant = grant(25, 25);
        assert!(check(&grant, &wanted(&[1], [7; 32])).is_ok());
        assert!(check(&grant, &wanted(&[1], [8; 32])).is_err());
    }
}
