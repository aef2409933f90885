//! The durable memory of which messages were executed and how each ended.
//!
//! Owns the bytes of a recorded request and its pruning; does not decide who may see it, nor how many there may be.
//!
//! Recorded request, little-endian:
//! ```text
//! keep_until_ns u64 │ caller len u8 │ caller │ 0 │ reply…
//!                                            │ 1 │ reject code u8 │ error code len u8 │ error code │ message…
//!                                            │ 2    (executed; there was no room for the reply)
//! ```

use crate::storage::fault::StorageError;
use crate::storage::outcome::{Rejection, RequestStatus};
use keepsake_service::Principal;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

/// Hash that names a message, see
/// [request id](https://internetcomputer.org/docs/references/ic-interface-spec#request-id).
pub type RequestId = [u8; 32];

pub(crate) const REQUESTS: TableDefinition<'_, &RequestId, &[u8]> = TableDefinition::new("requests");
const BY_TIME: TableDefinition<'_, (u64, &RequestId), ()> = TableDefinition::new("requests_by_time");

/// An answer of so many bytes is always recorded: those of chunks and sessions have tens of bytes.
pub const SHORT_ANSWER_BYTES_MAX: usize = 256;
/// Longer answers are never recorded: that the message was executed is. An answer of this length is the list of a bulk
/// deletion.
pub const LONG_ANSWER_BYTES_MAX: usize = 16 << 10;
/// What a row takes beside its reply or message: two keys, time, caller and the trees above.
pub const ROW_BYTES: u64 = 256;
/// Rows that one slice of pruning removes at most.
pub(crate) const PRUNED_ROWS_MAX: usize = 1024;

const REPLIED: u8 = 0;
const REJECTED: u8 = 1;
const DONE: u8 = 2;

/// How an executed message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Until when a replay must be recognised and the status can be read, ns since 1970.
    pub keep_until_ns: u64,
    /// Who sent the message.
    pub caller: Principal,
    /// The outcome; never [`RequestStatus::Processing`].
    pub status: RequestStatus,
    /// The reply is told now and not recorded: only that the message was executed is.
    pub as_done: bool,
}

/// One row of the table, without its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which message.
    pub id: RequestId,
    /// Who sent it.
    pub caller: Principal,
    /// Bytes of its answer that are recorded.
    pub answer_bytes: usize,
}

impl Row {
    /// What it takes on the disk, without the pages around it.
    pub fn bytes(&self) -> u64 {
        ROW_BYTES + self.answer_bytes as u64
    }

    /// What its answer takes of the room for long ones: nothing where it is short.
    pub fn long_bytes(&self) -> u64 {
        if self.answer_bytes > SHORT_ANSWER_BYTES_MAX { self.answer_bytes as u64 } else { 0 }
    }
}

/// What pruning removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The rows that are gone.
    pub rows: Vec<Row>,
    /// Until when the oldest row that is left is kept, ns since 1970.
    pub next_ns: Option<u64>,
}

impl RecordedRequest {
    /// Bytes of the answer that are to be recorded.
    pub fn answer_bytes(&self) -> usize {
        match &self.status {
            _ if self.as_done => 0,
            RequestStatus::Replied(reply) => reply.len(),
            RequestStatus::Rejected(rejection) => {
                2 + rejection.error_code.len().min(255) + rejection.message.len()
            }
            RequestStatus::Processing | RequestStatus::Done => 0,
        }
    }

    /// Its row under `id`.
    pub fn row(&self, id: RequestId) -> Row {
        Row { id, caller: self.caller, answer_bytes: self.answer_bytes() }
    }

