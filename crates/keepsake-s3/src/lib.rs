//! What S3 is, and nothing of Keepsake's rules: signs requests for others, and verifies, reads, writes and deletes objects.
//!
//! Start at [`Signer`], which is pure, and [`Bucket`], which asks a server. Owns no policy: which key an object has,
//! when it may go, and who may read it is for whoever uses this crate.

mod bucket;
mod canary;
mod credentials;
mod error;
mod key;
mod options;
mod parts;
mod retry;
mod signer;
mod xml;

pub use bucket::{
    Bucket, Clock, Completed, CorsRules, Hashed, Head, LifecycleRules, Listed, Page, Part, Reading, Rules,
    Unfinished, UnfinishedPage,
};
pub use canary::{Finding, Findings, Found, Verify};
pub use credentials::{Credentials, CredentialsError};
pub use error::{CLOCK_APART_S_MAX, Error};
pub use key::{KEY_BYTES_MAX, Key, KeyError};
pub use options::{Options, OptionsError};
pub use parts::{
    Cut, OBJECT_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX, PartSpan, SINGLE_BYTES_MAX, TooLong, cut, spans,
};
pub use retry::Retry;
pub use signer::{
    Abilities, Content, READ_LIFE_S, READ_WINDOW_S, ReadMethod, Shown, SignedRequest, Signer,
    WRITE_LIFE_S_MAX,
};
