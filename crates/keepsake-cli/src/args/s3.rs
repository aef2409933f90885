//! The options of a bucket, as `serve`, `s3` and `fsck` take them. Owns their defaults.

use crate::sizes::size;
use clap::{Args, Subcommand, ValueEnum};
use keepsake_s3::{Credentials, Options};
use std::path::PathBuf;
use url::Url;

pub(crate) const BUCKET: &str = "A bucket for originals (docs/s3.md)";
/// A domain under which buckets have names of their own.
const AWS: &str = "amazonaws.com";

/// Where a bucket's name stands in its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    /// In the path, as servers of one's own have it.
    Path,
    /// Before the host's name, as AWS has it.
    Host,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = BUCKET)]
pub(crate) struct S3Args {
    /// Address of an S3 server: originals go there, and are read from there.
    #[arg(long = "s3", value_name = "URL", requires = "s3_bucket")]
    pub(crate) s3: Option<Url>,
    /// The bucket.
    #[arg(long, value_name = "NAME", requires = "s3")]
    pub(crate) s3_bucket: Option<String>,
    /// Its region.
    #[arg(long, value_name = "NAME", requires = "s3", default_value = "us-east-1")]
    pub(crate) s3_region: String,
    /// Address by which browsers and other clients reach the same server, where that is another.
    #[arg(long, value_name = "URL", requires = "s3")]
    pub(crate) s3_public: Option<Url>,
    /// Objects lie below this name in the bucket.
    #[arg(long, value_name = "NAME", requires = "s3", default_value = "keepsake")]
    pub(crate) s3_prefix: String,
    /// Where the bucket's name stands in addresses [default: host at AWS, else path].
    #[arg(long, value_name = "STYLE", requires = "s3")]
    pub(crate) s3_style: Option<Style>,
    /// File with the bucket's keys, which only you can read [default: from the environment, `KEEPSAKE_S3_ACCESS_KEY_ID` and
    /// `KEEPSAKE_S3_SECRET_ACCESS_KEY`, or those of AWS].
    #[arg(long, value_name = "FILE", requires = "s3")]
    pub(crate) s3_keys: Option<PathBuf>,
    /// Clients send originals to the bucket from this length on; what is shorter stays here.
    #[arg(long, value_name = "SIZE", requires = "s3", value_parser = size, default_value = "2MiB")]
    pub(crate) s3_from: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum S3Action {
    /// Try what a bucket does, and say what it lacks; nothing that is there is touched.
    Check(Box<S3Check>),
}

#[derive(Args, Debug)]
#[command(
    mut_arg("s3", |arg| arg.required(true)),
    after_help = "Example:\n  keepsake s3 check --s3 https://s3.example.com --s3-bucket photos --origin https://photos.example\n\nTake the options and keys that `keepsake serve` gets. Small objects are written below the prefix and removed again. Exit codes: 0 a node can use it, 1 something is wrong, 2 no keys or wrong options, 3 no such bucket, 4 the keys may not, 7 the server does not answer."
)]
pub(crate) struct S3Check {
    #[command(flatten)]
    pub(crate) s3: S3Args,
    /// An origin whose pages write into the bucket, such as `https://photos.example`; may be given several times.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) origin: Vec<String>,
    /// Set the CORS rules for these origins, and the rule that ends unfinished uploads, where there are none. Other rules are
    /// never replaced.
    #[arg(long)]
    pub(crate) set: bool,
}

/// An origin as browsers send it: anything else would let no page in.
fn origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let origin =
        url.ok_or("give scheme and host, such as https://photos.example")?.origin().ascii_serialization();
    if origin == text {
        Ok(origin)
    } else {
        Err(format!("an origin is scheme, host and port alone: {origin}"))
    }
}

impl S3Args {
    /// Which bucket, and its keys; none where no bucket is named.
    ///
    /// # Errors
    /// An option that cannot be used, or no keys.
    pub(crate) fn bucket(&self) -> Result<Option<(Options, Credentials)>, keepsake_s3::Error> {
        let (Some(endpoint), Some(bucket)) = (&self.s3, &self.s3_bucket) else { return Ok(None) };
        let at_aws =
            endpoint.host_str().is_some_and(|host| host == AWS || host.ends_with(&format!(".{AWS}")));
        let options = Options {
            endpoint: endpoint.clone(),
            public: self.s3_public.clone(),
            bucket: bucket.clone(),
            region: self.s3_region.clone(),
            prefix: self.s3_prefix.trim_matches('/').to_owned(),
            path_style: self.s3_style.map_or(!at_aws, |style| style == Style::Path),
        };
        options.check()?;
        let credentials = match &self.s3_keys {
            Some(path) => Credentials::from_file(path)?,
            None => Credentials::from_environment()?,
        };
        Ok(Some((options, credentials)))
    }
}
