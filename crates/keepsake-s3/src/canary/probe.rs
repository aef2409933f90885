//! One run of the canary: its objects, and what the server does with them. Owns the trying and the removing.

use super::{Finding, Found};
use crate::bucket::Bucket;
use crate::error::Error;
use crate::key::Key;
use crate::signer::{Abilities, Content, ReadMethod, Shown};
use bytes::Bytes;
use md5::Md5;
use sha2::{Digest, Sha256};
use url::Url;

/// Of one length, so that nothing but the hash tells them apart.
const RIGHT: &[u8] = b"Keepsake tries what this server does. (1)";
const WRONG: &[u8] = b"Keepsake tries what this server does. (2)";
const KIND: &str = "text/plain";

pub(super) struct Probe {
    /// It signs everything.
    bucket: Bucket,
    right: Key,
    wrong: Key,
    parts: Key,
    upload: Option<String>,
}

impl Probe {
    pub(super) fn new(bucket: Bucket, right: Key, wrong: Key, parts: Key) -> Self {
        Self { bucket, right, wrong, parts, upload: None }
    }

    /// Writes the right bytes with as much signed as the server takes.
    pub(super) async fn write(&self) -> Result<Abilities, Error> {
        let mut refused = None;
        for (whole_checksums, if_none_match) in [(true, true), (true, false), (false, true), (false, false)] {
            let abilities = Abilities { whole_checksums, if_none_match, ..Abilities::ALL };
            match self.put(&self.right, RIGHT, RIGHT, abilities).await {
                // Nobody else has this key: the reply to an earlier try was lost.
                Ok(()) | Err(Error::Exists { .. }) => return Ok(abilities),
                // It may be the header that it refuses; all else is for whoever runs this.
                Err(error @ (Error::Refused { .. } | Error::Unsupported { .. } | Error::Corrupt { .. })) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| Error::answer("nothing was tried")))
    }

    async fn put(
        &self,
        key: &Key,
        said: &[u8],
        sent: &'static [u8],
        abilities: Abilities,
    ) -> Result<(), Error> {
        let bucket = self.bucket.clone().with_abilities(abilities);
        bucket.put_bytes(key, &content(said), KIND, Bytes::from_static(sent)).await
    }

    /// Other bytes than were signed.
    pub(super) async fn wrong_bytes(&self, abilities: Abilities) -> Finding {
        if !abilities.whole_checksums {
            return Finding::missing(
                "the server takes no SHA-256 with a PUT: what comes is verified by reading it",
            );
        }
        let put = self.put(&self.wrong, RIGHT, WRONG, abilities).await;
        let absent = matches!(self.bucket.head(&self.wrong).await, Err(Error::NoObject { .. }));
        match put {
            Ok(()) => Finding::missing(
                "the server takes other bytes than the signed SHA-256 says: what comes is verified by reading it",
            ),
            Err(Error::Corrupt { .. } | Error::Refused { .. }) if absent => {
                Finding::right("other bytes than the signed SHA-256 says are refused")
            }
            Err(Error::Corrupt { .. } | Error::Refused { .. }) => Finding::missing(
                "the server refuses other bytes than the signed SHA-256 says and keeps them: what comes is verified by reading it",
            ),
            Err(error) => Finding::unknown(format!("whether the server compares a signed SHA-256: {error}")),
        }
    }

    /// What HEAD tells of the right object: its hash, and whether it is a version.
    pub(super) async fn told(&self) -> Result<(Finding, Finding), Error> {
        let head = self.bucket.head(&self.right).await?;
        let told = if head.sha256 == Some(content(RIGHT).sha256) {
            Finding::right("the server tells the SHA-256 of what it has")
        } else {
            Finding::missing(
                "the server does not tell the SHA-256 of what it has: what comes is verified by reading it",
            )
        };
        let unversioned = match head.version_id {
            None => Finding::right("the bucket keeps no versions: what is deleted is gone"),
            Some(_) => Finding::missing(
                "the bucket keeps versions: room comes back only where the version is deleted too",
            ),
        };
        Ok((told, unversioned))
    }

    /// A second PUT.
    pub(super) async fn once(&self, abilities: Abilities) -> Finding {
        let weak = "the server writes an object twice: a signed request can be used again, though for the same bytes only \
                    where it compares checksums";
        if !abilities.if_none_match {
            return Finding::missing(weak);
        }
        match self.put(&self.right, WRONG, WRONG, abilities).await {
            Err(Error::Exists { .. }) => Finding::right("an object is written once"),
            Ok(()) => Finding::missing(weak),
            Err(error) => Finding::unknown(format!("whether an object is written once: {error}")),
        }
    }

