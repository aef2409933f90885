//! The keys to a bucket: where they come from, and that nobody sees them. They are never asked from a machine's metadata
//! service: whoever can make this program fetch a URL would have them.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};
use thiserror::Error;
use zeroize::Zeroizing;

/// Looked for first, so that a machine's other programs may have keys of their own.
const OURS: [&str; 3] =
    ["KEEPSAKE_S3_ACCESS_KEY_ID", "KEEPSAKE_S3_SECRET_ACCESS_KEY", "KEEPSAKE_S3_SESSION_TOKEN"];
const AWS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The keys. `Debug` shows none of the secrets.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: Zeroizing<String>,
    pub(crate) session_token: Option<Zeroizing<String>>,
}

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// Neither set of variables is there.
    #[error(
        "there are no keys for S3: set KEEPSAKE_S3_ACCESS_KEY_ID and KEEPSAKE_S3_SECRET_ACCESS_KEY (or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY), or name a file that has them"
    )]
    None,
    /// One without the other.
    #[error("{0} is set and {1} is not")]
    Half(&'static str, &'static str),
    /// Others can read the file.
    #[error("others can read {0}, which has the keys for S3: chmod 600 {0}", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the keys for S3 from {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not name the key. Its text is not shown: it has secrets.
    #[error("{} has no line `{name} = …`; it needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The line.
        name: &'static str,
    },
}

impl Credentials {
    /// From their texts.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: Zeroizing::new(secret_key.into()),
            session_token: None,
        }
    }

    /// From the environment of this process.
    ///
    /// # Errors
    /// When they are not there.
    pub fn from_environment() -> Result<Self, CredentialsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// From `variable`, as the environment: ours first, then those of AWS; never one of each.
    ///
    /// # Errors
    /// When they are not there.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        for [key, secret, token] in [OURS, AWS] {
            let set = |name: &str| {
                variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
            };
            match (set(key), set(secret)) {
                (Some(access_key), Some(secret_key)) => {
                    let session_token = set(token).map(Zeroizing::new);
                    return Ok(Self { session_token, ..Self::new(access_key, secret_key) });
                }
                (Some(_), None) => return Err(CredentialsError::Half(key, secret)),
                (None, Some(_)) => return Err(CredentialsError::Half(secret, key)),
                (None, None) => {}
            }
        }
        Err(CredentialsError::None)
    }

    /// From a file that only its owner can read, with lines `NAME=VALUE` of the same names as in the environment, or as the AWS
    /// command line keeps them (`aws_access_key_id = …`; headings are passed over, the first of each name counts).
    ///
    /// # Errors
    /// When others can read it, or when it has no keys.
    pub fn from_file(path: &Path) -> Result<Self, CredentialsError> {
        let failed = |source| CredentialsError::File { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if readable_by_others(&about) {
            return Err(CredentialsError::Readable { path: path.to_owned() });
        }
        let mut text = Zeroizing::new(String::new());
        io::Read::read_to_string(&mut io::Read::take(file, FILE_BYTES_MAX), &mut text).map_err(failed)?;
        Self::from_variables(|name| line(&text, name)).map_err(|error| match error {
            CredentialsError::None => CredentialsError::Missing { path: path.to_owned(), name: AWS[0] },
            CredentialsError::Half(_, name) => CredentialsError::Missing { path: path.to_owned(), name },
            other => other,
        })
    }

    /// The part that is no secret: every signed URL shows it.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Whether a text gives away a secret.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let has = |secret: &str| !secret.is_empty() && text.contains(secret);
        has(&self.secret_key) || self.session_token.as_ref().is_some_and(|token| has(token))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[cfg(unix)]
fn readable_by_others(about: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0
}

/// Elsewhere the folder's rules hold, which this cannot see.
#[cfg(not(unix))]
fn readable_by_others(_: &fs::Metadata) -> bool {
    false
}

fn line(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let key = key.trim().trim_start_matches("export ").trim();
        let value = value.trim().trim_matches('"').trim_matches('\'');
        key.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(set: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        let find =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Credentials::from_variables(find)
    }

    #[test]
    fn our_variables_come_before_those_of_aws_and_do_not_mix() {
        let aws = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_SESSION_TOKEN", "c")];
        assert_eq!(from(&aws).unwrap().access_key(), "a");
        assert_eq!(from(&aws).unwrap().session_token.unwrap().as_str(), "c");
        let ours = [("KEEPSAKE_S3_ACCESS_KEY_ID", "x"), ("KEEPSAKE_S3_SECRET_ACCESS_KEY", " y ")];
        let both = from(&[&aws[..], &ours[..]].concat()).unwrap();
        assert_eq!((both.access_key(), both.secret_key.as_str()), ("x", "y"));
        assert!(both.session_token.is_none());
        let half = from(&[&aws[..], &ours[..1]].concat()).unwrap_err();
        assert_eq!(
            half.to_string(),
            "KEEPSAKE_S3_ACCESS_KEY_ID is set and KEEPSAKE_S3_SECRET_ACCESS_KEY is not"
        );
        assert!(matches!(from(&[("AWS_ACCESS_KEY_ID", " ")]), Err(CredentialsError::None)));
    }

    #[test]
    fn no_secret_is_shown() {
        let mut credentials = Credentials::new("AKID", "very-secret");
        credentials.session_token = Some(Zeroizing::new("token-secret".to_owned()));
        let shown = format!("{credentials:?}");
        assert!(shown.contains("AKID") && !shown.contains("secret"), "{shown}");
        assert!(credentials.is_in("a very-secret b") && credentials.is_in("token-secret"));
        assert!(!credentials.is_in("AKID"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "[default]\naws_access_key_id = one\naws_secret_access_key = \"two\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Credentials::from_file(&path).unwrap_err().to_string();
        assert!(refused.ends_with(&format!("chmod 600 {}", path.display())), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let read = Credentials::from_file(&path).unwrap();
        assert_eq!((read.access_key(), read.secret_key.as_str()), ("one", "two"));
        fs::write(&path, "export KEEPSAKE_S3_ACCESS_KEY_ID=hidden\n").unwrap();
        let half = Credentials::from_file(&path).unwrap_err().to_string();
        assert!(half.contains("KEEPSAKE_S3_SECRET_ACCESS_KEY") && !half.contains("hidden"), "{half}");
    }
}
