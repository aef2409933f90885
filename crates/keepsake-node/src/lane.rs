//! The lane of originals into a bucket: signs for their owners, looks whether the bytes came, removes what is nobody's. Owns the
//! order: nothing is signed or removed that no record names, and nothing counts as there that this host has not looked at itself.
//!
//! The records are the service's, asked in the host's own name; what S3 is belongs to `keepsake-s3`.

mod counts;
mod error;
mod finish;
mod grant;
mod removal;
mod tiering;

pub(crate) use error::LaneError;
pub(crate) use finish::Found;
pub(crate) use grant::WantedPart;

use crate::engine::asset_stream::{Far, OpenFar};
use crate::engine::own::Own;
use crate::serve::ServeError;
use futures_util::TryStreamExt;
use keepsake_api::{Answer, ObjectGrant};
use keepsake_s3::{Abilities, Bucket, Credentials, Error as S3Error, Key, Options, Verify};
use keepsake_service::http::ObjectRange;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::JoinSet;

/// Pause after the bucket could not be looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What an operator decides about the bucket.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Which bucket, and how it is reached.
    pub options: Options,
    /// Its keys.
    pub credentials: Credentials,
    /// Clients should send originals there from this length on, bytes.
    pub from_len: u64,
    /// What is so long and older than this moves from this disk into the bucket; none: nothing moves.
    pub tier_after: Option<Duration>,
}

/// The lane of one node. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    own: Own,
    known: Arc<RwLock<Known>>,
    finishing: finish::Finishing,
    counter: Arc<counts::Counter>,
    /// What is so old moves, where it is so long.
    tiering: Option<(Duration, u64)>,
    /// What goes on by itself; it ends with the node.
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// The bucket, with what was found of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) bucket: Bucket,
    pub(crate) verify: Verify,
    is_looked_at: bool,
}

/// Opens the bucket and looks at it. One that does not answer may come back: then nothing is believed yet, and it is looked at
/// again while the node runs.
///
/// # Errors
/// [`ServeError::Bucket`] where the bucket refuses, or may not be used as it is.
pub(crate) async fn opened(settings: &S3Settings) -> Result<Known, ServeError> {
    let refused = |why: String| ServeError::Bucket { bucket: settings.options.bucket.clone(), why };
    let bucket = Bucket::open(&settings.options, settings.credentials.clone())
        .map_err(|error| refused(error.to_string()))?;
    match look(&bucket).await {
        Ok(known) => Ok(known),
        Err(Looked::Away(why)) => {
            tracing::warn!(%why, "the bucket does not answer: uploads into it wait, and it is looked at again");
            let bucket = bucket.with_abilities(Abilities::NONE);
            Ok(Known { bucket, verify: Verify::Reading, is_looked_at: false })
        }
        Err(Looked::Refused(why)) => Err(refused(why)),
    }
}

enum Looked {
    Away(S3Error),
    Refused(String),
}

async fn look(bucket: &Bucket) -> Result<Known, Looked> {
    let findings = match bucket.canary().await {
        Ok(findings) => findings,
        Err(error) if error.is_passing() => return Err(Looked::Away(error)),
        Err(error) => return Err(Looked::Refused(error.to_string())),
    };
    let refusals: Vec<_> = findings.refusals().map(|finding| finding.text.as_str()).collect();
    if !refusals.is_empty() {
        return Err(Looked::Refused(refusals.join("; ")));
    }
    for finding in findings.all().into_iter().filter(|finding| !finding.is_right()) {
        tracing::warn!("the bucket: {}", finding.text);
    }
    let bucket = bucket.clone().with_abilities(findings.abilities());
    Ok(Known { bucket, verify: findings.verify(), is_looked_at: true })
}

impl Lane {
    pub(crate) fn new(own: Own, known: Known, settings: &S3Settings) -> Self {
        Self {
            own,
            known: Arc::new(RwLock::new(known)),
            finishing: finish::Finishing::default(),
            counter: Arc::default(),
            tiering: settings.tier_after.map(|after| (after, settings.from_len)),
            tasks: Arc::default(),
        }
    }

    /// The bucket, with what was found of it by now.
    pub(crate) fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn bucket(&self) -> Bucket {
        self.known().bucket
    }

    /// Begins what goes on by itself while the node runs.
    pub(crate) fn start(&self) {
        self.spawn(self.clone().work());
        self.spawn(self.clone().tell_for_ever());
    }

    /// Ends what goes on by itself: it holds the store.
    pub(crate) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    async fn work(self) {
        while !self.known().is_looked_at {
            tokio::time::sleep(LOOK_AGAIN).await;
            match look(&self.bucket()).await {
                Ok(known) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = known,
                Err(Looked::Away(_)) => {}
                Err(Looked::Refused(why)) => tracing::warn!(%why, "the bucket cannot be used"),
            }
        }
        if let Some((after, len_min)) = self.tiering {
            self.spawn(self.clone().move_for_ever(after, len_min));
        }
        self.remove_for_ever().await;
    }

    /// Opens bytes of objects, for whoever has begun to read them where they lay before.
    pub(crate) fn opener(&self) -> OpenFar {
        let lane = self.clone();
        Arc::new(move |range| {
            let bucket = lane.bucket();
            Box::pin(async move { open(&bucket, &range).await.map_err(std::io::Error::other) })
        })
    }

    /// Some bytes of an object, no more than an answer holds.
    pub(crate) async fn fetch(&self, range: &ObjectRange) -> Result<Vec<u8>, LaneError> {
        let mut bytes = Vec::with_capacity(usize::try_from(range.len).unwrap_or_default());
        if range.len > 0 {
            let key = Key::new(range.key.clone()).map_err(S3Error::from)?;
            let span = range.offset..range.offset + range.len;
            let mut reading = self.bucket().get_version(&key, range.version.as_deref(), Some(span)).await?;
            while let Some(chunk) = reading.chunk().await? {
                bytes.extend_from_slice(&chunk);
            }
        }
        Ok(bytes)
    }

    /// The object of the session that `ticket` is for, in its owner's place: to sign for it, or to look. A look commits nothing,
    /// as clients ask again and again while an object is read.
    async fn object(
        &self,
        ticket: &str,
        session: u64,
        purpose: Purpose,
    ) -> Result<(ObjectGrant, Key), LaneError> {
        let method = match purpose {
            Purpose::Sign => "uploads_grant",
            Purpose::Look => "uploads_granted",
        };
        let answer: Answer<ObjectGrant> = self.own.ask(method, (ticket,)).await?;
        let grant = answer?;
        if grant.session_id != session {
            return Err(LaneError::AnotherSession);
        }
        let key = Key::new(grant.key.clone()).map_err(S3Error::from)?;
        Ok((grant, key))
    }
}

async fn open(bucket: &Bucket, range: &ObjectRange) -> Result<Far, S3Error> {
    let key = Key::new(range.key.clone())?;
    let span = range.offset..range.offset + range.len;
    let reading = bucket.get_version(&key, range.version.as_deref(), Some(span)).await?;
    Ok(Box::pin(reading.into_stream().map_err(std::io::Error::other)))
}

/// What an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Sign,
    Look,
}

fn sha256_of(grant: &ObjectGrant) -> Result<[u8; 32], LaneError> {
    let bytes: Result<[u8; 32], _> = grant.sha256.as_slice().try_into();
    bytes.map_err(|_| LaneError::Records("a record's hash has another length".to_owned()))
}
