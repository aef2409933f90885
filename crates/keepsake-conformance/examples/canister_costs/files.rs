//! Uploads of files: a photo with its three derivatives, of zeros, which take no room in the host's stable memory.
//! Owns the messages of an upload.

use crate::Failure;
use crate::sender::Sender;
use keepsake_conformance::api::{
    Answer, AssetType, BeginOptions, InlineAssetInput, PublishRequest, PublishResult, PublishSession,
    UploadFinishResult,
};
use keepsake_conformance::samples;
use serde_bytes::{ByteBuf, Bytes};
use sha2::{Digest, Sha256};

/// Bytes of a full chunk.
pub(crate) const CHUNK: usize = 1_800_000;
/// The same as a length.
pub(crate) const CHUNK_BYTES: u64 = CHUNK as u64;
const DISPLAY_BYTES: u64 = 1_000_000;
const THUMBNAIL_BYTES: u64 = 100_000;
/// Bytes of the files where only their number counts.
const TINY_BYTES: u64 = 20;
const PLACEHOLDER: usize = 700;

/// Opens a session for a file of `len` bytes.
pub(crate) fn begin(user: &mut impl Sender, capsule: &str, len: u64, idem: &str) -> Result<u64, Failure> {
    let options = BeginOptions {
        total_len: Some(len),
        sha256: None,
        mime_type: Some("image/jpeg".to_owned()),
        hosting: None,
    };
    let chunks = u32::try_from(len.div_ceil(CHUNK_BYTES))?;
    let id: Answer<u64> = user.ask("uploads_begin", (capsule, chunks, idem, Some(options)))?;
    Ok(id.map_err(|error| format!("{error:?}"))?)
}

/// Sends one chunk.
pub(crate) fn put(user: &mut impl Sender, id: u64, index: u32, bytes: &[u8]) -> Result<(), Failure> {
    let answer: Answer<()> = user.ask("uploads_put_chunk", (id, index, Bytes::new(bytes)))?;
    Ok(answer.map_err(|error| format!("{error:?}"))?)
}

/// Ends an upload.
pub(crate) fn finish(
    user: &mut impl Sender,
    id: u64,
    sha256: &[u8],
    len: u64,
) -> Result<UploadFinishResult, Failure> {
    let done: Answer<UploadFinishResult> = user.ask("uploads_finish", (id, Bytes::new(sha256), len))?;
    Ok(done.map_err(|error| format!("{error:?}"))?)
}

/// A session with all its bytes.
pub(crate) struct Uploaded {
    pub(crate) id: u64,
    pub(crate) sha256: Vec<u8>,
    len: u64,
    kind: AssetType,
}

impl Uploaded {
    /// Sends `len` zeros, or goes on with the session of the same key that has them all.
    fn zeros(
        user: &mut impl Sender,
        capsule: &str,
        len: u64,
        idem: &str,
        kind: AssetType,
    ) -> Result<Self, Failure> {
        let id = begin(user, capsule, len, idem)?;
        let zeros = vec![0; usize::try_from(len.min(CHUNK_BYTES))?];
        let status: Answer<keepsake_conformance::api::UploadStatus> = user.ask("uploads_status", (id,))?;
        let complete = status.map_err(|error| format!("{error:?}"))?.bytes_received == len;
        let mut hash = Sha256::new();
        let mut rest = len;
        for index in 0_u32.. {
            let chunk = &zeros[..usize::try_from(rest.min(CHUNK_BYTES))?];
            hash.update(chunk);
            if !complete {
                put(user, id, index, chunk)?;
            }
            rest -= chunk.len() as u64;
            if rest == 0 {
                break;
            }
        }
        Ok(Self { id, sha256: hash.finalize().to_vec(), len, kind })
    }

    fn session(&self) -> PublishSession {
        PublishSession {
            session_id: self.id,
            sha256: ByteBuf::from(self.sha256.clone()),
            total_len: self.len,
            metadata: samples::asset(self.kind, "image/jpeg"),
        }
    }
}

/// The three sessions of a photo, complete and not yet published.
pub(crate) struct Photo {
    pub(crate) original: Uploaded,
    derivatives: [Uploaded; 2],
}

