//! The host's clock. Messages expire by it, so a client whose own clock is wrong reads it and counts from there.
//!
//! Owns the reading of the certified time, the offset, and an agent that signs by it. A host takes
//! [reads of nobody](https://internetcomputer.org/docs/references/ic-interface-spec#http-read-state) whatever their expiry: so
//! the time can be read where every other message is refused.

use candid::Principal;
use ic_agent::agent::{AgentBuilder, CallResponse, Envelope, EnvelopeContent};
use ic_agent::identity::AnonymousIdentity;
use ic_agent::{Agent, AgentError, Identity, RequestId, lookup_value};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

/// Messages expire so long after they are signed; hosts take at most 5 minutes.
const EXPIRY: Duration = Duration::from_secs(4 * 60);
/// Answers may be this old: the agent's own default.
const AGE_MAX: Duration = Duration::from_secs(3 * 60);
/// Clocks that differ by less agree: the way takes time too.
const AGREE_NS: i64 = 30 * 1_000_000_000;
/// The agent takes no certified time that is older than this, counted by the clock that is in doubt.
const ANY_AGE: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// Nobody waits longer for advice.
const ADVICE_TIMEOUT: Duration = Duration::from_secs(2);

/// How far the host's clock is ahead of this computer's, ns; negative where it is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset(i64);

