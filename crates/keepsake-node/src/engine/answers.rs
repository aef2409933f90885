//! Answers that are kept in memory for clients that poll: those that nobody records.
//!
//! Owns their bounds, for each caller and in all; the oldest go first. That is harmless: their messages changed
//! nothing, or their replies are recorded as done.

use crate::storage::outcome::RequestStatus;
use crate::storage::requests::{ROW_BYTES, RequestId};
use keepsake_service::Principal;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// In all: what eight of the longest replies take.
const BYTES_MAX: u64 = 16 << 20;
const ROWS_MAX: usize = 4096;
/// Of one caller. All who are anonymous are one.
const CALLER_BYTES_MAX: u64 = 4 << 20;
const CALLER_ROWS_MAX: usize = 1024;

#[derive(Debug)]
struct Answer {
    id: RequestId,
    caller: Principal,
    status: RequestStatus,
    bytes: u64,
    keep_until_ns: u64,
}

#[derive(Debug, Default)]
struct Own {
    bytes: u64,
    numbers: BTreeSet<u64>,
}

/// The answers, by age.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    next: u64,
    bytes: u64,
    by_age: BTreeMap<u64, Answer>,
    by_id: HashMap<RequestId, u64>,
    callers: HashMap<Principal, Own>,
}

impl Answers {
    /// How `id` ended and who sent it, while it is kept.
    pub(crate) fn find(&self, id: &RequestId) -> Option<(Principal, RequestStatus)> {
        let answer = self.by_age.get(self.by_id.get(id)?)?;
        Some((answer.caller, answer.status.clone()))
    }

    /// Keeps an answer, in the place of older ones where need be.
    pub(crate) fn insert(
        &mut self,
        id: RequestId,
        caller: Principal,
        status: RequestStatus,
        keep_until_ns: u64,
    ) {
        self.remove_id(&id);
        let bytes = ROW_BYTES + bytes_of(&status);
        self.next += 1;
        self.bytes += bytes;
        self.by_id.insert(id, self.next);
        let own = self.callers.entry(caller).or_default();
        own.bytes += bytes;
        own.numbers.insert(self.next);
        self.by_age.insert(self.next, Answer { id, caller, status, bytes, keep_until_ns });
        self.shrink(&caller);
    }

    /// Lets go of the oldest that are not kept any longer at `now_ns`.
    pub(crate) fn expire(&mut self, now_ns: u64) {
        while let Some((&number, answer)) = self.by_age.first_key_value()
            && answer.keep_until_ns < now_ns
        {
            self.remove(number);
        }
    }

    fn shrink(&mut self, caller: &Principal) {
        while let Some(own) = self.callers.get(caller)
            && (own.bytes > CALLER_BYTES_MAX || own.numbers.len() > CALLER_ROWS_MAX)
            && let Some(&oldest) = own.numbers.first()
        {
            self.remove(oldest);
        }
        while (self.bytes > BYTES_MAX || self.by_age.len() > ROWS_MAX)
            && let Some((&oldest, _)) = self.by_age.first_key_value()
        {
            self.remove(oldest);
        }
    }

    fn remove_id(&mut self, id: &RequestId) {
        if let Some(&number) = self.by_id.get(id) {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(answer) = self.by_age.remove(&number) else { return };
        self.bytes -= answer.bytes;
        self.by_id.remove(&answer.id);
        if let Some(own) = self.callers.get_mut(&answer.caller) {
            own.bytes -= answer.bytes;
            own.numbers.remove(&number);
            if own.numbers.is_empty() {
                self.callers.remove(&answer.caller);
            }
        }
    }
}

fn bytes_of(status: &RequestStatus) -> u64 {
    let len = match status {
        RequestStatus::Replied(reply) => reply.len(),
        RequestStatus::Rejected(rejection) => rejection.error_code.len() + rejection.message.len(),
        RequestStatus::Processing | RequestStatus::Done => 0,
    };
    len as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(n: u8) -> Principal {
        Principal::self_authenticating([n; 32])
    }

    fn id(n: u32) -> RequestId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_le_bytes());
        id
    }

    fn insert(answers: &mut Answers, n: u32, who: u8, len: usize) {
        answers.insert(id(n), caller(who), RequestStatus::Replied(vec![7; len]), u64::from(n));
    }

    #[test]
    fn one_callers_long_answers_push_out_its_own_and_nobody_elses() {
        let mut answers = Answers::default();
        insert(&mut answers, 0, 1, 10);
        for n in 1..=100 {
            insert(&mut answers, n, 2, 2 << 20);
        }
        assert_eq!(answers.find(&id(0)).unwrap().1, RequestStatus::Replied(vec![7; 10]));
        assert!(answers.find(&id(100)).is_some() && answers.find(&id(98)).is_none());
        assert!(answers.bytes <= CALLER_BYTES_MAX + ROW_BYTES + 10, "{}", answers.bytes);
    }

    #[test]
    fn rows_and_bytes_in_all_are_bounded_whoever_asks() {
        let mut answers = Answers::default();
        for n in 0..20_000 {
            insert(&mut answers, n, u8::try_from(n % 250).unwrap(), usize::try_from(n % 7).unwrap() * 4000);
        }
        assert!(answers.by_age.len() <= ROWS_MAX && answers.bytes <= BYTES_MAX);
        assert_eq!(answers.by_id.len(), answers.by_age.len());
        let sum: u64 = answers.by_age.values().map(|answer| answer.bytes).sum();
        assert_eq!(sum, answers.bytes);
    }

    #[test]
    fn what_expired_goes_and_leaves_nothing() {
        let mut answers = Answers::default();
        insert(&mut answers, 5, 1, 10);
        answers.expire(5);
        assert!(answers.find(&id(5)).is_some());
        answers.expire(6);
        assert!(answers.find(&id(5)).is_none() && answers.callers.is_empty() && answers.bytes == 0);
    }
}
