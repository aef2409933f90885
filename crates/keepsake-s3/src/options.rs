//! Which bucket, and how it is reached. Owns the checks, each of which names its option.

use crate::key;
use rusty_s3::UrlStyle;
use thiserror::Error;
use url::Url;

/// A prefix leaves room for keys.
const PREFIX_BYTES_MAX: usize = 200;

/// Which bucket, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the host itself finds the server.
    pub endpoint: Url,
    /// Where clients find it, if that is elsewhere. Presigned URLs name it, as the name is part of what is signed.
    pub public: Option<Url>,
    /// The bucket.
    pub bucket: String,
    /// As AWS names it; `auto` or `us-east-1` elsewhere.
    pub region: String,
    /// All keys begin with it and a `/`; none where it is empty.
    pub prefix: String,
    /// Whether the bucket is in the path, as servers of one's own want it, or in the host's name, as AWS wants it.
    pub path_style: bool,
}

/// What is wrong with an option.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{option} {why}")]
pub struct OptionsError {
    /// As the field is named.
    pub option: &'static str,
    /// In words that follow the name.
    pub why: String,
}

impl OptionsError {
    fn new(option: &'static str, why: impl Into<String>) -> Self {
        Self { option, why: why.into() }
    }
}

impl Options {
    /// Reads an address, as `https://s3.eu-central-1.amazonaws.com`.
    ///
    /// # Errors
    /// Naming `option`.
    pub fn address(option: &'static str, text: &str) -> Result<Url, OptionsError> {
        let why =
            |why| OptionsError::new(option, format!("is no address such as https://s3.example.com: {why}"));
        Url::parse(text).map_err(why)
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// Naming the option.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.base("endpoint", &self.endpoint)?;
        if let Some(public) = &self.public {
            self.base("public", public)?;
        }
        if !(3..=63).contains(&self.bucket.len()) {
            return Err(OptionsError::new("bucket", "has no name of 3 to 63 characters"));
        }
        let named = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        if !self.bucket.chars().all(named) || self.bucket.contains("..") {
            let why = "has a name with characters other than letters, digits, `-`, `.` and `_`";
            return Err(OptionsError::new("bucket", why));
        }
        let dashed = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        if self.region.is_empty() || self.region.len() > 64 || !self.region.chars().all(dashed) {
            return Err(OptionsError::new("region", "is no name such as eu-central-1"));
        }
        if !self.prefix.is_empty() {
            key::check(&self.prefix, PREFIX_BYTES_MAX)
                .map_err(|why| OptionsError::new("prefix", format!("cannot begin keys: {why}")))?;
        }
        Ok(())
    }

    /// The bucket as the host itself reaches it, and as clients do.
    pub(crate) fn bases(&self) -> Result<(rusty_s3::Bucket, rusty_s3::Bucket), OptionsError> {
        self.check()?;
        let inner = self.base("endpoint", &self.endpoint)?;
        let outer = match &self.public {
            Some(public) => self.base("public", public)?,
            None => inner.clone(),
        };
        Ok((inner, outer))
    }

    fn base(&self, option: &'static str, url: &Url) -> Result<rusty_s3::Bucket, OptionsError> {
        if url.query().is_some() || url.fragment().is_some() {
            return Err(OptionsError::new(
                option,
                "has a query or a fragment: it is the server's address only",
            ));
        }
        // They would be in every signed URL.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OptionsError::new(
                option,
                "has a user or a password in it: keys come from the environment or a file",
            ));
        }
        let style = if self.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        rusty_s3::Bucket::new(url.clone(), style, self.bucket.clone(), self.region.clone()).map_err(|why| {
            let why = match why {
                rusty_s3::BucketError::UnsupportedScheme => "is no http or https address",
                rusty_s3::BucketError::MissingHost => "names no host",
                rusty_s3::BucketError::ParseError(_) => {
                    "cannot have the bucket's name before its host: take the bucket into the path"
                }
            };
            OptionsError::new(option, why)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            endpoint: "https://s3.example.com".parse().unwrap(),
            public: None,
            bucket: "photos".into(),
            region: "eu-central-1".into(),
            prefix: "keepsake/a".into(),
            path_style: true,
        }
    }

    type Mistake = fn(&mut Options);

    #[test]
    fn each_mistake_names_its_option() {
        assert_eq!(options().check(), Ok(()));
        let cases: [(&str, Mistake); 9] = [
            ("endpoint", |options| options.endpoint = "ftp://host".parse().unwrap()),
            ("endpoint", |options| options.endpoint = "http://host/?a=b".parse().unwrap()),
            ("endpoint", |options| options.endpoint = "http://me:secret@host".parse().unwrap()),
            ("public", |options| options.public = Some("data:x".parse().unwrap())),
            ("bucket", |options| options.bucket = "a/b/c".into()),
            ("bucket", |options| options.bucket = "ab".into()),
            ("region", |options| options.region = "eu/1".into()),
            ("prefix", |options| options.prefix = "/a".into()),
            ("prefix", |options| options.prefix = "a/../b".into()),
        ];
        for (option, break_it) in cases {
            let mut options = options();
            break_it(&mut options);
            let error = options.check().unwrap_err();
            assert_eq!(error.option, option, "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_names_its_option() {
        assert_eq!(Options::address("endpoint", "https://s3.example.com").unwrap(), options().endpoint);
        let error = Options::address("public", "s3.example.com").unwrap_err();
        assert!(error.to_string().starts_with("public is no address such as"), "{error}");
    }

    #[test]
    fn an_address_of_numbers_cannot_have_the_bucket_before_it() {
        let at_numbers =
            Options { endpoint: "http://127.0.0.1:9000".parse().unwrap(), path_style: false, ..options() };
        assert!(at_numbers.check().unwrap_err().to_string().contains("into the path"));
    }
}
