//! What can go wrong, named by its culprit and with what to do about it. Owns the reading of S3's codes. No text here has a
//! secret or a signature in it: of what a server says, its code is taken, and its words only where they give nothing away.

use crate::credentials::CredentialsError;
use crate::key::KeyError;
use crate::options::OptionsError;
use crate::parts::TooLong;
use std::io;
use thiserror::Error;

/// Beyond it servers refuse signatures ([AWS](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html): 15
/// minutes), and URLs die young.
pub const CLOCK_APART_S_MAX: u64 = 300;
const WORDS_MAX: usize = 200;

/// What went wrong, and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The keys are not the server's.
    #[error("S3 does not know these keys ({code}): check the access key and the secret key")]
    Credentials {
        /// As the server says it.
        code: String,
    },
    /// The keys are right; they may not.
    #[error("these keys may not do this: give them the permission {action} on bucket {bucket}")]
    Permission {
        /// As a policy names it, such as `s3:PutObject`.
        action: &'static str,
        /// The bucket.
        bucket: String,
    },
    /// There is no such bucket.
    #[error(
        "there is no bucket {bucket} at this address: create it, or correct the name, the address or the path style"
    )]
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// It is in another region.
    #[error("bucket {bucket} is in another region: {}", expected.as_deref().unwrap_or("ask whoever made it for the region"))]
    Region {
        /// The bucket.
        bucket: String,
        /// As the server says.
        expected: Option<String>,
    },
    /// Signatures are of the wrong time.
    #[error("this machine's clock and the server's are {apart_s} seconds apart: set this one by NTP")]
    Clock {
        /// The server's minus ours.
        apart_s: i64,
    },
    /// There is no room.
    #[error("the bucket is full ({code}): free space, or raise its quota")]
    Full {
        /// As the server says it.
        code: String,
    },
    /// It does not answer, or not now, after all tries.
    #[error(
        "the S3 server does not answer ({why}): check that it runs and can be reached from here; this will be tried again"
    )]
    Away {
        /// What the last try met.
        why: String,
    },
    /// There is no object of this key.
    #[error("there is no object {key}")]
    NoObject {
        /// Without the prefix.
        key: String,
    },
    /// The upload is over: completed, aborted or expired.
    #[error("the upload in parts is not there any more: begin anew")]
    NoUpload,
    /// There is one already, and it is not this one.
    #[error("there is another object {key} already")]
    Exists {
        /// Without the prefix.
        key: String,
    },
    /// The bytes were not what was announced.
    #[error("the bytes are not those that were announced ({code}): send them again")]
    Corrupt {
        /// As the server says it.
        code: String,
    },
    /// No such range in the object.
    #[error("the object has no such range")]
    Range,
    /// The server cannot do it.
    #[error("this S3 server cannot do it ({code}): the canary tells what it cannot")]
    Unsupported {
        /// As the server says it.
        code: String,
    },
    /// It said no, in a way that none of the above is.
    #[error("S3 refused {action} with {status} {code}{}{words}", if words.is_empty() { "" } else { ": " })]
    Refused {
        /// As a policy names it.
        action: &'static str,
        /// Of HTTP.
        status: u16,
        /// As the server says it, or nothing.
        code: String,
        /// As the server says it, cut short, or nothing.
        words: String,
    },
    /// What it says makes no sense.
    #[error("the S3 server's answer cannot be understood: {what}")]
    Answer {
        /// What is wrong with it.
        what: String,
    },
    /// What was removed is still there.
    #[error("{what} is still there after it was removed; this will be tried again")]
    StillThere {
        /// What.
        what: String,
    },
    /// The bucket has rules of somebody else, which setting ours would delete.
    #[error(
        "bucket {bucket} has {what} rules that Keepsake did not make: add the printed ones to them by hand"
    )]
    OtherRules {
        /// The bucket.
        bucket: String,
        /// Such as `CORS`.
        what: &'static str,
    },
    /// The bytes to be sent could not be read here.
    #[error("cannot read the bytes to be sent")]
    Source(#[source] io::Error),
    /// An option.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The keys.
    #[error(transparent)]
    NoCredentials(#[from] CredentialsError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// More than fits.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// This machine cannot make a client, such as for want of root certificates.
    #[error("cannot make an HTTP client: {0}")]
    Client(String),
}

impl Error {
    /// Whether the same may work later, with nothing changed by anybody.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::StillThere { .. })
    }

    pub(crate) fn answer(what: impl Into<String>) -> Self {
        Self::Answer { what: what.into() }
    }
}

/// What is known of an answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) action: &'static str,
    pub(crate) bucket: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) words: String,
    /// `x-amz-bucket-region`, or the answer's `Region`.
    pub(crate) region: Option<String>,
    /// The server's clock minus ours, where it told.
    pub(crate) apart_s: Option<i64>,
}

