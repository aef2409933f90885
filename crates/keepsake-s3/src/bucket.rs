//! A bucket that the host itself asks. Owns the client and the options of its requests; a request and its tries are in
//! [`mod@ask`], what can be asked is in the modules beside it.

mod ask;
mod list;
mod multipart;
mod object;
mod put;
mod read;
mod rules;

pub use list::{Listed, Page, Unfinished, UnfinishedPage};
pub use multipart::{Completed, Part};
pub use object::Head;
pub use read::{Hashed, Reading};
pub use rules::{CorsRules, LifecycleRules, Rules};

use crate::credentials::Credentials;
use crate::error::Error;
use crate::options::Options;
use crate::retry::Retry;
use crate::signer::{Abilities, Signer};
use ask::Ask;
use rusty_s3::Method;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A bucket, its keys and a client. Clones share connections.
#[derive(Clone, Debug)]
pub struct Bucket {
    signer: Signer,
    http: reqwest::Client,
    retry: Retry,
    now_s: fn() -> u64,
}

/// What the server's clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The server's minus ours, to a second or two.
    pub apart_s: i64,
}

impl Bucket {
    /// Opens a bucket; nothing is asked yet.
    ///
    /// # Errors
    /// When an option is wrong, or when this machine cannot make a client.
    pub fn open(options: &Options, credentials: Credentials) -> Result<Self, Error> {
        let signer = Signer::new(options, credentials)?;
        // A redirect would be to another host, which the signature does not name.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .build()
            .map_err(|why| Error::Client(ask::why(&why)))?;
        Ok(Self { signer, http, retry: Retry::default(), now_s: system_now_s })
    }

    /// Signs and sends what the server is known to heed.
    #[must_use]
    pub fn with_abilities(self, abilities: Abilities) -> Self {
        Self { signer: self.signer.with_abilities(abilities), ..self }
    }

    /// Tries so often.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Takes the time from `now_s`, seconds since 1970.
    #[must_use]
    pub fn with_clock(self, now_s: fn() -> u64) -> Self {
        Self { now_s, ..self }
    }

    /// Signs for others.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(crate) fn now_s(&self) -> u64 {
        (self.now_s)()
    }

    /// How far the server's clock is from ours, from the `Date` of whatever it answers.
    ///
    /// # Errors
    /// When it does not answer, or tells no time.
    pub async fn clock(&self) -> Result<Clock, Error> {
        let mut tried = 1;
        loop {
            match self.date_apart().await {
                Ok(Some(apart_s)) => return Ok(Clock { apart_s }),
                Ok(None) => return Err(Error::answer("it has no Date")),
                Err(failed) => self.pause(failed, &mut tried).await?,
            }
        }
    }

    /// Makes the bucket, for servers of one's own; fine where it is there and ours.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn create(&self) -> Result<(), Error> {
        match self.read(&Ask::new("s3:CreateBucket", Method::Put, None)).await {
            Err(Error::Refused { code, .. }) if code == "BucketAlreadyOwnedByYou" => Ok(()),
            other => other.map(drop),
        }
    }

    /// Keeps older writings of objects from now on, for servers of one's own.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn keep_versions(&self) -> Result<(), Error> {
        let text = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <Status>Enabled</Status></VersioningConfiguration>";
        let ask = Ask::new("s3:PutBucketVersioning", Method::Put, None).query("versioning", "");
        let body = ask::Payload::Bytes(bytes::Bytes::from_static(text.as_bytes()));
        self.read(&Ask { body, ..ask }).await.map(drop)
    }
}

fn system_now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, CorsRules, Key};
    use bytes::Bytes;
    use futures_util::stream;

    fn may_move_between_threads(_: impl Send) {}

    #[test]
    fn whatever_is_asked_may_run_on_any_thread() {
        let options = Options {
            endpoint: "http://localhost:9000".parse().unwrap(),
            public: None,
            bucket: "photos".into(),
            region: "us-east-1".into(),
            prefix: String::new(),
            path_style: true,
        };
        let bucket = Bucket::open(&options, Credentials::new("a", "b")).unwrap();
        let key = Key::new("a").unwrap();
        let content = Content { len: 1, sha256: [0; 32], md5: None };
        let open = |_| stream::iter([Ok(Bytes::from_static(b"a"))]);
        may_move_between_threads(bucket.put(&key, &content, "text/plain", open));
        may_move_between_threads(bucket.canary());
        may_move_between_threads(bucket.hash(&key, |_| ()));
        may_move_between_threads(bucket.complete(&key, "u", &[]));
        may_move_between_threads(bucket.abort(&key, "u"));
        may_move_between_threads(bucket.delete(&key, None));
        may_move_between_threads(bucket.list("", None));
        may_move_between_threads(bucket.set_cors(&CorsRules { origins: Vec::new() }));
        may_move_between_threads(bucket.get(&key, None));
        may_move_between_threads(bucket.clock());
    }
}
