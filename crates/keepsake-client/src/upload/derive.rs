//! Lane B's first half: making display, thumbnail and placeholder, off the async threads.
//!
//! Owns when to derive and how much at once; the images are made by `keepsake-derivatives`.

use super::carried::Brought;
use super::display::original_as_display;
use super::events::UploadEvent;
use super::hash::{Sha, sha256};
use super::{Upload, UploadError, blocking};
use crate::transport::Transport;
use bytes::Bytes;
use keepsake_api::AssetType;
use keepsake_derivatives::{Derivative, Derivatives, DeriveError, Kind, Limits, OriginalInfo, derive_from};
use std::sync::Arc;

/// One derived asset, ready to send.
#[derive(Clone, Debug)]
pub(crate) struct DerivedAsset {
    pub(crate) kind: AssetType,
    pub(crate) mime_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: Bytes,
    pub(crate) sha256: Sha,
}

/// All of them, and what was learned about the original.
pub(crate) struct Derived {
    pub(crate) original: OriginalInfo,
    pub(crate) display: DerivedAsset,
    pub(crate) thumbnail: DerivedAsset,
    pub(crate) placeholder: DerivedAsset,
}

/// What lane B brought.
pub(crate) enum LaneB {
    /// Derivatives.
    Made(Box<SentDerivatives>),
    /// Nothing, and why.
    Skipped(String),
}

/// Where the publish finds display and thumbnail; the placeholder goes inline.
pub(crate) struct SentDerivatives {
    pub(crate) original: OriginalInfo,
    pub(crate) display: (Brought, DerivedAsset),
    pub(crate) thumbnail: (Brought, DerivedAsset),
    pub(crate) placeholder: DerivedAsset,
}

impl<T: Transport> Upload<T> {
    /// The inner error says why there are no derivatives; the upload goes on without them.
    pub(super) async fn derive(&self) -> Result<Result<Derived, String>, UploadError> {
        if !self.options.derive {
            return Ok(Err("not asked for".to_owned()));
        }
        if !self.is_known_image().await? {
            return Ok(Err(match &self.misnamed {
                Some(claimed) => {
                    format!("the name says {claimed}, but the bytes are not: kept as {}", self.mime_type)
                }
                None => format!("{} is no image that can be decoded", self.mime_type),
            }));
        }
        let permit = Arc::clone(&self.client.decoding).acquire_owned().await;
        let permit = permit.expect("the permit of decoding is never closed");
        let source = Arc::clone(&self.source);
        let made = blocking(move || {
            // Held by the thread and not by the future: a decode that nobody waits for still counts.
            let _permit = permit;
            let reader = source.reader()?;
            let made = derive_from(reader, &Limits::default()).map(Derived::from);
            Ok::<_, UploadError>(made.map(|derived| derived.with_shortest_display(source.whole())))
        })
        .await?;
        match made {
            Ok(derived) => {
                self.report(&derived);
                Ok(Ok(derived))
            }
            Err(DeriveError::Io(error)) => Ok(Err(format!("cannot read the image: {error}"))),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    async fn is_known_image(&self) -> Result<bool, UploadError> {
        let source = Arc::clone(&self.source);
        blocking(move || {
            let mut prefix =
                vec![0; usize::try_from(source.len().min(super::SNIFF_BYTES)).expect("at most 64")];
            source.read_at(0, &mut prefix)?;
            Ok(keepsake_derivatives::sniff(&prefix).is_some())
        })
        .await
    }

    fn report(&self, derived: &Derived) {
        for asset in [&derived.display, &derived.thumbnail, &derived.placeholder] {
            self.options.emit(UploadEvent::DerivativeMade {
                asset: asset.kind,
                width: asset.width,
                height: asset.height,
                bytes: asset.bytes.len() as u64,
            });
        }
    }
}

impl Derived {
    /// The original's own bytes as display, where the made ones are longer and no better.
    fn with_shortest_display(mut self, original: Option<&Bytes>) -> Self {
        if let Some(bytes) = original_as_display(original, &self.original, &self.display) {
            self.display.mime_type = self.original.mime_type;
            self.display.sha256 = sha256(&bytes);
            self.display.bytes = bytes;
        }
        self
    }
}

impl From<Derivatives> for Derived {
    fn from(made: Derivatives) -> Self {
        Self {
            original: made.original,
            display: made.display.into(),
            thumbnail: made.thumbnail.into(),
            placeholder: made.placeholder.into(),
        }
    }
}

impl From<Derivative> for DerivedAsset {
    fn from(made: Derivative) -> Self {
        let kind = match made.kind {
            Kind::Display => AssetType::Display,
            Kind::Thumbnail => AssetType::Thumbnail,
            Kind::Placeholder => AssetType::Placeholder,
        };
        let sha256 = sha256(&made.bytes);
        let Derivative { mime_type, width, height, bytes, .. } = made;
        Self { kind, mime_type, width, height, bytes: bytes.into(), sha256 }
    }
}