impl Refusal<'_> {
    /// Whether another try may meet something else.
    pub(crate) fn is_passing(&self) -> bool {
        let by_code = matches!(
            self.code.as_str(),
            "SlowDown"
                | "InternalError"
                | "RequestTimeout"
                | "ServiceUnavailable"
                | "Throttling"
                | "ThrottlingException"
                | "TooManyRequests"
                | "OperationAborted"
                | "ConditionalRequestConflict"
                | "RequestLimitExceeded"
        );
        by_code || matches!(self.status, 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// The culprit.
    pub(crate) fn error(self) -> Error {
        let bucket = self.bucket.to_owned();
        let name = self.key.unwrap_or_default();
        let key = || name.to_owned();
        let (code, action) = (self.code.clone(), self.action);
        if self.is_passing() {
            let code = if code.is_empty() { String::new() } else { format!(", {code}") };
            return Error::Away { why: format!("status {}{code}", self.status) };
        }
        if let Some(apart_s) = self.clock_is_the_culprit() {
            return Error::Clock { apart_s };
        }
        match self.code.as_str() {
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "ExpiredToken"
            | "InvalidSecurity"
            | "NotSignedUp"
            | "TokenRefreshRequired" => Error::Credentials { code },
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => {
                Error::Permission { action, bucket }
            }
            "NoSuchBucket" | "InvalidBucketName" => Error::NoBucket { bucket },
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
            | "IncorrectEndpoint" => Error::Region { bucket, expected: self.region },
            "QuotaExceeded"
            | "XMinioStorageFull"
            | "XMinioAdminBucketQuotaExceeded"
            | "InsufficientStorage"
            | "StorageCapExceeded"
            | "ServiceQuotaExceeded"
            | "ObjectCountExceeded" => Error::Full { code },
            "NoSuchKey" | "NoSuchVersion" => Error::NoObject { key: key() },
            "NoSuchUpload" => Error::NoUpload,
            "PreconditionFailed" => Error::Exists { key: key() },
            "BadDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch"
            | "IncompleteBody"
            | "InvalidPart"
            | "InvalidDigest" => Error::Corrupt { code },
            "InvalidRange" => Error::Range,
            "NotImplemented" | "MethodNotAllowed" => Error::Unsupported { code },
            _ => self.by_status(bucket, key()),
        }
    }

    /// Where no code is known: proxies give none, and no HEAD does.
    fn by_status(self, bucket: String, key: String) -> Error {
        match self.status {
            301 | 307 => Error::Region { bucket, expected: self.region },
            401 | 403 if self.code.is_empty() => Error::Permission { action: self.action, bucket },
            404 if self.code.is_empty() => Error::NoObject { key },
            412 => Error::Exists { key },
            416 => Error::Range,
            501 => Error::Unsupported { code: self.code },
            507 => Error::Full { code: self.code },
            status => Error::Refused { action: self.action, status, code: self.code, words: self.words },
        }
    }

    /// A signature of the wrong time is refused in many words; the difference itself is the proof.
    fn clock_is_the_culprit(&self) -> Option<i64> {
        let apart = self.apart_s.unwrap_or_default();
        let skewed =
            matches!(self.code.as_str(), "RequestTimeTooSkewed" | "RequestExpired" | "ExpiredPresignRequest");
        let far = apart.unsigned_abs() > CLOCK_APART_S_MAX;
        (skewed || far && matches!(self.status, 400 | 401 | 403)).then_some(apart)
    }
}

/// A server's own words, cut short; nothing where they may give a secret away.
pub(crate) fn words(text: &str, gives_away: impl Fn(&str) -> bool) -> String {
    let text = text.trim();
    if gives_away(text) || text.to_ascii_lowercase().contains("signature") {
        return String::new();
    }
    text.chars().filter(|character| !character.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> Refusal<'static> {
        Refusal {
            action: "s3:PutObject",
            bucket: "photos",
            key: Some("a"),
            status,
            code: code.into(),
            words: String::new(),
            region: None,
            apart_s: Some(0),
        }
    }

    #[test]
    fn each_refusal_names_its_culprit_and_what_to_do() {
        let cases = [
            (403, "InvalidAccessKeyId", "check the access key"),
            (403, "SignatureDoesNotMatch", "the secret key"),
            (403, "AccessDenied", "the permission s3:PutObject on bucket photos"),
            (404, "NoSuchBucket", "no bucket photos"),
            (301, "PermanentRedirect", "another region"),
            (403, "RequestTimeTooSkewed", "NTP"),
            (403, "QuotaExceeded", "free space"),
            (507, "", "free space"),
            (503, "SlowDown", "tried again"),
            (429, "", "tried again"),
            (404, "NoSuchKey", "no object a"),
            (404, "NoSuchUpload", "begin anew"),
            (412, "PreconditionFailed", "another object a"),
            (400, "BadDigest", "not those that were announced"),
            (501, "NotImplemented", "cannot do it"),
            (400, "MalformedXML", "S3 refused s3:PutObject with 400 MalformedXML"),
        ];
        for (status, code, says) in cases {
            let error = refusal(status, code).error().to_string();
            assert!(error.contains(says), "{status} {code}: {error}");
        }
    }

    #[test]
    fn a_refusal_by_a_server_of_another_time_is_the_clocks() {
        let apart = Refusal { apart_s: Some(-1200), ..refusal(403, "AccessDenied") };
        assert!(matches!(apart.error(), Error::Clock { apart_s: -1200 }));
        let near = Refusal { apart_s: Some(200), ..refusal(403, "AccessDenied") };
        assert!(matches!(near.error(), Error::Permission { .. }));
    }

    #[test]
    fn words_that_give_something_away_are_not_shown() {
        let gives = |text: &str| text.contains("very-secret");
        assert_eq!(words("the key very-secret is wrong", gives), "");
        assert_eq!(words("X-Amz-Signature=00ff", gives), "");
        assert_eq!(words(" bad\n thing ", gives), "bad thing");
        assert_eq!(words(&"a".repeat(500), gives).len(), 200);
    }
}
