//! The durable memory of which messages were executed and how each ended.
//!
//! Owns the bytes of a recorded request and its pruning; does not decide who may see it.
//!
//! Recorded request, little-endian:
//! ```text
//! keep_until_ns u64 │ caller len u8 │ caller │ 0 │ reply…
//!                                            │ 1 │ reject code u8 │ error code len u8 │ error code │ message…
//! ```

use crate::storage::fault::StorageError;
use crate::storage::outcome::{Rejection, RequestStatus};
use keepsake_service::Principal;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

/// Hash that names a message, see
/// [request id](https://internetcomputer.org/docs/references/ic-interface-spec#request-id).
pub type RequestId = [u8; 32];

pub(crate) const REQUESTS: TableDefinition<'_, &RequestId, &[u8]> = TableDefinition::new("requests");
const BY_TIME: TableDefinition<'_, (u64, &RequestId), ()> = TableDefinition::new("requests_by_time");

const REPLIED: u8 = 0;
const REJECTED: u8 = 1;

/// How an executed message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Until when a replay must be recognised and the status can be read, ns since 1970.
    pub keep_until_ns: u64,
    /// Who sent the message.
    pub caller: Principal,
    /// The outcome; never [`RequestStatus::Processing`].
    pub status: RequestStatus,
}

impl RecordedRequest {
    fn encode(&self) -> Vec<u8> {
        let caller = self.caller.as_slice();
        let mut out = self.keep_until_ns.to_le_bytes().to_vec();
        out.push(u8::try_from(caller.len()).expect("a principal has at most 29 bytes"));
        out.extend_from_slice(caller);
        match &self.status {
            RequestStatus::Processing => unreachable!("only finished messages are recorded"),
            RequestStatus::Replied(reply) => {
                out.push(REPLIED);
                out.extend_from_slice(reply);
            }
            RequestStatus::Rejected(rejection) => {
                let error_code = &rejection.error_code.as_bytes()[..rejection.error_code.len().min(255)];
                out.push(REJECTED);
                out.push(rejection.code);
                out.push(u8::try_from(error_code.len()).expect("cut to 255 above"));
                out.extend_from_slice(error_code);
                out.extend_from_slice(rejection.message.as_bytes());
            }
        }
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the bytes are anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StorageError> {
        Self::parse(bytes).ok_or_else(|| StorageError::Damaged("a recorded request is cut short".into()))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (keep_until_ns, rest) = bytes.split_first_chunk::<8>()?;
        let (caller_len, rest) = rest.split_first()?;
        let (caller, rest) = rest.split_at_checked(usize::from(*caller_len))?;
        let status = match rest.split_first()? {
            (&REPLIED, reply) => RequestStatus::Replied(reply.to_vec()),
            (&REJECTED, rest) => RequestStatus::Rejected(parse_rejection(rest)?),
            _ => return None,
        };
        Some(Self {
            keep_until_ns: u64::from_le_bytes(*keep_until_ns),
            caller: Principal::try_from_slice(caller).ok()?,
            status,
        })
    }
}

fn parse_rejection(bytes: &[u8]) -> Option<Rejection> {
    let (code, rest) = bytes.split_first()?;
    let (error_code_len, rest) = rest.split_first()?;
    let (error_code, message) = rest.split_at_checked(usize::from(*error_code_len))?;
    Some(Rejection {
        code: *code,
        error_code: String::from_utf8_lossy(error_code).into_owned(),
        message: String::from_utf8_lossy(message).into_owned(),
    })
}

/// Makes both tables exist.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), StorageError> {
    transaction.open_table(REQUESTS)?;
    transaction.open_table(BY_TIME)?;
    Ok(())
}

/// Records `requests` and forgets some that are no longer kept at `now_ns`: more than were added, so
/// that the table shrinks again, but boundedly many per commit.
pub(crate) fn record(
    transaction: &WriteTransaction,
    requests: &[(RequestId, RecordedRequest)],
    now_ns: u64,
) -> Result<(), StorageError> {
    let mut by_id = transaction.open_table(REQUESTS)?;
    let mut by_time = transaction.open_table(BY_TIME)?;
    for (id, request) in requests {
        by_id.insert(id, request.encode().as_slice())?;
        by_time.insert((request.keep_until_ns, id), ())?;
    }
    let prune_max = 64 + 2 * requests.len();
    let mut expired = Vec::new();
    for entry in by_time.range(..(now_ns, &[0; 32]))?.take(prune_max) {
        let (key, ()) = entry.map(|(key, _)| (key, ()))?;
        let (keep_until_ns, id) = key.value();
        expired.push((keep_until_ns, *id));
    }
    for (keep_until_ns, id) in &expired {
        by_time.remove((*keep_until_ns, id))?;
        by_id.remove(id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(status: RequestStatus) -> RecordedRequest {
        RecordedRequest { keep_until_ns: 7, caller: Principal::anonymous(), status }
    }

    #[test]
    fn a_recorded_request_reads_back_as_it_was() {
        let rejection = Rejection { code: 5, error_code: "IC0502".into(), message: "it trapped".into() };
        for status in [
            RequestStatus::Replied(vec![]),
            RequestStatus::Replied(vec![1, 2, 3]),
            RequestStatus::Rejected(rejection),
        ] {
            let request = sample(status);
            assert_eq!(RecordedRequest::decode(&request.encode()).unwrap(), request);
        }
    }

    #[test]
    fn a_cut_record_is_an_error_not_a_panic() {
        let rejection = Rejection { code: 5, error_code: "IC0502".into(), message: String::new() };
        let bytes = sample(RequestStatus::Rejected(rejection)).encode();
        for len in 0..bytes.len() {
            assert!(RecordedRequest::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }
}