impl Photo {
    /// Uploads an original of `len` bytes and its derivatives.
    pub(crate) fn uploaded(user: &mut impl Sender, capsule: &str, len: u64) -> Result<Self, Failure> {
        Self::named(user, capsule, len, "photo")
    }

    /// The same, for the photo called `name`.
    pub(crate) fn named(
        user: &mut impl Sender,
        capsule: &str,
        len: u64,
        name: &str,
    ) -> Result<Self, Failure> {
        Self::of(user, capsule, [len, DISPLAY_BYTES, THUMBNAIL_BYTES], name)
    }

    /// The smallest photo: its records are those of any other.
    pub(crate) fn tiny(user: &mut impl Sender, capsule: &str, name: &str) -> Result<Self, Failure> {
        Self::of(user, capsule, [TINY_BYTES; 3], name)
    }

    fn of(user: &mut impl Sender, capsule: &str, len: [u64; 3], name: &str) -> Result<Self, Failure> {
        let [original, display, thumbnail] = len;
        let mut upload = |len, kind| {
            let idem = format!("{name} {kind:?}");
            Uploaded::zeros(user, capsule, len, &idem, kind)
        };
        Ok(Self {
            original: upload(original, AssetType::Original)?,
            derivatives: [upload(display, AssetType::Display)?, upload(thumbnail, AssetType::Thumbnail)?],
        })
    }

    /// Makes the memory, with the placeholder inline as clients send it.
    pub(crate) fn publish(
        &self,
        user: &mut impl Sender,
        capsule: &str,
        name: &str,
    ) -> Result<PublishResult, Failure> {
        let placeholder = samples::inline(AssetType::Placeholder, &vec![0; PLACEHOLDER]);
        self.publish_with(user, capsule, name, &[], vec![placeholder])
    }

    /// Makes the memory, with the placeholder as a fourth session.
    pub(crate) fn publish_sessions(
        &self,
        user: &mut impl Sender,
        capsule: &str,
        name: &str,
    ) -> Result<PublishResult, Failure> {
        let len = PLACEHOLDER as u64;
        let idem = format!("{name} placeholder");
        let placeholder = Uploaded::zeros(user, capsule, len, &idem, AssetType::Placeholder)?;
        self.publish_with(user, capsule, name, &[placeholder], vec![])
    }

    fn publish_with(
        &self,
        user: &mut impl Sender,
        capsule: &str,
        name: &str,
        more: &[Uploaded],
        inline_assets: Vec<InlineAssetInput>,
    ) -> Result<PublishResult, Failure> {
        let uploaded = std::iter::once(&self.original).chain(&self.derivatives).chain(more);
        let sessions = uploaded.map(Uploaded::session).collect();
        let request = request(capsule, name, sessions, inline_assets, None);
        made(user, request)
    }
}

/// Makes the memory of a photo in one message that carries its four files, `len` bytes of the first three together.
pub(crate) fn publish_carried(
    user: &mut impl Sender,
    capsule: &str,
    name: &str,
    len: usize,
) -> Result<PublishResult, Failure> {
    let display = len / 2;
    let thumbnail = len / 20;
    let files = [
        (AssetType::Original, len - display - thumbnail),
        (AssetType::Display, display),
        (AssetType::Thumbnail, thumbnail),
        (AssetType::Placeholder, PLACEHOLDER),
    ];
    let carried = files.map(|(kind, len)| samples::inline(kind, &vec![0; len])).to_vec();
    made(user, request(capsule, name, vec![], vec![], Some(carried)))
}

fn request(
    capsule: &str,
    name: &str,
    sessions: Vec<PublishSession>,
    inline_assets: Vec<InlineAssetInput>,
    carried_assets: Option<Vec<InlineAssetInput>>,
) -> PublishRequest {
    PublishRequest {
        capsule_id: capsule.to_owned(),
        metadata: samples::memory(name),
        sessions,
        inline_assets,
        carried_assets,
        if_present: None,
        idem: name.to_owned(),
    }
}

fn made(user: &mut impl Sender, request: PublishRequest) -> Result<PublishResult, Failure> {
    let made: Answer<PublishResult> = user.ask("uploads_publish", (request,))?;
    Ok(made.map_err(|error| format!("{error:?}"))?)
}