impl Offset {
    fn between(host_ns: u64, here: SystemTime) -> Self {
        let here_ns = match here.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_nanos()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
        };
        let offset = i128::from(host_ns).saturating_sub(here_ns);
        Self(i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The two clocks agree well enough.
    pub(crate) fn is_small(self) -> bool {
        self.0.unsigned_abs() < AGREE_NS.unsigned_abs()
    }

    fn is_before(self, ns: i64) -> bool {
        self.0 < ns
    }

    fn is_near(self, other: Self) -> bool {
        Self(self.0.saturating_sub(other.0)).is_small()
    }

    /// What the host's clock shows when this computer's shows `here`.
    fn at_host(self, here: SystemTime) -> SystemTime {
        let by = Duration::from_nanos(self.0.unsigned_abs());
        let there = if self.0 < 0 { here.checked_sub(by) } else { here.checked_add(by) };
        there.unwrap_or(here)
    }

    /// As `6 min ahead of`: of this computer's clock, before the words "the node's".
    pub(crate) fn told(self) -> String {
        let secs = self.0.unsigned_abs() / 1_000_000_000;
        let span = match secs {
            0..120 => format!("{secs} s"),
            120..7_200 => format!("{} min", (secs + 30) / 60),
            7_200..172_800 => format!("{} h", (secs + 1_800) / 3_600),
            _ => format!("{} days", (secs + 43_200) / 86_400),
        };
        format!("{span} {}", if self.0 < 0 { "ahead of" } else { "behind" })
    }
}

/// Signs and checks by the host's clock, as far as it is known.
pub(crate) struct ClockedAgent {
    agent: Agent,
    identity: Arc<dyn Identity>,
    offset: Offset,
}

impl ClockedAgent {
    /// By this computer's clock.
    pub(crate) fn new(builder: AgentBuilder, identity: Arc<dyn Identity>) -> Result<Self, AgentError> {
        let agent = builder.with_arc_identity(Arc::clone(&identity)).build()?;
        Ok(Self { agent, identity, offset: Offset::default() })
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The same by the clock of the host, or none where that is what this one goes by.
    pub(crate) async fn by_the_hosts_clock(
        &self,
        builder: impl Fn() -> AgentBuilder,
        canister_id: Principal,
    ) -> Result<Option<Self>, AgentError> {
        let reader = builder().with_identity(AnonymousIdentity).with_ingress_expiry(ANY_AGE).build()?;
        reader.set_root_key(self.agent.read_root_key());
        let offset = read(&reader, canister_id).await?;
        if offset.is_near(self.offset) {
            return Ok(None);
        }
        // Checked by this computer's clock, an answer of a host that is behind looks older than it is.
        let ahead = Duration::from_nanos(offset.0.min(0).unsigned_abs());
        let builder = builder().with_arc_identity(Arc::clone(&self.identity));
        let agent = builder.with_ingress_expiry(AGE_MAX + ahead).build()?;
        agent.set_root_key(self.agent.read_root_key());
        tracing::warn!("this computer's clock is {} the node's, which is used instead", offset.told());
        Ok(Some(Self { agent, identity: Arc::clone(&self.identity), offset }))
    }

    /// By this computer's clock the delegations that the identity acts by, if it has some, hold for a while yet.
    pub(crate) fn signs_on(&self) -> bool {
        let chain = self.identity.delegation_chain();
        let Some(ends_ns) = chain.iter().map(|signed| signed.delegation.expiration).min() else {
            return false;
        };
        !Offset::between(ends_ns, SystemTime::now()).is_before(AGREE_NS)
    }

    fn expiry(&self) -> SystemTime {
        self.offset.at_host(SystemTime::now()) + EXPIRY
    }

    pub(crate) async fn update(
        &self,
        canister_id: Principal,
        method: &str,
        arg: Vec<u8>,
    ) -> Result<Vec<u8>, AgentError> {
        let call = self.agent.update(&canister_id, method).with_arg(arg);
        if self.offset == Offset::default() {
            return call.call_and_wait().await;
        }
        match call.expire_at(self.expiry()).call().await? {
            CallResponse::Response((reply, _)) => Ok(reply),
            CallResponse::Poll(id) => self.wait(canister_id, id).await,
        }
    }

    /// The agent itself would sign the question by this computer's clock.
    async fn wait(&self, canister_id: Principal, id: RequestId) -> Result<Vec<u8>, AgentError> {
        let since_1970 = self.expiry().duration_since(UNIX_EPOCH).unwrap_or_default();
        let content = EnvelopeContent::ReadState {
            ingress_expiry: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
            sender: self.identity.sender().map_err(AgentError::SigningError)?,
            paths: vec![vec!["request_status".into(), id.to_vec().into()]],
        };
        let signature = self.identity.sign(&content).map_err(AgentError::SigningError)?;
        let envelope = Envelope {
            content: Cow::Owned(content),
            sender_pubkey: signature.public_key,
            sender_sig: signature.signature,
            sender_delegation: signature.delegations,
        };
        match self.agent.wait_signed(&id, canister_id, envelope.encode_bytes()).await {
            Ok((reply, _)) => Ok(reply),
            // Not the update expired, but the question after it.
            Err(AgentError::HttpError(payload)) if payload.status == 400 => {
                Err(AgentError::TimeoutWaitingForResponse())
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn query(
        &self,
        canister_id: Principal,
        method: &str,
        arg: Vec<u8>,
    ) -> Result<Vec<u8>, AgentError> {
        let query = self.agent.query(&canister_id, method).with_arg(arg);
        if self.offset == Offset::default() {
            return query.call().await;
        }
        // The agent would ask for the keys of the host's answers by this computer's clock. Nobody may ask whenever, and
        // clones share what they learned.
        let mut reader = self.agent.clone();
        reader.set_identity(AnonymousIdentity);
        reader.get_subnet_by_canister(&canister_id).await?;
        query.expire_at(self.expiry()).call().await
    }
}

/// Reads the host's time. Its proof is checked.
async fn read(reader: &Agent, canister_id: Principal) -> Result<Offset, AgentError> {
    let before = SystemTime::now();
    let certificate = reader.read_state_raw(vec![vec!["time".into()]], canister_id).await?;
    let way = before.elapsed().unwrap_or_default() / 2;
    let time = lookup_value(&certificate, [b"time".as_slice()])?;
    let host_ns = leb128(time).ok_or(AgentError::CertificateVerificationFailed())?;
    Ok(Offset::between(host_ns, before + way))
}

/// An unsigned number in [LEB128](https://en.wikipedia.org/wiki/LEB128).
fn leb128(bytes: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (at, byte) in (0..64_u32).step_by(7).zip(bytes) {
        number |= u64::from(byte & 0x7f).checked_shl(at)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The offset by the date in the head of any answer. Nothing proves it: for messages alone.
pub(crate) async fn hinted(http: &reqwest::Client, url: &Url) -> Option<Offset> {
    let answer = http.head(url.clone()).timeout(ADVICE_TIMEOUT).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let host = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Offset::between(u64::try_from(host.as_nanos()).ok()?, SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_NS: i64 = 3_600 * 1_000_000_000;

    #[test]
    fn times_of_the_host_follow_from_the_offset() {
        let here = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (host_secs, secs) in [(1_700_003_600, 3_600), (1_699_827_200, -172_800), (1_700_000_000, 0)] {
            let offset = Offset::between(host_secs * 1_000_000_000, here);
            assert_eq!(offset, Offset(secs * 1_000_000_000));
            assert_eq!(offset.at_host(here), UNIX_EPOCH + Duration::from_secs(host_secs));
        }
        let before_1970 = UNIX_EPOCH - Duration::from_secs(10);
        assert_eq!(Offset::between(0, before_1970), Offset(10_000_000_000));
    }

    #[test]
    fn it_is_told_whose_clock_is_how_wrong() {
        for (secs, told) in [
            (-360, "6 min ahead of"),
            (90, "90 s behind"),
            (3_600, "60 min behind"),
            (-172_800, "2 days ahead of"),
            (10_800, "3 h behind"),
        ] {
            assert_eq!(Offset(secs * 1_000_000_000).told(), told);
        }
    }

    #[test]
    fn clocks_half_a_minute_apart_agree() {
        assert!(Offset(29_000_000_000).is_small() && Offset(-29_000_000_000).is_small());
        assert!(!Offset(31_000_000_000).is_small() && !Offset(i64::MIN).is_small());
        assert!(Offset(HOUR_NS).is_near(Offset(HOUR_NS + 1_000)));
    }

    #[test]
    fn certified_times_are_read() {
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26]), Some(624_485));
        assert_eq!(leb128(&[0xff; 9].into_iter().chain([1]).collect::<Vec<_>>()), Some(u64::MAX));
        assert_eq!(leb128(&[0x80, 0x80]), None);
        assert_eq!(leb128(&[]), None);
    }
}
