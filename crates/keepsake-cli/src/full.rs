//! What to say after a refusal for want of room: which limit is full, what is used of it and left, and what helps. Owns the
//! choice; the numbers are the service's, the advice is in the table of codes.

use crate::args::{CapsuleAction, Command, Global};
use crate::context::Context;
use crate::output::bytes;
use keepsake_client::api::{LimitUse, codes};

/// Whatever has less than this part of it left is named.
const FULL_PART: u64 = 100;
/// Where the service does not say more.
const UNKNOWN: &str =
    "Delete memories (`keepsake rm`) or give up unfinished uploads (`keepsake sessions`), then try again.";

/// The capsule that a command names by itself, which is another one than `--capsule`.
pub(crate) fn capsule_of(command: &Command) -> Option<String> {
    match command {
        Command::Capsule { action: Some(CapsuleAction::Grant { capsule_id, .. }) } => {
            Some(capsule_id.clone())
        }
        _ => None,
    }
}

/// Asks the service what is full, and says what helps.
pub(crate) async fn advice(global: &Global, capsule_id: Option<String>) -> String {
    let full = match Context::new(global) {
        Ok(context) => limits(&context, capsule_id).await,
        Err(_) => Vec::new(),
    };
    told(&full)
}

/// The limits that are full or nearly so; where none is, the one of bytes that has the least left. None where the service
/// does not answer, or is older than the question.
pub(crate) async fn limits(context: &Context, capsule_id: Option<String>) -> Vec<LimitUse> {
    let capsule_id = match capsule_id {
        Some(id) => Some(id),
        None => context.capsule_to_read().await.unwrap_or_default(),
    };
    let usage = context.client.usage(capsule_id.as_deref()).await;
    usage.map(|usage| full(usage.limits)).unwrap_or_default()
}

fn full(limits: Vec<LimitUse>) -> Vec<LimitUse> {
    let (full, others): (Vec<_>, Vec<_>) =
        limits.into_iter().partition(|limit| limit.left <= limit.max / FULL_PART);
    if !full.is_empty() {
        return full;
    }
    let of_bytes = others.into_iter().filter(|limit| limit.code.contains("bytes"));
    of_bytes.min_by_key(|limit| limit.left).into_iter().collect()
}

/// A line for each.
pub(crate) fn told(full: &[LimitUse]) -> String {
    match full {
        [] => UNKNOWN.to_owned(),
        _ => full.iter().map(told_one).collect::<Vec<_>>().join("\n"),
    }
}

/// A line. Of the host's limits, only controllers see what is used: for others it is 0, and means nothing.
fn told_one(limit: &LimitUse) -> String {
    let LimitUse { code, used, max, left } = limit;
    let number = |number: u64| if code.contains("bytes") { bytes(number) } else { number.to_string() };
    let meaning = codes::find(code).map(|code| format!(": {}", code.meaning)).unwrap_or_default();
    let used = match used {
        0 => String::new(),
        used => format!("{} of {} used, ", number(*used), number(*max)),
    };
    format!("{code}: {used}{} left{meaning}.", number(*left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(code: &str, used: u64, max: u64) -> LimitUse {
        LimitUse { code: code.to_owned(), used, max, left: max.saturating_sub(used) }
    }

    #[test]
    fn the_full_limit_is_named_with_its_own_advice() {
        let limits = vec![
            limit("sessions_per_caller", 3, 1_000),
            limit("members_per_capsule", 1_000, 1_000),
            limit("capsule_bytes", 1 << 20, 500 << 30),
        ];
        let told = told(&full(limits));
        assert_eq!(
            told,
            "members_per_capsule: 1000 of 1000 used, 0 left: members of the capsule: take a role away from somebody."
        );
    }

    #[test]
    fn where_use_is_not_told_only_what_is_left_is_named() {
        let told = told(&full(vec![limit("heap_bytes", 0, 5 << 20)]));
        let meaning = "bytes of all files on this host: its operator can set a larger limit";
        assert_eq!(told, format!("heap_bytes: 5.00 MiB left: {meaning}."));
    }

    #[test]
    fn where_none_is_full_the_least_room_is_named() {
        let limits = vec![
            limit("sessions_per_caller", 3, 10),
            limit("bytes_in_flight_per_caller", 0, 256 << 30),
            limit("capsule_bytes", 400 << 30, 500 << 30),
        ];
        let told = told(&full(limits));
        assert!(told.starts_with("capsule_bytes: ") && told.contains(" left: "), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
}
