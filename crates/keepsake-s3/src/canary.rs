//! The canary: what this server does, tried before anything is trusted to it. Owns what is found and what follows from it; the
//! trying itself is in [`mod@probe`].

mod probe;

use crate::bucket::Bucket;
use crate::error::{CLOCK_APART_S_MAX, Error};
use crate::key::Key;
use crate::signer::Abilities;
use data_encoding::HEXLOWER;
use probe::Probe;

/// What was found of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is as it should be.
    Right,
    /// It is not.
    Missing,
    /// It could not be told.
    Unknown,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub found: Found,
    /// One line: what, and what follows from it.
    pub text: String,
}

/// How what came is verified before it is taken for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// By the checksum that the server compared and tells.
    Checksum,
    /// By reading it.
    Reading,
}

/// All that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Nobody reads an object without a signature.
    pub objects_private: Finding,
    /// Nobody lists without one.
    pub list_private: Finding,
    /// Its clock and ours.
    pub clock: Finding,
    /// What was written can be removed.
    pub removal: Finding,
    /// Other bytes than a signed SHA-256 says are refused, and absent.
    pub whole_checksums: Finding,
    /// HEAD tells the SHA-256 of a whole object.
    pub told_checksums: Finding,
    /// The same of parts.
    pub part_checksums: Finding,
    /// An object is written once.
    pub once: Finding,
    /// The public address takes what is signed for it.
    pub public_address: Finding,
    /// A range can be read.
    pub ranges: Finding,
    /// Deleting an object gives its room back.
    pub unversioned: Finding,
    abilities: Abilities,
}

impl Finding {
    fn right(text: impl Into<String>) -> Self {
        Self { found: Found::Right, text: text.into() }
    }

    fn missing(text: impl Into<String>) -> Self {
        Self { found: Found::Missing, text: text.into() }
    }

    fn unknown(text: impl Into<String>) -> Self {
        Self { found: Found::Unknown, text: text.into() }
    }

    /// Whether it is as it should be.
    pub fn is_right(&self) -> bool {
        self.found == Found::Right
    }
}

impl Findings {
    /// All, those first that a host may not start with.
    pub fn all(&self) -> [&Finding; 11] {
        [
            &self.objects_private,
            &self.list_private,
            &self.clock,
            &self.removal,
            &self.whole_checksums,
            &self.told_checksums,
            &self.part_checksums,
            &self.once,
            &self.public_address,
            &self.ranges,
            &self.unversioned,
        ]
    }

    /// What may be signed from now on.
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// How an object in one PUT is verified. One in parts is always read: no server tells the SHA-256 of its whole.
    pub fn verify(&self) -> Verify {
        let trusted = self.whole_checksums.is_right() && self.told_checksums.is_right();
        if trusted { Verify::Checksum } else { Verify::Reading }
    }

    /// Why a host must not start with this bucket: anybody reads it, signatures die or nothing can be removed.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.all().into_iter().take(4).filter(|finding| finding.found == Found::Missing)
    }
}

impl Bucket {
    /// Tries what the server does, with a few small objects that are removed again. About 25 requests.
    ///
    /// # Errors
    /// When nothing can be told: the keys are wrong, the bucket is gone, the server is away.
    pub async fn canary(&self) -> Result<Findings, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Error::Client("there are no random bytes".to_owned()))?;
        let key = |name| Key::new(format!("keepsake-canary/{}-{name}", HEXLOWER.encode(&random)));
        // All signed, whatever this bucket was told before.
        let bucket = self.clone().with_abilities(Abilities::ALL);
        let mut probe = Probe::new(bucket, key("right")?, key("wrong")?, key("parts")?);
        let found = self.try_all(&mut probe).await;
        // Also after an error: what came so far is in the bucket.
        let removal = probe.remove().await;
        let found = found?;
        Ok(Findings { removal, ..found })
    }

    async fn try_all(&self, probe: &mut Probe) -> Result<Findings, Error> {
        let clock = match self.clock().await {
            Ok(told) => clock(told.apart_s),
            Err(error @ Error::Answer { .. }) => {
                Finding::unknown(format!("whether the clocks agree: {error}"))
            }
            Err(error) => return Err(error),
        };
        let abilities = probe.write().await?;
        let whole_checksums = probe.wrong_bytes(abilities).await;
        let (told_checksums, unversioned) = probe.told().await?;
        let once = probe.once(abilities).await;
        let part_checksums = probe.parts().await;
        let abilities = Abilities {
            whole_checksums: whole_checksums.is_right(),
            part_checksums: part_checksums.is_right(),
            ..abilities
        };
        Ok(Findings {
            objects_private: probe.object_private().await,
            list_private: probe.list_private().await,
            clock,
            removal: Finding::unknown("not tried yet"),
            whole_checksums,
            told_checksums,
            part_checksums,
            once,
            public_address: probe.public_address().await,
            ranges: probe.ranges().await,
            unversioned,
            abilities,
        })
    }
}

fn clock(apart_s: i64) -> Finding {
    if apart_s.unsigned_abs() <= CLOCK_APART_S_MAX {
        return Finding::right(format!("the clocks agree to {apart_s} seconds"));
    }
    Finding::missing(Error::Clock { apart_s }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_be_five_minutes_apart() {
        for (apart_s, found) in
            [(0, Found::Right), (-300, Found::Right), (301, Found::Missing), (-301, Found::Missing)]
        {
            assert_eq!(clock(apart_s).found, found, "{apart_s}");
        }
    }

    #[test]
    fn a_public_bucket_and_a_wrong_clock_refuse_and_a_missing_checksum_is_read() {
        let right = || Finding::right("");
        let all = Findings {
            objects_private: right(),
            list_private: right(),
            clock: right(),
            removal: right(),
            whole_checksums: right(),
            told_checksums: right(),
            part_checksums: right(),
            once: right(),
            public_address: right(),
            ranges: right(),
            unversioned: right(),
            abilities: Abilities::ALL,
        };
        assert_eq!((all.refusals().count(), all.verify()), (0, Verify::Checksum));
        let weak =
            Findings { whole_checksums: Finding::missing(""), once: Finding::missing(""), ..all.clone() };
        assert_eq!((weak.refusals().count(), weak.verify()), (0, Verify::Reading));
        let untold = Findings { told_checksums: Finding::unknown(""), ..all.clone() };
        assert_eq!(untold.verify(), Verify::Reading);
        let open = Findings { list_private: Finding::missing("open"), ..all.clone() };
        assert_eq!(open.refusals().map(|finding| finding.text.as_str()).collect::<Vec<_>>(), ["open"]);
        let late = Findings { clock: Finding::missing("late"), ..all };
        assert_eq!(late.refusals().count(), 1);
    }
}