    fn encode(&self) -> Vec<u8> {
        let caller = self.caller.as_slice();
        let mut out = self.keep_until_ns.to_le_bytes().to_vec();
        out.push(u8::try_from(caller.len()).expect("a principal has at most 29 bytes"));
        out.extend_from_slice(caller);
        match &self.status {
            RequestStatus::Processing => unreachable!("only finished messages are recorded"),
            _ if self.as_done => out.push(DONE),
            RequestStatus::Done => out.push(DONE),
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
        Self::parse(bytes).ok_or_else(cut_short)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (keep_until_ns, caller, rest) = parse_head(bytes)?;
        let status = match rest.split_first()? {
            (&REPLIED, reply) => RequestStatus::Replied(reply.to_vec()),
            (&REJECTED, rest) => RequestStatus::Rejected(parse_rejection(rest)?),
            (&DONE, []) => RequestStatus::Done,
            _ => return None,
        };
        Some(Self { keep_until_ns, caller, status, as_done: false })
    }
}

fn cut_short() -> StorageError {
    StorageError::Damaged("a recorded request is cut short".into())
}

fn parse_head(bytes: &[u8]) -> Option<(u64, Principal, &[u8])> {
    let (keep_until_ns, rest) = bytes.split_first_chunk::<8>()?;
    let (caller_len, rest) = rest.split_first()?;
    let (caller, rest) = rest.split_at_checked(usize::from(*caller_len))?;
    Some((u64::from_le_bytes(*keep_until_ns), Principal::try_from_slice(caller).ok()?, rest))
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

/// A row from its value in the table. Earlier versions kept more and longer replies: their bytes count too.
fn row(id: RequestId, value: &[u8]) -> Result<Row, StorageError> {
    let (_, caller, rest) = parse_head(value).ok_or_else(cut_short)?;
    Ok(Row { id, caller, answer_bytes: rest.len().saturating_sub(1) })
}

/// Makes both tables exist.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), StorageError> {
    transaction.open_table(REQUESTS)?;
    transaction.open_table(BY_TIME)?;
    Ok(())
}

/// Records `requests`, then prunes more rows than were added, so that the table shrinks again, but boundedly many.
pub(crate) fn record(
    transaction: &WriteTransaction,
    requests: &[(RequestId, RecordedRequest)],
    now_ns: u64,
) -> Result<Pruned, StorageError> {
    {
        let mut by_id = transaction.open_table(REQUESTS)?;
        let mut by_time = transaction.open_table(BY_TIME)?;
        for (id, request) in requests {
            by_id.insert(id, request.encode().as_slice())?;
            by_time.insert((request.keep_until_ns, id), ())?;
        }
    }
    prune(transaction, now_ns, 64 + 2 * requests.len())
}

/// Removes up to `rows_max` rows that are no longer kept at `now_ns`.
pub(crate) fn prune(
    transaction: &WriteTransaction,
    now_ns: u64,
    rows_max: usize,
) -> Result<Pruned, StorageError> {
    let mut by_id = transaction.open_table(REQUESTS)?;
    let mut by_time = transaction.open_table(BY_TIME)?;
    let mut expired = Vec::new();
    for entry in by_time.range(..(now_ns, &[0; 32]))?.take(rows_max) {
        let (key, _) = entry?;
        let (keep_until_ns, id) = key.value();
        expired.push((keep_until_ns, *id));
    }
    let mut pruned = Pruned::default();
    for (keep_until_ns, id) in &expired {
        by_time.remove((*keep_until_ns, id))?;
        if let Some(value) = by_id.remove(id)? {
            pruned.rows.push(row(*id, value.value())?);
        }
    }
    pruned.next_ns = by_time.first()?.map(|(key, _)| key.value().0);
    Ok(pruned)
}

/// Tells `each` of every row and returns until when the oldest is kept. O(rows).
pub(crate) fn scan(
    transaction: &ReadTransaction,
    mut each: impl FnMut(Row),
) -> Result<Option<u64>, StorageError> {
    for entry in transaction.open_table(REQUESTS)?.iter()? {
        let (id, value) = entry?;
        each(row(*id.value(), value.value())?);
    }
    let by_time = transaction.open_table(BY_TIME)?;
    Ok(by_time.first()?.map(|(key, _)| key.value().0))
}

/// Rows in the table. O(1).
pub(crate) fn count(transaction: &WriteTransaction) -> Result<u64, StorageError> {
    Ok(transaction.open_table(REQUESTS)?.len()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(status: RequestStatus) -> RecordedRequest {
        RecordedRequest { keep_until_ns: 7, caller: Principal::anonymous(), status, as_done: false }
    }

    #[test]
    fn a_recorded_request_reads_back_as_it_was() {
        let rejection = Rejection { code: 5, error_code: "IC0502".into(), message: "it trapped".into() };
        for status in [
            RequestStatus::Replied(vec![]),
            RequestStatus::Replied(vec![1, 2, 3]),
            RequestStatus::Replied(vec![7; LONG_ANSWER_BYTES_MAX]),
            RequestStatus::Done,
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

    #[test]
    fn a_reply_without_room_is_recorded_as_done_and_takes_a_row_only() {
        let request = RecordedRequest {
            as_done: true,
            ..sample(RequestStatus::Replied(vec![7; LONG_ANSWER_BYTES_MAX]))
        };
        assert_eq!(RecordedRequest::decode(&request.encode()).unwrap().status, RequestStatus::Done);
        assert_eq!(request.row([0; 32]).bytes(), ROW_BYTES);
        assert_eq!(row([0; 32], &request.encode()).unwrap(), request.row([0; 32]));
    }

    #[test]
    fn a_row_counts_the_same_when_it_is_added_and_when_it_is_pruned() {
        for len in [0, SHORT_ANSWER_BYTES_MAX, SHORT_ANSWER_BYTES_MAX + 1, LONG_ANSWER_BYTES_MAX] {
            let message = "x".repeat(len);
            let rejection = Rejection { code: 5, error_code: "IC0502".into(), message };
            for status in [RequestStatus::Replied(vec![1; len]), RequestStatus::Rejected(rejection)] {
                let request = sample(status);
                let found = row([0; 32], &request.encode()).unwrap();
                assert_eq!(found, request.row([0; 32]), "{len} bytes");
                assert_eq!(found.long_bytes() == 0, found.answer_bytes <= SHORT_ANSWER_BYTES_MAX);
            }
        }
    }
}
