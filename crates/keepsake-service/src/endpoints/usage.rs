//! The handler of `usage`. Owns its mapping only.

use super::Query;
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{Answer, LimitUse, Usage};

pub(super) fn usage<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (capsule,): (Option<String>,),
) -> Answer<Usage> {
    let capsule = capsule.map(|id| ids::capsule(&id)).transpose()?;
    let limits = query.store.usage(query.call, capsule).map_err(refuse)?;
    let row = |usage: keepsake_core::Usage| LimitUse {
        code: usage.limit.code().to_owned(),
        used: usage.used,
        max: usage.max,
        left: usage.left(),
    };
    Ok(Usage { limits: limits.into_iter().map(row).collect() })
}