    /// A part with other bytes than were signed, then one that is right.
    pub(super) async fn parts(&mut self) -> Finding {
        let none =
            "the server takes no SHA-256 with parts: what comes in parts is verified by reading it alone";
        let upload = match self.bucket.create_multipart(&self.parts, KIND).await {
            Ok(upload) => upload,
            Err(Error::Refused { .. } | Error::Unsupported { .. }) => return Finding::missing(none),
            Err(error) => {
                return Finding::unknown(format!(
                    "whether the server compares the SHA-256 of parts: {error}"
                ));
            }
        };
        self.upload = Some(upload.clone());
        let part =
            async |sent| self.bucket.put_part_bytes(&self.parts, &upload, 1, &content(RIGHT), sent).await;
        let wrong = part(Bytes::from_static(WRONG)).await;
        let right = part(Bytes::from_static(RIGHT)).await;
        match (wrong, right) {
            (Err(Error::Corrupt { .. } | Error::Refused { .. }), Ok(())) => {
                Finding::right("parts with other bytes than the signed SHA-256 says are refused")
            }
            (Ok(()), _) => Finding::missing(
                "the server takes parts with other bytes than the signed SHA-256 says: they are verified by reading alone",
            ),
            (_, Err(Error::Refused { .. } | Error::Unsupported { .. } | Error::Corrupt { .. })) => {
                Finding::missing(none)
            }
            (Err(error), _) => {
                Finding::unknown(format!("whether the server compares the SHA-256 of parts: {error}"))
            }
        }
    }

    /// Without a signature.
    pub(super) async fn object_private(&self) -> Finding {
        let signer = self.bucket.signer();
        let at = [signer.unsigned(Some(&self.right)), signer.unsigned_public(Some(&self.right))];
        self.private(at, "reads objects").await
    }

    /// Without a signature.
    pub(super) async fn list_private(&self) -> Finding {
        let signer = self.bucket.signer();
        let at = [signer.unsigned(None), signer.unsigned_public(None)].map(|mut url| {
            url.set_query(Some("list-type=2&max-keys=1"));
            url
        });
        self.private(at, "lists the bucket").await
    }

    async fn private(&self, at: [Url; 2], does: &str) -> Finding {
        let [inner, public] = at;
        let inner_finding = self.refused(&inner, does).await;
        if public == inner || inner_finding.found == Found::Missing {
            return inner_finding;
        }
        let public_finding = self.refused(&public, does).await;
        if public_finding.is_right() { inner_finding } else { public_finding }
    }

    async fn refused(&self, url: &Url, does: &str) -> Finding {
        let host = url.host_str().unwrap_or_default();
        match self.bucket.anonymously(url.clone()).await {
            Ok(200..=299) => Finding::missing(format!(
                "anybody {does} at {host} without a signature: take the bucket's public policy or access list away"
            )),
            // Nothing was found there, so nothing was refused.
            Ok(404) => Finding::unknown(format!("whether anybody {does} at {host}: it answers 404")),
            Ok(400..=499) => Finding::right(format!("nobody {does} without a signature")),
            Ok(status) => Finding::unknown(format!("whether anybody {does} at {host}: it answers {status}")),
            Err(error) => Finding::unknown(format!("whether anybody {does} at {host}: {error}")),
        }
    }

    /// What clients do: a signed read at the public address.
    pub(super) async fn public_address(&self) -> Finding {
        let signer = self.bucket.signer();
        let read = signer.sign_get(&self.right, ReadMethod::Get, &Shown::default(), self.bucket.now_s());
        let host = signer.public_origin();
        match self.bucket.anonymously(read.url).await {
            Ok(200..=299) => Finding::right(format!("{host} takes what is signed for it")),
            Ok(status @ 400..=499) => Finding::missing(format!(
                "{host} refuses what is signed for it ({status}): whatever is before the server has to pass the Host header on"
            )),
            Ok(status) => {
                Finding::unknown(format!("whether {host} takes what is signed for it: it answers {status}"))
            }
            Err(error) => Finding::unknown(format!("whether {host} takes what is signed for it: {error}")),
        }
    }

    pub(super) async fn ranges(&self) -> Finding {
        let read = async {
            let mut reading = self.bucket.get(&self.right, Some(1..4)).await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = reading.chunk().await? {
                bytes.extend_from_slice(&chunk);
            }
            Ok::<_, Error>(bytes)
        };
        match read.await {
            Ok(bytes) if bytes.len() == 3 => Finding::right("a range of an object can be read"),
            Ok(_) | Err(Error::Answer { .. }) => {
                Finding::missing("the server reads no ranges: videos cannot be wound to a place")
            }
            Err(error) => Finding::unknown(format!("whether a range can be read: {error}")),
        }
    }

    /// Removes all that this put, and says whether it is gone.
    pub(super) async fn remove(self) -> Finding {
        match self.removed().await {
            Ok(()) => Finding::right("what is written can be removed"),
            Err(
                error @ (Error::StillThere { .. } | Error::Permission { .. } | Error::Unsupported { .. }),
            ) => Finding::missing(format!("what is written cannot be removed: {error}")),
            Err(error) => Finding::unknown(format!("whether what is written can be removed: {error}")),
        }
    }

    async fn removed(&self) -> Result<(), Error> {
        let aborted = match &self.upload {
            Some(upload) => self.bucket.abort(&self.parts, upload).await,
            None => Ok(()),
        };
        for key in [&self.right, &self.wrong, &self.parts] {
            // A second PUT that was taken is a version of its own.
            loop {
                match self.bucket.head(key).await {
                    Ok(head) => self.bucket.delete(key, head.version_id.as_deref()).await?,
                    Err(Error::NoObject { .. }) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        aborted
    }
}

fn content(bytes: &[u8]) -> Content {
    Content {
        len: bytes.len() as u64,
        sha256: Sha256::digest(bytes).into(),
        md5: Some(Md5::digest(bytes).into()),
    }
}
